// ASS subtitles drawn by libass.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "render/generator_registry.h"

namespace studio {

// `script` is the whole file. Missing fonts and glyphs that libass tells of go to `warnings` when
// they are met while drawing cannot be waited for: only what is known at the start.
// Errors: invalid_input (no ASS script).
DrawingResult make_ass_drawing(const std::string& script, std::string_view origin,
                               const std::string& fallback_font, Time offset,
                               std::vector<std::string>& warnings);

}  // namespace studio
