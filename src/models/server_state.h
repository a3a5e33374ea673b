// Which `studio serve` run on this machine, and where: a small file that each of them writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"
#include "net/http.h"

namespace studio {

// Where a server listens when nobody says otherwise, and the one that is meant when several run.
inline constexpr int kDefaultServerPort = 8420;

struct ServerState {
  pid_t pid = -1;   // -1: not a server of this machine
  std::string url;  // "http://127.0.0.1:8420"
  Path log;         // of a server in the background; may be empty
  std::string version;
  // When its process began, in clock ticks since the machine started; 0: unknown. With the number it
  // names a process for good: numbers are given again.
  std::uint64_t began = 0;
};

// cache_folder()/run/server-<pid>.json; readable by its owner only.
Path server_state_file(pid_t pid);
// Fills in `began`.
Result<void> write_server_state(ServerState state);
void remove_server_state(pid_t pid);

// Whether its process runs. One that has ended and waits for its parent (a zombie) does not.
bool server_lives(const ServerState& state);

// The servers that run here: the one on the default port, then the others, oldest first. Files of
// processes that have ended are removed.
std::vector<ServerState> server_states();

// The server that is meant by a port of this machine ("8420") or by an address; with its process when
// it is one of server_states(). wrong_usage when it is neither.
Result<ServerState> named_server(std::string_view port_or_url);

// The port in "http://host:port/..."; 80 or 443 where there is none, 0 for a Unix socket's address.
int port_of_url(std::string_view url);

// $STUDIO_SERVER as named_server() reads it ("off": none), else the first of server_states().
std::optional<ServerState> read_server_state();
// The same, once GET /health answered 200 within `patience`; of several the first that does.
std::optional<ServerState> running_server(
    std::chrono::milliseconds patience = std::chrono::milliseconds(500));

}  // namespace studio
