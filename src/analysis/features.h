// What one look at a clip leaves behind: one small record per frame. Nothing else looks at pixels.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/analysis.h"
#include "analysis/camera_motion.h"
#include "analysis/composition_features.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/time.h"

namespace studio {

// Raised whenever a record's meaning changes: the cache then measures afresh.
inline constexpr int kFeatureVersion = 3;

// Block means kept of every frame: luma on a 24 x 14 grid, chroma on 12 x 7, in the upright picture.
inline constexpr int kLumaColumns = 24, kLumaRows = 14;
inline constexpr int kChromaColumns = 12, kChromaRows = 7;

struct FrameFeatures {
  Time pts;

  // Change from the previous frame, over the working picture (about 180 wide). 0 on the first frame.
  float hue_difference = 0;         // mean absolute, hue on 0..179 as the known content detector has it
  float saturation_difference = 0;  // mean absolute, 0..255
  float value_difference = 0;       // mean absolute, 0..255 (HSV value)
  float luma_difference = 0;        // mean absolute, 0..255: VBench's temporal flickering uses this
  float changed_share = 0;          // 0..1 of the pixels whose luma changed by more than 12
  float ssim = 1;                   // to the previous frame, luma, 8 x 8 windows
  // 0..1 of the textured blocks without a like block near by in the other frame: high where the view is new,
  // whatever its palette; low through motion, flashes and lights. See view_match.h.
  float unmatched = 0;

  // This frame.
  float luma_mean = 0, luma_deviation = 0;  // 0..255
  float saturation_mean = 0;                // 0..255
  float edge_density = 0;                   // 0..1: share of pixels with a gradient over 24
  float textured = 0;                       // 0..1 of the blocks that hold something to recognise
  // Mean absolute Laplacian of the full-size luma on every 16th row, 0..1020: grows with detail and
  // focus, falls with blur; compare frames of one shot, not of different scenes.
  float sharpness = 0;
  std::uint8_t luma_p01 = 0, luma_p05 = 0, luma_p50 = 0, luma_p95 = 0, luma_p99 = 0;

  std::array<std::uint8_t, 16> luma_histogram{};  // shares, 255 = all pixels
  std::array<std::uint8_t, 12> hue_histogram{};   // of the pixels with colour (saturation > 40)

  MotionFeatures motion;

  std::array<std::uint8_t, kLumaColumns * kLumaRows> luma_blocks{};  // block means, row by row
  std::array<std::uint8_t, kChromaColumns * kChromaRows> cb_blocks{}, cr_blocks{};

  // As the known content detector combines them: mean of hue, saturation and value differences, 0..255.
  float hsv_difference() const { return (hue_difference + saturation_difference + value_difference) / 3; }
};

// What the picture shows, on about two frames a second or each n-th.
struct CompositionSample {
  std::int64_t frame = 0;
  CompositionFeatures features;
};

// Everything measured of one clip: what the cache keeps.
struct ClipFeatures {
  SourceFacts source;
  std::vector<FrameFeatures> frames;           // in presentation order, as decoded
  Time end;                                    // presentation end of the last frame
  std::vector<CompositionSample> composition;  // in order of frames
  std::optional<AudioJudgement> audio;
  bool truncated = false;    // decoding ended in an error before the container's end
  std::string decode_error;  // why, when truncated
};

}  // namespace studio
