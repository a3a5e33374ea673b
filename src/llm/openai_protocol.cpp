// The wire form of chat requests and answers.
#include "llm/openai_protocol.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace studio {
namespace {

int token_count(const Json& usage, const char* key) {
  const auto found = usage.find(key);
  return found != usage.end() && found->is_number() ? found->get<int>() : 0;
}

// The server's own words, from OpenAI's shape, a plain "error" string, or the raw body.
std::string message_of(std::string_view body) {
  const auto json = parse_json(body, "the error");
  if (json && json->is_object()) {
    const auto error = json->find("error");
    if (error != json->end() && error->is_string()) return error->get<std::string>();
    if (error != json->end() && error->is_object() && error->contains("message") &&
        (*error)["message"].is_string())
      return (*error)["message"].get<std::string>();
  }
  return std::string(body.substr(0, 300));
}

bool speaks_of_context(std::string_view message) {
  for (const std::string_view words : {"context size", "context length", "context_length", "exceed_context"})
    if (message.contains(words)) return true;
  return false;
}

}  // namespace

Json chat_body(const ChatRequest& request, std::string_view model) {
  Json messages = Json::array();
  for (const ChatMessage& message : request.messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  Json body{{"model", model},
            {"messages", std::move(messages)},
            {"temperature", request.temperature},
            {"max_tokens", request.max_tokens},
            {"seed", request.seed & 0x7fffffffu}};
  if (request.json_schema) {
    auto schema = parse_json(*request.json_schema, "the schema of a chat request");
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema",
         {{"name", "answer"}, {"strict", true}, {"schema", schema ? *schema : Json::object()}}}};
  }
  return body;
}

Result<ChatAnswer> read_chat_answer(std::string_view body, std::string_view from) {
  const auto broken = [&](std::string_view why) {
    return fail(ErrorKind::engine_failed, fmt::format("read the answer of {}: {}", from, why),
                "check that the address is an OpenAI-compatible endpoint (it usually ends in /v1)");
  };
  const auto json = parse_json(body, from);
  if (!json) return broken(json.error().message);
  if (!json->is_object() || !json->contains("choices") || !(*json)["choices"].is_array() ||
      (*json)["choices"].empty())
    return broken("it has no choices");
  const Json& choice = (*json)["choices"][0];
  if (!choice.is_object() || !choice.contains("message") || !choice["message"].is_object())
    return broken("its first choice has no message");
  const Json& message = choice["message"];
  ChatAnswer answer;
  if (message.contains("content") && message["content"].is_string())
    answer.content = message["content"].get<std::string>();
  if (choice.contains("finish_reason") && choice["finish_reason"].is_string())
    answer.finish_reason = choice["finish_reason"].get<std::string>();
  if (json->contains("usage") && (*json)["usage"].is_object()) {
    const Json& usage = (*json)["usage"];
    answer.prompt_tokens = token_count(usage, "prompt_tokens");
    answer.completion_tokens = token_count(usage, "completion_tokens");
    if (usage.contains("prompt_tokens_details") && usage["prompt_tokens_details"].is_object())
      answer.cached_tokens = token_count(usage["prompt_tokens_details"], "cached_tokens");
  }
  return answer;
}

Error read_chat_error(int status, std::string_view body, std::string_view from) {
  const std::string message = message_of(body);
  const std::string what = fmt::format("ask {}: status {}: {}", from, status, message);
  if (status == 401 || status == 403) return {ErrorKind::engine_failed, what, "check the API key"};
  if (status == 404) return {ErrorKind::not_found, what, "check the model's name and the address"};
  if (speaks_of_context(message) || status == 413)
    return {ErrorKind::limit_exceeded, what, "use a longer context, or fewer and shorter clips"};
  if (status == 400 || status == 422) return {ErrorKind::invalid_input, what, {}};
  if (status == 429)
    return {ErrorKind::engine_failed, what, "the server is busy or the quota is used up; try later"};
  return {ErrorKind::engine_failed, what, "look into the server's log"};
}

}  // namespace studio
