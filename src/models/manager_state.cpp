// Asking for leases, giving them back, and carrying out what the policy decides.
//
//   lease_async --> policy.ask --> Grant -> then(lease)            (ready and a free place: at once)
//                              \-> Load -> worker: engine starts -> policy.loaded -> Grant -> then(lease)
//                              \-> Unload of another -> worker: engine ends -> policy.unloaded -> Load ...
//   ~ModelLease --> policy.release --> perhaps Unload, Grant of the next
#include "models/manager_state.h"

#include <fmt/format.h>

namespace studio {
namespace {

ModelState state_of(Residence residence) {
  switch (residence) {
    case Residence::cold: return ModelState::cold;
    case Residence::loading: return ModelState::loading;
    case Residence::ready: return ModelState::ready;
    case Residence::draining: return ModelState::draining;
    case Residence::failed: return ModelState::failed;
  }
  return ModelState::failed;
}

std::string hint_to_ask_again(double retry_after_s) {
  return fmt::format("ask again in {:.0f} s", std::max(1.0, retry_after_s));
}

}  // namespace

std::unexpected<Error> shutting_down() {
  return fail(ErrorKind::interrupted, "use a model: the model manager is shutting down");
}

ModelLease::State::~State() {
  if (const auto owner = manager.lock()) owner->release(ticket);
}

void ModelManager::State::deliver(Outbox& outbox) {
  for (auto& call : outbox) call();
  outbox.clear();
}

ModelLease ModelManager::State::make_lease(const Entry& entry, Ticket ticket) {
  auto state = std::make_shared<ModelLease::State>();
  state->manager = weak_from_this();
  state->ticket = ticket;
  state->serving = entry.serving;
  return ModelLease(std::move(state));
}

// Under the mutex.
Result<ModelManager::State::Entry*> ModelManager::State::entry_of(std::string_view name) {
  if (const auto found = entries.find(name); found != entries.end() && !found->second.forgotten)
    return &found->second;
  TRY_ASSIGN(RosterModel model, roster->find(name));
  auto [at, added] = entries.try_emplace(model.id);
  if (added || std::exchange(at->second.forgotten, false)) {
    at->second.model = std::move(model);
    at->second.here = at->second.model.remote;
    at->second.prepared = false;
  }
  return &at->second;
}

std::optional<ModelLease> ModelManager::State::try_lease(std::string_view name) {
  std::lock_guard lock(mutex);
  if (draining) return std::nullopt;
  const auto found = entry_of(name);
  if (!found || !(*found)->serving || !policy.ready_now((*found)->model.id)) return std::nullopt;
  Entry& entry = **found;
  const Ticket ticket = ++last_ticket;
  policy.ask(ticket, {.model = entry.model.id}, Clock::now());
  entry.last_used = std::chrono::system_clock::now();
  return make_lease(entry, ticket);
}

void ModelManager::State::lease_async(std::string_view name, LeaseOptions lease_options, Then then) {
  Outbox outbox;
  Ticket ticket = 0;
  std::string id;
  const std::stop_token stop = lease_options.stop;
  bool prepare_first = false;
  {
    std::lock_guard lock(mutex);
    const auto found = draining ? shutting_down() : entry_of(name);
    if (!found) {
      outbox.push_back([then = std::move(then), error = found.error()] { then(std::unexpected(error)); });
    } else {
      Entry& entry = **found;
      id = entry.model.id;
      ticket = ++last_ticket;
      pending.emplace(ticket, Pending{id, std::move(then), std::move(lease_options), nullptr});
      const auto view = policy.model(id);
      prepare_first = !entry.prepared || !view || view->residence == Residence::cold ||
                      view->residence == Residence::failed;
      if (!prepare_first)
        apply(policy.ask(ticket, {id, pending.at(ticket).options.patience, pending.at(ticket).options.batch},
                         Clock::now()),
              outbox);
    }
  }
  deliver(outbox);
  if (ticket == 0) return;
  if (prepare_first) {
    // Reading a header takes milliseconds, and the caller may be an event loop.
    worker([this, id, ticket](std::stop_token) {
      const auto prepared = prepare(id);
      Outbox after;
      {
        std::lock_guard lock(mutex);
        const auto waiting = pending.find(ticket);
        if (waiting == pending.end()) return;  // cancelled meanwhile
        if (draining || !prepared) {
          const Error error = draining ? shutting_down().error() : prepared.error();
          auto refused = pending.extract(waiting);
          after.push_back([box = std::make_shared<Pending>(std::move(refused.mapped())), error] {
            box->on_stop.reset();
            box->then(std::unexpected(error));
          });
        } else {
          const Pending& asked = waiting->second;
          apply(policy.ask(ticket, {id, asked.options.patience, asked.options.batch}, Clock::now()), after);
        }
      }
      deliver(after);
      wake();
    });
  }
  if (!stop.stop_possible()) return;
  auto on_stop =
      std::make_unique<std::stop_callback<std::function<void()>>>(stop, [self = weak_from_this(), ticket] {
        if (const auto state = self.lock()) state->cancel(ticket);
      });
  std::unique_lock lock(mutex);
  const auto waiting = pending.find(ticket);
  if (waiting == pending.end()) {
    lock.unlock();  // its end may wait for cancel(), which takes the mutex
    return;
  }
  waiting->second.on_stop = std::move(on_stop);
}

void ModelManager::State::cancel(Ticket ticket) {
  Outbox outbox;
  {
    std::lock_guard lock(mutex);
    auto taken = pending.extract(ticket);
    if (taken.empty()) return;
    apply(policy.cancel(ticket, Clock::now()), outbox);
    // Its stop callback is the caller of this function: it is left to itself.
    auto gone = std::make_shared<Pending>(std::move(taken.mapped()));
    outbox.push_back([gone] {
      gone->then(
          fail(ErrorKind::interrupted, fmt::format("wait for the model {}: interrupted", gone->model)));
    });
  }
  deliver(outbox);
  wake();
}

void ModelManager::State::release(Ticket ticket) {
  Outbox outbox;
  bool rearranged = false;
  {
    std::lock_guard lock(mutex);
    const auto actions = policy.release(ticket, Clock::now());
    rearranged = !actions.empty() || draining;
    if (rearranged) apply(actions, outbox);
  }
  if (!rearranged) return;
  deliver(outbox);
  changed.notify_all();
  wake();
}

void ModelManager::State::apply(const Residency::Actions& actions, Outbox& outbox) {
  const auto answer = [&](Ticket ticket, auto make_result) {
    auto taken = pending.extract(ticket);
    if (taken.empty()) return;
    auto box = std::make_shared<Pending>(std::move(taken.mapped()));
    auto result = std::make_shared<Result<ModelLease>>(make_result());
    outbox.push_back([box, result] {
      box->on_stop.reset();
      box->then(std::move(*result));
    });
  };
  bool only_grants = true;
  for (const ResidencyAction& action : actions) {
    only_grants &= std::holds_alternative<residency::Grant>(action);
    if (const auto* grant = std::get_if<residency::Grant>(&action)) {
      Entry& entry = entries.find(grant->model)->second;
      entry.last_used = std::chrono::system_clock::now();
      answer(grant->ticket, [&]() -> Result<ModelLease> { return make_lease(entry, grant->ticket); });
    } else if (const auto* refuse = std::get_if<residency::Refuse>(&action)) {
      Error error = refuse->error;
      if (refuse->retry_after_s > 0 && error.hint.empty())
        error.hint = hint_to_ask_again(refuse->retry_after_s);
      answer(refuse->ticket, [&]() -> Result<ModelLease> { return std::unexpected(error); });
    } else if (const auto* load = std::get_if<residency::Load>(&action)) {
      if (!draining) start_load(load->model);
    } else if (const auto* unload = std::get_if<residency::Unload>(&action)) {
      start_unload(unload->model);
    } else if (const auto* warm_up = std::get_if<residency::Warm>(&action)) {
      if (!draining) warm(warm_up->model);
    }
  }
  if (!only_grants || actions.empty()) show_states();
}

// Each difference between what the policy holds and what was told last is one event.
void ModelManager::State::show_states() {
  bool any = false;
  for (auto& [id, entry] : entries) {
    const auto view = policy.model(id);
    ModelState now = view ? state_of(view->residence) : ModelState::cold;
    if (now == ModelState::cold && entry.pulling)
      now = ModelState::pulling;
    else if (now == ModelState::cold && !entry.here)
      now = ModelState::absent;
    if (now == ModelState::draining && entry.serving && !entry.drain_begun) entry.drain_begun = Clock::now();
    if (now == entry.shown) continue;
    ModelEvent event;
    event.number = ++last_event;
    event.time = std::chrono::system_clock::now();
    event.model = id;
    event.from = entry.shown;
    event.to = now;
    if (view) event.why = view->why;
    if (now == ModelState::loading && entry.shown == ModelState::ready) event.why = entry.last_failure;
    if (now == ModelState::ready) event.seconds = entry.load_seconds;
    if (view) event.bytes = view->bytes.gpu + view->bytes.host;
    entry.shown = now;
    events.push_back(std::move(event));
    any = true;
  }
  if (!any) return;
  changed.notify_all();
  waken = true;
  clock_wake.notify_all();
}

}  // namespace studio
