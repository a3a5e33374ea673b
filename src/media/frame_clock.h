// When the frames of a file are on screen, learned from its packets: nothing is decoded.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"
#include "media/probe.h"

namespace studio {

struct FrameClock {
  std::int64_t frames = 0;
  TimeRange shown;          // from the first frame's time to the end of the last
  Rational frame_rate;      // credible_frame_rate() of the header's
  bool variable = false;    // is_variable_rate()
  std::vector<Time> times;  // of each frame, ascending; empty unless `variable`
};

// From the container's own index where it lists every frame and the data it points to is there;
// otherwise all packets are read once, at the speed of copying. A file that ends early gives the
// frames it really has. Errors: those of probe(); unsupported (no picture); invalid_input (no
// frame); interrupted.
Result<FrameClock> frame_clock(const Path& video, std::stop_token stop = {});

// Whether more than a handful (0.5%) of the steps between frames leave the usual one by more than
// a container's rounding. `times` ascending, in seconds.
bool is_variable_rate(std::span<const double> times_s);

// The rate a header claims, or the measured one where the frames' own times contradict it.
Rational credible_frame_rate(Rational claimed, std::int64_t frames, double duration_s);

}  // namespace studio
