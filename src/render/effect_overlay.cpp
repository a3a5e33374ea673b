// Effects that lay a colour over the picture: flash, fade_in, fade_out, letterbox.
#include <algorithm>
#include <cmath>

#include "render/effect_registry.h"
#include "render/samples.h"

namespace studio {
namespace {

void lay_over(const RasterView& picture, Rgba color, double opacity) {
  color.a = 255;
  const auto [y, u, v] = to_ycbcr(color, picture);
  const int weight = static_cast<int>(std::lround(std::clamp(opacity, 0.0, 1.0) * 65536));
  auto mix = [&](const Plane& plane, int value) {
    with_samples(picture, [&]<typename Sample>(Sample) {
      const std::int64_t add = static_cast<std::int64_t>(value) * weight + 32768;
      for (int row = 0; row < plane.height; ++row) {
        Sample* samples = row_of<Sample>(plane, row);
        for (int x = 0; x < plane.width; ++x)
          samples[x] =
              static_cast<Sample>((static_cast<std::int64_t>(samples[x]) * (65536 - weight) + add) >> 16);
      }
    });
  };
  mix(picture.y, y);
  mix(picture.u, u);
  mix(picture.v, v);
}

void scale_alpha(const RasterView& picture, double factor) {
  with_samples(picture, [&]<typename Sample>(Sample) {
    for (int row = 0; row < picture.alpha.height; ++row) {
      Sample* samples = row_of<Sample>(picture.alpha, row);
      for (int x = 0; x < picture.alpha.width; ++x)
        samples[x] = static_cast<Sample>(std::lround(samples[x] * factor));
    }
  });
}

class Flash final : public PictureEffect {
 public:
  explicit Flash(const EffectValues& values) : values_(values) {}
  bool acts_at(Time at) const override { return values_.active_at(at) && strength(at) > 1.0 / 512; }
  void apply(const RasterView& picture, Time at) override {
    lay_over(picture, values_.color("color"), strength(at));
  }

 private:
  double strength(Time at) const {
    const double decay = values_.number("decay_s");
    const double in = values_.seconds_in(at);
    if (in < 0) return 0;
    const double left = decay > 0 ? std::max(0.0, 1 - in / decay) : 1;
    return values_.number("strength", at) * left * left;
  }
  EffectValues values_;
};

// The first frame of a fade in and the last of a fade out are all colour.
class Fade final : public PictureEffect {
 public:
  Fade(const EffectValues& values, const EffectStage& stage, bool in)
      : values_(values), stage_(stage), in_(in) {
    const auto frames = std::max<std::int64_t>(
        1, Time::from_seconds(values.number("duration_s")).to_frames(stage.frame_rate));
    first_ = values.first_frame();
    end_ = values.end_frame();
    if (values.whole_item() && in) end_ = std::min(end_, first_ + frames);
    if (values.whole_item() && !in) first_ = std::max(first_, end_ - frames);
  }
  bool acts_at(Time at) const override { return opacity(at) > 0; }
  void apply(const RasterView& picture, Time at) override {
    if (stage_.overlay && picture.has_alpha()) return scale_alpha(picture, 1 - opacity(at));
    lay_over(picture, values_.color("color"), opacity(at));
  }

 private:
  double opacity(Time at) const {
    const std::int64_t frame = values_.frame_at(at);
    if (frame < first_ || frame >= end_) return 0;
    const auto length = static_cast<double>(end_ - first_);
    return in_ ? static_cast<double>(end_ - frame) / length
               : static_cast<double>(frame + 1 - first_) / length;
  }
  EffectValues values_;
  EffectStage stage_;
  bool in_;
  std::int64_t first_ = 0, end_ = 0;
};

class Letterbox final : public PictureEffect {
 public:
  explicit Letterbox(const EffectValues& values) : values_(values) {}
  bool acts_at(Time at) const override { return values_.active_at(at) && values_.number("amount", at) > 0; }
  void apply(const RasterView& picture, Time at) override {
    const double ratio = values_.number("ratio", at), amount = values_.number("amount", at);
    const Rgba color = values_.color("color");
    // Wider than the picture: bars above and below; narrower: at the sides.
    const double own = static_cast<double>(picture.width) / picture.height;
    auto even = [](double bar) { return static_cast<int>(std::lround(bar / 2)) * 2; };
    if (ratio >= own) {
      const int bar = even(amount * (picture.height - picture.width / ratio) / 2);
      blend_rectangle(picture, 0, 0, picture.width, bar, color);
      blend_rectangle(picture, 0, picture.height - bar, picture.width, bar, color);
    } else {
      const int bar = even(amount * (picture.width - picture.height * ratio) / 2);
      blend_rectangle(picture, 0, 0, bar, picture.height, color);
      blend_rectangle(picture, picture.width - bar, 0, bar, picture.height, color);
    }
  }

 private:
  EffectValues values_;
};

EffectDefinition fade_effect(bool in) {
  EffectDefinition d;
  d.info.id = in ? "fade_in" : "fade_out";
  d.info.description =
      in ? "from black (or a colour) and from silence" : "to black (or a colour) and to silence";
  d.info.on = EffectInfo::On::both;
  d.info.params = {
      number_parameter("duration_s", "s", 0, 60, 0.5, "length, unless the effect has a range", false),
      color_parameter("color", "black", "what it comes from or goes to")};
  d.make = [in](const EffectValues& values, const EffectStage& stage) {
    return std::make_unique<Fade>(values, stage, in);
  };
  return d;
}

}  // namespace

EffectDefinition flash_effect() {
  EffectDefinition d;
  d.info.id = "flash";
  d.info.description = "a flash of light that dies away";
  d.info.params = {number_parameter("strength", "", 0, 1, 1, "1: the first frame is all colour"),
                   number_parameter("decay_s", "s", 0, 10, 0.25, "time to die away; 0: holds", false),
                   color_parameter("color", "white", "of the flash")};
  d.make = [](const EffectValues& values, const EffectStage&) { return std::make_unique<Flash>(values); };
  return d;
}

EffectDefinition fade_in_effect() {
  return fade_effect(true);
}
EffectDefinition fade_out_effect() {
  return fade_effect(false);
}

EffectDefinition letterbox_effect() {
  EffectDefinition d;
  d.info.id = "letterbox";
  d.info.description = "bars that make the picture wider (cinema) or narrower";
  d.info.params = {
      number_parameter("ratio", "width/height", 0.2, 5, 2.39, "shape of what stays"),
      number_parameter("amount", "", 0, 1, 1, "0: no bars, 1: full bars; move it to slide them in"),
      color_parameter("color", "black", "of the bars")};
  d.make = [](const EffectValues& values, const EffectStage&) { return std::make_unique<Letterbox>(values); };
  return d;
}

}  // namespace studio
