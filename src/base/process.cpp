// fork/exec with a death signal, and a captured run with a deadline.
#include "base/process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

extern char** environ;

namespace studio {
namespace {

constexpr std::size_t kMaxCapture = 64u << 20;

struct Prepared {
  std::vector<char*> argv;
  std::vector<std::string> environment_storage;
  std::vector<char*> envp;
};

// Everything that allocates happens before fork: the child may only call async-signal-safe functions.
Prepared prepare(const std::vector<std::string>& command,
                 const std::map<std::string, std::string>& environment) {
  Prepared p;
  for (const std::string& argument : command) p.argv.push_back(const_cast<char*>(argument.c_str()));
  p.argv.push_back(nullptr);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (!environment.contains(text.substr(0, text.find('=')))) p.environment_storage.push_back(text);
  }
  for (const auto& [key, value] : environment) p.environment_storage.push_back(key + "=" + value);
  for (std::string& entry : p.environment_storage) p.envp.push_back(entry.data());
  p.envp.push_back(nullptr);
  return p;
}

// Starts the child with the given ends as its stdout and stderr; exec failures come back by a pipe.
Result<pid_t> spawn(const std::vector<std::string>& command,
                    const std::map<std::string, std::string>& environment, int out, int err,
                    const Path& working_folder) {
  if (command.empty()) return fail(ErrorKind::internal, "start a process: no command given");
  Prepared prepared = prepare(command, environment);
  int failure[2];
  if (::pipe2(failure, O_CLOEXEC) != 0)
    return fail(ErrorKind::io, fmt::format("start {}: {}", command[0], std::strerror(errno)));
  const pid_t parent = ::getpid();
  const std::string folder = working_folder.string();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::setpgid(0, 0);  // Ctrl-C reaches us first; we end the child in order
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    for (int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    int code = 0;
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) code = errno;
    if (code == 0) {
      ::execvpe(prepared.argv[0], prepared.argv.data(), prepared.envp.data());
      code = errno;
    }
    [[maybe_unused]] const auto written = ::write(failure[1], &code, sizeof code);
    ::_exit(127);
  }
  ::close(failure[1]);
  if (pid < 0) {
    ::close(failure[0]);
    return fail(ErrorKind::io, fmt::format("start {}: {}", command[0], std::strerror(errno)));
  }
  int code = 0;
  const ssize_t n = ::read(failure[0], &code, sizeof code);
  ::close(failure[0]);
  if (n == static_cast<ssize_t>(sizeof code)) {
    ::waitpid(pid, nullptr, 0);
    return fail(code == ENOENT ? ErrorKind::missing_part : ErrorKind::io,
                fmt::format("start {}: {}", command[0], std::strerror(code)),
                code == ENOENT ? fmt::format("install {} or put it on PATH", command[0]) : "");
  }
  return pid;
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ProcessOptions& options) {
  const std::string log = options.log.empty() ? "/dev/null" : options.log.string();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (out < 0) return fail(ErrorKind::io, fmt::format("open the log {}: {}", log, std::strerror(errno)));
  auto pid = spawn(options.command, options.environment, out, out, {});
  ::close(out);
  if (!pid) return std::unexpected(pid.error());
  return ChildProcess(*pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    stop();
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  stop();
}

// The child leads a process group of its own: what it started itself ends with it, never later. While
// the dead child is not reaped, its number cannot belong to anybody else.
std::optional<int> ChildProcess::poll() {
  if (status_ || pid_ < 0) return status_;
  siginfo_t ended{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      ended.si_pid != pid_)
    return status_;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  if (::waitpid(pid_, &status, 0) == pid_) status_ = status;
  return status_;
}

void ChildProcess::stop(std::chrono::milliseconds grace) {
  if (pid_ < 0 || poll()) return;
  ::kill(-pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + grace;
  while (!poll() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  if (status_) return;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  if (::waitpid(pid_, &status, 0) == pid_) status_ = status;
}

Result<ProcessOutput> run_process(const std::vector<std::string>& command, std::chrono::milliseconds timeout,
                                  std::stop_token stop, const Path& working_folder,
                                  const std::map<std::string, std::string>& environment) {
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return fail(ErrorKind::io, fmt::format("pipe: {}", std::strerror(errno)));
  if (::pipe2(err, O_CLOEXEC) != 0) {
    ::close(out[0]);
    ::close(out[1]);
    return fail(ErrorKind::io, fmt::format("pipe: {}", std::strerror(errno)));
  }
  auto pid = spawn(command, environment, out[1], err[1], working_folder);
  ::close(out[1]);
  ::close(err[1]);
  if (!pid) {
    ::close(out[0]);
    ::close(err[0]);
    return std::unexpected(pid.error());
  }
  ProcessOutput output;
  pollfd ends[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  std::string* texts[2] = {&output.out, &output.err};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::optional<Error> ended_by_us;
  int open_ends = 2;
  std::vector<char> buffer(1u << 16);
  while (open_ends > 0) {
    if (!ended_by_us && stop.stop_requested())
      ended_by_us = Error{ErrorKind::interrupted, fmt::format("{}: interrupted", command[0]), {}};
    if (!ended_by_us && std::chrono::steady_clock::now() > deadline)
      ended_by_us =
          Error{ErrorKind::timeout, fmt::format("{}: no end after {} ms", command[0], timeout.count()), {}};
    if (ended_by_us) {
      ::kill(-*pid, SIGKILL);
      ::kill(*pid, SIGKILL);
      break;
    }
    if (::poll(ends, 2, 50) < 0 && errno != EINTR) break;
    for (int i = 0; i < 2; ++i) {
      if (ends[i].fd < 0 || (ends[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      const ssize_t n = ::read(ends[i].fd, buffer.data(), buffer.size());
      if (n > 0 && texts[i]->size() < kMaxCapture)
        texts[i]->append(buffer.data(), static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        ends[i].fd = -1;
        --open_ends;
      }
    }
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (ended_by_us) return std::unexpected(*ended_by_us);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

}  // namespace studio
