// Is a text to be seen in a picture of which no plan is known? By its shape alone; with a plan see
// text_looks.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "editing/fingerprint.h"

namespace studio {

struct TextSighting {
  double visibility = 0;  // the correlation with the expected letters, 0..1
  double share = 0;       // of the picture that the letters cover
  bool visible = false;
};

// Without a plan neither font, size nor place is known: the text is set in the studio's font at several
// sizes and looked for everywhere, in the picture itself or, when `bare` is known (the source frame without
// text), in what was changed. Errors: those of the text painter.
Result<TextSighting> text_by_shape(const StillPicture& file, const StillPicture* bare, std::string_view text);

}  // namespace studio
