// The gateway over real sockets, in front of an engine that does what each request tells it.
#include "gateway/gateway.h"

#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/fixed_places.h"
#include "net/sse.h"
#include "support/mock_engine.h"
#include "support/raw_client.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::FixedPlaces;
using testing::MockEngine;
using testing::RawClient;

RouteTarget target(std::string model, std::string engine, std::vector<std::string> tasks = {}) {
  RouteTarget made;
  made.model = std::move(model);
  made.engine = std::move(engine);
  made.tasks = std::move(tasks);
  return made;
}

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() : folder_(::testing::TempDir() + "studio-gateway-" + std::to_string(::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    config.listen.port = 0;
    config.listen.threads = 2;
    config.keys.file = folder_ / "keys.db";
    config.cache.store = "memory";
    config.log_requests = false;
    places->add("engine", engine.url());
    targets = {target("mock", "engine")};
  }
  ~GatewayTest() override {
    gateway.reset();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    GatewayOptions options;
    options.config = config;
    options.places = places;
    options.targets = [this](const GatewayConfig&) { return targets; };
    options.version = "test";
    auto started = Gateway::start(std::move(options));
    ASSERT_TRUE(started.has_value()) << started.error().message;
    gateway = std::move(*started);
  }

  HttpResponse send(std::string path, std::string body, HttpHeaders headers = {},
                    std::string method = "POST") {
    HttpRequest request;
    request.endpoint = Endpoint::parse(gateway->url()).value();
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.timeout = 20s;
    auto answer = send_http(request);
    EXPECT_TRUE(answer.has_value()) << (answer ? "" : answer.error().message);
    return answer.value_or(HttpResponse{});
  }
  HttpResponse get(std::string path, HttpHeaders headers = {}) {
    return send(std::move(path), "", std::move(headers), "GET");
  }
  // What a test says nothing of: a model and one message.
  static std::string filled(std::string body) {
    if (!body.starts_with('{') || body.starts_with("{\"model\":\"mock\",}")) return body;
    for (const auto& [key, value] : {std::pair("\"messages\"", R"([{"role":"user","content":"go"}])"),
                                     std::pair("\"model\"", R"("auto")")})
      if (!body.contains(key))
        body.insert(1, fmt::format("{}:{}{}", key, value, body.starts_with("{}") ? "" : ","));
    return body;
  }
  HttpResponse chat(std::string body, HttpHeaders headers = {}) {
    return send("/v1/chat/completions", filled(std::move(body)), std::move(headers));
  }
  static std::string error_code(const HttpResponse& answer) {
    const auto json = parse_json(answer.body, "the answer");
    if (!json || !json->contains("error")) return "no error: " + answer.body;
    const Json& code = (*json)["error"]["code"];
    return code.is_string() ? code.get<std::string>() : "null";
  }
  static std::vector<SseEvent> events(const HttpResponse& answer) {
    return SseReader().feed(answer.body).value();
  }

  std::filesystem::path folder_;
  MockEngine engine{{.unix_socket = ::testing::TempDir() + fmt::format("gateway-test-{}.sock", ::getpid())}};
  std::shared_ptr<FixedPlaces> places = std::make_shared<FixedPlaces>();
  std::vector<RouteTarget> targets;
  GatewayConfig config;
  std::unique_ptr<Gateway> gateway;
};

TEST_F(GatewayTest, PassesARequestOnAndItsAnswerBack) {
  start();
  const HttpResponse answer = chat(
      R"({"model":"mock","messages":[{"role":"user"}],"unknown_field":{"kept":[1]},"mock":{"tokens":3}})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.contains("word0 word1 word2 ")) << answer.body;
  EXPECT_TRUE(answer.header("x-request-id").starts_with("req_"));
  EXPECT_TRUE(engine.bodies().back().contains(R"("unknown_field":{"kept":[1]})")) << engine.bodies().back();
  EXPECT_EQ(engine.last_header("x-request-id"), answer.header("x-request-id"));
  EXPECT_EQ(engine.last_header("authorization"), "");
  const HttpResponse named = chat(R"({"messages":[{"role":"user"}]})", {{"x-request-id", "mine-1"}});
  EXPECT_EQ(named.header("x-request-id"), "mine-1");
}

TEST_F(GatewayTest, StreamsEventsAsTheyAre) {
  start();
  const HttpResponse answer =
      chat(R"({"model":"mock","stream":true,"stream_options":{"include_usage":true},"mock":{"tokens":5}})");
  EXPECT_TRUE(answer.header("content-type").starts_with("text/event-stream"));
  const auto all = events(answer);
  ASSERT_EQ(all.size(), 8u);  // five words, the end, usage, [DONE]
  EXPECT_TRUE(all[0].data.contains("word0"));
  EXPECT_TRUE(all[6].data.contains("cached_tokens"));
  EXPECT_EQ(all.back().data, "[DONE]");
}

TEST_F(GatewayTest, AnswersEveryPathOfTheApi) {
  start();
  EXPECT_EQ(send("/v1/completions", R"({"model":"mock","prompt":"x","mock":{}})").status, 200);
  EXPECT_TRUE(send("/v1/embeddings", R"({"model":"mock","input":["a","b"]})").body.contains("embedding"));
  EXPECT_TRUE(send("/v1/rerank", R"({"model":"mock","query":"q","documents":["a","b"]})")
                  .body.contains("relevance_score"));
  EXPECT_EQ(send("/v1/responses", R"({"model":"mock","input":"x"})").status, 200);
  EXPECT_EQ(send("/v1/messages", R"({"model":"mock","messages":[{"role":"user"}]})").status, 200);
  EXPECT_TRUE(get("/v1/models").body.contains(R"("id":"mock")"));
  EXPECT_TRUE(get("/v1/models/mock").body.contains(R"("id":"mock")"));
  EXPECT_EQ(get("/v1/models/none").status, 404);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(get("/v1/chat/completions").status, 405);
}

TEST_F(GatewayTest, RefusesMalformedAndOversizedBodiesWithTheRightCodes) {
  config.limits.body_bytes = 10000;
  start();
  for (const char* body : {"", "{", "[]", "{\"model\":\"mock\",}", "{\"model\":\"mock\"} x", "\xff\xfe"}) {
    const HttpResponse answer = chat(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_TRUE(answer.body.contains("invalid_request_error")) << answer.body;
  }
  EXPECT_EQ(chat(fmt::format(R"({{"x":"{}"}})", std::string(20000, 'x'))).status, 413);
  const HttpResponse unknown = chat(R"({"model":"no-such-model"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(error_code(unknown), "model_not_found");
  EXPECT_EQ(engine.requests, 0u);
  EXPECT_EQ(chat(R"({"messages":[{"role":"user"}]})").status, 200);
}

TEST_F(GatewayTest, RefusesWhatIsNoRequestBeforeAnyModelIsAskedFor) {
  places->refuse_with(Error{ErrorKind::internal, "a model was asked for", {}});
  start();
  const std::tuple<const char*, const char*, const char*, const char*> cases[] = {
      {"/v1/chat/completions", R"({"model":"mock","messages":[]})", "messages", "empty_array"},
      {"/v1/chat/completions", R"({"model":"mock"})", "messages", "missing_required_parameter"},
      {"/v1/chat/completions", R"({"model":"mock","messages":null})", "messages",
       "missing_required_parameter"},
      {"/v1/chat/completions", R"({"messages":[{"role":"user"}]})", "model", "missing_required_parameter"},
      {"/v1/chat/completions", R"({"model":"","messages":[{"role":"user"}]})", "model", "empty_string"},
      {"/v1/chat/completions", R"({"model":"mock","messages":"hi"})", "messages", "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":["hi"]})", "messages[0]", "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"temperature":"0"})",
       "temperature", "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"max_tokens":1.5})",
       "max_tokens", "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"tools":{}})", "tools",
       "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"stop":3})", "stop",
       "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"},7]})", "messages[1]",
       "invalid_type"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"},{"role":1}]})",
       "messages[1].role", "missing_required_parameter"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"temperature":-0.5})",
       "temperature", "decimal_below_min_value"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"max_tokens":-1})",
       "max_tokens", "integer_below_min_value"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"top_logprobs":50})",
       "top_logprobs", "integer_above_max_value"},
      {"/v1/chat/completions", R"({"model":"mock","messages":[{"role":"user"}],"n":0})", "n",
       "integer_below_min_value"},
      {"/v1/completions", R"({"model":"mock"})", "prompt", "missing_required_parameter"},
      {"/v1/embeddings", R"({"model":"mock","input":[]})", "input", "empty_array"},
      {"/v1/embeddings", R"({"model":"mock","input":7})", "input", "invalid_type"},
      {"/v1/rerank", R"({"model":"mock","query":"q"})", "documents", "missing_required_parameter"},
  };
  for (const auto& [path, body, param, code] : cases) {
    const HttpResponse answer = send(path, body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(error_code(answer), code) << body;
    EXPECT_TRUE(answer.body.contains(fmt::format(R"("param":"{}")", param))) << answer.body;
    EXPECT_TRUE(answer.body.contains(R"("type":"invalid_request_error")")) << answer.body;
  }
  EXPECT_TRUE(send("/v1/messages", R"({"model":"mock"})").body.contains(R"("type":"error")"));
}

TEST_F(GatewayTest, AStreamHearsThatItsModelIsBeingLoaded) {
  config.limits.loading_comment_time = 30ms;
  places->load_for(200ms);
  start();
  const HttpResponse answer = chat(R"({"stream":true,"mock":{"tokens":3}})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.starts_with(": loading\n\n")) << answer.body;
  EXPECT_EQ(events(answer).size(), 5u) << answer.body;  // readers of events do not see comments
  const HttpResponse cached = chat(R"({"stream":true,"seed":9,"mock":{"tokens":3}})");
  EXPECT_EQ(cached.header("x-cache"), "miss");
  EXPECT_FALSE(chat(R"({"stream":true,"seed":9,"mock":{"tokens":3}})").body.contains("loading"));
  EXPECT_FALSE(chat(R"({"mock":{"tokens":3}})").body.contains("loading")) << "only streams have comments";
}

TEST_F(GatewayTest, AnErrorAfterCommentsIsAnEventOfTheStream) {
  config.limits.loading_comment_time = 30ms;
  places->load_for(150ms);
  places->refuse_with(Error{ErrorKind::missing_part, "load mock: it is not here", "pull it"});
  start();
  const HttpResponse answer = chat(R"({"stream":true})");
  EXPECT_EQ(answer.status, 200);
  const auto all = events(answer);
  ASSERT_EQ(all.size(), 1u) << answer.body;
  EXPECT_EQ((*parse_json(all[0].data, "the event"))["error"]["message"],
            "load mock: it is not here (pull it)");
  const HttpResponse anthropic = send("/v1/messages", filled(R"({"stream":true})"));
  EXPECT_EQ(events(anthropic).back().event, "error") << anthropic.body;
  // An engine that refuses what it is sent says so in the stream too, and a fast load keeps the status.
  places->refuse_with(std::nullopt);
  EXPECT_TRUE(chat(R"({"stream":true,"mock":{"status":400}})").body.contains(R"(data: {"error")"));
  places->load_for(1ms);
  EXPECT_EQ(chat(R"({"stream":true,"mock":{"status":400}})").status, 400);
}

TEST_F(GatewayTest, TellsTheEnginesErrorsInOpenAisShape) {
  start();
  const HttpResponse failed = chat(R"({"mock":{"status":500}})");
  EXPECT_EQ(failed.status, 500);
  EXPECT_TRUE(failed.body.contains("\"error\"")) << failed.body;
  EXPECT_EQ(engine.requests, 1u) << "an engine that answered is not asked again";
  const HttpResponse busy = chat(R"({"mock":{"status":503}})");
  EXPECT_TRUE(busy.status == 503 || busy.status == 429) << busy.status;
  EXPECT_FALSE(busy.header("retry-after").empty());
}

TEST_F(GatewayTest, AnEngineThatDiesInMidStreamGivesAnErrorEventAndTheNextRequestWorks) {
  start();
  const HttpResponse answer = chat(R"({"stream":true,"mock":{"tokens":10,"cut_after":4}})");
  EXPECT_EQ(answer.status, 200);
  const auto all = events(answer);
  ASSERT_EQ(all.size(), 5u) << answer.body;
  EXPECT_TRUE(all[3].data.contains("word3"));
  const auto error = parse_json(all[4].data, "the error event");
  ASSERT_TRUE(error.has_value()) << all[4].data;
  EXPECT_TRUE(error->contains("error"));
  EXPECT_EQ(chat(R"({"messages":[{"role":"user"}]})").status, 200);
  const HttpResponse before_the_head = chat(R"({"mock":{"cut_after":0}})");
  EXPECT_EQ(before_the_head.status, 503);
  const HttpResponse anthropic =
      send("/v1/messages", filled(R"({"stream":true,"mock":{"tokens":10,"cut_after":2}})"));
  EXPECT_EQ(events(anthropic).back().event, "error") << anthropic.body;
}

TEST_F(GatewayTest, AClientThatGoesEndsTheGeneration) {
  start();
  for (const bool stream : {true, false}) {
    const std::uint64_t before = engine.cancelled;
    RawClient client(gateway->port());
    const std::string body = filled(stream ? R"({"stream":true,"mock":{"tokens":100000,"rate":50}})"
                                           : R"({"mock":{"delay_ms":60000}})");
    client.send(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                            body.size(), body));
    while (engine.at_work == 0) std::this_thread::sleep_for(1ms);
    client.close();
    for (int i = 0; i < 1000 && engine.cancelled == before; ++i) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(engine.cancelled, before + 1) << "generation went on for a second";
  }
}

TEST_F(GatewayTest, FallsBackOnlyWhileNothingWasSent) {
  MockEngine second{
      {.unix_socket = ::testing::TempDir() + fmt::format("gateway-second-{}.sock", ::getpid())}};
  places->add("gone", "http://127.0.0.1:1");
  places->add("second", second.url());
  targets = {target("first", "gone"), target("other", "second"), target("cutting", "engine")};
  config.routes.fallbacks = {{"first", {"other"}}, {"cutting", {"other"}}};
  start();
  EXPECT_EQ(chat(R"({"model":"first"})").status, 200);
  EXPECT_EQ(second.requests, 1u);
  EXPECT_EQ(chat(R"({"model":"cutting","mock":{"cut_after":0}})").status, 503);
  EXPECT_EQ(second.requests, 1u) << "a prompt that reached an engine must not go to another";
  EXPECT_EQ(chat(R"({"model":"cutting","mock":{"status":429}})").status, 429);
  EXPECT_EQ(second.requests, 2u) << "an engine that is full took nothing";
}

TEST_F(GatewayTest, EqualEnginesShareTheLoadAndAConversationStaysWithItsEngine) {
  MockEngine second{{.unix_socket = ::testing::TempDir() + fmt::format("gateway-equal-{}.sock", ::getpid())}};
  places->add("second", second.url());
  targets = {target("mock", "engine"), target("mock", "second")};
  start();
  const auto turn = [&](int conversation, int turns) {
    std::string messages = fmt::format(R"({{"role":"user","content":"conversation {}"}})", conversation);
    for (int i = 1; i < turns; ++i)
      messages += R"(,{"role":"assistant","content":"yes"},{"role":"user","content":"go on"})";
    EXPECT_EQ(chat(fmt::format(R"({{"model":"mock","mock":{{}},"messages":[{}]}})", messages)).status, 200);
  };
  for (int i = 0; i < 10; ++i) turn(0, 1);
  EXPECT_EQ(engine.requests, 5u);
  EXPECT_EQ(second.requests, 5u);
  for (int conversation = 1; conversation <= 4; ++conversation) {
    const std::uint64_t before = engine.requests;
    turn(conversation, 1);
    const bool first = engine.requests > before;
    for (int turns = 2; turns < 6; ++turns) {
      const std::uint64_t then = engine.requests;
      turn(conversation, turns);
      EXPECT_EQ(engine.requests > then, first) << "its cache lies at the other engine";
    }
  }
}

TEST_F(GatewayTest, AFullQueueIs429WithRetryAfter) {
  places->refuse_with(
      Error{ErrorKind::limit_exceeded, "wait for mock: 64 requests wait already", "ask again in 7 s"});
  start();
  const HttpResponse answer = chat("{}");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("retry-after"), "7");
}

TEST_F(GatewayTest, CachesDeterministicAnswersAndSaysSo) {
  start();
  const std::string body =
      R"({"model":"mock","temperature":0,"messages":[{"role":"user","content":"record a"}]})";
  const HttpResponse first = chat(body);
  EXPECT_EQ(first.header("x-cache"), "miss");
  const HttpResponse second =
      chat(R"({"messages":[{"content":"record a","role":"user"}],"temperature":0.0,"model":"mock"})");
  EXPECT_EQ(second.header("x-cache"), "hit");
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(engine.requests, 1u);
  EXPECT_EQ(chat(body, {{"Cache-Control", "no-store"}}).header("x-cache"), "");
  EXPECT_EQ(chat(R"({"model":"mock","messages":[{"role":"user"}]})").header("x-cache"), "");
  const std::string stream = R"({"model":"mock","seed":1,"stream":true,"mock":{"tokens":20}})";
  const HttpResponse live = chat(stream), replayed = chat(stream);
  EXPECT_EQ(live.header("x-cache"), "miss");
  EXPECT_EQ(replayed.header("x-cache"), "hit");
  EXPECT_EQ(replayed.body, live.body);
  EXPECT_TRUE(replayed.header("content-type").starts_with("text/event-stream"));
  const std::string broken = R"({"model":"mock","seed":1,"stream":true,"mock":{"tokens":20,"cut_after":3}})";
  EXPECT_EQ(chat(broken).header("x-cache"), "miss");
  EXPECT_EQ(chat(broken).header("x-cache"), "miss") << "a broken answer must not be kept";
}

TEST_F(GatewayTest, EqualRequestsInFlightShareOneAnswer) {
  start();
  const std::string body = R"({"model":"mock","seed":1,"stream":true,"mock":{"tokens":30,"rate":100}})";
  std::vector<std::jthread> clients;
  std::atomic<int> joined{0}, whole{0};
  for (int i = 0; i < 5; ++i)
    clients.emplace_back([&] {
      const HttpResponse answer = chat(body);
      if (answer.header("x-cache") == "joined") ++joined;
      if (answer.body.contains("word29") && answer.body.ends_with("data: [DONE]\n\n")) ++whole;
    });
  clients.clear();
  EXPECT_EQ(engine.requests, 1u);
  EXPECT_EQ(joined, 4);
  EXPECT_EQ(whole, 5);
}

TEST_F(GatewayTest, TheOneWhoAskedFirstMayGoWithoutTheOthersLosingTheirs) {
  start();
  const std::string body =
      filled(R"({"model":"mock","seed":2,"stream":true,"mock":{"tokens":60,"rate":100}})");
  RawClient first(gateway->port());
  first.send(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                         body.size(), body));
  while (engine.at_work == 0) std::this_thread::sleep_for(1ms);
  HttpResponse joined;
  std::jthread other([&] { joined = chat(body); });
  std::this_thread::sleep_for(150ms);
  first.close();
  other.join();
  EXPECT_EQ(joined.header("x-cache"), "joined");
  EXPECT_TRUE(joined.body.ends_with("data: [DONE]\n\n")) << joined.body.substr(joined.body.size() - 300);
  EXPECT_EQ(engine.cancelled, 0u);
}

TEST_F(GatewayTest, KeysAreAskedForScopedAndLimited) {
  config.keys.required = "always";
  ::setenv("STUDIO_TEST_KEY", "sk-environment-key", 1);
  config.keys.env = {"STUDIO_TEST_KEY"};
  start();
  const HttpHeaders root = {{"Authorization", "Bearer sk-environment-key"}};
  EXPECT_EQ(chat("{}").status, 401);
  EXPECT_EQ(chat("{}", {{"Authorization", "Bearer sk-wrong"}}).status, 401);
  EXPECT_EQ(chat("{}", root).status, 200);
  const HttpResponse made = send("/admin/keys", R"({"name":"app","requests_per_minute":3})", root);
  ASSERT_EQ(made.status, 201) << made.body;
  const auto key = parse_json(made.body, "the key");
  const HttpHeaders app = {{"Authorization", "Bearer " + (*key)["secret"].get<std::string>()}};
  EXPECT_EQ(get("/admin/keys", app).status, 403);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(chat("{}", app).status, 200);
  const HttpResponse limited = chat("{}", app);
  EXPECT_EQ(limited.status, 429);
  EXPECT_FALSE(limited.header("retry-after").empty());
  EXPECT_EQ(send("/admin/keys/" + (*key)["id"].get<std::string>(), "", root, "DELETE").status, 200);
  EXPECT_EQ(chat("{}", app).status, 401);
  EXPECT_FALSE(get("/admin/keys", root).body.contains("secret"));
}

TEST_F(GatewayTest, WebPagesOfElsewhereMayNotAsk) {
  start();
  EXPECT_EQ(chat("{}", {{"Origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(chat("{}", {{"Origin", "http://localhost:3000"}}).status, 200);
  EXPECT_EQ(get("/admin/status", {{"Origin", "null"}}).status, 403);
  const HttpResponse may = send("/v1/chat/completions", "", {{"Origin", "http://localhost:3000"}}, "OPTIONS");
  EXPECT_EQ(may.status, 204);
  EXPECT_EQ(may.header("access-control-allow-origin"), "http://localhost:3000");
  const HttpResponse may_not =
      send("/v1/chat/completions", "", {{"Origin", "https://evil.example"}}, "OPTIONS");
  EXPECT_EQ(may_not.header("access-control-allow-origin"), "");
}

TEST_F(GatewayTest, RefusesToListenBeyondLoopbackWithoutKeys) {
  config.listen.host = "0.0.0.0";
  GatewayOptions options;
  options.config = config;
  options.places = places;
  options.targets = [this](const GatewayConfig&) { return targets; };
  const auto started = Gateway::start(std::move(options));
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().kind, ErrorKind::wrong_usage);
}

TEST_F(GatewayTest, ReloadsWithoutDroppingARequest) {
  start();
  HttpResponse slow;
  std::jthread client(
      [&] { slow = chat(R"({"model":"mock","stream":true,"mock":{"tokens":40,"rate":100}})"); });
  while (engine.at_work == 0) std::this_thread::sleep_for(1ms);
  targets = {target("renamed", "engine")};
  ASSERT_TRUE(gateway->reload(config).has_value());
  for (int i = 0; i < 200 && chat(R"({"model":"renamed"})").status != 200; ++i)
    std::this_thread::sleep_for(5ms);
  EXPECT_EQ(chat(R"({"model":"renamed"})").status, 200);
  EXPECT_EQ(chat(R"({"model":"mock"})").status, 404);
  client.join();
  EXPECT_TRUE(slow.body.ends_with("data: [DONE]\n\n"));
  GatewayConfig wrong = config;
  wrong.routes.aliases = {{"nowhere", "no-such-model"}};
  EXPECT_FALSE(gateway->reload(wrong).has_value());
  EXPECT_EQ(chat(R"({"model":"renamed"})").status, 200) << "a wrong configuration changes nothing";
}

TEST_F(GatewayTest, StoppingUnderLoadLosesNoAcceptedRequest) {
  start();
  std::atomic<bool> stopping{false};
  std::atomic<int> answered{0}, lost{0};
  std::vector<std::jthread> clients;
  const int port = gateway->port();
  for (int i = 0; i < 16; ++i)
    clients.emplace_back([&, port] {
      while (!stopping) {
        RawClient client(port);
        if (!client.connected()) break;  // refused: never accepted
        const std::string body = filled(R"({"mock":{"tokens":2,"delay_ms":20}})");
        const bool sent =
            client.send(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: "
                                    "close\r\nContent-Length: {}\r\n\r\n{}",
                                    body.size(), body));
        const std::string answer = client.read_all();
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("word1") ? ++answered : ++lost;
        EXPECT_TRUE(sent);
      }
    });
  std::this_thread::sleep_for(300ms);
  gateway->stop();
  stopping = true;
  clients.clear();
  EXPECT_GT(answered, 50);
  // The kernel may have taken a connection in the instant the listener closed; none was accepted by us.
  EXPECT_LE(lost, 1);
}

TEST_F(GatewayTest, MetricsTellWhatHappened) {
  start();
  chat(R"({"model":"mock","temperature":0,"stream":true,"mock":{"tokens":5}})");
  chat(R"({"model":"mock","temperature":0,"stream":true,"mock":{"tokens":5}})");
  chat(R"({"model":"none"})");
  const std::string text = get("/metrics").body;
  EXPECT_TRUE(
      text.contains(R"(studio_requests_total{path="/v1/chat/completions",model="mock",status="200"} 2)"))
      << text;
  EXPECT_TRUE(text.contains(R"(studio_cache_total{result="hit"} 1)")) << text;
  EXPECT_TRUE(text.contains("studio_time_to_first_token_seconds_count{model=\"mock\"} 1")) << text;
  EXPECT_TRUE(text.contains(R"(status="404"} 1)")) << text;
}

TEST_F(GatewayTest, BodiesOfManySlowClientsDoNotKeepOthersOut) {
  config.limits.connections = 300;
  start();
  std::vector<RawClient> slow;
  for (int i = 0; i < 1000; ++i) {
    slow.emplace_back(gateway->port());
    slow.back().send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Le");
  }
  EXPECT_EQ(chat("{}").status, 200);
}

}  // namespace
}  // namespace studio
