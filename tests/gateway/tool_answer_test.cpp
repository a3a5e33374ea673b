// The model's JSON, cut anywhere, gives the same calls and words; repeats are dropped, other texts stay
// texts.
#include "gateway/tool_answer.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace studio {
namespace {

// Events in one line: "call(name) args" and "words".
std::string told(ToolAnswerReader reader, std::string_view answer, std::size_t piece) {
  std::string words, calls;
  int last = -1;
  const auto take = [&](const std::vector<ToolEvent>& events) {
    for (const auto& event : events) {
      if (event.kind == ToolEvent::Kind::words) words += event.text;
      if (event.kind == ToolEvent::Kind::call) {
        EXPECT_EQ(event.call, ++last);
        calls += "<" + event.text + ">";
      }
      if (event.kind == ToolEvent::Kind::arguments) {
        EXPECT_EQ(event.call, last);
        calls += event.text;
      }
    }
  };
  for (std::size_t at = 0; at < answer.size(); at += piece) take(reader.feed(answer.substr(at, piece)));
  take(reader.finish());
  return calls + (words.empty() ? "" : "|" + words);
}

std::string told(std::string_view answer, ToolAnswerReader::Options options = {"reply", false, {}}) {
  const std::string whole = told(ToolAnswerReader(options), answer, answer.size() + 1);
  for (const std::size_t piece : {1, 2, 3, 5, 7, 16})
    EXPECT_EQ(told(ToolAnswerReader(options), answer, piece), whole) << answer << " in pieces of " << piece;
  return whole;
}

TEST(ToolAnswer, OneCall) {
  EXPECT_EQ(told(R"([{"name": "get", "arguments": {"a": 1, "b": {"c": ["}", "\"]"]}}}])"),
            R"(<get>{"a": 1, "b": {"c": ["}", "\"]"]}})");
  EXPECT_EQ(told(R"({"name":"get","arguments":{}})"), "<get>{}");
  EXPECT_EQ(told(" [\n  {\"name\": \"get\", \"arguments\": {\"a\": null}\n }\n]\n"), "<get>{\"a\": null}");
}

TEST(ToolAnswer, SeveralCallsInOrderEqualOnesOnce) {
  EXPECT_EQ(told(R"([{"name":"w","arguments":{"c":"Rome"}},{"name":"w","arguments":{"c":"Berlin"}}])"),
            R"(<w>{"c":"Rome"}<w>{"c":"Berlin"})");
  EXPECT_EQ(
      told(
          R"([{"name":"w","arguments":{"c":"Rome"}},{"name":"w","arguments":{"c": "Rome"}},{"name":"v","arguments":{"c":"Rome"}}])"),
      R"(<w>{"c":"Rome"}<v>{"c":"Rome"})");
  EXPECT_EQ(told(R"([{"name":"w","arguments":{}},{"name":"w","arguments":{}}])"), "<w>{}");
}

TEST(ToolAnswer, CallsWithTheirResultThereAreDropped) {
  ToolAnswerReader::Options options{"reply", false, {{"w", R"({"c":"Rome"})"}}};
  EXPECT_EQ(told(R"([{"name": "w", "arguments": {"c": "Rome"}}])", options), "");
  EXPECT_EQ(told(R"([{"name": "w", "arguments": {"c": "Rome"}}, {"name": "w", "arguments": {"c": "Romeo"}}])",
                 options),
            R"(<w>{"c": "Romeo"})");
  ToolAnswerReader reader(options);
  reader.feed(R"([{"name": "w", "arguments": {"c": "Rome"}}])");
  reader.finish();
  EXPECT_EQ(reader.repeated(), std::vector<std::string>{"w"});
  EXPECT_EQ(reader.calls(), 0);
}

TEST(ToolAnswer, WordsHaveTheirEscapesUndone) {
  EXPECT_EQ(
      told(
          R"([{"name": "reply", "arguments": {"text": "He said \"hi\"\n\tCittà \u00e8 \ud83d\ude00 \/ \\"}}])"),
      "|He said \"hi\"\n\tCittà è 😀 / \\");
  EXPECT_EQ(told(R"([{"name":"reply","arguments":{"text":""}}])"), "");
  EXPECT_EQ(told(R"({"name":"reply","arguments":{"text":"a lone \ud83d surrogate"}})"),
            "|a lone \xEF\xBF\xBD surrogate");
}

TEST(ToolAnswer, WordsThatAreJsonStayJson) {
  EXPECT_EQ(told(R"([{"name":"reply","arguments":{"city": "Rome", "n": [1, 2]}}])", {"reply", true, {}}),
            R"(|{"city": "Rome", "n": [1, 2]})");
}

TEST(ToolAnswer, WhatIsNoSuchJsonIsWords) {
  for (const std::string text : {"Hello there.", "", "{\"city\": \"Rome\"}", "[1, 2, 3]", "[see above] yes",
                                 "{oops", "```json\n[]\n```", "null"})
    EXPECT_EQ(told(text), text.empty() ? "" : "|" + text);
}

TEST(ToolAnswer, ArgumentsBeforeTheName) {
  EXPECT_EQ(told(R"([{"arguments":{"a":1},"name":"get"}])"), R"(<get>{"a":1})");
  EXPECT_EQ(told(R"([{"arguments":{"text":"hi"},"name":"reply"}])"), "|hi");
}

TEST(ToolAnswer, AnAnswerCutShortGivesWhatThereIs) {
  EXPECT_EQ(told(R"([{"name": "get", "arguments": {"a": "lon)"), R"(<get>{"a": "lon)");
  EXPECT_EQ(told(R"([{"name": "reply", "arguments": {"text": "half a sen)"), "|half a sen");
  EXPECT_EQ(told(R"([{"name": "get", "arguments": {"a": 1}}, {"na)"), R"(<get>{"a": 1})");
}

// Broken in every way at every place: never lost in it, and the same however it is cut.
TEST(ToolAnswer, DamagedAnswersNeverDependOnWhereTheyAreCut) {
  const std::string good =
      R"([{"name": "w", "arguments": {"c": "R\u00e9\"", "n": [1, {"x": null}]}}, {"name": "reply", "arguments": {"text": "a\nb"}}])";
  std::uint32_t seed = 7;
  const auto next = [&] { return seed = seed * 1664525u + 1013904223u; };
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = good.substr(0, 1 + (next() >> 8) % good.size());
    for (std::uint32_t i = 0; i < (next() >> 10) % 4; ++i)
      damaged[(next() >> 8) % damaged.size()] = "{}[]\":,\\ x0\x80"[(next() >> 8) % 13];
    told(damaged);
  }
}

TEST(ToolAnswer, TheCallComesOutBeforeItsArgumentsEnd) {
  ToolAnswerReader reader({"reply", false, {}});
  EXPECT_TRUE(reader.feed(R"([{"name": "ge)").empty());
  auto events = reader.feed(R"(t", "argum)");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].text, "get");
  events = reader.feed(R"(ents": {"a": )");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].text, R"({"a": )");
  ToolAnswerReader words({"reply", false, {}});
  events = words.feed(R"([{"name": "reply", "arguments": {"text": "Good mor)");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].text, "Good mor");
}

}  // namespace
}  // namespace studio
