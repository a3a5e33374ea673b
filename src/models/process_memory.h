// What the kernel's files tell: numbers, and of processes their memory and children. For the memory monitors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/files.h"

namespace studio {

// A file of /proc or /sys: they have no size, so read_file's limit by size does not fit them. Empty when it
// cannot be read.
std::string read_kernel_file(const Path& file);
// The number a file begins with; nothing for words (a cgroup's "max").
std::optional<std::uint64_t> read_kernel_number(const Path& file);

struct ProcessMemory {
  std::uint64_t own_bytes = 0;   // anonymous and shared: gone when the process ends
  std::uint64_t file_bytes = 0;  // mapped files: page cache that others may keep
};

// Zero for a process that is gone.
ProcessMemory process_memory(const Path& proc, pid_t pid);
// The processes and all their descendants, each once.
std::vector<pid_t> process_trees(const Path& proc, std::span<const pid_t> roots);
// "Key:   123 kB" lines, as in /proc/meminfo; nothing when the key is not there.
std::uint64_t kilobytes_of(std::string_view text, std::string_view key);

}  // namespace studio
