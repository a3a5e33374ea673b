// What a media file holds, without decoding it. All times of the house count from the file's first
// picture (without pictures from the container's own zero): transport streams begin at some hour of
// the day, and frame n of constant rate is to lie at n / rate in every container.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"

namespace studio {

struct VideoStream {
  int index = 0;
  std::string codec, pixel_format;
  int coded_width = 0, coded_height = 0;
  int width = 0, height = 0;  // as displayed: after pixel aspect and rotation
  Rational sample_aspect{1, 1};
  int rotation = 0;     // clockwise degrees to show it upright: 0, 90, 180, 270
  Rational frame_rate;  // nominal (average when variable); 0/1 unknown
  Rational time_base;
  std::optional<Time> start, duration;
  Time origin;              // the container's time of this stream's zero
  std::int64_t frames = 0;  // as the container says; 0 unknown
  bool interlaced = false, attached_picture = false, has_alpha = false, hdr = false;
  int bit_depth = 8;
  std::string color_range, color_matrix, color_transfer, color_primaries;
  std::optional<Time> timecode;  // start timecode as time of day
};

struct AudioStream {
  int index = 0;
  std::string codec;
  int sample_rate = 0, channels = 0;
  Rational time_base;
  std::optional<Time> start, duration;
  Time origin;  // as of VideoStream
};

struct MediaFacts {
  Path path;
  std::string format;
  std::optional<Time> start, duration;
  std::optional<VideoStream> video;  // the best one that is not a cover picture
  std::optional<AudioStream> audio;
  int subtitle_streams = 0;
  std::string reel;  // from metadata
};

// Limits on what is opened at all: larger pictures are limit_exceeded.
inline constexpr int kMaxPictureSide = 16384;
inline constexpr std::int64_t kMaxPictureArea = 8192LL * 8192LL;

// Errors: not_found, invalid_input (not media, truncated header), limit_exceeded.
Result<MediaFacts> probe(const Path& path);

}  // namespace studio
