// Whether a `studio serve` runs on this machine, and where: a small file that it writes.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"
#include "net/http.h"

namespace studio {

struct ServerState {
  pid_t pid = -1;
  std::string url;  // "http://127.0.0.1:8420"
  Path log;         // of a server in the background; may be empty
  std::string version;
};

// cache_folder()/run/server.json; readable by its owner only.
Path server_state_file();
Result<void> write_server_state(const ServerState& state);
// Removes it when it is still this process's.
void remove_server_state(pid_t pid);
// What the file says, when its process lives. The address of STUDIO_SERVER wins; "off" there: none.
std::optional<ServerState> read_server_state();
// The same, after GET /health answered 200 within `patience`.
std::optional<ServerState> running_server(
    std::chrono::milliseconds patience = std::chrono::milliseconds(500));

}  // namespace studio
