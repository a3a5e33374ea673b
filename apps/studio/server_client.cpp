// A small client: one request, one JSON answer, errors in the server's words.
#include "server_client.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace studio::cli {
namespace {

std::string key_of(const ServerChoice& choice) {
  if (!choice.key.empty()) return choice.key;
  const char* key = std::getenv("STUDIO_API_KEY");
  return key != nullptr ? key : "";
}

ErrorKind kind_of(int status) {
  switch (status) {
    case 404: return ErrorKind::not_found;
    case 409:
    case 503:
    case 502: return ErrorKind::engine_failed;
    case 413:
    case 429: return ErrorKind::limit_exceeded;
    case 504: return ErrorKind::timeout;
    default: return status < 500 ? ErrorKind::invalid_input : ErrorKind::engine_failed;
  }
}

// {"error": {"message": ..., "hint": ...}} as OpenAI shapes it, or whatever came.
std::string message_of(const Json& body, const std::string& text) {
  if (body.is_object() && body.contains("error")) {
    const Json& error = body["error"];
    if (error.is_string()) return error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      return error["message"].get<std::string>();
  }
  return text.empty() ? "no reason given" : text.substr(0, std::min<std::size_t>(300, text.find('\n')));
}

// A model that must be got first is told by its code, as in OpenAI's errors; all else by the status.
ErrorKind kind_of(int status, const Json& body) {
  const bool told = body.is_object() && body.contains("error") && body["error"].is_object();
  if (told && body["error"].contains("code") && body["error"]["code"] == "model_not_available")
    return ErrorKind::missing_part;
  return kind_of(status);
}

}  // namespace

void add_server_option(CLI::App& command, ServerChoice& choice) {
  command.add_option("--server", choice.url, "Which server: its port on this machine, or an address")
      ->type_name("URL|PORT");
}

void add_server_options(CLI::App& command, ServerChoice& choice) {
  add_server_option(command, choice);
  command.add_option("--key", choice.key, "API key, where one is needed (or the variable STUDIO_API_KEY)")
      ->type_name("KEY");
}

Result<ServerState> find_server(const ServerChoice& choice) {
  if (!choice.url.empty()) return named_server(choice.url);
  const auto server = read_server_state();
  if (!server)
    return fail(ErrorKind::not_found, "find the server: none runs here", "start one: studio serve -d");
  const char* named = std::getenv("STUDIO_SERVER");
  if (named != nullptr && *named != '\0') return *server;
  const auto servers = server_states();
  if (servers.size() < 2 || port_of_url(server->url) == kDefaultServerPort) return *server;
  return fail(ErrorKind::wrong_usage,
              fmt::format("find the server: {} run here: {}", servers.size(), list_of(servers)),
              fmt::format("say which: --server {}", port_of_url(servers.front().url)));
}

std::string list_of(const std::vector<ServerState>& servers) {
  std::string text;
  for (const ServerState& server : servers)
    text += fmt::format("{}{} (process {})", text.empty() ? "" : ", ", server.url, server.pid);
  return text;
}

void tell_servers() {
  for (const ServerState& server : server_states()) ::kill(server.pid, SIGHUP);
}

Result<Json> ask_server(const ServerState& server, const ServerChoice& choice, const AdminRequest& request) {
  HttpRequest http;
  TRY_ASSIGN(http.endpoint, Endpoint::parse(server.url));
  http.method = request.method;
  http.path = request.path;
  http.timeout = request.timeout;
  http.stop = request.stop;
  if (!request.body.empty()) {
    http.body = request.body;
    http.headers.emplace_back("Content-Type", "application/json");
  }
  if (const std::string key = key_of(choice); !key.empty())
    http.headers.emplace_back("Authorization", "Bearer " + key);
  TRY_ASSIGN(const HttpResponse answer, send_http(http));
  const auto body = answer.body.empty() ? Result<Json>(Json::object()) : parse_json(answer.body, server.url);
  if (answer.status >= 200 && answer.status < 300) {
    if (!body)
      return fail(ErrorKind::engine_failed,
                  fmt::format("ask {}{}: the answer is no JSON", server.url, request.path),
                  "is this the address of a studio? see: studio status");
    return *body;
  }
  const std::string hint = answer.status == 401 || answer.status == 403
                               ? "give a key with the scope admin: --key, or STUDIO_API_KEY"
                           : body
                               ? ""
                               : fmt::format("is {} the address of a studio? see: studio status", server.url);
  return fail(
      kind_of(answer.status, body ? *body : Json()),
      fmt::format("{} {}: {}", request.method, request.path, message_of(body ? *body : Json(), answer.body)),
      hint);
}

Result<Json> server_models(const ServerState& server, const ServerChoice& choice) {
  TRY_ASSIGN(Json answer, ask_server(server, choice, {.path = "/admin/models"}));
  if (answer.is_array()) return Json{{"models", std::move(answer)}, {"memory", Json::object()}};
  if (answer.is_object() && answer.contains("models") && answer["models"].is_array()) {
    if (!answer.contains("memory")) answer["memory"] = Json::object();
    return answer;
  }
  return fail(ErrorKind::engine_failed,
              fmt::format("ask {}/admin/models: the answer has no models", server.url),
              "is this the address of a studio?");
}

std::optional<std::int64_t> unix_time(const std::string& utc) {
  std::tm time{};
  const char* end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (end == nullptr || (*end != 'Z' && *end != '.')) return std::nullopt;
  return ::timegm(&time);
}

}  // namespace studio::cli
