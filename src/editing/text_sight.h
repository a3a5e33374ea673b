// Is a text really to be seen in a picture? By what drawing it changes, or by its shape alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "editing/fingerprint.h"

namespace studio {

struct TextSighting {
  double visibility = 0;  // 0 not there, 1 as drawn; by shape: the correlation with the expected letters
  double contrast = 0;    // of the letters against what lies under them, 0..255
  double share = 0;       // of the picture that the letters cover
  bool visible = false;
};

// `drawn` and `bare` are the plan's small pictures with and without the text: what differs is the text, and
// the file's picture is asked how much of that difference it shows. Empty when the text changes nothing in
// `drawn` (nothing was drawn, or in the colour of what lies under it): then it cannot be seen either.
std::optional<TextSighting> text_in_place(const StillPicture& file, const StillPicture& drawn,
                                          const StillPicture& bare);

// Without a plan neither font, size nor place is known: the text is set in the studio's font at several
// sizes and looked for everywhere, in the picture itself or, when `bare` is known (the source frame without
// text), in what was changed. Errors: those of the text painter.
Result<TextSighting> text_by_shape(const StillPicture& file, const StillPicture* bare, std::string_view text);

}  // namespace studio
