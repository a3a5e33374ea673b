// The small picture that features are measured on: area-averaged straight from the decoded planes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/image_view.h"

namespace studio {

// Planes of a decoded YUV (or gray) picture as the decoder left them. 8..16 bits a sample,
// little endian; samples of more than 8 bits take two bytes.
struct PlanarPicture {
  std::array<const std::uint8_t*, 3> planes{};  // Y, Cb, Cr; no Cb and Cr for gray
  std::array<std::ptrdiff_t, 3> strides{};      // bytes
  int width = 0, height = 0;                    // of luma
  int chroma_shift_x = 1, chroma_shift_y = 1;   // 4:2:0 is 1, 1
  int bits = 8;
  bool full_range = false;
  bool bt709 = true;         // else BT.601
  int rotation = 0;          // clockwise degrees to show it upright
  double sample_aspect = 1;  // width of a pixel over its height
};

// Luma at about 176 pixels of width, chroma at half of that, both upright and in full range.
struct WorkingPicture {
  int width = 0, height = 0;
  int chroma_width = 0, chroma_height = 0;
  std::vector<std::uint8_t> luma, cb, cr;
  bool bt709 = true;
  float sharpness = 0;  // of the full-size luma, see FrameFeatures
  // Pixels per unit of displayed width over pixels per unit of displayed height; 1 when square.
  float anisotropy = 1;

  GrayView view() const { return {luma.data(), width, height, width}; }
};

// Overwrites `out`, reusing its memory. Never fails: sizes were checked when the clip was opened.
void shrink(const PlanarPicture& picture, WorkingPicture& out);

// Luma at roughly `width` pixels, upright, for local sharpness on sampled frames.
struct DetailPlane {
  int width = 0, height = 0;
  std::vector<std::uint8_t> luma;
  GrayView view() const { return {luma.data(), width, height, width}; }
};
void shrink_detail(const PlanarPicture& picture, int width, DetailPlane& out);

// Packed RGB of the working picture.
void to_rgb(const WorkingPicture& picture, std::vector<std::uint8_t>& rgb);

}  // namespace studio
