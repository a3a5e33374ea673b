// Where the eye goes: spectral-residual saliency of a small colour picture.
#pragma once

#include <vector>

#include "analysis/analysis.h"
#include "analysis/image_view.h"

namespace studio {

// A square map over the whole picture; values are not negative and sum to 1.
struct SaliencyMap {
  static constexpr int kSide = 64;
  std::vector<float> value;  // kSide * kSide, row by row
  float at(int x, int y) const { return value[static_cast<std::size_t>(y) * kSide + x]; }
};

// Hou & Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007: what remains of the log
// spectrum after its local mean is taken away. Applied to luma and to the two opponent colours (Guo et al.,
// 2008, show why colour helps), so that a red ball on green of the same luma is found.
SaliencyMap saliency_of(const RgbView& picture);

struct SalientRegion {
  Box box;               // fractions of the picture
  float confidence = 0;  // 0..1: how much of the saliency the box holds beyond its fair share
  float center_x = 0.5f, center_y = 0.5f;  // centre of gravity of the whole map
};
SalientRegion most_salient(const SaliencyMap& map);

}  // namespace studio
