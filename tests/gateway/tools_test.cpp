// Requests with tools become schemas, words and plain messages; answers become OpenAI's tool calls, also
// streamed.
#include "gateway/tools.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json_schema.h"
#include "gateway/tool_schema.h"

namespace studio {
namespace {

Json json(std::string_view text) {
  auto parsed = parse_json(text, "test");
  EXPECT_TRUE(parsed) << text << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : Json();
}

Json weather_request() {
  return json(R"({"model": "m", "temperature": 0, "stop": ["END"], "logprobs": true,
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Rain in Rome, and the time?"}],
    "tools": [
      {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "strict": true,
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "City name"},
          "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}}, "required": ["city"]}}},
      {"type": "function", "function": {"name": "now"}}]})");
}

CompiledTools compiled(const Json& request, const ToolOptions& options = {}) {
  auto result = compile_tools(request, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  EXPECT_TRUE(result && *result);
  return result && *result ? **result : CompiledTools{};
}

Json schema_of(const CompiledTools& tools) {
  return json(tools.engine_request)["response_format"]["json_schema"]["schema"];
}

bool fits(const Json& schema, std::string_view answer) {
  return schema_violations(json(answer), schema).empty();
}

TEST(Tools, WithoutToolsTheRequestPassesAsItIs) {
  const auto none = compile_tools(json(R"({"messages": [{"role": "user", "content": "x"}]})"));
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST(Tools, AutoIsAUnionOfCallsAndWords) {
  const auto tools = compiled(weather_request());
  const Json schema = schema_of(tools);
  EXPECT_TRUE(fits(schema, R"([{"name": "get_weather", "arguments": {"city": "Rome"}}])"));
  EXPECT_TRUE(
      fits(schema,
           R"([{"name": "get_weather", "arguments": {"city": "Rome"}}, {"name": "now", "arguments": {}}])"));
  // One thing asked for is one call.
  auto single = weather_request();
  single["messages"][1]["content"] = "Rain in Rome?";
  EXPECT_FALSE(
      fits(schema_of(compiled(single)),
           R"([{"name": "get_weather", "arguments": {"city": "Rome"}}, {"name": "now", "arguments": {}}])"));
  EXPECT_TRUE(fits(schema, R"([{"name": "reply", "arguments": {"text": "Hello"}}])"));
  EXPECT_FALSE(fits(schema, R"([{"name": "get_weather", "arguments": {}}])"));
  EXPECT_FALSE(fits(schema, R"([{"name": "get_weather", "arguments": {"city": "Rome", "unit": "kelvin"}}])"));
  EXPECT_FALSE(fits(schema, R"([{"name": "rain", "arguments": {}}])"));
  EXPECT_FALSE(fits(schema, R"([])"));
  const Json body = json(tools.engine_request);
  for (const char* gone : {"tools", "tool_choice", "parallel_tool_calls", "stop", "logprobs"})
    EXPECT_FALSE(body.contains(gone)) << gone;
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(tools.stop, std::vector<std::string>{"END"});
  const std::string system = body["messages"][0]["content"];
  EXPECT_TRUE(system.starts_with("Be kind.\n\n")) << system;
  EXPECT_TRUE(system.contains(
      "get_weather(city: string (City name), unit?: \"celsius\"|\"fahrenheit\"): Weather of a city"))
      << system;
  EXPECT_EQ(body["messages"].size(), 2u);
}

TEST(Tools, EveryChoice) {
  auto request = weather_request();
  request["tool_choice"] = "required";
  auto schema = schema_of(compiled(request));
  EXPECT_FALSE(fits(schema, R"([{"name": "reply", "arguments": {"text": "Hello"}}])"));
  EXPECT_TRUE(fits(schema, R"([{"name": "now", "arguments": {}}])"));

  request["tool_choice"] = json(R"({"type": "function", "function": {"name": "now"}})");
  request["parallel_tool_calls"] = false;
  auto tools = compiled(request);
  schema = schema_of(tools);
  EXPECT_EQ(tools.names, std::vector<std::string>{"now"});
  EXPECT_TRUE(fits(schema, R"({"name": "now", "arguments": {}})"));
  EXPECT_FALSE(fits(schema, R"([{"name": "now", "arguments": {}}])"));
  EXPECT_FALSE(fits(schema, R"({"name": "get_weather", "arguments": {"city": "Rome"}})"));

  request["tool_choice"] = json(
      R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_weather"}}]}})");
  tools = compiled(request);
  schema = schema_of(tools);
  EXPECT_TRUE(fits(schema, R"({"name": "reply", "arguments": {"text": "Hello"}})"));
  EXPECT_FALSE(fits(schema, R"({"name": "now", "arguments": {}})"));
  // The words about tools stay the same, so the engine's prefix cache holds.
  EXPECT_TRUE(tools.engine_request.contains("- now("));

  request["tool_choice"] = "none";
  tools = compiled(request);
  EXPECT_FALSE(tools.constrained);
  EXPECT_FALSE(json(tools.engine_request).contains("response_format"));
  EXPECT_TRUE(json(tools.engine_request).contains("stop"));
}

TEST(Tools, WhatOpenAiRefusesIsRefusedByField) {
  const auto refused = [](auto change) {
    Json request = weather_request();
    change(request);
    const auto made = compile_tools(request);
    return made ? std::string("none") : made.error().message;
  };
  EXPECT_TRUE(refused([](Json& r) {
                r["tools"][1]["function"]["name"] = "get_weather";
              }).starts_with("tools[1].function.name: "));
  EXPECT_TRUE(refused([](Json& r) {
                r["tools"][0]["function"]["name"] = "get weather!";
              }).starts_with("tools[0].function.name: "));
  EXPECT_TRUE(refused([](Json& r) {
                r["tools"][0]["function"].erase("name");
              }).starts_with("tools[0].function.name: "));
  EXPECT_TRUE(refused([](Json& r) { r["tools"][0]["type"] = "web_search"; }).starts_with("tools[0].type: "));
  EXPECT_TRUE(refused([](Json& r) {
                r["tools"][0]["function"]["parameters"] = 7;
              }).starts_with("tools[0].function.parameters: "));
  EXPECT_TRUE(refused([](Json& r) {
                r["tools"][0]["function"]["parameters"] = json(R"({"type": "array"})");
              }).contains("object"));
  EXPECT_TRUE(refused([](Json& r) { r["tools"] = Json::array(); }).starts_with("tools: "));
  EXPECT_TRUE(refused([](Json& r) { r["tools"] = "all"; }).starts_with("tools: "));
  EXPECT_TRUE(refused([](Json& r) { r["tool_choice"] = "sometimes"; }).starts_with("tool_choice: "));
  EXPECT_TRUE(refused([](Json& r) {
                r["tool_choice"] = json(R"({"type":"function","function":{"name":"x"}})");
              }).contains("\"x\""));
  EXPECT_TRUE(
      refused([](Json& r) { r.erase("tools"), r["tool_choice"] = "required"; }).starts_with("tool_choice: "));
  EXPECT_TRUE(refused([](Json& r) {
                r["messages"].push_back(json(R"({"role":"tool","tool_call_id":"zzz","content":"1"})"));
              }).starts_with("messages[2]: "));
}

TEST(Tools, ReferencesOfSeveralToolsDoNotMeet) {
  auto request = weather_request();
  request["tools"] = json(R"([
    {"type": "function", "function": {"name": "a", "parameters": {"type": "object",
      "properties": {"at": {"$ref": "#/$defs/P"}}, "required": ["at"],
      "$defs": {"P": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}}},
    {"type": "function", "function": {"name": "b", "parameters": {"type": "object",
      "properties": {"node": {"$ref": "#/definitions/P"}}, "required": ["node"],
      "definitions": {"P": {"type": "object", "properties": {"name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/definitions/P"}}}, "required": ["name"]}}}}}])");
  const auto schema = schema_of(compiled(request));
  EXPECT_TRUE(fits(schema, R"([{"name": "a", "arguments": {"at": {"x": 1}}}])")) << to_text(schema);
  EXPECT_FALSE(fits(schema, R"([{"name": "a", "arguments": {"at": {"name": "n"}}}])"));
  EXPECT_TRUE(
      fits(schema, R"([{"name": "b", "arguments": {"node": {"name": "n", "children": [{"name": "m"}]}}}])"));
  EXPECT_FALSE(
      fits(schema, R"([{"name": "b", "arguments": {"node": {"name": "n", "children": [{"x": 1}]}}}])"));
}

TEST(Tools, ConvertersGetOnlyWhatTheyKnow) {
  const Json cut = convertible_schema(json(R"({"type": "object", "title": "T", "properties": {
        "a": {"type": "string", "pattern": "\\d+", "maxLength": 100000, "format": "email", "description": "d"},
        "b": {"type": "string", "pattern": "^[A-Z]{3}$"}, "c": {}, "d": {"type": "string", "nullable": true},
        "e": {"not": {"type": "null"}}, "f": {"type": "array"}, "g": {"type": "string", "format": "date"},
        "h": {"allOf": [{"type": "integer", "minimum": 1}]}, "i": true, "j": {"type": ["string", "null"]}},
        "required": ["a", "gone"], "if": {}})"),
                                      "x");
  const Json& p = cut["properties"];
  EXPECT_EQ(p["a"], json(R"({"type": "string"})"));
  EXPECT_EQ(p["b"]["pattern"], "^[A-Z]{3}$");
  EXPECT_EQ(p["c"]["type"].size(), 6u);
  EXPECT_EQ(p["d"]["type"], json(R"(["string", "null"])"));
  EXPECT_EQ(p["e"]["type"].size(), 6u);
  EXPECT_EQ(p["f"]["items"]["type"].size(), 6u);
  EXPECT_EQ(p["g"]["format"], "date");
  EXPECT_EQ(p["h"], json(R"({"type": "integer", "minimum": 1})"));
  EXPECT_EQ(p["i"]["type"].size(), 6u);
  EXPECT_EQ(cut["required"], json(R"(["a"])"));
  EXPECT_EQ(cut["additionalProperties"], false);
  EXPECT_FALSE(cut.contains("title"));
  EXPECT_FALSE(cut.contains("if"));
}

TEST(Tools, SignaturesAreShort) {
  EXPECT_EQ(
      parameters_in_words(json(R"({"type": "object", "properties": {
      "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"enum": ["A", "B"]}, "n": {"type": "integer"}}, "required": ["sku"]}},
      "to": {"$ref": "#/$defs/Address"}, "when": {"type": "string", "format": "date"}, "note": {"type": ["string", "null"]}},
      "required": ["items", "to"], "$defs": {"Address": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}})")),
      R"(items: {sku: "A"|"B", n?: integer}[], to: {city: string}, when?: date YYYY-MM-DD, note?: string|null)");
  // A schema that refers to itself ends.
  EXPECT_LT(parameters_in_words(json(R"({"type": "object", "properties": {"n": {"$ref": "#"}}})")).size(),
            200u);
}

TEST(Tools, SchemasThatMultiplyThemselvesAreToldOnlySoFar) {
  Json schema{{"type", "object"}, {"properties", Json::object()}};
  for (int i = 0; i < 60; ++i) schema["properties"]["p" + std::to_string(i)] = {{"$ref", "#"}};
  EXPECT_LT(parameters_in_words(schema).size(), 20000u);
  Json deep{{"type", "string"}};
  for (int i = 0; i < 150; ++i) deep = {{"type", "array"}, {"items", deep}};
  EXPECT_LT(to_text(convertible_schema(deep, "x"), -1).size(), 5000u);
  EXPECT_EQ(in_one_line("  a\n\t  b  c \n"), "a b c");
}

TEST(Tools, CallsAndResultsBecomeMessagesEveryTemplateKnows) {
  auto request = weather_request();
  request["messages"] = json(R"([
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": "Rain in Rome?"},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Rome\"}"}},
      {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "12:00"}]},
    {"role": "tool", "tool_call_id": "c1", "content": "{\"rain\": false}"}])");
  const auto tools = compiled(request);
  const Json messages = json(tools.engine_request)["messages"];
  EXPECT_EQ(messages[0]["role"], "system");
  for (const Json& message : messages) {
    EXPECT_FALSE(message.contains("tool_calls"));
    EXPECT_NE(message["role"], "tool");
    EXPECT_TRUE(message["content"].is_string());
  }
  const std::string all = to_text(messages);
  EXPECT_TRUE(all.contains("12:00"));
  EXPECT_TRUE(all.contains("rain"));
  ASSERT_EQ(tools.answered.size(), 2u);
  EXPECT_EQ(tools.answered[1].first, "get_weather");
  // A new question of the user: what was called before may be called again.
  request["messages"].push_back(json(R"({"role": "assistant", "content": "No rain."})"));
  request["messages"].push_back(json(R"({"role": "user", "content": "And now?"})"));
  EXPECT_TRUE(compiled(request).answered.empty());
  // Without tools of its own, a request with such a history is rewritten too.
  request.erase("tools");
  EXPECT_FALSE(compiled(request).constrained);
}

TEST(Tools, PartsBesideTextInTheUsersMessageStay) {
  auto request = weather_request();
  request["messages"][1]["content"] = json(
      R"([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}])");
  const Json messages = json(compiled(request).engine_request)["messages"];
  EXPECT_EQ(messages[1]["content"][1]["type"], "image_url");
}

TEST(Tools, AWholeAnswerBecomesToolCalls) {
  const auto tools = compiled(weather_request(), {.id_seed = "req-1"});
  const auto answer = [&](std::string_view content, std::string_view finish = "stop") {
    const Json engine{{"id", "x"},
                      {"choices",
                       {{{"index", 0},
                         {"finish_reason", finish},
                         {"message", {{"role", "assistant"}, {"content", content}}}}}},
                      {"usage", {{"prompt_tokens", 7}}}};
    return json(answer_from(tools, to_text(engine)).value());
  };
  Json got =
      answer(R"([{"name": "get_weather", "arguments": {"city": "Rome"}}, {"name": "now", "arguments": {}}])");
  Json choice = got["choices"][0];
  EXPECT_TRUE(choice["message"]["content"].is_null());
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  const Json calls = choice["message"]["tool_calls"];
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0]["function"]["name"], "get_weather");
  EXPECT_EQ(calls[0]["function"]["arguments"], R"({"city": "Rome"})");
  EXPECT_EQ(calls[0]["type"], "function");
  EXPECT_EQ(calls[0]["id"].get<std::string>().size(), 29u);
  EXPECT_NE(calls[0]["id"], calls[1]["id"]);
  EXPECT_EQ(got["usage"]["prompt_tokens"], 7);
  got = answer(R"([{"name": "reply", "arguments": {"text": "Hello"}}])");
  EXPECT_EQ(got["choices"][0]["message"]["content"], "Hello");
  EXPECT_EQ(got["choices"][0]["finish_reason"], "stop");
  EXPECT_FALSE(got["choices"][0]["message"].contains("tool_calls"));
  got = answer(R"([{"name": "get_weather", "arguments": {"city": "Ro)", "length");
  EXPECT_EQ(got["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(
      answer(
          R"([{"name": "reply", "arguments": {"text": "one ENDtwo"}}])")["choices"][0]["message"]["content"],
      "one ");
  EXPECT_EQ(answer("Plain words.")["choices"][0]["message"]["content"], "Plain words.");
  EXPECT_FALSE(answer_from(tools, "{}"));
  EXPECT_FALSE(answer_from(tools, "nonsense"));
  EXPECT_FALSE(answer_from(tools, R"({"choices": [{"text": "x"}]})"));
}

TEST(Tools, TheFormerFunctionsFieldIsAnsweredInItsForm) {
  auto request = weather_request();
  request["functions"] = Json::array({request["tools"][0]["function"]});
  request.erase("tools");
  request["function_call"] = json(R"({"name": "get_weather"})");
  const auto tools = compiled(request);
  const Json engine{
      {"choices",
       {{{"finish_reason", "stop"},
         {"message", {{"content", R"({"name": "get_weather", "arguments": {"city": "Rome"}})"}}}}}}};
  const Json got = json(answer_from(tools, to_text(engine)).value());
  EXPECT_EQ(got["choices"][0]["message"]["function_call"]["name"], "get_weather");
  EXPECT_EQ(got["choices"][0]["finish_reason"], "function_call");
}

TEST(Tools, AResponseFormatOfTheClientShapesTheWords) {
  auto request = weather_request();
  request["response_format"] = json(
      R"({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}}})");
  const auto tools = compiled(request);
  EXPECT_TRUE(fits(schema_of(tools), R"([{"name": "reply", "arguments": {"ok": true}}])"));
  EXPECT_FALSE(fits(schema_of(tools), R"([{"name": "reply", "arguments": {"text": "x"}}])"));
  const Json engine{{"choices",
                     {{{"finish_reason", "stop"},
                       {"message", {{"content", R"([{"name": "reply", "arguments": {"ok": true}}])"}}}}}}};
  EXPECT_EQ(json(answer_from(tools, to_text(engine)).value())["choices"][0]["message"]["content"],
            R"({"ok": true})");
}

TEST(Tools, AToolNamedLikeTheWordsIsNoTrouble) {
  auto request = weather_request();
  request["tools"][1]["function"]["name"] = "reply";
  const auto tools = compiled(request);
  EXPECT_EQ(tools.words_name, "reply_");
  EXPECT_TRUE(fits(schema_of(tools), R"([{"name": "reply", "arguments": {}}])"));
}

// Feeds an answer in pieces; gives the client's message put together as the official clients do it.
Json streamed(const std::shared_ptr<const CompiledTools>& tools, std::string_view content, std::size_t piece,
              std::string_view finish = "stop") {
  ToolStream stream(tools);
  Json message{{"content", ""}, {"tool_calls", Json::array()}};
  const auto take = [&](const Json& delta, const Json& reason) {
    const Json chunk{{"id", "x"},
                     {"object", "chat.completion.chunk"},
                     {"choices", {{{"index", 0}, {"delta", delta}, {"finish_reason", reason}}}}};
    for (const auto& text : stream.feed(to_text(chunk, -1))) {
      const Json made = json(text);
      EXPECT_EQ(made["id"], "x");
      const Json& choice = made["choices"][0];
      const Json& d = choice["delta"];
      if (d.contains("role")) message["roles"] = message.value("roles", 0) + 1;
      if (d.contains("content") && d["content"].is_string())
        message["content"] = message["content"].get<std::string>() + d["content"].get<std::string>();
      if (d.contains("tool_calls"))
        for (const Json& call : d["tool_calls"]) {
          const auto index = call["index"].get<std::size_t>();
          if (index == message["tool_calls"].size()) {
            EXPECT_TRUE(call.contains("id") && call["function"].contains("name"));
            message["tool_calls"].push_back({{"name", call["function"]["name"]}, {"arguments", ""}});
          } else {
            EXPECT_FALSE(call.contains("id"));
          }
          auto& arguments = message["tool_calls"][index]["arguments"];
          arguments = arguments.get<std::string>() + call["function"]["arguments"].get<std::string>();
        }
      if (!choice["finish_reason"].is_null()) message["finish"] = choice["finish_reason"];
    }
  };
  take({{"role", "assistant"}, {"content", nullptr}}, nullptr);
  for (std::size_t at = 0; at < content.size(); at += piece)
    take({{"content", content.substr(at, piece)}}, nullptr);
  take(Json::object(), finish);
  EXPECT_EQ(stream.feed("[DONE]"), std::vector<std::string>{"[DONE]"});
  return message;
}

TEST(Tools, AStreamGivesTheSameAsTheWhole) {
  const auto tools = std::make_shared<const CompiledTools>(compiled(weather_request()));
  for (const std::size_t piece : {1, 4, 1000}) {
    Json got = streamed(
        tools,
        R"([{"name": "get_weather", "arguments": {"city": "Rome"}}, {"name": "now", "arguments": {}}])",
        piece);
    EXPECT_EQ(got["finish"], "tool_calls");
    EXPECT_EQ(got["roles"], 1);
    EXPECT_EQ(
        got["tool_calls"],
        json(
            R"([{"name": "get_weather", "arguments": "{\"city\": \"Rome\"}"}, {"name": "now", "arguments": "{}"}])"));
    got = streamed(tools, R"([{"name": "reply", "arguments": {"text": "Hi \"you\" ENDnot this"}}])", piece);
    EXPECT_EQ(got["content"], "Hi \"you\" ");
    EXPECT_EQ(got["finish"], "stop");
    got = streamed(tools, R"([{"name": "get_weather", "arguments": {"ci)", piece, "length");
    EXPECT_EQ(got["finish"], "length");
    EXPECT_EQ(got["tool_calls"][0]["arguments"], "{\"ci");
    got = streamed(tools, "Words only, EN", piece);
    EXPECT_EQ(got["content"], "Words only, EN");
  }
}

TEST(Tools, ACallWithItsResultThereIsAskedAgainWithoutIt) {
  auto request = weather_request();
  request["messages"].push_back(json(
      R"({"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}}]})"));
  request["messages"].push_back(json(R"({"role": "tool", "tool_call_id": "c1", "content": "dry"})"));
  const auto tools = std::make_shared<const CompiledTools>(compiled(request, {.ask_again = true}));
  const std::string again = R"([{"name": "get_weather", "arguments": {"city": "Rome"}}])";
  const auto chunk = [](std::string_view content, Json finish) {
    return to_text(
        Json{{"choices", {{{"index", 0}, {"delta", {{"content", content}}}, {"finish_reason", finish}}}}},
        -1);
  };
  // A caller that does not ask again gets them as they are.
  const Json given{{"choices", {{{"finish_reason", "stop"}, {"message", {{"content", again}}}}}}};
  EXPECT_EQ(json(answer_from(compiled(request), to_text(given)).value())["choices"][0]["finish_reason"],
            "tool_calls");
  std::vector<std::string> repeated;
  const Json engine{{"choices", {{{"finish_reason", "stop"}, {"message", {{"content", again}}}}}}};
  ASSERT_TRUE(answer_from(*tools, to_text(engine), &repeated));
  EXPECT_EQ(repeated, std::vector<std::string>{"get_weather"});

  ToolStream stream(tools);
  EXPECT_TRUE(stream.feed(chunk(again, nullptr)).empty());
  EXPECT_TRUE(stream.feed(chunk("", "stop")).empty());
  ASSERT_EQ(stream.repeated(), repeated);
  EXPECT_TRUE(stream.feed("[DONE]").empty());
  const auto second =
      std::make_shared<const CompiledTools>(compiled(request, {.ask_again = true, .without = repeated}));
  EXPECT_EQ(second->names, std::vector<std::string>{"now"});
  EXPECT_EQ(json(second->engine_request)["messages"], json(tools->engine_request)["messages"]);
  stream.ask_again(second);
  EXPECT_TRUE(stream.repeated().empty());
  const auto out = stream.feed(chunk(R"([{"name": "reply", "arguments": {"text": "It is dry."}}])", "stop"));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(json(out[0])["choices"][0]["delta"]["content"], "It is dry.");
  EXPECT_EQ(stream.feed("[DONE]").size(), 1u);
}

TEST(Tools, ChunksOfAnotherKindPassThrough) {
  const auto tools = std::make_shared<const CompiledTools>(compiled(weather_request()));
  ToolStream stream(tools);
  for (const std::string data :
       {R"({"choices":[],"usage":{"prompt_tokens":1}})", R"({"error":{"message":"x"}})", "[DONE]", "junk"})
    EXPECT_EQ(stream.feed(data), std::vector<std::string>{data});
}

}  // namespace
}  // namespace studio
