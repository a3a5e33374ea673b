// Asking a running `studio serve` over its administration requests (docs/admin.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "models/server_state.h"

namespace CLI {
class App;
}

namespace studio::cli {

// Which server, and the key for it.
struct ServerChoice {
  std::string url;  // --server, an address or a port; empty: STUDIO_SERVER, else one of this machine's
  std::string key;  // --key; empty: STUDIO_API_KEY
};
void add_server_options(CLI::App& command, ServerChoice& choice);

void add_server_option(CLI::App& command, ServerChoice& choice);  // --server alone

// The one that was named, else of this machine's the one on the default port or the only one.
// not_found when none runs, wrong_usage when several do and none is meant: the error lists them.
Result<ServerState> find_server(const ServerChoice& choice);

// The servers of this machine read keys, catalog and configuration again (SIGHUP).
void tell_servers();

// "http://127.0.0.1:8420 (process 42)" for each, in one line.
std::string list_of(const std::vector<ServerState>& servers);

struct AdminRequest {
  std::string method = "GET";
  std::string path;    // "/admin/models"
  std::string body{};  // JSON; empty: none
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  std::stop_token stop{};
};
// The answer's JSON. The server's own words for what it refuses: wrong_usage (400, 401, 403), not_found,
// limit_exceeded (429), timeout (504), engine_failed (other 5xx); engine_failed when it cannot be reached.
Result<Json> ask_server(const ServerState& server, const ServerChoice& choice, const AdminRequest& request);

// {models, memory} of GET /admin/models, whichever of the two shapes the server has.
Result<Json> server_models(const ServerState& server, const ServerChoice& choice);

// Unix seconds of "2026-01-31T12:00:00Z"; nothing for another text.
std::optional<std::int64_t> unix_time(const std::string& utc);

}  // namespace studio::cli
