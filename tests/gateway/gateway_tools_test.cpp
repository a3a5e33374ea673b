// Tools through the gateway: compiled for engines without a parser, streamed, asked again when a call is only
// repeated.
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
    HttpRequest http;
    http.endpoint = Endpoint::parse(gateway_->url()).value();
    http.method = "POST";
    http.path = "/v1/chat/completions";
    http.body = to_text(request, -1);
    http.timeout = std::chrono::seconds(20);
    return send_http(http).value();
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

}  // namespace
}  // namespace studio
