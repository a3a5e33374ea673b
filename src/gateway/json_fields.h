// Fields of a request's or an answer's JSON, asked for without caring whether they are there.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace studio {

// Null, absent and "in something that is no object" are all nullptr.
const Json* member(const Json& object, const char* key);
// Empty when it is absent or no text.
std::string text_of(const Json& object, const char* key);
// invalid_input that begins with the field's name.
std::unexpected<Error> reject(std::string_view field, std::string_view why);

}  // namespace studio
