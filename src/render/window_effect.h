// Effects that show a moving window of the picture: zooms and shakes.
#pragma once

#include "render/effect_registry.h"

namespace studio {

class WindowEffect : public PictureEffect {
 public:
  explicit WindowEffect(const EffectValues& values) : values_(values) {}
  void apply(const RasterView& picture, Time at) final;
  bool acts_at(Time at) const final;

 protected:
  struct View {
    double scale = 1;                 // 1: the whole picture, 2: half of it, enlarged twice
    double x = 0.5, y = 0.5;          // the point that is kept in view, in fractions of the picture
    double shift_x = 0, shift_y = 0;  // moves the window, in fractions of the picture
  };
  virtual View view_at(Time at) const = 0;
  EffectValues values_;

 private:
  Raster scratch_;
};

// Smooth start and end, 0..1 -> 0..1.
double smoothstep(double t);

}  // namespace studio
