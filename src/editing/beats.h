// Cuts on beats: finding the beats an edit is heard with, and moving its cuts onto them.
// Internal to editing/.
#pragma once

#include <span>
#include <vector>

#include "base/progress.h"
#include "editing/brief.h"
#include "editing/fitting.h"

namespace studio {

// Fills `brief.beats_s` from the music bed, or makes sure that the film's own sound has beats. Where there
// are none the wish is named in `unmet` and given up. Errors: interrupted.
Result<void> find_beats(Brief& brief, std::span<const EditSource> sources, const Job& job);

struct BeatOptions {
  double total_s = 0;  // of the output; kept
  double min_piece_s = 0.3;
  double handle_s = 0;
  std::span<const double> music_s;  // output seconds; empty: the beats of each piece's own sound
};

// Every cut but the ends of the output onto a beat, each piece as near to its length as that allows,
// inside its shot where the film reaches. False: it cannot be done, and `cuts` are as they were.
bool snap_to_beats(std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid,
                   std::span<const EditSource> sources, const BeatOptions& options);

}  // namespace studio
