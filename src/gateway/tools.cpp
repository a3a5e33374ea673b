// Compiles a request with tools into one with a JSON schema, words the model needs, and messages it
// understands.
#include "gateway/tools.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gateway/call_bound.h"
#include "gateway/json_fields.h"
#include "gateway/tool_schema.h"

namespace studio {
namespace {

struct Tool {
  std::string name, description;
  Json parameters = Json::object();
};

enum class Choice { none, automatic, required };

struct Wish {
  std::vector<Tool> tools;       // all of them, for the prompt: it stays the same from turn to turn
  std::vector<std::size_t> may;  // those that may be called
  Choice choice = Choice::automatic;
  bool legacy = false;
  bool named = false;  // tool_choice names one tool: one call of it
};

bool given(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

Result<Tool> read_function(const Json& function, const std::string& field) {
  if (!function.is_object()) return reject(field, "expected an object");
  Tool tool{text_of(function, "name"), text_of(function, "description"), Json::object()};
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (tool.name.empty() || tool.name.size() > 64 || !std::ranges::all_of(tool.name, allowed))
    return reject(field + ".name", "expected 1 to 64 letters, digits, underscores or dashes");
  if (given(function, "parameters")) {
    if (!function["parameters"].is_object())
      return reject(field + ".parameters", "expected a JSON schema, an object");
    tool.parameters = function["parameters"];
    if (const std::string type = text_of(tool.parameters, "type"); !type.empty() && type != "object")
      return reject(field + ".parameters",
                    fmt::format("schema must be of type \"object\", found \"{}\"", type));
  }
  if (!tool.parameters.contains("properties")) tool.parameters["properties"] = Json::object();
  tool.parameters["type"] = "object";
  return tool;
}

Result<void> read_tools(const Json& request, Wish& wish) {
  const bool modern = given(request, "tools");
  const char* key = modern ? "tools" : "functions";
  if (!given(request, key)) return {};
  const Json& list = request[key];
  if (!list.is_array()) return reject(key, "expected an array");
  wish.legacy = !modern;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string field = fmt::format("{}[{}]", key, i);
    if (modern) {
      const std::string type = list[i].is_object() ? text_of(list[i], "type") : "";
      if (type != "function")
        return reject(field + ".type", fmt::format("only \"function\" is supported, found \"{}\"", type));
      if (!given(list[i], "function")) return reject(field + ".function", "is needed");
    }
    TRY_ASSIGN(Tool tool,
               read_function(modern ? list[i]["function"] : list[i], modern ? field + ".function" : field));
    if (std::ranges::find(wish.tools, tool.name, &Tool::name) != wish.tools.end())
      return reject(field + (modern ? ".function.name" : ".name"),
                    fmt::format("\"{}\" is given twice", tool.name));
    wish.may.push_back(wish.tools.size());
    wish.tools.push_back(std::move(tool));
  }
  if (list.empty()) return reject(key, "expected at least one");
  return {};
}

Result<std::size_t> find_tool(const Wish& wish, const std::string& name, const std::string& field) {
  const auto found = std::ranges::find(wish.tools, name, &Tool::name);
  if (found == wish.tools.end()) return reject(field, fmt::format("there is no tool \"{}\"", name));
  return static_cast<std::size_t>(found - wish.tools.begin());
}

// {"type": "function", "function": {"name": N}}, and {"type": "function", "name": N} of the Responses API.
std::string named_function(const Json& item) {
  if (!item.is_object()) return {};
  return given(item, "function") && item["function"].is_object() ? text_of(item["function"], "name")
                                                                 : text_of(item, "name");
}

Result<void> read_choice(const Json& request, Wish& wish) {
  const char* key = wish.legacy ? "function_call" : "tool_choice";
  if (wish.tools.empty()) wish.choice = Choice::none;
  if (!given(request, key)) return {};
  const Json& choice = request[key];
  const auto mode = [&](const std::string& word, const std::string& field) -> Result<void> {
    if (word == "none")
      wish.choice = Choice::none;
    else if (word == "auto")
      wish.choice = Choice::automatic;
    else if (word == "required" || word == "any")
      wish.choice = Choice::required;
    else
      return reject(field, fmt::format("expected none, auto, required or a tool, found \"{}\"", word));
    if (wish.tools.empty() && wish.choice != Choice::none)
      return reject(field, "is only allowed when tools are given");
    return {};
  };
  if (choice.is_string()) return mode(choice.get<std::string>(), key);
  if (!choice.is_object()) return reject(key, "expected a word or an object");
  if (text_of(choice, "type") == "allowed_tools") {
    const Json& allowed = given(choice, "allowed_tools") ? choice["allowed_tools"] : choice;
    TRY(mode(allowed.is_object() ? text_of(allowed, "mode") : "", "tool_choice.allowed_tools.mode"));
    if (!given(allowed, "tools") || !allowed["tools"].is_array() || allowed["tools"].empty())
      return reject("tool_choice.allowed_tools.tools", "expected at least one tool");
    wish.may.clear();
    for (const Json& item : allowed["tools"]) {
      TRY_ASSIGN(const std::size_t tool,
                 find_tool(wish, named_function(item), "tool_choice.allowed_tools.tools"));
      wish.may.push_back(tool);
    }
    return {};
  }
  TRY_ASSIGN(const std::size_t tool,
             find_tool(wish, wish.legacy ? text_of(choice, "name") : named_function(choice),
                       wish.legacy ? "function_call.name" : "tool_choice.function.name"));
  wish.may = {tool};
  wish.choice = Choice::required;
  wish.named = true;
  return {};
}

// A text, or the texts of a content array; other parts are told by their kind.
std::string words_of(const Json& message) {
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) return {};
  if (content->is_string()) return content->get<std::string>();
  std::string out;
  if (content->is_array())
    for (const Json& part : *content)
      if (part.is_object())
        out += given(part, "text") ? text_of(part, "text") : fmt::format("[{}]", text_of(part, "type"));
  return out;
}

// The way models write JSON when left alone; it makes a past answer equal, byte for byte, to what the engine
// has in its prefix cache.
std::string call_in_words(std::string_view name, std::string_view arguments) {
  return fmt::format(R"({{"name": {}, "arguments": {}}})", to_text(Json(name), -1), arguments);
}

bool mentions_tools(const Json& request) {
  if (!given(request, "messages") || !request["messages"].is_array()) return false;
  return std::ranges::any_of(request["messages"], [](const Json& message) {
    return message.is_object() &&
           (given(message, "tool_calls") || given(message, "function_call") ||
            text_of(message, "role") == "tool" || text_of(message, "role") == "function");
  });
}

// Rewrites the conversation into roles that every template knows. Calls become what the model would have
// written, results a message of the user:
//   assistant: calls get_weather    ->    assistant: [{"name": "get_weather", "arguments": {"city": "Rome"}}]
//   tool: {"rain": false}                 user: get_weather returned: {"rain": false}
//                                               Is it answered? Then [{"name": "reply", ...}].
// The question at the end stands only under the last message. Measured: without it a small model makes its
// last call again; results as notes under the question they serve did worse, also in the template's own form.
class History {
 public:
  History(bool wrap_words, std::string words_name, bool in_list)
      : wrap_words_(wrap_words), words_name_(std::move(words_name)), in_list_(in_list) {}

  // Calls since the user's last words that have their results.
  std::vector<std::pair<std::string, std::string>> answered() && { return std::move(answered_); }

  Result<Json> rewrite(const Json& messages) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const std::string field = fmt::format("messages[{}]", i);
      if (!messages[i].is_object()) return reject(field, "expected an object");
      const std::string role = text_of(messages[i], "role");
      if (role == "tool" || role == "function") {
        TRY(take_result(messages[i], role, field));
      } else if (role == "assistant") {
        in_results_ = false;
        TRY(take_answer(messages[i], field));
      } else {
        in_results_ = false;
        if (role == "user") answered_.clear();
        out_.push_back(messages[i]);
        if (role == "developer") out_.back()["role"] = "system";
      }
    }
    if (in_results_ && wrap_words_) {
      Json& content = out_.back()["content"];
      const std::string reply = call_in_words(words_name_, R"({"text": "..."})");
      content = fmt::format("{}\nIs it answered? Then {}{}{}.", content.get<std::string>(),
                            in_list_ ? "[" : "", reply, in_list_ ? "]" : "");
    }
    return std::move(out_);
  }

 private:
  Result<void> take_answer(const Json& message, const std::string& field) {
    const std::string words = words_of(message);
    std::string made;
    const bool calls =
        given(message, "tool_calls") && message["tool_calls"].is_array() && !message["tool_calls"].empty();
    if (calls)
      for (std::size_t i = 0; i < message["tool_calls"].size(); ++i) {
        const Json& call = message["tool_calls"][i];
        const std::string at = fmt::format("{}.tool_calls[{}]", field, i);
        if (!call.is_object() || !given(call, "function") || !call["function"].is_object())
          return reject(at + ".function", "is needed");
        TRY(remember(text_of(call, "id"), call["function"], at, made));
      }
    if (given(message, "function_call") && message["function_call"].is_object())
      TRY(remember(text_of(message["function_call"], "name"), message["function_call"],
                   field + ".function_call", made));
    if (words.empty() && made.empty()) return {};
    Json answer = message;
    for (const char* key : {"tool_calls", "function_call", "refusal", "audio", "annotations"})
      answer.erase(key);
    if (made.empty() && wrap_words_)
      made = call_in_words(words_name_, fmt::format(R"({{"text": {}}})", to_text(Json(words), -1)));
    const std::string told =
        made.empty() ? words : fmt::format("{}{}{}", in_list_ ? "[" : "", made, in_list_ ? "]" : "");
    answer["content"] =
        made.empty() || wrap_words_ || words.empty() ? told : fmt::format("{}\n{}", words, told);
    out_.push_back(std::move(answer));
    return {};
  }

  // Adds the call to those of the message, in the words a model would use.
  Result<void> remember(const std::string& id, const Json& function, const std::string& field,
                        std::string& made) {
    const std::string name = text_of(function, "name");
    if (name.empty()) return reject(field + ".function.name", "is needed");
    const auto arguments = function.find("arguments");
    calls_[id] = {name, arguments == function.end() || arguments->is_null() ? "{}"
                        : arguments->is_string()                            ? arguments->get<std::string>()
                                                                            : to_text(*arguments, -1)};
    if (made.empty() || in_list_) made += (made.empty() ? "" : ", ") + call_in_words(name, calls_[id].second);
    return {};
  }

  Result<void> take_result(const Json& message, const std::string& role, const std::string& field) {
    const std::string id = role == "tool" ? text_of(message, "tool_call_id") : text_of(message, "name");
    const auto call = calls_.find(id);
    if (call == calls_.end())
      return reject(field,
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'");
    answered_.push_back(call->second);
    const std::string line = fmt::format("{} returned: {}", call->second.first, words_of(message));
    // Several results are one message: templates of other models want user and assistant in turn.
    if (in_results_) {
      Json& content = out_.back()["content"];
      content = fmt::format("{}\n{}", content.get<std::string>(), line);
    } else {
      out_.push_back({{"role", "user"}, {"content", line}});
    }
    in_results_ = true;
    return {};
  }

  bool wrap_words_;
  std::string words_name_;
  bool in_list_;
  Json out_ = Json::array();
  std::map<std::string, std::pair<std::string, std::string>> calls_;  // by id: name and arguments
  std::vector<std::pair<std::string, std::string>> answered_;
  bool in_results_ = false;  // the last message holds results
};

std::string tools_in_words(const Wish& wish, const CompiledTools& compiled, const std::string& words_name) {
  std::string out = "You can call tools:\n";
  for (const Tool& tool : wish.tools) {
    out += fmt::format("- {}({})", tool.name, parameters_in_words(tool.parameters));
    if (!tool.description.empty()) out += fmt::format(": {}", in_one_line(tool.description));
    out += '\n';
  }
  // The wording is measured (bench/tools) with a 0.5B model on the 16 cases that went wrong most: "when no
  // tool is needed, reply" made it claim what it had not done; this one got 13 right, others 10 to 12.
  const auto listed = [&](std::string inside) {
    return compiled.parallel ? fmt::format("[{}]", inside) : inside;
  };
  const std::string call = listed(R"({"name": TOOL, "arguments": {...}})");
  if (!compiled.text_allowed)
    return out + fmt::format("\nReply in JSON. Let the tool that fits do it: {}.", call);
  const std::string words =
      listed(call_in_words(words_name, compiled.text_is_json ? "{...}" : R"({"text": "..."})"));
  out += fmt::format(
      "\nReply in JSON. What a tool can do, let the tool do: {}. For greetings, knowledge, texts and "
      "results: "
      "{}.",
      call, words);
  return out;
}

Json member(const std::string& name, Json arguments) {
  return {{"type", "object"},
          {"properties", {{"name", {{"const", name}}}, {"arguments", std::move(arguments)}}},
          {"required", {"name", "arguments"}},
          {"additionalProperties", false}};
}

// What words may look like: free text, or what the client's response_format says.
Json words_schema(const Json& request, Json& defs) {
  const Json format = given(request, "response_format") ? request["response_format"] : Json::object();
  const std::string type = format.is_object() ? text_of(format, "type") : "";
  if (type == "json_object") return {{"type", "object"}};
  if (type == "json_schema" && given(format, "json_schema") && format["json_schema"].is_object() &&
      given(format["json_schema"], "schema")) {
    const Json converted = convertible_schema(format["json_schema"]["schema"], "words");
    if (!has_references(converted)) return converted;
    defs["words"] = converted;
    return {{"$ref", "#/$defs/words"}};
  }
  return {{"type", "object"},
          {"properties", {{"text", {{"type", "string"}}}}},
          {"required", {"text"}},
          {"additionalProperties", false}};
}

// Calls that the user's last words can mean, less those made for them already; at least one.
int calls_left(const Json& messages, const CompiledTools& compiled, int most) {
  std::string last;
  for (const Json& message : messages)
    if (text_of(message, "role") == "user") last = words_of(message);
  return std::max(1, calls_asked_for(last, most) - static_cast<int>(compiled.answered.size()));
}

Json answer_schema(const Json& request, const Wish& wish, const CompiledTools& compiled,
                   const ToolOptions& options, const std::string& words_name) {
  Json defs = Json::object(), members = Json::array();
  for (const std::size_t index : wish.may) {
    const Tool& tool = wish.tools[index];
    const std::string name = fmt::format("tool{}", index);
    Json arguments = convertible_schema(tool.parameters, name);
    if (has_references(arguments)) {
      defs[name] = std::move(arguments);
      arguments = {{"$ref", fmt::format("#/$defs/{}", name)}};
    }
    members.push_back(member(tool.name, std::move(arguments)));
  }
  const auto listed = [&](Json items, int most) -> Json {
    if (!compiled.parallel) return items;
    return {{"type", "array"}, {"items", std::move(items)}, {"minItems", 1}, {"maxItems", most}};
  };
  Json schema;
  const bool words_only = compiled.text_allowed && options.next == ToolOptions::Next::words;
  const bool calls_only =
      !compiled.text_allowed || (options.next == ToolOptions::Next::calls && !members.empty());
  if (words_only) members = Json::array();
  if (!members.empty())
    schema = listed(members.size() == 1 ? members.front() : Json{{"anyOf", members}},
                    wish.named ? 1 : calls_left(request["messages"], compiled, options.max_parallel));
  if (!calls_only) {
    Json words = listed(member(words_name, words_schema(request, defs)), 1);
    if (members.empty())
      schema = std::move(words);
    else
      schema = {{"anyOf", Json::array({std::move(words), std::move(schema)})}};
  }
  if (!defs.empty()) schema["$defs"] = std::move(defs);
  return schema;
}

// Into the first system message, after the client's own words, or before everything.
void add_to_system(Json& messages, const std::string& text) {
  if (!messages.empty() && text_of(messages.front(), "role") == "system") {
    Json& content = messages.front()["content"];
    if (content.is_array())
      content.push_back({{"type", "text"}, {"text", "\n\n" + text}});
    else
      content = (content.is_string() ? content.get<std::string>() + "\n\n" : std::string()) + text;
    return;
  }
  messages.insert(messages.begin(), Json{{"role", "system"}, {"content", text}});
}

std::vector<std::string> stop_of(const Json& request) {
  std::vector<std::string> out;
  if (!given(request, "stop")) return out;
  const Json& stop = request["stop"];
  if (stop.is_string()) out.push_back(stop.get<std::string>());
  if (stop.is_array())
    for (const Json& item : stop)
      if (item.is_string()) out.push_back(item.get<std::string>());
  std::erase(out, "");
  return out;
}

}  // namespace

Result<std::optional<CompiledTools>> compile_tools(const Json& request, const ToolOptions& options) {
  if (!request.is_object()) return reject("the body", "expected an object");
  Wish wish;
  TRY(read_tools(request, wish));
  TRY(read_choice(request, wish));
  if (wish.tools.empty() && !mentions_tools(request)) return std::optional<CompiledTools>();
  if (!given(request, "messages") || !request["messages"].is_array())
    return reject("messages", "expected an array");

  CompiledTools compiled;
  compiled.constrained = wish.choice != Choice::none;
  compiled.text_allowed = wish.choice != Choice::required;
  compiled.legacy = wish.legacy;
  compiled.id_seed = options.id_seed;
  compiled.ask_again = options.ask_again;
  const auto parallel = request.find("parallel_tool_calls");
  compiled.parallel = compiled.constrained && !wish.legacy && options.max_parallel > 1 &&
                      (parallel == request.end() || !parallel->is_boolean() || parallel->get<bool>());
  if (given(request, "response_format") && request["response_format"].is_object())
    compiled.text_is_json = text_of(request["response_format"], "type").starts_with("json_");
  compiled.words_name = "reply";
  while (std::ranges::find(wish.tools, compiled.words_name, &Tool::name) != wish.tools.end())
    compiled.words_name += '_';

  Json body = request;
  for (const char* key : {"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"})
    body.erase(key);
  if (!options.upstream_model.empty()) body["model"] = options.upstream_model;
  const bool wrap = compiled.constrained && compiled.text_allowed && !compiled.text_is_json;
  History history(wrap, compiled.words_name, compiled.parallel);
  TRY_ASSIGN(body["messages"], history.rewrite(request["messages"]));
  compiled.answered = std::move(history).answered();
  std::vector<std::size_t> left;
  for (const std::size_t index : wish.may)
    if (std::ranges::find(options.without, wish.tools[index].name) == options.without.end())
      left.push_back(index);
  if (!left.empty() || compiled.text_allowed) wish.may = std::move(left);
  if (compiled.constrained) {
    for (const std::size_t index : wish.may) compiled.names.push_back(wish.tools[index].name);
    add_to_system(body["messages"], tools_in_words(wish, compiled, compiled.words_name));
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema",
         {{"name", "answer"},
          {"strict", true},
          {"schema", answer_schema(request, wish, compiled, options, compiled.words_name)}}}};
    compiled.stop = stop_of(request);
    // The answer is JSON around the words: a stop word would cut it, its tokens' probabilities mean nothing.
    for (const char* key : {"stop", "logprobs", "top_logprobs"}) body.erase(key);
  }
  compiled.engine_request = to_text(body, -1);
  return std::optional(std::move(compiled));
}

}  // namespace studio
