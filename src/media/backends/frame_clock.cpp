// frame_clock() over libavformat: its index of a file, or the times of all packets.
#include "media/frame_clock.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "media/backends/demuxer.h"

namespace studio {
namespace {

using ffmpeg::Demuxer;

struct Packets {
  std::vector<std::int64_t> ticks;  // one a frame
  std::int64_t last_duration = 0;   // of the frame shown last; 0 unknown
};

double seconds_of(std::int64_t ticks, Rational base) {
  return static_cast<double>(ticks) * base.to_double();
}

bool steps_vary(const std::vector<std::int64_t>& ticks, Rational base) {
  std::vector<double> times;
  times.reserve(ticks.size());
  for (const std::int64_t t : ticks) times.push_back(seconds_of(t, base));
  return is_variable_rate(times);
}

// mov, mp4 and avi list every frame; fragments and files being written do not. The list holds
// decoding times, which are as regular as those of presentation.
bool index_tells_all(const Demuxer& demuxer, AVStream* stream) {
  const int entries = avformat_index_get_entries_count(stream);
  const VideoStream& video = *demuxer.facts().video;
  if (entries < 2 || entries != video.frames || !video.duration || !video.start) return false;
  std::error_code ignored;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(demuxer.path(), ignored));
  std::vector<std::int64_t> ticks;
  ticks.reserve(static_cast<std::size_t>(entries));
  for (int i = 0; i < entries; ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(stream, i);
    // An entry without data shows nothing new; one outside of the file is a promise not kept; one
    // that is thrown away belongs to an edit list.
    if (entry == nullptr || entry->size <= 0 || entry->pos + entry->size > size ||
        (entry->flags & AVINDEX_DISCARD_FRAME) != 0)
      return false;
    ticks.push_back(entry->timestamp);
  }
  return std::ranges::is_sorted(ticks) && !steps_vary(ticks, video.time_base);
}

Result<Packets> read_times(Demuxer& demuxer, int index, const std::stop_token& stop) {
  Packets out;
  const auto packet = ffmpeg::make_packet();
  std::int64_t latest = INT64_MIN;
  bool all_stamped = true;
  std::vector<std::int64_t> decoding;
  while (demuxer.read(*packet) >= 0) {
    if (stop.stop_requested())
      return fail(ErrorKind::interrupted, fmt::format("read {}: stopped", demuxer.path().string()));
    const bool counts = packet->stream_index == index && packet->size > 0 &&
                        (packet->flags & (AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_CORRUPT)) == 0;
    if (counts) {
      if (packet->pts == AV_NOPTS_VALUE) all_stamped = false;
      if (packet->dts != AV_NOPTS_VALUE) decoding.push_back(packet->dts);
      if (packet->pts != AV_NOPTS_VALUE) {
        out.ticks.push_back(packet->pts);
        if (packet->pts > latest) latest = packet->pts, out.last_duration = packet->duration;
      } else if (packet->dts != AV_NOPTS_VALUE) {
        out.last_duration = packet->duration;
      }
    }
    av_packet_unref(packet.get());
  }
  // AVI says when a picture is decoded, not when it is shown: as regular, if not as exact.
  if (!all_stamped) out.ticks = std::move(decoding);
  std::ranges::sort(out.ticks);
  const auto repeated = std::ranges::unique(out.ticks);
  out.ticks.erase(repeated.begin(), repeated.end());
  return out;
}

Result<FrameClock> from_packets(Demuxer& demuxer, const std::stop_token& stop) {
  const VideoStream& video = *demuxer.facts().video;
  TRY_ASSIGN(const Packets packets, read_times(demuxer, video.index, stop));
  if (packets.ticks.empty())
    return fail(
        ErrorKind::invalid_input,
        fmt::format("read the frame times of {}: no frame of it could be read", demuxer.path().string()),
        "give a file that plays");
  FrameClock clock;
  clock.frames = static_cast<std::int64_t>(packets.ticks.size());
  const Time first = Time::ticks(packets.ticks.front(), video.time_base);
  const Time last = Time::ticks(packets.ticks.back(), video.time_base);
  Time step = Time::ticks(packets.last_duration, video.time_base);
  const Time nominal = video.frame_rate.positive() ? Time::frames(1, video.frame_rate) : Time{};
  if (step <= Time{} || (nominal > Time{} && step > nominal * Rational{1000, 1}))
    step = nominal > Time{} ? nominal : Time::ticks(1, video.time_base);
  clock.shown = TimeRange::between(first, last + step);
  clock.variable = steps_vary(packets.ticks, video.time_base);
  if (clock.variable)
    for (const std::int64_t t : packets.ticks) clock.times.push_back(Time::ticks(t, video.time_base));
  return clock;
}

}  // namespace

Result<FrameClock> frame_clock(const Path& path, std::stop_token stop) {
  TRY_ASSIGN(auto demuxer, Demuxer::open(path));
  if (!demuxer.facts().video)
    return fail(ErrorKind::unsupported,
                fmt::format("read the frame times of {}: it has no picture", path.string()),
                "give a file with a picture");
  const VideoStream& video = *demuxer.facts().video;
  demuxer.select(video.index);
  FrameClock clock;
  if (index_tells_all(demuxer, demuxer.stream(video.index))) {
    clock.frames = video.frames;
    clock.shown = {*video.start, *video.duration};
  } else {
    TRY_ASSIGN(clock, from_packets(demuxer, stop));
  }
  clock.frame_rate = credible_frame_rate(video.frame_rate, clock.frames, clock.shown.duration.seconds());
  return clock;
}

bool is_variable_rate(std::span<const double> times) {
  if (times.size() < 4) return false;
  std::vector<double> steps;
  steps.reserve(times.size());
  for (std::size_t i = 1; i < times.size(); ++i) steps.push_back(times[i] - times[i - 1]);
  auto sorted = steps;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double usual = *middle;
  const auto odd = std::ranges::count_if(
      steps, [&](double step) { return std::abs(step - usual) > 0.25 * usual + 0.0021; });
  return static_cast<double>(odd) > std::max(1.0, 0.005 * static_cast<double>(steps.size()));
}

Rational credible_frame_rate(Rational claimed, std::int64_t frames, double duration_s) {
  const double rate = claimed.to_double();
  const double measured = duration_s > 0 ? static_cast<double>(frames) / duration_s : 0;
  const bool lies = !claimed.positive() || rate > 1000 ||
                    (frames > 10 && measured > 0 && std::abs(rate / measured - 1) > 0.2);
  return lies && measured > 0 ? Rational::reduced(std::lround(measured * 1000), 1000) : claimed;
}

}  // namespace studio
