// Averages what the samples say, joins their palettes, and weighs it all into one score.
#include "analysis/composition.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace studio {
namespace {

// +1: to the right, -1: to the left, 0: no clear direction.
int direction_of(std::span<const CompositionSample> samples, const CameraJudgement& camera) {
  // The camera goes with its subject: a pan to the right needs room on the right.
  double pan = 0;
  for (const CameraMove& m : camera.moves) {
    const double travel = m.speed * static_cast<double>(m.last_frame - m.first_frame);
    if (m.kind == MoveKind::pan_right) pan += travel;
    if (m.kind == MoveKind::pan_left) pan -= travel;
  }
  double drift = 0, steps = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const auto &a = samples[i - 1].features, &b = samples[i].features;
    const double sure = std::min(a.subject_confidence, b.subject_confidence);
    const double step = b.subject.center_x() - a.subject.center_x();
    if (sure < 0.2 || std::abs(step) > 0.3) continue;  // another subject was found
    drift += step;
    steps += std::abs(step);
  }
  if (steps > 0.08 && std::abs(drift) > 0.7 * steps) return drift > 0 ? 1 : -1;
  if (std::abs(pan) > 1e-6) return pan > 0 ? 1 : -1;
  return 0;
}

double lead_room_of(const CompositionFeatures& f, int direction) {
  const double ahead = direction > 0 ? f.subject_right_room : f.subject_left_room;
  const double behind = direction > 0 ? f.subject_left_room : f.subject_right_room;
  if (ahead + behind < 0.05) return 0.3;  // it fills the picture
  // Two thirds of the free room ahead is full marks, half is fair.
  return std::clamp(ahead / (ahead + behind) / 0.65, 0.0, 1.0);
}

struct Swatch {
  std::array<double, 3> rgb{};
  double share = 0;
};

// The samples' palettes as one: nearest swatches are joined until five are left.
void join_palettes(std::span<const CompositionSample> samples, CompositionJudgement& out) {
  std::vector<Swatch> swatches;
  for (const CompositionSample& s : samples)
    for (std::size_t i = 0; i < s.features.palette.size(); ++i) {
      if (s.features.palette_share[i] <= 0) continue;
      Swatch next;
      for (std::size_t c = 0; c < 3; ++c) next.rgb[c] = s.features.palette[i][c];
      next.share = s.features.palette_share[i] / static_cast<double>(samples.size());
      const auto distance = [&](const Swatch& a) {
        return std::hypot(a.rgb[0] - next.rgb[0], a.rgb[1] - next.rgb[1], a.rgb[2] - next.rgb[2]);
      };
      const auto nearest = std::ranges::min_element(swatches, {}, distance);
      if (nearest != swatches.end() && distance(*nearest) < 36) {
        for (std::size_t c = 0; c < 3; ++c)
          nearest->rgb[c] =
              (nearest->rgb[c] * nearest->share + next.rgb[c] * next.share) / (nearest->share + next.share);
        nearest->share += next.share;
      } else {
        swatches.push_back(next);
      }
    }
  std::ranges::sort(swatches, std::greater{}, &Swatch::share);
  if (swatches.size() > 5) swatches.resize(5);
  double total = 0;
  for (const Swatch& s : swatches) total += s.share;
  for (const Swatch& s : swatches) {
    out.palette.push_back({static_cast<int>(std::lround(s.rgb[0])), static_cast<int>(std::lround(s.rgb[1])),
                           static_cast<int>(std::lround(s.rgb[2]))});
    out.palette_share.push_back(s.share / total);
  }
}

double score_of(const CompositionJudgement& c, bool lead_known, const CompositionWeights& w) {
  // A centred subject in a symmetric picture is a choice of its own, not a missed third.
  const double centred = std::max(0.0, 1 - std::abs(c.subject.center_x() - 0.5) / 0.12);
  const double placed = 0.6 * c.rule_of_thirds + 0.4 * c.power_points;
  const double formal = std::clamp((c.symmetry - 0.5) / 0.4, 0.0, 1.0) * centred;
  const double placement = std::max(placed, 0.95 * formal);
  const double balance = 0.7 * c.balance_horizontal + 0.3 * c.balance_vertical;
  const double room = lead_known ? 0.5 * (c.headroom + c.lead_room) : c.headroom;
  const double total = w.placement + w.balance + w.clutter + w.exposure + w.contrast + w.room;
  if (total <= 0) return 0;
  return std::clamp((w.placement * placement + w.balance * balance + w.clutter * (1 - c.clutter) +
                     w.exposure * c.exposure + w.contrast * c.contrast + w.room * room) /
                        total,
                    0.0, 1.0);
}

}  // namespace

CompositionJudgement judge_composition(std::span<const CompositionSample> samples,
                                       const CameraJudgement& camera, const CompositionWeights& weights) {
  CompositionJudgement out;
  if (samples.empty()) return out;
  const double share = 1.0 / static_cast<double>(samples.size());
  const int direction = direction_of(samples, camera);
  for (const CompositionSample& s : samples) {
    const CompositionFeatures& f = s.features;
    out.rule_of_thirds += share * f.rule_of_thirds;
    out.power_points += share * f.power_points;
    out.balance_horizontal += share * f.balance_horizontal;
    out.balance_vertical += share * f.balance_vertical;
    out.symmetry += share * f.symmetry;
    out.clutter += share * f.clutter;
    out.exposure += share * f.exposure;
    out.contrast += share * f.contrast;
    out.brightness += share * f.brightness;
    out.headroom += share * f.headroom;
    out.lead_room += share * (direction == 0 ? 0.5 : lead_room_of(f, direction));
    for (std::size_t i = 0; i < 3; ++i) out.depth_layers[i] += share * f.depth_layers[i];
  }
  // The best sample, preferring the middle of the shot.
  const double middle = static_cast<double>(samples.size() - 1) / 2;
  double best = -1;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double off = middle > 0 ? std::abs(static_cast<double>(i) - middle) / middle : 0;
    const double value = samples[i].features.subject_confidence * (1 - 0.3 * off);
    if (value <= best) continue;
    best = value;
    out.subject = samples[i].features.subject;
    out.subject_confidence = samples[i].features.subject_confidence;
  }
  join_palettes(samples, out);
  out.score = score_of(out, direction != 0, weights);
  return out;
}

CompositionJudgement judge_composition(const CompositionFeatures& features,
                                       const CompositionWeights& weights) {
  const CompositionSample sample{0, features};
  return judge_composition(std::span(&sample, 1), {}, weights);
}

}  // namespace studio
