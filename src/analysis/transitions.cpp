// The studio's own detector of shot changes: fades claim their frames first, then cuts, then blends.
#include "analysis/transitions.h"

#include <algorithm>
#include <cmath>

namespace studio {

std::int64_t TransitionSearch::frames_in(double seconds, std::int64_t least, std::int64_t most) const {
  return std::clamp<std::int64_t>(std::llround(seconds * frame_rate), least, most);
}

float TransitionSearch::unlike(std::int64_t a, std::int64_t b) const {
  const auto inside = [&](std::int64_t i) { return std::clamp<std::int64_t>(i, 0, count() - 1); };
  a = inside(a);
  b = inside(b);
  if (a == b) return 0;
  // Two frames of one slot: the second would overwrite the first.
  const BlockPatches& of_b = patches.of(frames, b);
  if ((a - b) % PatchCache::kSlots == 0)
    return studio::unlike(BlockPatches(frames[static_cast<std::size_t>(a)]), of_b, grid.area());
  return studio::unlike(patches.of(frames, a), of_b, grid.area());
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
  const auto overlap = [](const std::vector<ShotChange>& spans, const ShotChange& change, std::int64_t near) {
    return std::any_of(spans.begin(), spans.end(), [&](const ShotChange& span) {
      return change.last_frame >= span.first_frame - near && change.first_frame <= span.last_frame + near;
    });
  };
  const auto by_frame = [](const ShotChange& a, const ShotChange& b) {
    return a.first_frame < b.first_frame;
  };
  const auto edges = find_edge_fades(search);
  std::vector<ShotChange> changes, settled = edges;
  for (const auto& fade : find_fades(search))
    if (!overlap(edges, fade, 0)) settled.push_back(fade), changes.push_back(fade);
  const auto fades = settled;
  for (const auto& cut : find_cuts(search))
    if (!overlap(fades, cut, 1)) settled.push_back(cut), changes.push_back(cut);
  std::sort(settled.begin(), settled.end(), by_frame);
  const auto blends = find_blends(search, settled);
  changes.insert(changes.end(), blends.begin(), blends.end());
  std::sort(changes.begin(), changes.end(), by_frame);
  return changes;
}

}  // namespace studio
