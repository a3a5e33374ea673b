// The edit verbs that add to what is there: layers, texts, effects, transitions, sounds, markers.
// What verbs.h says at its top holds here too. None of them moves anything.
#pragma once

#include <string>

#include "timeline/timeline.h"

namespace studio {

// Lay a clip over the picture at `at`, on the lowest video track above the first that is free
// there, or on a new one.
//   V1 |    A    |   ->   V2    | N |
//                         V1 |    A    |
// Placement (picture in picture, split screen) is an effect of the clip.
Result<Timeline> composite(Timeline timeline, Time at, Clip clip);

// Show a text the studio makes (a generator of kind title, lower_third, caption, subtitles, ...).
//   V1 |    A    |   ->   V2   |"hi"|
//                         V1 |    A    |
// Like composite; its id is "text", "text~2", ... A duration of no length is refused.
Result<Timeline> overlay_text(Timeline timeline, Time at, Time duration, Generator text);

// Put an effect on a clip, after those it has (they act in order).
//   | A |   ->   | A+fx |
// `active` and keyframes count from the clip's start as it plays. A range wholly outside the clip,
// an id of no letters, or keyframes that do not ascend are refused.
Result<Timeline> add_effect(Timeline timeline, const std::string& clip_id, Effect effect);
// On the whole of a track, or on everything (times count from the start of the timeline).
Result<Timeline> add_track_effect(Timeline timeline, const std::string& track_id, Effect effect);
Result<Timeline> add_effect(Timeline timeline, Effect effect);

// Let the clip and what follows it overlap for `duration`, half on each side of the cut.
//   | A | B |   ->   | A |x| B |
// Replaces a transition that is there. Where one side has less of a handle, the other side gives
// more; refused, with the longest possible, when both together have not enough, when it would run
// over a whole clip or into another transition, and at the end of the track.
Result<Timeline> add_transition(Timeline timeline, const std::string& clip_id, std::string kind,
                                Time duration);

// The longest transition that could stand after the clip; zero when none can.
Result<Time> longest_transition(const Timeline& timeline, const std::string& clip_id);

// Play a sound at `at`, on the lowest audio track that is free there, or on a new one.
//   V1 | A |   ->   V1 |    A    |
//                   A1     | N |
Result<Timeline> add_audio(Timeline timeline, Time at, Clip clip);

// Name a moment. Markers are kept in order of time. Before the start is refused.
Result<Timeline> add_marker(Timeline timeline, Marker marker);
// Takes off the markers at exactly `at`; not_found when there is none.
Result<Timeline> remove_marker(Timeline timeline, Time at);

}  // namespace studio
