// Letters of unknown size looked for in a picture.
#include "editing/text_sight.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "render/text.h"

namespace studio {
namespace {

// A picture of floats; small, made for one comparison.
struct GrayPlane {
  int width = 0, height = 0;
  std::vector<float> values;
  float at(int x, int y) const {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
};

GrayPlane resized(const StillPicture& picture, int width, int height) {
  GrayPlane out{width, height, {}};
  out.values.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const double sy = std::clamp((y + 0.5) * picture.height / height - 0.5, 0.0, picture.height - 1.0);
    const int y0 = static_cast<int>(sy), y1 = std::min(picture.height - 1, y0 + 1);
    const double fy = sy - y0;
    for (int x = 0; x < width; ++x) {
      const double sx = std::clamp((x + 0.5) * picture.width / width - 0.5, 0.0, picture.width - 1.0);
      const int x0 = static_cast<int>(sx), x1 = std::min(picture.width - 1, x0 + 1);
      const double fx = sx - x0;
      const auto p = [&](int px, int py) {
        return static_cast<double>(
            picture.luma[static_cast<std::size_t>(py) * static_cast<std::size_t>(picture.width) +
                         static_cast<std::size_t>(px)]);
      };
      out.values.push_back(static_cast<float>((p(x0, y0) * (1 - fx) + p(x1, y0) * fx) * (1 - fy) +
                                              (p(x0, y1) * (1 - fx) + p(x1, y1) * fx) * fy));
    }
  }
  return out;
}

// Letters as light on dark, `width` pixels wide at most, cropped to the text. With an edge they have the dark
// outline and shadow of the studio's titles: over a bright picture that changes more than the letters do.
Result<GrayPlane> letters(const TextPainter& painter, std::string_view text, double size, bool edged,
                          int width, int height) {
  TextStyle style;
  style.size = size;
  style.smallest = size;
  if (edged) style.outline = 0.05, style.shadow = 0.06;
  TRY_ASSIGN(const RenderedText painted, painter.paint(text, style, width, height));
  GrayPlane plane{painted.image.width, painted.image.height, {}};
  if (painted.cut) return GrayPlane{};
  for (int y = 0; y < plane.height; ++y)
    for (int x = 0; x < plane.width; ++x) {
      const std::uint8_t* pixel = painted.image.at(x, y);
      const float change = edged ? (pixel[0] - 128.f) / 127.f : 1.f;  // against a middle gray
      plane.values.push_back(change * pixel[3] / 255.f);
    }
  return plane;
}

GrayPlane halved(const GrayPlane& in) {
  GrayPlane out{in.width / 2, in.height / 2, {}};
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      out.values.push_back((in.at(2 * x, 2 * y) + in.at(2 * x + 1, 2 * y) + in.at(2 * x, 2 * y + 1) +
                            in.at(2 * x + 1, 2 * y + 1)) /
                           4);
  return out;
}

// Normalised correlation of `letters` with `picture` at (x0, y0); -1..1.
double correlation(const GrayPlane& picture, const GrayPlane& letters, int x0, int y0) {
  double sp = 0, spp = 0, sl = 0, sll = 0, spl = 0;
  for (int y = 0; y < letters.height; ++y) {
    const float* p =
        &picture.values[static_cast<std::size_t>(y0 + y) * static_cast<std::size_t>(picture.width) +
                        static_cast<std::size_t>(x0)];
    const float* l = &letters.values[static_cast<std::size_t>(y) * static_cast<std::size_t>(letters.width)];
    float a = 0, aa = 0, b = 0, bb = 0, ab = 0;
    for (int x = 0; x < letters.width; ++x) {
      a += p[x], aa += p[x] * p[x], b += l[x], bb += l[x] * l[x], ab += p[x] * l[x];
    }
    sp += a, spp += aa, sl += b, sll += bb, spl += ab;
  }
  const double n = static_cast<double>(letters.values.size());
  const double vp = spp - sp * sp / n, vl = sll - sl * sl / n;
  if (vp < 25 * n || vl < 1e-3 * n) return 0;  // a flat area holds no text
  return (spl - sp * sl / n) / std::sqrt(vp * vl);
}

// The highest correlation of the letters with any place of the picture, found in half of its size first.
double best_likeness(const GrayPlane& picture, const GrayPlane& half, const GrayPlane& full) {
  if (full.width < 8 || full.width > picture.width || full.height > picture.height) return 0;
  const GrayPlane small = halved(full);
  if (small.width < 6 || small.height < 3) return 0;
  int bx = -1, by = -1;
  double found = 0, top = 0;
  for (int y = 0; y + small.height <= half.height; ++y)
    for (int x = 0; x + small.width <= half.width; ++x) {
      const double c = std::abs(correlation(half, small, x, y));
      if (c > found) found = c, bx = x, by = y;
    }
  if (bx < 0 || found < 0.3) return 0;
  for (int y = std::max(0, 2 * by - 2); y <= 2 * by + 2; ++y)
    for (int x = std::max(0, 2 * bx - 2); x <= 2 * bx + 2; ++x)
      if (y + full.height <= picture.height && x + full.width <= picture.width)
        top = std::max(top, std::abs(correlation(picture, full, x, y)));
  return top;
}

}  // namespace

Result<TextSighting> text_by_shape(const StillPicture& file, const StillPicture* bare,
                                   std::string_view text) {
  TRY_ASSIGN(const TextPainter painter, TextPainter::create());
  GrayPlane picture = resized(file, file.width, file.height);
  if (bare && bare->width > 0) {
    // Only what was changed; letters are brighter or darker than what they cover.
    const GrayPlane under = resized(*bare, file.width, file.height);
    for (std::size_t i = 0; i < picture.values.size(); ++i) picture.values[i] -= under.values[i];
  }
  const GrayPlane half = halved(picture);
  TextSighting best;
  double top = 0;
  for (const bool edged : {false, true})
    for (double size = file.height * 0.05; size <= file.height * 0.3; size *= 1.06) {
      const auto full = letters(painter, text, size, edged, static_cast<int>(file.width * 0.98), file.height);
      if (!full) continue;
      const double found = best_likeness(picture, half, *full);
      if (found <= top) continue;
      top = found;
      best.share = static_cast<double>(full->values.size()) / static_cast<double>(picture.values.size());
    }
  best.visibility = top;
  // Letters of another text reach about 0.4 by chance at the best of all places and sizes.
  best.visible = top > 0.55;
  return best;
}

}  // namespace studio
