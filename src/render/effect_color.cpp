// Colour by a table a plane: black_and_white, saturation, brightness, contrast, tint.
#include <algorithm>
#include <cmath>
#include <vector>

#include "render/effect_registry.h"
#include "render/samples.h"

namespace studio {
namespace {

// What happens to each luma value and to the two chroma values.
struct Curves {
  double luma_gain = 1, luma_offset = 0;  // around black, in parts of the white-black range
  double luma_pivot = 0;                  // 0: black, 0.5: mid grey
  double chroma_gain = 1;
  double cb_offset = 0, cr_offset = 0;  // in parts of the chroma range
  bool plain() const {
    return luma_gain == 1 && luma_offset == 0 && chroma_gain == 1 && cb_offset == 0 && cr_offset == 0;
  }
};

void map_plane(const RasterView& picture, const Plane& plane, const std::vector<std::uint16_t>& table) {
  with_samples(picture, [&]<typename Sample>(Sample) {
    for (int row = 0; row < plane.height; ++row) {
      Sample* samples = row_of<Sample>(plane, row);
      for (int x = 0; x < plane.width; ++x) samples[x] = static_cast<Sample>(table[samples[x]]);
    }
  });
}

std::vector<std::uint16_t> table_of(const RasterView& picture, double gain, double offset, double pivot) {
  const int top = max_sample(picture);
  std::vector<std::uint16_t> table(static_cast<std::size_t>(picture.depth <= 8 ? 256 : 65536),
                                   static_cast<std::uint16_t>(top));
  for (int i = 0; i <= top; ++i)
    table[i] = static_cast<std::uint16_t>(
        std::clamp(std::lround((i - pivot) * gain + pivot + offset), 0L, long{top}));
  return table;
}

void apply_curves(const RasterView& picture, const Curves& curves) {
  const double range = white_luma(picture) - black_luma(picture);
  if (curves.luma_gain != 1 || curves.luma_offset != 0)
    map_plane(picture, picture.y,
              table_of(picture, curves.luma_gain, curves.luma_offset * range,
                       black_luma(picture) + curves.luma_pivot * range));
  const double neutral = neutral_chroma(picture), chroma_range = range * 224 / 219;
  if (curves.chroma_gain != 1 || curves.cb_offset != 0)
    map_plane(picture, picture.u,
              table_of(picture, curves.chroma_gain, curves.cb_offset * chroma_range, neutral));
  if (curves.chroma_gain != 1 || curves.cr_offset != 0)
    map_plane(picture, picture.v,
              table_of(picture, curves.chroma_gain, curves.cr_offset * chroma_range, neutral));
}

class ColorEffect final : public PictureEffect {
 public:
  using CurvesAt = Curves (*)(const EffectValues&, Time);
  ColorEffect(const EffectValues& values, CurvesAt curves_at) : values_(values), curves_at_(curves_at) {}
  bool acts_at(Time at) const override { return values_.active_at(at) && !curves_at_(values_, at).plain(); }
  void apply(const RasterView& picture, Time at) override { apply_curves(picture, curves_at_(values_, at)); }

 private:
  EffectValues values_;
  CurvesAt curves_at_;
};

EffectDefinition color_effect(std::string id, std::string description, std::vector<EffectParameter> params,
                              ColorEffect::CurvesAt curves_at) {
  EffectDefinition d;
  d.info.id = std::move(id);
  d.info.description = std::move(description);
  d.info.params = std::move(params);
  d.make = [curves_at](const EffectValues& values, const EffectStage&) {
    return std::make_unique<ColorEffect>(values, curves_at);
  };
  return d;
}

Curves tint_curves(const EffectValues& values, Time at) {
  const double amount = values.number("amount", at);
  const Rgba color = values.color("color");
  RasterView like;
  const auto [y, cb, cr] = to_ycbcr(color, like);
  Curves curves;
  curves.chroma_gain = 1 - amount;
  curves.cb_offset = amount * (cb - 128) / 224.0 * 0.6;
  curves.cr_offset = amount * (cr - 128) / 224.0 * 0.6;
  return curves;
}

}  // namespace

EffectDefinition black_and_white_effect() {
  return color_effect("black_and_white", "takes the colour out",
                      {number_parameter("amount", "", 0, 1, 1, "1: no colour at all")},
                      [](const EffectValues& values, Time at) {
                        Curves curves;
                        curves.chroma_gain = 1 - values.number("amount", at);
                        return curves;
                      });
}

EffectDefinition saturation_effect() {
  return color_effect("saturation", "stronger or weaker colour",
                      {number_parameter("amount", "times", 0, 4, 1.4, "1: as it is, 0: none, 2: twice")},
                      [](const EffectValues& values, Time at) {
                        Curves curves;
                        curves.chroma_gain = values.number("amount", at);
                        return curves;
                      });
}

EffectDefinition brightness_effect() {
  return color_effect(
      "brightness", "lighter or darker",
      {number_parameter("amount", "", -1, 1, 0.1, "part of the range from black to white to add")},
      [](const EffectValues& values, Time at) {
        Curves curves;
        curves.luma_offset = values.number("amount", at);
        return curves;
      });
}

EffectDefinition contrast_effect() {
  return color_effect("contrast", "harder or softer light, around mid grey",
                      {number_parameter("amount", "times", 0, 4, 1.2, "1: as it is")},
                      [](const EffectValues& values, Time at) {
                        Curves curves;
                        curves.luma_gain = values.number("amount", at);
                        curves.luma_pivot = 0.5;
                        curves.chroma_gain = std::sqrt(curves.luma_gain);
                        return curves;
                      });
}

EffectDefinition tint_effect() {
  return color_effect("tint", "colours the picture: warm, cold, sepia",
                      {number_parameter("amount", "", 0, 1, 0.3, "1: only this colour"),
                       color_parameter("color", "#ffb060", "the colour")},
                      tint_curves);
}

}  // namespace studio
