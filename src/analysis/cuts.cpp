// Cuts: the picture changes at once, stays changed, and not only its light.
#include <algorithm>
#include <cmath>

#include "analysis/shot_models.h"
#include "analysis/transitions.h"

namespace studio {
namespace {

constexpr float kLeastChange = 2.5f;  // 8-bit steps of block means: under it a cut is not seen either
constexpr float kProminence = 1.5f;   // over the changes around it
constexpr std::size_t kReturned = 8;  // in kCutEvidence: how far the frames after are from the frames before
constexpr float kComesBack = 0.15f;   // of the cut's own distance: a flash or a passer-by, whatever else
static_assert(kCutEvidence[kReturned] == "returned");
constexpr double kLeastOdds = 0.6;  // a missed cut hurts more than a false one
constexpr float kNewView = 0.3f;    // share of the picture that was not there before
constexpr float kLeastStep = 0.8f;  // of block means, for a view that only its texture tells apart

// The mean change of the frames around, without the candidate.
float around(const std::vector<float>& steps, std::int64_t at, std::int64_t reach) {
  float sum = 0;
  int count = 0;
  for (auto i = std::max<std::int64_t>(1, at - reach);
       i <= std::min<std::int64_t>(static_cast<std::int64_t>(steps.size()) - 1, at + reach); ++i) {
    if (i == at) continue;
    sum += steps[i];
    ++count;
  }
  return count > 0 ? sum / static_cast<float>(count) : 0;
}

float largest(const std::vector<float>& values, std::int64_t from, std::int64_t to) {
  float most = 0;
  for (auto i = std::max<std::int64_t>(1, from);
       i <= std::min<std::int64_t>(static_cast<std::int64_t>(values.size()) - 1, to); ++i)
    most = std::max(most, values[i]);
  return most;
}

float histogram_distance(const FrameFeatures& a, const FrameFeatures& b) {
  int luma = 0, hue = 0;
  for (std::size_t i = 0; i < a.luma_histogram.size(); ++i)
    luma += std::abs(a.luma_histogram[i] - b.luma_histogram[i]);
  for (std::size_t i = 0; i < a.hue_histogram.size(); ++i)
    hue += std::abs(a.hue_histogram[i] - b.hue_histogram[i]);
  return static_cast<float>(luma + hue) / 510.0f;
}

// The most that `of` reaches on the frames beside, up to `reach` away.
template <typename Of>
float beside(const TransitionSearch& s, std::int64_t at, std::int64_t reach, Of of) {
  float most = 0;
  for (auto i = std::max<std::int64_t>(1, at - reach); i <= std::min(s.count() - 1, at + reach); ++i)
    if (i != at) most = std::max(most, of(s.frames[i]));
  return most;
}

float unmatched_around(const TransitionSearch& s, std::int64_t at) {
  float sum = 0, count = 0;
  for (auto i = std::max<std::int64_t>(1, at - 4); i <= std::min(s.count() - 1, at + 4); ++i) {
    if (i == at) continue;
    sum += s.frames[i].unmatched;
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

// The picture is another one although its blocks' means changed little: two views of one place.
bool is_new_view(const TransitionSearch& s, std::int64_t at) {
  const auto most = beside(s, at, 2, [](const FrameFeatures& f) { return f.unmatched; });
  const float unmatched = s.frames[at].unmatched;
  return unmatched > kNewView && unmatched > most && unmatched > 1.5f * unmatched_around(s, at) + 0.08f &&
         s.steps[at] > kLeastStep;
}

CutCandidate measure(const TransitionSearch& s, std::int64_t at) {
  const auto clip = [&](std::int64_t i) { return std::clamp<std::int64_t>(i, 0, s.count() - 1); };
  const auto& a = s.frames[at - 1];
  const auto& b = s.frames[at];
  const float step = s.steps[at], tolerant = s.tolerant(at - 1, at);
  // Flashes, strobes and quick occluders: within a quarter of a second a frame from before comes back.
  const auto reach = s.frames_in(0.24, 6, 14);
  float returned = 2, structure_back = 0;
  for (auto before = std::max<std::int64_t>(0, at - reach); before < at; ++before) {
    for (auto after = at; after <= std::min(s.count() - 1, at + reach); ++after) {
      if (before == at - 1 && after == at) continue;
      returned = std::min(returned, s.tolerant(before, after) / std::max(0.5f, tolerant));
      if ((after - before) % 2 == 0) structure_back = std::max(structure_back, s.structure(before, after));
    }
  }
  const auto shift = s.grid.best_shift(a, b, 8, 3);
  const float most_unmatched = beside(s, at, 3, [](const FrameFeatures& f) { return f.unmatched; });
  float sharpest = 0.5f;
  for (auto i = clip(at - 6); i <= clip(at + 6); ++i) sharpest = std::max(sharpest, s.frames[i].sharpness);
  return {
      at - 1,
      at,
      {step, step / (around(s.steps, at, 4) + 0.3f),
       step / (std::max(largest(s.steps, at - 3, at - 1), largest(s.steps, at + 1, at + 3)) + 0.3f), tolerant,
       tolerant / std::max(0.5f, step), s.structure(at - 1, at), s.structure(clip(at - 2), clip(at + 1)),
       s.structure(clip(at - 3), clip(at + 3)), returned, structure_back, histogram_distance(a, b), b.ssim,
       b.changed_share, std::abs(s.level[at] - s.level[at - 1]), std::min(s.level[at], s.level[at - 1]),
       std::min(s.contrast[at], s.contrast[at - 1]) /
           std::max(0.5f, std::max(s.contrast[at], s.contrast[at - 1])),
       b.hue_difference, b.saturation_difference, b.motion.confidence,
       shift.distance / std::max(0.5f, shift.unshifted), static_cast<float>(std::abs(shift.dx)),
       std::min(a.sharpness, b.sharpness) / sharpest,
       s.tolerant(clip(at - 5), clip(at + 4)) / std::max(0.5f, tolerant),
       s.distance(clip(at - 5), at - 1) / step, s.distance(at, clip(at + 4)) / step,
       std::abs(s.level[clip(at + 5)] - s.level[at]) /
           std::max(1.0f, std::abs(s.level[at] - s.level[at - 1])),
       b.unmatched, b.unmatched - most_unmatched, unmatched_around(s, at), std::min(a.textured, b.textured),
       b.changed_share / (beside(s, at, 3, [](const FrameFeatures& f) { return f.changed_share; }) + 0.01f),
       1 - b.ssim - beside(s, at, 3, [](const FrameFeatures& f) { return 1 - f.ssim; }),
       step - std::abs(s.level[at] - s.level[at - 1]), b.unmatched / (most_unmatched + 0.02f),
       b.hue_difference - beside(s, at, 3, [](const FrameFeatures& f) { return f.hue_difference; }),
       // A jump goes further at once than film goes in the fifth of a second before and after.
       step / (std::max(s.distance(clip(at - 5), at - 1), s.distance(at, clip(at + 4))) + 0.3f),
       b.saturation_difference -
           beside(s, at, 3, [](const FrameFeatures& f) { return f.saturation_difference; })}};
}

}  // namespace

std::vector<CutCandidate> cut_candidates(const TransitionSearch& search) {
  std::vector<CutCandidate> out;
  const auto& steps = search.steps;
  for (std::int64_t i = 1; i < search.count(); ++i) {
    const bool highest = steps[i] >= steps[i - 1] && (i + 1 >= search.count() || steps[i] >= steps[i + 1]);
    const bool prominent =
        highest && steps[i] >= kLeastChange && steps[i] >= kProminence * (around(steps, i, 4) + 0.3f);
    if (prominent || is_new_view(search, i)) out.push_back(measure(search, i));
  }
  return out;
}

std::vector<ShotChange> find_cuts(const TransitionSearch& search) {
  std::vector<ShotChange> cuts;
  const double least = kLeastOdds * search.strictness / (1 + kLeastOdds * search.strictness);
  for (const auto& candidate : cut_candidates(search)) {
    const double sure = cut_probability(candidate.evidence);
    if (sure >= least && candidate.evidence[kReturned] > kComesBack)
      cuts.push_back({TransitionKind::cut, candidate.after, candidate.after, sure});
  }
  return cuts;
}

}  // namespace studio
