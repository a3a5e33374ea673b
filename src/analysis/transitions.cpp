// The studio's own detector of shot changes.
#include "analysis/transitions.h"

#include "analysis/known_detectors.h"

namespace studio {

std::vector<ShotChange> find_transitions(std::span<const FrameFeatures> frames, double, double strictness) {
  return adaptive_changes(frames, 3 * strictness);
}

}  // namespace studio
