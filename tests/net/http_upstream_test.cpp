// The pooled client against servers of ours, and against ones that break every promise.
#include "net/http_upstream.h"

#include <atomic>
#include <future>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "support/fake_http_server.h"
#include "support/mock_engine.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;
using testing::MockEngine;

struct Answer {
  std::optional<Error> error;
  int status = 0;
  std::string body;
  UpstreamTrace trace;
};

struct Ask {
  std::string path = "/v1/chat/completions", method = "POST";
  std::string body = R"({"messages":[]})";
  std::stop_token stop = {};
  std::chrono::milliseconds first_byte = 10s, idle = 10s;
};

class Client {
 public:
  explicit Client(int threads = 1) {
    loops_ = Loops::create({.threads = threads, .blocking_threads = 1}).value();
    upstreams_ = HttpUpstreams::create(*loops_).value();
  }
  Answer ask(const Endpoint& endpoint, const Ask& ask = {}) {
    std::promise<Answer> told;
    auto answer = told.get_future();
    loops_->at(0).spawn(run(endpoint, ask, told));
    return answer.get();
  }

 private:
  Task<void> run(const Endpoint& endpoint, const Ask& ask, std::promise<Answer>& told) {
    Answer answer;
    const std::string_view body = ask.body;
    UpstreamRequest request;
    request.endpoint = &endpoint;
    request.method = ask.method;
    request.path = ask.path;
    request.body = std::span(&body, 1);
    request.stop = ask.stop;
    request.first_byte_timeout = ask.first_byte;
    request.idle_timeout = ask.idle;
    request.trace = &answer.trace;
    auto response = co_await upstreams_->open(loops_->at(0), request);
    if (!response) {
      answer.error = response.error();
    } else {
      answer.status = response->status();
      for (;;) {
        auto pieces = co_await response->read();
        if (!pieces) answer.error = pieces.error();
        if (!pieces || pieces->empty()) break;
        for (const auto piece : *pieces) answer.body += piece;
      }
    }
    response = std::unexpected(Error{});  // back into the pool before the test goes on
    told.set_value(std::move(answer));
  }

  std::unique_ptr<Loops> loops_;
  std::unique_ptr<HttpUpstreams> upstreams_;
};

class Upstream : public ::testing::TestWithParam<bool> {
 protected:
  Upstream()
      : engine({.host = GetParam() ? "127.0.0.1" : "",
                .unix_socket = GetParam() ? ""
                                          : ::testing::TempDir() + "upstream-" + std::to_string(::getpid()) +
                                                ".sock"}) {}
  MockEngine engine;
  Client client;
};

TEST_P(Upstream, AsksAgainOnTheSameConnection) {
  for (int i = 0; i < 5; ++i) {
    const Answer answer = client.ask(engine.endpoint());
    ASSERT_FALSE(answer.error) << answer.error->message;
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body.contains("word15")) << answer.body;
    EXPECT_EQ(answer.trace.reused, i > 0);
    EXPECT_TRUE(answer.trace.sent && answer.trace.received);
  }
}

TEST_P(Upstream, ReadsStreamsOfAnySize) {
  for (const int tokens : {0, 1, 100, 5000}) {
    const std::string body = fmt::format(R"({{"stream":true,"mock":{{"tokens":{}}}}})", tokens);
    const Answer answer = client.ask(engine.endpoint(), {.body = body});
    ASSERT_FALSE(answer.error) << answer.error->message;
    EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));
    EXPECT_EQ(answer.body.contains(fmt::format("word{} ", tokens - 1)), tokens > 0);
  }
}

TEST_P(Upstream, SendsLargeBodies) {
  const std::string body = fmt::format(R"({{"mock":{{"tokens":1}},"pad":"{}"}})", std::string(8u << 20, 'x'));
  const Answer answer = client.ask(engine.endpoint(), {.body = body});
  ASSERT_FALSE(answer.error) << answer.error->message;
  EXPECT_EQ(engine.bodies().back().size(), body.size());
}

TEST_P(Upstream, StoppingEndsTheWorkBehindIt) {
  std::stop_source stop;
  std::jthread stopper([&] {
    while (engine.at_work == 0) std::this_thread::sleep_for(1ms);
    stop.request_stop();
  });
  const std::string body = R"({"stream":true,"mock":{"tokens":100000,"rate":100}})";
  const Answer answer = client.ask(engine.endpoint(), {.body = body, .stop = stop.get_token()});
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->kind, ErrorKind::interrupted);
  for (int i = 0; i < 1000 && engine.cancelled == 0; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(engine.cancelled, 1u);
  EXPECT_FALSE(client.ask(engine.endpoint()).error) << "the next request must not suffer";
}

TEST_P(Upstream, TellsABrokenStreamFromAWholeOne) {
  const Answer answer =
      client.ask(engine.endpoint(), {.body = R"({"stream":true,"mock":{"tokens":10,"cut_after":3}})"});
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->kind, ErrorKind::engine_failed);
  EXPECT_TRUE(answer.body.contains("word2 ")) << answer.body;
}

INSTANTIATE_TEST_SUITE_P(On, Upstream, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Tcp" : "Unix"; });

TEST(UpstreamFaults, SaysThatNothingWasSentWhenNobodyListens) {
  Client client;
  for (const std::string url : {"http://127.0.0.1:1", "unix:/nonexistent/engine.sock"}) {
    const Answer answer = client.ask(Endpoint::parse(url).value());
    ASSERT_TRUE(answer.error);
    EXPECT_EQ(answer.error->kind, ErrorKind::engine_failed);
    EXPECT_FALSE(answer.trace.sent);
    EXPECT_TRUE(answer.error->message.contains(url)) << answer.error->message;
  }
}

TEST(UpstreamFaults, SaysThatSomethingWasSentWhenTheServerHangsUp) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection&) {});
  Client client;
  const Answer answer = client.ask(server.endpoint());
  ASSERT_TRUE(answer.error);
  EXPECT_TRUE(answer.trace.sent);
  EXPECT_FALSE(answer.trace.received);
  EXPECT_EQ(server.requests().size(), 1u) << "a prompt is not sent twice";
}

TEST(UpstreamFaults, GivesUpOnSilence) {
  FakeHttpServer server([](const FakeRequest& request, FakeConnection& connection) {
    if (request.target == "/half") connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    connection.wait_for_hangup();
  });
  Client client;
  const Answer silent = client.ask(server.endpoint(), {.path = "/silent", .first_byte = 200ms});
  ASSERT_TRUE(silent.error);
  EXPECT_EQ(silent.error->kind, ErrorKind::timeout);
  const Answer half = client.ask(server.endpoint(), {.path = "/half", .idle = 200ms});
  ASSERT_TRUE(half.error);
  EXPECT_EQ(half.error->kind, ErrorKind::timeout);
  EXPECT_EQ(half.body, "half");
}

TEST(UpstreamFaults, ReadsEveryShapeOfAnswerAndRefusesNonsense) {
  std::string bytes;
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) { connection.write(bytes); });
  // The server hangs up after each answer and says so; who does not say it is the next test's.
  Client client;
  const auto answered = [&](std::string text) {
    bytes = std::move(text);
    return client.ask(server.endpoint());
  };
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\n\r\nuntil the end").body, "until the end");
  const std::string ok = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
  EXPECT_EQ(answered("HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok").body, "ok");
  EXPECT_EQ(answered("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").status, 204);
  EXPECT_EQ(answered(ok + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nT: v\r\n\r\n").body, "ok");
  const std::string long_head = ok + "X: " + std::string(30000, 'x') + "\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_EQ(answered(long_head).body, "ok");
  for (const std::string nonsense :
       {"nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"})
    EXPECT_TRUE(answered(nonsense).error) << nonsense;
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nX: " + std::string(200000, 'x')).error.value_or(Error{}).kind,
            ErrorKind::limit_exceeded);
}

TEST(UpstreamFaults, AClosedIdleConnectionIsNotUsedAgain) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");  // keeps alive, it says, and hangs up
  });
  Client client;
  for (int i = 0; i < 5; ++i) {
    const Answer answer = client.ask(server.endpoint());
    ASSERT_FALSE(answer.error) << answer.error->message;
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace
}  // namespace studio
