// An OpenAI-compatible engine that thinks of nothing: fast, scriptable in each request, for tests and
// benchmarks.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_server.h"

namespace studio::testing {

struct MockEngineOptions {
  std::string host = "";  // empty: no TCP
  int port = 0;
  std::string unix_socket = {};
  int threads = 1;
  std::string model = "mock";
};

// What a request may ask for beside OpenAI's fields, as "mock": {...} in its body:
//   tokens      pieces of a stream, or words of an answer (16)
//   rate        pieces per second; 0: as fast as they are taken (0)
//   delay_ms    before the head of the answer (0)
//   status      answers with this status and an error of llama-server's shape
//   cut_after   closes the connection after so many pieces; 0: before the head
//   text        the answer's words; a JSON text under response_format
//   raw         the whole body of the answer, as it is
//   timed       each piece is the clock when it was written ("@t=" and ns of CLOCK_MONOTONIC)
// GET /mock/stats tells what came; /health is 503 as long as ready is false.
class MockEngine {
 public:
  explicit MockEngine(const MockEngineOptions& options);
  ~MockEngine();

  Endpoint endpoint() const;
  int port() const { return server_->port(); }
  std::string url() const;                  // as Endpoint::parse reads it
  std::vector<std::string> bodies() const;  // of all requests but those without a script, the last 1000
  std::string last_header(std::string_view name) const;
  void stop() { server_->stop(); }

  std::atomic<bool> ready{true};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> at_work{0};
  std::atomic<std::uint64_t> cancelled{0};  // the client went before the end

 private:
  Task<void> handle(HttpExchange& exchange);
  Task<void> generate(HttpExchange& exchange);

  MockEngineOptions options_;
  std::string plain_answer_;
  mutable std::mutex mutex_;  // guards the two below
  std::vector<std::string> bodies_;
  std::vector<std::pair<std::string, std::string>> last_headers_;
  std::unique_ptr<Loops> loops_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace studio::testing
