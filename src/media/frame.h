// A picture or a piece of sound by reference, and a plain view of its planes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/time.h"

struct AVFrame;

namespace studio {

// One plane of a picture. Rows are `stride` bytes apart (may be negative); samples deeper
// than 8 bits are 16-bit little endian.
struct PlaneView {
  const std::uint8_t* data = nullptr;
  int stride = 0;
  int width = 0, height = 0;  // in samples (pixels when packed)
};

// The memory of a picture as it was decoded: no copy, valid while the Frame lives.
struct FramePlanes {
  int width = 0, height = 0;
  std::string_view format;  // FFmpeg's name: "yuv420p", "yuv420p10le", "gray", "bgr24", ...
  int bit_depth = 8;        // of each component
  int chroma_shift_x = 0, chroma_shift_y = 0;  // log2 of the chroma subsampling
  int planes = 0;
  bool luma_plane = false;  // plane 0 holds one luma sample per pixel (planar YUV, NV12, gray)
  bool full_range = false;  // luma 0..255 rather than 16..235 (in 8-bit terms)
  std::array<PlaneView, 4> plane;
};

// Shares ownership of decoded data; copying a Frame copies a pointer.
// Whoever writes into the data asks for unshared() first (the filters do so themselves).
class Frame {
 public:
  Frame() = default;
  // Takes ownership.
  explicit Frame(AVFrame* frame);

  explicit operator bool() const { return frame_ != nullptr; }
  AVFrame* native() const { return frame_.get(); }

  int width() const;
  int height() const;
  std::string_view format() const;  // pixel or sample format name
  std::int64_t samples() const;     // per channel, 0 for pictures
  std::int64_t bytes() const;       // memory behind the data pointers
  FramePlanes picture() const;

  // A new reference to the same data with its own timestamp, in ticks of the graph or encoder.
  Frame with_pts(std::int64_t pts) const;
  std::int64_t pts() const;

  // The same picture in memory that nobody else refers to: itself when that is so already, else a
  // copy. Empty when memory is short.
  Frame unshared() &&;

  // A writable picture of its own; empty when memory is short or the format name is unknown.
  // Colours are tagged BT.709 limited for YUV formats.
  static Frame make_picture(int width, int height, std::string_view format);
  // A block of planar float sound.
  static Frame make_sound(int samples, int channels, int sample_rate);
  std::uint8_t* writable_plane(int index, int* stride);
  float* writable_channel(int index);

 private:
  std::shared_ptr<AVFrame> frame_;
};

}  // namespace studio
