// The default model on a real llama-server: answers, schemas, prefix cache, death in mid-answer.
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "llm/chat.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<ChatModel> open_default() {
  ::setenv("STUDIO_SERVER", "off", 1);  // an engine of our own, whatever runs on this machine
  auto model = [] {
    ChatModelOptions options;
    options.context = 4096;
    return open_chat_model(options);
  }();
  if (!model) ADD_FAILURE() << model.error().message << "\n" << model.error().hint;
  return model ? std::move(*model) : nullptr;
}

ChatRequest question(std::string text) {
  ChatRequest request;
  request.messages = {{"system", "You are a film editor."}, {"user", std::move(text)}};
  request.max_tokens = 40;
  return request;
}

TEST(RealModel, AnswersAndCountsTokensAndTime) {
  const auto model = open_default();
  ASSERT_TRUE(model);
  EXPECT_FALSE(model->engine().has_value()) << "it starts at the first question, not before";
  const auto answer = model->chat(question("What is the capital of France? One word."));
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_NE(answer->content.find("Paris"), std::string::npos) << answer->content;
  EXPECT_EQ(answer->finish_reason, "stop");
  EXPECT_GT(answer->prompt_tokens, 10);
  EXPECT_GT(answer->completion_tokens, 0);
  const ChatUsage usage = model->usage();
  EXPECT_EQ(usage.calls, 1);
  EXPECT_EQ(usage.prompt_tokens, answer->prompt_tokens);
  EXPECT_GT(usage.seconds, 0);
  EXPECT_EQ(model->identity().id, "qwen2.5-coder-0.5b");
  EXPECT_EQ(model->identity().sha256, "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32");
}

TEST(RealModel, AnswersUnderASchema) {
  const auto model = open_default();
  ASSERT_TRUE(model);
  const Json schema = {
      {"type", "object"},
      {"properties",
       {{"shots", {{"type", "array"}, {"items", {{"enum", {"s1", "s2", "s3"}}}}, {"maxItems", 3}}},
        {"pace", {{"enum", {"slow", "medium", "fast"}}}}}},
      {"required", {"shots", "pace"}},
      {"additionalProperties", false}};
  const auto answer = ask_structured(
      *model,
      question("Shots: s1 a car chase, s2 a quiet lake, s3 an explosion. Pick two for a fast trailer."),
      schema);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_TRUE((*answer)["shots"].is_array());
}

TEST(RealModel, TheCommonBeginningOfQuestionsIsReadOnce) {
  const auto model = open_default();
  ASSERT_TRUE(model);
  std::string table = "Shots of the clip:\n";
  for (int i = 0; i < 60; ++i) table += "s" + std::to_string(i) + " pan_left 2.4 s, bright, a person walks\n";
  ASSERT_TRUE(model->chat(question(table + "Which is first?")).has_value());
  const auto second = model->chat(question(table + "Which is last?"));
  ASSERT_TRUE(second.has_value());
  EXPECT_GT(second->cached_tokens, second->prompt_tokens * 9 / 10);
}

TEST(RealModel, AnEngineKilledInMidAnswerIsRestartedOnceThenFailsByName) {
  const auto model = open_default();
  ASSERT_TRUE(model);
  ASSERT_TRUE(model->chat(question("Say yes.")).has_value());
  ChatRequest story = question("Tell a very long story about a dragon.");
  story.max_tokens = 400;
  const auto kill_soon = [&] {
    return std::jthread([pid = model->engine()->pid] {
      std::this_thread::sleep_for(400ms);
      ::kill(pid, SIGKILL);
    });
  };
  const int first_pid = model->engine()->pid;
  {
    const auto killer = kill_soon();
    const auto answer = model->chat(story);
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_GT(answer->completion_tokens, 50);
  }
  EXPECT_EQ(model->engine()->restarts, 1);
  EXPECT_NE(model->engine()->pid, first_pid);
  const auto killer = kill_soon();
  const auto answer = model->chat(story);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(answer.error().message.find("died"), std::string::npos) << answer.error().message;
  EXPECT_NE(answer.error().message.find("restarted"), std::string::npos) << answer.error().message;
}

TEST(RealModel, AStopRequestEndsAnAnswerAtOnce) {
  const auto model = open_default();
  ASSERT_TRUE(model);
  ASSERT_TRUE(model->chat(question("Say yes.")).has_value());
  std::stop_source stop;
  ChatRequest story = question("Tell a very long story about a dragon.");
  story.max_tokens = 2000;
  story.stop = stop.get_token();
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(300ms);
    stop.request_stop();
  });
  const auto answer = model->chat(story);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::interrupted);
  EXPECT_TRUE(model->chat(question("Say yes.")).has_value()) << "the engine answers the next question";
}

TEST(RealModel, APromptLongerThanTheContextIsNamed) {
  const auto model = open_default();
  ASSERT_TRUE(model);
  std::string words;
  for (int i = 0; i < 6000; ++i) words += "clapper ";
  const auto answer = model->chat(question(words));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::limit_exceeded) << answer.error().message;
}

TEST(RealModel, ItsChildIsGoneWhenTheModelIs) {
  int pid = -1;
  {
    const auto model = open_default();
    ASSERT_TRUE(model);
    ASSERT_TRUE(model->chat(question("Say yes.")).has_value());
    pid = model->engine()->pid;
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace studio
