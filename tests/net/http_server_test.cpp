// The HTTP server against clients that send anything, slowly, in pieces, or not at all.
#include "net/http_server.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/raw_client.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::RawClient;

Task<void> echo(HttpExchange& exchange) {
  if (exchange.path() == "/stream") {
    exchange.begin(200, {});
    for (const std::string_view piece : {"one ", "two ", "three"}) {
      if (!co_await exchange.write(piece)) co_return;
      co_await exchange.loop().sleep(5ms, exchange.stop());
    }
    co_await exchange.end();
    co_return;
  }
  if (exchange.path() == "/throw") throw std::runtime_error("secret detail");
  if (exchange.path() == "/nothing") co_return;
  if (exchange.path() == "/half") {
    exchange.begin(200, {});
    co_await exchange.write("half");
    co_return;
  }
  const std::string body = fmt::format("{} {} {}", exchange.method(), exchange.target(), exchange.body());
  co_await exchange.respond(200, "text/plain", body);
}

struct Server {
  explicit Server(HttpServerOptions options = {}, HttpHandler handler = echo, int threads = 2) {
    loops = Loops::create({.threads = threads, .blocking_threads = 1}).value();
    server = HttpServer::start(*loops, std::move(options), std::move(handler)).value();
  }
  RawClient client() const { return RawClient(server->port()); }
  std::string ask(std::string_view bytes) const {
    auto one = client();
    one.send(bytes);
    return one.read_all();
  }
  std::unique_ptr<Loops> loops;
  std::unique_ptr<HttpServer> server;
};

std::string post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{}\r\n{}", path, body.size(),
                     headers, body);
}
constexpr std::string_view kClose = "Connection: close\r\n";

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  const Server server;
  auto client = server.client();
  for (int i = 0; i < 3; ++i) {
    client.send(post("/a?b=c", "body"));
    const std::string answer = client.read_until("POST /a?b=c body");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.contains("Content-Length: 16\r\n")) << answer;
    EXPECT_TRUE(answer.contains("Date: ")) << answer;
  }
  EXPECT_EQ(server.server->counts().accepted, 1u);
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  const Server server;
  std::string all;
  for (int i = 0; i < 50; ++i) all += post(fmt::format("/{}", i), "x", i == 49 ? kClose : "");
  const std::string answers = server.ask(all);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find(fmt::format("POST /{} x", i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(HttpServer, TakesARequestByteByByte) {
  const Server server;
  auto client = server.client();
  for (const char byte : post("/slow", "hello", kClose)) ASSERT_TRUE(client.send({&byte, 1}));
  EXPECT_TRUE(client.read_all().ends_with("POST /slow hello"));
}

TEST(HttpServer, TakesBodiesOfAnySizeWithinTheLimitSizedAndChunked) {
  const Server server({.max_body_bytes = 1u << 20});
  for (const std::size_t size : {0u, 1u, 3000u, 4096u, 5000u, 300000u, 1u << 20}) {
    std::string body(size, 'x');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 23);
    EXPECT_TRUE(server.ask(post("/s", body, kClose)).ends_with("POST /s " + body)) << size;
    std::string chunked =
        "POST /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < size; at += 999) {
      const auto piece = std::string_view(body).substr(at, 999);
      chunked += fmt::format("{:x};note=1\r\n{}\r\n", piece.size(), piece);
    }
    chunked += "0\r\nTrailer: ignored\r\n\r\n";
    EXPECT_TRUE(server.ask(chunked).ends_with("POST /c " + body)) << size;
  }
}

TEST(HttpServer, StreamsInChunksAndPlainlyToOldClients) {
  const Server server;
  const std::string now = server.ask("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(now.contains("Transfer-Encoding: chunked\r\n")) << now;
  EXPECT_TRUE(now.ends_with("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n")) << now;
  const std::string old = server.ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_FALSE(old.contains("chunked")) << old;
  EXPECT_TRUE(old.ends_with("\r\n\r\none two three")) << old;
}

TEST(HttpServer, SendsNoBodyToHead) {
  const Server server;
  const std::string answer = server.ask("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.contains("Content-Length: 8\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(HttpServer, SaysContinueToWhoWaitsForIt) {
  const Server server;
  auto client = server.client();
  client.send(
      "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: "
      "4\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("late");
  EXPECT_TRUE(client.read_all().ends_with("POST /e late"));
}

TEST(HttpServer, RefusesWhatIsNoHttpWithAReasonAndLivesOn) {
  const Server server({.max_body_bytes = 1000, .max_header_bytes = 2000});
  const std::vector<std::pair<std::string, int>> cases = {
      {"GARBAGE\r\n\r\n", 400},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nFolded: a\r\n b\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') +
           "\r\n",
       413},
      {"GET / HTTP/1.1\r\nHost: x\r\nLong: " + std::string(3000, 'x') + "\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\nHost: x\r\nLong: " + std::string(300000, 'x'), 431},
  };
  for (const auto& [bytes, status] : cases) {
    const std::string answer = server.ask(bytes);
    EXPECT_TRUE(answer.starts_with(fmt::format("HTTP/1.1 {} ", status))) << bytes.substr(0, 200) << "\n"
                                                                         << answer;
  }
  EXPECT_EQ(server.server->counts().refused, cases.size());
  EXPECT_TRUE(server.ask(post("/still", "here", kClose)).ends_with("POST /still here"));
}

TEST(HttpServer, TellsAnOversizedUploaderBeforeItHasSentItAll) {
  const Server server({.max_body_bytes = 1000});
  auto client = server.client();
  const std::string piece(1u << 20, 'x');
  client.send(fmt::format("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 20u << 20));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(piece)) << "the connection was reset at MiB " << i;
  EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, AHandlerThatFailsGives500WithoutItsSecrets) {
  const Server server;
  for (const std::string path : {"/throw", "/nothing"}) {
    const std::string answer = server.ask(post(path, ""));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
    EXPECT_FALSE(answer.contains("secret")) << answer;
  }
  const std::string half = server.ask(post("/half", ""));
  EXPECT_TRUE(half.ends_with("4\r\nhalf\r\n")) << "an answer that is not whole must not look whole: " << half;
}

TEST(HttpServer, EndsSlowClients) {
  const Server server({.header_timeout = 200ms, .idle_timeout = 200ms, .body_timeout = 200ms});
  auto idle = server.client();
  auto head = server.client();
  head.send("GET / HTTP/1.1\r\nHos");
  auto body = server.client();
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(head.read_all().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(body.read_all().starts_with("HTTP/1.1 408 "));
}

TEST(HttpServer, AClientThatTakesNothingIsGivenUp) {
  std::atomic<bool> ended{false};
  const Server server({.write_timeout = 300ms}, [&](HttpExchange& exchange) -> Task<void> {
    exchange.begin(200, {});
    const std::string piece(1u << 20, 'x');
    for (;;)
      if (!co_await exchange.write(piece)) break;
    ended = true;
  });
  auto client = server.client();
  client.send(post("/", ""));
  for (int i = 0; i < 500 && !ended; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(ended);
}

TEST(HttpServer, TheHandlerLearnsThatItsClientHasGone) {
  std::atomic<int> stopped{0};
  const Server server({}, [&](HttpExchange& exchange) -> Task<void> {
    co_await exchange.loop().sleep(1h, exchange.stop());
    if (exchange.stop().stop_requested()) ++stopped;
  });
  for (int i = 0; i < 4; ++i) {
    auto client = server.client();
    client.send(post("/", "x"));
    while (server.server->counts().requests_at_work == 0) std::this_thread::sleep_for(1ms);
    client.close();
    for (int wait = 0; wait < 1000 && stopped != i + 1; ++wait) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(stopped, i + 1);
  }
}

TEST(HttpServer, AThousandHalfOpenClientsDoNotKeepOthersOut) {
  const Server server({.max_connections = 300});
  std::vector<RawClient> half;
  for (int i = 0; i < 1000; ++i) {
    half.push_back(server.client());
    half.back().send("POST / HTTP/1.1\r\nHost");
  }
  EXPECT_TRUE(server.ask(post("/in", "time", kClose)).ends_with("POST /in time"));
  for (int wait = 0; wait < 1000 && server.server->counts().connections > 301; ++wait)
    std::this_thread::sleep_for(1ms);
  EXPECT_LE(server.server->counts().connections, 301u);
}

TEST(HttpServer, WhenAllConnectionsWorkANewOneIsToldToComeLater) {
  const Server server({.max_connections = 2}, [&](HttpExchange& exchange) -> Task<void> {
    co_await exchange.loop().sleep(1h, exchange.stop());
  });
  auto first = server.client(), second = server.client();
  first.send(post("/", ""));
  second.send(post("/", ""));
  while (server.server->counts().requests_at_work < 2) std::this_thread::sleep_for(1ms);
  const std::string answer = server.client().read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(answer.contains("Retry-After: ")) << answer;
}

TEST(HttpServer, StoppingAnswersWhatWasSent) {
  for (int round = 0; round < 5; ++round) {
    Server server({}, [&](HttpExchange& exchange) -> Task<void> {
      co_await exchange.loop().sleep(50ms, exchange.stop());
      co_await exchange.respond(200, "text/plain", exchange.stop().stop_requested() ? "stopped" : "done");
    });
    std::vector<RawClient> clients;
    for (int i = 0; i < 40; ++i) {
      clients.push_back(server.client());
      clients.back().send(post("/", "x"));
    }
    server.server->stop();  // some of them were not even accepted yet
    for (auto& client : clients) {
      const std::string answer = client.read_all();
      EXPECT_TRUE(answer.ends_with("\r\n\r\ndone")) << answer;
      EXPECT_TRUE(answer.contains("Connection: close\r\n")) << answer;
    }
    EXPECT_FALSE(server.client().connected());
    EXPECT_EQ(server.server->counts().connections, 0u);
  }
}

TEST(HttpServer, StoppingEndsWhatTakesTooLong) {
  Server server({.drain_timeout = 100ms}, [&](HttpExchange& exchange) -> Task<void> {
    co_await exchange.loop().sleep(1h, exchange.stop());
    co_await exchange.respond(503, "text/plain", "ended");
  });
  auto client = server.client();
  client.send(post("/", "x"));
  while (server.server->counts().requests_at_work == 0) std::this_thread::sleep_for(1ms);
  server.server->stop();
  EXPECT_TRUE(client.read_all().ends_with("ended"));
}

TEST(HttpServer, ListensOnAUnixSocketAndReplacesAStaleOne) {
  const std::string path = ::testing::TempDir() + "studio-server-test.sock";
  std::filesystem::remove(path);
  const auto ask = [&] {
    RawClient client(path);
    client.send(post("/unix", "x", kClose));
    return client.read_all();
  };
  {
    const Server server({.host = "", .unix_socket = path});
    EXPECT_TRUE(ask().ends_with("POST /unix x"));
    const auto second = HttpServer::start(*server.loops, {.host = "", .unix_socket = path}, echo);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().kind, ErrorKind::io);
    EXPECT_TRUE(ask().ends_with("POST /unix x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);  // as a killed server leaves it
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(left);
  const Server server({.host = "", .unix_socket = path});
  EXPECT_TRUE(ask().ends_with("POST /unix x"));
}

TEST(HttpServer, SaysWhyItCannotListen) {
  const Server server;
  const auto same = HttpServer::start(*server.loops, {.port = server.server->port()}, echo);
  ASSERT_FALSE(same.has_value());
  EXPECT_EQ(same.error().kind, ErrorKind::io);
  EXPECT_TRUE(same.error().message.contains("in use")) << same.error().message;
  const auto bad = HttpServer::start(*server.loops, {.host = "300.1.1.1"}, echo);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().kind, ErrorKind::wrong_usage);
}

}  // namespace
}  // namespace studio
