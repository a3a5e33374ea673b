// What each endpoint needs of a request, checked before any model is loaded for it.
#pragma once

#include <optional>
#include <string_view>

#include "gateway/openai_errors.h"
#include "gateway/request_scan.h"

namespace studio {

// 400 in the words of OpenAI's API, with `param` and `code` set: a field of the wrong type (invalid_type),
// one that is needed and missing (missing_required_parameter), an empty list (empty_array), a figure out of
// range (integer_below_min_value and the like). Costs nothing
// that grows with the body. `path` as in the URL ("/v1/chat/completions").
std::optional<ApiError> wrong_shape(std::string_view path, const RequestScan& scan, std::string_view body);

}  // namespace studio
