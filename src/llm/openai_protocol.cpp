// The wire form of chat requests and answers.
#include "llm/openai_protocol.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"

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

// Plain text, or parts when pictures go with it.
Json content_of(const ChatMessage& message) {
  if (message.images.empty()) return message.content;
  Json parts = Json::array({{{"type", "text"}, {"text", message.content}}});
  for (const ChatImage& image : message.images)
    parts.push_back(
        {{"type", "image_url"},
         {"image_url", {{"url", fmt::format("data:{};base64,{}", image.mime, base64_encode(image.bytes))}}}});
  return parts;
}

void read_usage(const Json& json, ChatAnswer& answer) {
  if (!json.contains("usage") || !json["usage"].is_object()) return;
  const Json& usage = json["usage"];
  answer.prompt_tokens = token_count(usage, "prompt_tokens");
  answer.completion_tokens = token_count(usage, "completion_tokens");
  if (usage.contains("prompt_tokens_details") && usage["prompt_tokens_details"].is_object())
    answer.cached_tokens = token_count(usage["prompt_tokens_details"], "cached_tokens");
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
    messages.push_back({{"role", message.role}, {"content", content_of(message)}});
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
  read_usage(*json, answer);
  return answer;
}

std::string read_chat_piece(const Json& piece, ChatAnswer& answer) {
  read_usage(piece, answer);
  if (!piece.contains("choices") || !piece["choices"].is_array() || piece["choices"].empty()) return {};
  const Json& choice = piece["choices"][0];
  if (!choice.is_object()) return {};
  if (choice.contains("finish_reason") && choice["finish_reason"].is_string())
    answer.finish_reason = choice["finish_reason"].get<std::string>();
  if (!choice.contains("delta") || !choice["delta"].is_object()) return {};
  const Json& delta = choice["delta"];
  return delta.contains("content") && delta["content"].is_string() ? delta["content"].get<std::string>() : "";
}

Json embeddings_body(std::span<const std::string> texts, std::string_view model) {
  Json input = Json::array();
  for (const std::string& text : texts) input.push_back(text);
  return {{"model", model}, {"input", std::move(input)}, {"encoding_format", "float"}};
}

Result<std::vector<std::vector<float>>> read_embeddings(std::string_view body, std::size_t count,
                                                        std::string_view from) {
  const auto broken = [&](std::string_view why) {
    return fail(ErrorKind::engine_failed, fmt::format("read the vectors of {}: {}", from, why),
                "check that the address is an OpenAI-compatible endpoint with an embedding model");
  };
  const auto json = parse_json(body, from);
  if (!json) return broken(json.error().message);
  if (!json->is_object() || !json->contains("data") || !(*json)["data"].is_array())
    return broken("there is no data");
  const Json& data = (*json)["data"];
  if (data.size() != count) return broken(fmt::format("{} vectors for {} texts", data.size(), count));
  std::vector<std::vector<float>> vectors(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Json& item = data[i];
    if (!item.is_object() || !item.contains("embedding") || !item["embedding"].is_array() ||
        item["embedding"].empty())
      return broken("a vector is missing");
    const std::size_t index =
        item.contains("index") && item["index"].is_number_unsigned() ? item["index"].get<std::size_t>() : i;
    if (index >= count || !vectors[index].empty()) return broken("the vectors are not numbered");
    for (const Json& number : item["embedding"]) {
      if (!number.is_number()) return broken("a vector holds other than numbers");
      vectors[index].push_back(number.get<float>());
    }
    if (vectors[index].size() != item["embedding"].size() ||
        vectors[index].size() != data[0]["embedding"].size())
      return broken("the vectors differ in length");
  }
  return vectors;
}

Error read_chat_error(int status, std::string_view body, std::string_view from) {
  const std::string message = message_of(body);
  const std::string what = fmt::format("ask {}: status {}: {}", from, status, message);
  if (status == 401 || status == 403) return {ErrorKind::engine_failed, what, "check the API key"};
  // Of our own server: a model that has to be pulled first; the message has the command.
  if (status == 404 && body.contains(R"("model_not_available")")) return {ErrorKind::missing_part, what, {}};
  if (status == 404) return {ErrorKind::not_found, what, "check the model's name and the address"};
  if (speaks_of_context(message) || status == 413)
    return {ErrorKind::limit_exceeded, what, "use a longer context, or fewer and shorter clips"};
  if (status == 400 || status == 422) return {ErrorKind::invalid_input, what, {}};
  if (status == 429)
    return {ErrorKind::engine_failed, what, "the server is busy or the quota is used up; try later"};
  return {ErrorKind::engine_failed, what, "look into the server's log"};
}

}  // namespace studio
