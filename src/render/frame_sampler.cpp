// Choosing frames by their times, forward and in backward windows.
#include "render/frame_sampler.h"

#include <algorithm>

#include <fmt/format.h>

namespace studio {

FrameSampler::FrameSampler(ReaderPool& pool, std::unique_ptr<VideoReader> reader, bool backward)
    : pool_(&pool),
      reader_(std::move(reader)),
      backward_(backward),
      tolerance_(time_tolerance(reader_->stream())) {
  // A picture file lasts as long as anybody wants to look at it.
  still_ = reader_->facts().format.ends_with("_pipe") || reader_->facts().format == "image2";
  deinterlace_ = reader_->stream().interlaced && (has_filter("bwdif") || has_filter("yadif"));
}

FrameSampler::~FrameSampler() {
  if (reader_) pool_->give_back(std::move(reader_));
}

Result<FrameSampler> FrameSampler::open(ReaderPool& pool, const Path& path, bool backward) {
  TRY_ASSIGN(auto reader, pool.take(path));
  return FrameSampler(pool, std::move(reader), backward);
}

Result<SampledFrame> FrameSampler::at(Time t) {
  return backward_ ? backward(t) : forward(t);
}

Result<void> FrameSampler::seek(Time t) {
  at_end_ = false;
  deinterlacer_.reset();
  deinterlacer_ended_ = false;
  times_.clear();
  return reader_->seek(t);
}

Result<void> FrameSampler::start_deinterlacer(const Frame& like) {
  TRY_ASSIGN(auto graph, FilterGraph::create());
  TRY_ASSIGN(source_, graph.add_source_like(like, {1, 25}, {25, 1}));
  const std::string filter = has_filter("bwdif") ? "bwdif" : "yadif";
  TRY_ASSIGN(const auto node, graph.add({filter, {{"mode", "send_frame"}, {"deint", "interlaced"}}}));
  TRY(graph.link(source_, 0, node, 0));
  TRY_ASSIGN(sink_, graph.add_picture_sink());
  TRY(graph.link(node, 0, sink_, 0));
  TRY(graph.configure());
  deinterlacer_ = std::move(graph);
  return {};
}

Result<std::optional<SampledFrame>> FrameSampler::read_deinterlaced() {
  while (true) {
    if (deinterlacer_) {
      TRY_ASSIGN(auto out, deinterlacer_->pull(sink_));
      if (out) {
        if (times_.empty())
          return fail(ErrorKind::internal, "deinterlace: more pictures came out than went in");
        const Time pts = times_.front();
        times_.pop_front();
        return std::optional<SampledFrame>({*std::move(out), pts});
      }
    }
    if (deinterlacer_ended_) return std::nullopt;
    TRY_ASSIGN(auto in, reader_->next());
    if (!in) {
      deinterlacer_ended_ = true;
      if (!deinterlacer_) return std::nullopt;
      TRY(deinterlacer_->end(source_));
      continue;
    }
    if (!deinterlacer_) TRY(start_deinterlacer(in->frame));
    times_.push_back(in->pts);
    TRY(deinterlacer_->push(source_, in->frame.with_pts(pushed_++)));
  }
}

Result<std::optional<SampledFrame>> FrameSampler::read() {
  if (deinterlace_) return read_deinterlaced();
  TRY_ASSIGN(auto frame, reader_->next());
  if (!frame) return std::nullopt;
  return std::optional<SampledFrame>({std::move(frame->frame), frame->pts});
}

Result<SampledFrame> FrameSampler::forward(Time t) {
  const bool behind = current_ && t + tolerance_ < current_->pts;
  const bool far_ahead = next_ && t - next_->pts > Time::ticks(1, {1, 1});
  if (!started_ || behind || far_ahead) {
    TRY(seek(t));
    started_ = true;
    current_.reset();
    TRY_ASSIGN(next_, read());
  }
  while (!at_end_ && (!current_ || (next_ && next_->pts <= t + tolerance_))) {
    if (next_) current_ = std::move(next_);
    TRY_ASSIGN(next_, read());
    at_end_ = !next_;
  }
  if (!current_)
    return fail(ErrorKind::invalid_input,
                fmt::format("read {} at {}: no picture there", reader_->facts().path.string(), to_clock(t)),
                "the file is damaged: get it again or convert it again");
  current_->beyond_end = at_end_ && !still_ && t - current_->pts > Time::ticks(1, {1, 4});
  return *current_;
}

Result<SampledFrame> FrameSampler::backward(Time t) {
  // Rounded times: a frame that begins within the tolerance before t has not been shown yet.
  const auto shown_before = [&](const SampledFrame& frame) { return frame.pts < t - tolerance_; };
  while (true) {
    while (window_.size() > 1 && !shown_before(window_.back())) window_.pop_back();
    if (!window_.empty() && (shown_before(window_.back()) || window_at_start_)) return window_.back();
    TRY(load_window_before(window_.empty() ? t : window_.front().pts));
  }
}

Result<void> FrameSampler::load_window_before(Time end) {
  const VideoStream& facts = reader_->stream();
  const Time first = facts.start.value_or(Time{});
  const std::int64_t bytes = window_.empty()
                                 ? static_cast<std::int64_t>(facts.coded_width) * facts.coded_height * 3
                                 : window_.front().frame.bytes();
  const std::int64_t frames =
      std::clamp<std::int64_t>(kWindowBytes / std::max<std::int64_t>(1, bytes), 2, 400);
  const Rational rate = facts.frame_rate.positive() ? facts.frame_rate : Rational{25, 1};
  Time span = Time::frames(frames, rate);
  window_.clear();
  // A long hold in a variable rate can leave a window empty: look farther back.
  while (window_.empty()) {
    const Time from = std::max(first, end - span);
    TRY(seek(from));
    while (true) {
      TRY_ASSIGN(auto frame, read());
      if (!frame || frame->pts + tolerance_ >= end) {
        // Beyond the end of the file (asked for from there): keep the last frame at least.
        if (window_.empty() && from <= first && frame) window_.push_back(*std::move(frame));
        break;
      }
      window_.push_back(*std::move(frame));
      if (static_cast<std::int64_t>(window_.size()) > frames) window_.pop_front();
    }
    window_at_start_ = from <= first && static_cast<std::int64_t>(window_.size()) < frames;
    if (window_.empty() && from <= first)
      return fail(ErrorKind::invalid_input,
                  fmt::format("read {} backwards: no picture before {}", reader_->facts().path.string(),
                              to_clock(end)),
                  "the file is damaged: get it again or convert it again");
    span = span + span;
  }
  return {};
}

}  // namespace studio
