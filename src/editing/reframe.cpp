// Smooths the subject curve of the analysis into keyframes of a crop.
#include "editing/reframe.h"

#include <algorithm>
#include <cmath>

namespace studio {
namespace {

constexpr double kWindowS = 0.8;  // a crop that reacts faster than this looks nervous
constexpr double kKeyframeS = 0.5;
constexpr double kStill = 0.06;    // fraction of the picture that the subject may wander unfollowed
constexpr double kFastest = 0.35;  // picture widths per second a crop may travel

// Median then mean over the window: a saliency that jumps for a frame moves nothing.
double smooth_at(const std::vector<double>& time, const std::vector<float>& curve, double at, double low,
                 double high) {
  std::vector<double> values;
  auto first = std::ranges::lower_bound(time, std::max(low, at - kWindowS));
  for (auto it = first; it != time.end() && *it <= std::min(high, at + kWindowS); ++it) {
    auto i = static_cast<std::size_t>(it - time.begin());
    if (i < curve.size() && std::isfinite(curve[i])) values.push_back(static_cast<double>(curve[i]));
  }
  if (values.empty()) return 0.5;
  std::ranges::sort(values);
  std::size_t cut = values.size() / 4;
  double sum = 0;
  for (std::size_t i = cut; i < values.size() - cut; ++i) sum += values[i];
  return std::clamp(sum / static_cast<double>(values.size() - 2 * cut), 0.0, 1.0);
}

std::vector<Keyframe> path(const std::vector<double>& time, const std::vector<float>& curve,
                           const Clip& clip) {
  double length = duration_of(clip).seconds();
  double low = clip.source_range.start.seconds(), high = clip.source_range.end().seconds();
  int count = std::clamp(static_cast<int>(std::ceil(length / kKeyframeS)), 1, 4000);
  std::vector<Keyframe> keys;
  for (int i = 0; i <= count; ++i) {
    Time at = Time::from_seconds(length * i / count);
    double source = source_time_at(clip, at).seconds();
    keys.push_back({at, smooth_at(time, curve, source, low, high), Easing::ease_in_out});
  }
  // A subject that hardly moves gets a still crop.
  auto [least, most] = std::ranges::minmax(keys, {}, &Keyframe::value);
  if (most.value - least.value < kStill * 2) {
    double middle = 0;
    for (const Keyframe& key : keys) middle += key.value;
    return {{Time{}, middle / static_cast<double>(keys.size()), Easing::linear}};
  }
  for (std::size_t i = 1; i < keys.size(); ++i) {
    double step = kFastest * (keys[i].at - keys[i - 1].at).seconds();
    keys[i].value = std::clamp(keys[i].value, keys[i - 1].value - step, keys[i - 1].value + step);
  }
  return keys;
}

}  // namespace

SubjectPath subject_path(const EditSource& source, const Clip& clip) {
  const Curves& curves = source.analysis.curves;
  if (curves.subject_x.empty() || curves.subject_y.empty())
    return {{{Time{}, 0.5, Easing::linear}}, {{Time{}, 0.5, Easing::linear}}};
  return {path(curves.time_s, curves.subject_x, clip), path(curves.time_s, curves.subject_y, clip)};
}

Point subject_at(const EditSource& source, double source_s) {
  const Curves& curves = source.analysis.curves;
  if (curves.subject_x.empty() || curves.subject_y.empty()) return {};
  return {smooth_at(curves.time_s, curves.subject_x, source_s, -1e18, 1e18),
          smooth_at(curves.time_s, curves.subject_y, source_s, -1e18, 1e18)};
}

}  // namespace studio
