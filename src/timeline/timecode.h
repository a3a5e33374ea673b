// SMPTE timecode (ST 12-1): frames counted as hours, minutes, seconds and frames.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace studio {

// The number of frames timecode counts in a second: 24 for 24000/1001, 30 for 30000/1001.
std::int64_t timecode_base(Rational rate);

// Drop-frame exists for 30000/1001 and 60000/1001 only: numbers (not frames) 0 and 1 (0 to 3) of each
// minute are left out, but for every tenth, so that the count stays with the clock.
bool has_drop_frame(Rational rate);

// "01:00:00:00", drop-frame "01:00:00;00". Wraps at 24 hours; negative counts back from there.
std::string timecode_of(std::int64_t frames, Rational rate, bool drop_frame = false);

// The inverse; a ';' or '.' before the frames means drop-frame. Errors: invalid_input for anything
// else, fields out of range, and numbers that drop-frame leaves out.
Result<std::int64_t> frames_of_timecode(std::string_view text, Rational rate);

}  // namespace studio
