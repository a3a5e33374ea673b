// Where in a reference does each frame of a file come from? Dynamic programming over time offsets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "editing/fingerprint.h"

namespace studio {

// Frame i of the file shows what the reference shows at time_s + offset_s.
struct FrameMatch {
  double offset_s = 0;
  float distance = 0;    // of the normalised pictures at that place; 0 same, 2 opposite
  float at_home = 0;     // the same at offset 0: where the frame should be when the reference is the plan
  float best = 0;        // smallest distance to any reference frame
  bool matched = false;  // the picture really is there, by the noise of this pair of files
};

struct Alignment {
  std::vector<FrameMatch> frames;
  float noise = 0;  // distance below which pictures count as the same
};

struct AlignmentOptions {
  double hold_cost = 0.9;  // for a change of the offset by a frame or a few
  double jump_cost = 9;    // for any other change: about three unmatched frames
  double search_s = 0;     // offsets considered to either side of 0; 0: the whole reference
};

// The cheapest path through the offsets (Viterbi): constant while film plays at its speed, falling by one
// frame a frame while it stands, jumping where pieces change places.
Alignment align(const Fingerprint& file, const Fingerprint& reference, const AlignmentOptions& options = {});

// Distance of two thumbnails after mean and contrast are taken out: brightness does not matter to it.
float picture_distance(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b);

// A stretch of the file whose frames run through the reference at one speed.
struct AlignedRun {
  std::int64_t first_frame = 0, last_frame = 0;  // of the file, inclusive
  double offset_s = 0;                           // at the first frame
  double speed = 1;                              // reference seconds per file second
  double matched_share = 1;
};
std::vector<AlignedRun> runs_of(const Alignment& alignment, const Fingerprint& file,
                                double reference_frame_s);

// How far the sound of `file` around `time_s` lies after (positive) the reference's sound at
// time_s + offset_s, in seconds, by normalised cross-correlation of a window; empty when the window is
// silent in the file or in the reference.
struct SoundLag {
  double lag_s = 0;
  double correlation = 0;  // at the peak, 0..1
  double at_zero = 0;      // at lag 0
};
std::optional<SoundLag> sound_lag(const SoundPrint& file, const SoundPrint& reference, double time_s,
                                  double offset_s, double window_s, double search_s);

}  // namespace studio
