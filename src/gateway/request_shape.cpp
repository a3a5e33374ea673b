// The fields that an endpoint cannot do without.
#include "gateway/request_shape.h"

#include <fmt/format.h>

namespace studio {
namespace {

ApiError wrong_type(std::string_view field, std::string_view expected, std::string_view found) {
  return invalid_request(
      fmt::format("Invalid type for '{}': expected {}, but got {} instead.", field, expected, found),
      std::string(field), "invalid_type");
}

ApiError out_of_range(const RequestScan::OutOfRange& wrong) {
  const bool below = wrong.found < wrong.low;
  const std::string_view kind = wrong.whole ? "integer" : "decimal";
  return invalid_request(fmt::format("Invalid '{}': {} {} value. Expected a value {} {}, but got {} instead.",
                                     wrong.field, kind, below ? "below minimum" : "above maximum",
                                     below ? ">=" : "<=", below ? wrong.low : wrong.high, wrong.found),
                         std::string(wrong.field),
                         fmt::format("{}_{}", kind, below ? "below_min_value" : "above_max_value"));
}

// What follows the opening bracket of a list: its first element's first letter, or the closing bracket.
char first_in(std::string_view list) {
  const std::size_t at = list.find_first_not_of(" \n\r\t", 1);
  return at == std::string_view::npos ? ']' : list[at];
}

std::optional<ApiError> check(std::string_view body, FieldPlace place, std::string_view field) {
  const std::string_view value = place.in(body);
  if (value.empty() || value == "null")
    return invalid_request(fmt::format("Missing required parameter: '{}'.", field), std::string(field),
                           "missing_required_parameter");
  if (value.front() == '[' && first_in(value) == ']')
    return invalid_request(
        fmt::format("Invalid '{}': empty array. Expected an array with minimum length 1, but got "
                    "an empty array instead.",
                    field),
        std::string(field), "empty_array");
  return std::nullopt;
}

}  // namespace

std::optional<ApiError> wrong_shape(std::string_view path, const RequestScan& scan, std::string_view body) {
  if (scan.model.empty())
    return invalid_request(scan.model_place.found()
                               ? "Invalid 'model': empty string."
                               : "Missing required parameter: 'model'. (a model's name, or "
                                 "\"auto\" for the default one; GET /v1/models lists them)",
                           "model", scan.model_place.found() ? "empty_string" : "missing_required_parameter");
  if (scan.wrong_type)
    return wrong_type(scan.wrong_type->field, scan.wrong_type->expected, scan.wrong_type->found);
  if (scan.out_of_range) return out_of_range(*scan.out_of_range);
  if (path == "/v1/chat/completions" || path.starts_with("/v1/messages")) {
    if (auto error = check(body, scan.messages, "messages")) return error;
    if (scan.no_message)
      return wrong_type(fmt::format("messages[{}]", *scan.no_message), "an object", "something else");
    if (scan.no_role) {
      const std::string field = fmt::format("messages[{}].role", *scan.no_role);
      return invalid_request(fmt::format("Missing required parameter: '{}'.", field), field,
                             "missing_required_parameter");
    }
    return std::nullopt;
  }
  if (path == "/v1/completions") return check(body, scan.prompt, "prompt");
  if (path == "/v1/embeddings") return check(body, scan.input, "input");
  if (path == "/v1/rerank") {
    if (auto error = check(body, scan.query, "query")) return error;
    return check(body, scan.documents, "documents");
  }
  return std::nullopt;  // /v1/responses: input, or a prompt or an earlier response instead
}

}  // namespace studio
