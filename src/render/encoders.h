// Which encoder, with which options, into which container: from quality, codec and file name.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"
#include "render/render.h"

namespace studio {

// All that is needed to open the encoders and the muxer; options are set one by one, never pasted.
struct EncodingPlan {
  std::string container;  // FFmpeg muxer name: "mp4", "mov", "matroska", "webm", "avi", "mpegts"
  std::vector<std::pair<std::string, std::string>> container_options;  // {"movflags", "+faststart"}

  std::string video_encoder;  // "libx264", ...
  VideoCodec codec = VideoCodec::h264;
  std::string pixel_format;     // FFmpeg name: "yuv420p", "yuv422p10le"
  std::string hardware_device;  // "cuda", "vaapi" with frames uploaded to it; empty: software frames
  std::vector<std::pair<std::string, std::string>> video_options;  // for av_opt_set on the codec context
  std::string video_tag;                                           // "hvc1", "apch"; empty: the muxer's own
  int gop_s = 0;  // longest distance of keyframes in seconds; 0: the encoder's own
  bool global_header = false;

  std::string audio_encoder;          // "aac", "libopus", "pcm_s16le", "flac"
  std::string sample_format;          // "fltp", "flt", "s16"
  int audio_bit_rate = 0;             // bits per second for stereo; 0: lossless
  int sample_rate = 0;                // what the audio encoder needs (Opus: 48000); 0: any
  std::vector<std::string> warnings;  // "no hardware encoder: libx264 is used", ...
};

// Errors: unsupported (encoder, codec or container not there, with what is), wrong_usage
// (a codec the container cannot hold, odd names).
Result<EncodingPlan> plan_encoding(const RenderSettings& settings, const Path& output, int width, int height,
                                   Rational frame_rate);

}  // namespace studio
