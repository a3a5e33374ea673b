// Base64 of RFC 4648, section 4, with padding.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace studio {

std::string base64_encode(std::string_view bytes);
// invalid_input for other letters, white space and wrong padding.
Result<std::string> base64_decode(std::string_view text);

}  // namespace studio
