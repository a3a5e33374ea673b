// VideoReader over libavformat and libavcodec.
#include "media/video_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include <fmt/format.h>

#include "media/backends/demuxer.h"
#include "media/picture_scaler.h"

namespace studio {

using ffmpeg::Demuxer;
using ffmpeg::Owned;

struct VideoReader::State {
  State(Demuxer opened, VideoReaderOptions wanted) : demuxer(std::move(opened)), options(std::move(wanted)) {}

  Demuxer demuxer;
  VideoReaderOptions options;
  int stream_index = -1;
  Time tolerance;
  Time nominal;  // of one frame, zero when unknown
  Owned<AVCodecContext> decoder;
  Owned<AVPacket> packet = ffmpeg::make_packet();
  std::optional<PictureScaler> scaler;

  std::deque<VideoFrame> ahead;  // decoded by seek(), not yet handed out
  std::optional<Time> last_pts;  // of the newest decoded frame since the last seek
  std::int64_t next_index = 0;   // -1 unknown
  std::int64_t decoded = 0;      // frames, ever
  bool packet_waits = false, drained = false, ended = false;
  ReadDamage damage;
  // While seeking: frames that no other frame refers to need not be decoded before this time.
  std::optional<Time> skip_unreferenced_before;

  Result<void> feed();
  Result<std::optional<VideoFrame>> decode();
  VideoFrame wrap(Owned<AVFrame> frame);
  Result<std::optional<VideoFrame>> finish(VideoFrame frame);
  bool keyframe_lies_ahead(Time t) const;
  Result<bool> land_on(Time t);
  Result<bool> land_from(Time aim, Time t, bool skipping);
  void forget_position(bool at_start);
};

namespace {

// Seeking decodes everything from this long before its target on.
const Time kSkipMargin = Time::ticks(1, {1, 2});
constexpr std::int64_t kHopelessPackets = 2000;  // refused in a row from the start without one picture

Time frame_duration(const AVFrame& frame, const AVStream& stream) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  const std::int64_t ticks = frame.duration;
#else
  const std::int64_t ticks = frame.pkt_duration;
#endif
  return ticks > 0 ? Time::ticks(ticks, ffmpeg::rational(stream.time_base)) : Time{};
}

bool flag_interlaced(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
  return (frame.flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
  return frame.interlaced_frame != 0;
#endif
}

bool flag_top_first(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
  return (frame.flags & AV_FRAME_FLAG_TOP_FIELD_FIRST) != 0;
#else
  return frame.top_field_first != 0;
#endif
}

bool flag_key(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
  return (frame.flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame.key_frame != 0;
#endif
}

bool is_packed(std::string_view format) {
  constexpr std::array<std::string_view, 6> names{"gray", "rgb24", "bgr24", "rgba", "bgra", "rgb0"};
  return std::ranges::find(names, format) != names.end();
}

// Output size of the conversion, before turning.
Result<PictureScaler> make_scaler(const VideoReaderOptions& options, const VideoStream& stream) {
  int width = options.width;
  int height = options.height;
  const bool turn = options.upright && is_packed(options.format) && stream.rotation % 180 == 90;
  const bool display_turned = stream.rotation % 180 == 90;
  const int display_width = display_turned == turn ? stream.width : stream.height;
  const int display_height = display_turned == turn ? stream.height : stream.width;
  if (width > 0 && height <= 0)
    height = std::max(
        1, static_cast<int>(std::lround(static_cast<double>(width) * display_height / display_width)));
  else if (height > 0 && width <= 0)
    width = std::max(
        1, static_cast<int>(std::lround(static_cast<double>(height) * display_width / display_height)));
  if (turn) std::swap(width, height);
  return PictureScaler::create({width, height, options.format, options.fast_scaling});
}

}  // namespace

Time time_tolerance(const VideoStream& stream) {
  const Time half_tick = Time::ticks(1, stream.time_base) / Rational{2, 1};
  return std::max(half_tick, Time::ticks(2, {1, 1'000'000}));
}

VideoReader::VideoReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

const MediaFacts& VideoReader::facts() const {
  return state_->demuxer.facts();
}
const VideoStream& VideoReader::stream() const {
  return *state_->demuxer.facts().video;
}
const ReadDamage& VideoReader::damage() const {
  return state_->damage;
}

Result<VideoReader> VideoReader::open(const Path& path, const VideoReaderOptions& options) {
  TRY_ASSIGN(auto demuxer, Demuxer::open(path));
  if (!demuxer.facts().video)
    return fail(ErrorKind::unsupported,
                fmt::format("read the pictures of {}: it holds sound only", path.string()),
                "give a file with a picture");
  auto state = std::make_unique<State>(std::move(demuxer), options);
  State& s = *state;
  const VideoStream& stream = *s.demuxer.facts().video;
  s.stream_index = stream.index;
  s.demuxer.select(stream.index);
  s.tolerance = time_tolerance(stream);
  if (stream.frame_rate.positive()) s.nominal = Time::frames(1, stream.frame_rate);
  if (options.width > 0 || options.height > 0 || !options.format.empty()) {
    TRY_ASSIGN(auto scaler, make_scaler(options, stream));
    s.scaler = std::move(scaler);
  }
  TRY_ASSIGN(s.decoder, ffmpeg::open_decoder(s.demuxer, s.stream_index, options.threads));
  return VideoReader(std::move(state));
}

// Gives the decoder one more packet, or tells it that there are no more.
Result<void> VideoReader::State::feed() {
  if (!packet_waits) {
    const int code = demuxer.read(*packet, stream_index);
    if (code < 0) {
      if (code != AVERROR_EOF) damage.truncated = true;
      const AVIOContext* io = demuxer.context()->pb;
      if (io != nullptr && io->error < 0) damage.truncated = true;
      drained = true;
      avcodec_send_packet(decoder.get(), nullptr);
      return {};
    }
    if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) damage.truncated = damage.truncated || decoded > 0;
  }
  decoder->skip_frame = AVDISCARD_DEFAULT;
  if (skip_unreferenced_before) {
    const auto pts = ffmpeg::time_of(packet->pts, demuxer.stream(stream_index)->time_base);
    if (pts && *pts < *skip_unreferenced_before) decoder->skip_frame = AVDISCARD_NONREF;
  }
  const int code = avcodec_send_packet(decoder.get(), packet.get());
  packet_waits = code == AVERROR(EAGAIN);
  if (packet_waits || code >= 0) return {};
  if (code == AVERROR(ENOMEM))
    return ffmpeg::fail_with(code, fmt::format("decode {}", demuxer.path().string()));
  ++damage.bad_packets;
  if (decoded == 0 && damage.bad_packets > kHopelessPackets)
    return ffmpeg::fail_with(code,
                             fmt::format("decode {}: its first {} packets are broken",
                                         demuxer.path().string(), damage.bad_packets),
                             "the file is damaged: get it again or convert it again");
  return {};
}

Result<std::optional<VideoFrame>> VideoReader::State::decode() {
  auto frame = ffmpeg::make_frame();
  while (!ended) {
    if (options.stop.stop_requested())
      return fail(ErrorKind::interrupted, fmt::format("decode {}: stopped", demuxer.path().string()));
    const int code = avcodec_receive_frame(decoder.get(), frame.get());
    if (code >= 0) return wrap(std::move(frame));
    if (code == AVERROR_EOF || (code == AVERROR(EAGAIN) && drained)) {
      ended = true;
    } else if (code == AVERROR(EAGAIN)) {
      TRY(feed());
    } else if (code == AVERROR(ENOMEM)) {
      return ffmpeg::fail_with(code, fmt::format("decode {}", demuxer.path().string()));
    } else {
      ++damage.bad_packets;
    }
  }
  if (decoded == 0)
    return fail(ErrorKind::invalid_input,
                fmt::format("decode {}: no picture could be decoded", demuxer.path().string()),
                "the file is damaged or cut off: get it again or convert it again");
  return std::nullopt;
}

VideoFrame VideoReader::State::wrap(Owned<AVFrame> raw) {
  const AVStream& stream = *demuxer.stream(stream_index);
  VideoFrame out;
  out.duration = frame_duration(*raw, stream);
  if (out.duration <= Time{} || (nominal > Time{} && out.duration > nominal * Rational{1000, 1}))
    out.duration = nominal;
  const auto stamped = ffmpeg::time_of(raw->best_effort_timestamp, stream.time_base);
  const Time step = out.duration > Time{} ? out.duration : Time::ticks(1, ffmpeg::rational(stream.time_base));
  if (stamped && (!last_pts || *stamped > *last_pts))
    out.pts = *stamped;
  else
    out.pts = last_pts ? *last_pts + step : stamped.value_or(demuxer.facts().video->start.value_or(Time{}));
  last_pts = out.pts;
  out.index = next_index;
  if (next_index >= 0) ++next_index;
  ++decoded;
  out.keyframe = flag_key(*raw);
  out.interlaced = flag_interlaced(*raw);
  out.top_field_first = flag_top_first(*raw);
  out.damaged = (raw->flags & AV_FRAME_FLAG_CORRUPT) != 0 || raw->decode_error_flags != 0;
  out.frame = Frame(raw.release());
  return out;
}

// The conversion the options ask for; done only for frames that are handed out.
Result<std::optional<VideoFrame>> VideoReader::State::finish(VideoFrame frame) {
  if (scaler) {
    TRY_ASSIGN(frame.frame, scaler->scale(frame.frame));
    if (options.upright && is_packed(options.format)) {
      TRY_ASSIGN(frame.frame, rotated(frame.frame, demuxer.facts().video->rotation));
    }
  }
  frame.picture = frame.frame.picture();
  return std::optional<VideoFrame>(std::move(frame));
}

Result<std::optional<VideoFrame>> VideoReader::next() {
  State& s = *state_;
  if (!s.ahead.empty()) {
    VideoFrame frame = std::move(s.ahead.front());
    s.ahead.pop_front();
    return s.finish(std::move(frame));
  }
  TRY_ASSIGN(auto frame, s.decode());
  if (!frame) return std::nullopt;
  return s.finish(*std::move(frame));
}

void VideoReader::State::forget_position(bool at_start) {
  avcodec_flush_buffers(decoder.get());
  av_packet_unref(packet.get());
  ahead.clear();
  last_pts.reset();
  next_index = at_start ? 0 : -1;
  packet_waits = drained = ended = false;
}

// Is there a keyframe between the decoder's position and t? If not, decoding on is the
// cheapest way to t; a seek would go back and decode the same frames again.
bool VideoReader::State::keyframe_lies_ahead(Time t) const {
  AVStream* stream = demuxer.stream(stream_index);
  const Rational base = ffmpeg::rational(stream->time_base);
  const Time origin = demuxer.facts().video->origin;
  const AVIndexEntry* entry = avformat_index_get_entry_from_timestamp(
      stream, (t + origin).to_ticks(base, Rounding::down), AVSEEK_FLAG_BACKWARD);
  if (entry == nullptr) return t - *last_pts > Time::ticks(2, {1, 1});
  return Time::ticks(entry->timestamp, base) - origin > *last_pts;
}

// Decodes until the frame on screen at t is known. False: decoding began after t already.
Result<bool> VideoReader::State::land_on(Time t) {
  std::optional<VideoFrame> on_screen;
  while (true) {
    TRY_ASSIGN(auto frame, decode());
    if (!frame) {
      if (!on_screen) return false;
      ahead.push_back(*std::move(on_screen));
      return true;
    }
    if (frame->pts > t + tolerance) {
      if (!on_screen) {
        ahead.push_back(*std::move(frame));
        return false;
      }
      ahead.push_back(*std::move(on_screen));
      ahead.push_back(*std::move(frame));
      return true;
    }
    on_screen = std::move(frame);
  }
}

// Seeks to `aim` and decodes up to t.
Result<bool> VideoReader::State::land_from(Time aim, Time t, bool skipping) {
  if (!demuxer.seek(stream_index, aim)) return false;
  forget_position(false);
  if (skipping) skip_unreferenced_before = t - kSkipMargin;
  auto landed = land_on(t);
  skip_unreferenced_before.reset();
  return landed;
}

Result<void> VideoReader::seek(Time t) {
  State& s = *state_;
  // Forward by decoding on: what is already decoded counts as decoded.
  if (s.last_pts && !s.ended) {
    while (s.ahead.size() > 1 && s.ahead[1].pts <= t + s.tolerance) s.ahead.pop_front();
    if (!s.ahead.empty() && s.ahead.front().pts <= t + s.tolerance && s.ahead.back().pts > t + s.tolerance)
      return {};
    const bool forward = *s.last_pts < t && (s.ahead.empty() || s.ahead.back().pts <= t + s.tolerance);
    if (forward && !s.keyframe_lies_ahead(t)) {
      std::deque<VideoFrame> kept = std::move(s.ahead);
      s.ahead.clear();
      TRY_ASSIGN(const bool landed, s.land_on(t));
      if (landed) return {};
      // The very next frame lies behind t: the one on screen was handed out (or kept) before.
      if (!kept.empty()) {
        s.ahead.push_front(std::move(kept.back()));
        return {};
      }
    }
  }
  const Time first = s.demuxer.facts().video->start.value_or(Time{});
  // Indexes of some containers point behind the wanted picture (decode times, open GOPs):
  // then begin earlier, at last from the first packet.
  for (const int seconds_before : {0, 1, 5, 20}) {
    const Time aim = t - Time::ticks(seconds_before, {1, 1});
    if (aim <= first && seconds_before > 0) break;
    // Nothing decodable from here (an index that lies): that is no error yet.
    auto landed = s.land_from(aim, t, true);
    // A frame held long before t may have been one that was skipped: look again at all of them.
    if (landed && *landed && s.ahead.front().pts < t - kSkipMargin) landed = s.land_from(aim, t, false);
    if (!landed && landed.error().kind == ErrorKind::interrupted)
      return std::unexpected(std::move(landed).error());
    if (!landed || !*landed) continue;
    if (s.ahead.front().pts <= first) {  // back at the start: the count is known again
      for (VideoFrame& frame : s.ahead) frame.index = ++s.next_index;
      ++s.next_index;
    }
    return {};
  }
  TRY(s.demuxer.rewind());
  // The stream objects are new: so is the decoder.
  TRY_ASSIGN(s.decoder, ffmpeg::open_decoder(s.demuxer, s.stream_index, s.options.threads));
  s.forget_position(true);
  TRY_ASSIGN(const bool landed, s.land_on(t));
  if (!landed && s.ahead.empty()) s.ended = true;
  return {};
}

}  // namespace studio
