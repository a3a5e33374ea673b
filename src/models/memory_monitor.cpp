// What the monitors share: the peak, the choice of the card's, and the fake.
#include "models/memory_monitor.h"

#include <algorithm>

namespace studio {

Result<MemoryReading> MemoryMonitor::read(std::span<const pid_t> ours) {
  TRY_ASSIGN(MemoryReading reading, look(ours));
  std::lock_guard lock(mutex_);
  peak_ = std::max(peak_, reading.ours_bytes);
  reading.peak_bytes = peak_;
  return reading;
}

std::unique_ptr<MemoryMonitor> gpu_memory(const MonitorPaths& paths) {
  if (auto nvidia = nvml_memory(paths)) return *std::move(nvidia);
  if (auto amd = amd_memory(paths)) return *std::move(amd);
  return nullptr;
}

void FakeMemory::set_process(pid_t pid, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (bytes == 0)
    processes_.erase(pid);
  else
    processes_[pid] = bytes;
}

void FakeMemory::set_others(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  others_ = bytes;
}

void FakeMemory::set_measure(std::function<std::uint64_t(pid_t)> measure) {
  std::lock_guard lock(mutex_);
  measure_ = std::move(measure);
}

std::uint64_t FakeMemory::bytes_of(pid_t pid) const {
  std::lock_guard lock(mutex_);
  const auto found = processes_.find(pid);
  if (found != processes_.end()) return found->second;
  return measure_ ? measure_(pid) : 0;
}

Result<MemoryReading> FakeMemory::look(std::span<const pid_t> ours) const {
  MemoryReading reading;
  for (const pid_t pid : ours) reading.ours_bytes += bytes_of(pid);
  std::lock_guard lock(mutex_);
  reading.total_bytes = total_;
  reading.others_bytes = others_;
  reading.used_bytes = reading.ours_bytes + reading.others_bytes;
  reading.source = "fake";
  reading.device = "a fake";
  return reading;
}

}  // namespace studio
