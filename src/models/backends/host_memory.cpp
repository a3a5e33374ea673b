// The machine's memory by /proc/meminfo, and the limits of the cgroups (v1 and v2) around us.
#include <algorithm>
#include <optional>
#include <sstream>

#include "models/memory_monitor.h"
#include "models/process_memory.h"

namespace studio {
namespace {

// "inactive_file 4096" lines of memory.stat, in bytes.
std::uint64_t stat_of(std::string_view text, std::string_view key) {
  std::istringstream lines{std::string(text)};
  std::string name;
  for (std::uint64_t value = 0; lines >> name >> value;)
    if (name == key) return value;
  return 0;
}

struct Limit {
  std::uint64_t total = 0;
  std::uint64_t used = 0;  // without the page cache, which the kernel gives up under pressure
};

struct Layout {
  Path mount;
  const char *limit, *usage, *inactive, *active;
};

std::optional<Limit> limit_at(const Path& folder, const Layout& layout) {
  // "max" of v2, and anything that is not a number, is no limit.
  const auto total = read_kernel_number(folder / layout.limit);
  const auto usage = read_kernel_number(folder / layout.usage);
  if (!total || !usage) return std::nullopt;
  const std::string stat = read_kernel_file(folder / "memory.stat");
  const std::uint64_t cached = stat_of(stat, layout.inactive) + stat_of(stat, layout.active);
  return Limit{*total, *usage - std::min(*usage, cached)};
}

// The limit that leaves the least room, of our group and all above it.
std::optional<Limit> tightest(const Layout& layout, const std::string& group) {
  std::optional<Limit> found;
  const auto room = [](const Limit& limit) { return limit.total - std::min(limit.total, limit.used); };
  Path relative = Path(group).relative_path();
  while (true) {
    if (const auto limit = limit_at(layout.mount / relative, layout))
      if (!found || room(*limit) < room(*found)) found = limit;
    if (relative.empty()) return found;
    relative = relative.parent_path();
  }
}

std::optional<Limit> cgroup_limit(const MonitorPaths& paths) {
  const Path mount = paths.sys / "fs/cgroup";
  std::istringstream groups(read_kernel_file(paths.proc / "self/cgroup"));
  std::optional<Limit> found;
  for (std::string line; std::getline(groups, line);) {
    // "0::/user.slice" is v2, "5:memory:/docker/1f" v1.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty())
      found = tightest({mount, "memory.max", "memory.current", "inactive_file", "active_file"}, group);
    else if (("," + controllers + ",").contains(",memory,"))
      found = tightest({mount / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                        "total_inactive_file", "total_active_file"},
                       group);
    if (found) return found;
  }
  return found;
}

class HostMemory : public MemoryMonitor {
 public:
  explicit HostMemory(MonitorPaths paths) : paths_(std::move(paths)) {}
  bool is_gpu() const override { return false; }

  std::uint64_t bytes_of(pid_t pid) const override {
    const ProcessMemory memory = sum({&pid, 1});
    return memory.own_bytes + memory.file_bytes;
  }

 protected:
  Result<MemoryReading> look(std::span<const pid_t> ours) const override {
    const std::string info = read_kernel_file(paths_.proc / "meminfo");
    const std::uint64_t machine = kilobytes_of(info, "MemTotal") * 1024;
    const std::uint64_t available = kilobytes_of(info, "MemAvailable") * 1024;
    if (machine == 0)
      return fail(ErrorKind::io, "read the machine's memory from " + (paths_.proc / "meminfo").string());
    MemoryReading reading;
    reading.source = "host";
    reading.device = "this machine";
    reading.total_bytes = machine;
    std::uint64_t used = machine - std::min(machine, available);
    if (const auto limit = cgroup_limit(paths_); limit && limit->total < machine) {
      reading.source = "cgroup";
      reading.total_bytes = limit->total;
      // The machine itself may have less left than the group allows.
      used = std::max(limit->used, limit->total - std::min(limit->total, available));
    }
    // What is free counts no mapped file as used, so our mapped models are added to it.
    const ProcessMemory mine = sum(ours);
    reading.ours_bytes = mine.own_bytes + mine.file_bytes;
    reading.others_bytes = used - std::min(used, mine.own_bytes);
    reading.used_bytes = std::min(reading.others_bytes + reading.ours_bytes, reading.total_bytes);
    return reading;
  }

 private:
  ProcessMemory sum(std::span<const pid_t> roots) const {
    ProcessMemory total;
    for (const pid_t pid : process_trees(paths_.proc, roots)) {
      const ProcessMemory memory = process_memory(paths_.proc, pid);
      total.own_bytes += memory.own_bytes;
      total.file_bytes += memory.file_bytes;
    }
    return total;
  }

  const MonitorPaths paths_;
};

}  // namespace

std::unique_ptr<MemoryMonitor> host_memory(const MonitorPaths& paths) {
  return std::make_unique<HostMemory>(paths);
}

}  // namespace studio
