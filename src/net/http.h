// One HTTP/1.1 exchange as a client: over TCP, TLS or a Unix socket, whole or streamed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace studio {

// Where a server is. `base_url` has no slash at its end ("http://127.0.0.1:8420/v1").
// With a `unix_socket` the host of base_url is only a name in the Host header.
struct Endpoint {
  std::string base_url = {};
  std::string unix_socket = {};
  // https: a PEM file of authorities to trust for this server, beside those of the machine. Empty: none.
  std::string ca_file = {};

  // "http://host:port/prefix", "https://...", "unix:/run/x.sock" or "unix:/run/x.sock:/prefix".
  // wrong_usage for anything else, and for user:password@ in a URL (keys belong in a header).
  static Result<Endpoint> parse(std::string_view text);
  std::string to_string() const;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  Endpoint endpoint;
  std::string path = "/";  // appended to the endpoint's base_url; begins with a slash
  HttpHeaders headers;
  std::string body;

  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  // The whole exchange, from connecting to the last byte.
  std::chrono::milliseconds timeout = std::chrono::seconds(120);
  // No byte for this long ends the exchange too; 0: only `timeout` counts.
  std::chrono::seconds stall_timeout{0};
  std::uint64_t max_response_bytes = 64u << 20;
  // 0: a 3xx answer is returned as it is. Else followed, never from https to http.
  int max_redirects = 0;
  // Connect to this numeric address whatever the host's name says now (it was checked before), past any
  // proxy. The name stays in the Host header and is what a certificate must be for.
  std::string connect_address = {};
  std::stop_token stop;

  // Called with each piece of a 2xx body as it arrives instead of collecting it; false ends
  // the exchange with `interrupted`. Called on the thread that called send().
  std::function<bool(std::string_view piece)> on_body;
  // Called once, before the first piece of a 2xx body, when on_body is set; false ends the exchange.
  std::function<bool(int status)> on_status;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;  // names in lower case
  std::string body;     // empty for a 2xx answer when on_body is set

  std::string_view header(std::string_view lower_case_name) const;  // empty when absent
};

// An answer of any status is a response; an Error is only what kept it from arriving whole:
// engine_failed (refused, reset, cut short, certificate), timeout, limit_exceeded, interrupted.
// Blocks; the stop token ends it within milliseconds. Certificates are always verified
// (SSL_CERT_FILE and the system's store). Proxies of the environment are honoured, not for
// Unix sockets and loopback.
Result<HttpResponse> send_http(const HttpRequest& request);

// Percent-encodes everything but RFC 3986's unreserved characters.
std::string url_encode(std::string_view text);

}  // namespace studio
