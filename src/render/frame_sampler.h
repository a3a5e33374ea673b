// The picture of a file that is on screen at any source time, for times that run forward or backward.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "media/filter_graph.h"
#include "media/video_reader.h"
#include "render/reader_pool.h"

namespace studio {

struct SampledFrame {
  Frame frame;
  Time pts;
  bool beyond_end = false;  // the file has ended well before the time asked for: its last frame
};

// Frame-exact also for variable frame rates: no grid is assumed, the times of the frames are
// compared. Interlaced material is deinterlaced (same rate) before a frame is chosen.
class FrameSampler {
 public:
  // backward: times asked for fall; then the file is read in windows of at most
  // kWindowBytes, from the last one to the first.
  static Result<FrameSampler> open(ReaderPool& pool, const Path& path, bool backward);
  FrameSampler(FrameSampler&&) noexcept = default;
  FrameSampler& operator=(FrameSampler&&) = delete;
  ~FrameSampler();

  static constexpr std::int64_t kWindowBytes = 256 << 20;

  const VideoStream& stream() const { return reader_->stream(); }
  const ReadDamage& damage() const { return reader_->damage(); }
  // Forward: the last frame whose time is not after `t`. Backward: the last frame whose time is
  // before `t` (the end of its showing). The first or last frame of the file beyond its ends.
  Result<SampledFrame> at(Time t);

 private:
  FrameSampler(ReaderPool& pool, std::unique_ptr<VideoReader> reader, bool backward);
  Result<SampledFrame> forward(Time t);
  Result<SampledFrame> backward(Time t);
  Result<void> load_window_before(Time end);
  Result<void> seek(Time t);
  Result<std::optional<SampledFrame>> read();
  Result<std::optional<SampledFrame>> read_deinterlaced();
  Result<void> start_deinterlacer(const Frame& like);

  ReaderPool* pool_;
  std::unique_ptr<VideoReader> reader_;
  bool backward_;
  Time tolerance_;

  std::optional<SampledFrame> current_, next_;
  bool started_ = false, at_end_ = false, still_ = false;
  std::deque<SampledFrame> window_;  // backward: ascending times
  bool window_at_start_ = false;

  // Deinterlacing: the filter's ticks count frames, their times wait here.
  bool deinterlace_ = false, deinterlacer_ended_ = false;
  std::optional<FilterGraph> deinterlacer_;
  FilterGraph::Node source_ = 0, sink_ = 0;
  std::int64_t pushed_ = 0;
  std::deque<Time> times_;
};

}  // namespace studio
