// Small timelines for the tests: sixty-second sources at 25 frames per second.
#pragma once

#include <string>
#include <vector>

#include "timeline/timeline.h"

namespace studio {

inline Time seconds(double s) {
  return Time::from_seconds(s);
}

inline MediaFile file_of(const std::string& name = "film.mp4") {
  MediaFile file;
  file.path = name;
  file.available = {Time{}, seconds(60)};
  file.frame_rate = {25, 1};
  file.width = 1280;
  file.height = 720;
  file.has_video = file.has_audio = true;
  return file;
}

inline Clip clip_of(const std::string& id, double from, double to, const std::string& file = "film.mp4") {
  Clip clip;
  clip.id = clip.name = id;
  clip.source = file_of(file);
  clip.source_range = TimeRange::between(seconds(from), seconds(to));
  return clip;
}

inline Timeline timeline_of(std::vector<Item> items) {
  Timeline timeline;
  timeline.name = "test";
  timeline.tracks.push_back({"V1", TrackKind::video, std::move(items), {}});
  return timeline;
}

}  // namespace studio
