// What every command shares: progress on stderr, data on stdout, interrupts, exit codes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace studio::cli {

// Options that stand on every command.
struct CommonOptions {
  std::string json;  // --json FILE, "-" is stdout, empty: not asked for
  bool quiet = false;
};

// What a command hands back when it worked: the document for --json, and the exit code
// (0, or 4 when the quality threshold was not reached).
struct Outcome {
  Json* document() const { return document_.get(); }
  static Outcome done();
  static Outcome with(Json document);
  static Outcome below_threshold(Json document, std::string message);

  std::shared_ptr<Json> document_;
  std::string threshold_message;  // not empty: exit 4
};

// Ctrl-C and SIGTERM become a stop request that every job sees. A second one ends the program
// at once. Blocks the signals in the calling thread, so call it before any thread is started.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  std::stop_token token() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What SIGHUP does instead of stopping, while this lives: `studio serve` reads its configuration again.
// `run` is called on the signals' own thread and must return at once. One at a time.
class OnHangup {
 public:
  explicit OnHangup(std::function<void()> run);
  ~OnHangup();
  OnHangup(const OnHangup&) = delete;
  OnHangup& operator=(const OnHangup&) = delete;
};

// A Job that draws progress on stderr: one live line on a terminal, a plain line every few
// seconds elsewhere, nothing when quiet.
Job make_job(const CommonOptions& common, std::stop_token stop);
void clear_progress_line();

// Runs the body, writes --json, prints the error (what; what to do), returns the exit code.
int conclude(const CommonOptions& common, const std::function<Result<Outcome>()>& body);

// A line for people on stderr (clears the progress line first).
void say(const CommonOptions& common, const std::string& line);
// Says it even when quiet: warnings, fallbacks.
void warn(const std::string& line);
// Data for people on stdout, unless --json - has claimed it.
void print(const CommonOptions& common, const std::string& text);

void add_common_options(CLI::App& command, CommonOptions& common);

}  // namespace studio::cli
