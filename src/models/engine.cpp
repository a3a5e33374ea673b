// The supervisor thread behind Engine, and how a dead child is mended once.
#include "models/engine.h"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include <sys/wait.h>

#include <fmt/format.h>

#include "base/process.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kReadyPoll = 20ms;
constexpr auto kWatchPoll = 50ms;
constexpr std::uintmax_t kLogRotateBytes = 4u << 20;
constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un

// The folder of the socket. A long TMPDIR would not fit into a socket's address.
Result<ScratchFolder> socket_folder() {
  TRY_ASSIGN(ScratchFolder folder, ScratchFolder::create("studio-engine"));
  if ((folder.path() / "engine.sock").string().size() > kLongestSocketPath)
    return fail(ErrorKind::io,
                fmt::format("make a socket in {}: the path is too long", folder.path().string()),
                "set TMPDIR to a shorter folder, such as /tmp");
  return folder;
}

// One old log is kept; the file of a running engine is never rotated under it.
Result<Path> open_log(const std::string& name) {
  const Path folder = cache_folder() / "logs";
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec)
    return fail(ErrorKind::io, fmt::format("make the folder {}: {}", folder.string(), ec.message()),
                "set XDG_CACHE_HOME to a folder you may write to");
  const Path log = folder / (name + ".log");
  if (const auto size = std::filesystem::file_size(log, ec); !ec && size > kLogRotateBytes)
    std::filesystem::rename(log, folder / (name + ".log.1"), ec);
  return log;
}

std::string last_lines(const Path& log, std::uintmax_t from, std::size_t lines) {
  const auto text = read_file(log);
  if (!text) return {};
  std::string_view tail(*text);
  tail.remove_prefix(std::min<std::size_t>(from, tail.size()));
  while (tail.ends_with('\n')) tail.remove_suffix(1);
  std::size_t begin = tail.size();
  for (; lines > 0 && begin != std::string_view::npos && begin > 0; --lines)
    begin = tail.rfind('\n', begin - 1);
  tail.remove_prefix(begin == std::string_view::npos ? 0 : begin);
  return std::string(tail.substr(0, 4000));
}

std::string describe_status(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::string_view name_of(EngineState state) {
  switch (state) {
    case EngineState::starting: return "starting";
    case EngineState::ready: return "ready";
    case EngineState::failed: return "failed";
    case EngineState::stopped: return "stopped";
  }
  return "failed";
}

class Engine::Supervisor {
 public:
  Supervisor(EngineSpec spec, ScratchFolder folder, Path log)
      : spec_(std::move(spec)), folder_(std::move(folder)), log_(std::move(log)) {
    endpoint_ = Endpoint{"http://localhost", (folder_.path() / "engine.sock").string()};
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }

  Result<void> wait_ready(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return state_ != EngineState::starting; });
    if (state_ == EngineState::ready) return {};
    if (state_ == EngineState::starting)
      return fail(ErrorKind::interrupted, spec_.name + ": interrupted while starting");
    if (state_ == EngineState::stopped) return fail(ErrorKind::interrupted, spec_.name + ": it was stopped");
    return std::unexpected(failure_);
  }

  bool wait_for_death(int restarts_before, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience,
                             [&] { return restarts_ > restarts_before || state_ != EngineState::ready; });
  }

  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  EngineState state() const { return (std::lock_guard(mutex_), state_); }
  pid_t pid() const { return (std::lock_guard(mutex_), pid_); }
  int restarts() const { return (std::lock_guard(mutex_), restarts_); }
  const Endpoint& endpoint() const { return endpoint_; }
  const Path& log() const { return log_; }

 private:
  void run(std::stop_token stop) {
    while (!stop.stop_requested()) {
      auto life = live_once(stop);
      set_pid(-1);
      if (stop.stop_requested()) break;
      // A child that never became ready would not do so the second time either.
      const bool mendable = life.has_value() && restarts() < spec_.restarts;
      if (!mendable) {
        set(EngineState::failed, life ? died(*life) : life.error());
        return;
      }
      {
        std::lock_guard lock(mutex_);
        ++restarts_;
        state_ = EngineState::starting;
      }
      changed_.notify_all();
    }
    set(EngineState::stopped, {});
  }

  // From fork to death. The wait status when it died after having been ready; an error when it
  // never got there. With stop requested the child is ended and either may come back.
  Result<int> live_once(std::stop_token stop) {
    std::error_code ec;
    std::filesystem::remove(endpoint_.unix_socket, ec);
    log_from_ = std::filesystem::exists(log_, ec) ? std::filesystem::file_size(log_, ec) : 0;
    TRY_ASSIGN(ChildProcess child, ChildProcess::start({command(), {}, log_}));
    set_pid(child.pid());
    TRY(become_ready(child, stop));
    set(EngineState::ready, {});
    std::mutex sleep_mutex;
    std::condition_variable_any sleep;
    while (true) {
      if (const auto status = child.poll()) return *status;
      std::unique_lock lock(sleep_mutex);
      sleep.wait_for(lock, stop, kWatchPoll, [] { return false; });
      if (stop.stop_requested()) {
        child.stop();
        return 0;
      }
    }
  }

  Result<void> become_ready(ChildProcess& child, std::stop_token stop) {
    const auto deadline = Clock::now() + spec_.ready_timeout;
    HttpRequest probe;
    probe.endpoint = endpoint_;
    probe.path = spec_.ready_path;
    probe.timeout = 2s;
    probe.stop = stop;
    while (true) {
      if (const auto status = child.poll())
        return fail(ErrorKind::engine_failed,
                    fmt::format("start {}: it ended before it was ready ({}){}", spec_.name,
                                describe_status(*status), log_tail()),
                    fmt::format("its log is {}", log_.string()));
      if (stop.stop_requested())
        return fail(ErrorKind::interrupted, spec_.name + ": interrupted while starting");
      if (Clock::now() > deadline)
        return fail(ErrorKind::timeout,
                    fmt::format("start {}: not ready after {} s{}", spec_.name,
                                std::chrono::duration_cast<std::chrono::seconds>(spec_.ready_timeout).count(),
                                log_tail()),
                    fmt::format("its log is {}", log_.string()));
      if (const auto answer = send_http(probe); answer && answer->status == 200) return {};
      std::this_thread::sleep_for(kReadyPoll);
    }
  }

  std::vector<std::string> command() const {
    std::vector<std::string> command = spec_.command;
    for (std::string& argument : command)
      if (const auto at = argument.find("{socket}"); at != std::string::npos)
        argument.replace(at, std::strlen("{socket}"), endpoint_.unix_socket);
    return command;
  }

  Error died(int status) const {
    return {ErrorKind::engine_failed,
            fmt::format("{} died ({}) and had been restarted {} time{} already{}", spec_.name,
                        describe_status(status), spec_.restarts, spec_.restarts == 1 ? "" : "s", log_tail()),
            fmt::format("look into its log {}; too little memory is the usual cause", log_.string())};
  }

  std::string log_tail() const {
    const std::string tail = last_lines(log_, log_from_, 6);
    return tail.empty() ? "" : "; its last words:\n" + tail;
  }

  void set(EngineState state, Error failure) {
    {
      std::lock_guard lock(mutex_);
      state_ = state;
      failure_ = std::move(failure);
    }
    changed_.notify_all();
  }

  void set_pid(pid_t pid) {
    std::lock_guard lock(mutex_);
    pid_ = pid;
  }

  const EngineSpec spec_;
  const ScratchFolder folder_;
  const Path log_;
  Endpoint endpoint_;
  std::uintmax_t log_from_ = 0;  // only on the supervisor's thread

  mutable std::mutex mutex_;  // guards the four below
  EngineState state_ = EngineState::starting;
  Error failure_;
  pid_t pid_ = -1;
  int restarts_ = 0;
  std::condition_variable_any changed_;

  std::jthread thread_;  // last: it uses all of the above
};

Result<std::unique_ptr<Engine>> Engine::start(EngineSpec spec, std::stop_token stop) {
  TRY_ASSIGN(ScratchFolder folder, socket_folder());
  TRY_ASSIGN(Path log, open_log(spec.log_name));
  std::unique_ptr<Engine> engine(
      new Engine(std::make_unique<Supervisor>(std::move(spec), std::move(folder), std::move(log))));
  TRY(engine->wait_ready(stop));
  return engine;
}

Engine::Engine(std::unique_ptr<Supervisor> supervisor) : supervisor_(std::move(supervisor)) {}
Engine::~Engine() {
  stop();
}
const Endpoint& Engine::endpoint() const {
  return supervisor_->endpoint();
}
Result<void> Engine::wait_ready(std::stop_token stop) {
  return supervisor_->wait_ready(std::move(stop));
}
bool Engine::wait_for_death(int restarts_before, std::chrono::milliseconds patience) const {
  return supervisor_->wait_for_death(restarts_before, patience);
}
EngineState Engine::state() const {
  return supervisor_->state();
}
pid_t Engine::pid() const {
  return supervisor_->pid();
}
int Engine::restarts() const {
  return supervisor_->restarts();
}
const Path& Engine::log() const {
  return supervisor_->log();
}
void Engine::stop() {
  supervisor_->stop();
}

}  // namespace studio
