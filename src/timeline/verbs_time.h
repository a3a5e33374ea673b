// The edit verbs that change how time runs: speed, ramp, freeze, reverse, J and L cuts.
// What verbs.h says at its top holds here too. All but the J and L cuts change the length of the
// clip and let what follows move along.
#pragma once

#include <string>
#include <vector>

#include "timeline/timeline.h"

namespace studio {

// Play a clip `speed` times as fast (1/1000 to 1000; 2 halves its length). Replaces a ramp.
//   |   A   | B |   ->   | A | B |              speed 2
// Effects stay on the pictures they were on. Refused on a freeze.
Result<Timeline> change_speed(Timeline timeline, const std::string& clip_id, Rational speed,
                              bool keep_pitch = true);

// Let the speed change while the clip plays, linear in source time between keys.
//   |   A   | B |   ->   | A~~ | B |            speed from 1 to 4
// Keys count from the start of the clip's source range, ascending, speeds 1/1000 to 1000; before the
// first and after the last the speed stays. No keys: refused. Refused on a freeze.
Result<Timeline> ramp(Timeline timeline, const std::string& clip_id, std::vector<Retime::SpeedKey> keys,
                      bool keep_pitch = true);

// Stand still for `hold` on the picture shown at `at` (from the clip's start as it plays).
//   |   A   | B |   ->   | A |*A~2*| A~3 | B |
//       ^
// The clip is split there and a frozen, silent clip comes in between; at its very start or end it
// comes before or after. Refused inside a transition and for a hold of no length. Effects active
// at that moment stay on during the hold as they were set (constant); others do not.
Result<Timeline> freeze(Timeline timeline, const std::string& clip_id, Time at, Time hold);

// Play a clip backwards, picture and sound. Twice is as it was.
//   | 1 2 3 | B |   ->   | 3 2 1 | B |
// The ramp, ranges and keyframes stay on the pictures they were on. Refused on a freeze.
Result<Timeline> reverse(Timeline timeline, const std::string& clip_id);

// J cut: the clip's sound is heard `lead` before its picture; the sound before it ends there.
//   picture |  A  |  B  |        picture |  A  |  B  |
//   sound   |  A  |  B  |   ->   sound   | A |   B   |
// Zero takes it back. Refused beyond the file's handles, the length of the clip before, and for the
// first clip of a track (nothing plays before it).
Result<Timeline> j_cut(Timeline timeline, const std::string& clip_id, Time lead);

// L cut: the clip's sound goes on `tail` under the picture of the next; the next sound starts there.
//   picture |  A  |  B  |        picture |  A  |  B  |
//   sound   |  A  |  B  |   ->   sound   |   A   | B |
// Zero takes it back. Refused beyond the file's handles, the length of the clip after, and for the last.
Result<Timeline> l_cut(Timeline timeline, const std::string& clip_id, Time tail);

}  // namespace studio
