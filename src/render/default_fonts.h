// Which font text gets that names none: configs/fonts.yaml, and the person's own file over it.
#pragma once

#include <string>
#include <string_view>

namespace studio {

// kind: "title", "lower_third", "caption", "subtitles". DejaVu Sans when no file says otherwise.
std::string default_font(std::string_view kind);

}  // namespace studio
