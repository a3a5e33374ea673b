// studio status, stop, switch, health: looking after a running server.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <sstream>
#include <thread>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "models/catalog.h"
#include "server_client.h"

namespace studio::cli {
namespace {

using namespace std::chrono_literals;

std::uint64_t bytes_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_number_unsigned()
             ? object[key].get<std::uint64_t>()
             : 0;
}

std::string text_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_string()
             ? object[key].get<std::string>()
             : "";
}

std::int64_t integer_at(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) && object[key].is_number()
             ? object[key].get<std::int64_t>()
             : 0;
}

// "2026-01-31T12:00:00Z" in words; "-" for never.
std::string ago(const std::string& utc) {
  const auto then = unix_time(utc);
  if (!then) return "-";
  const std::int64_t s = std::max<std::int64_t>(0, std::time(nullptr) - *then);
  if (s < 120) return fmt::format("{} s ago", s);
  if (s < 7200) return fmt::format("{} min ago", s / 60);
  return fmt::format("{} h ago", s / 3600);
}

std::string memory_line(const Json& memory) {
  if (bytes_at(memory, "total_bytes") == 0) return "";
  return fmt::format("memory   {} of {} in use, {} of it ours; budget {} ({})\n",
                     human_bytes(bytes_at(memory, "used_bytes")),
                     human_bytes(bytes_at(memory, "total_bytes")),
                     human_bytes(bytes_at(memory, "ours_bytes")),
                     human_bytes(bytes_at(memory, "budget_bytes")), text_at(memory, "source"));
}

// For others "bytes" is what it would need.
bool holds_memory(const Json& model) {
  const std::string state = text_at(model, "state");
  return state == "ready" || state == "loading" || state == "draining";
}

std::string status_text(const Json& status) {
  const Json& server = status["server"];
  std::string text = fmt::format("server   {}", text_at(server, "url"));
  if (integer_at(server, "pid") > 0) text += fmt::format(", process {}", integer_at(server, "pid"));
  if (!text_at(server, "version").empty()) text += ", version " + text_at(server, "version");
  text += "\n";
  for (const Json& other : status["others"])
    text += fmt::format("also     {}, process {}\n", text_at(other, "url"), integer_at(other, "pid"));
  text += memory_line(status["memory"]);
  text += fmt::format("\n{:<28} {:<9} {:<14} {:>8} {:>9} {:>7}  {}\n", "MODEL", "STATE", "ENGINE", "PROCESS",
                      "MEMORY", "LEASES", "LAST USED");
  std::vector<Json> models(status["models"].begin(), status["models"].end());
  std::ranges::stable_partition(models, holds_memory);
  for (const Json& model : models) {
    const std::int64_t pid = integer_at(model, "pid");
    text +=
        fmt::format("{:<28} {:<9} {:<14} {:>8} {:>9} {:>7}  {}\n", text_at(model, "id"),
                    text_at(model, "state"), text_at(model, "engine"), pid > 0 ? std::to_string(pid) : "-",
                    bytes_at(model, "bytes") == 0
                        ? "-"
                        : (holds_memory(model) ? "" : "~") + human_bytes(bytes_at(model, "bytes")),
                    integer_at(model, "leases"), ago(text_at(model, "last_used")));
    if (const std::string failure = text_at(model, "failure"); !failure.empty())
      text += fmt::format("    {}\n", failure);
  }
  return text;
}

Json server_json(const ServerState& server) {
  return {{"url", server.url},
          {"pid", server.pid > 0 ? Json(server.pid) : Json(nullptr)},
          {"version", server.version.empty() ? Json(nullptr) : Json(server.version)}};
}

Result<Json> read_status(const ServerChoice& choice) {
  TRY_ASSIGN(const ServerState server, find_server(choice));
  TRY_ASSIGN(Json answer, server_models(server, choice));
  Json others = Json::array();
  for (const ServerState& other : server_states())
    if (other.pid != server.pid) others.push_back(server_json(other));
  return Json{{"schema", "studio.status/1"},
              {"server", server_json(server)},
              {"others", std::move(others)},
              {"models", std::move(answer["models"])},
              {"memory", std::move(answer["memory"])}};
}

struct StatusOptions {
  CommonOptions common;
  ServerChoice server;
  bool watch = false;
  double interval_s = 1;
};

// Over what the terminal shows, line by line: clearing it all first would flicker. Cut to its size, since a
// line that wraps or scrolls would stay behind.
void draw_over(const std::string& text) {
  winsize size{};
  const bool known = ::ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && size.ws_col > 0;
  const std::size_t rows = known ? size.ws_row - 1u : 1000, columns = known ? size.ws_col : 1000;
  std::istringstream lines(text);
  std::string screen = "\033[H";
  std::size_t row = 0;
  for (std::string line; row < rows && std::getline(lines, line); ++row)
    screen += line.substr(0, columns) + "\033[K\n";
  fmt::print("{}\033[J", screen);
}

// Again and again until it is interrupted, which is its normal end. A server that goes away meanwhile is
// told and waited for.
Result<Outcome> watch_status(const StatusOptions& options, std::stop_token stop) {
  const bool live = ::isatty(1) != 0;
  if (live && options.common.json != "-") fmt::print("\033[2J");
  while (!stop.stop_requested()) {
    const auto status = read_status(options.server);
    if (options.common.json == "-") {
      if (status) fmt::print("{}\n", to_text(*status, -1));
    } else {
      const std::string text = status ? status_text(*status) : status.error().message + "\n";
      if (live)
        draw_over(text);
      else
        fmt::print("{}\n", text);
    }
    if (std::fflush(stdout) != 0) break;  // nobody reads any more
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.interval_s);
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(20ms);
  }
  return Outcome::done();
}

Result<Outcome> show_status(const StatusOptions& options) {
  TRY_ASSIGN(Json status, read_status(options.server));
  print(options.common, status_text(status));
  return Outcome::with(std::move(status));
}

struct StopOptions {
  CommonOptions common;
  ServerChoice server;
  double wait_s = 60;
};

// SIGTERM, and then as long as it takes to drain.
Result<Outcome> stop_server(const StopOptions& options, std::stop_token stop) {
  const auto state = find_server(options.server);
  if (!state && state.error().kind != ErrorKind::not_found) return std::unexpected(state.error());
  if (!state || state->pid <= 0) {
    if (state && !options.server.url.empty())
      return fail(ErrorKind::not_found,
                  fmt::format("stop the server at {}: it was not started on this machine", state->url),
                  "end it where it runs; `studio status` names the servers of this machine");
    say(options.common, state ? fmt::format("the server at {} was not started on this machine", state->url)
                              : std::string("no server runs here"));
    return Outcome::with({{"schema", "studio.stop/1"}, {"stopped", nullptr}});
  }
  // Its number may be another's by now; server_lives() compares when the process began.
  if (server_lives(*state) && ::kill(state->pid, SIGTERM) != 0 && errno != ESRCH)
    return fail(ErrorKind::io, fmt::format("stop the server, process {}: not allowed", state->pid),
                "it belongs to another user");
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.wait_s);
  while (server_lives(*state)) {
    if (stop.stop_requested()) return fail(ErrorKind::interrupted, "wait for the server to end: interrupted");
    if (std::chrono::steady_clock::now() > until)
      return fail(
          ErrorKind::timeout,
          fmt::format("stop the server: process {} still runs after {} s", state->pid, options.wait_s),
          "it finishes running requests first (limits.drain_time); wait longer, or end it by force");
    std::this_thread::sleep_for(50ms);
  }
  print(options.common, fmt::format("stopped {} (process {})\n", state->url, state->pid));
  return Outcome::with({{"schema", "studio.stop/1"}, {"stopped", state->pid}});
}

struct SwitchOptions {
  CommonOptions common;
  ServerChoice server;
  std::string model;
  double patience_s = 600;
};

Result<Outcome> switch_model(const SwitchOptions& options, std::stop_token stop) {
  TRY_ASSIGN(const ServerState server, find_server(options.server));
  AdminRequest request{
      .method = "POST", .path = "/admin/switch", .body = to_text(Json{{"model", options.model}}, -1)};
  request.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options.patience_s * 1000));
  request.stop = stop;
  TRY_ASSIGN(const Json answer, ask_server(server, options.server, request));
  Json report = {{"schema", "studio.switch/1"}};
  report.update(answer);
  const double seconds =
      report.contains("seconds") && report["seconds"].is_number() ? report["seconds"].get<double>() : 0;
  std::string text = fmt::format("{} is ready after {:.2f} s", text_at(report, "to"), seconds);
  if (const std::string from = text_at(report, "from"); !from.empty())
    text += fmt::format("; {} was freed", from);
  print(options.common, text + "\n");
  if (report.contains("parts") && report["parts"].is_object())
    for (const auto& [name, part] : report["parts"].items())
      if (part.is_number())
        print(options.common, fmt::format("  {:<8} {:.2f} s\n", name, part.get<double>()));
  return Outcome::with(std::move(report));
}

struct HealthOptions {
  CommonOptions common;
  ServerChoice server;
};

Result<Outcome> check_health(const HealthOptions& options) {
  TRY_ASSIGN(const ServerState server, find_server(options.server));
  const AdminRequest health{.path = "/health", .timeout = 5s}, ready{.path = "/ready", .timeout = 5s};
  TRY(ask_server(server, options.server, health));
  const bool can_answer = ask_server(server, options.server, ready).has_value();
  print(options.common, fmt::format("{}: healthy, {}\n", server.url,
                                    can_answer ? "a model can answer" : "no model can answer yet"));
  return Outcome::with(
      {{"schema", "studio.health/1"}, {"url", server.url}, {"healthy", true}, {"ready", can_answer}});
}

template <typename Options>
CLI::App* add(CLI::App& program, Chosen& chosen, const char* name, const char* description,
              std::shared_ptr<Options> options, Result<Outcome> (*run)(const Options&, std::stop_token)) {
  CLI::App* command = program.add_subcommand(name, description);
  add_common_options(*command, options->common);
  command->callback([options, run, &chosen] {
    chosen.run = [options, run](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
  return command;
}

}  // namespace

void add_status(CLI::App& program, Chosen& chosen) {
  auto status = std::make_shared<StatusOptions>();
  CLI::App* command = add<StatusOptions>(
      program, chosen, "status", "The running server: its models, their memory, what uses it", status,
      [](const StatusOptions& options, std::stop_token stop) {
        return options.watch ? watch_status(options, stop) : show_status(options);
      });
  add_server_options(*command, status->server);
  command->add_flag("-w,--watch", status->watch, "Again and again, until Ctrl-C");
  command->add_option("--interval", status->interval_s, "Seconds between two looks (1)")
      ->check(CLI::Range(0.1, 3600.0))
      ->type_name("S");
  command->footer("Example: studio status --watch");

  auto stop = std::make_shared<StopOptions>();
  command = add<StopOptions>(program, chosen, "stop", "End the running server once its requests are answered",
                             stop, stop_server);
  add_server_option(*command, stop->server);
  command->add_option("--wait", stop->wait_s, "How long to wait for its end (60)")
      ->check(CLI::Range(0.0, 86'400.0))
      ->type_name("S");

  auto change = std::make_shared<SwitchOptions>();
  command = add<SwitchOptions>(program, chosen, "switch",
                               "Make a model ready and free the others of its kind", change, switch_model);
  command->add_option("model", change->model, "A model's id or alias")->required()->type_name("MODEL");
  command->add_option("--patience", change->patience_s, "How long to wait for it (600)")
      ->check(CLI::Range(0.1, 86'400.0))
      ->type_name("S");
  add_server_options(*command, change->server);
  command->footer("Example: studio switch qwen2.5-14b");

  auto health = std::make_shared<HealthOptions>();
  command = add<HealthOptions>(
      program, chosen, "health", "Whether the server answers, and whether a model can", health,
      [](const HealthOptions& options, std::stop_token) { return check_health(options); });
  add_server_options(*command, health->server);
}

}  // namespace studio::cli
