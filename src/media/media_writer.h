// Encodes pictures and sound into one file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"
#include "media/frame.h"

namespace studio {

// Encoder and muxer options by FFmpeg name, set one by one: {"preset", "medium"}, {"crf", "20"}.
using CodecOptions = std::vector<std::pair<std::string, std::string>>;

struct VideoEncoding {
  std::string encoder = "libx264";  // FFmpeg encoder name
  CodecOptions options{};
  std::string tag{};  // "hvc1"; empty: the muxer's own
  int width = 0, height = 0;
  Rational frame_rate{25, 1};
  Rational time_base{0, 1};              // ticks of the pts given; 0/1: one tick a frame
  std::string pixel_format = "yuv420p";  // frames of another format are converted
  Rational sample_aspect{1, 1};
  int rotation = 0;  // clockwise degrees a player must turn the picture (metadata)
  int gop = 0;       // longest distance of keyframes in frames; 0: the encoder's own
  int threads = 0;
  std::string hardware_device{};  // "vaapi", "cuda": frames are uploaded; empty: software frames
  // Colour tags by FFmpeg name.
  std::string color_range = "tv", color_matrix = "bt709", color_transfer = "bt709", color_primaries = "bt709";
  bool interlaced_top_first = false;  // code as fields (libx264, mpeg2video)
};

struct AudioEncoding {
  std::string encoder = "aac";
  CodecOptions options{};
  std::string sample_format{};  // empty: the encoder's first
  int sample_rate = 48000;      // of the samples given and of the stream
  int channels = 2;
  int bit_rate = 192000;  // 0: the encoder's own
};

struct MediaWriterOptions {
  std::string container{};           // FFmpeg muxer name; empty: by extension
  CodecOptions container_options{};  // {"movflags", "+faststart"}
  std::optional<VideoEncoding> video{};
  std::optional<AudioEncoding> audio{};
  std::vector<std::pair<std::string, std::string>> metadata{};
};

class MediaWriter {
 public:
  // Writes straight to `file` (give PendingFile::temporary()). Errors: unsupported (no such
  // encoder or container), wrong_usage (an option the encoder does not take), io, no_space.
  static Result<MediaWriter> create(const Path& file, const MediaWriterOptions& options);
  MediaWriter(MediaWriter&&) noexcept;
  MediaWriter& operator=(MediaWriter&&) noexcept;
  ~MediaWriter();

  // Pictures in presentation order; `pts` strictly increasing, in ticks of the time base.
  Result<void> write_video(const Frame& frame, std::int64_t pts);
  // Interleaved samples, the first at time 0, the rest following without a hole.
  Result<void> write_audio(std::span<const float> samples);
  // Flushes encoders and writes the index. Without it the file is not usable.
  Result<void> finish();

 private:
  struct State;
  explicit MediaWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Whether this FFmpeg build has the encoder (not whether its hardware is there).
bool has_encoder(const std::string& name);

}  // namespace studio
