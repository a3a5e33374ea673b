// The table from our error kinds, and from engines' answers, to OpenAI's statuses, types and codes.
#include "gateway/openai_errors.h"

#include <algorithm>
#include <regex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/json_fields.h"

namespace studio {
namespace {

struct Row {
  ErrorKind kind;
  int status;
  std::string_view type, code;
};
// 499 is nginx's "client closed request": nobody reads it, but logs and metrics do.
constexpr Row kTable[] = {
    {ErrorKind::invalid_input, 400, "invalid_request_error", ""},
    {ErrorKind::wrong_usage, 400, "invalid_request_error", ""},
    {ErrorKind::unsupported, 400, "invalid_request_error", "unsupported_value"},
    {ErrorKind::newer_schema, 400, "invalid_request_error", ""},
    {ErrorKind::not_found, 404, "invalid_request_error", "model_not_found"},
    {ErrorKind::missing_part, 404, "invalid_request_error", "model_not_available"},
    {ErrorKind::limit_exceeded, 429, "rate_limit_error", "rate_limit_exceeded"},
    {ErrorKind::timeout, 504, "server_error", "timeout"},
    {ErrorKind::engine_failed, 503, "server_error", "engine_failed"},
    {ErrorKind::interrupted, 499, "server_error", "cancelled"},
    {ErrorKind::no_space, 507, "server_error", "no_space"},
};

std::string_view type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

std::optional<std::int64_t> figure(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<std::int64_t>())
                                                     : std::nullopt;
}

// A key that an upstream repeats ("Incorrect API key provided: sk-abc...") is nobody else's to see.
std::string without_keys(std::string text) {
  static const std::regex key(R"((sk-|Bearer )[A-Za-z0-9_\-\.\*]{6,})");
  return std::regex_replace(text, key, "$1***");
}

// First line of plain text, letters of HTML taken out.
std::string readable(std::string_view body) {
  std::string out;
  bool inside_tag = false;
  for (const char c : body.substr(0, 2000)) {
    if (c == '<') inside_tag = true;
    if (!inside_tag) out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
    if (c == '>') inside_tag = false;
  }
  out.erase(std::ranges::unique(out, [](char a, char b) { return a == ' ' && b == ' '; }).begin(), out.end());
  const auto first = out.find_first_not_of(' ');
  out = first == std::string::npos ? std::string() : out.substr(first, 300);
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

void make_context_error(ApiError& error, std::optional<std::int64_t> tokens,
                        std::optional<std::int64_t> context) {
  error.status = 400;
  error.type = "invalid_request_error";
  error.code = "context_length_exceeded";
  error.param = "messages";
  if (tokens && context)
    error.message = fmt::format(
        "This model's maximum context length is {} tokens. However, your messages resulted in {} tokens. "
        "Please reduce the length of the messages.",
        *context, *tokens);
}

}  // namespace

bool speaks_of_context(std::string_view message) {
  std::string lower(message);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const std::string_view words :
       {"context size", "context length", "context_length", "exceed_context", "context window"})
    if (lower.contains(words)) return true;
  return false;
}

ApiError api_error(const Error& error, std::optional<std::chrono::seconds> retry_after) {
  ApiError out;
  out.code = "internal_error";
  for (const Row& row : kTable)
    if (row.kind == error.kind) {
      out.status = row.status;
      out.type = row.type;
      out.code = row.code;
    }
  // A model that has to be pulled first does not come by itself: no 503, which clients ask again at once.
  if (error.kind == ErrorKind::not_found || error.kind == ErrorKind::missing_part)
    out.param = "model";  // nothing else is looked up by name
  out.message = error.message;
  if (!error.hint.empty()) out.message += fmt::format(" ({})", error.hint);
  if (error.kind == ErrorKind::limit_exceeded && speaks_of_context(error.message))
    make_context_error(out, {}, {});
  if (out.status == 429 || out.status == 503) out.retry_after = retry_after;
  return out;
}

ApiError engine_error(int status, std::string_view body, std::string_view engine) {
  ApiError out;
  out.status = status;
  std::optional<std::int64_t> tokens, context;
  const auto json = parse_json(body, "the engine's error");
  if (json && json->is_object()) {
    // {"error": {...}}, {"error": "words"}, or the fields at the top ({"object":"error","message":...} of
    // vLLM).
    const auto nested = json->find("error");
    const Json& fields = nested != json->end() && nested->is_object() ? *nested : *json;
    out.message = nested != json->end() && nested->is_string() ? nested->get<std::string>()
                                                               : text_of(fields, "message");
    if (out.message.empty()) out.message = text_of(fields, "detail");
    out.type = text_of(fields, "type");
    out.code = text_of(fields, "code");
    out.param = text_of(fields, "param");
    tokens = figure(fields, "n_prompt_tokens");
    context = figure(fields, "n_ctx");
  } else {
    out.message = readable(body);
  }
  if (out.message.empty()) out.message = "it gave no reason";
  const bool context_error = out.type == "exceed_context_size_error" ||
                             out.code == "context_length_exceeded" ||
                             (status < 500 && speaks_of_context(out.message));
  // llama-server says 500 where the request asks for what its model cannot do (an image, a pattern).
  if (status == 500 && (out.message.contains("not supported") || out.message.contains("unsupported"))) {
    out.status = 400;
    out.type = "invalid_request_error";
    out.code = "unsupported_value";
  }
  // An engine's 401 or 403 is about the gateway's key for it, not about the client's: the client can do
  // nothing.
  if (status == 401 || status == 403) {
    out.status = 502;
    out.code = "engine_refused_key";
  } else if (status < 400) {
    out.status = 502;
  }
  if (out.type.empty() || !out.type.ends_with("_error") || out.type == "exceed_context_size_error" ||
      out.status == 502)
    out.type = type_of(out.status);
  out.message = without_keys(fmt::format("{} answered {}: {}", engine, status, out.message));
  if (context_error) make_context_error(out, tokens, context);
  return out;
}

ApiError invalid_request(std::string message, std::string param, std::string code) {
  return {400, "invalid_request_error", std::move(code), std::move(param), std::move(message), {}};
}

ApiError missing_key() {
  return {401,
          "authentication_error",
          "missing_api_key",
          "",
          "You didn't provide an API key. Put it into the Authorization header as \"Bearer KEY\".",
          {}};
}

ApiError wrong_key(std::string_view shown) {
  // As OpenAI shows it: enough to tell two keys apart, too little to use.
  const std::string part = shown.size() < 16
                               ? std::string("***")
                               : fmt::format("{}***{}", shown.substr(0, 3), shown.substr(shown.size() - 4));
  return {401,
          "authentication_error",
          "invalid_api_key",
          "",
          fmt::format("Incorrect API key provided: {}.", part),
          {}};
}

ApiError not_permitted(std::string_view scope) {
  return {403,
          "permission_error",
          "insufficient_permissions",
          "",
          fmt::format("This API key lacks the scope \"{}\".", scope),
          {}};
}

ApiError unknown_model(std::string_view model) {
  return {404,
          "invalid_request_error",
          "model_not_found",
          "model",
          fmt::format("The model `{}` does not exist or you do not have access to it.", model.substr(0, 200)),
          {}};
}

ApiError unknown_url(std::string_view method, std::string_view path) {
  return {404,
          "invalid_request_error",
          "unknown_url",
          "",
          fmt::format("Unknown request URL: {} {}.", method, path.substr(0, 200)),
          {}};
}

ApiError body_too_large(std::size_t limit_bytes) {
  return {413,
          "invalid_request_error",
          "request_too_large",
          "",
          fmt::format("The request body is larger than the limit of {} bytes.", limit_bytes),
          {}};
}

ApiError too_many_requests(std::string message, std::chrono::seconds retry_after, std::string code) {
  return {429, "rate_limit_error", std::move(code), "", std::move(message), retry_after};
}

std::string error_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  return to_text(Json{{"error",
                       {{"message", error.message},
                        {"type", error.type},
                        {"param", or_null(error.param)},
                        {"code", or_null(error.code)}}}},
                 -1);
}

std::string error_event(const ApiError& error) {
  return fmt::format("data: {}\n\n", error_json(error));
}

}  // namespace studio
