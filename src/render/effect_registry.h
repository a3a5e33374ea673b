// How an effect introduces itself: what it is called, what it takes, how it is made.
// To add one: write its file with a function that returns its definition, declare that function at
// the end of this header and name it in effect_registry().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "render/effects.h"
#include "render/render.h"

namespace studio {

// A colour from "#rrggbb", "#rrggbbaa" or one of black, white, red, green, blue, yellow, orange,
// pink, purple, cyan, gray, transparent.
Result<Rgba> parse_color(std::string_view text);

// One effect's parameters, checked once, read at any time.
class EffectValues {
 public:
  EffectValues(const Effect& effect, const EffectInfo& info, const EffectStage& stage);

  double number(std::string_view name, Time at = {}) const;
  std::string text(std::string_view name) const;
  Rgba color(std::string_view name) const;     // black when it cannot be read (checked before)
  bool constant(std::string_view name) const;  // no keyframes
  bool given(std::string_view name) const;

  // The frames it acts on: [first, end) counted from the item's start at the stage's rate.
  std::int64_t first_frame() const { return first_frame_; }
  std::int64_t end_frame() const { return end_frame_; }
  bool whole_item() const { return !effect_.active.has_value(); }
  bool active_at(Time at) const;
  std::int64_t frame_at(Time at) const { return at.to_frames(rate_); }
  // 0 at the first active frame, 1 at the last one (0 when there is only one).
  double progress(Time at) const;
  // Seconds since the first active frame was shown, and until the active range ends.
  double seconds_in(Time at) const;
  double seconds_left(Time at) const;

 private:
  const EffectParameter* find(std::string_view name) const;
  Effect effect_;
  EffectInfo info_;
  Rational rate_;
  std::int64_t first_frame_ = 0, end_frame_ = 0;
};

// Where in a clip's way to the canvas an effect works.
enum class EffectStep {
  retime,   // becomes Clip::retime; in the catalog so that plans can name it
  framing,  // how the source fits its cell
  placing,  // where the cell stands on the canvas
  picture,  // pixels of the cell
  sound,    // gain over time
};

struct EffectDefinition {
  EffectInfo info;
  EffectStep step = EffectStep::picture;
  // For EffectStep::picture.
  std::function<std::unique_ptr<PictureEffect>(const EffectValues&, const EffectStage&)> make;
};

const std::vector<EffectDefinition>& effect_registry();
const EffectDefinition* find_effect(std::string_view id);
// Known id, known parameters, numbers in range, texts among the choices.
Result<void> check_effect(const Effect& effect, std::string_view on);

// Short forms for the definitions.
EffectParameter number_parameter(std::string name, std::string unit, double minimum, double maximum,
                                 double fallback, std::string description, bool animatable = true);
EffectParameter choice_parameter(std::string name, std::vector<std::string> choices, std::string description);
// A colour as text; `fallback` goes into the description and is used when none is given.
EffectParameter color_parameter(std::string name, std::string fallback, std::string description);

// effect_zoom.cpp, effect_shake.cpp, ...: one function an effect.
EffectDefinition zoom_punch_effect();
EffectDefinition slow_zoom_effect();
EffectDefinition shake_effect();
EffectDefinition flash_effect();
EffectDefinition black_and_white_effect();
EffectDefinition saturation_effect();
EffectDefinition brightness_effect();
EffectDefinition contrast_effect();
EffectDefinition tint_effect();
EffectDefinition vignette_effect();
EffectDefinition blur_effect();
EffectDefinition pixelate_effect();
EffectDefinition mirror_effect();
EffectDefinition letterbox_effect();
EffectDefinition fade_in_effect();
EffectDefinition fade_out_effect();
std::vector<EffectDefinition> retime_effects();   // speed, ramp, freeze, reverse
std::vector<EffectDefinition> framing_effects();  // fit, reframe
std::vector<EffectDefinition> placing_effects();  // picture_in_picture, split_screen
std::vector<EffectDefinition> sound_effects();    // volume, mute, duck

}  // namespace studio
