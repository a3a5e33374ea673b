// Pixel by pixel, in R'G'B'.
#include "goals/eval_letters.h"

#include <algorithm>
#include <cstdlib>

#include "media/video_reader.h"

namespace studio {

Result<double> coloured_share(const Path& titled, const Path& plain, const std::string& color) {
  TRY_ASSIGN(auto a, VideoReader::open(titled, {.format = "rgb24"}));
  TRY_ASSIGN(auto b, VideoReader::open(plain, {.format = "rgb24"}));
  constexpr int kChanged = 90, kApart = 50, kOutline = 60;  // 8-bit steps
  long changed = 0, right = 0;
  while (true) {
    const auto fa = a.next(), fb = b.next();
    if (!fa) return std::unexpected(fa.error());
    if (!fb) return std::unexpected(fb.error());
    if (!*fa || !*fb) break;
    const FramePlanes& picture = (*fa)->picture;
    const PlaneView &with = picture.plane[0], &without = (*fb)->picture.plane[0];
    for (int y = 0; y < picture.height; ++y) {
      const std::uint8_t* p = with.data + static_cast<std::ptrdiff_t>(y) * with.stride;
      const std::uint8_t* q = without.data + static_cast<std::ptrdiff_t>(y) * without.stride;
      for (int x = 0; x < picture.width; ++x, p += 3, q += 3) {
        if (std::max({std::abs(p[0] - q[0]), std::abs(p[1] - q[1]), std::abs(p[2] - q[2])}) < kChanged)
          continue;
        if (std::max({p[0], p[1], p[2]}) < kOutline) continue;
        ++changed;
        const int red = p[0], green = p[1], blue = p[2];
        right += color == "red"      ? red > green + kApart && red > blue + kApart
                 : color == "yellow" ? red > blue + kApart && green > blue + kApart
                 : color == "green"  ? green > red + kApart && green > blue + kApart
                                     : blue > red + kApart && blue > green + kApart;
      }
    }
  }
  return changed > 0 ? static_cast<double>(right) / static_cast<double>(changed) : 0;
}

}  // namespace studio
