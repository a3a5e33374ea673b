// Streams, pictures, embeddings, and the ways to a model: a running server, leases, later than asked.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "llm/chat.h"
#include "llm/embeddings.h"
#include "models/server_state.h"
#include "support/fake_engine.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;

std::string piece(std::string_view text) {
  return "data: " + to_text(Json{{"choices", {{{"index", 0}, {"delta", {{"content", text}}}}}}}, -1) + "\n\n";
}

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
constexpr std::string_view kEnd =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";
constexpr std::string_view kAnswer =
    R"({"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]})";

std::unique_ptr<ChatModel> open_url(const FakeHttpServer& server) {
  ChatModelOptions options;
  options.url = server.endpoint().to_string();
  options.model = "m";
  return *open_chat_model(options);
}

ChatRequest question(std::string text = "Which shots?") {
  ChatRequest request;
  request.messages = {{"user", std::move(text)}};
  request.timeout = 10s;
  return request;
}

TEST(Stream, PiecesComeInOrderAndAddUpToTheAnswer) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) {
    connection.write(kStreamHead);
    // Cut in the middle of an event and of a character.
    const std::string all = piece("caf\xc3\xa9") + piece(" au") + piece(" lait") + std::string(kEnd);
    for (std::size_t at = 0; at < all.size(); at += 7) connection.write(all.substr(at, 7));
  });
  const auto model = open_url(server);
  std::vector<std::string> pieces;
  const auto answer = model->stream(question(), [&](std::string_view text) {
    pieces.emplace_back(text);
    return true;
  });
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(pieces, (std::vector<std::string>{"caf\xc3\xa9", " au", " lait"}));
  EXPECT_EQ(answer->content, "caf\xc3\xa9 au lait");
  EXPECT_EQ(answer->finish_reason, "stop");
  EXPECT_EQ(answer->prompt_tokens, 9);
  EXPECT_EQ(model->usage().completion_tokens, 3);
  const Json body = *parse_json(server.requests().front().body, "body");
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["stream_options"]["include_usage"], true);
}

TEST(Stream, TheReaderMayEndIt) {
  std::atomic<bool> hung_up{false};
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
    connection.write(kStreamHead);
    connection.write(piece("one"));
    hung_up = connection.wait_for_hangup();
  });
  const auto answer = open_url(server)->stream(question(), [](std::string_view) { return false; });
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::interrupted);
  for (int i = 0; i < 200 && !hung_up; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(hung_up) << "the generation is cancelled by the closed connection";
}

TEST(Stream, WhatBreaksOffIsAnErrorAndNeverHalfAnAnswer) {
  for (const std::string& rest :
       {std::string(), std::string("data: {\"error\":{\"message\":\"out of memory\"}}\n\n"),
        std::string("data: not json\n\n")}) {
    FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
      connection.write(kStreamHead);
      connection.write(piece("half"));
      connection.write(rest);
    });
    const auto answer = open_url(server)->stream(question(), [](std::string_view) { return true; });
    ASSERT_FALSE(answer.has_value()) << rest;
    EXPECT_EQ(answer.error().kind, ErrorKind::engine_failed) << answer.error().message;
    EXPECT_EQ(server.requests().size(), 1u) << "what was told once is not asked again";
  }
}

TEST(Chat, AServerThatAsksToWaitIsAskedAgainThen) {
  std::atomic<int> count{0};
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
    count++ == 0 ? connection.answer(429, "{}", "Retry-After: 1\r\n") : connection.json(kAnswer);
  });
  const auto answer = open_url(server)->chat(question());
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(count, 2);
}

TEST(Chat, PicturesGoWithTheirMessage) {
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) { connection.json(kAnswer); });
  ChatRequest request = question("What is this?");
  request.messages[0].images = {{"image/png", "\x89PNG"}, {"image/jpeg", "ab"}};
  ASSERT_TRUE(open_url(server)->chat(request).has_value());
  const Json content = (*parse_json(server.requests().front().body, "body"))["messages"][0]["content"];
  ASSERT_EQ(content.size(), 3u);
  EXPECT_EQ(content[0]["text"], "What is this?");
  EXPECT_EQ(content[1]["image_url"]["url"], "data:image/png;base64,iVBORw==");
  EXPECT_EQ(content[2]["image_url"]["url"], "data:image/jpeg;base64,YWI=");
}

TEST(Embeddings, ManyTextsGoInBatchesAndComeBackInOrder) {
  FakeHttpServer server([](const FakeRequest& request, FakeConnection& connection) {
    const Json body = *parse_json(request.body, "body");
    Json data = Json::array();
    // Told backwards: the index counts.
    for (std::size_t i = body["input"].size(); i-- > 0;)
      data.push_back({{"index", i}, {"embedding", {std::stod(body["input"][i].get<std::string>()), 0.5}}});
    connection.json(to_text(Json{{"data", data}}, -1));
  });
  ChatModelOptions options;
  options.url = server.endpoint().to_string();
  options.model = "minilm";
  const auto model = *open_embedding_model(options);
  EmbeddingRequest request;
  for (int i = 0; i < 150; ++i) request.texts.push_back(std::to_string(i));
  const auto vectors = model->embed(request);
  ASSERT_TRUE(vectors.has_value()) << vectors.error().message;
  ASSERT_EQ(vectors->size(), 150u);
  for (int i = 0; i < 150; ++i) EXPECT_EQ((*vectors)[static_cast<std::size_t>(i)][0], static_cast<float>(i));
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(server.requests()[0].target, "/v1/embeddings");
  EXPECT_TRUE(model->embed({})->empty());
}

TEST(Embeddings, BrokenVectorsAreNamed) {
  for (const char* body :
       {"[", "{}", R"({"data":[]})", R"({"data":[{"embedding":[]}]})", R"({"data":[{"embedding":["x"]}]})",
        R"({"data":[{"index":7,"embedding":[1]}]})"}) {
    FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) { connection.json(body); });
    ChatModelOptions options;
    options.url = server.endpoint().to_string();
    options.model = "m";
    const auto vectors = (*open_embedding_model(options))->embed({.texts = {"a"}});
    ASSERT_FALSE(vectors.has_value()) << body;
    EXPECT_EQ(vectors.error().kind, ErrorKind::engine_failed);
  }
}

// A catalog of one model that is a fake engine, and a server's state file where the test wants one.
struct AccessTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  AccessTest() {
    ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
    ::setenv("XDG_CONFIG_HOME", folder.path().c_str(), 1);
    ::setenv("STUDIO_LLAMA_SERVER", testing::fake_engine_program().c_str(), 1);
    ::unsetenv("STUDIO_SERVER");
    const Path file = testing::fake_model(folder, R"({"answers": ["from an engine of our own"]})");
    const Path own = folder.path() / "animation-studio" / "models.yaml";
    std::filesystem::create_directories(own.parent_path());
    EXPECT_TRUE(
        write_file_atomic(own,
                          "models:\n  - {id: mine, task: chat, engine: llama-server, file: fake.gguf, "
                          "sources: [{path: " +
                              file.string() + "}]}\n")
            .has_value());
  }
  ~AccessTest() override {
    ::unsetenv("XDG_CONFIG_HOME");
    ::unsetenv("STUDIO_API_KEY");
    ::unsetenv("STUDIO_SERVER");
  }
  static ChatModelOptions mine() {
    ChatModelOptions options;
    options.model = "mine";
    return options;
  }
};

FakeHttpServer::Handler studio_serve() {
  return [](const FakeRequest& request, FakeConnection& connection) {
    if (request.target == "/health") return connection.json("{}");
    connection.json(
        R"({"choices":[{"message":{"role":"assistant","content":"from the server"},"finish_reason":"stop"}]})");
  };
}

TEST_F(AccessTest, ARunningServerIsUsedWithItsKey) {
  FakeHttpServer server(studio_serve(), FakeHttpServer::On::loopback);
  ASSERT_TRUE(write_server_state({::getpid(), server.endpoint().to_string(), {}, "1"}).has_value());
  ::setenv("STUDIO_API_KEY", "sk-test", 1);
  const auto model = open_chat_model(mine());
  ASSERT_TRUE(model.has_value()) << model.error().message;
  const auto answer = (*model)->chat(question());
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->content, "from the server");
  EXPECT_FALSE((*model)->engine().has_value()) << "no engine was started here";
  EXPECT_NE((*model)->where().find("studio serve"), std::string::npos);
  EXPECT_EQ((*model)->identity().id, "mine");
  const FakeRequest seen = server.requests().back();
  EXPECT_EQ(seen.target, "/v1/chat/completions");
  EXPECT_EQ(seen.header("Authorization"), "Bearer sk-test");
  EXPECT_EQ((*parse_json(seen.body, "body"))["model"], "mine");
}

TEST_F(AccessTest, WhenTheServerEndsTheNextQuestionStartsAnEngineHere) {
  auto server = std::make_unique<FakeHttpServer>(studio_serve(), FakeHttpServer::On::loopback);
  ASSERT_TRUE(write_server_state({::getpid(), server->endpoint().to_string(), {}, "1"}).has_value());
  const auto model = *open_chat_model(mine());
  EXPECT_EQ(model->chat(question())->content, "from the server");
  server.reset();
  const auto answer = model->chat(question());
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->content, "from an engine of our own");
  EXPECT_TRUE(model->engine().has_value());
  EXPECT_EQ(model->where(), "this process");
}

TEST_F(AccessTest, AStateFileOfADeadServerOrOneThatIsSwitchedOffIsNoServer) {
  FakeHttpServer server(studio_serve(), FakeHttpServer::On::loopback);
  const auto answered = [] { return (*open_chat_model(mine()))->chat(question())->content; };
  ASSERT_TRUE(write_server_state({1 << 22, server.endpoint().to_string(), {}, "1"}).has_value());
  EXPECT_EQ(answered(), "from an engine of our own") << "no such process";
  ASSERT_TRUE(write_server_state({::getpid(), "http://127.0.0.1:1", {}, "1"}).has_value());
  EXPECT_EQ(answered(), "from an engine of our own") << "nobody listens there";
  ASSERT_TRUE(write_file_atomic(server_state_file(::getpid()), "{ broken").has_value());
  EXPECT_EQ(answered(), "from an engine of our own");
  ASSERT_TRUE(write_server_state({::getpid(), server.endpoint().to_string(), {}, "1"}).has_value());
  EXPECT_EQ(answered(), "from the server");
  ::setenv("STUDIO_SERVER", "off", 1);
  EXPECT_EQ(answered(), "from an engine of our own");
  remove_server_state(::getpid());
  EXPECT_FALSE(std::filesystem::exists(server_state_file(::getpid())));
}

TEST_F(AccessTest, AServerMayKnowModelsThatAreNotHere) {
  FakeHttpServer server(studio_serve(), FakeHttpServer::On::loopback);
  ChatModelOptions far = mine();
  far.model = "qwen2.5-72b-on-the-big-machine";
  EXPECT_EQ(open_chat_model(far).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(write_server_state({::getpid(), server.endpoint().to_string(), {}, "1"}).has_value());
  const auto model = open_chat_model(far);
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ((*model)->chat(question())->content, "from the server");
}

}  // namespace
}  // namespace studio
