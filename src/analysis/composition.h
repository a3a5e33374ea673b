// From sampled frames to how a shot is composed.
#pragma once

#include <span>

#include "analysis/features.h"

namespace studio {

// Weights of the overall score; they need not sum to 1.
struct CompositionWeights {
  double placement = 0.22;  // on thirds and power points, or a symmetric picture with a centred subject
  double balance = 0.18, clutter = 0.14, exposure = 0.24, contrast = 0.12, room = 0.10;
};

// Means over the samples of one shot; the subject is the most confident sample's near the shot's middle.
// Lead room is judged where something moves sideways: the subject across the picture, or the camera with it;
// otherwise it is 0.5 and does not count in the score. Without samples everything is 0.
CompositionJudgement judge_composition(std::span<const CompositionSample> samples,
                                       const CameraJudgement& camera = {},
                                       const CompositionWeights& weights = {});

// The same for one frame.
CompositionJudgement judge_composition(const CompositionFeatures& features,
                                       const CompositionWeights& weights = {});

}  // namespace studio
