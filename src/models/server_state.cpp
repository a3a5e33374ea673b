// One state file per running server, checked against its process and its /health.
#include "models/server_state.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPrefix = "server-", kSuffix = ".json";

Path state_folder() {
  return cache_folder() / "run";
}

struct ProcessStat {
  char state = '?';         // 'R', 'S', ..., 'Z' for a zombie
  std::uint64_t began = 0;  // clock ticks since the machine started
};

// proc(5): "pid (name) state ppid ... starttime"; the name may hold spaces and parentheses.
std::optional<ProcessStat> process_stat(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessStat stat;
  fields >> stat.state;
  constexpr int kBetweenStateAndStart = 18;
  std::string skipped;
  for (int i = 0; i < kBetweenStateAndStart; ++i) fields >> skipped;
  fields >> stat.began;
  if (!fields) return std::nullopt;
  return stat;
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The number in "server-<pid>.json"; nothing for another file.
std::optional<pid_t> pid_in_name(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view middle =
      std::string_view(name).substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
  return whole_number<pid_t>(middle);
}

std::optional<ServerState> read_state(const Path& file, pid_t pid) {
  const auto json = read_json_file(file);
  if (!json || !json->is_object() || !check_schema(*json, "studio.server", 1, "the server's state"))
    return std::nullopt;
  JsonReader reader(*json, "the server's state");
  ServerState state;
  state.pid = pid;
  state.url = reader.required_string("url");
  state.log = reader.string("log", "");
  state.version = reader.string("version", "");
  state.began = static_cast<std::uint64_t>(reader.integer("began", 0));
  if (!reader.result()) return std::nullopt;
  return state;
}

struct Authority {
  std::string host;
  int port = 0;
  bool operator==(const Authority&) const = default;
};

// Of "http://host:port/...", with every name of the loopback as one. Nothing for a socket's path.
std::optional<Authority> authority_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const bool tls = url.starts_with("https");
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const std::size_t colon = url.rfind(':');
  const bool has_port = colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos;
  Authority authority{std::string(url.substr(0, has_port ? colon : url.size())), tls ? 443 : 80};
  if (has_port) {
    const auto port = whole_number<int>(url.substr(colon + 1));
    if (!port) return std::nullopt;
    authority.port = *port;
  }
  std::ranges::transform(authority.host, authority.host.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (authority.host == "localhost" || authority.host == "[::1]" || authority.host.starts_with("127."))
    authority.host = "127.0.0.1";
  return authority;
}

bool answers(const ServerState& state, std::chrono::milliseconds patience) {
  const auto endpoint = Endpoint::parse(state.url);
  if (!endpoint) return false;
  HttpRequest request;
  request.endpoint = *endpoint;
  request.path = "/health";
  request.timeout = request.connect_timeout = patience;
  const auto answer = send_http(request);
  return answer && answer->status == 200;
}

// $STUDIO_SERVER; nothing when it is not set.
std::optional<std::string> named_by_environment() {
  const char* given = std::getenv("STUDIO_SERVER");
  if (given == nullptr || *given == '\0') return std::nullopt;
  return given;
}

// What is no address is handed on as it is: whoever asks it says what is wrong with it.
ServerState server_of_environment(const std::string& name) {
  return named_server(name).value_or(ServerState{-1, name, {}, {}});
}

}  // namespace

Path server_state_file(pid_t pid) {
  return state_folder() / fmt::format("{}{}{}", kPrefix, pid, kSuffix);
}

Result<void> write_server_state(ServerState state) {
  const Path file = server_state_file(state.pid);
  std::error_code ec;
  std::filesystem::create_directories(file.parent_path(), ec);
  if (!ec) std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, ec);
  if (ec)
    return fail(ErrorKind::io,
                fmt::format("make the folder {}: {}", file.parent_path().string(), ec.message()),
                "set XDG_CACHE_HOME to a folder you may write to");
  if (const auto process = process_stat(state.pid)) state.began = process->began;
  return write_json_file(file, Json{{"schema", "studio.server/1"},
                                    {"pid", state.pid},
                                    {"began", state.began},
                                    {"url", state.url},
                                    {"log", state.log.string()},
                                    {"version", state.version}});
}

void remove_server_state(pid_t pid) {
  std::error_code ec;
  std::filesystem::remove(server_state_file(pid), ec);
}

bool server_lives(const ServerState& state) {
  if (state.pid <= 0) return false;
  const auto process = process_stat(state.pid);
  // Another user's process may be hidden in /proc (hidepid).
  if (!process) return ::kill(state.pid, 0) != 0 && errno == EPERM;
  if (process->state == 'Z' || process->state == 'X') return false;
  return state.began == 0 || state.began == process->began;
}

std::vector<ServerState> server_states() {
  std::vector<ServerState> states;
  std::error_code ec;
  for (const auto& item : std::filesystem::directory_iterator(state_folder(), ec)) {
    const auto pid = pid_in_name(item.path().filename().string());
    if (!pid) continue;
    const auto state = read_state(item.path(), *pid);
    if (state && server_lives(*state)) {
      states.push_back(*state);
    } else if (state || !server_lives({*pid, {}, {}, {}})) {  // unreadable: perhaps a newer studio's
      std::error_code ignored;
      std::filesystem::remove(item.path(), ignored);
    }
  }
  std::ranges::sort(states, {}, [](const ServerState& state) {
    return std::tuple(port_of_url(state.url) != kDefaultServerPort, state.began, state.pid);
  });
  return states;
}

int port_of_url(std::string_view url) {
  const auto authority = authority_of(url);
  return authority ? authority->port : 0;
}

Result<ServerState> named_server(std::string_view port_or_url) {
  std::string url(port_or_url);
  const bool digits = !url.empty() && std::ranges::all_of(url, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    const auto port = whole_number<int>(port_or_url);
    if (!port || *port < 1 || *port > 65535)
      return fail(ErrorKind::wrong_usage, fmt::format("find the server {}: a port is 1 to 65535", url),
                  "see which run: studio status");
    url = fmt::format("http://127.0.0.1:{}", *port);
  } else {
    TRY(Endpoint::parse(url));
  }
  const auto wanted = authority_of(url);
  for (ServerState& state : server_states()) {
    const auto authority = authority_of(state.url);
    // A port alone also means a server that listens on another address of this machine.
    if (wanted && authority && (digits ? authority->port == wanted->port : *authority == *wanted))
      return std::move(state);
  }
  return ServerState{-1, std::move(url), {}, {}};
}

std::optional<ServerState> read_server_state() {
  if (const auto name = named_by_environment()) {
    if (*name == "off") return std::nullopt;
    return server_of_environment(*name);
  }
  auto states = server_states();
  if (states.empty()) return std::nullopt;
  return std::move(states.front());
}

std::optional<ServerState> running_server(std::chrono::milliseconds patience) {
  if (named_by_environment()) {
    auto state = read_server_state();
    if (state && answers(*state, patience)) return state;
    return std::nullopt;
  }
  for (ServerState& state : server_states())
    if (answers(state, patience)) return std::move(state);
  return std::nullopt;
}

}  // namespace studio
