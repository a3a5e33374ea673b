// All judgements that follow once shots are known: one call for analyze(), each part also on its own.
#pragma once

#include <span>
#include <vector>

#include "analysis/analysis.h"
#include "analysis/features.h"

namespace studio {

// Fills everything of `analysis` that rests on its shots: camera, composition, coherence and motion of
// each shot (as `options` ask), curves, issues, insights and the overall score. `analysis.source`,
// `.shots` and `.audio` must be there already. Pure: looks at features only.
void judge(const ClipFeatures& clip, const AnalysisOptions& options, Analysis& analysis);

// `shots` tell where the change of picture is no movement.
Curves curves_of(const ClipFeatures& clip, std::span<const Shot> shots);

// Defects with their frames, in order of first_frame. Kinds: flicker, jump, freeze, black, duplicate,
// dropped, blur, dark, overexposed, silence, clipping, truncated.
std::vector<Issue> find_issues(const ClipFeatures& clip, std::span<const Shot> shots);

// What the clip is good for, what hurts it, what to do: each with its evidence, best first.
std::vector<Insight> insights_of(const ClipFeatures& clip, const Analysis& analysis);

// Frames of a shot that show it alone: without the transitions at both ends. Never empty.
struct FrameSpan {
  std::int64_t first = 0, last = 0;  // inclusive
  std::int64_t count() const { return last - first + 1; }
};
FrameSpan clear_part(std::span<const Shot> shots, std::size_t index);

}  // namespace studio
