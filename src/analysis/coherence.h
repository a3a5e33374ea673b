// How well each frame follows from the one before: made to judge generated video as well as film.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/features.h"

namespace studio {

// How drawings are laid on frames. Film has a new picture each frame; drawn animation often holds each
// drawing for two or three; a converted frame rate repeats each n-th frame.
enum class Cadence { each_frame, on_twos, on_threes, mixed_holds, repeats_regularly };

struct HeldFrame {
  std::int64_t first = 0, last = 0;  // the repeats only, inclusive
};

struct CadenceFound {
  Cadence cadence = Cadence::each_frame;
  int period = 0;               // of repeats_regularly: each n-th frame is a repeat
  double held_share = 0;        // of the frames with movement around them
  std::vector<HeldFrame> held;  // repeats amid movement; a picture at rest has none
  bool drawn() const {
    return cadence == Cadence::on_twos || cadence == Cadence::on_threes || cadence == Cadence::mixed_holds;
  }
};
// `first_frame` is the clip's number of frames[0]; frames[0]'s change (from the shot before) is ignored.
CadenceFound find_cadence(std::span<const FrameFeatures> frames, std::int64_t first_frame);

// A stretch of brightness that swings up and down, at 2.5 Hz or faster, over most of the picture.
struct Flicker {
  std::int64_t first = 0, last = 0;  // inclusive
  double amplitude = 0;              // half of the median swing, 0..1
  double frequency_hz = 0;
  int swings = 0;
  double picture_share = 1;  // of the picture that flickers
};
std::vector<Flicker> find_flicker(std::span<const FrameFeatures> frames, std::int64_t first_frame);
// Parts of the picture that alternate from frame to frame (textures of generated video do): nothing that
// moves in a real scene turns back with every frame.
std::vector<Flicker> find_local_flicker(std::span<const FrameFeatures> frames, std::int64_t first_frame);

// One shot. Scores: ssim is the mean over its frame pairs; color_stability falls with changing hue and
// saturation; motion_smoothness with the jerk of the camera's path; vbench_flicker is VBench's temporal
// flickering, (255 - mean absolute difference) / 255 (Huang et al., CVPR 2024).
CoherenceJudgement judge_coherence(std::span<const FrameFeatures> frames, std::int64_t first_frame = 0);

}  // namespace studio
