// What the OTIO writer and reader agree on. For these two only.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "timeline/timeline.h"

namespace studio::otio_form {

// The range a clip has in OTIO: start in the media's timecode, length as it plays.
struct NativeRange {
  Time start, duration;
};
NativeRange native_range_of(const Clip& clip);

// What to add to a file's own time to get OTIO's: its start timecode, when it has one.
Time timecode_offset_of(const Clip& clip);

Json rational_time(Time time, Rational rate);
Json time_range(Time start, Time duration, Rational rate);
Rational rate_of(const Clip& clip, Rational fallback);

// The retime as OTIO effects: none, LinearTimeWarp, FreezeFrame, or TimeEffect for a ramp.
Json time_effects_of(const Retime& retime);

}  // namespace studio::otio_form
