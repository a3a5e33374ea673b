// RGBA images as layers of the picture's own format, and the list of fonts.
#include <algorithm>
#include <cmath>

#include "render/render.h"
#include "render/samples.h"
#include "render/text.h"

namespace studio {

Raster layer_of(const RgbaImage& image, const RasterView& like) {
  RasterFormat format = format_of(like);
  format.width = (image.width + 1) / 2 * 2;
  format.height = (image.height + 1) / 2 * 2;
  format.alpha = true;
  Raster layer(format);
  const RasterView& view = layer.view();
  fill(view, {0, 0, 0, 0});
  const int scale = 1 << view.shift_x, rows = 1 << view.shift_y;
  with_samples(view, [&]<typename Sample>(Sample) {
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) {
        const std::uint8_t* p = image.at(x, y);
        row_of<Sample>(view.y, y)[x] = static_cast<Sample>(to_ycbcr({p[0], p[1], p[2], 255}, view)[0]);
        row_of<Sample>(view.alpha, y)[x] = static_cast<Sample>(p[3] * max_sample(view) / 255);
      }
    // One chroma sample is the mean of what is visible under it: clear pixels carry no colour.
    for (int cy = 0; cy < view.u.height; ++cy)
      for (int cx = 0; cx < view.u.width; ++cx) {
        double r = 0, g = 0, b = 0, weight = 0;
        for (int y = cy * rows; y < std::min((cy + 1) * rows, image.height); ++y)
          for (int x = cx * scale; x < std::min((cx + 1) * scale, image.width); ++x) {
            const std::uint8_t* p = image.at(x, y);
            r += p[0] * p[3];
            g += p[1] * p[3];
            b += p[2] * p[3];
            weight += p[3];
          }
        if (weight <= 0) continue;
        auto byte = [&](double sum) { return static_cast<std::uint8_t>(std::lround(sum / weight)); };
        const auto color = to_ycbcr({byte(r), byte(g), byte(b), 255}, view);
        row_of<Sample>(view.u, cy)[cx] = static_cast<Sample>(color[1]);
        row_of<Sample>(view.v, cy)[cx] = static_cast<Sample>(color[2]);
      }
  });
  return layer;
}

std::vector<std::string> font_catalog() {
  auto painter = TextPainter::create();
  return painter ? painter->families() : std::vector<std::string>{};
}

}  // namespace studio
