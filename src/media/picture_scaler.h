// One picture to another size and pixel format (libswscale).
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "media/frame.h"

namespace studio {

struct PictureScalerOptions {
  int width = 0, height = 0;  // 0: as the input
  std::string format{};       // FFmpeg pixel format name; empty: as the input
  bool fast = false;          // bilinear rather than area (shrinking) or bicubic (growing)
};

// Keeps its tables from picture to picture; input sizes and formats may change on the way.
// Colour matrix and range of the input are honoured (untagged: BT.709 from 720 lines, else BT.601).
class PictureScaler {
 public:
  static Result<PictureScaler> create(const PictureScalerOptions& options);
  PictureScaler(PictureScaler&&) noexcept;
  PictureScaler& operator=(PictureScaler&&) noexcept;
  ~PictureScaler();

  Result<Frame> scale(const Frame& frame);

 private:
  struct State;
  explicit PictureScaler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Turned clockwise by 0, 90, 180 or 270 degrees. Packed formats only (gray, rgb24, rgba, ...).
Result<Frame> rotated(const Frame& frame, int clockwise);

}  // namespace studio
