// PySceneDetect's ContentDetector and AdaptiveDetector, so that results can be compared with it.
#include "analysis/known_detectors.h"

#include <algorithm>

namespace studio {
namespace {

constexpr int kWindow = 2;            // frames on each side, AdaptiveDetector's window_width
constexpr double kLeastContent = 15;  // its min_content_val

}  // namespace

std::vector<ShotChange> content_changes(std::span<const FrameFeatures> frames, double threshold) {
  std::vector<ShotChange> changes;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    const double difference = frames[i].hsv_difference();
    if (difference < threshold) continue;
    const auto frame = static_cast<std::int64_t>(i);
    changes.push_back({TransitionKind::cut, frame, frame, std::min(1.0, 0.5 * difference / threshold)});
  }
  return changes;
}

std::vector<ShotChange> adaptive_changes(std::span<const FrameFeatures> frames, double ratio) {
  std::vector<ShotChange> changes;
  const auto count = static_cast<std::int64_t>(frames.size());
  for (std::int64_t i = 1; i < count; ++i) {
    const double difference = frames[i].hsv_difference();
    double around = 0;
    int neighbours = 0;
    for (std::int64_t j = std::max<std::int64_t>(1, i - kWindow); j <= std::min(count - 1, i + kWindow);
         ++j) {
      if (j == i) continue;
      around += frames[j].hsv_difference();
      ++neighbours;
    }
    around = neighbours > 0 ? around / neighbours : 0;
    const double times = around < 1e-5 ? 255 : std::min(255.0, difference / around);
    if (difference >= kLeastContent && times >= ratio)
      changes.push_back({TransitionKind::cut, i, i, std::min(1.0, 0.5 * times / ratio)});
  }
  return changes;
}

}  // namespace studio
