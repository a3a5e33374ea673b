// The decisions of the policy: who may load, who has to go for it and when, who is served.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/catalog.h"
#include "models/residency.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using Duration = std::chrono::steady_clock::duration;

Duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

// What one round of placing has promised so far.
struct Residency::Placing {
  MemoryAmount coming_free;  // of draining models and those being closed
  MemoryAmount reserved;     // for models that wait longer than the one looked at
};

// One round, after each input: old requests end, models that are waited for get their room, and the
// ready ones serve their queues. Placing comes before granting, so that a turn that is over ends.
void Residency::settle(Time now, Actions& actions) {
  wake_.reset();
  expire(now, actions);
  reopen();
  close_idle(now);
  close_over_budget();
  place(now, actions);
  unload_closed(actions);
  grant_waiting(now, actions);
  somebody_waits_ = !waiting_.empty() || std::ranges::any_of(models_, [](const auto& entry) {
    return entry.second.wanted_since.has_value();
  });
}

void Residency::expire(Time now, Actions& actions) {
  for (auto& [id, model] : models_) {
    std::erase_if(model.queue, [&](const Waiting& waiting) {
      if (!waiting.deadline) return false;
      if (*waiting.deadline > now) {
        wake_at(*waiting.deadline);
        return false;
      }
      const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - waiting.since);
      actions.push_back(
          residency::Refuse{waiting.ticket,
                            {ErrorKind::timeout,
                             fmt::format("wait for the model {}: not free after {} ms", id, waited.count()),
                             {}},
                            retry_after(model)});
      waiting_.erase(waiting.ticket);
      return true;
    });
    if (model.queue.empty() && model.residence == Residence::cold) model.warmed = false;
  }
}

// One that was to make room for a model that nobody waits for any more stays.
void Residency::reopen() {
  for (auto& [id, model] : models_) {
    if (model.residence != Residence::ready || !model.closing || model.closing_for.empty()) continue;
    const Model* wanting = find(model.closing_for);
    if (wanting != nullptr && (!wanting->queue.empty() || wanting->wanted_since)) continue;
    model.closing.reset();
    model.closing_for.clear();
  }
}

void Residency::close_idle(Time now) {
  if (options_.idle_unload <= 0ms) return;
  for (auto& [id, model] : models_) {
    if (model.residence != Residence::ready || model.closing || model.spec.pinned || !model.idle()) continue;
    if (model.bytes() == MemoryAmount{} || !model.last_idle) continue;
    const Time end = *model.last_idle + options_.idle_unload;
    if (end <= now)
      model.closing = fmt::format(
          "idle for {} s", std::chrono::duration_cast<std::chrono::seconds>(options_.idle_unload).count());
    else
      wake_at(end);
  }
}

// Others have taken memory since: the longest unused idle models give theirs back.
void Residency::close_over_budget() {
  MemoryAmount kept = taken();
  std::vector<Model*> idle;
  for (auto& [id, model] : models_) {
    if (model.residence == Residence::draining || (model.residence == Residence::ready && model.closing))
      kept = kept - model.bytes();
    else if (model.residence == Residence::ready && !model.spec.pinned && model.idle())
      idle.push_back(&model);
  }
  std::ranges::sort(idle, {}, [](const Model* model) { return model->last_used; });
  for (Model* model : idle) {
    const bool helps = (kept.gpu > budget_.gpu && model->bytes().gpu > 0) ||
                       (kept.host > budget_.host && model->bytes().host > 0);
    if (!helps) continue;
    model->closing = "others need the memory";
    kept = kept - model->bytes();
  }
}

// Models that are waited for, oldest request first.
void Residency::place(Time now, Actions& actions) {
  std::vector<std::pair<Time, Model*>> wanting;
  Placing placing;
  for (auto& [id, model] : models_) {
    if (model.residence == Residence::draining || (model.residence == Residence::ready && model.closing))
      placing.coming_free = placing.coming_free + model.bytes();
    if (model.residence == Residence::failed && !model.queue.empty()) model.residence = Residence::cold;
    if (model.residence != Residence::cold || (model.queue.empty() && !model.wanted_since)) continue;
    Time since = model.queue.empty() ? *model.wanted_since : model.queue.front().since;
    if (model.wanted_since) since = std::min(since, *model.wanted_since);
    wanting.emplace_back(since, &model);
  }
  std::ranges::sort(wanting, {}, [](const auto& entry) { return entry.first; });
  for (auto& [since, model] : wanting) {
    if (!can_ever_fit(*model)) {
      const Error error{ErrorKind::limit_exceeded, arithmetic(*model),
                        "use a smaller model or a shorter context, or unpin another"};
      refuse_all(*model, error, 0, actions);
      if (model->wanted_since) {
        model->wanted_since.reset();
        model->residence = Residence::failed;
        model->failure = error;
        model->retry_at = now;
      }
      continue;
    }
    if (make_room(*model, placing, now)) {
      model->residence = Residence::loading;
      model->warmed = false;
      actions.push_back(residency::Load{model->spec.id});
      continue;
    }
    placing.reserved = placing.reserved + model->spec.need;
    if (!std::exchange(model->warmed, true)) actions.push_back(residency::Warm{model->spec.id});
  }
}

// True when it can be loaded now. Else the models that must go for it are closed, when they may be.
bool Residency::make_room(Model& wanting, Placing& placing, Time now) {
  const MemoryAmount& need = wanting.spec.need;
  const auto rivals = [&](const Model& model) {
    return wanting.spec.exclusive && model.spec.exclusive && &model != &wanting && model.resident();
  };
  bool rival_stays = false;  // an exclusive one that is not leaving yet
  bool rival_resident = false;
  std::vector<Model*> leaving;  // may go, the least missed first
  for (auto& [id, model] : models_) {
    if (rivals(model)) {
      rival_resident = true;
      rival_stays |=
          model.residence == Residence::loading || (model.residence == Residence::ready && !model.closing);
    }
    if (model.residence != Residence::ready || model.closing || model.spec.pinned || &model == &wanting)
      continue;
    const Time when = may_leave(model);
    if (when <= now)
      leaving.push_back(&model);
    else
      wake_at(when);
  }
  const MemoryAmount free = budget_ - taken();
  // A younger one may not take the room that an older one waits for.
  if (!rival_resident && (placing.reserved + need).fits_in(free)) return true;
  const MemoryAmount promised = free + placing.coming_free;
  if (!rival_stays && (placing.reserved + need).fits_in(promised)) return false;  // it comes by itself

  std::ranges::sort(leaving, {},
                    [](const Model* model) { return std::pair(!model->idle(), model->last_used); });
  std::vector<Model*> going;
  const auto enough = [&](const Model* spared) {
    MemoryAmount room = promised;
    bool blocked = false;
    for (auto& [id, model] : models_) {
      const bool goes = &model != spared && std::ranges::find(going, &model) != going.end();
      if (goes) room = room + model.bytes();
      blocked |= rivals(model) && !goes && !model.closing && model.residence != Residence::draining;
    }
    return !blocked && (placing.reserved + need).fits_in(room);
  };
  for (Model* model : leaving) {
    if (enough(nullptr)) break;
    going.push_back(model);
  }
  if (!enough(nullptr)) return false;
  // One large model may make room enough: the small ones taken before it stay.
  for (auto spared = going.rbegin(); spared != going.rend();) {
    if (enough(*spared))
      spared = std::make_reverse_iterator(going.erase(std::next(spared).base()));
    else
      ++spared;
  }
  for (Model* model : going) {
    model->closing = fmt::format("make room for {}", wanting.spec.id);
    model->closing_for = wanting.spec.id;
    placing.coming_free = placing.coming_free + model->bytes();
  }
  return false;
}

// When a ready model may be taken away for one that is waited for.
Residency::Time Residency::may_leave(const Model& model) const {
  // A batch is not interrupted; what else it serves meanwhile goes on, then its turn is over.
  if (model.batches > 0) return Time::max();
  const Time turn_ends = model.ready_since.value_or(Time{}) + turn_of(model);
  if (!model.idle()) return turn_ends;
  const Time idle_since = model.last_idle.value_or(Time{});
  const Duration longest = std::max<Duration>(options_.longest_pause,
                                              std::min<Duration>(2s, from_seconds(model.load_seconds / 2)));
  if (!model.usual_pause_s) return idle_since;
  // The least is what a client and the network between need to come back at all.
  const Duration pause = 20ms + from_seconds(options_.anticipation * std::min(*model.usual_pause_s, 3600.0));
  if (pause > longest) return idle_since;
  return std::min(idle_since + pause, turn_ends);
}

std::chrono::milliseconds Residency::turn_of(const Model& model) const {
  const auto by_load =
      std::chrono::milliseconds(static_cast<std::int64_t>(4000 * std::min(model.load_seconds, 3600.0)));
  return std::min(std::max(options_.turn, by_load), std::max(options_.turn, options_.longest_turn));
}

void Residency::unload_closed(Actions& actions) {
  for (auto& [id, model] : models_) {
    if (model.residence != Residence::ready || !model.closing || model.leases > 0) continue;
    model.residence = Residence::draining;
    actions.push_back(residency::Unload{id, *model.closing});
  }
}

void Residency::grant_waiting(Time now, Actions& actions) {
  for (auto& [id, model] : models_) {
    while (model.residence == Residence::ready && !model.closing && !model.queue.empty() &&
           model.leases < model.spec.places) {
      const Waiting next = model.queue.front();
      model.queue.pop_front();
      waiting_.erase(next.ticket);
      grant(model, next, now, actions);
    }
  }
}

void Residency::grant(Model& model, const Waiting& waiting, Time now, Actions& actions) {
  ++model.leases;
  model.batches += waiting.batch ? 1 : 0;
  model.last_used = now;
  granted_.emplace(waiting.ticket, Lease{model.spec.id, now, waiting.batch});
  actions.push_back(residency::Grant{waiting.ticket, model.spec.id});
}

// What was most often asked for after this one.
void Residency::warm_next(const Model& model, Actions& actions) {
  const auto next =
      std::ranges::max_element(model.followed_by, {}, [](const auto& entry) { return entry.second; });
  if (next == model.followed_by.end()) return;
  if (const Model* likely = find(next->first); likely != nullptr && likely->residence == Residence::cold)
    actions.push_back(residency::Warm{next->first});
}

MemoryAmount Residency::pinned_by_others(const Model& model) const {
  MemoryAmount sum;
  for (const auto& [id, other] : models_)
    if (&other != &model && other.spec.pinned && other.resident()) sum = sum + other.bytes();
  return sum;
}

bool Residency::can_ever_fit(const Model& model) const {
  return (model.spec.need + pinned_by_others(model)).fits_in(budget_);
}

std::string Residency::arithmetic(const Model& model) const {
  const MemoryAmount pinned = pinned_by_others(model);
  std::vector<std::string_view> names;
  for (const auto& [id, other] : models_)
    if (&other != &model && other.spec.pinned && other.resident()) names.push_back(id);
  const auto part = [&](std::uint64_t need, std::uint64_t may, std::uint64_t held, std::string_view where) {
    std::string text =
        fmt::format("it needs {} of {}, {} may be used", human_bytes(need), where, human_bytes(may));
    if (held > 0)
      text += fmt::format(", of which the pinned {} hold {}", fmt::join(names, ", "), human_bytes(held));
    return text;
  };
  std::vector<std::string> parts;
  if (model.spec.need.gpu + pinned.gpu > budget_.gpu || model.spec.need.host + pinned.host <= budget_.host)
    parts.push_back(part(model.spec.need.gpu, budget_.gpu, pinned.gpu, "the card's memory"));
  if (model.spec.need.host + pinned.host > budget_.host)
    parts.push_back(part(model.spec.need.host, budget_.host, pinned.host, "the machine's memory"));
  return fmt::format("load the model {}: {}", model.spec.id, fmt::join(parts, "; "));
}

void Residency::wake_at(Time time) {
  if (time == Time::max()) return;
  if (!wake_ || time < *wake_) wake_ = time;
}

}  // namespace studio
