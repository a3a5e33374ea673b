// Where shots begin: the known detectors, and our own that tells transitions from disturbances.
#pragma once

#include <span>
#include <vector>

#include "analysis/analysis.h"
#include "analysis/features.h"

namespace studio {

struct ShotOptions {
  ShotDetector detector = ShotDetector::best;
  // Of the detector; 0: its default. content: mean HSV difference 0..255 (27). adaptive: how many
  // times a frame's difference exceeds its neighbours' (3). best: sensitivity, 1 is the default,
  // 2 asks for twice the evidence.
  double threshold = 0;
  double min_shot_s = 0.3;  // shorter shots join the one before
};

// A change of shot. A cut has first_frame == last_frame == the first frame of the new shot; a
// transition of some length covers every frame that shows neither shot alone.
struct ShotChange {
  TransitionKind kind = TransitionKind::cut;
  std::int64_t first_frame = 0, last_frame = 0;  // inclusive
  double confidence = 1;                         // 0..1

  // The first frame of the new shot: in the middle of a transition of some length.
  std::int64_t boundary() const {
    return kind == TransitionKind::cut ? first_frame : (first_frame + last_frame + 1) / 2;
  }
  std::int64_t length() const { return kind == TransitionKind::cut ? 0 : last_frame - first_frame + 1; }
};

// In order, not overlapping.
std::vector<ShotChange> find_changes(const ClipFeatures& clip, const ShotOptions& options = {});

// Shots that tile the clip, with exact times, keyframes and sharpness; no judgements yet.
std::vector<Shot> detect_shots(const ClipFeatures& clip, const ShotOptions& options = {});

}  // namespace studio
