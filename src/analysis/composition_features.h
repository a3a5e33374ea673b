// What one sampled frame shows: subject, balance, depth, colours. Numbers only, no judgement of a shot.
#pragma once

#include <array>
#include <vector>

#include "analysis/analysis.h"
#include "analysis/image_view.h"

namespace studio {

// All in 0..1 unless said otherwise.
struct CompositionFeatures {
  float rule_of_thirds = 0;  // how near the subject (or the saliency) lies to a third line
  float power_points = 0;    // ... to a crossing of third lines
  float balance_horizontal = 0, balance_vertical = 0;  // 1: visual weight left = right, top = bottom
  float symmetry = 0;                                  // left half against mirrored right half
  float clutter = 0;                                   // share of busy regions away from the subject
  float exposure = 0;                                  // 1: good use of the range, nothing clipped
  float contrast = 0;                                  // spread of luma
  float brightness = 0;                                // mean luma
  float clipped_dark = 0, clipped_bright = 0;          // share of pixels at the ends of the range
  float saturation = 0;                                // mean HSV saturation
  float headroom = 0;  // 1: the room over the subject is right (about a tenth to a third above)
  float subject_left_room = 0, subject_right_room = 0;  // free width beside the subject, in frame widths
  Box subject;
  float subject_confidence = 0;                // how much the subject stands out from the rest
  float saliency_x = 0.5f, saliency_y = 0.5f;  // centre of gravity of the saliency
  std::array<float, 3> depth_layers{};         // share of the picture: foreground, midground, background
  float sharpness = 0;                         // of the sharpest region; scale as of the detail plane
  std::array<std::array<std::uint8_t, 3>, 5> palette{};  // RGB, most common first
  std::array<float, 5> palette_share{};                  // 0: the picture has fewer colours
};

// `small`: the frame at 96..256 pixels width, area-averaged, display orientation. `detail`: luma at
// full or half size for local sharpness; when empty, `small` is used and depth is coarser.
// About 0.4 ms at 160x90 + a 640x360 detail plane: meant for two frames a second, not for all.
CompositionFeatures composition_features(const RgbView& small, const GrayView& detail = {});

// Where the subject is, by spectral-residual saliency (Hou & Zhang, CVPR 2007).
struct SaliencyResult {
  Box subject;
  float confidence = 0;
  float center_x = 0.5f, center_y = 0.5f;
};
SaliencyResult find_subject(const RgbView& small);

}  // namespace studio
