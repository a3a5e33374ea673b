// Anthropic's Messages API over chat completions (https://docs.anthropic.com/en/api/messages).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "gateway/api_shape.h"
#include "gateway/json_fields.h"

namespace studio {
namespace {

// The texts of a string or of blocks.
std::string words_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (content.is_array())
    for (const Json& block : content) {
      if (!out.empty()) out += '\n';
      out += text_of(block, "type") == "text" ? text_of(block, "text") : to_text(block, -1);
    }
  return out;
}

Result<Json> image_of(const Json& block, const std::string& field) {
  const Json* source = member(block, "source");
  const std::string type = source ? text_of(*source, "type") : "";
  std::string url;
  if (type == "base64")
    url = fmt::format("data:{};base64,{}", text_of(*source, "media_type"), text_of(*source, "data"));
  else if (type == "url")
    url = text_of(*source, "url");
  if (url.empty()) return reject(field + ".source", "expected base64 or url");
  return Json{{"type", "image_url"}, {"image_url", {{"url", url}}}};
}

// One message of blocks: results of tools come first, as messages of their own.
Result<void> add_message(const Json& message, const std::string& field, Json& out) {
  const std::string role = text_of(message, "role");
  if (role != "user" && role != "assistant" && role != "system")
    return reject(field + ".role", fmt::format("expected user or assistant, found \"{}\"", role));
  const Json* content = member(message, "content");
  if (!content) return reject(field + ".content", "is needed");
  if (content->is_string()) {
    out.push_back({{"role", role}, {"content", *content}});
    return {};
  }
  if (!content->is_array()) return reject(field + ".content", "expected a text or an array of blocks");
  Json parts = Json::array(), calls = Json::array();
  bool only_text = true;
  std::string words;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const Json& block = (*content)[i];
    const std::string at = fmt::format("{}.content[{}]", field, i), type = text_of(block, "type");
    if (type == "text") {
      parts.push_back({{"type", "text"}, {"text", text_of(block, "text")}});
      words += text_of(block, "text");
    } else if (type == "image") {
      TRY_ASSIGN(Json image, image_of(block, at));
      parts.push_back(std::move(image));
      only_text = false;
    } else if (type == "tool_use") {
      const Json* input = member(block, "input");
      calls.push_back(
          {{"id", text_of(block, "id")},
           {"type", "function"},
           {"function",
            {{"name", text_of(block, "name")}, {"arguments", input ? to_text(*input, -1) : "{}"}}}});
    } else if (type == "tool_result") {
      const Json* result = member(block, "content");
      std::string text = result ? words_of(*result) : "";
      if (const Json* error = member(block, "is_error"); error && *error == true) text = "error: " + text;
      out.push_back({{"role", "tool"}, {"tool_call_id", text_of(block, "tool_use_id")}, {"content", text}});
    } else if (type != "thinking" && type != "redacted_thinking") {
      return reject(at + ".type", fmt::format("\"{}\" is not supported", type));
    }
  }
  if (parts.empty() && calls.empty()) return {};
  Json made = {{"role", role}, {"content", only_text ? Json(words) : parts}};
  if (parts.empty()) made["content"] = nullptr;
  if (!calls.empty()) made["tool_calls"] = std::move(calls);
  out.push_back(std::move(made));
  return {};
}

Result<Json> tools_of(const Json& tools) {
  if (!tools.is_array()) return reject("tools", "expected an array");
  Json out = Json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string type = text_of(tools[i], "type");
    if (!type.empty() && type != "custom")
      return reject(fmt::format("tools[{}].type", i),
                    fmt::format("only tools of the client are supported, found \"{}\"", type));
    Json function = {{"name", text_of(tools[i], "name")}};
    if (const Json* words = member(tools[i], "description")) function["description"] = *words;
    if (const Json* schema = member(tools[i], "input_schema")) function["parameters"] = *schema;
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

Result<void> add_choice(const Json& choice, Json& chat) {
  const std::string type = text_of(choice, "type");
  if (type == "tool")
    chat["tool_choice"] = {{"type", "function"}, {"function", {{"name", text_of(choice, "name")}}}};
  else if (type == "any" || type == "auto" || type == "none")
    chat["tool_choice"] = type == "any" ? "required" : type;
  else
    return reject("tool_choice.type", fmt::format("expected auto, any, tool or none, found \"{}\"", type));
  if (const Json* single = member(choice, "disable_parallel_tool_use"); single && *single == true)
    chat["parallel_tool_calls"] = false;
  return {};
}

class MessagesShape final : public AnswerShape {
 public:
  MessagesShape(const Json& request, std::string_view seed) {
    message_ = {{"id", "msg_" + sha256_of(fmt::format("{}/msg", seed)).substr(0, 24)},
                {"type", "message"},
                {"role", "assistant"},
                {"model", text_of(request, "model")},
                {"content", Json::array()},
                {"stop_reason", nullptr},
                {"stop_sequence", nullptr},
                {"usage", {{"input_tokens", 0}, {"output_tokens", 0}}}};
  }

  std::string whole(const Json& completion) override {
    const Json& choice = completion["choices"][0];
    const Json& message = choice["message"];
    if (const std::string words = text_of(message, "content"); !words.empty())
      message_["content"].push_back({{"type", "text"}, {"text", words}});
    if (const Json* calls = member(message, "tool_calls"))
      for (const Json& call : *calls) {
        const auto input = parse_json(text_of(call["function"], "arguments"), "arguments");
        message_["content"].push_back({{"type", "tool_use"},
                                       {"id", tool_id(text_of(call, "id"))},
                                       {"name", call["function"]["name"]},
                                       {"input", input ? *input : Json::object()}});
      }
    take_figures(completion);
    message_["stop_reason"] = reason(text_of(choice, "finish_reason"));
    return to_text(message_, -1);
  }

  void end(std::vector<std::string>& events) override {
    begin(events);
    close_block(events);
    put(events, "message_delta",
        {{"delta", {{"stop_reason", reason(finish_)}, {"stop_sequence", nullptr}}},
         {"usage", message_["usage"]}});
    put(events, "message_stop", Json::object());
  }

 private:
  static std::string tool_id(const std::string& call) {
    return call.starts_with("call_") ? "toolu_" + call.substr(5) : call;
  }
  static std::string reason(const std::string& finish) {
    if (finish == "tool_calls") return "tool_use";
    return finish == "length" ? "max_tokens" : "end_turn";
  }
  static void put(std::vector<std::string>& events, const char* type, Json event) {
    events.push_back(event_text(type, std::move(event)));
  }
  void begin(std::vector<std::string>& events) override {
    if (std::exchange(begun_, true)) return;
    put(events, "message_start", {{"message", message_}});
  }
  void add_words(const std::string& words, std::vector<std::string>& events) override {
    if (open_ != Open::words) {
      close_block(events);
      open_ = Open::words;
      put(events, "content_block_start",
          {{"index", block_}, {"content_block", {{"type", "text"}, {"text", ""}}}});
    }
    put(events, "content_block_delta",
        {{"index", block_}, {"delta", {{"type", "text_delta"}, {"text", words}}}});
  }
  void add_call(const Json& call, std::vector<std::string>& events) override {
    const Json* function = member(call, "function");
    if (member(call, "id")) {
      close_block(events);
      open_ = Open::call;
      put(events, "content_block_start",
          {{"index", block_},
           {"content_block",
            {{"type", "tool_use"},
             {"id", tool_id(text_of(call, "id"))},
             {"name", function ? text_of(*function, "name") : ""},
             {"input", Json::object()}}}});
    }
    const std::string piece = function ? text_of(*function, "arguments") : std::string();
    if (piece.empty() || open_ != Open::call) return;
    put(events, "content_block_delta",
        {{"index", block_}, {"delta", {{"type", "input_json_delta"}, {"partial_json", piece}}}});
  }
  void close_block(std::vector<std::string>& events) {
    if (open_ == Open::nothing) return;
    put(events, "content_block_stop", {{"index", block_++}});
    open_ = Open::nothing;
  }
  void take_figures(const Json& completion) override {
    const Json* usage = member(completion, "usage");
    if (!usage || !usage->is_object()) return;
    const auto figure = [](const Json& object, const char* key) -> std::int64_t {
      const Json* found = member(object, key);
      return found && found->is_number() ? found->get<std::int64_t>() : 0;
    };
    const Json* details = member(*usage, "prompt_tokens_details");
    const std::int64_t cached = details ? figure(*details, "cached_tokens") : 0;
    // Anthropic's input_tokens leave out what came from the cache.
    message_["usage"] = {
        {"input_tokens", std::max<std::int64_t>(0, figure(*usage, "prompt_tokens") - cached)},
        {"cache_read_input_tokens", cached},
        {"output_tokens", figure(*usage, "completion_tokens")}};
  }

  Json message_;
  bool begun_ = false;
  int block_ = 0;
};

}  // namespace

Result<Json> chat_from_messages(const Json& request) {
  Json chat = Json::object(), messages = Json::array();
  for (const char* same : {"model", "temperature", "top_p", "top_k", "stream", "max_tokens"})
    if (const Json* found = member(request, same)) chat[same] = *found;
  if (const Json* system = member(request, "system"))
    messages.push_back({{"role", "system"}, {"content", words_of(*system)}});
  const Json* given = member(request, "messages");
  if (!given || !given->is_array()) return reject("messages", "expected an array");
  for (std::size_t i = 0; i < given->size(); ++i)
    TRY(add_message((*given)[i], fmt::format("messages[{}]", i), messages));
  chat["messages"] = std::move(messages);
  if (const Json* stops = member(request, "stop_sequences")) chat["stop"] = *stops;
  if (const Json* tools = member(request, "tools"); tools && !(tools->is_array() && tools->empty())) {
    TRY_ASSIGN(chat["tools"], tools_of(*tools));
    if (const Json* choice = member(request, "tool_choice")) TRY(add_choice(*choice, chat));
  }
  if (chat.contains("stream") && chat["stream"] == true) chat["stream_options"] = {{"include_usage", true}};
  return chat;
}

std::unique_ptr<AnswerShape> messages_shape(const Json& request, std::string_view id_seed) {
  return std::make_unique<MessagesShape>(request, id_seed);
}

}  // namespace studio
