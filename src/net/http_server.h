// An HTTP/1.1 server on event loops: TCP and Unix sockets, keep-alive, streamed answers, hard limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"

namespace studio {

struct HeaderView {
  std::string_view name;  // as it was sent
  std::string_view value;
};

// ASCII, without case.
bool same_header_name(std::string_view a, std::string_view b);
// The reason phrase of RFC 9110 ("Not Found"); "Unknown" for others.
std::string_view reason_phrase(int status);

// One request and its answer. All calls on the loop the handler was called on. Views of the request
// are valid until the handler's task ends.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual std::string_view method() const = 0;
  virtual std::string_view target() const = 0;  // "/v1/models?x=y" as it was sent
  std::string_view path() const { return target().substr(0, target().find('?')); }
  std::string_view query() const;  // after the question mark
  virtual std::span<const HeaderView> headers() const = 0;
  std::string_view header(std::string_view name) const;  // the first of that name; empty when absent
  virtual std::string_view body() const = 0;             // whole, within the server's limit
  virtual std::string_view remote() const = 0;           // "127.0.0.1:41234", "unix"
  virtual bool remote_is_loopback() const = 0;           // true for Unix sockets too
  // Requested when the client has gone or the server's drain time is over.
  virtual std::stop_token stop() const = 0;
  virtual Loop& loop() const = 0;

  // Headers that every answer of this exchange carries (a request id).
  virtual void add_header(std::string_view name, std::string_view value) = 0;
  // Exactly one of respond, or begin - write... - end. Errors: the client is gone, or takes nothing
  // for longer than write_timeout. Content-Length, Date and Connection are added here.
  virtual Task<Result<void>> respond(int status, std::span<const HeaderView> headers,
                                     std::span<const std::string_view> body) = 0;
  Task<Result<void>> respond(int status, std::string_view content_type, std::string_view body);
  // Writes nothing yet: the head travels with the first piece, or with flush().
  virtual void begin(int status, std::span<const HeaderView> headers) = 0;
  virtual Task<Result<void>> flush() = 0;
  // One chunk from several places of memory, in one system call, without a copy.
  virtual Task<Result<void>> write(std::span<const std::string_view> pieces) = 0;
  Task<Result<void>> write(std::string_view piece);
  // The last pieces, none included, and the end of the answer in one go.
  virtual Task<Result<void>> end(std::span<const std::string_view> pieces) = 0;
  Task<Result<void>> end() { return end({}); }
  // Cuts the connection, so that the client sees that a begun answer is not whole.
  virtual void cut() = 0;
  virtual bool begun() const = 0;  // an answer's head was given
};

using HttpHandler = std::function<Task<void>(HttpExchange&)>;

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an address or "localhost"; empty: no TCP
  int port = 0;                    // 0 picks a free one
  std::string unix_socket = {};    // empty: none. A stale file is replaced, a living one is not

  std::uint64_t max_body_bytes = 64u << 20;
  // Bodies of all requests together; past it 503.
  std::uint64_t max_buffered_bytes = 512u << 20;
  std::uint32_t max_header_bytes = 32u << 10;
  // Each loop has its share. Past it, the connection that waited longest without a whole request is
  // closed for the new one; when all are at work the new one gets 503.
  std::size_t max_connections = 4096;
  std::chrono::milliseconds header_timeout = std::chrono::seconds(15);  // first byte to last of the head
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);    // between requests
  std::chrono::milliseconds body_timeout = std::chrono::seconds(30);    // without a byte of the body
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);   // without a byte taken
  // After stop(): how long requests at work may take before their stop is requested.
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(30);

  // The body of an answer the server gives by itself (400, 408, 413, 431, 500, 503).
  std::function<std::string(int status, std::string_view message)> error_body = {};
  std::string error_content_type = "application/json";
};

struct HttpServerCounts {
  std::size_t connections = 0;
  std::size_t requests_at_work = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;  // by a limit or as malformed
};

// Connections are spread evenly over the loops. Each exchange runs the handler as a coroutine on its
// connection's loop, one after another on each connection (pipelined requests wait).
class HttpServer {
 public:
  // Listens before it returns. wrong_usage: address that cannot be read; io: address in use.
  static Result<std::unique_ptr<HttpServer>> start(Loops& loops, HttpServerOptions options,
                                                   HttpHandler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // stop()

  int port() const;  // 0 without TCP
  HttpServerCounts counts() const;
  // Accepts what has already connected, then nothing more; answers what was sent (with
  // Connection: close), requests the stop of what takes longer than drain_timeout, and returns
  // when every connection is closed. Not to be called on a loop.
  void stop();

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace studio
