// Numbers of one frame and of its change from the frame before, from working pictures.
#pragma once

#include <vector>

#include "analysis/features.h"
#include "analysis/working_picture.h"

namespace studio {

// Goes through one clip in order. Not thread-safe.
class FrameMeasurer {
 public:
  // Everything but pts and motion. A change of the working size (a stream that changes its
  // resolution) is treated as a first frame, with block differences deciding what it was.
  FrameFeatures measure(const WorkingPicture& picture);

 private:
  struct Hsv {
    std::vector<std::uint8_t> hue, saturation, value;
  };
  void convert(const WorkingPicture& picture);
  void measure_change(const WorkingPicture& picture, FrameFeatures& out) const;

  std::vector<std::uint8_t> previous_luma_;
  int width_ = 0, height_ = 0;
  Hsv now_, before_;
};

}  // namespace studio
