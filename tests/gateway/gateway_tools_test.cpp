// Tools through the gateway: compiled for engines without a parser, streamed, asked again when a call is only
// repeated.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/fixed_places.h"
#include "gateway/gateway.h"
#include "net/sse.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

class GatewayToolsTest : public ::testing::Test {
 protected:
  // The engine gives these contents in turn, whole or as a stream in pieces of seven bytes.
  std::vector<std::string> contents_;
  std::string thought_;  // its answer when asked for the odds of its next step; empty: it fails
  int questions_ = 0;
  testing::FakeHttpServer engine_{[this](const testing::FakeRequest& request,
                                         testing::FakeConnection& connection) {
    const Json asked = parse_json(request.body, "request").value();
    if (asked.value("logprobs", false)) {
      ++questions_;
      return thought_.empty() ? connection.answer(500, "{}", "") : connection.json(thought_);
    }
    const std::size_t turn =
        std::min(engine_.requests().size() - static_cast<std::size_t>(questions_), contents_.size()) - 1;
    const std::string& content = contents_[turn];
    if (!asked.value("stream", false))
      return connection.json(to_text(Json{{"id", "a"},
                                          {"choices",
                                           {{{"index", 0},
                                             {"finish_reason", "stop"},
                                             {"message", {{"role", "assistant"}, {"content", content}}}}}},
                                          {"usage", {{"prompt_tokens", 5}, {"completion_tokens", 2}}}},
                                     -1));
    std::string body;
    const auto chunk = [&](Json delta, Json finish) {
      body += "data: " +
              to_text(Json{{"id", "a"},
                           {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}}}},
                      -1) +
              "\n\n";
    };
    chunk({{"role", "assistant"}, {"content", nullptr}}, nullptr);
    for (std::size_t at = 0; at < content.size(); at += 7)
      chunk({{"content", content.substr(at, 7)}}, nullptr);
    chunk(Json::object(), "stop");
    connection.answer(200, body + "data: [DONE]\n\n", "Content-Type: text/event-stream\r\n");
  }};
  // Of the answers, questions for odds left out.
  std::vector<Json> answered() {
    std::vector<Json> out;
    for (const auto& request : engine_.requests())
      if (Json body = parse_json(request.body, "request").value(); !body.contains("logprobs"))
        out.push_back(std::move(body));
    return out;
  }
  void think(std::string_view token, double probability) {
    const Json top = {{{"token", token}, {"logprob", std::log(probability)}}};
    thought_ = to_text(Json{{"choices", {{{"logprobs", {{"content", {{{"top_logprobs", top}}}}}}}}}}, -1);
  }
  ScratchFolder folder_ = ScratchFolder::create().value();
  std::shared_ptr<testing::FixedPlaces> places_ = std::make_shared<testing::FixedPlaces>();
  std::unique_ptr<Gateway> gateway_;

  void SetUp() override {
    GatewayOptions options;
    options.config.listen.port = 0;
    options.config.keys.file = folder_.path() / "keys.db";
    options.config.cache.store = "memory";
    options.config.log_requests = false;
    places_->add("engine", engine_.endpoint().to_string(), {.chat = true, .native_tools = false});
    options.places = places_;
    options.targets = [](const GatewayConfig&) {
      RouteTarget target;
      target.model = "m";
      target.engine = "engine";
      return std::vector<RouteTarget>{target};
    };
    gateway_ = Gateway::start(std::move(options)).value();
  }

  HttpResponse send(const std::string& path, std::string body) {
    HttpRequest http;
    http.endpoint = Endpoint::parse(gateway_->url()).value();
    http.method = "POST";
    http.path = path;
    http.body = std::move(body);
    http.timeout = std::chrono::seconds(20);
    return send_http(http).value();
  }
  // The types of a stream's events, one after another, equal neighbours once.
  static std::string course(const std::vector<SseEvent>& events) {
    std::string out, last;
    for (const SseEvent& event : events) {
      const Json data = parse_json(event.data, "event").value();
      EXPECT_EQ(data["type"], event.event);
      if (event.event != last) out += event.event + " ";
      last = event.event;
    }
    return out;
  }

  HttpResponse ask(bool stream, bool with_result) {
    Json request =
        parse_json(R"({"model": "m", "messages": [{"role": "user", "content": "Rain in Rome?"}], "tools": [
      {"type": "function", "function": {"name": "w", "parameters": {"type": "object",
       "properties": {"c": {"type": "string"}}, "required": ["c"]}}}]})",
                   "request")
            .value();
    request["stream"] = stream;
    if (with_result)
      for (const char* message : {R"({"role": "assistant", "tool_calls": [{"id": "x", "type": "function",
               "function": {"name": "w", "arguments": "{\"c\":\"Rome\"}"}}]})",
                                  R"({"role": "tool", "tool_call_id": "x", "content": "dry"})"})
        request["messages"].push_back(parse_json(message, "message").value());
    return send("/v1/chat/completions", to_text(request, -1));
  }
  // "name(arguments)" of calls and the words, put together as a client does it.
  static std::string streamed(const HttpResponse& answer) {
    std::string out, last;
    const auto events = SseReader().feed(answer.body).value();
    for (const SseEvent& event : events) {
      last = event.data;
      if (event.data == "[DONE]") continue;
      const Json chunk = parse_json(event.data, "chunk").value();
      const Json& delta = chunk["choices"][0]["delta"];
      if (delta.contains("content") && delta["content"].is_string())
        out += delta["content"].get<std::string>();
      if (delta.contains("tool_calls"))
        for (const Json& call : delta["tool_calls"])
          out += call["function"].value("name", "") + call["function"].value("arguments", "");
      if (chunk["choices"][0]["finish_reason"].is_string())
        out += " " + chunk["choices"][0]["finish_reason"].get<std::string>();
    }
    EXPECT_EQ(last, "[DONE]");
    return out;
  }
};

const std::string kCall = R"([{"name": "w", "arguments": {"c": "Rome"}}])";
const std::string kWords = R"([{"name": "reply", "arguments": {"text": "It is dry."}}])";

TEST_F(GatewayToolsTest, ACallComesOutWholeAndStreamed) {
  contents_ = {kCall};
  const Json answer = parse_json(ask(false, false).body, "answer").value();
  EXPECT_EQ(answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "w");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "tool_calls");
  EXPECT_EQ(streamed(ask(true, false)), R"(w{"c": "Rome"} tool_calls)");
}

TEST_F(GatewayToolsTest, ACallWhoseResultIsThereIsNotGivenAgain) {
  contents_ = {kCall, kWords};
  const Json answer = parse_json(ask(false, true).body, "answer").value();
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "It is dry.");
  ASSERT_EQ(answered().size(), 2u);
  const Json first = answered()[0], second = answered()[1];
  EXPECT_EQ(first["messages"], second["messages"]);  // the engine's prefix cache holds
  EXPECT_FALSE(second["response_format"].dump().contains(R"("const":"w")"));
}

TEST_F(GatewayToolsTest, NorInAStream) {
  contents_ = {kCall, kWords};
  EXPECT_EQ(streamed(ask(true, true)), "It is dry. stop");
  EXPECT_EQ(answered().size(), 2u);
}

TEST_F(GatewayToolsTest, AModelThatInsistsIsLeftAlone) {
  contents_ = {kCall, kCall};
  const Json answer = parse_json(ask(false, true).body, "answer").value();
  EXPECT_EQ(answer["choices"][0]["message"]["tool_calls"].size(), 1u);
  EXPECT_EQ(answered().size(), 2u);
}

TEST_F(GatewayToolsTest, WhatTheModelThinksDecidesBetweenACallAndWords) {
  contents_ = {kCall};
  think("w", 0.8);
  EXPECT_TRUE(ask(false, false).body.contains(R"("tool_calls")"));
  EXPECT_FALSE(answered().back()["response_format"].dump().contains(R"("const":"reply")"));
  contents_ = {kWords};
  think(" \"reply", 0.9);
  EXPECT_EQ(streamed(ask(true, false)), "It is dry. stop");
  EXPECT_FALSE(answered().back()["response_format"].dump().contains(R"("const":"w")"));
  // The engine gets the same messages both times, so that its prefix cache serves the answer.
  const Json question = parse_json(engine_.requests()[0].body, "question").value();
  Json messages = question["messages"];
  EXPECT_EQ(messages.back()["content"], R"([{"name": ")");
  messages.erase(messages.size() - 1);
  EXPECT_EQ(messages, answered().front()["messages"]);
  EXPECT_EQ(question["max_tokens"], 1);
}

TEST_F(GatewayToolsTest, AnEngineThatTellsNoOddsChoosesFreely) {
  contents_ = {kCall};
  thought_ = R"({"choices": [{"message": {"content": "x"}}]})";
  EXPECT_TRUE(ask(false, false).body.contains(R"("tool_calls")"));
  const std::string schema = answered().back()["response_format"].dump();
  EXPECT_TRUE(schema.contains(R"("const":"w")") && schema.contains(R"("const":"reply")")) << schema;
}

constexpr std::string_view kResponses = R"({"model": "m", "instructions": "Be brief.", "input": [
    {"role": "user", "content": [{"type": "input_text", "text": "Rain in Rome?"}]},
    {"type": "function_call", "call_id": "a", "name": "w", "arguments": "{\"c\":\"Oslo\"}"},
    {"type": "function_call", "call_id": "b", "name": "w", "arguments": "{\"c\":\"Bari\"}"},
    {"type": "function_call_output", "call_id": "a", "output": "wet"},
    {"type": "function_call_output", "call_id": "b", "output": "dry"}],
  "tools": [{"type": "function", "name": "w", "strict": true, "parameters": {"type": "object",
    "properties": {"c": {"type": "string"}}, "required": ["c"]}}], "max_output_tokens": 50%})";
constexpr std::string_view kMessages = R"({"model": "m", "max_tokens": 50, "system": [{"type": "text",
    "text": "Be brief."}], "messages": [{"role": "user", "content": "Rain in Rome?"},
    {"role": "assistant", "content": [{"type": "text", "text": "Let me look."},
      {"type": "tool_use", "id": "a", "name": "w", "input": {"c": "Oslo"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text",
      "text": "wet"}]}]}],
  "tools": [{"name": "w", "input_schema": {"type": "object", "properties": {"c": {"type": "string"}},
    "required": ["c"]}}]%})";

std::string with(std::string_view request, std::string_view more) {
  std::string out(request);
  out.replace(out.find('%'), 1, more);
  return out;
}

TEST_F(GatewayToolsTest, TheResponsesApiHasTheSameTools) {
  contents_ = {kCall, kWords};
  const Json called = parse_json(send("/v1/responses", with(kResponses, "")).body, "answer").value();
  EXPECT_EQ(called["object"], "response");
  EXPECT_EQ(called["status"], "completed");
  ASSERT_EQ(called["output"].size(), 1u) << called;
  EXPECT_EQ(called["output"][0]["type"], "function_call");
  EXPECT_EQ(called["output"][0]["name"], "w");
  EXPECT_EQ(called["output"][0]["arguments"], R"({"c": "Rome"})");
  EXPECT_TRUE(called["output"][0]["call_id"].get<std::string>().starts_with("call_"));
  EXPECT_EQ(called["usage"]["input_tokens"], 5);
  EXPECT_EQ(called["tools"][0]["name"], "w");
  const Json asked = answered().front();
  EXPECT_EQ(engine_.requests().back().target, "/v1/chat/completions");
  EXPECT_EQ(asked["max_tokens"], 50);
  EXPECT_TRUE(asked["messages"][0]["content"].get<std::string>().starts_with("Be brief."));
  EXPECT_TRUE(asked["messages"][3]["content"].get<std::string>().contains("w returned: dry"));
  const Json said = parse_json(send("/v1/responses", with(kResponses, "")).body, "answer").value();
  EXPECT_EQ(said["output"][0]["content"][0]["text"], "It is dry.");
}

TEST_F(GatewayToolsTest, TheResponsesApiStreamsCallsAsItsEvents) {
  contents_ = {kCall, kWords};
  const std::string request = with(kResponses, R"(, "stream": true)");
  const auto called = SseReader().feed(send("/v1/responses", request).body).value();
  EXPECT_EQ(course(called),
            "response.created response.in_progress response.output_item.added "
            "response.function_call_arguments.delta response.function_call_arguments.done "
            "response.output_item.done response.completed ");
  const Json last = parse_json(called.back().data, "last").value();
  EXPECT_EQ(last["sequence_number"], called.size() - 1);
  EXPECT_EQ(last["response"]["output"][0]["arguments"], R"({"c": "Rome"})");
  const auto said = SseReader().feed(send("/v1/responses", request).body).value();
  EXPECT_EQ(course(said),
            "response.created response.in_progress response.output_item.added response.content_part.added "
            "response.output_text.delta response.output_text.done response.content_part.done "
            "response.output_item.done response.completed ");
}

TEST_F(GatewayToolsTest, TheMessagesApiHasTheSameTools) {
  contents_ = {kCall, kWords};
  const Json called = parse_json(send("/v1/messages", with(kMessages, "")).body, "answer").value();
  EXPECT_EQ(called["type"], "message");
  EXPECT_EQ(called["stop_reason"], "tool_use");
  ASSERT_EQ(called["content"].size(), 1u) << called;
  EXPECT_EQ(called["content"][0]["type"], "tool_use");
  EXPECT_EQ(called["content"][0]["input"]["c"], "Rome");
  EXPECT_TRUE(called["content"][0]["id"].get<std::string>().starts_with("toolu_"));
  EXPECT_EQ(called["usage"]["output_tokens"], 2);
  EXPECT_TRUE(
      answered().front()["messages"].back()["content"].get<std::string>().contains("w returned: wet"));
  const Json said = parse_json(send("/v1/messages", with(kMessages, "")).body, "answer").value();
  EXPECT_EQ(said["stop_reason"], "end_turn");
  EXPECT_EQ(said["content"][0]["text"], "It is dry.");
}

TEST_F(GatewayToolsTest, TheMessagesApiStreamsBlocks) {
  contents_ = {kCall};
  const auto events =
      SseReader().feed(send("/v1/messages", with(kMessages, R"(, "stream": true)")).body).value();
  EXPECT_EQ(course(events),
            "message_start content_block_start content_block_delta content_block_stop message_delta "
            "message_stop ");
  std::string input;
  for (const SseEvent& event : events)
    if (event.event == "content_block_delta")
      input += parse_json(event.data, "delta").value()["delta"]["partial_json"].get<std::string>();
  EXPECT_EQ(input, R"({"c": "Rome"})");
}

TEST_F(GatewayToolsTest, ACallThatOnlyRepeatsIsAskedAgainWithinOneStreamOfEvents) {
  contents_ = {R"([{"name": "w", "arguments": {"c":"Oslo"}}])", kWords};
  const auto events =
      SseReader().feed(send("/v1/responses", with(kResponses, R"(, "stream": true)")).body).value();
  EXPECT_EQ(answered().size(), 2u);
  EXPECT_TRUE(course(events).ends_with("response.output_item.done response.completed "));
  EXPECT_EQ(std::ranges::count(events, "response.created", &SseEvent::event), 1);
}

TEST_F(GatewayToolsTest, WhatHasNoCounterpartIsRefusedByName) {
  contents_ = {kWords};
  for (const auto& [path, body, word] :
       {std::tuple("/v1/responses", R"({"model": "m", "input": "x", "tools": [{"type": "web_search"}]})",
                   "tools[0].type"),
        std::tuple("/v1/responses", R"({"model": "m", "previous_response_id": "r", "input": "x", "tools": [
           {"type": "function", "name": "w"}]})",
                   "previous_response_id"),
        std::tuple("/v1/responses",
                   R"({"model": "m", "input": [{"type": "item_reference", "id": "x"}], "tools": [
           {"type": "function", "name": "w"}]})",
                   "input[0].type"),
        std::tuple("/v1/messages",
                   R"({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [
           {"type": "bash_20250124", "name": "bash"}]})",
                   "tools[0].type"),
        std::tuple("/v1/messages",
                   R"({"model": "m", "messages": [{"role": "tool", "content": "x"}], "tools": [
           {"name": "w"}]})",
                   "messages[0].role")}) {
    const HttpResponse answer = send(path, body);
    EXPECT_EQ(answer.status, 400) << answer.body;
    EXPECT_TRUE(answer.body.contains(word)) << answer.body;
    const bool told_apart = path == std::string("/v1/responses");
    EXPECT_EQ(answer.body.contains(fmt::format(R"("param":"{}")", word)), told_apart) << answer.body;
  }
  EXPECT_TRUE(engine_.requests().empty());
}

}  // namespace
}  // namespace studio
