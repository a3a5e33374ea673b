// studio leases: keeping a model loaded from the command line.
#include <ctime>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "server_client.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  ServerChoice server;
  std::string model, id, holder = "command line";
  double seconds = 600;
};

using Action = Result<Outcome> (*)(const ServerState&, const Options&, std::stop_token);

std::string text_at(const Json& lease, const char* key) {
  return lease.is_object() && lease.contains(key) && lease[key].is_string() ? lease[key].get<std::string>()
                                                                            : "";
}

std::string line_of(const Json& lease) {
  const auto expires = unix_time(text_at(lease, "expires"));
  const std::int64_t left = expires ? std::max<std::int64_t>(0, *expires - std::time(nullptr)) : 0;
  return fmt::format("{:<20} {:<28} {:<24} {} s left\n", text_at(lease, "id"), text_at(lease, "model"),
                     text_at(lease, "holder"), left);
}

// What the server answers about one lease, as it is or as it ended.
Outcome about(Json lease) {
  lease["schema"] = "studio.lease/1";
  return Outcome::with(std::move(lease));
}

Result<Outcome> list(const ServerState& server, const Options& options, std::stop_token) {
  TRY_ASSIGN(Json answer, ask_server(server, options.server, {.path = "/admin/leases"}));
  Json leases = answer.is_array() ? std::move(answer) : answer.value("leases", Json::array());
  for (const Json& lease : leases) print(options.common, line_of(lease));
  return Outcome::with({{"schema", "studio.leases/1"}, {"leases", std::move(leases)}});
}

Result<Outcome> take(const ServerState& server, const Options& options, std::stop_token stop) {
  const Json wish = {{"model", options.model}, {"holder", options.holder}, {"seconds", options.seconds}};
  AdminRequest request{.method = "POST", .path = "/admin/leases", .body = to_text(wish, -1)};
  request.timeout = std::chrono::minutes(15);
  request.stop = stop;
  TRY_ASSIGN(Json lease, ask_server(server, options.server, request));
  print(options.common, text_at(lease, "id") + "\n");
  return about(std::move(lease));
}

Result<Outcome> renew(const ServerState& server, const Options& options, std::stop_token) {
  TRY_ASSIGN(Json lease, ask_server(server, options.server,
                                    {.method = "POST",
                                     .path = "/admin/leases/" + url_encode(options.id),
                                     .body = to_text(Json{{"seconds", options.seconds}}, -1)}));
  print(options.common, line_of(lease));
  return about(std::move(lease));
}

Result<Outcome> release(const ServerState& server, const Options& options, std::stop_token) {
  TRY_ASSIGN(Json answer,
             ask_server(server, options.server,
                        {.method = "DELETE", .path = "/admin/leases/" + url_encode(options.id)}));
  return about(std::move(answer));
}

CLI::App* add(CLI::App& leases, Chosen& chosen, const char* name, const char* description,
              const std::shared_ptr<Options>& options, Action action) {
  CLI::App* command = leases.add_subcommand(name, description);
  add_server_options(*command, options->server);
  add_common_options(*command, options->common);
  command->callback([options, action, &chosen] {
    chosen.run = [options, action](std::stop_token stop) {
      return conclude(options->common, [&]() -> Result<Outcome> {
        TRY_ASSIGN(const ServerState server, find_server(options->server));
        return action(server, *options, stop);
      });
    };
  });
  return command;
}

void add_seconds(CLI::App& command, Options& options) {
  command.add_option("--seconds", options.seconds, "When it ends, from now (600)")
      ->check(CLI::Range(1.0, 604'800.0))
      ->type_name("S");
}

}  // namespace

void add_leases(CLI::App& program, Chosen& chosen) {
  CLI::App* leases = program.add_subcommand("leases", "Keep a model loaded: list, take, renew, release");
  leases->require_subcommand(1);
  add(*leases, chosen, "list", "Who keeps which model", std::make_shared<Options>(), list);
  auto taken = std::make_shared<Options>();
  CLI::App* command =
      add(*leases, chosen, "take", "Load a model and keep it; prints the lease's id", taken, take);
  command->add_option("model", taken->model, "A model's id or alias")->required()->type_name("MODEL");
  command->add_option("--holder", taken->holder, "Who wants it, for lists")->type_name("NAME");
  add_seconds(*command, *taken);
  auto renewed = std::make_shared<Options>();
  command = add(*leases, chosen, "renew", "Let a lease end later", renewed, renew);
  command->add_option("id", renewed->id, "The lease")->required()->type_name("ID");
  add_seconds(*command, *renewed);
  auto released = std::make_shared<Options>();
  command = add(*leases, chosen, "release", "End a lease", released, release);
  command->add_option("id", released->id, "The lease")->required()->type_name("ID");
  leases->footer("Example: studio leases take qwen2.5-14b --seconds 3600");
}

}  // namespace studio::cli
