// What a clip's effects do to its picture and its sound, prepared once and applied frame by frame.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "render/raster.h"
#include "timeline/timeline.h"

namespace studio {

// Where the effects act. Times given to the classes below count from the start of the item that
// carries the effects, in timeline time; a frame's time is the time at which it starts to be shown.
struct EffectStage {
  int source_width = 0, source_height = 0;  // upright, square pixels
  int width = 0, height = 0;                // the canvas
  Rational frame_rate{25, 1};
  Time duration;         // of the item
  bool overlay = false;  // true above the lowest video track: fades change alpha
};

// One effect on pixels. Made by the registry (effect_registry.h); one file each.
class PictureEffect {
 public:
  virtual ~PictureEffect() = default;
  // Changes `picture` in place at item time `at`.
  virtual void apply(const RasterView& picture, Time at) = 0;
  // False when it would leave the picture at `at` as it is: the frame is then not touched at all.
  virtual bool acts_at(Time) const { return true; }
};

// The way of one clip's picture from source to canvas, in three steps:
//   source --frame()--> cell --apply()--> cell --compose()--> canvas
// The cell is the canvas itself for most clips (full_canvas()); picture_in_picture and
// split_screen give a smaller one. For most clips framing().fixed is true: conforming can then
// be left to any scaler: crop `crop` of the source, scale it to `place` of the cell, black around.
class ClipLook {
 public:
  struct Framing {
    int cell_width = 0, cell_height = 0;      // even numbers
    Window crop;                              // of the source, in its pixels
    int x = 0, y = 0, width = 0, height = 0;  // where it lands in the cell; even numbers
    bool fixed = true;                        // false: the window moves, or the bars are not black
  };

  // Errors: not_found (an unknown effect, with the known ones), invalid_input (a parameter out of
  // its range, an unknown parameter, a retime given as an effect). Sound effects are passed over.
  static Result<ClipLook> create(std::span<const Effect> effects, const EffectStage& stage);
  ClipLook(ClipLook&&) noexcept;
  ClipLook& operator=(ClipLook&&) noexcept;
  ~ClipLook();

  const Framing& framing() const;
  // Fits the source into the cell at `at`: needed only when framing().fixed is false, right always.
  void frame(const RasterView& source, const RasterView& cell, Time at) const;

  // Whether apply() would change anything at `at`; false costs a few comparisons.
  bool acts_at(Time at) const;
  void apply(const RasterView& cell, Time at);

  // True when the cell is the whole canvas, opaque at `at`: compose() would only copy.
  bool full_canvas(Time at) const;
  // Draws the cell (with its alpha plane, when it has one) where the clip stands at `at`.
  void compose(const RasterView& cell, const RasterView& canvas, Time at) const;

 private:
  struct Parts;
  explicit ClipLook(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The effects on a finished track or timeline picture: ClipLook without framing and placing.
// Framing effects (fit, reframe) and placing ones are refused here.
class PictureEffects {
 public:
  static Result<PictureEffects> create(std::span<const Effect> effects, const EffectStage& stage);
  PictureEffects(PictureEffects&&) noexcept;
  PictureEffects& operator=(PictureEffects&&) noexcept;
  ~PictureEffects();
  bool empty() const;
  bool acts_at(Time at) const;
  void apply(const RasterView& picture, Time at);

 private:
  struct Parts;
  explicit PictureEffects(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Gain over time from an item's sound effects: volume, mute, fade_in, fade_out. Interleaved float.
class SoundEffects {
 public:
  // `gain_db` is the clip's own constant gain.
  static Result<SoundEffects> create(std::span<const Effect> effects, Time duration, int sample_rate,
                                     double gain_db = 0);
  bool unity() const;  // apply() would change nothing anywhere
  // `samples` holds whole frames of `channels`; the first is `first_frame` samples after the start
  // of the item (may be negative for an early sound: the gain at the start holds).
  void apply(std::span<float> samples, int channels, std::int64_t first_frame) const;
  // Linear gain at item time `at`.
  double gain_at(Time at) const;

 private:
  struct Stage {
    Effect effect;
    TimeRange active;
  };
  std::vector<Stage> stages_;
  Time duration_;
  int sample_rate_ = 48000;
  double constant_ = 1;
};

// The "duck" effect among a track's effects, read; see ducking.h.
struct DuckOptions;
Result<std::vector<DuckOptions>> duck_options_of(std::span<const Effect> effects);

// Checks ids and parameters of effects without a stage: for plans and timelines.
// `on` names the place in errors ("clip c3").
Result<void> check_effects(std::span<const Effect> effects, std::string_view on);

}  // namespace studio
