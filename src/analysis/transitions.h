// The studio's own detector: cuts, dissolves, fades and wipes, but no flashes, lights, pans or occluders.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "analysis/block_grid.h"
#include "analysis/block_views.h"
#include "analysis/shots.h"

namespace studio {

// `strictness` 1 is the default; 2 asks for twice the odds, 0.5 for half of them.
std::vector<ShotChange> find_transitions(const ClipFeatures& clip, double strictness);

// What the searches below share: the records, and what is often asked of each frame.
struct TransitionSearch {
  static TransitionSearch of(const ClipFeatures& clip, double strictness = 1);

  std::span<const FrameFeatures> frames;
  BlockGrid grid;
  double frame_rate = 25;
  double aspect = 16.0 / 9;  // displayed width over height
  double strictness = 1;
  std::vector<float> steps;     // distance to the frame before
  std::vector<float> level;     // mean luma of the active area
  std::vector<float> contrast;  // its standard deviation over blocks

  std::int64_t count() const { return static_cast<std::int64_t>(frames.size()); }
  std::int64_t frames_in(double seconds, std::int64_t least, std::int64_t most) const;
  float distance(std::int64_t a, std::int64_t b) const { return grid.distance(frames[a], frames[b]); }
  float tolerant(std::int64_t a, std::int64_t b) const {
    return grid.tolerant_distance(frames[a], frames[b], 2);
  }
  float structure(std::int64_t a, std::int64_t b) const { return grid.structure(frames[a], frames[b]); }
  // See block_views.h; frames beyond the clip's ends count as the last or first one.
  float unlike(std::int64_t a, std::int64_t b) const;
  mutable PatchCache patches{};
};

// Where a change may be, and what speaks for and against it. The weights of the evidence were learned
// from clips whose changes are known (bench/shots); the evidence itself is plain measurements.
inline constexpr std::array<std::string_view, 37> kCutEvidence{"step",
                                                               "prominence",
                                                               "over_neighbours",
                                                               "tolerant",
                                                               "tolerant_share",
                                                               "structure",
                                                               "structure_2",
                                                               "structure_3",
                                                               "returned",
                                                               "structure_back",
                                                               "histogram",
                                                               "ssim",
                                                               "changed",
                                                               "light",
                                                               "darkest",
                                                               "contrast_ratio",
                                                               "hue",
                                                               "saturation",
                                                               "tracked",
                                                               "shifted",
                                                               "shift",
                                                               "blurred",
                                                               "wider_tolerant",
                                                               "restless_before",
                                                               "restless_after",
                                                               "decay",
                                                               "unmatched",
                                                               "unmatched_over",
                                                               "unmatched_around",
                                                               "textured",
                                                               "changed_over",
                                                               "ssim_over",
                                                               "unlit",
                                                               "unmatched_times",
                                                               "hue_over",
                                                               "step_beyond",
                                                               "saturation_over"};
inline constexpr std::array<std::string_view, 46> kBlendEvidence{"apart",
                                                                 "residual",
                                                                 "backwards",
                                                                 "spread",
                                                                 "linear",
                                                                 "tolerant",
                                                                 "tolerant_share",
                                                                 "structure",
                                                                 "histogram",
                                                                 "beside",
                                                                 "beside_tolerant",
                                                                 "beside_histogram",
                                                                 "length",
                                                                 "unsteady",
                                                                 "returned_before",
                                                                 "returned_after",
                                                                 "rate_inside",
                                                                 "rate_before",
                                                                 "rate_after",
                                                                 "contrast_dip",
                                                                 "sharpness_dip",
                                                                 "brighter",
                                                                 "light",
                                                                 "shifted",
                                                                 "travel",
                                                                 "tracked",
                                                                 "tracked_beside",
                                                                 "ssim_inside",
                                                                 "ssim_beside",
                                                                 "restless_before",
                                                                 "restless_after",
                                                                 "unmatched_inside",
                                                                 "unmatched_beside",
                                                                 "unmatched_most",
                                                                 "unmatched_sum",
                                                                 "zoomed",
                                                                 "turned",
                                                                 "returned_later",
                                                                 "textured_least",
                                                                 "textured_gain",
                                                                 "covered",
                                                                 "unlike",
                                                                 "unlike_wide",
                                                                 "unlike_back",
                                                                 "unlike_start",
                                                                 "unlike_end"};

template <std::size_t N>
struct ChangeCandidate {
  std::int64_t before = 0, after = 0;  // the last frame of the old shot and the first of the new
  std::array<float, N> evidence{};
};
using CutCandidate = ChangeCandidate<kCutEvidence.size()>;
using BlendCandidate = ChangeCandidate<kBlendEvidence.size()>;

std::vector<CutCandidate> cut_candidates(const TransitionSearch& search);
std::vector<ShotChange> find_cuts(const TransitionSearch& search);

std::vector<ShotChange> find_fades(const TransitionSearch& search);
// A clip that comes out of black or white, or ends in it, changes no shot: the frames of such a fade at
// the very start and end, where no change is to be looked for.
std::vector<ShotChange> find_edge_fades(const TransitionSearch& search);

// Dissolves and wipes: windows that hold no `settled` change.
std::vector<BlendCandidate> blend_candidates(const TransitionSearch& search,
                                             std::span<const ShotChange> settled);
std::vector<ShotChange> find_blends(const TransitionSearch& search, std::span<const ShotChange> settled);

}  // namespace studio
