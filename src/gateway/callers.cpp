// Who asks: API keys, scopes, web pages of elsewhere; and how an answer outside inference is given.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/core.h"

namespace studio {
namespace {

// A page that any browser on this machine shows may send requests here; only pages served from this
// machine are meant to.
bool is_foreign_page(std::string_view origin) {
  if (origin.empty()) return false;
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return true;  // "null": a sandboxed frame or a file
  std::string_view host = origin.substr(scheme + 3);
  if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
  return host != "localhost" && host != "127.0.0.1" && !host.starts_with("[::1]");
}

bool is_plain_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (const char c : id)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
          c == '_' || c == '.'))
      return false;
  return true;
}

std::uint64_t mixed(std::uint64_t x) {  // SplitMix64 (Steele, Lea, Flood 2014)
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

std::optional<ApiError> find_caller(GatewayCore& core, const HttpExchange& exchange,
                                    const GatewaySettings& settings, std::string_view scope, Caller& caller) {
  const auto refused = [&](std::string_view reason, ApiError error) {
    const std::string_view label[] = {reason};
    core.metrics.counter("studio_refused_total", label).add();
    return error;
  };
  const std::string_view token = bearer_token(exchange.header("authorization"), exchange.header("x-api-key"));
  if (!token.empty())
    caller.key =
        core.keys->find(token, std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  const bool required = settings.keys_required || !exchange.remote_is_loopback();
  if (!caller.key) {
    // Clients must send some key even where none is needed ("sk-no-key"); it is not looked at then.
    if (required) return refused("key", token.empty() ? missing_key() : wrong_key(token));
    if (is_foreign_page(exchange.header("origin"))) {
      ApiError error = not_permitted(scope);
      error.message = "web pages of other sites may not use this server without an API key";
      return refused("origin", error);
    }
    return std::nullopt;
  }
  if (!caller.key->may(scope)) return refused("scope", not_permitted(scope));
  return std::nullopt;
}

Task<bool> answer_pages(HttpExchange& exchange) {
  const std::string_view origin = exchange.header("origin");
  if (origin.empty() || is_foreign_page(origin)) co_return false;
  exchange.add_header("Access-Control-Allow-Origin", origin);
  exchange.add_header("Vary", "Origin");
  if (exchange.method() != "OPTIONS") co_return false;
  std::string_view asked = exchange.header("access-control-request-headers");
  if (asked.empty()) asked = "authorization, content-type";
  const HeaderView headers[] = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                                {"Access-Control-Allow-Headers", asked},
                                {"Access-Control-Max-Age", "600"}};
  co_await exchange.respond(204, headers, {});
  co_return true;
}

std::string request_id_of(const HttpExchange& exchange) {
  const std::string_view given = exchange.header("x-request-id");
  if (is_plain_id(given)) return std::string(given);
  // Unique, not secret: the clock and where the request lies, mixed.
  const auto now = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  const std::uint64_t a = mixed(now), b = mixed(a ^ reinterpret_cast<std::uintptr_t>(&exchange));
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string id = "req_";
  for (int shift = 60; shift >= 0; shift -= 4) id += kDigits[(b >> shift) & 15];
  return id;
}

Task<void> respond_error(HttpExchange& exchange, const ApiError& error) {
  const std::string text = error_json(error);
  const std::string seconds = error.retry_after ? std::to_string(error.retry_after->count()) : std::string();
  std::vector<HeaderView> headers{{"Content-Type", "application/json"}};
  if (error.retry_after) headers.push_back({"Retry-After", seconds});
  const std::string_view body = text;
  co_await exchange.respond(error.status, headers, std::span(&body, 1));
}

Task<void> respond_json(HttpExchange& exchange, int status, const Json& body) {
  const std::string text = to_text(body, -1);
  co_await exchange.respond(status, "application/json", text);
}

}  // namespace studio
