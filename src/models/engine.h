// One engine process: a model server started as a child, watched, restarted, ended for sure.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"
#include "net/http.h"

namespace studio {

enum class EngineState { starting, ready, failed, stopped };
std::string_view name_of(EngineState state);

// How to start one engine and know that it is ready. Each kind of engine (backends/) makes one
// of these; everything else about a child process is the same for all kinds.
struct EngineSpec {
  std::string name;      // "llama-server qwen2.5-coder-0.5b", for messages
  std::string log_name;  // the log is cache_folder()/logs/<log_name>.log
  // {socket} in an argument becomes the path of a Unix socket; where {port} stands, a free port of
  // 127.0.0.1 is chosen instead.
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // added to ours
  int port = 0;                        // tried first for {port}; when it is taken, another is chosen
  std::string ready_path = "/health";  // answers 200 when the engine can work
  std::chrono::milliseconds ready_timeout = std::chrono::seconds(120);
  // So many deaths within `restart_window` are mended, the first at once, the others after a growing
  // pause; one more is a crash loop and the engine is given up. 0 s: deaths count for ever.
  int restarts = 1;
  std::chrono::seconds restart_window{0};
  std::chrono::milliseconds longest_backoff = std::chrono::seconds(5);
  // From SIGTERM to SIGKILL.
  std::chrono::milliseconds grace = std::chrono::seconds(3);
  // Called with the child's number right after each start, on the supervisor's thread.
  std::function<void(pid_t)> forked;
  // Each change after the first `ready`: starting (again), ready, failed with its reason. Called on
  // the supervisor's thread; must not end the engine itself.
  std::function<void(EngineState, const Error&, int restarts)> changed;
};

// A running engine. The destructor ends the child and removes its socket.
//
//   caller               supervisor thread                 child
//   start(spec) -------> fork + exec (PR_SET_PDEATHSIG) -> loads the model
//               <------- GET /health every 5 ms ---------> 200
//   endpoint() ... requests go straight to the socket
//   (child dies) ------> notices within 20 ms, restarts it, in a crash loop fails
//   wait_ready() <------ ready again, or the named failure with the log's last lines
//
// The child is forked on the supervisor's thread because the kernel kills it when the thread that
// forked it ends, which also holds when the studio itself is killed.
class Engine {
 public:
  // Blocks until ready. missing_part when the program is not there, engine_failed with the log's
  // last lines when it ends first, timeout, interrupted.
  static Result<std::unique_ptr<Engine>> start(EngineSpec spec, std::stop_token stop = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  Endpoint endpoint() const;  // another port after a restart
  // Blocks while it starts (again). engine_failed once it has died more often than `restarts`.
  Result<void> wait_ready(std::stop_token stop = {});
  // True once the child that was running at `restarts_before` is known to be dead, false when it
  // still lives after `patience`: was a broken connection its death, or only a broken connection?
  bool wait_for_death(int restarts_before, std::chrono::milliseconds patience) const;
  EngineState state() const;
  pid_t pid() const;     // -1 while no child runs
  int restarts() const;  // so far
  const Path& log() const;
  void stop();  // SIGTERM, then SIGKILL after the grace; final

 private:
  class Supervisor;
  explicit Engine(std::unique_ptr<Supervisor> supervisor);
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace studio
