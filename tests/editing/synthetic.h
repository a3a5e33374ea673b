// Sources with known shots, motion and sound, without any file.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "editing/evidence.h"

namespace studio::synthetic {

struct ShotSpec {
  double seconds = 5, motion = 0.1, loudness = -30, brightness = 0.5;
};

// Shots one after the other at 25 frames a second, 1280x720, with sound unless told otherwise.
inline EditSource source(const std::string& id, const std::vector<ShotSpec>& shots, bool sound = true) {
  Analysis a;
  a.source.path = id + ".mp4";
  a.source.sha256 = std::string(64, id.back());
  a.source.width = 1280;
  a.source.height = 720;
  a.source.frame_rate = {25, 1};
  a.source.has_audio = sound;
  std::int64_t frame = 0;
  for (std::size_t i = 0; i < shots.size(); ++i) {
    Shot s;
    s.id = "shot" + std::to_string(i + 1);
    auto n = static_cast<std::int64_t>(std::llround(shots[i].seconds * 25));
    s.first_frame = frame;
    s.last_frame = frame + n - 1;
    s.start = Time::frames(frame, {25, 1});
    s.end = Time::frames(frame + n, {25, 1});
    s.transition = i == 0 ? TransitionKind::start : TransitionKind::cut;
    s.motion = shots[i].motion;
    s.loudness_lufs = shots[i].loudness;
    s.sharpness = 0.6;
    s.composition.score = 0.5;
    s.composition.brightness = shots[i].brightness;
    for (std::int64_t f = frame; f < frame + n; ++f) {
      a.curves.time_s.push_back(static_cast<double>(f) / 25);
      a.curves.brightness.push_back(static_cast<float>(shots[i].brightness));
      // A bump in the middle of each shot.
      double where = static_cast<double>(f - frame) / static_cast<double>(n);
      a.curves.motion.push_back(
          static_cast<float>(shots[i].motion * (0.5 + std::sin(where * 3.14159) * 0.5)));
      a.curves.sharpness.push_back(0.6F);
      a.curves.difference.push_back(f == frame ? 60.0F : 3.0F);
      a.curves.subject_x.push_back(0.3F + 0.4F * static_cast<float>(where));
      a.curves.subject_y.push_back(0.5F);
    }
    frame += n;
    a.shots.push_back(s);
  }
  a.source.frames = frame;
  a.source.duration_s = static_cast<double>(frame) / 25;
  if (sound) {
    AudioJudgement audio;
    audio.integrated_lufs = -23;
    audio.duration_s = a.source.duration_s;
    a.audio = audio;
  }
  return edit_source(id, std::move(a));
}

// Six shots of five seconds; shot 4 moves most, shot 2 least, shot 6 is the loudest.
inline std::vector<EditSource> thirty_seconds() {
  return {source(
      "s1",
      {{5, 0.10, -30}, {5, 0.02, -32}, {5, 0.20, -28}, {5, 0.50, -26}, {5, 0.15, -31}, {5, 0.08, -18}})};
}

inline std::vector<EditSource> two_clips() {
  return {source("s1", {{5, 0.1}, {5, 0.3}, {4, 0.2}}), source("s2", {{6, 0.05}, {4, 0.4}})};
}

}  // namespace studio::synthetic
