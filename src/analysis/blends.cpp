// Dissolves and wipes: every part of the picture goes from the old shot to the new one, once, and
// each frame between is a mix of the two, cell by cell.
#include <algorithm>
#include <cmath>

#include "analysis/shot_models.h"
#include "analysis/transitions.h"

namespace studio {
namespace {

constexpr int kCells = kChromaColumns * kChromaRows;
constexpr int kProbes = 7;           // frames looked at inside a window
constexpr float kLeastApart = 6.0f;  // between the two ends
constexpr float kLeastTolerant = 2.5f;
constexpr float kResidual = 0.34f;                 // of the ends' distance, mean over cells and probes
constexpr float kBackwards = 0.22f;                // share of the cells' way that goes back again
constexpr double kLeastOdds = 4;                   // windows overlap: one sure one is wanted
constexpr float kSameStructure = 0.8f;             // correlation of gradients, blind to the light
constexpr float kSameView = 0.14f;                 // share of the ends that is not to be seen in each other
constexpr float kSameViewWide = 0.34f;             // the same half a second further apart
constexpr float kZoomed = 0.45f, kTracked = 0.4f;  // log scale over the window; mean confidence in it
constexpr float kWipeSpread = 0.14f;

// What one window between two clear frames looks like; see kBlendEvidence.
struct Window {
  std::int64_t before = 0, after = 0;  // the last clear frame and the first clear frame
  // Distance of the ends; what mixing them leaves unexplained; cells that go back again; how far apart
  // in time the cells change; how far the mean share leaves a straight line.
  float apart = 0, residual = 1, backwards = 1, spread = 0, linear = 1;
  // The ends against each other, and against what changes beside the window in the same time.
  float tolerant = 0, structure = 0, histogram = 0;
  float beside = 0, beside_tolerant = 0, beside_histogram = 0;
  float unsteady = 0;  // the largest single step over the mean step
  // How alike the other end is to frames further out: what comes back was never gone.
  float returned_before = 1, returned_after = 1;
  float rate_inside = 0, rate_before = 0, rate_after = 0;  // mean step a frame
  float contrast_dip = 1, sharpness_dip = 1;               // of the middle frame against the ends
  float brighter = 0, light = 0;                           // inside over both ends; end over start
  float shifted = 1, travel = 0, tracked = 0, tracked_beside = 0, ssim_inside = 1, ssim_beside = 1;
  float restless_before = 0, restless_after = 0;
  // What was not to be seen in the frame before: mean inside and beside, most, sum.
  float unmatched_inside = 0, unmatched_beside = 0, unmatched_most = 0, unmatched_sum = 0;
  float zoomed = 0, turned = 0;                 // by the camera, over the window: log scale, radians
  float returned_later = 1;                     // as returned, up to four seconds away, both sides
  float textured_least = 0, textured_gain = 0;  // of the ends; the end's over the start's
  float covered = 0;                            // contrast of the flatter end over the other's
  // How much of one end is not to be seen in the other; the same across more than the window; the least
  // against what lies a second away; of the middle against the start and the end.
  float unlike = 0, unlike_wide = 0, unlike_back = 1, unlike_start = 0, unlike_end = 0;

  BlendCandidate candidate() const {
    return {before,
            after,
            {apart,
             residual,
             backwards,
             spread,
             linear,
             tolerant,
             tolerant / std::max(0.5f, apart),
             structure,
             histogram,
             beside / apart,
             beside_tolerant / std::max(0.5f, tolerant),
             beside_histogram,
             static_cast<float>(after - before),
             unsteady,
             returned_before,
             returned_after,
             rate_inside / apart,
             rate_before / std::max(0.05f, rate_inside),
             rate_after / std::max(0.05f, rate_inside),
             contrast_dip,
             sharpness_dip,
             brighter,
             light,
             shifted,
             travel,
             tracked,
             tracked_beside,
             ssim_inside,
             ssim_beside,
             restless_before,
             restless_after,
             unmatched_inside,
             unmatched_beside,
             unmatched_most,
             unmatched_sum,
             zoomed,
             turned,
             returned_later,
             textured_least,
             textured_gain,
             covered,
             unlike,
             unlike_wide,
             unlike_back,
             unlike_start,
             unlike_end}};
  }
};

// Whatever else it looks like: the ends differ by their light alone, or the camera went from one to the
// other before our eyes.
bool is_one_scene(const Window& window) {
  return window.structure > kSameStructure || (window.zoomed > kZoomed && window.tracked > kTracked);
}

float histogram_distance(const FrameFeatures& a, const FrameFeatures& b) {
  int luma = 0, hue = 0;
  for (std::size_t i = 0; i < a.luma_histogram.size(); ++i)
    luma += std::abs(a.luma_histogram[i] - b.luma_histogram[i]);
  for (std::size_t i = 0; i < a.hue_histogram.size(); ++i)
    hue += std::abs(a.hue_histogram[i] - b.hue_histogram[i]);
  return static_cast<float>(luma + hue) / 510.0f;
}

// Speed of the picture next to a window, in blocks a frame, from the tracked motion.
struct Drift {
  float dx = 0, dy = 0;
};

class BlendSearch {
 public:
  BlendSearch(const TransitionSearch& search, std::span<const ShotChange> settled)
      : search_(search), settled_(settled), reach_(search.frames_in(0.2, 3, 8)) {}

  std::vector<BlendCandidate> run();

 private:
  bool blocked(std::int64_t before, std::int64_t after) const;
  Drift drift(std::int64_t at, int direction) const;
  Window measure(std::int64_t before, std::int64_t after) const;
  void compare_ends(Window& window) const;
  void compare_rates(Window& window) const;
  float compare_wide(const Window& window) const;
  void compare_views(Window& window) const;

  const TransitionSearch& search_;
  std::span<const ShotChange> settled_;
  std::int64_t reach_;
};

// Settled changes are in order and do not overlap: only the first that ends behind `before` matters.
bool BlendSearch::blocked(std::int64_t before, std::int64_t after) const {
  const auto next = std::partition_point(settled_.begin(), settled_.end(), [&](const ShotChange& change) {
    return change.last_frame <= before;
  });
  return next != settled_.end() && next->first_frame <= after;
}

Drift BlendSearch::drift(std::int64_t at, int direction) const {
  Drift sum;
  float weight = 0;
  for (std::int64_t k = 0; k < reach_; ++k) {
    const auto i = direction < 0 ? at - k : at + 1 + k;
    if (i < 1 || i >= search_.count()) break;
    const auto& motion = search_.frames[i].motion;
    sum.dx += motion.dx * motion.confidence;
    sum.dy += motion.dy * motion.confidence;
    weight += motion.confidence;
  }
  if (weight < 0.3f) return {};
  return {sum.dx / weight * kLumaColumns, sum.dy / weight * kLumaRows * static_cast<float>(search_.aspect)};
}

Window BlendSearch::measure(std::int64_t before, std::int64_t after) const {
  Window out{before, after};
  const auto& frames = search_.frames;
  const Canvas a = canvas_of(frames[before]), b = canvas_of(frames[after]);
  out.apart = search_.grid.distance(a, b);
  const Drift leaving = drift(before, -1), coming = drift(after, 1);
  const auto length = after - before;
  const auto& area = search_.grid.area();
  std::array<float, kCells> last{}, back{}, crossed{}, weight{};
  float residual = 0, apart = 0, linear = 0;
  int probes = 0;
  const int wanted = static_cast<int>(std::min<std::int64_t>(kProbes, length - 1));
  CellMix mix;
  for (int p = 1; p <= wanted; ++p) {
    const auto at = before + std::max<std::int64_t>(1, length * p / (wanted + 1));
    const auto since = static_cast<float>(at - before), until = static_cast<float>(after - at);
    search_.grid.mix(moved(a, leaving.dx * since, leaving.dy * since),
                     moved(b, -coming.dx * until, -coming.dy * until), canvas_of(frames[at]), mix);
    float mean_share = 0, mean_weight = 0;
    for (int y = area.cell_top(); y < area.cell_bottom(); ++y) {
      for (int x = area.cell_left(); x < area.cell_right(); ++x) {
        const int cell = y * kChromaColumns + x;
        residual += mix.residual[cell];
        apart += mix.apart[cell];
        const float w = mix.apart[cell];
        mean_share += mix.share[cell] * w;
        mean_weight += w;
        if (w < 6) continue;
        back[cell] += std::max(0.0f, last[cell] - mix.share[cell]) * w;
        crossed[cell] += (1 - mix.share[cell]) * w;
        weight[cell] += w;
        last[cell] = std::max(last[cell], mix.share[cell]);
      }
    }
    const float expected = since / static_cast<float>(length);
    linear = std::max(linear, std::abs(mean_share / std::max(1.0f, mean_weight) - expected));
    ++probes;
  }
  if (probes == 0 || apart <= 0) return out;
  out.residual = residual / apart;
  out.linear = linear;
  // Crossing time of each cell: the mean of what was left to go, as a share of the window.
  double backwards = 0, total = 0, sum = 0, squares = 0;
  for (int cell = 0; cell < kCells; ++cell) {
    if (weight[cell] <= 0) continue;
    const double time = crossed[cell] / weight[cell];
    backwards += back[cell] / weight[cell] * probes * weight[cell];
    total += weight[cell];
    sum += time * weight[cell];
    squares += time * time * weight[cell];
  }
  if (total <= 0) return out;
  out.backwards = static_cast<float>(backwards / total);
  const double mean = sum / total;
  out.spread = static_cast<float>(std::sqrt(std::max(0.0, squares / total - mean * mean)));
  return out;
}

// What both ends are to each other, to what lies beside them, and what happens between.
void BlendSearch::compare_ends(Window& window) const {
  const auto& s = search_;
  const auto& a = s.frames[window.before];
  const auto& b = s.frames[window.after];
  window.tolerant = s.tolerant(window.before, window.after);
  window.structure = s.structure(window.before, window.after);
  window.histogram = histogram_distance(a, b);
  const auto length = window.after - window.before;
  const auto side = [&](std::int64_t from, std::int64_t to) {
    if (from < 0 || to >= s.count() || blocked(from, to)) return;
    window.beside = std::max(window.beside, s.distance(from, to));
    window.beside_tolerant = std::max(window.beside_tolerant, s.tolerant(from, to));
    window.beside_histogram =
        std::max(window.beside_histogram, histogram_distance(s.frames[from], s.frames[to]));
  };
  side(window.before - length, window.before);
  side(window.after, window.after + length);
  compare_rates(window);

  const auto middle = (window.before + window.after) / 2;
  const float ends = 0.5f * (s.contrast[window.before] + s.contrast[window.after]);
  window.contrast_dip = s.contrast[middle] / std::max(1.0f, ends);
  window.sharpness_dip = s.frames[middle].sharpness / std::max(0.5f, 0.5f * (a.sharpness + b.sharpness));
  window.light = s.level[window.after] - s.level[window.before];
  const auto shift = s.grid.best_shift(a, b, 8, 3);
  window.shifted = shift.distance / std::max(0.5f, shift.unshifted);
  if (window.before >= 4)
    window.restless_before = s.distance(window.before - 4, window.before) / window.apart;
  if (window.after + 4 < s.count())
    window.restless_after = s.distance(window.after, window.after + 4) / window.apart;

  window.textured_least = std::min(a.textured, b.textured);
  window.textured_gain = b.textured - a.textured;
  const float ca = s.contrast[window.before], cb = s.contrast[window.after];
  window.covered = std::min(ca, cb) / std::max({0.5f, ca, cb});
  const auto far = s.frames_in(4, 40, 200), leap = std::max<std::int64_t>(1, far / 10);
  for (auto k = leap; k <= far; k += leap) {
    const auto earlier = window.before - k, later = window.after + k;
    if (earlier >= 0 && !blocked(earlier, window.before))
      window.returned_later =
          std::min(window.returned_later, s.distance(earlier, window.after) / window.apart);
    if (later < s.count() && !blocked(window.after, later))
      window.returned_later =
          std::min(window.returned_later, s.distance(window.before, later) / window.apart);
  }

  const auto reach = s.frames_in(1.2, 12, 60), step = std::max<std::int64_t>(1, reach / 5);
  const float apart = std::max(0.5f, window.tolerant);
  for (auto k = step; k <= reach; k += step) {
    const auto earlier = window.before - k, later = window.after + k;
    if (earlier >= 0 && !blocked(earlier, window.before)) {
      window.returned_before = std::min(window.returned_before, s.tolerant(earlier, window.after) / apart);
    }
    if (later < s.count() && !blocked(window.after, later)) {
      window.returned_after = std::min(window.returned_after, s.tolerant(window.before, later) / apart);
    }
  }
}

// The views half a second further apart, where no settled change lies between.
float BlendSearch::compare_wide(const Window& window) const {
  const auto wide = search_.frames_in(0.5, 5, 40);
  return search_.unlike(blocked(window.before - wide, window.before) ? window.before : window.before - wide,
                        blocked(window.after, window.after + wide) ? window.after : window.after + wide);
}

// What comes back within a second or so was never gone; and how the middle is like either end.
void BlendSearch::compare_views(Window& window) const {
  const auto& s = search_;
  const auto before = window.before, after = window.after, away = s.frames_in(1.2, 8, 80);
  if (before >= away && !blocked(before - away, before))
    window.unlike_back = std::min(window.unlike_back, s.unlike(before - away, after));
  if (after + away < s.count() && !blocked(after, after + away))
    window.unlike_back = std::min(window.unlike_back, s.unlike(before, after + away));
  window.unlike_start = s.unlike(before, (before + after) / 2);
  window.unlike_end = s.unlike((before + after) / 2, after);
}

// Steps, motion and likeness from frame to frame, inside the window and on both sides.
void BlendSearch::compare_rates(Window& window) const {
  const auto& s = search_;
  const auto first = std::max<std::int64_t>(1, window.before - 5),
             last = std::min(s.count() - 1, window.after + 6);
  const auto length = static_cast<float>(window.after - window.before);
  float most = 0, brightest = 0, ssim_inside = 0, ssim_beside = 0, beside = 0, scale = 0, angle = 0;
  for (auto i = first; i <= last; ++i) {
    const auto& motion = s.frames[i].motion;
    if (i > window.before && i <= window.after) {
      window.rate_inside += s.steps[i];
      most = std::max(most, s.steps[i]);
      brightest = std::max(brightest, s.level[i]);
      window.travel += motion.dx * motion.confidence;
      window.tracked += motion.confidence;
      ssim_inside += s.frames[i].ssim;
      window.unmatched_sum += s.frames[i].unmatched;
      window.unmatched_most = std::max(window.unmatched_most, s.frames[i].unmatched);
      scale += motion.log_scale * motion.confidence;
      angle += motion.rotation * motion.confidence;
    } else {
      (i <= window.before ? window.rate_before : window.rate_after) += s.steps[i];
      window.tracked_beside += motion.confidence;
      ssim_beside += s.frames[i].ssim;
      window.unmatched_beside += s.frames[i].unmatched;
      ++beside;
    }
  }
  window.rate_inside /= length;
  window.unsteady = most / std::max(0.05f, window.rate_inside);
  window.rate_before /= static_cast<float>(std::max<std::int64_t>(1, window.before - first + 1));
  window.rate_after /= static_cast<float>(std::max<std::int64_t>(1, last - window.after));
  window.tracked /= length;
  window.ssim_inside = ssim_inside / length;
  window.tracked_beside /= std::max(1.0f, beside);
  window.ssim_beside = ssim_beside / std::max(1.0f, beside);
  window.unmatched_inside = window.unmatched_sum / length;
  window.unmatched_beside /= std::max(1.0f, beside);
  window.zoomed = std::abs(scale);
  window.turned = std::abs(angle);
  window.travel = std::abs(window.travel);
  window.brighter = brightest - std::max(s.level[window.before], s.level[window.after]);
}

std::vector<BlendCandidate> BlendSearch::run() {
  std::vector<BlendCandidate> found;
  static constexpr int kLengths[] = {5, 7, 9, 12, 16, 21, 28, 37, 49, 65};
  const auto longest = search_.frames_in(2.2, 30, 90);
  for (const int length : kLengths) {
    if (length > longest) break;
    const std::int64_t step = std::max(1, length / 5);
    for (std::int64_t before = 0; before + length < search_.count(); before += step) {
      const auto after = before + length;
      if (search_.distance(before, after) < kLeastApart || blocked(before, after)) continue;
      if (search_.tolerant(before, after) < kLeastTolerant) continue;
      Window window = measure(before, after);
      if (window.residual > kResidual || window.backwards > kBackwards) continue;
      window.unlike = search_.unlike(before, after);
      if (window.unlike < kSameView) continue;
      window.unlike_wide = compare_wide(window);
      if (window.unlike_wide < kSameViewWide) continue;
      compare_ends(window);
      if (is_one_scene(window)) continue;
      compare_views(window);
      found.push_back(window.candidate());
    }
  }
  return found;
}

}  // namespace

std::vector<BlendCandidate> blend_candidates(const TransitionSearch& search,
                                             std::span<const ShotChange> settled) {
  return BlendSearch(search, settled).run();
}

std::vector<ShotChange> find_blends(const TransitionSearch& search, std::span<const ShotChange> settled) {
  struct Sure {
    double probability;
    BlendCandidate window;
  };
  std::vector<Sure> sure;
  const double least = kLeastOdds * search.strictness / (1 + kLeastOdds * search.strictness);
  for (const auto& window : blend_candidates(search, settled)) {
    const double probability = blend_probability(window.evidence);
    if (probability >= least) sure.push_back({probability, window});
  }
  std::sort(sure.begin(), sure.end(),
            [](const Sure& a, const Sure& b) { return a.probability > b.probability; });
  std::vector<ShotChange> out;
  for (const auto& [probability, window] : sure) {
    const bool taken = std::any_of(out.begin(), out.end(), [&](const ShotChange& change) {
      return change.first_frame - 3 <= window.after && window.before <= change.last_frame + 3;
    });
    if (taken) continue;
    const auto kind = window.evidence[3] > kWipeSpread ? TransitionKind::wipe : TransitionKind::dissolve;
    out.push_back({kind, window.before + 1, window.after - 1, probability});
  }
  return out;
}

}  // namespace studio
