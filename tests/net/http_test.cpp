// The HTTP client against a server whose every byte is chosen here.
#include "net/http.h"

#include <thread>

#include <gtest/gtest.h>

#include "support/fake_http_server.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;

HttpRequest get(const FakeHttpServer& server, std::string path = "/") {
  HttpRequest request;
  request.endpoint = server.endpoint();
  request.path = std::move(path);
  request.timeout = 10s;
  return request;
}

class OnBothTransports : public ::testing::TestWithParam<FakeHttpServer::On> {};

TEST_P(OnBothTransports, SendsTheBodyAndReadsTheAnswer) {
  FakeHttpServer server(
      [](const FakeRequest& request, FakeConnection& connection) {
        connection.answer(201, "you said " + request.body, "X-Note: kept \r\n");
      },
      GetParam());
  HttpRequest request = get(server, "/v1/things?a=b");
  request.method = "POST";
  request.headers = {{"Content-Type", "text/plain"}, {"Authorization", "Bearer k"}};
  request.body = std::string("with\0zero", 9);
  const auto answer = send_http(request);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "you said " + request.body);
  EXPECT_EQ(answer->header("x-note"), "kept");
  const auto seen = server.requests().front();
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/v1/things?a=b");
  EXPECT_EQ(seen.header("Authorization"), "Bearer k");
  EXPECT_EQ(seen.header("Expect"), "");
}

INSTANTIATE_TEST_SUITE_P(Http, OnBothTransports,
                         ::testing::Values(FakeHttpServer::On::unix_socket, FakeHttpServer::On::loopback),
                         [](const auto& test) {
                           return test.param == FakeHttpServer::On::unix_socket ? "Unix" : "Tcp";
                         });

TEST(Http, AStreamArrivesInPiecesWhileItIsSent) {
  std::atomic<bool> first_seen{false};
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    while (!first_seen) std::this_thread::sleep_for(1ms);  // the rest is sent only once it was seen
    connection.write("6\r\nsecond\r\n0\r\n\r\n");
  });
  HttpRequest request = get(server);
  std::string all;
  request.on_body = [&](std::string_view piece) {
    all += piece;
    first_seen = true;
    return true;
  };
  const auto answer = send_http(request);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(all, "firstsecond");
  EXPECT_TRUE(answer->body.empty());
}

TEST(Http, ABodyCutShortIsAnErrorAndNotAnAnswer) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
  });
  const auto answer = send_http(get(server));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::engine_failed);
}

TEST(Http, AServerThatSaysNothingEndsAtTheDeadline) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) { connection.wait_for_hangup(); });
  HttpRequest request = get(server);
  request.timeout = 200ms;
  const auto answer = send_http(request);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
}

TEST(Http, ASilenceInMidBodyEndsAtTheStallLimit) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart");
    connection.wait_for_hangup();
  });
  HttpRequest request = get(server);
  request.timeout = 60s;
  request.stall_timeout = 1s;
  const auto answer = send_http(request);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
  EXPECT_NE(answer.error().message.find("silent"), std::string::npos);
}

TEST(Http, AStopRequestHangsUp) {
  std::atomic<bool> hung_up{false};
  FakeHttpServer server(
      [&](const FakeRequest&, FakeConnection& connection) { hung_up = connection.wait_for_hangup(); });
  std::stop_source stop;
  HttpRequest request = get(server);
  request.stop = stop.get_token();
  const std::jthread stopper([&] {
    while (server.requests().empty()) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  const auto answer = send_http(request);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::interrupted);
  for (int i = 0; i < 500 && !hung_up; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(hung_up);
}

TEST(Http, AnAnswerWithoutEndStopsAtTheLimit) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\n\r\n");
    while (connection.write(std::string(1 << 16, 'x'))) {
    }
  });
  HttpRequest request = get(server);
  request.max_response_bytes = 1 << 20;
  const auto answer = send_http(request);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::limit_exceeded);
}

TEST(Http, HeadersWithoutEndStopAtTheLimit) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\n");
    while (connection.write("X-More: " + std::string(1000, 'y') + "\r\n")) {
    }
  });
  HttpRequest request = get(server);
  request.max_response_bytes = 1 << 16;
  EXPECT_FALSE(send_http(request).has_value());
}

TEST(Http, ARedirectIsReturnedUnlessFollowingWasAskedFor) {
  FakeHttpServer server([](const FakeRequest& request, FakeConnection& connection) {
    if (request.target == "/old")
      connection.answer(302, "", "Location: /new\r\n");
    else
      connection.answer(200, "here");
  });
  EXPECT_EQ(send_http(get(server, "/old"))->status, 302);
  HttpRequest following = get(server, "/old");
  following.max_redirects = 3;
  const auto answer = send_http(following);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, "here");
}

TEST(Http, NobodyListeningIsSaidWithWhatToDo) {
  HttpRequest request;
  request.endpoint = {"http://localhost", "/nonexistent/engine.sock"};
  const auto answer = send_http(request);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::engine_failed);
  EXPECT_FALSE(answer.error().hint.empty());
}

TEST(Http, ALineBreakInAHeaderIsRefused) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) { connection.answer(200, ""); });
  HttpRequest request = get(server);
  request.headers = {{"X-Note", "a\r\nX-Other: b"}};
  const auto answer = send_http(request);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::invalid_input);
  EXPECT_TRUE(server.requests().empty());
}

TEST(Http, ManyThreadsAtOnce) {
  FakeHttpServer server(
      [](const FakeRequest& request, FakeConnection& connection) { connection.answer(200, request.target); });
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 10; ++i) {
          const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
          const auto answer = send_http(get(server, path));
          if (answer && answer->body == path) ++right;
        }
      });
  }
  EXPECT_EQ(right, 80);
}

TEST(Endpoint, ReadsTheFormsThatPeopleWrite) {
  EXPECT_EQ(Endpoint::parse("http://127.0.0.1:8080/v1/")->base_url, "http://127.0.0.1:8080/v1");
  EXPECT_EQ(Endpoint::parse("https://models.example")->base_url, "https://models.example");
  const auto socket = Endpoint::parse("unix:/run/x.sock");
  EXPECT_EQ(socket->unix_socket, "/run/x.sock");
  EXPECT_EQ(socket->base_url, "http://localhost");
  const auto prefixed = Endpoint::parse("unix:/run/x.sock:/api/v1/");
  EXPECT_EQ(prefixed->unix_socket, "/run/x.sock");
  EXPECT_EQ(prefixed->base_url, "http://localhost/api/v1");
  EXPECT_EQ(prefixed->to_string(), "unix:/run/x.sock:/api/v1");
}

TEST(Endpoint, RefusesWhatIsNoAddressAndNeverRepeatsAPassword) {
  for (const char* text : {"", "localhost:8080", "ftp://host/", "http://", "http://:80", "unix:relative.sock",
                           "http://host/v1?key=x", "http://a b/", "file:///etc/passwd"})
    EXPECT_EQ(Endpoint::parse(text).error().kind, ErrorKind::wrong_usage) << text;
  const auto secret = Endpoint::parse("https://me:hunter2@host/v1");
  ASSERT_FALSE(secret.has_value());
  EXPECT_EQ(secret.error().message.find("hunter2"), std::string::npos);
  EXPECT_FALSE(Endpoint::parse("unix:/" + std::string(200, 'x')).has_value());
}

TEST(UrlEncode, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(url_encode("a b/ü~"), "a%20b%2F%C3%BC~");
}

}  // namespace
}  // namespace studio
