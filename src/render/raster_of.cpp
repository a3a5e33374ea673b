// Plane pointers of a frame as a RasterView.
#include "render/raster_of.h"

#include <fmt/format.h>

namespace studio {

RasterView raster_of(const Frame& frame) {
  const FramePlanes planes = frame.picture();
  const auto plane = [](const PlaneView& from) {
    return Plane{const_cast<std::uint8_t*>(from.data), from.stride, from.width, from.height};
  };
  RasterView view;
  view.width = planes.width;
  view.height = planes.height;
  view.depth = planes.bit_depth;
  view.shift_x = planes.chroma_shift_x;
  view.shift_y = planes.chroma_shift_y;
  view.y = plane(planes.plane[0]);
  view.u = plane(planes.plane[1]);
  view.v = plane(planes.plane[2]);
  if (planes.planes == 4) view.alpha = plane(planes.plane[3]);
  return view;
}

std::string with_alpha(const std::string& format, bool alpha) {
  const bool has = format.starts_with("yuva");
  if (has == alpha) return format;
  return fmt::format("yuv{}{}", alpha ? "a" : "", format.substr(alpha ? 3 : 4));
}

}  // namespace studio
