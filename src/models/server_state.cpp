// The state file of a running server, checked against its process and its /health.
#include "models/server_state.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

bool lives(pid_t pid) {
  return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

std::optional<ServerState> read_file_state() {
  const auto json = read_json_file(server_state_file());
  if (!json || !json->is_object() || !check_schema(*json, "studio.server", 1, "the server's state"))
    return std::nullopt;
  JsonReader reader(*json, "the server's state");
  ServerState state;
  state.pid = static_cast<pid_t>(reader.integer("pid", -1));
  state.url = reader.required_string("url");
  state.log = reader.string("log", "");
  state.version = reader.string("version", "");
  if (!reader.result() || !lives(state.pid)) return std::nullopt;
  return state;
}

}  // namespace

Path server_state_file() {
  return cache_folder() / "run" / "server.json";
}

Result<void> write_server_state(const ServerState& state) {
  const Path file = server_state_file();
  std::error_code ec;
  std::filesystem::create_directories(file.parent_path(), ec);
  if (!ec) std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, ec);
  if (ec)
    return fail(ErrorKind::io,
                fmt::format("make the folder {}: {}", file.parent_path().string(), ec.message()),
                "set XDG_CACHE_HOME to a folder you may write to");
  return write_json_file(file, Json{{"schema", "studio.server/1"},
                                    {"pid", state.pid},
                                    {"url", state.url},
                                    {"log", state.log.string()},
                                    {"version", state.version}});
}

void remove_server_state(pid_t pid) {
  const auto state = read_file_state();
  std::error_code ec;
  if (!state || state->pid == pid) std::filesystem::remove(server_state_file(), ec);
}

std::optional<ServerState> read_server_state() {
  if (const char* given = std::getenv("STUDIO_SERVER"); given != nullptr && *given != '\0') {
    if (std::string_view(given) == "off") return std::nullopt;
    return ServerState{-1, given, {}, {}};
  }
  return read_file_state();
}

std::optional<ServerState> running_server(std::chrono::milliseconds patience) {
  auto state = read_server_state();
  if (!state) return std::nullopt;
  const auto endpoint = Endpoint::parse(state->url);
  if (!endpoint) return std::nullopt;
  HttpRequest request;
  request.endpoint = *endpoint;
  request.path = "/health";
  request.timeout = request.connect_timeout = patience;
  const auto answer = send_http(request);
  if (!answer || answer->status != 200) return std::nullopt;
  return state;
}

}  // namespace studio
