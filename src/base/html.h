// Words of a person, put into HTML.
#pragma once

#include <string>
#include <string_view>

namespace studio {

// Safe as text and within quoted attributes.
std::string html_escaped(std::string_view text);

}  // namespace studio
