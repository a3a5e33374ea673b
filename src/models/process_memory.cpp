// Reads /proc/<pid>/status and the lists of children.
#include "models/process_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace studio {
namespace {

std::vector<pid_t> children_of(const Path& proc, pid_t pid) {
  std::vector<pid_t> children;
  std::error_code ec;
  for (const auto& thread :
       std::filesystem::directory_iterator(proc / std::to_string(pid) / "task",
                                           std::filesystem::directory_options::skip_permission_denied, ec)) {
    std::ifstream list(thread.path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace

std::string read_kernel_file(const Path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::optional<std::uint64_t> read_kernel_number(const Path& file) {
  const std::string text = read_kernel_file(file);
  std::uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

std::uint64_t kilobytes_of(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const bool begins_line = at == 0 || text[at - 1] == '\n';
    std::string_view rest = text.substr(at + key.size());
    if (!begins_line || !rest.starts_with(':')) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::uint64_t value = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), value);
    return value;
  }
  return 0;
}

ProcessMemory process_memory(const Path& proc, pid_t pid) {
  const std::string status = read_kernel_file(proc / std::to_string(pid) / "status");
  return {(kilobytes_of(status, "RssAnon") + kilobytes_of(status, "RssShmem")) * 1024,
          kilobytes_of(status, "RssFile") * 1024};
}

std::vector<pid_t> process_trees(const Path& proc, std::span<const pid_t> roots) {
  std::vector<pid_t> all;
  std::set<pid_t> seen;
  std::vector<pid_t> open(roots.begin(), roots.end());
  while (!open.empty()) {
    const pid_t pid = open.back();
    open.pop_back();
    if (pid <= 0 || !seen.insert(pid).second) continue;
    all.push_back(pid);
    std::ranges::copy(children_of(proc, pid), std::back_inserter(open));
  }
  return all;
}

}  // namespace studio
