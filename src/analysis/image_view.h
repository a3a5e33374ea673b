// Pictures as the measuring functions see them: borrowed rows of bytes, no engine's type.
#pragma once

#include <cstddef>
#include <cstdint>

namespace studio {

// One plane of 8-bit luma. Rows lie `stride` bytes apart (stride >= width).
struct GrayView {
  const std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  std::ptrdiff_t stride = 0;

  const std::uint8_t* row(int y) const { return data + y * stride; }
  bool empty() const { return data == nullptr || width <= 0 || height <= 0; }
};

// Packed 8-bit R, G, B. Rows lie `stride` bytes apart (stride >= 3 * width).
struct RgbView {
  const std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  std::ptrdiff_t stride = 0;

  const std::uint8_t* row(int y) const { return data + y * stride; }
  bool empty() const { return data == nullptr || width <= 0 || height <= 0; }
};

}  // namespace studio
