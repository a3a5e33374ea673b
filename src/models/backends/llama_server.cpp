// The only file that knows llama-server's command line.
#include "models/llama_server.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/process.h"

namespace studio {
namespace {

std::optional<int> leading_number(std::string_view& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool is_program(const Path& path) {
  std::error_code ec;
  return std::filesystem::is_regular_file(path, ec) && ::access(path.c_str(), X_OK) == 0;
}

std::optional<Path> on_path(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty() && is_program(Path(folder) / name)) return Path(folder) / name;
  return std::nullopt;
}

// The newest of engines/llama-server-*/llama-server that setup finished.
std::optional<Path> in_cache() {
  std::set<Path> found;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(cache_folder() / "engines", ec))
    if (entry.path().filename().string().starts_with("llama-server-") &&
        is_program(entry.path() / "llama-server"))
      found.insert(entry.path() / "llama-server");
  if (found.empty()) return std::nullopt;
  return *found.rbegin();
}

// cgroup v2: "200000 100000" is two cores, "max 100000" no limit.
int cgroup_quota_cores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 1 << 20;
  return std::max(1, static_cast<int>(std::atof(quota.c_str()) / period));
}

int physical_cores_in_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return 1;
  std::set<std::string> cores;  // hyper-threads of one core share their sibling list
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    std::string siblings;
    std::getline(file, siblings);
    cores.insert(siblings.empty() ? fmt::format("cpu{}", cpu) : siblings);
  }
  return static_cast<int>(cores.size());
}

}  // namespace

std::optional<LlamaServerVersion> parse_llama_version(std::string_view output) {
  constexpr std::string_view kLabel = "version: ";
  const std::size_t at = output.find(kLabel);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = output.substr(at + kLabel.size());
  LlamaServerVersion version;
  version.text = std::string(rest.substr(0, rest.find('\n')));
  if (rest.starts_with('b')) rest.remove_prefix(1);
  const auto first = leading_number(rest);
  if (!first) return std::nullopt;
  if (!rest.starts_with('.')) {
    version.build = *first;
    return version;
  }
  rest.remove_prefix(1);
  const auto second = leading_number(rest);
  if (!second) return std::nullopt;
  version.major = *first;
  version.minor = *second;
  return version;
}

bool is_new_enough(const LlamaServerVersion& version) {
  if (version.build > 0) return version.build >= 6000;
  return std::pair(version.major, version.minor) >= std::pair(0, 5);
}

Result<Path> find_llama_server() {
  constexpr std::string_view kHint = "build it once with: setup/setup.sh (about 4 minutes on two cores)";
  if (const char* given = std::getenv("STUDIO_LLAMA_SERVER"); given != nullptr && *given != '\0') {
    if (is_program(given)) return Path(given);
    return fail(ErrorKind::missing_part,
                fmt::format("run the engine {}: no such program (STUDIO_LLAMA_SERVER)", given),
                "correct or unset STUDIO_LLAMA_SERVER");
  }
  if (auto cached = in_cache()) return *std::move(cached);
  const auto installed = on_path("llama-server");
  if (!installed)
    return fail(ErrorKind::missing_part, "find the engine llama-server: neither in the cache nor on PATH",
                std::string(kHint));
  TRY_ASSIGN(const ProcessOutput run,
             run_process({installed->string(), "--version"}, std::chrono::seconds(20)));
  const auto version = parse_llama_version(run.err + run.out);
  if (version && is_new_enough(*version)) return *installed;
  return fail(ErrorKind::missing_part,
              fmt::format("use the engine {}: its version {} is too old, 0.5 (or build 6000) is needed",
                          installed->string(), version ? version->text : "cannot be read, it"),
              std::string(kHint));
}

EngineSpec llama_server_spec(const LlamaServerOptions& options) {
  const int threads = options.threads > 0 ? options.threads : usable_cores();
  const int slots = std::max(1, options.slots);
  EngineSpec spec;
  spec.name = fmt::format("llama-server {}", options.id);
  spec.log_name = fmt::format("llama-server-{}", options.id);
  spec.command = {options.program.string(), "--model", options.model.string(), "--alias", options.id,
                  "--host", "{socket}",
                  // -c is shared by the slots.
                  "--ctx-size", std::to_string(options.context * slots), "--parallel", std::to_string(slots),
                  "--threads", std::to_string(threads), "--threads-batch", std::to_string(threads),
                  "--cache-ram", std::to_string(options.prompt_cache_mib),
                  // A decoder may be running beside it: waiting threads must not spin.
                  "--poll", "0", "--no-ui", "--no-slots", "--offline"};
  return spec;
}

int usable_cores() {
  return std::max(1, std::min(physical_cores_in_mask(), cgroup_quota_cores()));
}

}  // namespace studio
