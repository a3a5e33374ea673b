// Effects on detail and light: vignette, blur, pixelate, mirror.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "render/effect_registry.h"
#include "render/samples.h"

namespace studio {
namespace {

class Vignette final : public PictureEffect {
 public:
  explicit Vignette(const EffectValues& values) : values_(values) {}
  bool acts_at(Time at) const override { return values_.active_at(at) && values_.number("strength", at) > 0; }
  void apply(const RasterView& picture, Time at) override {
    const double strength = values_.number("strength", at), radius = values_.number("radius", at);
    if (picture.width != width_ || picture.height != height_ || strength != strength_ || radius != radius_)
      measure(picture, strength, radius);
    darken(picture, picture.y, luma_, black_luma(picture));
    darken(picture, picture.u, chroma_, neutral_chroma(picture));
    darken(picture, picture.v, chroma_, neutral_chroma(picture));
  }

 private:
  // Gain of every sample, 1 in 32768ths: full inside `radius` (of the half diagonal), then falling.
  void measure(const RasterView& picture, double strength, double radius) {
    width_ = picture.width;
    height_ = picture.height;
    strength_ = strength;
    radius_ = radius;
    auto fill_gains = [&](std::vector<std::uint16_t>& gains, const Plane& plane) {
      gains.resize(static_cast<std::size_t>(plane.width) * plane.height);
      for (int y = 0; y < plane.height; ++y)
        for (int x = 0; x < plane.width; ++x) {
          const double dx = (x + 0.5) / plane.width * 2 - 1, dy = (y + 0.5) / plane.height * 2 - 1;
          const double distance = std::sqrt((dx * dx + dy * dy) / 2);
          const double t = std::clamp((distance - radius) / std::max(1e-3, 1 - radius), 0.0, 1.0);
          gains[static_cast<std::size_t>(y) * plane.width + x] =
              static_cast<std::uint16_t>(std::lround(32768 * (1 - strength * t * t * (3 - 2 * t))));
        }
    };
    fill_gains(luma_, picture.y);
    fill_gains(chroma_, picture.u);
  }
  static void darken(const RasterView& picture, const Plane& plane, const std::vector<std::uint16_t>& gains,
                     int rest) {
    with_samples(picture, [&]<typename Sample>(Sample) {
      for (int y = 0; y < plane.height; ++y) {
        Sample* samples = row_of<Sample>(plane, y);
        const std::uint16_t* gain = gains.data() + static_cast<std::size_t>(y) * plane.width;
        for (int x = 0; x < plane.width; ++x) {
          const int moved = rest + (((static_cast<int>(samples[x]) - rest) * (gain[x] >> 1) + 8192) >> 14);
          samples[x] = static_cast<Sample>(std::max(moved, 0));
        }
      }
    });
  }
  EffectValues values_;
  int width_ = 0, height_ = 0;
  double strength_ = -1, radius_ = -1;
  std::vector<std::uint16_t> luma_, chroma_;
};

class Blur final : public PictureEffect {
 public:
  explicit Blur(const EffectValues& values) : values_(values) {}
  bool acts_at(Time at) const override { return values_.active_at(at) && values_.number("radius", at) > 0; }
  void apply(const RasterView& picture, Time at) override { blur(picture, values_.number("radius", at)); }

 private:
  EffectValues values_;
};

template <typename Sample>
void pixelate_plane(const Plane& plane, int block_width, int block_height) {
  for (int y0 = 0; y0 < plane.height; y0 += block_height) {
    const int y1 = std::min(y0 + block_height, plane.height);
    for (int x0 = 0; x0 < plane.width; x0 += block_width) {
      const int x1 = std::min(x0 + block_width, plane.width);
      std::uint64_t sum = 0;
      for (int y = y0; y < y1; ++y)
        for (int x = x0; x < x1; ++x) sum += row_of<Sample>(plane, y)[x];
      const auto count = static_cast<std::uint64_t>(y1 - y0) * (x1 - x0);
      const auto mean = static_cast<Sample>((sum + count / 2) / count);
      for (int y = y0; y < y1; ++y) std::fill_n(row_of<Sample>(plane, y) + x0, x1 - x0, mean);
    }
  }
}

class Pixelate final : public PictureEffect {
 public:
  explicit Pixelate(const EffectValues& values) : values_(values) {}
  bool acts_at(Time at) const override { return values_.active_at(at) && values_.number("size", at) > 0; }
  void apply(const RasterView& picture, Time at) override {
    // Whole chroma samples, so that colour and light share their blocks.
    const int block =
        std::max(2, static_cast<int>(std::lround(values_.number("size", at) * picture.height / 2)) * 2);
    with_samples(picture, [&]<typename Sample>(Sample) {
      pixelate_plane<Sample>(picture.y, block, block);
      pixelate_plane<Sample>(picture.u, block >> picture.shift_x, block >> picture.shift_y);
      pixelate_plane<Sample>(picture.v, block >> picture.shift_x, block >> picture.shift_y);
    });
  }

 private:
  EffectValues values_;
};

class Mirror final : public PictureEffect {
 public:
  explicit Mirror(const EffectValues& values) : values_(values), mode_(values.text("mode")) {}
  bool acts_at(Time at) const override { return values_.active_at(at); }
  void apply(const RasterView& picture, Time) override {
    with_samples(picture, [&]<typename Sample>(Sample) {
      for (const Plane& plane : {picture.y, picture.u, picture.v, picture.alpha})
        if (plane.data) turn<Sample>(plane);
    });
  }

 private:
  template <typename Sample>
  void turn(const Plane& plane) const {
    const int w = plane.width, h = plane.height;
    if (mode_ == "vertical")
      for (int y = 0; y < h / 2; ++y)
        std::swap_ranges(row_of<Sample>(plane, y), row_of<Sample>(plane, y) + w,
                         row_of<Sample>(plane, h - 1 - y));
    else if (mode_ == "top" || mode_ == "bottom")
      for (int y = 0; y < h / 2; ++y) {
        const int from = mode_ == "top" ? y : h - 1 - y;
        std::copy_n(row_of<Sample>(plane, from), w, row_of<Sample>(plane, h - 1 - from));
      }
    else
      for (int y = 0; y < h; ++y) {
        Sample* row = row_of<Sample>(plane, y);
        if (mode_ == "left")
          std::reverse_copy(row, row + w / 2, row + w - w / 2);
        else if (mode_ == "right")
          std::reverse_copy(row + w - w / 2, row + w, row);
        else
          std::reverse(row, row + w);
      }
  }
  EffectValues values_;
  std::string mode_;
};

template <typename Kind>
std::unique_ptr<PictureEffect> make(const EffectValues& values, const EffectStage&) {
  return std::make_unique<Kind>(values);
}

}  // namespace

EffectDefinition vignette_effect() {
  EffectDefinition d;
  d.info.id = "vignette";
  d.info.description = "darker towards the corners";
  d.info.params = {
      number_parameter("strength", "", 0, 1, 0.6, "1: the corners are black"),
      number_parameter("radius", "", 0, 0.95, 0.35, "bright inside this part of the half diagonal")};
  d.make = make<Vignette>;
  return d;
}

EffectDefinition blur_effect() {
  EffectDefinition d;
  d.info.id = "blur";
  d.info.description = "out of focus";
  d.info.params = {
      number_parameter("radius", "", 0, 0.2, 0.012, "standard deviation, fraction of the picture's height")};
  d.make = make<Blur>;
  return d;
}

EffectDefinition pixelate_effect() {
  EffectDefinition d;
  d.info.id = "pixelate";
  d.info.description = "large blocks";
  d.info.params = {
      number_parameter("size", "", 0, 0.5, 0.05, "of a block, fraction of the picture's height")};
  d.make = make<Pixelate>;
  return d;
}

EffectDefinition mirror_effect() {
  EffectDefinition d;
  d.info.id = "mirror";
  d.info.description = "turns the picture round, or doubles one half of it";
  d.info.params = {choice_parameter("mode", {"horizontal", "vertical", "left", "right", "top", "bottom"},
                                    "horizontal and vertical flip; the others show that half twice")};
  d.make = make<Mirror>;
  return d;
}

}  // namespace studio
