// AudioReader over libavcodec and libswresample.
#include "media/audio_reader.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "media/backends/demuxer.h"

extern "C" {
#include <libswresample/swresample.h>
}

namespace studio {

using ffmpeg::Demuxer;
using ffmpeg::Owned;

namespace {

struct FreeResampler {
  void operator()(SwrContext* p) const { swr_free(&p); }
};

constexpr std::int64_t kLongestSilence =
    3600;  // seconds put in for a hole; a longer one is a broken timestamp
constexpr std::int64_t kBlockFrames = 1 << 16;  // silence comes in pieces of this
constexpr std::int64_t kHopelessPackets = 2000;

// Mono on two speakers is the same on both, and two channels become one by their mean. libswresample
// would take -3 dB for the former and add up to +3 dB (and clip) for the latter.
Result<void> set_simple_mix(SwrContext* resampler, int in_channels, int out_channels) {
  constexpr std::array<double, 2> kSpread{1, 1};
  constexpr std::array<double, 2> kMean{0.5, 0.5};
  int code = 0;
  if (in_channels == 1 && out_channels == 2) code = swr_set_matrix(resampler, kSpread.data(), 1);
  if (in_channels == 2 && out_channels == 1) code = swr_set_matrix(resampler, kMean.data(), 2);
  if (code < 0) return ffmpeg::fail_with(code, "mix channels");
  return {};
}

}  // namespace

struct AudioReader::State {
  State(Demuxer opened, AudioReaderOptions wanted) : demuxer(std::move(opened)), options(wanted) {}
  ~State() { av_channel_layout_uninit(&in_layout); }

  Demuxer demuxer;
  AudioReaderOptions options;
  int stream_index = -1;
  Owned<AVCodecContext> decoder;
  Owned<AVPacket> packet = ffmpeg::make_packet();
  Owned<AVFrame> frame = ffmpeg::make_frame();
  std::unique_ptr<SwrContext, FreeResampler> resampler;
  AVChannelLayout in_layout{};
  int in_rate = 0, in_format = -1;

  std::optional<std::int64_t> position;  // of the next sample that comes out, in output samples of file time
  std::int64_t drop_before = INT64_MIN;  // samples before this are not handed out (seek)
  std::int64_t silence = 0;              // to hand out before `held`
  std::vector<float> held;               // decoded behind a hole
  bool packet_waits = false, drained = false, ended = false, flushed = false;
  std::int64_t bad_packets = 0, decoded = 0;

  Result<bool> decode();  // into `frame`; false at the end
  Result<void> feed();
  Result<void> set_up_resampler();
  Result<std::vector<float>> resample(bool flush);
  AudioBlock block(std::vector<float> samples);
  std::optional<AudioBlock> trimmed(std::vector<float> samples);
};

AudioReader::AudioReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;
AudioReader::~AudioReader() = default;

const MediaFacts& AudioReader::facts() const {
  return state_->demuxer.facts();
}
int AudioReader::sample_rate() const {
  return state_->options.sample_rate;
}
int AudioReader::channels() const {
  return state_->options.channels;
}
std::int64_t AudioReader::bad_packets() const {
  return state_->bad_packets;
}

Result<AudioReader> AudioReader::open(const Path& path, const AudioReaderOptions& options) {
  TRY_ASSIGN(auto demuxer, Demuxer::open(path));
  if (!demuxer.facts().audio)
    return fail(ErrorKind::unsupported, fmt::format("read the sound of {}: it has none", path.string()),
                "give a file with sound");
  auto state = std::make_unique<State>(std::move(demuxer), options);
  State& s = *state;
  const AudioStream& stream = *s.demuxer.facts().audio;
  if (s.options.sample_rate <= 0) s.options.sample_rate = stream.sample_rate;
  if (s.options.channels <= 0) s.options.channels = std::max(1, stream.channels);
  if (s.options.channels > 64 || s.options.sample_rate > 768000)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("read the sound of {}: {} channels at {} Hz", path.string(), s.options.channels,
                            s.options.sample_rate));
  s.stream_index = stream.index;
  s.demuxer.select(stream.index);
  TRY_ASSIGN(s.decoder, ffmpeg::open_decoder(s.demuxer, s.stream_index, 1));
  return AudioReader(std::move(state));
}

Result<void> AudioReader::State::feed() {
  if (!packet_waits) {
    const int code = demuxer.read(*packet, stream_index);
    if (code < 0) {
      drained = true;
      avcodec_send_packet(decoder.get(), nullptr);
      return {};
    }
  }
  const int code = avcodec_send_packet(decoder.get(), packet.get());
  packet_waits = code == AVERROR(EAGAIN);
  if (packet_waits || code >= 0) return {};
  if (code == AVERROR(ENOMEM))
    return ffmpeg::fail_with(code, fmt::format("decode the sound of {}", demuxer.path().string()));
  ++bad_packets;
  if (decoded == 0 && bad_packets > kHopelessPackets)
    return ffmpeg::fail_with(code, fmt::format("decode the sound of {}: its first {} packets are broken",
                                               demuxer.path().string(), bad_packets));
  return {};
}

Result<bool> AudioReader::State::decode() {
  while (true) {
    av_frame_unref(frame.get());
    const int code = avcodec_receive_frame(decoder.get(), frame.get());
    if (code >= 0) {
      if (frame->nb_samples <= 0 || frame->sample_rate <= 0) continue;
      ++decoded;
      return true;
    }
    if (code == AVERROR_EOF || (code == AVERROR(EAGAIN) && drained)) return false;
    if (code == AVERROR(EAGAIN)) {
      TRY(feed());
    } else if (code == AVERROR(ENOMEM)) {
      return ffmpeg::fail_with(code, fmt::format("decode the sound of {}", demuxer.path().string()));
    } else {
      ++bad_packets;
    }
  }
}

Result<void> AudioReader::State::set_up_resampler() {
  AVChannelLayout layout{};
  if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&layout, std::max(1, frame->ch_layout.nb_channels));
  else if (av_channel_layout_copy(&layout, &frame->ch_layout) < 0)
    return fail(ErrorKind::limit_exceeded, "resample sound: out of memory");
  if (resampler && av_channel_layout_compare(&layout, &in_layout) == 0 && in_rate == frame->sample_rate &&
      in_format == frame->format) {
    av_channel_layout_uninit(&layout);
    return {};
  }
  av_channel_layout_uninit(&in_layout);
  in_layout = layout;
  in_rate = frame->sample_rate;
  in_format = frame->format;
  AVChannelLayout out_layout{};
  av_channel_layout_default(&out_layout, options.channels);
  SwrContext* raw = nullptr;
  const int allocated =
      swr_alloc_set_opts2(&raw, &out_layout, AV_SAMPLE_FMT_FLT, options.sample_rate, &in_layout,
                          static_cast<AVSampleFormat>(in_format), in_rate, 0, nullptr);
  resampler.reset(raw);
  av_channel_layout_uninit(&out_layout);
  if (allocated >= 0) TRY(set_simple_mix(raw, in_layout.nb_channels, options.channels));
  const int code = allocated < 0 ? allocated : swr_init(raw);
  if (code < 0)
    return ffmpeg::fail_with(code, fmt::format("resample the sound of {}", demuxer.path().string()));
  return {};
}

Result<std::vector<float>> AudioReader::State::resample(bool flush) {
  std::vector<float> out;
  if (!resampler) return out;
  const int room = swr_get_out_samples(resampler.get(), flush ? 0 : frame->nb_samples) + 64;
  out.resize(static_cast<std::size_t>(room) * static_cast<std::size_t>(options.channels));
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  const int made = swr_convert(resampler.get(), &to, room,
                               flush ? nullptr : const_cast<const std::uint8_t**>(frame->extended_data),
                               flush ? 0 : frame->nb_samples);
  if (made < 0)
    return ffmpeg::fail_with(made, fmt::format("resample the sound of {}", demuxer.path().string()));
  out.resize(static_cast<std::size_t>(made) * static_cast<std::size_t>(options.channels));
  return out;
}

AudioBlock AudioReader::State::block(std::vector<float> samples) {
  AudioBlock out;
  out.channels = options.channels;
  out.sample_rate = options.sample_rate;
  out.start = Time::ticks(*position, {1, options.sample_rate});
  out.samples = std::move(samples);
  *position += out.frames();
  return out;
}

// Cuts off what lies before the seek target; nothing when all of it does.
std::optional<AudioBlock> AudioReader::State::trimmed(std::vector<float> samples) {
  const auto channels = static_cast<std::size_t>(options.channels);
  const std::int64_t count = static_cast<std::int64_t>(samples.size() / channels);
  const std::int64_t drop =
      std::clamp<std::int64_t>(drop_before == INT64_MIN ? 0 : drop_before - *position, 0, count);
  if (drop > 0) {
    samples.erase(samples.begin(),
                  samples.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(drop) * channels));
    *position += drop;
  }
  if (samples.empty()) return std::nullopt;
  return block(std::move(samples));
}

Result<std::optional<AudioBlock>> AudioReader::next() {
  State& s = *state_;
  const auto channels = static_cast<std::size_t>(s.options.channels);
  while (true) {
    if (s.silence > 0) {
      const std::int64_t count = std::min(s.silence, kBlockFrames);
      s.silence -= count;
      if (auto out = s.trimmed(std::vector<float>(static_cast<std::size_t>(count) * channels))) return out;
      continue;
    }
    if (!s.held.empty()) {
      if (auto out = s.trimmed(std::exchange(s.held, {}))) return out;
      continue;
    }
    if (s.ended) return std::nullopt;
    TRY_ASSIGN(const bool got, s.decode());
    if (!got) {
      s.ended = true;
      if (s.decoded == 0)
        return fail(
            ErrorKind::invalid_input,
            fmt::format("decode the sound of {}: nothing could be decoded", s.demuxer.path().string()),
            "the file is damaged or cut off: get it again or convert it again");
      TRY_ASSIGN(s.held, s.resample(true));
      if (!s.position) s.held.clear();
      continue;
    }
    TRY(s.set_up_resampler());
    const AVStream& stream = *s.demuxer.stream(s.stream_index);
    const auto stamp = ffmpeg::time_of(s.frame->best_effort_timestamp, stream.time_base);
    const Rational tick{1, s.options.sample_rate};
    // Samples the resampler still holds come out first.
    const std::int64_t delay = swr_get_delay(s.resampler.get(), s.options.sample_rate);
    if (!s.position) {
      s.position =
          stamp ? stamp->to_ticks(tick) : s.demuxer.facts().audio->start.value_or(Time{}).to_ticks(tick);
    } else if (stamp) {
      const std::int64_t hole = stamp->to_ticks(tick) - (*s.position + delay);
      const std::int64_t slack = s.options.sample_rate / 50;
      if (hole > slack && hole < kLongestSilence * s.options.sample_rate) {
        s.silence = hole;
      } else if (hole < -slack && -hole < s.frame->nb_samples *
                                              static_cast<std::int64_t>(s.options.sample_rate) /
                                              s.frame->sample_rate) {
        // Overlap: leave out the samples that were there already.
        s.drop_before = std::max(s.drop_before, *s.position);
        *s.position += hole;
      } else if (hole < -slack && -hole < kLongestSilence * s.options.sample_rate) {
        continue;  // a whole frame from the past
      }
    }
    TRY_ASSIGN(auto samples, s.resample(false));
    if (s.silence > 0) {
      s.held = std::move(samples);
      continue;
    }
    if (auto out = s.trimmed(std::move(samples))) return out;
  }
}

Result<void> AudioReader::seek(Time t) {
  State& s = *state_;
  const Rational tick{1, s.options.sample_rate};
  const std::int64_t target = t.to_ticks(tick);
  // A short way forward is decoded; farther away a seek is cheaper.
  const bool near =
      s.position && !s.ended && target >= *s.position && target - *s.position < s.options.sample_rate;
  s.drop_before = target;
  if (near) return {};
  // Decoders need a run-up until their output is right (AAC overlap, MP3 bit reservoir, Opus 80 ms).
  const Time first = s.demuxer.facts().audio->start.value_or(Time{});
  for (const int tenths : {5, 20, 100}) {
    const Time aim = t - Time::ticks(tenths, {1, 10});
    if (aim <= first || !s.demuxer.seek(s.stream_index, aim)) break;
    avcodec_flush_buffers(s.decoder.get());
    av_packet_unref(s.packet.get());
    s.packet_waits = s.drained = s.ended = false;
    s.position.reset();
    s.silence = 0;
    s.held.clear();
    s.resampler.reset();
    // Where did it land? Behind the target: try from farther back.
    TRY_ASSIGN(const bool got, s.decode());
    if (!got) {
      s.ended = true;
      return {};
    }
    const auto stamp =
        ffmpeg::time_of(s.frame->best_effort_timestamp, s.demuxer.stream(s.stream_index)->time_base);
    if (!stamp || *stamp > t) continue;
    TRY(s.set_up_resampler());
    s.position = stamp->to_ticks(tick);
    TRY_ASSIGN(s.held, s.resample(false));
    return {};
  }
  TRY(s.demuxer.rewind());
  TRY_ASSIGN(s.decoder, ffmpeg::open_decoder(s.demuxer, s.stream_index, 1));
  av_packet_unref(s.packet.get());
  s.packet_waits = s.drained = s.ended = false;
  s.position.reset();
  s.silence = 0;
  s.held.clear();
  s.resampler.reset();
  return {};
}

}  // namespace studio
