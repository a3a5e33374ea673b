// The edit verbs that place and shape clips: each takes a timeline and gives another one.
// Timeline in, timeline out: nothing is shared, so an edit can be tried, compared and thrown away.
//
// For all of them: times are exact timeline time unless said otherwise and are taken as they are
// (snap to frames before); an id or track that is not there gives not_found, anything that cannot
// be done gives invalid_input and says how much could be; a transition whose cut is taken away goes
// with it. Effects keep their place: ranges and keyframes move with the picture they were put on.
// Markers follow the first track (and edits of all tracks); those inside what is cut out go.
#pragma once

#include <string>

#include "timeline/timeline.h"

namespace studio {

// Take a piece of a file as a clip.
//   film |-----[=====]------|   ->   |=====|
// `range` is in the file's time and must lie inside what it holds; empty is refused.
Result<Clip> cut(const MediaFile& file, TimeRange range, std::string id);

// Put a clip at the end of a track.
//   | A | B |  +  N   ->   | A | B | N |
Result<Timeline> append(Timeline timeline, const std::string& track_id, Clip clip);

// Divide what plays at `at` in two.
//   |   A   | B |   ->   | A | A~2 | B |
//       ^
// At a cut, or inside a gap, nothing changes. Inside a transition it is refused, as it is beyond
// the end. A J cut stays with the first part, an L cut with the second.
Result<Timeline> split(Timeline timeline, const std::string& track_id, Time at);

// Put a clip in at `at` and move what follows later by its length.
//   |   A   | B |   ->   | A |  N  | A~2 | B |
//       ^
// Inside a clip that clip is split. At a cut with a transition, or inside one, the transition goes.
// Beyond the end a gap fills up. Other tracks stay where they are.
Result<Timeline> insert(Timeline timeline, const std::string& track_id, Time at, Clip clip);

// Put a clip over what is there, for its length. Nothing moves.
//   |  A  |  B  |   ->   | A | N | B |
//       ^^^^^
// Clips wholly under it go, those that straddle its ends are shortened. Beyond the end it lengthens
// the track, with a gap in between where needed.
Result<Timeline> overwrite(Timeline timeline, const std::string& track_id, Time at, Clip clip);

// Take a clip off and leave its place empty (lift).
//   | A | B | C |   ->   | A |   | C |
// At the end of the track nothing is left behind. Its transitions go.
Result<Timeline> remove(Timeline timeline, const std::string& clip_id);

// Cut `range` out and close the gap.
//   | A | B | C |   ->   | A | C |
//       ^---^
// A clip that straddles an end of `range` is split there. What lies beyond the end is ignored;
// an empty range, or one wholly beyond the end, is refused.
Result<Timeline> ripple_delete(Timeline timeline, const std::string& track_id, TimeRange range);
// The same on every track at once, so that they stay in step.
Result<Timeline> ripple_delete(Timeline timeline, TimeRange range);

// Move the ends of a clip; everything else stays where it is.
//   | A |  B  | C |   ->   | A |  |B| C |       head > 0: it starts later, a gap is left
//                          | A |B|  | C |       tail < 0: it ends earlier
// Outwards (head < 0, tail > 0) it may grow only over gaps (at the end of the track: freely) and
// only as far as its file holds. Where an end with a transition moves, the transition goes.
Result<Timeline> trim(Timeline timeline, const std::string& clip_id, Time head, Time tail);

// Move the ends of a clip and let what follows move along.
//   | A |  B  | C |   ->   | A | B | C |
// The clip's place in the track stays; its length changes by tail - head. Transitions at its ends
// stay when there is still enough of everything under them, else they go.
Result<Timeline> ripple_trim(Timeline timeline, const std::string& clip_id, Time head, Time tail);

// Move the cut after a clip: it gets longer, the next one shorter, or the other way round.
//   |  A  |  B  |   ->   |   A   | B |          by > 0
// The total length stays. Refused beyond the handles, when nothing of either would be left, and at
// the end of the track. A gap as neighbour gives or takes time.
Result<Timeline> roll(Timeline timeline, const std::string& clip_id, Time by);

// Show another part of the file in the same place.
//   film |---[===]----|   ->   |-----[===]--|   by > 0: later material
// `by` is in source time. Refused when the file does not hold it. Effects stay on their timeline times.
Result<Timeline> slip(Timeline timeline, const std::string& clip_id, Time by);

// Move a clip between its neighbours: the one before gets longer, the one after shorter.
//   |  A  | B |  C  |   ->   |   A   | B | C |  by > 0
// The clip's own material and the total length stay. Needs a neighbour on both sides (the end of
// the track counts as one; so does its start, for by > 0: a gap comes in).
Result<Timeline> slide(Timeline timeline, const std::string& clip_id, Time by);

// Two timelines one after the other.
//   | A | B |  +  | C |   ->   | A | B | C |
// Tracks join by kind and order (video 1 with video 1); shorter ones are filled with gaps so that
// the second starts at the same time everywhere. Size and rates are the first's. Ids of the second that
// are taken get a fresh one; its markers move along. Effects of whole tracks and of the whole
// timeline get an active range, so that each acts on its own half only.
Result<Timeline> concatenate(Timeline first, const Timeline& second);

}  // namespace studio
