// The studio's own detector of shot changes: fades claim their frames first, then cuts, then blends.
#include "analysis/transitions.h"

#include <algorithm>
#include <cmath>

namespace studio {

std::int64_t TransitionSearch::frames_in(double seconds, std::int64_t least, std::int64_t most) const {
  return std::clamp<std::int64_t>(std::llround(seconds * frame_rate), least, most);
}

TransitionSearch TransitionSearch::of(const ClipFeatures& clip, double strictness) {
  const double rate = clip.source.frame_rate.to_double();
  const auto& source = clip.source;
  TransitionSearch search{
      clip.frames,
      BlockGrid(active_area(clip.frames)),
      rate > 0 ? rate : 25,
      source.width > 0 && source.height > 0 ? static_cast<double>(source.width) / source.height : 16.0 / 9,
      strictness,
      {},
      {},
      {}};
  for (std::size_t i = 0; i < clip.frames.size(); ++i) {
    search.steps.push_back(i == 0 ? 0 : search.grid.distance(clip.frames[i - 1], clip.frames[i]));
    search.level.push_back(search.grid.mean(clip.frames[i]));
    search.contrast.push_back(search.grid.deviation(clip.frames[i]));
  }
  return search;
}

std::vector<ShotChange> find_transitions(const ClipFeatures& clip, double strictness) {
  const auto search = TransitionSearch::of(clip, strictness);
  std::vector<ShotChange> changes = find_fades(search);
  const auto fades = changes;
  for (const auto& cut : find_cuts(search)) {
    const bool in_fade = std::any_of(fades.begin(), fades.end(), [&](const ShotChange& fade) {
      return cut.first_frame >= fade.first_frame - 1 && cut.first_frame <= fade.last_frame + 1;
    });
    if (!in_fade) changes.push_back(cut);
  }
  const auto by_frame = [](const ShotChange& a, const ShotChange& b) {
    return a.first_frame < b.first_frame;
  };
  std::sort(changes.begin(), changes.end(), by_frame);
  const auto blends = find_blends(search, changes);
  changes.insert(changes.end(), blends.begin(), blends.end());
  std::sort(changes.begin(), changes.end(), by_frame);
  return changes;
}

}  // namespace studio
