// zoom_punch: a quick zoom on a point that stays. slow_zoom: a steady push in or pull out.
#include <algorithm>
#include <cmath>

#include "render/window_effect.h"

namespace studio {
namespace {

class ZoomPunch final : public WindowEffect {
 public:
  explicit ZoomPunch(const EffectValues& values)
      : WindowEffect(values), out_(values.text("direction") == "out") {}

 private:
  View view_at(Time at) const override {
    const double scale = values_.number("scale", at);
    const double attack = values_.number("attack_s"), release = values_.number("release_s");
    const double in = values_.seconds_in(at), left = values_.seconds_left(at);
    double amount = attack <= 0 ? 1 : smoothstep(in / attack);
    if (out_) amount = 1 - amount;
    if (release > 0 && !out_) amount = std::min(amount, smoothstep(left / release));
    return {1 + (scale - 1) * amount, values_.number("x", at), values_.number("y", at)};
  }
  bool out_;
};

class SlowZoom final : public WindowEffect {
 public:
  explicit SlowZoom(const EffectValues& values)
      : WindowEffect(values), out_(values.text("direction") == "out") {}

 private:
  View view_at(Time at) const override {
    const double t = out_ ? 1 - values_.progress(at) : values_.progress(at);
    // Geometric, so that the speed looks the same throughout.
    return {std::pow(values_.number("scale", at), t), values_.number("x", at), values_.number("y", at)};
  }
  bool out_;
};

EffectParameter point(std::string name, std::string what) {
  return number_parameter(std::move(name), "", 0, 1, 0.5,
                          "point to zoom on, fraction of the picture " + what);
}

}  // namespace

EffectDefinition zoom_punch_effect() {
  EffectDefinition d;
  d.info.id = "zoom_punch";
  d.info.description = "a quick zoom on a point or the subject";
  d.info.params = {
      number_parameter("scale", "times", 1, 8, 1.4, "how much larger at the strongest"),
      choice_parameter("direction", {"in", "out"}, "in: from the whole to the point; out: back from it"),
      point("x", "width"),
      point("y", "height"),
      number_parameter("attack_s", "s", 0, 10, 0.12, "time it takes to zoom", false),
      number_parameter("release_s", "s", 0, 10, 0, "time to come back before the end; 0: a hard end", false)};
  d.make = [](const EffectValues& values, const EffectStage&) { return std::make_unique<ZoomPunch>(values); };
  return d;
}

EffectDefinition slow_zoom_effect() {
  EffectDefinition d;
  d.info.id = "slow_zoom";
  d.info.description = "a slow push in or pull out over the whole clip";
  d.info.params = {
      number_parameter("scale", "times", 1, 4, 1.15, "how much larger at the end (in) or start (out)"),
      choice_parameter("direction", {"in", "out"}, "push in or pull out"), point("x", "width"),
      point("y", "height")};
  d.make = [](const EffectValues& values, const EffectStage&) { return std::make_unique<SlowZoom>(values); };
  return d;
}

}  // namespace studio
