// Whom the HTTPS clients trust: the authorities of the machine, those of a file given for one server, nobody
// else.
#include <filesystem>
#include <future>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "net/http.h"
#include "net/http_upstream.h"
#include "support/tls_server.h"

namespace studio {
namespace {

class TlsTest : public ::testing::Test {
 protected:
  Endpoint at(const testing::TlsServer& server, bool trusted, std::string host = "127.0.0.1") {
    Endpoint endpoint = Endpoint::parse(fmt::format("https://{}:{}", host, server.port())).value();
    const Path file = folder_.path() / fmt::format("{}.pem", server.port());
    EXPECT_TRUE(write_file_atomic(file, server.authority()).has_value());
    if (trusted) endpoint.ca_file = file.string();
    return endpoint;
  }
  // With the client of event loops, and with the blocking one: the status, or the error.
  std::pair<Result<int>, Result<int>> ask(const Endpoint& endpoint) {
    std::promise<Result<int>> told;
    auto answer = told.get_future();
    loops_->at(0).spawn(run(endpoint, told));
    HttpRequest request;
    request.endpoint = endpoint;
    const auto whole = send_http(request);
    return {answer.get(), whole ? Result<int>(whole->status) : std::unexpected(whole.error())};
  }
  Task<void> run(const Endpoint& endpoint, std::promise<Result<int>>& told) {
    UpstreamRequest request;
    request.endpoint = &endpoint;
    request.method = "GET";
    auto response = co_await upstreams_->open(loops_->at(0), request);
    if (!response) {
      told.set_value(std::unexpected(response.error()));
      co_return;
    }
    const int status = response->status();
    const auto body = co_await response->read_all();
    told.set_value(body ? Result<int>(status) : std::unexpected(body.error()));
  }

  ScratchFolder folder_ = ScratchFolder::create().value();
  std::unique_ptr<Loops> loops_ = Loops::create({.threads = 1, .blocking_threads = 1}).value();
  std::unique_ptr<HttpUpstreams> upstreams_ = HttpUpstreams::create(*loops_).value();
};

TEST_F(TlsTest, AServerIsTrustedThroughTheFileOfItsAuthority) {
  const testing::TlsServer server("IP:127.0.0.1,DNS:localhost");
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto [loop, blocking] = ask(at(server, true, host));
    EXPECT_EQ(loop.value_or(0), 200) << host << ": " << (loop ? "" : loop.error().message);
    EXPECT_EQ(blocking.value_or(0), 200) << host << ": " << (blocking ? "" : blocking.error().message);
  }
  EXPECT_EQ(server.requests(), 4);
}

TEST_F(TlsTest, AnUnknownAuthorityIsRefusedBeforeARequestIsSent) {
  const testing::TlsServer server("IP:127.0.0.1");
  const auto [loop, blocking] = ask(at(server, false));
  ASSERT_FALSE(loop.has_value());
  EXPECT_FALSE(blocking.has_value());
  EXPECT_TRUE(loop.error().message.contains("certificate")) << loop.error().message;
  EXPECT_TRUE(loop.error().hint.contains("ca_file")) << loop.error().hint;
  // Trust in one server's authority is none in another's.
  const testing::TlsServer other("IP:127.0.0.1");
  Endpoint crossed = at(server, true);
  crossed.base_url = fmt::format("https://127.0.0.1:{}", other.port());
  EXPECT_FALSE(ask(crossed).first.has_value());
  EXPECT_EQ(server.requests() + other.requests(), 0);
}

TEST_F(TlsTest, ACertificateForAnotherNameIsRefused) {
  const testing::TlsServer server("DNS:engine.example,IP:127.0.0.2");
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto [loop, blocking] = ask(at(server, true, host));
    EXPECT_FALSE(loop.has_value()) << host;
    EXPECT_FALSE(blocking.has_value()) << host;
  }
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(TlsTest, AFileThatHoldsNoAuthorityIsNamed) {
  const testing::TlsServer server("IP:127.0.0.1");
  Endpoint endpoint = at(server, true);
  endpoint.ca_file = (folder_.path() / "none.pem").string();
  const auto [loop, blocking] = ask(endpoint);
  ASSERT_FALSE(loop.has_value());
  EXPECT_FALSE(blocking.has_value());
  EXPECT_TRUE(loop.error().message.contains("none.pem")) << loop.error().message;
}

}  // namespace
}  // namespace studio
