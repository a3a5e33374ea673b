// A timeline laid out on its frame grid: which clip is seen and heard when, handles included.
#pragma once

#include <cstdint>
#include <vector>

#include "timeline/timeline.h"

namespace studio {

// An item of a video track on the grid: cuts fall on the nearest frame.
struct PlacedItem {
  const Item* item = nullptr;
  std::int64_t first = 0, end = 0;              // frames, without handles
  std::int64_t shown_first = 0, shown_end = 0;  // with the handles of its transitions
};

// Two neighbours over each other in [first, end).
struct PlacedTransition {
  const Transition* transition = nullptr;
  std::size_t from = 0, to = 0;  // indices of placed items
  std::int64_t first = 0, end = 0;
};

struct PlacedTrack {
  const Track* track = nullptr;
  std::vector<PlacedItem> items;
  std::vector<PlacedTransition> transitions;
};

PlacedTrack place(const Track& track, Rational frame_rate);

// Number of frames of the finished picture; at least one.
std::int64_t frames_of(const Timeline& timeline);

// A clip's sound on the sample grid.
struct PlacedSound {
  const Clip* clip = nullptr;
  std::int64_t origin = 0;                           // sample at which the clip's picture begins (offset 0)
  std::int64_t begin = 0, end = 0;                   // samples, with J and L leads and handles
  std::int64_t fade_in = 0, fade_out = 0;            // samples
  bool crossfade_in = false, crossfade_out = false;  // equal power rather than the short fade of a cut
};

// Pictures and sound of one clip keep step: on video tracks the origin is that of its first frame.
// Every end of a sound gets a fade of 5 ms, but not where one clip goes on with the very next
// sample of the other (a cut inside running sound).
std::vector<PlacedSound> place_sounds(const Track& track, Rational frame_rate, int sample_rate,
                                      std::int64_t total_samples);

}  // namespace studio
