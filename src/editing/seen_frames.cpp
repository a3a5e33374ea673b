// Which source frame each frame of the file shows: told by the plan and checked by picture, or found.
#include <algorithm>
#include <cmath>

#include "editing/alignment.h"
#include "editing/constraints.h"

namespace studio {
namespace {

int index_of(std::span<const EditSource> sources, const std::string& id) {
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i].id == id) return static_cast<int>(i);
  return -1;
}

// Source time that a piece shows at output time `t`.
double source_time(const Piece& piece, double t) {
  const double share = piece.output_end_s > piece.output_start_s
                           ? (t - piece.output_start_s) / (piece.output_end_s - piece.output_start_s)
                           : 0;
  if (piece.freeze) return piece.start_s;
  const double along = share * (piece.end_s - piece.start_s);
  return piece.reverse ? piece.end_s - along : piece.start_s + along;
}

}  // namespace

std::vector<SeenFrame> seen_by_plan(const Fingerprint& file, const Comparison& with_plan,
                                    std::span<const Piece> pieces, std::span<const EditSource> sources,
                                    const std::vector<Fingerprint>& prints) {
  std::vector<SeenFrame> seen(file.frames.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const FrameMatch& match = with_plan.alignment.frames[i];
    if (!match.matched) continue;  // shows something else than any of the plan's frames
    const double t = file.frames[i].time_s + match.offset_s;
    for (const Piece& piece : pieces) {
      if (t < piece.output_start_s - 1e-6 || t >= piece.output_end_s - 1e-6) continue;
      const int source = index_of(sources, piece.source);
      if (source < 0) continue;
      seen[i].source = source;
      seen[i].source_s = source_time(piece, t);
      // Effects change pictures, so a frame that differs is not held against the plan: it is only not proved.
      if (static_cast<std::size_t>(source) < prints.size() &&
          !prints[static_cast<std::size_t>(source)].frames.empty()) {
        const Fingerprint& print = prints[static_cast<std::size_t>(source)];
        const std::size_t k = print.frame_at(seen[i].source_s + 0.25 / std::max(1.0, print.frame_rate));
        for (std::size_t n = k > 0 ? k - 1 : 0; n <= std::min(k + 1, print.frames.size() - 1); ++n)
          if (picture_distance(file.thumb(i), print.thumb(n)) < 0.2f) seen[i].by_picture = true;
      }
      break;
    }
  }
  return seen;
}

std::vector<SeenFrame> seen_by_picture(const Fingerprint& file, const Comparison& c) {
  std::vector<SeenFrame> seen(file.frames.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const FrameMatch& match = c.alignment.frames[i];
    if (match.distance > 0.4f) continue;
    const double t = file.frames[i].time_s + match.offset_s;
    for (std::size_t s = 0; s < c.sources.size(); ++s)
      if (t >= c.sources[s].start_s - 0.05 && t < c.sources[s].end_s + 0.05) {
        seen[i].source = static_cast<int>(s);
        seen[i].source_s = t - c.sources[s].start_s;
        seen[i].by_picture = true;
        break;
      }
  }
  return seen;
}

}  // namespace studio
