// Clips that come from no file: titles, captions, subtitles, colours; sounds.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "render/effects.h"
#include "render/raster.h"
#include "timeline/timeline.h"

namespace studio {

// Kinds with a picture: "title", "lower_third", "caption", "color", "subtitles".
bool makes_picture(const Generator& generator);
// Kinds with sound: "impact", "whoosh", "riser", "boing", "tone", "silence".
bool makes_sound(const Generator& generator);

// Draws itself straight onto the canvas, so that a frame costs only the pixels it covers.
class GeneratedPicture {
 public:
  // `warnings` collects missing glyphs and replaced fonts. Errors: not_found (unknown kind, no such
  // subtitle file), invalid_input (parameters), missing_part (no font at all).
  static Result<GeneratedPicture> create(const Generator& generator, const EffectStage& stage,
                                         std::vector<std::string>& warnings);
  GeneratedPicture(GeneratedPicture&&) noexcept;
  GeneratedPicture& operator=(GeneratedPicture&&) noexcept;
  ~GeneratedPicture();

  bool acts_at(Time at) const;  // false: nothing to draw at this time
  // True when it covers every pixel, opaque: what lies under it need not be drawn.
  bool covers_canvas(Time at) const;
  void draw(const RasterView& canvas, Time at);

  class Drawing;  // one kind's own state; see text.cpp, subtitles.cpp

 private:
  explicit GeneratedPicture(std::unique_ptr<Drawing> drawing);
  std::unique_ptr<Drawing> drawing_;
};

// The sound of a generator, `duration` long, all channels alike, interleaved; peak at most
// 10^(level_db/20). The same generator, rate and duration always give the same samples.
// Errors: not_found (unknown kind), invalid_input (parameters), limit_exceeded (over an hour).
Result<std::vector<float>> generate_sound(const Generator& generator, Time duration, int sample_rate,
                                          int channels);

// Checks kind and parameters without making anything.
Result<void> check_generator(const Generator& generator, std::string_view on);

}  // namespace studio
