// Asking a running `studio serve` over its administration requests (docs/admin.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "models/server_state.h"

namespace CLI {
class App;
}

namespace studio::cli {

// Which server, and the key for it.
struct ServerChoice {
  std::string url;  // --server; empty: STUDIO_SERVER, else the one that runs on this machine
  std::string key;  // --key; empty: STUDIO_API_KEY
};
void add_server_options(CLI::App& command, ServerChoice& choice);

// not_found when none runs: what to do then is in the hint.
Result<ServerState> find_server(const ServerChoice& choice);

// The server of this machine, if one runs, reads keys, catalog and configuration again (SIGHUP).
void tell_server();

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
