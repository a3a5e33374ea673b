// The picture the effects work on: planar Y'CbCr samples, and views of them that own nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace studio {

enum class ColorMatrix { bt601, bt709 };

struct Rgba {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;
  friend bool operator==(const Rgba&, const Rgba&) = default;
};

// One plane of samples. 8-bit samples are bytes, deeper ones are native-endian 16-bit words.
struct Plane {
  std::uint8_t* data = nullptr;
  std::ptrdiff_t stride = 0;  // bytes from one row to the next
  int width = 0, height = 0;  // samples
};

// Limited range ("TV") Y'CbCr, 4:2:0, 4:2:2 or 4:4:4, with or without an alpha plane.
// Alpha is straight (not multiplied in), full range, at luma resolution and the same depth.
// A view over memory of somebody else (an AVFrame's planes, a Raster).
struct RasterView {
  int width = 0, height = 0;
  int depth = 8;                 // 8 to 16 bits
  int shift_x = 1, shift_y = 1;  // chroma subsampling, log2: 1,1 is 4:2:0
  ColorMatrix matrix = ColorMatrix::bt709;
  Plane y, u, v;
  Plane alpha;  // data == nullptr: opaque

  std::array<Plane, 3> planes() const { return {y, u, v}; }
  bool has_alpha() const { return alpha.data != nullptr; }
};

// Width or height of a chroma plane.
constexpr int subsampled(int size, int shift) {
  return (size + (1 << shift) - 1) >> shift;
}

// The part of a view inside x, y, width, height. x and y are rounded down to whole chroma samples.
RasterView part_of(const RasterView& picture, int x, int y, int width, int height);

struct RasterFormat {
  int width = 0, height = 0;
  int depth = 8;
  int shift_x = 1, shift_y = 1;
  bool alpha = false;
  ColorMatrix matrix = ColorMatrix::bt709;
  friend bool operator==(const RasterFormat&, const RasterFormat&) = default;
};
RasterFormat format_of(const RasterView& picture);

// A picture that owns its samples; rows are aligned for vector loads. Contents start as black, opaque.
class Raster {
 public:
  Raster() = default;
  explicit Raster(const RasterFormat& format);
  Raster(const Raster&) = delete;
  Raster& operator=(const Raster&) = delete;
  Raster(Raster&&) = default;
  Raster& operator=(Raster&&) = default;

  const RasterView& view() const { return view_; }
  bool empty() const { return storage_.empty(); }

 private:
  std::vector<std::uint8_t> storage_;
  RasterView view_;
};

// Y, Cb, Cr of an RGB colour at the view's depth and matrix (ITU-R BT.601 / BT.709, limited range).
std::array<int, 3> to_ycbcr(Rgba color, const RasterView& like);
// Back again, from one pixel of the picture: for tests and reports.
Rgba pixel_at(const RasterView& picture, int x, int y);

void fill(const RasterView& picture, Rgba color);
// Same format and size on both sides.
void copy(const RasterView& from, const RasterView& to);

// A window of a picture in luma samples: the edges may lie between samples.
struct Window {
  double x = 0, y = 0, width = 0, height = 0;
};

// Draws `window` of `source` over the whole of `target`, exact to the sub-pixel, with a bicubic
// (Catmull-Rom) kernel widened when it shrinks, so that nothing jitters and nothing aliases.
// Outside the source the nearest edge sample is repeated. Depth and subsampling must match.
void resample(const RasterView& source, const Window& window, const RasterView& target);

// Lays `layer` over `base` with its top left corner at x, y (may be outside), its alpha and
// `opacity` (0..1). Where the base has an alpha plane it is composited too (Porter-Duff "over").
void blend(const RasterView& base, const RasterView& layer, int x, int y, double opacity = 1);

// Gaussian blur in place (three box blurs); `sigma` in fractions of the picture's height.
void blur(const RasterView& picture, double sigma);

// Lays a colour over a rectangle (clipped to the picture), with the colour's alpha.
void blend_rectangle(const RasterView& base, int x, int y, int width, int height, Rgba color);

}  // namespace studio
