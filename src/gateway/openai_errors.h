// A failure in OpenAI's shape: status, JSON body and the event that ends a stream.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace studio {

// {"error": {"message", "type", "param", "code"}} with its status. The official clients choose their
// exception by the status and show message, code and param.
struct ApiError {
  int status = 500;
  std::string type = "server_error";  // "invalid_request_error", "rate_limit_error", ...
  std::string code;                   // "context_length_exceeded", "model_not_found", ...; empty is null
  std::string param;                  // the field at fault, "messages[0].content"; empty is null
  std::string message;
  std::optional<std::chrono::seconds> retry_after;  // becomes the Retry-After header
};

// 400 invalid_input, wrong_usage, unsupported, newer_schema; 404 not_found, missing_part; 503 engine
// being down; 429 limit_exceeded; 504 timeout; 499 interrupted; 500 the rest. The hint is appended to the
// message. `retry_after` is for limit_exceeded.
ApiError api_error(const Error& error, std::optional<std::chrono::seconds> retry_after = std::nullopt);

// What an engine answered with another status than 2xx, made OpenAI's: llama-server's
// exceed_context_size_error becomes 400 context_length_exceeded with both figures, vLLM's and others' plain
// shapes are filled in, HTML of a proxy is cut. `engine` names it in messages. Its own API key, when it
// repeats it, is taken out.
ApiError engine_error(int status, std::string_view body, std::string_view engine);

ApiError invalid_request(std::string message, std::string param = {}, std::string code = {});
ApiError missing_key();                          // 401 without Authorization
ApiError wrong_key(std::string_view shown);      // 401 invalid_api_key; `shown`: first and last letters only
ApiError not_permitted(std::string_view scope);  // 403
ApiError unknown_model(std::string_view model);  // 404 model_not_found
ApiError unknown_url(std::string_view method, std::string_view path);  // 404
ApiError body_too_large(std::size_t limit_bytes);                      // 413
ApiError too_many_requests(std::string message, std::chrono::seconds retry_after,
                           std::string code = "rate_limit_exceeded");

// The whole body.
std::string error_json(const ApiError& error);
// "data: {"error": ...}\n\n": what a stream that has begun ends with; the official clients raise APIError on
// it.
std::string error_event(const ApiError& error);

// An engine's message that its prompt does not fit.
bool speaks_of_context(std::string_view message);

}  // namespace studio
