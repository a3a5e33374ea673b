// Child processes that cannot outlive us: spawn, capture, stop.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"

namespace studio {

struct ProcessOptions {
  std::vector<std::string> command;                // program and arguments; PATH is searched
  std::map<std::string, std::string> environment;  // added to ours
  Path log;                                        // stdout and stderr go here; empty: to /dev/null
};

// A running child. Destroying it ends it: SIGTERM, then SIGKILL after a grace time.
// It gets SIGKILL from the kernel when the thread that started it, or we, die (PR_SET_PDEATHSIG),
// so it must be created on a thread that lives as long as the child should.
class ChildProcess {
 public:
  static Result<ChildProcess> start(const ProcessOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // The wait status once it has ended, nothing while it runs.
  std::optional<int> poll();
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(3));

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct ProcessOutput {
  int exit_code = 0;  // 128 + signal when it was killed
  std::string out;
  std::string err;
};

// Runs to the end, captures both streams (each up to 64 MiB). Ends the child on stop or timeout.
Result<ProcessOutput> run_process(const std::vector<std::string>& command,
                                  std::chrono::milliseconds timeout = std::chrono::minutes(10),
                                  std::stop_token stop = {}, const Path& working_folder = {},
                                  const std::map<std::string, std::string>& environment = {});

}  // namespace studio
