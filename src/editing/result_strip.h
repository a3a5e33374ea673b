// Pictures and pieces of a finished edit, for its report. Internal to editing/.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "timeline/plan.h"

namespace studio {

struct StripPicture {
  double time_s = 0;
  std::string data_uri;  // "data:image/jpeg;base64,..."
};

// Up to 12 frames spread over the file.
Result<std::vector<StripPicture>> result_strip(const Path& file, double duration_s, const Job& job);

struct TimelinePiece {
  double start_s = 0, end_s = 0;  // output seconds
  std::string name, label;
};

// As the plan's cuts play; without their sources only cuts and constant speeds are known.
std::vector<TimelinePiece> timeline_pieces(const EditPlan& plan);

// What lies over the pieces: transitions (around their joins, fades at the ends), texts, effects and insets,
// sounds and music, in output seconds.
struct TimelineMark {
  DecisionType type = DecisionType::effect;
  double start_s = 0, end_s = 0;
  std::string name;   // short: "crossfade", "Big Day"
  std::string label;  // for the pointer
};
std::vector<TimelineMark> timeline_marks(const EditPlan& plan);

}  // namespace studio
