// The subject's path, smoothed so that a crop that follows it looks like a camera move. Internal to editing/.
#pragma once

#include <vector>

#include "editing/evidence.h"
#include "timeline/timeline.h"

namespace studio {

struct SubjectPath {
  std::vector<Keyframe> x, y;  // in the clip's timeline time
};

// For a clip of `source` as it plays. At most one keyframe each half second of output; still when
// the subject stays within a tenth of the picture.
SubjectPath subject_path(const EditSource& source, const Clip& clip);

// The subject's place at a source time, fractions of the picture; the middle when unknown.
struct Point {
  double x = 0.5, y = 0.5;
};
Point subject_at(const EditSource& source, double source_s);

}  // namespace studio
