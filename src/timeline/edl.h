// Edit decision lists (CMX 3600) out: one picture track with its sound, for other editing systems.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "timeline/timeline.h"

namespace studio {

struct EdlOptions {
  std::string track;           // id of the picture track; empty: the first one
  bool drop_frame = false;     // for 30000/1001 and 60000/1001 only
  int record_start_hours = 1;  // the list's timecode starts there, as is the custom; 0 to 23
};

struct EditDecisionList {
  std::string text;
  std::vector<std::string> losses;  // what the timeline holds that a list cannot say, a sentence each
};

// Events: cuts (C), dissolves (D nnn) and wipes (W001 nnn), to and from black (reel BL); M2 lines for
// speeds (frames per second, negative in reverse, 000.0 for a freeze); channels AA/V, V, and AA where
// sound leads or lags (J and L cuts). Source times are timecode: from the media's start timecode when
// it has one. Reels are the media's reel, else made from its name (eight letters, unique). Comments tell
// FROM CLIP NAME, TO CLIP NAME and SOURCE FILE. Times are rounded to frames of the timeline's rate.
// Errors: what validate() says; not_found for the track; invalid_input for drop-frame at other rates
// and hours out of range.
Result<EditDecisionList> to_edl(const Timeline& timeline, const EdlOptions& options = {});

Result<std::vector<std::string>> write_edl(const std::string& path, const Timeline& timeline,
                                           const EdlOptions& options = {});  // the losses

}  // namespace studio
