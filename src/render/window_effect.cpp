// The moving window: keeps inside the picture and resamples without jitter.
#include "render/window_effect.h"

#include <algorithm>
#include <cmath>

namespace studio {

double smoothstep(double t) {
  t = std::clamp(t, 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

bool WindowEffect::acts_at(Time at) const {
  if (!values_.active_at(at)) return false;
  const View view = view_at(at);
  return std::abs(view.scale - 1) > 1e-6 || view.shift_x != 0 || view.shift_y != 0;
}

void WindowEffect::apply(const RasterView& picture, Time at) {
  const View view = view_at(at);
  const double scale = std::max(1.0, view.scale);
  const double width = picture.width / scale, height = picture.height / scale;
  // The point stays where it is on screen, so a zoom on it does not swing the picture about;
  // the window never leaves the picture.
  auto place = [](double point, double shift, double whole, double part) {
    return std::clamp(point * (whole - part) + shift * whole, 0.0, whole - part);
  };
  const Window window{place(view.x, view.shift_x, picture.width, width),
                      place(view.y, view.shift_y, picture.height, height), width, height};
  if (scratch_.empty() || format_of(scratch_.view()) != format_of(picture))
    scratch_ = Raster(format_of(picture));
  copy(picture, scratch_.view());
  resample(scratch_.view(), window, picture);
}

}  // namespace studio
