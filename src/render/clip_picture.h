// One clip's picture as it plays: the right source frame, conformed, with its effects.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/conformer.h"
#include "render/effects.h"
#include "render/frame_sampler.h"
#include "render/generators.h"
#include "render/placement.h"
#include "timeline/timeline.h"

namespace studio {

// The canvas all pictures are made for.
struct Canvas {
  int width = 0, height = 0;
  Rational frame_rate;
  std::string format;  // working pixel format, without alpha: "yuv420p", "yuv422p10le", ...
};

class ClipPicture {
 public:
  // overlay: on a track above the lowest one. `warnings` collects what generators say and what is
  // wrong with the source; it must outlive the picture.
  static Result<std::unique_ptr<ClipPicture>> open(const Clip& clip, const Canvas& canvas, bool overlay,
                                                   ReaderPool& pool, std::vector<std::string>& warnings);
  ClipPicture(const ClipPicture&) = delete;
  ClipPicture& operator=(const ClipPicture&) = delete;

  // Puts the clip as it looks at `at` (from its start; beyond its ends inside transitions) over
  // `base`. An empty base is a black canvas, see-through when `keep_alpha`. When the clip covers
  // the whole canvas the result is its own picture, uncopied where possible.
  Result<Frame> over(Frame base, Time at, bool keep_alpha);

 private:
  ClipPicture(const Clip& clip, const Canvas& canvas, std::vector<std::string>& warnings)
      : clip_(clip), canvas_(canvas), warnings_(warnings) {}
  void warn_of_the_source(const SampledFrame& sampled);
  Result<void> open_file(const MediaFile& file, bool overlay, ReaderPool& pool);
  Result<void> open_generator(const Generator& generator, bool overlay);
  Result<Frame> cell_at(Time at);
  Result<Frame> generated_over(Frame base, Time at, bool keep_alpha);
  Frame fresh(bool alpha) const;

  const Clip& clip_;
  Canvas canvas_;
  std::vector<std::string>& warnings_;
  bool warned_of_end_ = false, warned_of_damage_ = false;
  std::optional<ClipLook> look_;
  bool cell_alpha_ = false;

  std::optional<FrameSampler> sampler_;
  std::optional<Conformer> conformer_;
  std::optional<Time> conformed_pts_;  // of conformed_: frames shown twice are conformed once
  Frame conformed_;

  std::optional<GeneratedPicture> generated_;
  bool generator_has_look_ = false;
};

}  // namespace studio
