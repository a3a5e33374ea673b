// studio serve: the OpenAI-compatible server in front of every model, in the foreground or behind (-d).
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "gateway/config.h"
#include "gateway/gateway.h"
#include "gateway/route_targets.h"
#include "models/engine_log.h"
#include "models/model_manager.h"
#include "models/server_state.h"

namespace studio::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartWithin = 30s;

struct Options {
  CommonOptions common;
  std::string config, host, unix_socket, log;
  int port = -1;
  std::vector<std::string> engines;
  bool detach = false;
};

Result<GatewayConfig> read_config(const Options& options) {
  TRY_ASSIGN(GatewayConfig config, read_gateway_config(options.config));
  for (const std::string& engine : options.engines) TRY(add_engine_option(config, engine));
  if (!options.host.empty()) config.listen.host = options.host;
  if (options.port >= 0) config.listen.port = options.port;
  if (!options.unix_socket.empty()) config.listen.unix_socket = options.unix_socket;
  return config;
}

// SIGHUP reads the configuration again: on a thread of its own, since reading may take a while and the
// signals' thread must be free for a Ctrl-C.
class Reloads {
 public:
  explicit Reloads(std::function<void()> reload)
      : thread_([this, reload = std::move(reload)](std::stop_token stop) {
          std::unique_lock lock(mutex_);
          while (asked_.wait(lock, stop, [this] { return wanted_; })) {
            wanted_ = false;
            lock.unlock();
            reload();
            lock.lock();
          }
        }),
        hangup_([this] {
          const std::lock_guard lock(mutex_);
          wanted_ = true;
          asked_.notify_all();
        }) {}

 private:
  std::mutex mutex_;  // guards wanted_
  std::condition_variable_any asked_;
  bool wanted_ = false;
  std::jthread thread_;
  OnHangup hangup_;
};

// The log of a server behind has a line for each request: it is rotated, as engines' are. Only where it is
// what we write to: a file that was merely named stays as it is.
class LogRotation {
 public:
  explicit LogRotation(const Path& log) {
    struct stat written{}, named{};
    if (log.empty() || ::fstat(2, &written) != 0 || ::stat(log.c_str(), &named) != 0 ||
        written.st_ino != named.st_ino || written.st_dev != named.st_dev || !S_ISREG(named.st_mode))
      return;
    thread_ = std::jthread([log](std::stop_token stop) {
      std::mutex mutex;
      std::condition_variable_any asleep;
      std::unique_lock lock(mutex);
      do {
        rotate_engine_log(log, kLogBytes);
      } while (!asleep.wait_for(lock, stop, kLogLook, [&] { return stop.stop_requested(); }));
    });
  }

 private:
  static constexpr std::uintmax_t kLogBytes = 16u << 20;
  static constexpr auto kLogLook = 2s;
  std::jthread thread_;
};

// A thousand streams are two thousand descriptors; the usual soft limit is 1024.
void raise_descriptor_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

Json state_json(const ServerState& state) {
  return {{"schema", "studio.serve/1"}, {"url", state.url}, {"pid", state.pid}, {"log", state.log.string()}};
}

// A studio that has the address already is named; of another program the kernel says only that it is taken.
Result<void> nobody_serves(const ListenConfig& listen) {
  const bool any = listen.host == "0.0.0.0" || listen.host == "::" || listen.host.empty();
  const std::string host = any                         ? "127.0.0.1"
                           : listen.host.contains(':') ? "[" + listen.host + "]"
                                                       : listen.host;
  const auto running = named_server(fmt::format("http://{}:{}", host, listen.port));
  if (!running || running->pid <= 0 || listen.port == 0) return {};
  return fail(ErrorKind::wrong_usage,
              fmt::format("start a server: one runs already at {} (process {})", running->url, running->pid),
              fmt::format("end it first: studio stop --server {}; or choose another --port", listen.port));
}

Result<Outcome> serve(const Options& options, std::stop_token stop) {
  raise_descriptor_limit();
  TRY_ASSIGN(const GatewayConfig config, read_config(options));
  TRY(nobody_serves(config.listen));
  TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load());
  ManagerOptions wishes = manager_options(config);
  wishes.catalog = catalog;
  TRY_ASSIGN(const auto manager, ModelManager::create(std::move(wishes)));
  GatewayOptions wish;
  wish.config = config;
  wish.manager = manager;
  wish.catalog = catalog;
  wish.version = STUDIO_VERSION;
  TRY_ASSIGN(const auto gateway, Gateway::start(std::move(wish)));

  const LogRotation rotation(options.log);
  const ServerState state{::getpid(), gateway->url(), options.log, STUDIO_VERSION};
  {
    const Reloads reloads([&] {
      const auto applied = [&]() -> Result<void> {
        TRY_ASSIGN(const GatewayConfig read, read_config(options));
        TRY_ASSIGN(ModelCatalog models, ModelCatalog::load());
        return gateway->reload(read, std::move(models));
      }();
      if (applied)
        warn("read the configuration again");
      else
        warn(fmt::format("the configuration stays as it was: {}", applied.error().message));
    });
    // Found by others from here on, who may send SIGHUP: only now does that no longer end it.
    TRY(write_server_state(state));
    print(options.common, fmt::format("listening on {}\n", state.url));
    std::fflush(stdout);
    std::atomic<bool> ended{false};
    const std::stop_callback on_stop(stop, [&] {
      ended = true;
      ended.notify_all();
    });
    ended.wait(false);
  }
  say(options.common, "stopping: answering what was accepted");
  gateway->stop();
  manager->drain(0ms);
  remove_server_state(state.pid);
  return Outcome::with(state_json(state));
}

// serve.log, or serve-2.log and so on while another server writes to that.
Path free_log() {
  const auto servers = server_states();
  for (int number = 1;; ++number) {
    Path log = cache_folder() / "logs" / (number == 1 ? "serve.log" : fmt::format("serve-{}.log", number));
    if (std::ranges::find(servers, log, &ServerState::log) == servers.end()) return log;
  }
}

std::optional<ServerState> state_of(pid_t pid) {
  for (ServerState& state : server_states())
    if (state.pid == pid) return std::move(state);
  return std::nullopt;
}

// The same command without -d in a session of its own; returns once it listens, or with what it said.
Result<Outcome> serve_behind(const Options& options, std::stop_token stop) {
  TRY_ASSIGN(const GatewayConfig config, read_config(options));
  TRY(nobody_serves(config.listen));
  Path log = options.log.empty() ? free_log() : std::filesystem::absolute(options.log);
  std::error_code ec;
  std::filesystem::create_directories(log.parent_path(), ec);
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0)
    return fail(ErrorKind::io, fmt::format("open the log {}: {}", log.string(), std::strerror(errno)));
  const off_t log_begin = ::lseek(file, 0, SEEK_END);

  std::vector<std::string> words{"studio", "serve", "--log", log.string()};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {name, value});
  };
  add("--config", options.config);
  add("--host", options.host);
  add("--unix-socket", options.unix_socket);
  if (options.port >= 0) add("--port", std::to_string(options.port));
  for (const std::string& engine : options.engines) add("--engine", engine);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorKind::io, fmt::format("start a process: {}", std::strerror(errno)));
  if (pid == 0) {
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(file, 1);
    ::dup2(file, 2);
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
  ::close(file);
  const auto latest = std::chrono::steady_clock::now() + kStartWithin;
  while (std::chrono::steady_clock::now() < latest && !stop.stop_requested()) {
    if (const auto state = state_of(pid)) {
      print(options.common, fmt::format("listening on {}\n", state->url));
      say(options.common, fmt::format("process {}, log {}", pid, log.string()));
      return Outcome::with(state_json(*state));
    }
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      std::string said;
      if (auto text = read_file(log, 64u << 20))
        said = text->substr(std::min<std::size_t>(text->size(), static_cast<std::size_t>(log_begin)));
      while (said.ends_with('\n')) said.pop_back();
      const bool misused = WIFEXITED(status) && WEXITSTATUS(status) == 2;
      return fail(misused ? ErrorKind::wrong_usage : ErrorKind::engine_failed,
                  fmt::format("start the server: it ended at once\n{}", said),
                  fmt::format("its log is {}", log.string()));
    }
    std::this_thread::sleep_for(50ms);
  }
  ::kill(pid, SIGTERM);
  if (stop.stop_requested()) return fail(ErrorKind::interrupted, "start the server: interrupted");
  return fail(ErrorKind::timeout,
              fmt::format("start the server: it does not listen after {} s", kStartWithin.count()),
              fmt::format("its log is {}", log.string()));
}

}  // namespace

void add_serve(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("serve", "One OpenAI-compatible address for every model");
  command->add_option("--host", options->host,
                      "Address to listen on (127.0.0.1); beyond loopback only with API keys");
  command->add_option("--port", options->port, "Port to listen on (8420); 0 picks a free one and prints it")
      ->check(CLI::Range(0, 65535));
  command->add_option("--config", options->config,
                      "Configuration (gateway.yaml of the configuration folder)");
  command->add_option("--engine", options->engines, "An engine by URL, NAME=URL; may be given several times");
  command->add_option("--unix-socket", options->unix_socket, "Also listen on this Unix socket");
  command->add_flag("-d,--detach", options->detach, "Run behind; returns once it listens");
  command->add_option("--log", options->log,
                      "Where the log of a server behind goes (logs/serve.log in the cache)");
  add_common_options(*command, options->common);
  command->footer(
      "Example:\n"
      "  studio serve -d\n"
      "  curl http://127.0.0.1:8420/v1/chat/completions -d "
      "'{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n"
      "\n"
      "SIGHUP reads the configuration again without dropping a request; SIGTERM and Ctrl-C let running\n"
      "requests finish.");
  command->callback([options, &chosen] {
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common,
                      [&] { return options->detach ? serve_behind(*options, stop) : serve(*options, stop); });
    };
  });
}

}  // namespace studio::cli
