// The content and adaptive detectors, as PySceneDetect describes them, over frame features.
#pragma once

#include <span>
#include <vector>

#include "analysis/shots.h"

namespace studio {

// A cut wherever the HSV difference reaches the threshold.
std::vector<ShotChange> content_changes(std::span<const FrameFeatures> frames, double threshold);
// A cut wherever the difference is `ratio` times the mean of the two frames on each side, and 15 at least.
std::vector<ShotChange> adaptive_changes(std::span<const FrameFeatures> frames, double ratio);

}  // namespace studio
