// The pieces the HTML report is put together from.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/analysis.h"
#include "analysis/frame_grabs.h"

namespace studio::report {

// Keyframes by frame number, as they are embedded: <image id="kf49">, used wherever they are shown.
struct Pictures {
  std::map<std::int64_t, std::string> jpeg;  // frame -> JPEG bytes
  int width = 0, height = 0;
  std::string missing;  // why there are none; empty when all is well

  bool has(std::int64_t frame) const { return jpeg.contains(frame); }
};

extern const std::string_view kStyle;  // the page's CSS

// A value of the shots, weighted by their lengths; 0 without shots.
double mean_over_time(const Analysis& analysis, double (*value)(const Shot&));

// The times of the clip's frames, from its first one.
class Clock {
 public:
  explicit Clock(const Analysis& analysis);
  double at(std::int64_t frame) const;         // seconds
  double end() const { return end_; }          // of the clip
  double origin() const { return origin_; }    // of the clip in the file's time
  std::string text(std::int64_t frame) const;  // "0:07.250"

 private:
  const std::vector<double>& time_s_;
  double origin_ = 0, end_ = 0, step_ = 0.04;
};

// All rows over one time axis: keyframes, issues, camera, motion, brightness, loudness.
std::string timeline_chart(const Analysis& analysis, const Pictures& pictures, const Clock& clock);
// One keyframe with thirds and subject box over it.
std::string keyframe_picture(const Shot& shot, const Pictures& pictures);
std::string score_ring(double score, std::string_view label);
std::string severity_color(double severity);

}  // namespace studio::report
