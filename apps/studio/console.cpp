// Terminal manners of the studio program.
#include "console.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>

#include <pthread.h>
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "models/catalog.h"

namespace studio::cli {
namespace {

std::mutex terminal_mutex;  // guards stderr and the flag below
bool progress_line_shown = false;

std::mutex hangup_mutex;  // guards what is done at SIGHUP; empty: it stops, as Ctrl-C does
std::function<void()> hangup_run;

bool taken_as_hangup(int signal) {
  const std::lock_guard lock(hangup_mutex);
  if (signal != SIGHUP || !hangup_run) return false;
  hangup_run();
  return true;
}

void clear_locked() {
  if (!progress_line_shown) return;
  std::fputs("\r\033[K", stderr);
  progress_line_shown = false;
}

void stderr_line(const std::string& line) {
  const std::lock_guard lock(terminal_mutex);
  clear_locked();
  std::fprintf(stderr, "%s\n", line.c_str());
}

std::string clock_left(double seconds) {
  if (seconds < 0 || seconds > 359999) return "?";
  const int s = static_cast<int>(seconds + 0.5);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

// Turns updates into lines; rate and time left are counted per stage.
class ProgressPrinter {
 public:
  using Clock = std::chrono::steady_clock;

  void update(const ProgressUpdate& update) {
    const std::lock_guard lock(terminal_mutex);
    const auto now = Clock::now();
    if (stage_ != update.stage) {
      stage_ = std::string(update.stage);
      started_ = now;
      first_ = update.done;  // what an earlier run brought is not this one's rate
      last_ = {};
    }
    const auto pause = live_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
    const bool finished = update.total > 0 && update.done >= update.total;
    if (last_ != Clock::time_point{} && now - last_ < pause && !(finished && live_)) return;
    if (!live_ && now - started_ < std::chrono::seconds(2)) return;  // short stages need no plain line
    last_ = now;
    const std::string text = line(update, std::chrono::duration<double>(now - started_).count());
    if (live_) {
      std::fprintf(stderr, "\r\033[K%s", text.c_str());
      std::fflush(stderr);
      progress_line_shown = true;
    } else {
      std::fprintf(stderr, "%s\n", text.c_str());
    }
  }

 private:
  // "491 MB" of bytes, "120 frames" of all else.
  static std::string amount(double value, std::string_view unit) {
    return unit == "bytes" ? human_bytes(static_cast<std::uint64_t>(value))
                           : fmt::format("{:.0f} {}", value, unit);
  }

  std::string line(const ProgressUpdate& u, double elapsed) const {
    std::string text(u.stage);
    if (u.total > 0 && u.unit == "bytes")
      text += fmt::format("  {} of {}", amount(std::min(u.done, u.total), u.unit), amount(u.total, u.unit));
    else if (u.total > 0)
      text += fmt::format("  {:.0f}/{:.0f} {}", std::min(u.done, u.total), u.total, u.unit);
    else if (u.done > 0)
      text += "  " + amount(u.done, u.unit);
    if (elapsed > 0.5 && u.done > first_) {
      const double rate = (u.done - first_) / elapsed;
      text += fmt::format("  {}/s", amount(rate, u.unit));
      if (u.total > u.done) text += fmt::format("  {} left", clock_left((u.total - u.done) / rate));
    }
    return text;
  }

  bool live_ = ::isatty(2) != 0;
  std::string stage_;
  double first_ = 0;
  Clock::time_point started_{}, last_{};
};

sigset_t interrupt_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

Json error_json(const Error& error) {
  return {{"kind", name_of(error.kind)}, {"message", error.message}, {"hint", error.hint}};
}

int report_failure(const CommonOptions& common, const Error& error, Json document) {
  stderr_line(fmt::format("studio: {}", error.message));
  if (!error.hint.empty()) stderr_line(fmt::format("  {}", error.hint));
  if (!common.json.empty() && error.kind != ErrorKind::wrong_usage) {
    document["error"] = error_json(error);
    if (const auto written = write_json_file(common.json, document); !written)
      stderr_line(fmt::format("studio: {}", written.error().message));
  }
  return exit_code(error.kind);
}

}  // namespace

Outcome Outcome::done() {
  return {};
}

Outcome Outcome::with(Json document) {
  return {std::make_shared<Json>(std::move(document)), {}};
}

Outcome Outcome::below_threshold(Json document, std::string message) {
  return {std::make_shared<Json>(std::move(document)), std::move(message)};
}

struct Interrupts::State {
  std::stop_source source;
  std::jthread watcher;
};

Interrupts::Interrupts() : state_(std::make_unique<State>()) {
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = interrupt_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  state_->watcher = std::jthread([this](std::stop_token stop) {
    const sigset_t waited = interrupt_signals();
    const timespec tick{0, 200'000'000};
    int seen = 0;
    while (!stop.stop_requested()) {
      const int signal = ::sigtimedwait(&waited, nullptr, &tick);
      if (signal < 0 || stop.stop_requested() || taken_as_hangup(signal)) continue;
      if (++seen > 1) ::_exit(130);
      stderr_line("studio: stopping; once more to stop at once");
      state_->source.request_stop();
    }
  });
}

Interrupts::~Interrupts() {
  state_->watcher.request_stop();
  ::pthread_kill(state_->watcher.native_handle(), SIGHUP);  // do not wait for the tick
  state_->watcher.join();
}

OnHangup::OnHangup(std::function<void()> run) {
  const std::lock_guard lock(hangup_mutex);
  hangup_run = std::move(run);
}

OnHangup::~OnHangup() {
  const std::lock_guard lock(hangup_mutex);
  hangup_run = {};
}

std::stop_token Interrupts::token() const {
  return state_->source.get_token();
}

Job make_job(const CommonOptions& common, std::stop_token stop) {
  Job job;
  job.stop = std::move(stop);
  if (!common.quiet) {
    auto printer = std::make_shared<ProgressPrinter>();
    job.progress = [printer](const ProgressUpdate& update) { printer->update(update); };
  }
  return job;
}

void clear_progress_line() {
  const std::lock_guard lock(terminal_mutex);
  clear_locked();
}

int conclude(const CommonOptions& common, const std::function<Result<Outcome>()>& body) {
  Result<Outcome> outcome = body();
  clear_progress_line();
  if (!outcome) return report_failure(common, outcome.error(), Json::object());
  Json document = outcome->document() != nullptr ? std::move(*outcome->document()) : Json::object();
  if (!outcome->threshold_message.empty())
    return report_failure(common, {ErrorKind::below_threshold, outcome->threshold_message, {}},
                          std::move(document));
  if (!common.json.empty())
    if (const auto written = write_json_file(common.json, document); !written)
      return report_failure({}, written.error(), Json::object());
  if (std::fflush(stdout) != 0) return 1;
  return 0;
}

void say(const CommonOptions& common, const std::string& line) {
  if (!common.quiet) stderr_line(line);
}

void warn(const std::string& line) {
  stderr_line("warning: " + line);
}

void print(const CommonOptions& common, const std::string& text) {
  if (common.json == "-") return;
  clear_progress_line();
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void add_common_options(CLI::App& command, CommonOptions& common) {
  command.add_option("--json", common.json, "Write the result as JSON to this file ('-': stdout)")
      ->type_name("FILE");
  command.add_flag("-q,--quiet", common.quiet, "No progress on stderr");
}

}  // namespace studio::cli
