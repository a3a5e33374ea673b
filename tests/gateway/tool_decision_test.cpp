// The weighing of a model's odds with what a request says.
#include "gateway/tool_decision.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace studio {
namespace {

using Next = ToolOptions::Next;

Json request_of(std::string_view messages) {
  Json request = parse_json(R"({"model": "m", "tools": [
    {"type": "function", "function": {"name": "list_shots", "description": "List the shots of the film",
     "parameters": {"type": "object", "properties": {}}}},
    {"type": "function", "function": {"name": "delete_shot", "description": "Remove a shot from the film",
     "parameters": {"type": "object", "properties": {"shot_id": {"type": "string"}}, "required": ["shot_id"]}}},
    {"type": "function", "function": {"name": "add_title", "description": "Show a title text",
     "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}}]})",
                            "request")
                     .value();
  request["messages"] = parse_json(messages, "messages").value();
  return request;
}

Next next(std::string_view messages, NextTokens thought, std::vector<std::string>* without = nullptr) {
  const Json request = request_of(messages);
  const auto tools = compile_tools(request).value();
  std::vector<std::string> named;
  return decide_next(request, *tools, thought, without ? *without : named);
}

TEST(ToolDecision, ReadsTheOddsOfNamesAndOfWords) {
  const auto tools = compile_tools(request_of(R"([{"role": "user", "content": "x"}])")).value();
  const auto odds = next_tokens(*tools, R"({"choices": [{"logprobs": {"content": [{"top_logprobs": [
    {"token": "reply", "logprob": -0.693147}, {"token": " list", "logprob": -1.386294},
    {"token": "\"add", "logprob": -2.302585}, {"token": "sing", "logprob": -3.0}]}]}}]})");
  ASSERT_TRUE(odds.has_value());
  EXPECT_NEAR(odds->words, 0.5, 1e-3);
  EXPECT_NEAR(odds->tools, 0.35, 1e-3);
  for (const char* none : {"", "{}", "[]", R"({"choices": []})", R"({"choices": [{"logprobs": null}]})",
                           R"({"choices": [{"logprobs": {"content": []}}]})"})
    EXPECT_FALSE(next_tokens(*tools, none).has_value()) << none;
}

TEST(ToolDecision, NothingIsAskedWhereNothingIsToDecide) {
  Json request = request_of(R"([{"role": "user", "content": "x"}])");
  EXPECT_FALSE(decision_request(*compile_tools(request).value()).empty());
  for (const char* choice : {"none", "required"}) {
    request["tool_choice"] = choice;
    EXPECT_TRUE(decision_request(*compile_tools(request).value()).empty()) << choice;
  }
}

TEST(ToolDecision, OddsDecideAndTheWordsOfTheRequestAdd) {
  EXPECT_EQ(next(R"([{"role": "user", "content": "Hello!"}])", {0.9, 0.02}), Next::words);
  EXPECT_EQ(next(R"([{"role": "user", "content": "Which shots are there?"}])", {0.1, 0.8}), Next::calls);
  // Undecided odds: a tool's own words and something to fill it with make the difference.
  EXPECT_EQ(next(R"([{"role": "user", "content": "Title: \"THE END\""}])", {0.6, 0.3}), Next::calls);
  EXPECT_EQ(next(R"([{"role": "user", "content": "Sing of spring"}])", {0.6, 0.3}), Next::words);
  // It would write a tool that there is not.
  EXPECT_EQ(next(R"([{"role": "user", "content": "Explain symbolic links"}])", {0.01, 0.01}), Next::words);
}

TEST(ToolDecision, AfterAResultOnlyAToolThatServesTheRestIsCalled) {
  constexpr std::string_view kListed = R"([{"role": "user", "content": "Remove the shot with the cat."},
    {"role": "assistant", "tool_calls": [{"id": "1", "type": "function",
      "function": {"name": "list_shots", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "s01: a cat"}])";
  std::vector<std::string> without;
  EXPECT_EQ(next(kListed, {0.4, 0.5}, &without), Next::calls);
  EXPECT_EQ(without, std::vector<std::string>{"list_shots"});
  constexpr std::string_view kDone = R"([{"role": "user", "content": "Which shots are there?"},
    {"role": "assistant", "tool_calls": [{"id": "1", "type": "function",
      "function": {"name": "list_shots", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "s01, s02"}])";
  EXPECT_EQ(next(kDone, {0.3, 0.6}), Next::words);
}

TEST(ToolDecision, RareWordsOfAToolWeighMoreThanCommonOnes) {
  const Json request = request_of("[]");
  std::vector<Json> all;
  for (const Json& tool : request["tools"]) all.push_back(tool["function"]);
  EXPECT_GT(words_in_common(all[1], all, "removed shots"), words_in_common(all[0], all, "removed shots"));
  EXPECT_EQ(words_in_common(all[2], all, "what is the capital of Japan"), 0);
}

}  // namespace
}  // namespace studio
