// An HTTP/1.1 client on event loops: pooled keep-alive connections, bodies in pieces without copies.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"

namespace studio {

// How far an exchange came: nothing may be tried again elsewhere once something was sent.
struct UpstreamTrace {
  bool connected = false;
  bool sent = false;      // at least one byte of the request was handed to the kernel
  bool received = false;  // at least one byte of the answer came
  bool reused = false;    // on a connection that had served before
};

// Views must live until open() has returned.
struct UpstreamRequest {
  const Endpoint* endpoint = nullptr;
  std::string_view method = "POST";
  std::string_view path = "/";          // appended to the endpoint's base_url
  std::span<const HeaderView> headers;  // Host, Content-Length and Connection are added here
  std::span<const std::string_view> body;
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds first_byte_timeout = std::chrono::minutes(30);  // request sent to answer's head
  std::chrono::milliseconds idle_timeout = std::chrono::minutes(5);         // between pieces of the body
  std::stop_token stop;  // must outlive the response; closes the connection, which ends the work behind it
  UpstreamTrace* trace = nullptr;  // filled in while open() runs, also when it fails
};

// The answer, its body still arriving. Destroyed before its end it closes the connection.
class UpstreamResponse {
 public:
  struct Impl;  // backends/http_upstream.cpp
  explicit UpstreamResponse(std::unique_ptr<Impl> impl);
  UpstreamResponse(UpstreamResponse&&) noexcept;
  UpstreamResponse& operator=(UpstreamResponse&&) noexcept;
  ~UpstreamResponse();

  int status() const;
  // Valid as long as the response.
  std::span<const HeaderView> headers() const;
  std::string_view header(std::string_view name) const;  // without case; empty when absent
  bool done() const;       // all of the body was given out: read() would give none
  bool has_piece() const;  // read() will not have to wait
  // The next pieces of the body, as they arrived and where they lie: valid until the next call.
  // None at all is the end. engine_failed: broken off; timeout; interrupted.
  Task<Result<std::span<const std::string_view>>> read();
  // The whole rest. limit_exceeded past `max_bytes`.
  Task<Result<std::string>> read_all(std::size_t max_bytes = 64u << 20);

 private:
  std::unique_ptr<Impl> impl_;
};

struct UpstreamOptions {
  std::size_t idle_per_endpoint = 256;  // kept open on each loop
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
  std::uint32_t max_header_bytes = 64u << 10;
};

// One pool of connections per loop and endpoint. A request that finds its pooled connection closed
// before a byte of the answer goes again on a new one only when nothing had been sent.
class HttpUpstreams {
 public:
  static Result<std::unique_ptr<HttpUpstreams>> create(Loops& loops, const UpstreamOptions& options = {});
  HttpUpstreams(const HttpUpstreams&) = delete;
  HttpUpstreams& operator=(const HttpUpstreams&) = delete;
  ~HttpUpstreams();  // closes what is idle; responses must be gone before

  // On `loop`. An answer of any status is a response; an Error is what kept its head from arriving:
  // engine_failed (refused, reset), timeout, interrupted, wrong_usage.
  Task<Result<UpstreamResponse>> open(Loop& loop, const UpstreamRequest& request);

 private:
  class Pool;
  HttpUpstreams(Loops& loops, std::vector<std::unique_ptr<Pool>> pools);
  Loops* loops_;
  std::vector<std::unique_ptr<Pool>> pools_;
};

}  // namespace studio
