// studio status, stop, switch, health: looking after a running server.
#include <csignal>
#include <ctime>
#include <thread>

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

std::string status_text(const Json& status) {
  const Json& server = status["server"];
  std::string text = fmt::format("server   {}", text_at(server, "url"));
  if (integer_at(server, "pid") > 0) text += fmt::format(", process {}", integer_at(server, "pid"));
  if (!text_at(server, "version").empty()) text += ", version " + text_at(server, "version");
  text += "\n" + memory_line(status["memory"]);
  text += fmt::format("\n{:<28} {:<9} {:<14} {:>8} {:>9} {:>7}  {}\n", "MODEL", "STATE", "ENGINE", "PROCESS",
                      "MEMORY", "LEASES", "LAST USED");
  for (const Json& model : status["models"]) {
    const std::int64_t pid = integer_at(model, "pid");
    text +=
        fmt::format("{:<28} {:<9} {:<14} {:>8} {:>9} {:>7}  {}\n", text_at(model, "id"),
                    text_at(model, "state"), text_at(model, "engine"), pid > 0 ? std::to_string(pid) : "-",
                    bytes_at(model, "bytes") > 0 ? human_bytes(bytes_at(model, "bytes")) : "-",
                    integer_at(model, "leases"), ago(text_at(model, "last_used")));
    if (const std::string failure = text_at(model, "failure"); !failure.empty())
      text += fmt::format("    {}\n", failure);
  }
  return text;
}

Result<Json> read_status(const ServerChoice& choice) {
  TRY_ASSIGN(const ServerState server, find_server(choice));
  TRY_ASSIGN(Json answer, server_models(server, choice));
  return Json{{"schema", "studio.status/1"},
              {"server", {{"url", server.url}, {"pid", server.pid}, {"version", server.version}}},
              {"models", std::move(answer["models"])},
              {"memory", std::move(answer["memory"])}};
}

struct StatusOptions {
  CommonOptions common;
  ServerChoice server;
  bool watch = false;
  double interval_s = 1;
};

// Again and again until it is interrupted, which is its normal end. A server that goes away meanwhile is
// told and waited for.
Result<Outcome> watch_status(const StatusOptions& options, std::stop_token stop) {
  const bool live = ::isatty(1) != 0;
  while (!stop.stop_requested()) {
    const auto status = read_status(options.server);
    if (options.common.json == "-") {
      if (status) fmt::print("{}\n", to_text(*status, -1));
    } else {
      if (live) fmt::print("\033[H\033[2J");
      fmt::print("{}", status ? status_text(*status) : status.error().message + "\n");
      if (!live) fmt::print("\n");
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
  double wait_s = 60;
};

// SIGTERM, and then as long as it takes to drain.
Result<Outcome> stop_server(const StopOptions& options, std::stop_token stop) {
  const auto state = read_server_state();
  if (!state || state->pid <= 0) {
    say(options.common, state ? fmt::format("the server at {} was not started on this machine", state->url)
                              : std::string("no server runs here"));
    return Outcome::with({{"schema", "studio.stop/1"}, {"stopped", nullptr}});
  }
  if (::kill(state->pid, SIGTERM) != 0)
    return fail(ErrorKind::io, fmt::format("stop the server, process {}: not allowed", state->pid),
                "it belongs to another user");
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.wait_s);
  while (::kill(state->pid, 0) == 0) {
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
  TRY_ASSIGN(Json report, ask_server(server, options.server, request));
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
                                    can_answer ? "a model is ready" : "no model is loaded yet"));
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
      program, chosen, "health", "Whether the server answers, and whether a model is ready", health,
      [](const HealthOptions& options, std::stop_token) { return check_health(options); });
  add_server_options(*command, health->server);
}

}  // namespace studio::cli
