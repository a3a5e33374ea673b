// Sample types behind a Plane: run the same code on 8-bit and on deeper pictures.
#pragma once

#include <algorithm>
#include <cstdint>

#include "render/raster.h"

namespace studio {

template <typename Sample>
Sample* row_of(const Plane& plane, int row) {
  return reinterpret_cast<Sample*>(plane.data + row * plane.stride);
}

// Calls `work` with a value of the sample's type: with_samples(p, [&]<typename S>(S) { ... }).
template <typename Work>
void with_samples(const RasterView& picture, Work&& work) {
  if (picture.depth <= 8)
    work(std::uint8_t{});
  else
    work(std::uint16_t{});
}

inline int max_sample(const RasterView& picture) {
  return (1 << picture.depth) - 1;
}
inline int neutral_chroma(const RasterView& picture) {
  return 1 << (picture.depth - 1);
}
inline int black_luma(const RasterView& picture) {
  return 16 << (picture.depth - 8);
}
inline int white_luma(const RasterView& picture) {
  return 235 << (picture.depth - 8);
}
inline int bytes_per_sample(const RasterView& picture) {
  return picture.depth <= 8 ? 1 : 2;
}

// x * a / 255 for bytes, rounded, without a division.
inline int scale_by_255(int x) {
  return (x + 128 + ((x + 128) >> 8)) >> 8;
}

}  // namespace studio
