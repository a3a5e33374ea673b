// The pictures of a file in presentation order, each with its exact time; frame-exact seek.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"
#include "media/frame.h"
#include "media/probe.h"

namespace studio {

struct VideoReaderOptions {
  int threads = 0;  // decoder threads (frame and slice); 0: one per core
  // When any of these three is set, pictures are converted; otherwise they are handed out as
  // decoded, without a copy.
  int width = 0, height = 0;  // 0: keep; one of both given: the other follows the display aspect
  std::string format{};       // "gray", "bgr24", "rgb24", "rgba", "yuv420p"; empty: as decoded
  // Turn the picture upright as the file's metadata asks. Only with a packed `format`
  // (gray, bgr24, rgb24, rgba, bgra); sizes above are then those of the upright picture.
  bool upright = true;
  bool fast_scaling = false;  // bilinear instead of area averaging (shrinking) and bicubic (growing)
  // Ends a long read or seek with `interrupted`.
  std::stop_token stop{};
};

struct VideoFrame {
  std::int64_t index = 0;  // from 0 as decoded; -1 after a seek that did not go to the start
  Time pts;                // in the file's own time, strictly increasing
  Time duration;           // as the file says, else 1 / nominal rate
  bool keyframe = false, interlaced = false, top_field_first = false;
  bool damaged = false;  // decoded from broken data
  Frame frame;           // keeps the memory
  FramePlanes picture;   // points into `frame`
};

// What went wrong on the way without ending it.
struct ReadDamage {
  std::int64_t bad_packets = 0;  // packets the decoder refused
  bool truncated = false;        // the file ended in the middle of a packet or an error
};

class VideoReader {
 public:
  // Errors: as probe(), and unsupported (no picture stream, no decoder).
  static Result<VideoReader> open(const Path& path, const VideoReaderOptions& options = {});
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();

  const MediaFacts& facts() const;
  const VideoStream& stream() const;

  // The next picture, or nothing at the end. A few broken packets are skipped and counted;
  // a file from which no picture comes is invalid_input. None is doubled or dropped.
  Result<std::optional<VideoFrame>> next();

  // Afterwards next() gives the picture that is on screen at `t`: the last one whose time is
  // not after `t` (by more than half a tick of the stream, as containers round), the first
  // picture when `t` lies before it, the last when it lies behind the end.
  Result<void> seek(Time t);

  const ReadDamage& damage() const;

 private:
  struct State;
  explicit VideoReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Tolerance of "on screen at t": containers and people round times (half a tick of the stream,
// at least 2 microseconds).
Time time_tolerance(const VideoStream& stream);

}  // namespace studio
