// The public face: creating, loading, switching, listing, ending.
#include "models/model_manager.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "models/llama_server.h"
#include "models/manager_state.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

bool our_engine_uses_card() {
  const auto program = find_llama_server();
  return program && llama_server_uses_card(*program);
}

}  // namespace

std::string_view name_of(ModelState state) {
  switch (state) {
    case ModelState::absent: return "absent";
    case ModelState::pulling: return "pulling";
    case ModelState::cold: return "cold";
    case ModelState::loading: return "loading";
    case ModelState::ready: return "ready";
    case ModelState::draining: return "draining";
    case ModelState::failed: return "failed";
  }
  return "failed";
}

std::optional<Busy> busy_of(const Error& error) {
  constexpr std::string_view kBegin = "ask again in ";
  if (error.kind != ErrorKind::limit_exceeded || !error.hint.starts_with(kBegin)) return std::nullopt;
  Busy busy;
  const std::string_view rest = std::string_view(error.hint).substr(kBegin.size());
  std::from_chars(rest.data(), rest.data() + rest.size(), busy.retry_after_s);
  return busy;
}

ModelLease::ModelLease(std::shared_ptr<State> state) : state_(std::move(state)) {}
ModelLease::ModelLease(ModelLease&&) noexcept = default;
ModelLease& ModelLease::operator=(ModelLease&&) noexcept = default;
ModelLease::~ModelLease() = default;
const Endpoint& ModelLease::endpoint() const {
  return state_->serving->endpoint;
}
const std::string& ModelLease::model_id() const {
  return state_->serving->model_id;
}
const std::string& ModelLease::upstream_model() const {
  return state_->serving->upstream;
}
const std::string& ModelLease::api_key() const {
  return state_->serving->api_key;
}
const std::string& ModelLease::engine() const {
  return state_->serving->engine;
}
const EngineCapabilities& ModelLease::capabilities() const {
  return state_->serving->capabilities;
}
pid_t ModelLease::pid() const {
  return state_->serving->pid;
}
bool ModelLease::lost(std::chrono::milliseconds patience) const {
  return state_->serving->served->wait_for_death(state_->serving->restarts, patience);
}

Result<std::shared_ptr<ModelManager>> ModelManager::create(ManagerOptions options) {
  if (options.budget_share <= 0 || options.budget_share > 1)
    return fail(ErrorKind::wrong_usage, fmt::format("use {} of the memory", options.budget_share),
                "give a share above 0 and up to 1");
  std::shared_ptr<MemoryMonitor> card = options.gpu;
  if (!card && !options.host) card = gpu_memory();
  // Engines by URL may use a card that our own engine was not built for.
  const bool local_card = options.gpu || (card && our_engine_uses_card());
  TRY_ASSIGN(Roster roster, Roster::create(options, local_card));
  auto state = std::make_shared<State>(std::move(options));
  state->gpu = std::move(card);
  state->local_card = local_card;
  state->host = state->options.host ? state->options.host : std::shared_ptr<MemoryMonitor>(host_memory());
  for (const RosterModel& model : roster.models()) {
    State::Entry& entry = state->entries[model.id];
    entry.model = model;
    entry.here = roster.present(model);
    entry.shown = entry.here ? ModelState::cold : ModelState::absent;
  }
  for (std::string& pinned : state->options.pinned)
    if (const auto known = roster.find(pinned)) pinned = known->id;
  state->roster = std::make_shared<const Roster>(std::move(roster));
  state->refresh_budget();
  state->clock = std::jthread([state](std::stop_token stop) { state->keep_time(stop); });
  return std::shared_ptr<ModelManager>(new ModelManager(std::move(state)));
}

ModelManager::ModelManager(std::shared_ptr<State> state) : state_(std::move(state)) {}

ModelManager::~ModelManager() {
  drain(0ms);
  state_->reap_workers(true);
  end_thread(state_->clock);
}

std::optional<ModelLease> ModelManager::try_lease(std::string_view model, std::string_view) {
  return state_->try_lease(model);
}

void ModelManager::lease_async(std::string_view model, LeaseOptions options,
                               std::function<void(Result<ModelLease>)> then) {
  state_->lease_async(model, std::move(options), std::move(then));
}

Result<ModelLease> ModelManager::lease(std::string_view model, LeaseOptions options) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable there;
    std::optional<Result<ModelLease>> result;
  };
  auto answer = std::make_shared<Answer>();
  lease_async(model, std::move(options), [answer](Result<ModelLease> result) {
    std::lock_guard lock(answer->mutex);
    answer->result.emplace(std::move(result));
    answer->there.notify_all();
  });
  std::unique_lock lock(answer->mutex);
  answer->there.wait(lock, [&] { return answer->result.has_value(); });
  return std::move(*answer->result);
}

Result<void> ModelManager::load(std::string_view name, std::stop_token stop) {
  std::string id;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->draining) return shutting_down();
    TRY_ASSIGN(State::Entry * entry, state_->entry_of(name));
    id = entry->model.id;
  }
  TRY(state_->prepare(id));
  State::Outbox outbox;
  std::unique_lock lock(state_->mutex);
  state_->apply(state_->policy.load(id, Clock::now()), outbox);
  lock.unlock();
  State::deliver(outbox);
  lock.lock();
  const auto residence = [&] { return state_->policy.model(id)->residence; };
  const bool settled = state_->changed.wait(lock, stop, [&] {
    return state_->draining || residence() == Residence::ready || residence() == Residence::failed;
  });
  if (!settled) return fail(ErrorKind::interrupted, fmt::format("load the model {}: interrupted", id));
  if (residence() == Residence::ready) return {};
  if (state_->draining) return shutting_down();
  return std::unexpected(*state_->policy.failure(id));
}

Result<void> ModelManager::unload(std::string_view name, std::stop_token stop) {
  State::Outbox outbox;
  std::unique_lock lock(state_->mutex);
  TRY_ASSIGN(State::Entry * entry, state_->entry_of(name));
  const std::string id = entry->model.id;
  if (!state_->policy.model(id)) return {};  // never loaded
  state_->apply(state_->policy.unload(id, Clock::now()), outbox);
  lock.unlock();
  State::deliver(outbox);
  state_->wake();
  lock.lock();
  const auto life = entry->life;
  const bool gone = state_->changed.wait(lock, stop, [&] {
    const Residence now = state_->policy.model(id)->residence;
    // Somebody who waited for it may have had it loaded again already.
    return now == Residence::cold || now == Residence::failed || entry->life != life;
  });
  if (!gone) return fail(ErrorKind::interrupted, fmt::format("unload the model {}: interrupted", id));
  return {};
}

Result<SwitchReport> ModelManager::switch_to(std::string_view name, std::stop_token stop) {
  const auto begun = Clock::now();
  std::string id, task;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->draining) return shutting_down();
    TRY_ASSIGN(State::Entry * entry, state_->entry_of(name));
    id = entry->model.id;
    task = entry->model.task;
  }
  TRY(state_->prepare(id));
  SwitchReport report;
  report.to = id;
  const double prepared = seconds_since(begun);
  std::vector<std::string> others;
  State::Outbox outbox;
  {
    std::lock_guard lock(state_->mutex);
    std::optional<State::WallTime> latest;
    for (const auto& [other, entry] : state_->entries) {
      const auto view = state_->policy.model(other);
      const bool here =
          view && (view->residence == Residence::ready || view->residence == Residence::loading);
      if (other == id || !here || view->pinned || entry.model.remote || entry.model.task != task) continue;
      others.push_back(other);
      if (report.from.empty() || (entry.last_used && (!latest || *entry.last_used > *latest))) {
        report.from = other;
        latest = entry.last_used;
      }
    }
    // With room for both, the new engine starts at once and the old one ends beside it.
    state_->apply(state_->policy.load(id, Clock::now()), outbox);
    for (const std::string& other : others)
      state_->apply(state_->policy.unload(other, Clock::now(), "switch to " + id), outbox);
  }
  State::deliver(outbox);
  state_->wake();
  TRY(load(id, stop));
  report.seconds = seconds_since(begun);
  std::lock_guard lock(state_->mutex);
  report.parts.emplace_back("plan", prepared);
  if (!report.from.empty()) {
    const State::Entry& from = state_->entries.at(report.from);
    report.parts.emplace_back("drain", from.drain_seconds);
    report.parts.emplace_back("unload", from.end_seconds);
  }
  const State::Entry& to = state_->entries.at(id);
  const bool started = to.load_begun && *to.load_begun >= begun;
  report.parts.emplace_back("wait",
                            started ? std::chrono::duration<double>(*to.load_begun - begun).count() : 0.0);
  report.parts.emplace_back("start", started ? to.load_seconds : 0.0);
  return report;
}

Result<void> ModelManager::pin(std::string_view name, bool pinned) {
  State::Outbox outbox;
  {
    std::lock_guard lock(state_->mutex);
    TRY_ASSIGN(State::Entry * entry, state_->entry_of(name));
    std::erase(state_->options.pinned, entry->model.id);
    if (pinned) state_->options.pinned.push_back(entry->model.id);
    state_->apply(state_->policy.pin(entry->model.id, pinned, Clock::now()), outbox);
  }
  State::deliver(outbox);
  return {};
}

std::vector<ModelTarget> ModelManager::targets(std::string_view name) const {
  std::vector<ModelTarget> targets;
  const auto add = [&](const RosterModel& model) {
    if (std::ranges::find(targets, model.id, &ModelTarget::id) == targets.end())
      targets.push_back({model.id, model.engine, model.weight, model.task, model.capabilities});
  };
  const auto roster = state_->roster_now();
  if (name != "auto" && !name.starts_with("auto:")) {
    if (const auto model = roster->find(name)) add(*model);
    for (const RosterModel& model : roster->models())
      if (model.remote && model.start.upstream == name) add(model);
    return targets;
  }
  const std::string task(name == "auto" ? "chat" : name.substr(5));
  if (const auto first = default_model(task))
    if (const auto model = roster->find(*first)) add(*model);
  for (const bool ready : {true, false})
    for (const ModelStatus& status : models())
      if (status.task == task && status.state != ModelState::absent && status.state != ModelState::failed &&
          (status.state == ModelState::ready) == ready)
        if (const auto model = roster->find(status.id)) add(*model);
  return targets;
}

Result<std::string> ModelManager::default_model(std::string_view task) const {
  const auto roster = state_->roster_now();
  const std::string chosen = roster->default_model(task);
  if (const auto model = roster->find(chosen); model && roster->present(*model)) return model->id;
  std::string missing = chosen;
  for (const RosterModel& model : roster->models()) {
    if (model.task != task) continue;
    if (roster->present(model)) return model.id;
    if (missing.empty()) missing = model.id;
  }
  if (missing.empty())
    return fail(ErrorKind::unsupported, fmt::format("find a model for {}: none is known", task),
                "add one to your models.yaml, or an engine by URL");
  TRY_ASSIGN(RosterModel model, roster->find(missing));
  TRY(roster->locate(model));
  return model.id;
}

std::vector<ModelStatus> ModelManager::models() const {
  const auto roster = state_->roster_now();
  std::vector<ModelStatus> list;
  std::vector<RosterModel> unsure;  // whose files may have come or gone
  {
    std::lock_guard lock(state_->mutex);
    for (const auto& [id, entry] : state_->entries) {
      if (entry.forgotten) continue;
      ModelStatus status;
      status.id = id;
      status.state = entry.shown;
      status.engine = entry.model.engine;
      status.task = entry.model.task;
      status.places = entry.model.places;
      status.restarts = entry.restarts;
      status.load_seconds = entry.load_seconds;
      status.last_used = entry.last_used;
      status.capabilities = entry.model.capabilities;
      status.log = entry.log;
      status.bytes = entry.need.gpu + entry.need.host;
      if (status.bytes == 0) status.bytes = entry.model.known_bytes;
      if (entry.serving) {
        status.pid = entry.serving->served->pid();
        if (entry.held != MemoryAmount{}) status.bytes = entry.held.gpu + entry.held.host;
      }
      status.pinned = std::ranges::find(state_->options.pinned, id) != state_->options.pinned.end();
      if (const auto view = state_->policy.model(id)) {
        status.leases = view->leases;
        status.waiting = view->waiting;
        if (view->residence == Residence::failed) status.failure = view->why;
      }
      unsure.push_back(entry.model);
      list.push_back(std::move(status));
    }
  }
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].state == ModelState::cold || list[i].state == ModelState::absent)
      list[i].state = roster->present(unsure[i]) ? ModelState::cold : ModelState::absent;
  return list;
}

ManagerMemory ModelManager::memory() const {
  return state_->memory_now();
}

bool ModelManager::any_ready() const {
  std::lock_guard lock(state_->mutex);
  return std::ranges::any_of(state_->entries,
                             [](const auto& entry) { return entry.second.shown == ModelState::ready; });
}

ModelManager::Subscription ModelManager::subscribe(std::function<void(const ModelEvent&)> fn) {
  auto subscriber = std::make_shared<State::Subscriber>();
  subscriber->call = std::move(fn);
  {
    std::lock_guard lock(state_->subscribers_mutex);
    state_->subscribers.push_back(subscriber);
  }
  const auto end = [weak = std::weak_ptr(state_)](State::Subscriber* ended) {
    {
      std::lock_guard lock(ended->mutex);
      ended->ended = true;
    }
    const auto state = weak.lock();
    if (!state) return;
    std::lock_guard lock(state->subscribers_mutex);
    std::erase_if(state->subscribers, [&](const auto& one) { return one.get() == ended; });
  };
  State::Subscriber* const raw = subscriber.get();
  return {raw, [subscriber = std::move(subscriber), end](State::Subscriber* ended) { end(ended); }};
}

void ModelManager::note_pull(std::string_view name, bool running) {
  const auto roster = state_->roster_now();
  const auto model = roster->find(name);
  if (!model) return;
  const bool here = roster->present(*model);
  std::lock_guard lock(state_->mutex);
  const auto entry = state_->entry_of(model->id);
  if (!entry) return;
  (*entry)->pulling = running;
  (*entry)->here = here;
  state_->show_states();
}

Result<void> ModelManager::reconfigure(const ManagerOptions& options) {
  ManagerOptions merged = options;
  {
    std::lock_guard lock(state_->mutex);
    if (!merged.catalog) merged.catalog = state_->options.catalog;
    if (merged.files.empty()) merged.files = state_->options.files;
  }
  TRY_ASSIGN(Roster made, Roster::create(merged, state_->local_card));
  const auto roster = std::make_shared<const Roster>(std::move(made));
  State::Outbox outbox;
  {
    std::lock_guard lock(state_->mutex);
    state_->roster = roster;
    state_->options.catalog = merged.catalog;
    state_->options.engines = options.engines;
    state_->options.budget_bytes = options.budget_bytes;
    state_->options.residency = options.residency;
    state_->policy.set_options(options.residency);
    state_->options.pinned.clear();
    for (const std::string& pinned : options.pinned)
      if (const auto known = roster->find(pinned)) state_->options.pinned.push_back(known->id);
    for (auto& [id, entry] : state_->entries) {
      const bool pinned = std::ranges::find(state_->options.pinned, id) != state_->options.pinned.end();
      state_->apply(state_->policy.pin(id, pinned, Clock::now()), outbox);
    }
    for (const RosterModel& model : roster->models()) {
      auto [at, added] = state_->entries.try_emplace(model.id);
      // What runs goes on as it was started; its next load takes the new values.
      if (added || !at->second.serving) {
        at->second.model = model;
        at->second.prepared = false;
        at->second.here = roster->present(model);
      }
    }
    // Forgotten, but for those that still run; a worker may hold the name of any, so none is erased.
    for (auto& [id, entry] : state_->entries) {
      const auto view = state_->policy.model(id);
      const bool away = !view || view->residence == Residence::cold || view->residence == Residence::failed;
      const bool known = std::ranges::find(roster->models(), id, &RosterModel::id) != roster->models().end();
      entry.forgotten = !known && away && (!view || view->waiting == 0);
    }
  }
  State::deliver(outbox);
  state_->wake();
  return {};
}

void ModelManager::drain(std::chrono::milliseconds patience) {
  State::Outbox outbox;
  std::vector<ModelLease> held;
  {
    std::lock_guard lock(state_->mutex);
    state_->draining = true;
    std::vector<Ticket> tickets;
    for (auto& [ticket, waiting] : state_->pending) {
      tickets.push_back(ticket);
      auto box = std::make_shared<State::Pending>(std::move(waiting));
      outbox.push_back([box] {
        box->on_stop.reset();
        box->then(shutting_down());
      });
    }
    state_->pending.clear();
    for (const Ticket ticket : tickets) state_->apply(state_->policy.cancel(ticket, Clock::now()), outbox);
    for (auto& [id, one] : state_->held) held.push_back(std::move(one.hold));
    state_->held.clear();
    for (auto& [id, entry] : state_->entries) entry.load_stop.request_stop();
  }
  state_->changed.notify_all();
  State::deliver(outbox);
  held.clear();
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, patience, [&] { return state_->policy.leases() == 0; });
    for (auto& [id, entry] : state_->entries)
      state_->apply(state_->policy.unload(id, Clock::now(), "shutting down"), outbox);
    // Leases that are still held do not keep an engine any more.
    for (auto& [id, entry] : state_->entries)
      if (entry.serving) state_->start_unload(id);
  }
  State::deliver(outbox);
  state_->reap_workers(true);
}

}  // namespace studio
