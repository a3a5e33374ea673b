// Loading and unloading: the workers that start engines, end them, and check that memory came back.
#include <algorithm>

#include <fmt/format.h>

#include "models/engine_log.h"
#include "models/manager_state.h"
#include "models/page_cache.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

// After a failed load, the next one waits this long: it doubles with each failure in a row.
// Whether somebody else's engine is back costs one look, so it is looked for more often.
std::chrono::milliseconds pause_after(int failures, bool remote) {
  return std::min<std::chrono::milliseconds>(1s * (1 << std::min(failures - 1, 6)), remote ? 5s : 60s);
}

}  // namespace

void ModelManager::State::worker(std::function<void(std::stop_token)> work) {
  std::lock_guard lock(workers_mutex);
  if (no_more_workers) return;
  auto done = std::make_shared<std::atomic<bool>>(false);
  // The state outlives its workers: whoever destroys it joins them first.
  workers.push_back(
      {std::jthread([self = shared_from_this(), work = std::move(work), done](std::stop_token stop) {
         work(stop);
         *done = true;
       }),
       done});
}

void ModelManager::State::reap_workers(bool all) {
  std::list<Worker> ended;
  {
    std::lock_guard lock(workers_mutex);
    no_more_workers |= all;
    for (auto at = workers.begin(); at != workers.end();) {
      const auto next = std::next(at);
      if (all || *at->done) ended.splice(ended.end(), workers, at);
      at = next;
    }
  }
  for (Worker& worker : ended) end_thread(worker.thread);
}

// The last owner of the manager may let it go in a callback, which runs on a thread of the manager. That
// thread keeps the state alive until it has returned.
void end_thread(std::jthread& thread) {
  thread.request_stop();
  if (thread.get_id() == std::this_thread::get_id())
    thread.detach();
  else if (thread.joinable())
    thread.join();
}

std::shared_ptr<const Roster> ModelManager::State::roster_now() const {
  std::lock_guard lock(mutex);
  return roster;
}

// What it could have at most: all but what pinned others hold.
MemoryRoom ModelManager::State::room_for(const std::string& id) {
  refresh_budget();
  std::lock_guard lock(mutex);
  MemoryRoom room;
  room.card = entries.at(id).model.remote ? gpu != nullptr : local_card;
  room.most = policy.budget();
  for (const Residency::View& view : policy.models())
    if (view.pinned && view.id != id && view.residence != Residence::cold &&
        view.residence != Residence::failed)
      room.most = room.most - view.bytes;
  return room;
}

Result<void> ModelManager::State::prepare(const std::string& id) {
  RosterModel model;
  {
    std::lock_guard lock(mutex);
    model = entries.at(id).model;
  }
  const auto away = [&] {  // under the mutex
    const auto view = policy.model(id);
    return !view || view->residence == Residence::cold || view->residence == Residence::failed;
  };
  auto located = roster_now()->locate(model);
  // A truncated file is named here; the engine would say only that it failed to load.
  if (located && !model.remote) located = shapes.sound(model.start.file);
  if (!located) {
    std::lock_guard lock(mutex);
    Entry& entry = entries.at(id);
    if (!away()) return {};  // its file was removed under a running engine, which goes on
    entry.prepared = false;
    entry.here = located.error().kind != ErrorKind::missing_part;
    show_states();
    return located;
  }
  const NeedEstimate estimate = estimate_need(model, room_for(id), peaks, shapes);
  Outbox outbox;
  {
    std::lock_guard lock(mutex);
    Entry& entry = entries.at(id);
    if (!away()) return {};
    const bool pinned = policy.model(id) ? policy.model(id)->pinned
                                         : std::ranges::find(options.pinned, id) != options.pinned.end();
    entry.model = model;
    entry.model.start.gpu_layers = estimate.gpu_layers;
    entry.settings = estimate.settings;
    entry.need = estimate.need;
    entry.prepared = true;
    entry.here = true;
    apply(policy.put_model({id, estimate.need, model.places, pinned, false}, Clock::now()), outbox);
  }
  deliver(outbox);
  return {};
}

// Under the mutex.
void ModelManager::State::start_load(const std::string& id) {
  Entry& entry = entries.at(id);
  ++entry.life;
  entry.load_begun = Clock::now();
  entry.load_stop = std::stop_source();
  entry.peak = {};
  entry.early_change.reset();
  EngineStart start = entry.model.start;
  start.stop = entry.load_stop.get_token();
  start.forked = [self = weak_from_this(), id, life = entry.life](pid_t pid) {
    const auto state = self.lock();
    if (!state) return;
    std::lock_guard lock(state->mutex);
    const auto found = state->entries.find(id);
    if (found != state->entries.end() && found->second.life == life) found->second.pid = pid;
  };
  worker([this, id, life = entry.life, start](std::stop_token) { run_load(id, life, start); });
}

void ModelManager::State::run_load(const std::string& id, std::uint64_t life, const EngineStart& start) {
  const EngineKind* kind = nullptr;
  RosterModel model;
  MemoryAmount need;
  {
    std::lock_guard lock(mutex);
    model = entries.at(id).model;
    need = entries.at(id).need;
    kind = model.kind;
  }
  const auto begun = Clock::now();
  Result<std::shared_ptr<const Serving>> serving = [&]() -> Result<std::shared_ptr<const Serving>> {
    TRY(check_room(id, need, start.stop));
    TRY_ASSIGN(
        std::shared_ptr<ServedModel> served,
        kind->serve(start, [self = weak_from_this(), id, life](EngineChange change, const Error& reason) {
          if (const auto state = self.lock()) state->engine_changed(id, life, change, reason);
        }));
    auto made = std::make_shared<Serving>();
    made->endpoint = served->endpoint();
    made->model_id = id;
    made->upstream = served->upstream_model();
    made->api_key = served->api_key();
    made->engine = model.engine;
    made->capabilities = model.capabilities;
    made->pid = served->pid();
    made->restarts = served->restarts();
    made->served = std::move(served);
    return made;
  }();
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  const MemoryAmount measured = serving ? measure((*serving)->pid) : MemoryAmount{};
  Outbox outbox;
  std::optional<std::pair<EngineChange, Error>> early;
  {
    std::lock_guard lock(mutex);
    Entry& entry = entries.at(id);
    entry.load_seconds = seconds;
    if (serving) {
      entry.serving = *serving;
      entry.log = (*serving)->served->log();
      entry.failures = 0;
      entry.held = entry.peak = measured;
      early = std::exchange(entry.early_change, std::nullopt);
      apply(policy.loaded(id, measured, seconds, Clock::now()), outbox);
    } else {
      entry.pid = -1;
      ++entry.failures;
      entry.last_failure = serving.error().message;
      const auto pause =
          serving.error().kind == ErrorKind::interrupted ? 0ms : pause_after(entry.failures, model.remote);
      apply(policy.load_failed(id, serving.error(), pause, Clock::now()), outbox);
    }
  }
  deliver(outbox);
  if (early) engine_changed(id, life, early->first, early->second);
  wake();
}

// The last look before an engine starts: what was promised may have been taken by others since.
Result<void> ModelManager::State::check_room(const std::string& id, const MemoryAmount& need,
                                             const std::stop_token& stop) {
  const auto begun = Clock::now();
  while (true) {
    refresh_budget();
    MemoryAmount over;
    {
      std::lock_guard lock(mutex);
      over = policy.taken() - policy.budget();
    }
    // What others use moves by some megabytes all the time.
    const auto little = [](std::uint64_t bytes) { return bytes / 32; };
    if (over.gpu <= little(need.gpu) && over.host <= little(need.host)) return {};
    if (need == MemoryAmount{}) return {};
    // An engine that just ended may need a moment until the driver has its memory back.
    if (Clock::now() - begun > 3s) {
      const bool card = over.gpu > 0;
      return fail(
          ErrorKind::limit_exceeded,
          fmt::format(
              "load the model {}: it needs {} of {}, and others have taken {} too much since it was planned",
              id, human_bytes(card ? need.gpu : need.host),
              card ? "the card's memory" : "the machine's memory", human_bytes(card ? over.gpu : over.host)),
          "end other programs, or use a smaller model");
    }
    if (stop.stop_requested())
      return fail(ErrorKind::interrupted, fmt::format("load the model {}: interrupted", id));
    std::this_thread::sleep_for(20ms);
  }
}

// Under the mutex.
void ModelManager::State::start_unload(const std::string& id) {
  Entry& entry = entries.at(id);
  auto serving = std::exchange(entry.serving, nullptr);
  entry.drain_seconds =
      entry.drain_begun ? std::chrono::duration<double>(Clock::now() - *entry.drain_begun).count() : 0;
  entry.drain_begun.reset();
  worker([this, id, serving](std::stop_token) { run_unload(id, serving); });
}

void ModelManager::State::run_unload(const std::string& id, std::shared_ptr<const Serving> serving) {
  const auto begun = Clock::now();
  Result<void> ended;
  if (serving) {
    const pid_t pid = serving->served->pid();
    const MemoryAmount last = measure(pid);
    ended = serving->served->end();
    if (pid > 0 && !given_back(pid, 5s) && ended)
      ended = fail(ErrorKind::engine_failed,
                   fmt::format("unload the model {}: its engine has ended, its memory is still held", id),
                   "look which process holds it");
    std::string settings;
    MemoryAmount peak;
    double load_seconds = 0;
    {
      std::lock_guard lock(mutex);
      Entry& entry = entries.at(id);
      settings = entry.settings;
      peak = {std::max(entry.peak.gpu, last.gpu), std::max(entry.peak.host, last.host)};
      load_seconds = entry.load_seconds;
    }
    if (pid > 0 && !settings.empty()) peaks.note(id, settings, peak, load_seconds);
  }
  Outbox outbox;
  {
    std::lock_guard lock(mutex);
    Entry& entry = entries.at(id);
    entry.pid = -1;
    entry.end_seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    entry.held = entry.peak = {};
    if (ended) {
      apply(policy.unloaded(id, Clock::now()), outbox);
    } else {
      // What it still holds counts from now on as used by others, so it is not promised twice.
      entry.last_failure = ended.error().message;
      apply(policy.load_failed(id, ended.error(), 10s, Clock::now()), outbox);
    }
  }
  deliver(outbox);
  wake();
}

bool ModelManager::State::given_back(pid_t pid, std::chrono::milliseconds patience) const {
  const auto begun = Clock::now();
  while (measure(pid) != MemoryAmount{}) {
    if (Clock::now() - begun > patience) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

// On the supervisor's thread of the engine, which must not end itself here.
void ModelManager::State::engine_changed(const std::string& id, std::uint64_t life, EngineChange change,
                                         const Error& reason) {
  Outbox outbox;
  std::shared_ptr<const Serving> dead;
  {
    std::lock_guard lock(mutex);
    const auto found = entries.find(id);
    if (found == entries.end() || found->second.life != life) return;
    Entry& entry = found->second;
    if (!entry.serving) {
      entry.early_change = {change, reason};
      return;
    }
    if (!reason.message.empty()) entry.last_failure = reason.message;
    if (change == EngineChange::restarting) {
      ++entry.restarts;
      apply(policy.lost(id, Clock::now()), outbox);
    } else if (change == EngineChange::ready_again) {
      auto again = std::make_shared<Serving>(*entry.serving);
      again->endpoint = again->served->endpoint();
      again->pid = again->served->pid();
      again->restarts = again->served->restarts();
      entry.serving = again;
      apply(policy.loaded(id, entry.held, entry.load_seconds, Clock::now()), outbox);
    } else {
      dead = std::exchange(entry.serving, nullptr);
      entry.pid = -1;
      entry.held = {};
      // A crash loop stays failed until somebody loads the model by hand.
      apply(policy.load_failed(id, reason, std::chrono::milliseconds::max(), Clock::now()), outbox);
    }
  }
  deliver(outbox);
  if (dead) worker([dead](std::stop_token) { (void)dead->served->end(); });
  wake();
}

// Under the mutex. One file after the other, so that it does not take the disk from a load.
void ModelManager::State::warm(const std::string& id) {
  if (!options.warm_page_cache) return;
  const auto found = entries.find(id);
  if (found == entries.end() || found->second.model.start.file.empty()) return;
  worker([file = found->second.model.start.file](std::stop_token stop) { (void)warm_file(file, stop); });
}

}  // namespace studio
