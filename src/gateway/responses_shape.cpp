// OpenAI's Responses API over chat completions (https://platform.openai.com/docs/api-reference/responses).
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "gateway/api_shape.h"
#include "gateway/json_fields.h"

namespace studio {
namespace {

// Parts of a message, or of a tool's output.
Result<Json> content_of(const Json& content, const std::string& field) {
  if (content.is_string() || content.is_null()) return content;
  if (!content.is_array()) return reject(field, "expected a text or an array of parts");
  Json parts = Json::array();
  for (const Json& part : content) {
    const std::string type = text_of(part, "type");
    if (type == "input_text" || type == "output_text" || type == "text" || type == "summary_text") {
      parts.push_back({{"type", "text"}, {"text", text_of(part, "text")}});
    } else if (type == "refusal") {
      parts.push_back({{"type", "text"}, {"text", text_of(part, "refusal")}});
    } else if (type == "input_image" && !text_of(part, "image_url").empty()) {
      Json image = {{"url", text_of(part, "image_url")}};
      if (const Json* detail = member(part, "detail")) image["detail"] = *detail;
      parts.push_back({{"type", "image_url"}, {"image_url", std::move(image)}});
    } else {
      return reject(field, fmt::format("parts of type \"{}\" are not supported", type));
    }
  }
  // Templates of small models know texts only.
  if (parts.size() == 1 && parts[0]["type"] == "text") return Json(parts[0]["text"]);
  return parts;
}

Result<Json> messages_of(const Json& request) {
  Json messages = Json::array();
  if (const Json* instructions = member(request, "instructions"); instructions && instructions->is_string())
    messages.push_back({{"role", "system"}, {"content", *instructions}});
  const Json* input = member(request, "input");
  if (!input) return reject("input", "is needed");
  if (input->is_string()) {
    messages.push_back({{"role", "user"}, {"content", *input}});
    return messages;
  }
  if (!input->is_array()) return reject("input", "expected a text or an array of items");
  for (std::size_t i = 0; i < input->size(); ++i) {
    const Json& item = (*input)[i];
    const std::string field = fmt::format("input[{}]", i);
    if (!item.is_object()) return reject(field, "expected an object");
    const std::string type = item.contains("role") ? "message" : text_of(item, "type");
    if (type == "message") {
      std::string role = text_of(item, "role");
      if (role == "developer") role = "system";
      if (role != "user" && role != "assistant" && role != "system")
        return reject(field + ".role", fmt::format("\"{}\" is not supported", role));
      TRY_ASSIGN(Json content,
                 content_of(item.contains("content") ? item["content"] : Json(), field + ".content"));
      messages.push_back({{"role", role}, {"content", std::move(content)}});
    } else if (type == "function_call") {
      Json call = {
          {"id", text_of(item, "call_id")},
          {"type", "function"},
          {"function", {{"name", text_of(item, "name")}, {"arguments", text_of(item, "arguments")}}}};
      // Parallel calls are items of their own here, and one message there.
      if (!messages.empty() && messages.back()["role"] == "assistant" &&
          messages.back().contains("tool_calls"))
        messages.back()["tool_calls"].push_back(std::move(call));
      else
        messages.push_back(
            {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", Json::array({call})}});
    } else if (type == "function_call_output") {
      TRY_ASSIGN(Json output,
                 content_of(item.contains("output") ? item["output"] : Json(), field + ".output"));
      messages.push_back(
          {{"role", "tool"}, {"tool_call_id", text_of(item, "call_id")}, {"content", std::move(output)}});
    } else if (type != "reasoning") {  // thoughts of another model say nothing to this one
      return reject(field + ".type", fmt::format("\"{}\" is not supported", type));
    }
  }
  return messages;
}

Result<Json> tools_of(const Json& tools) {
  if (!tools.is_array()) return reject("tools", "expected an array");
  Json out = Json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string type = text_of(tools[i], "type");
    if (type != "function")
      return reject(fmt::format("tools[{}].type", i),
                    fmt::format("only \"function\" is supported, found \"{}\"", type));
    Json function = tools[i];
    function.erase("type");
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

class ResponsesShape final : public AnswerShape {
 public:
  ResponsesShape(const Json& request, std::string_view seed, std::int64_t created) : seed_(seed) {
    const auto given = [&](const char* key, Json otherwise) {
      const Json* found = member(request, key);
      response_[key] = found ? *found : std::move(otherwise);
    };
    response_ = {{"id", id("resp", 0)},
                 {"object", "response"},
                 {"created_at", created},
                 {"status", "in_progress"},
                 {"error", nullptr},
                 {"incomplete_details", nullptr},
                 {"output", Json::array()},
                 {"usage", nullptr},
                 {"previous_response_id", nullptr},
                 {"store", false},
                 {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}}};
    given("model", "");
    given("instructions", nullptr);
    given("max_output_tokens", nullptr);
    given("metadata", Json::object());
    given("parallel_tool_calls", true);
    given("temperature", 1.0);
    given("top_p", 1.0);
    given("tool_choice", "auto");
    given("tools", Json::array());
    given("truncation", "disabled");
    given("text", {{"format", {{"type", "text"}}}});
    given("user", nullptr);
  }

  std::string whole(const Json& completion) override {
    const Json& choice = completion["choices"][0];
    const Json& message = choice["message"];
    Json output = Json::array();
    if (const std::string words = text_of(message, "content"); !words.empty())
      output.push_back(message_item(output.size(), words, "completed"));
    if (const Json* calls = member(message, "tool_calls"))
      for (const Json& call : *calls)
        output.push_back(call_item(output.size(), call["id"], call["function"]["name"],
                                   text_of(call["function"], "arguments"), "completed"));
    response_["output"] = std::move(output);
    take_figures(completion);
    finish_ = text_of(choice, "finish_reason");
    close();
    return to_text(response_, -1);
  }

  void end(std::vector<std::string>& events) override {
    begin(events);
    close_item(events);
    close();
    put(events, response_["status"] == "completed" ? "response.completed" : "response.incomplete",
        {{"response", response_}});
  }

 private:
  std::string id(std::string_view kind, std::size_t number) const {
    return fmt::format("{}_{}", kind, sha256_of(fmt::format("{}/{}/{}", seed_, kind, number)).substr(0, 32));
  }
  Json message_item(std::size_t index, const std::string& words, const char* status) const {
    return {{"type", "message"},
            {"id", id("msg", index)},
            {"status", status},
            {"role", "assistant"},
            {"content", Json::array({{{"type", "output_text"},
                                      {"text", words},
                                      {"annotations", Json::array()},
                                      {"logprobs", Json::array()}}})}};
  }
  Json call_item(std::size_t index, const Json& call_id, const Json& name, const std::string& arguments,
                 const char* status) const {
    return {{"type", "function_call"}, {"id", id("fc", index)}, {"call_id", call_id}, {"name", name},
            {"arguments", arguments},  {"status", status}};
  }

  void put(std::vector<std::string>& events, const char* type, Json event) {
    event["sequence_number"] = sequence_++;
    events.push_back(event_text(type, std::move(event)));
  }
  void begin(std::vector<std::string>& events) override {
    if (sequence_ > 0) return;
    put(events, "response.created", {{"response", response_}});
    put(events, "response.in_progress", {{"response", response_}});
  }
  std::size_t index() const { return response_["output"].size(); }

  void add_words(const std::string& words, std::vector<std::string>& events) override {
    if (open_ != Open::words) {
      close_item(events);
      open_ = Open::words;
      text_.clear();
      Json item = message_item(index(), "", "in_progress");
      const Json part = item["content"][0];
      item["content"] = Json::array();
      put(events, "response.output_item.added", {{"output_index", index()}, {"item", item}});
      put(events, "response.content_part.added",
          {{"item_id", item["id"]}, {"output_index", index()}, {"content_index", 0}, {"part", part}});
    }
    text_ += words;
    put(events, "response.output_text.delta",
        {{"item_id", id("msg", index())},
         {"output_index", index()},
         {"content_index", 0},
         {"delta", words},
         {"logprobs", Json::array()}});
  }

  void add_call(const Json& call, std::vector<std::string>& events) override {
    const Json* function = member(call, "function");
    if (member(call, "id")) {
      close_item(events);
      open_ = Open::call;
      text_.clear();
      call_id_ = call["id"];
      name_ = function ? text_of(*function, "name") : std::string();
      put(events, "response.output_item.added",
          {{"output_index", index()}, {"item", call_item(index(), call_id_, name_, "", "in_progress")}});
    }
    const std::string piece = function ? text_of(*function, "arguments") : std::string();
    if (piece.empty() || open_ != Open::call) return;
    text_ += piece;
    put(events, "response.function_call_arguments.delta",
        {{"item_id", id("fc", index())}, {"output_index", index()}, {"delta", piece}});
  }

  void close_item(std::vector<std::string>& events) {
    if (open_ == Open::nothing) return;
    Json item;
    if (open_ == Open::words) {
      item = message_item(index(), text_, "completed");
      const Json at = {{"item_id", item["id"]}, {"output_index", index()}, {"content_index", 0}};
      Json done = at, part = at;
      done["text"] = text_;
      done["logprobs"] = Json::array();
      part["part"] = item["content"][0];
      put(events, "response.output_text.done", std::move(done));
      put(events, "response.content_part.done", std::move(part));
    } else {
      item = call_item(index(), call_id_, name_, text_, "completed");
      put(events, "response.function_call_arguments.done",
          {{"item_id", item["id"]}, {"output_index", index()}, {"name", name_}, {"arguments", text_}});
    }
    put(events, "response.output_item.done", {{"output_index", index()}, {"item", item}});
    response_["output"].push_back(std::move(item));
    open_ = Open::nothing;
  }

  void take_figures(const Json& completion) override {
    if (const std::string model = text_of(completion, "model"); !model.empty() && response_["model"] == "")
      response_["model"] = model;
    const Json* usage = member(completion, "usage");
    if (!usage || !usage->is_object()) return;
    const auto figure = [](const Json* object, const char* key) -> std::int64_t {
      const Json* found = object ? member(*object, key) : nullptr;
      return found && found->is_number() ? found->get<std::int64_t>() : 0;
    };
    const std::int64_t in = figure(usage, "prompt_tokens"), out = figure(usage, "completion_tokens");
    response_["usage"] = {
        {"input_tokens", in},
        {"input_tokens_details",
         {{"cached_tokens", figure(member(*usage, "prompt_tokens_details"), "cached_tokens")}}},
        {"output_tokens", out},
        {"output_tokens_details", {{"reasoning_tokens", 0}}},
        {"total_tokens", in + out}};
  }

  void close() {
    const bool cut = finish_ == "length";
    response_["status"] = cut ? "incomplete" : "completed";
    if (!cut) return;
    response_["incomplete_details"] = {{"reason", "max_output_tokens"}};
    if (!response_["output"].empty()) response_["output"].back()["status"] = "incomplete";
  }

  std::string seed_, text_, name_;
  Json response_, call_id_;
  int sequence_ = 0;
};

}  // namespace

Result<Json> chat_from_responses(const Json& request) {
  for (const char* stored : {"previous_response_id", "conversation", "prompt"})
    if (member(request, stored))
      return reject(stored, "answers are not stored here; send the whole conversation as input");
  if (const Json* background = member(request, "background"); background && *background == true)
    return reject("background", "is not supported");
  Json chat = Json::object();
  for (const char* same : {"model", "temperature", "top_p", "parallel_tool_calls", "stream", "user", "seed",
                           "tool_choice", "stop", "frequency_penalty", "presence_penalty"})
    if (const Json* found = member(request, same)) chat[same] = *found;
  TRY_ASSIGN(chat["messages"], messages_of(request));
  if (const Json* most = member(request, "max_output_tokens")) chat["max_tokens"] = *most;
  if (const Json* tools = member(request, "tools"); tools && !(tools->is_array() && tools->empty())) {
    TRY_ASSIGN(chat["tools"], tools_of(*tools));
  } else {
    chat.erase("tool_choice");
  }
  if (const Json* text = member(request, "text"))
    if (const Json* format = member(*text, "format")) {
      const std::string type = text_of(*format, "type");
      if (type == "json_object") chat["response_format"] = {{"type", type}};
      if (type == "json_schema") {
        Json schema = *format;
        schema.erase("type");
        chat["response_format"] = {{"type", type}, {"json_schema", std::move(schema)}};
      }
    }
  if (chat.contains("stream") && chat["stream"] == true) chat["stream_options"] = {{"include_usage", true}};
  return chat;
}

std::unique_ptr<AnswerShape> responses_shape(const Json& request, std::string_view id_seed,
                                             std::int64_t created) {
  return std::make_unique<ResponsesShape>(request, id_seed, created);
}

}  // namespace studio
