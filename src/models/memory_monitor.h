// How much memory models can have here: a graphics card's (NVML, AMD sysfs) or the machine's (with cgroup
// limits).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// One look. used = ours + others, as far as the source can tell them apart.
struct MemoryReading {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t ours_bytes = 0;    // of the processes the caller named
  std::uint64_t others_bytes = 0;  // of everybody else
  std::uint64_t peak_bytes = 0;    // the highest ours_bytes this monitor has seen
  std::string source;              // "nvml", "amd-sysfs", "host", "cgroup", "fake"
  std::string device;              // "NVIDIA GeForce RTX 4080", "2 cards", "this machine"
};

// May be used from several threads.
class MemoryMonitor {
 public:
  virtual ~MemoryMonitor() = default;
  // `ours`: processes whose memory is ours to give back (their children are counted with them).
  Result<MemoryReading> read(std::span<const pid_t> ours = {});
  // Bytes of this kind of memory that the process and its children hold; 0 when it is gone or the
  // source cannot tell (NVML inside a container sees other process ids).
  virtual std::uint64_t bytes_of(pid_t pid) const = 0;
  // True for a graphics card's memory.
  virtual bool is_gpu() const = 0;

 protected:
  virtual Result<MemoryReading> look(std::span<const pid_t> ours) const = 0;

 private:
  std::mutex mutex_;  // guards peak_
  std::uint64_t peak_ = 0;
};

// Where the monitors look; other folders in tests.
struct MonitorPaths {
  Path proc = "/proc";
  Path sys = "/sys";
  std::string nvml = "libnvidia-ml.so.1";  // opened at run time; its absence is not an error
};

// The machine's memory, or the tightest cgroup (v1 or v2) this process is in when that is less.
// File pages that only cache the disk count as free; a mapped model counts as its engine's.
std::unique_ptr<MemoryMonitor> host_memory(const MonitorPaths& paths = {});
// All NVIDIA cards that CUDA_VISIBLE_DEVICES allows, summed. missing_part without driver or card.
Result<std::unique_ptr<MemoryMonitor>> nvml_memory(const MonitorPaths& paths = {});
// All AMD cards with memory of their own, summed. missing_part when there is none.
Result<std::unique_ptr<MemoryMonitor>> amd_memory(const MonitorPaths& paths = {});
// The card's when there is one, null otherwise.
std::unique_ptr<MemoryMonitor> gpu_memory(const MonitorPaths& paths = {});

// Memory that a test plays: processes and others take what they are told to.
class FakeMemory : public MemoryMonitor {
 public:
  explicit FakeMemory(std::uint64_t total_bytes, bool gpu = true) : total_(total_bytes), gpu_(gpu) {}
  void set_process(pid_t pid, std::uint64_t bytes);
  void set_others(std::uint64_t bytes);
  // Asked for processes that set_process() has not named; for engines whose pid a test cannot know.
  void set_measure(std::function<std::uint64_t(pid_t)> measure);
  std::uint64_t bytes_of(pid_t pid) const override;
  bool is_gpu() const override { return gpu_; }

 protected:
  Result<MemoryReading> look(std::span<const pid_t> ours) const override;

 private:
  const std::uint64_t total_;
  const bool gpu_;
  mutable std::mutex mutex_;  // guards the three below
  std::map<pid_t, std::uint64_t> processes_;
  std::uint64_t others_ = 0;
  std::function<std::uint64_t(pid_t)> measure_;
};

}  // namespace studio
