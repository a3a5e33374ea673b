// The thread that keeps the time, the memory budget, held leases and the order of events.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "models/manager_state.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

std::uint64_t share_of(std::uint64_t bytes, double share) {
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * share);
}

}  // namespace

void ModelManager::State::wake() {
  {
    std::lock_guard lock(mutex);
    waken = true;
  }
  clock_wake.notify_all();
}

void ModelManager::State::keep_time(const std::stop_token& stop) {
  auto looked = Clock::now();
  while (!stop.stop_requested()) {
    Outbox outbox;
    {
      std::unique_lock lock(mutex);
      auto until = Clock::now() + 1s;
      if (const auto next = policy.next_time()) until = std::min(until, std::max(*next, Clock::now()));
      for (const auto& [id, lease] : held) {
        const auto left = lease.lease.expires - std::chrono::system_clock::now();
        until = std::min(until, Clock::now() + std::max(left, std::chrono::system_clock::duration(0)));
      }
      clock_wake.wait_until(lock, stop, until, [this] { return waken; });
      if (stop.stop_requested()) return;
      waken = false;
      apply(policy.tick(Clock::now()), outbox);
    }
    deliver(outbox);
    dispatch_events();
    if (Clock::now() - looked >= 1s) {
      looked = Clock::now();
      refresh_budget();
      sample_memory();
    }
    expire_holds();
    dispatch_events();
    reap_workers(false);
  }
}

std::vector<pid_t> ModelManager::State::engine_pids() const {
  std::vector<pid_t> pids;
  for (const auto& [id, entry] : entries)
    if (entry.pid > 0) pids.push_back(entry.pid);
  return pids;
}

MemoryAmount ModelManager::State::measure(pid_t pid) const {
  if (pid <= 0) return {};
  return {gpu ? gpu->bytes_of(pid) : 0, host->bytes_of(pid)};
}

// The safe maximum less what others use.
void ModelManager::State::refresh_budget() {
  std::vector<pid_t> pids;
  MemoryAmount taken;
  {
    std::lock_guard lock(mutex);
    pids = engine_pids();
    taken = policy.taken();
  }
  const auto room = [&](MemoryMonitor& monitor, std::uint64_t planned) -> std::uint64_t {
    const auto reading = monitor.read(pids);
    if (!reading) return 0;
    std::uint64_t others = reading->others_bytes;
    // Inside a container the driver names processes by other numbers: then all of it looks like
    // others' use, and what we have planned is taken off.
    if (reading->ours_bytes == 0 && monitor.is_gpu()) others -= std::min(others, planned);
    const std::uint64_t most = share_of(reading->total_bytes, options.budget_share);
    return most - std::min(most, others);
  };
  MemoryAmount budget;
  budget.host = room(*host, taken.host);
  if (gpu) budget.gpu = room(*gpu, taken.gpu);
  std::uint64_t& first = gpu ? budget.gpu : budget.host;
  if (options.budget_bytes > 0) first = std::min(first, options.budget_bytes);
  Outbox outbox;
  {
    std::lock_guard lock(mutex);
    apply(policy.set_budget(budget, Clock::now()), outbox);
  }
  deliver(outbox);
}

void ModelManager::State::sample_memory() {
  std::vector<std::pair<std::string, pid_t>> engines;
  {
    std::lock_guard lock(mutex);
    for (const auto& [id, entry] : entries)
      if (entry.serving && entry.pid > 0) engines.emplace_back(id, entry.pid);
  }
  for (const auto& [id, pid] : engines) {
    const MemoryAmount now = measure(pid);
    std::lock_guard lock(mutex);
    Entry& entry = entries.at(id);
    if (!entry.serving) continue;
    entry.held = now;
    entry.peak = {std::max(entry.peak.gpu, now.gpu), std::max(entry.peak.host, now.host)};
  }
}

void ModelManager::State::dispatch_events() {
  while (true) {
    std::deque<ModelEvent> now;
    {
      std::lock_guard lock(mutex);
      now.swap(events);
    }
    if (now.empty()) return;
    decltype(subscribers) calls;
    {
      std::lock_guard lock(subscribers_mutex);
      calls = subscribers;
    }
    for (const ModelEvent& event : now)
      for (const auto& subscriber : calls) {
        std::lock_guard lock(subscriber->mutex);
        if (!subscriber->ended) subscriber->call(event);
      }
  }
}

ManagerMemory ModelManager::State::memory_now() const {
  std::vector<pid_t> pids;
  ManagerMemory memory;
  std::uint64_t planned = 0;
  {
    std::lock_guard lock(mutex);
    pids = engine_pids();
    planned = policy.taken().gpu;
    memory.budget_bytes = gpu ? policy.budget().gpu : policy.budget().host;
  }
  if (auto reading = host->read(pids)) memory.host = *std::move(reading);
  memory.reading = memory.host;
  if (gpu)
    if (auto reading = gpu->read(pids)) {
      memory.reading = *std::move(reading);
      // As in refresh_budget(): a driver that knows our engines by other numbers.
      if (memory.reading.ours_bytes == 0 && planned > 0) {
        memory.reading.ours_bytes = std::min(memory.reading.used_bytes, planned);
        memory.reading.others_bytes = memory.reading.used_bytes - memory.reading.ours_bytes;
      }
    }
  return memory;
}

}  // namespace studio
