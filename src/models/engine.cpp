// The supervisor thread behind Engine, and how a dead child is mended.
#include "models/engine.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include <sys/wait.h>

#include <fmt/format.h>

#include "base/locked.h"
#include "base/process.h"
#include "models/engine_log.h"
#include "models/loopback_port.h"
#include "models/socket_folder.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kWatchPoll = 50ms;
constexpr auto kLogLook = 1s;

// A probe costs some 0.1 ms of CPU. Small models load within a second, where each millisecond is
// somebody waiting; who loads for a minute does not see 50 ms.
std::chrono::milliseconds ready_poll(Clock::duration waited) {
  return waited < 2s ? 5ms : waited < 10s ? 20ms : 50ms;
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
  Supervisor(EngineSpec spec, SocketFolder folder, Path log)
      : spec_(std::move(spec)), folder_(std::move(folder)), log_(std::move(log)) {
    socket_ = folder_.socket();
    endpoint_ = Endpoint{"http://localhost", socket_};
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

  EngineState state() const { return copy_locked(mutex_, state_); }
  pid_t pid() const { return copy_locked(mutex_, pid_); }
  int restarts() const { return copy_locked(mutex_, restarts_); }
  Endpoint endpoint() const { return copy_locked(mutex_, endpoint_); }
  const Path& log() const { return log_; }

 private:
  void run(std::stop_token stop) {
    bool taken_port = false;
    while (!stop.stop_requested()) {
      auto life = live_once(stop);
      set_pid(-1);
      if (stop.stop_requested()) break;
      // Somebody else took the port between our choosing it and the child's binding it.
      if (!life && port_in_use() && !std::exchange(taken_port, true)) continue;
      // A child that never became ready would not do so the second time either.
      const bool mendable = life || (ever_ready_ && life.error().kind == ErrorKind::engine_failed);
      const auto pause = mendable ? backoff() : std::nullopt;
      const Error reason = life ? died(*life) : life.error();
      if (!pause) {
        set(EngineState::failed, reason);
        tell(EngineState::failed, reason);
        return;
      }
      {
        std::lock_guard lock(mutex_);
        ++restarts_;
        state_ = EngineState::starting;
      }
      changed_.notify_all();
      tell(EngineState::starting, reason);
      if (*pause > 0ms && !sleep(*pause, stop)) break;
    }
    set(EngineState::stopped, {});
  }

  // How long to wait before the next start; nothing when it has died too often.
  std::optional<std::chrono::milliseconds> backoff() {
    const auto now = Clock::now();
    if (spec_.restart_window > 0s)
      std::erase_if(deaths_, [&](Clock::time_point death) { return now - death > spec_.restart_window; });
    if (static_cast<int>(deaths_.size()) >= spec_.restarts) return std::nullopt;
    deaths_.push_back(now);
    if (deaths_.size() == 1) return 0ms;
    const auto grown = 100ms * (1LL << std::min<std::size_t>(deaths_.size() - 2, 16));
    return std::min<std::chrono::milliseconds>(grown, spec_.longest_backoff);
  }

  // From fork to death. The wait status when it died after having been ready; an error when it
  // never got there. With stop requested the child is ended and either may come back.
  Result<int> live_once(std::stop_token stop) {
    std::error_code ec;
    std::filesystem::remove(socket_, ec);
    log_from_ = log_size(log_);
    TRY_ASSIGN(const std::vector<std::string> command, this->command());
    TRY_ASSIGN(ChildProcess child, ChildProcess::start({command, spec_.environment, log_}));
    set_pid(child.pid());
    if (spec_.forked) spec_.forked(child.pid());
    if (auto ready = become_ready(child, stop); !ready) {
      child.stop(spec_.grace);
      return std::unexpected(ready.error());
    }
    set(EngineState::ready, {});
    if (std::exchange(ever_ready_, true)) tell(EngineState::ready, {});
    auto log_looked_at = Clock::now();
    while (true) {
      if (const auto status = child.poll()) return *status;
      if (!sleep(kWatchPoll, stop)) {
        child.stop(spec_.grace);
        return 0;
      }
      if (Clock::now() - log_looked_at < kLogLook) continue;
      log_looked_at = Clock::now();
      rotate_engine_log(log_);
    }
  }

  // False when the stop came first.
  static bool sleep(std::chrono::milliseconds time, const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any asleep;
    std::unique_lock lock(mutex);
    asleep.wait_for(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
  }

  Result<void> become_ready(ChildProcess& child, std::stop_token stop) {
    const auto begun = Clock::now();
    HttpRequest probe;
    probe.endpoint = endpoint();
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
      if (Clock::now() - begun > spec_.ready_timeout)
        return fail(ErrorKind::timeout,
                    fmt::format("start {}: not ready after {} s{}", spec_.name,
                                std::chrono::duration_cast<std::chrono::seconds>(spec_.ready_timeout).count(),
                                log_tail()),
                    fmt::format("its log is {}", log_.string()));
      if (const auto answer = send_http(probe); answer && answer->status == 200) return {};
      std::this_thread::sleep_for(ready_poll(Clock::now() - begun));
    }
  }

  // With the socket's path or a port that is free now; the endpoint follows.
  Result<std::vector<std::string>> command() {
    std::vector<std::string> command = spec_.command;
    for (std::string& argument : command) {
      if (const auto at = argument.find("{socket}"); at != std::string::npos)
        argument.replace(at, std::strlen("{socket}"), socket_);
      if (const auto at = argument.find("{port}"); at != std::string::npos) {
        TRY_ASSIGN(port_, free_loopback_port(spec_.port));
        argument.replace(at, std::strlen("{port}"), std::to_string(port_));
        std::lock_guard lock(mutex_);
        endpoint_ = Endpoint{fmt::format("http://127.0.0.1:{}", port_), {}};
      }
    }
    return command;
  }

  bool port_in_use() const { return port_ > 0 && free_loopback_port(port_).value_or(port_) != port_; }

  Error died(int status) const {
    return {ErrorKind::engine_failed,
            fmt::format("{} died ({}) and had been restarted {} time{} already{}", spec_.name,
                        describe_status(status), restarts(), restarts() == 1 ? "" : "s", log_tail()),
            fmt::format("look into its log {}; too little memory is the usual cause", log_.string())};
  }

  std::string log_tail() const {
    const std::string tail = last_log_lines(log_, log_from_, 6);
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

  void tell(EngineState state, const Error& reason) const {
    if (spec_.changed) spec_.changed(state, reason, restarts());
  }

  void set_pid(pid_t pid) {
    std::lock_guard lock(mutex_);
    pid_ = pid;
  }

  const EngineSpec spec_;
  const SocketFolder folder_;
  const Path log_;
  std::string socket_;
  // Only on the supervisor's thread:
  std::uintmax_t log_from_ = 0;
  int port_ = 0;
  bool ever_ready_ = false;
  std::vector<Clock::time_point> deaths_;

  mutable std::mutex mutex_;  // guards the five below
  Endpoint endpoint_;
  EngineState state_ = EngineState::starting;
  Error failure_;
  pid_t pid_ = -1;
  int restarts_ = 0;
  std::condition_variable_any changed_;

  std::jthread thread_;  // last: it uses all of the above
};

Result<std::unique_ptr<Engine>> Engine::start(EngineSpec spec, std::stop_token stop) {
  TRY_ASSIGN(SocketFolder folder, SocketFolder::create());
  TRY_ASSIGN(Path log, open_engine_log(spec.log_name));
  std::unique_ptr<Engine> engine(
      new Engine(std::make_unique<Supervisor>(std::move(spec), std::move(folder), std::move(log))));
  TRY(engine->wait_ready(stop));
  return engine;
}

Engine::Engine(std::unique_ptr<Supervisor> supervisor) : supervisor_(std::move(supervisor)) {}
Engine::~Engine() {
  stop();
}
Endpoint Engine::endpoint() const {
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
