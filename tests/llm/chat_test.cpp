// Chat and structured answers against servers and engines that do what the test says.
#include "llm/chat.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/fake_engine.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;

std::string completion(std::string_view content, std::string_view finish = "stop") {
  return to_text(
      Json{{"choices",
            {{{"message", {{"role", "assistant"}, {"content", content}}}, {"finish_reason", finish}}}},
           {"usage", {{"prompt_tokens", 12}, {"completion_tokens", 3}}}},
      -1);
}

// Answers each question with the next text.
FakeHttpServer::Handler answers(std::vector<std::string> bodies) {
  auto next = std::make_shared<std::atomic<std::size_t>>(0);
  return [=](const FakeRequest&, FakeConnection& connection) {
    connection.json(bodies[std::min(next->fetch_add(1), bodies.size() - 1)]);
  };
}

std::unique_ptr<ChatModel> open(const FakeHttpServer& server, std::string model = "any",
                                std::string key = {}) {
  ChatModelOptions options;
  options.url = server.endpoint().to_string();
  options.model = std::move(model);
  options.api_key = std::move(key);
  return *open_chat_model(options);
}

ChatRequest question(std::string text = "Which shots?") {
  ChatRequest request;
  request.messages = {{"user", std::move(text)}};
  request.timeout = 10s;
  return request;
}

const Json kSchema = {
    {"type", "object"},
    {"properties", {{"shot", {{"enum", {"s1", "s2"}}}}, {"seconds", {{"type", "number"}, {"minimum", 0}}}}},
    {"required", {"shot", "seconds"}},
    {"additionalProperties", false}};

TEST(Chat, SpeaksTheProtocolToAnyUrl) {
  FakeHttpServer server(answers({completion("s2, I think")}), FakeHttpServer::On::loopback);
  const auto model = open(server, "their-model", "secret-key");
  ChatRequest request = question();
  request.max_tokens = 77;
  request.seed = 5;
  const auto answer = model->chat(request);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->content, "s2, I think");
  EXPECT_EQ(answer->finish_reason, "stop");
  EXPECT_EQ(answer->prompt_tokens, 12);
  const FakeRequest seen = server.requests().front();
  EXPECT_EQ(seen.target, "/v1/chat/completions");
  EXPECT_EQ(seen.header("Authorization"), "Bearer secret-key");
  const Json body = *parse_json(seen.body, "body");
  EXPECT_EQ(body["model"], "their-model");
  EXPECT_EQ(body["max_tokens"], 77);
  EXPECT_EQ(body["seed"], 5);
  EXPECT_EQ(body["messages"][0]["content"], "Which shots?");
  EXPECT_FALSE(body.contains("response_format"));
  EXPECT_EQ(model->identity().id, "their-model");
}

TEST(Chat, WithoutANameTakesTheFirstModelThatTheServerLists) {
  FakeHttpServer server([](const FakeRequest& request, FakeConnection& connection) {
    connection.json(request.target == "/v1/models" ? R"({"data":[{"id":"first"},{"id":"second"}]})"
                                                   : completion("hi"));
  });
  const auto model = open(server, "");
  ASSERT_TRUE(model->chat(question()).has_value());
  EXPECT_EQ(model->identity().id, "first");
  EXPECT_EQ((*parse_json(server.requests().back().body, "body"))["model"], "first");
}

TEST(Chat, AServerThatIsStillLoadingIsAskedAgain) {
  std::atomic<int> count{0};
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
    count++ < 2 ? connection.json(R"({"error":{"message":"Loading model"}})", 503)
                : connection.json(completion("ready"));
  });
  const auto answer = open(server)->chat(question());
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->content, "ready");
}

struct Failure {
  int status;
  const char* body;
  ErrorKind kind;
};

TEST(Chat, EachFailureOfAServerHasItsKindAndNeverTheKey) {
  for (const Failure& failure : {
           Failure{400,
                   R"({"error":{"code":400,"message":"the request exceeds the available context size"}})",
                   ErrorKind::limit_exceeded},
           Failure{400, R"({"error":{"message":"bad schema"}})", ErrorKind::invalid_input},
           Failure{401, R"({"error":"no key"})", ErrorKind::engine_failed},
           Failure{404, "not here", ErrorKind::not_found},
           Failure{404, R"({"error":{"message":"pull it","code":"model_not_available"}})",
                   ErrorKind::missing_part},
           Failure{429, "{}", ErrorKind::engine_failed},
           Failure{500, "<html>", ErrorKind::engine_failed},
           Failure{200, "<html>not the protocol</html>", ErrorKind::engine_failed},
           Failure{200, R"({"choices":[]})", ErrorKind::engine_failed},
           Failure{200, R"({"choices":[{"text":"old"}]})", ErrorKind::engine_failed},
           Failure{200, "[1,2", ErrorKind::engine_failed},
           Failure{301, "", ErrorKind::engine_failed},
       }) {
    FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
      connection.json(failure.body, failure.status);
    });
    const auto answer = open(server, "m", "secret-key")->chat(question());
    ASSERT_FALSE(answer.has_value()) << failure.status << failure.body;
    EXPECT_EQ(answer.error().kind, failure.kind) << failure.status << failure.body << answer.error().message;
    EXPECT_EQ(answer.error().message.find("secret-key"), std::string::npos);
  }
}

TEST(Chat, AnAnswerWithoutTextIsEmptyAndNotACrash) {
  FakeHttpServer server(answers({R"({"choices":[{"message":{"role":"assistant","content":null}}]})"}));
  const auto answer = open(server)->chat(question());
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->content, "");
}

TEST(Chat, BrokenTextOfAPersonIsSentAsValidUtf8) {
  FakeHttpServer server(answers({completion("ok")}));
  ASSERT_TRUE(open(server)->chat(question("caf\xe9 \xff")).has_value());
  EXPECT_TRUE(parse_json(server.requests().front().body, "body").has_value());
}

TEST(Chat, TheTimeLimitHolds) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) { connection.wait_for_hangup(); });
  ChatRequest request = question();
  request.timeout = 200ms;
  EXPECT_EQ(open(server)->chat(request).error().kind, ErrorKind::timeout);
}

TEST(Structured, AValidAnswerComesBackAsAValue) {
  FakeHttpServer server(answers({completion(R"({"shot": "s2", "seconds": 1.5})")}));
  const auto model = open(server);
  const auto value = ask_structured(*model, question(), kSchema);
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_EQ((*value)["shot"], "s2");
  const Json body = *parse_json(server.requests().front().body, "body");
  EXPECT_EQ(body["response_format"]["type"], "json_schema");
  EXPECT_EQ(body["response_format"]["json_schema"]["schema"], kSchema);
  EXPECT_EQ(model->usage().retries, 0);
}

TEST(Structured, AWrongAnswerIsShownToTheModelAndAskedAgain) {
  FakeHttpServer server(
      answers({completion(R"({"shot": "s9", "seconds": 1})"), completion("Sure! Here it is:"),
               completion(R"({"shot": "s1", "seconds": 2})")}));
  const auto model = open(server);
  const auto value = ask_structured(*model, question(), kSchema);
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_EQ((*value)["shot"], "s1");
  EXPECT_EQ(model->usage().retries, 2);
  EXPECT_EQ(model->usage().calls, 3);
  const auto requests = server.requests();
  const Json second = *parse_json(requests[1].body, "body");
  ASSERT_EQ(second["messages"].size(), 3u);
  EXPECT_EQ(second["messages"][0], (*parse_json(requests[0].body, "body"))["messages"][0])
      << "the prefix stays";
  EXPECT_NE(second["messages"][2]["content"].get<std::string>().find("shot"), std::string::npos);
  EXPECT_GT(second["temperature"].get<double>(), 0);
}

TEST(Structured, AnAnswerCutOffGetsMoreRoom) {
  FakeHttpServer server(answers(
      {completion(R"({"shot": "s1", "sec)", "length"), completion(R"({"shot": "s1", "seconds": 2})")}));
  ChatRequest request = question();
  request.max_tokens = 100;
  const auto value = ask_structured(*open(server), request, kSchema);
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_EQ((*parse_json(server.requests()[1].body, "body"))["max_tokens"], 200);
}

TEST(Structured, NoValidAnswerIsANamedFailure) {
  FakeHttpServer server(answers({completion("I would rather not.")}));
  const auto model = open(server);
  const auto value = ask_structured(*model, question(), kSchema, 3);
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(value.error().message.find("gave no valid answer in 3 attempts"), std::string::npos)
      << value.error().message;
  EXPECT_EQ(model->usage().calls, 3);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(Structured, AFailureOfTheServerIsNotAskedAgain) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) { connection.json("{}", 500); });
  EXPECT_FALSE(ask_structured(*open(server), question(), kSchema).has_value());
  EXPECT_EQ(server.requests().size(), 1u);
}

struct EngineChatTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  EngineChatTest() {
    ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
    ::setenv("STUDIO_LLAMA_SERVER", testing::fake_engine_program().c_str(), 1);
  }
  Result<std::unique_ptr<ChatModel>> open_engine(const std::string& scenario) {
    ChatModelOptions options;
    options.file = testing::fake_model(folder, scenario).string();
    return open_chat_model(options);
  }
};

TEST_F(EngineChatTest, StartsAtTheFirstQuestionAndAnswers) {
  const auto model = open_engine(R"({"answers": ["one", "two"]})");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_FALSE((*model)->engine().has_value());
  EXPECT_EQ((*model)->chat(question())->content, "one");
  const int pid = (*model)->engine()->pid;
  const auto second = (*model)->chat(question());
  EXPECT_EQ(second->content, "two");
  EXPECT_EQ(second->cached_tokens, 4);
  EXPECT_EQ((*model)->engine()->pid, pid);
  EXPECT_EQ((*model)->usage().calls, 2);
  EXPECT_EQ((*model)->identity().id, "fake");
  EXPECT_EQ((*model)->identity().sha256.size(), 64u);
}

TEST_F(EngineChatTest, ADeathInMidAnswerIsMendedAndTheQuestionAskedAgain) {
  const Path marker = folder.path() / "died";
  const auto model =
      open_engine(R"({"die_at": 2, "answers": ["a", "b"], "die_marker": ")" + marker.string() + "\"}");
  ASSERT_TRUE((*model)->chat(question()).has_value());
  const auto answer = (*model)->chat(question());
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ((*model)->engine()->restarts, 1);
  EXPECT_TRUE(std::filesystem::exists(marker));
}

TEST_F(EngineChatTest, ASecondDeathIsTheNamedFailure) {
  const auto model = open_engine(R"({"die_at": 1})");
  const auto answer = (*model)->chat(question());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(answer.error().message.find("restarted 1 time"), std::string::npos) << answer.error().message;
  const auto again = (*model)->chat(question());
  ASSERT_FALSE(again.has_value()) << "it stays failed";
}

TEST_F(EngineChatTest, AnEngineThatCannotStartIsNamed) {
  const auto model = open_engine(R"({"exit_code": 1})");
  const auto answer = (*model)->chat(question());
  ASSERT_FALSE(answer.has_value());
  EXPECT_NE(answer.error().message.find("no such luck"), std::string::npos) << answer.error().message;
}

TEST_F(EngineChatTest, ManyThreadsStartOneEngine) {
  const auto model = open_engine("{}");
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&] { right += (*model)->chat(question()).has_value() ? 1 : 0; });
  }
  EXPECT_EQ(right, 6);
  EXPECT_EQ((*model)->usage().calls, 6);
  EXPECT_EQ((*model)->engine()->restarts, 0);
}

TEST_F(EngineChatTest, AStopWhileItStartsIsHeeded) {
  const auto model = open_engine(R"({"never_ready": true})");
  std::stop_source stop;
  ChatRequest request = question();
  request.stop = stop.get_token();
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(200ms);
    stop.request_stop();
  });
  EXPECT_EQ((*model)->chat(request).error().kind, ErrorKind::interrupted);
}

TEST_F(EngineChatTest, AFileThatIsNoModelIsRefusedAtOnce) {
  ChatModelOptions options;
  options.file = (folder.path() / "none.gguf").string();
  EXPECT_EQ(open_chat_model(options).error().kind, ErrorKind::not_found);
  options.file = folder.path().string();
  EXPECT_EQ(open_chat_model(options).error().kind, ErrorKind::invalid_input);
  options.file = (folder.path() / "text.gguf").string();
  ASSERT_TRUE(write_file_atomic(options.file, "just text").has_value());
  EXPECT_EQ(open_chat_model(options).error().kind, ErrorKind::invalid_input);
  ASSERT_TRUE(write_file_atomic(options.file, "").has_value());
  EXPECT_EQ(open_chat_model(options).error().kind, ErrorKind::invalid_input);
}

TEST_F(EngineChatTest, AMissingModelOrEngineIsAMissingPart) {
  ChatModelOptions options;
  const auto no_model = open_chat_model(options);
  ASSERT_FALSE(no_model.has_value());
  EXPECT_EQ(no_model.error().kind, ErrorKind::missing_part);
  EXPECT_NE(no_model.error().message.find("491 MB"), std::string::npos) << no_model.error().message;
  EXPECT_NE(no_model.error().hint.find("setup/setup.sh"), std::string::npos);
  ::setenv("STUDIO_LLAMA_SERVER", "/nonexistent", 1);
  EXPECT_EQ(open_engine("{}").error().kind, ErrorKind::missing_part);
  options.model = "no-such-model";
  EXPECT_EQ(open_chat_model(options).error().kind, ErrorKind::not_found);
  options.url = "no address";
  EXPECT_EQ(open_chat_model(options).error().kind, ErrorKind::wrong_usage);
}

}  // namespace
}  // namespace studio
