// When in the output something happens: where effects and sounds without a time of their own are put.
#include <algorithm>
#include <cmath>

#include "editing/compose.h"
#include "editing/plan_cuts.h"
#include "editing/repair.h"

namespace studio {

std::vector<double> telling_moments(const EditPlan& plan, std::span<const EditSource> sources,
                                    std::size_t most) {
  struct Moment {
    double at = 0, strength = 0;
  };
  std::vector<Moment> moments;
  for (const Piece& piece : pieces_of(plan, sources)) {
    if (piece.freeze) continue;
    const EditSource* source = find_source(sources, piece.source);
    if (!source) continue;
    const Curves& curves = source->analysis.curves;
    Moment best{piece.output_start_s, 0.001};
    for (std::size_t i = 0; i < curves.time_s.size() && i < curves.motion.size(); ++i) {
      double t = curves.time_s[i];
      if (t < piece.start_s || t >= piece.end_s) continue;
      if (static_cast<double>(curves.motion[i]) <= best.strength) continue;
      double share = (t - piece.start_s) / std::max(1e-9, piece.end_s - piece.start_s);
      if (piece.reverse) share = 1 - share;
      best = {piece.output_start_s + share * (piece.output_end_s - piece.output_start_s),
              static_cast<double>(curves.motion[i])};
    }
    // Not in the last moments of a piece, where the cut would end it.
    best.at = std::min(best.at, std::max(piece.output_start_s, piece.output_end_s - 0.5));
    moments.push_back(best);
  }
  std::ranges::stable_sort(moments, std::ranges::greater{}, &Moment::strength);
  std::vector<double> out;
  for (const Moment& m : moments) {
    if (out.size() >= most) break;
    if (std::ranges::none_of(out, [&](double t) { return std::abs(t - m.at) < 0.8; }))
      out.push_back(std::round(m.at * 1e4) / 1e4);  // as the plan writes times
  }
  return out;
}

}  // namespace studio
