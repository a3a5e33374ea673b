// Brings decoded pictures of any kind to one format: turned upright, cropped, scaled with square
// pixels into a box of a larger frame, BT.709 limited range, tone-mapped when they are HDR.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "media/frame.h"
#include "media/probe.h"

namespace studio {

struct ConformOptions {
  int width = 0, height = 0;       // of the frames that come out
  std::string format = "yuv420p";  // planar YUV, with or without alpha, 8 to 16 bits
  // Part of the upright picture with square pixels (VideoStream::width x height); width 0: all.
  double crop_x = 0, crop_y = 0, crop_width = 0, crop_height = 0;
  // Where it lands; width 0: the whole frame. The rest is black, see-through in formats with alpha.
  int x = 0, y = 0, box_width = 0, box_height = 0;
};

class Conformer {
 public:
  // Errors: unsupported (HDR and this FFmpeg has no zscale and tonemap filters; unknown format).
  static Result<Conformer> create(const VideoStream& stream, const ConformOptions& options);
  Conformer(Conformer&&) noexcept;
  Conformer& operator=(Conformer&&) noexcept;
  ~Conformer();

  // Hands the frame through untouched (and uncopied) when nothing is to be done.
  Result<Frame> conform(const Frame& frame);

 private:
  struct State;
  explicit Conformer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A black picture, see-through when the format has alpha.
Frame blank_picture(int width, int height, const std::string& format);

}  // namespace studio
