// The studio's own detector: cuts, dissolves, fades and wipes, but no flashes, lights, pans or occluders.
#pragma once

#include <span>
#include <vector>

#include "analysis/shots.h"

namespace studio {

// `strictness` 1 is the default; 2 asks for twice the evidence, 0.5 for half of it.
std::vector<ShotChange> find_transitions(std::span<const FrameFeatures> frames, double frame_rate,
                                         double strictness);

}  // namespace studio
