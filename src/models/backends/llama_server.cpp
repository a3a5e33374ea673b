// The only file that knows llama-server's command line; llama-server as a kind of engine.
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
#include "models/backends/kinds.h"
#include "models/engine_kind.h"

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

bool llama_server_uses_card(const Path& program) {
  const auto run = run_process({program.string(), "--list-devices"}, std::chrono::seconds(20));
  if (!run) return false;
  // "  CUDA0: NVIDIA H100 (81079 MiB, 80000 MiB free)" after a title line; only the title without one.
  const std::string text = run->out + run->err;
  const std::size_t title = text.find("Available devices:");
  return title != std::string::npos && text.find("MiB", title) != std::string::npos;
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
  const auto add = [&](std::initializer_list<std::string> arguments) {
    spec.command.insert(spec.command.end(), arguments);
  };
  using Task = LlamaServerOptions::Task;
  // A text that is embedded or ranked must fit into one batch whole.
  if (options.task != Task::chat)
    add({options.task == Task::rerank ? "--rerank" : "--embeddings", "--batch-size", "2048", "--ubatch-size",
         "2048"});
  // The empty run at the start costs as much as it saves the first request.
  if (options.task == Task::chat) add({"--no-warmup"});
  if (!options.projector.empty()) add({"--mmproj", options.projector.string()});
  if (!options.draft.empty()) add({"--model-draft", options.draft.string()});
  if (options.gpu_layers) add({"--gpu-layers", std::to_string(*options.gpu_layers)});
  if (!options.cache_type_k.empty()) add({"--cache-type-k", options.cache_type_k});
  // A quantized V cache works only with flash attention.
  if (!options.cache_type_v.empty()) add({"--cache-type-v", options.cache_type_v, "--flash-attn", "on"});
  // Trying out what fits would load the model twice; we have computed it. By the environment, because
  // older versions refuse an option that they do not know.
  spec.environment = {{"LLAMA_ARG_FIT", "off"}};
  // Newer versions load a draft model and leave it idle until they are told what it is for.
  if (!options.draft.empty()) spec.environment.emplace("LLAMA_ARG_SPEC_TYPE", "draft-simple");
  // It has nothing to save, but at SIGTERM waits for its open connections (30 s when one is kept alive).
  spec.grace = std::chrono::milliseconds(100);
  return spec;
}

int usable_cores() {
  return std::max(1, std::min(physical_cores_in_mask(), cgroup_quota_cores()));
}

namespace {

class LlamaServed : public ServedModel {
 public:
  LlamaServed(std::unique_ptr<Engine> engine, std::string id)
      : engine_(std::move(engine)), id_(std::move(id)) {}
  Endpoint endpoint() const override {
    Endpoint endpoint = engine_->endpoint();
    endpoint.base_url += "/v1";
    return endpoint;
  }
  std::string upstream_model() const override { return id_; }
  pid_t pid() const override { return engine_->pid(); }
  int restarts() const override { return engine_->restarts(); }
  Path log() const override { return engine_->log(); }
  bool wait_for_death(int restarts_before, std::chrono::milliseconds patience) const override {
    return engine_->wait_for_death(restarts_before, patience);
  }
  Result<void> wait_ready(std::stop_token stop) override { return engine_->wait_ready(std::move(stop)); }
  Result<void> end() override {
    engine_->stop();
    return {};
  }

 private:
  const std::unique_ptr<Engine> engine_;
  const std::string id_;
};

class LlamaServerKind : public EngineKind {
 public:
  std::string_view name() const override { return "llama-server"; }

  EngineCapabilities capabilities(const EngineStart& start) const override {
    EngineCapabilities can;
    can.embeddings = start.task == "embedding";
    can.rerank = start.task == "rerank";
    can.chat = can.completions = can.responses = can.messages = !can.embeddings && !can.rerank;
    can.vision = can.chat && (start.task == "vision" || !start.mmproj.empty());
    return can;
  }

  Result<std::unique_ptr<ServedModel>> serve(
      const EngineStart& start, std::function<void(EngineChange, const Error&)> changed) const override {
    using Task = LlamaServerOptions::Task;
    LlamaServerOptions options;
    TRY_ASSIGN(options.program, find_llama_server());
    options.model = start.file;
    options.id = start.model_id;
    options.context = start.context;
    options.slots = start.slots;
    options.threads = start.threads;
    options.task = start.task == "embedding" ? Task::embeddings
                   : start.task == "rerank"  ? Task::rerank
                                             : Task::chat;
    options.projector = start.mmproj;
    options.draft = start.draft;
    options.gpu_layers = start.gpu_layers;
    options.cache_type_k = start.cache_type_k;
    options.cache_type_v = start.cache_type_v;
    EngineSpec spec = llama_server_spec(options);
    spec.ready_timeout = start.ready_timeout;
    spec.restarts = start.restarts;
    spec.restart_window = start.restart_window;
    spec.forked = start.forked;
    spec.changed = [changed = std::move(changed)](EngineState state, const Error& reason, int) {
      if (state == EngineState::starting) changed(EngineChange::restarting, reason);
      if (state == EngineState::ready) changed(EngineChange::ready_again, reason);
      if (state == EngineState::failed) changed(EngineChange::failed, reason);
    };
    TRY_ASSIGN(auto engine, Engine::start(std::move(spec), start.stop));
    return std::make_unique<LlamaServed>(std::move(engine), start.model_id);
  }
};

}  // namespace

const EngineKind& llama_server_kind() {
  static const LlamaServerKind kind;
  return kind;
}

}  // namespace studio
