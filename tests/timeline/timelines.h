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

// One of everything: ramps, freezes, keyframes, J cuts, reels, timecodes, texts, odd frame rates.
Timeline full_timeline();

// What a track shows, a word per frame: "film:37" (source frame), "-" for a gap.
inline std::vector<std::string> shown(const Track& track, Rational rate = {25, 1}) {
  std::vector<std::string> out;
  Time at;
  for (const Item& item : track.items) {
    const Time end = at + duration_of(item);
    for (std::int64_t n = at.to_frames(rate, Rounding::up); Time::frames(n, rate) < end; ++n) {
      const auto* clip = std::get_if<Clip>(&item);
      if (clip == nullptr) {
        out.push_back("-");
        continue;
      }
      const auto* file = std::get_if<MediaFile>(&clip->source);
      const Time source = source_time_at(*clip, Time::frames(n, rate) - at);
      out.push_back((file != nullptr ? file->path.substr(0, file->path.find('.')) : "made") + ":" +
                    std::to_string(source.to_frames(rate, Rounding::down)));
    }
    at = end;
  }
  return out;
}

inline std::vector<std::string> shown(const Timeline& timeline, std::size_t track = 0) {
  return shown(timeline.tracks.at(track), timeline.frame_rate);
}

// The shape of a track: "a[0,4) x(0.5,0.5) gap(1) b[2,5)" in source seconds.
std::string shape_of(const Timeline& timeline, std::size_t track = 0);

// The whole of it as JSON text, to compare two timelines by.
std::string text_of(const Timeline& timeline);

}  // namespace studio
