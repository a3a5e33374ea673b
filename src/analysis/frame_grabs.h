// Single frames of a clip as RGB pictures, for reports, contact sheets and keyframes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/time.h"

namespace studio {

struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // packed rows

  Picture() = default;
  Picture(int w, int h) : width(w), height(h), rgb(static_cast<std::size_t>(w) * h * 3, 0) {}
  std::uint8_t* at(int x, int y) { return rgb.data() + (static_cast<std::size_t>(y) * width + x) * 3; }
  const std::uint8_t* at(int x, int y) const {
    return rgb.data() + (static_cast<std::size_t>(y) * width + x) * 3;
  }
};

// The pictures on screen at `times` (in the file's own time, any order), upright, `width` pixels wide
// (0: as displayed). Errors: as VideoReader::open and seek; not_found when a time gives no picture;
// interrupted.
Result<std::vector<Picture>> grab_frames(const Path& video, const std::vector<Time>& times, int width,
                                         const Job& job = {});

// A small plain font, 5 x 8 dots times `scale`, for labels on contact sheets: ASCII, other characters are
// dots.
void draw_text(Picture& picture, int x, int y, const std::string& text, int scale,
               std::array<std::uint8_t, 3> color);
inline int text_width(const std::string& text, int scale) {
  return static_cast<int>(text.size()) * 6 * scale;
}

}  // namespace studio
