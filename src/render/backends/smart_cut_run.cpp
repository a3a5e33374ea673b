// smart_cut(): joins pictures and sound into one file.
#include <fmt/format.h>

#include <chrono>

#include "render/backends/picture_joiner.h"
#include "render/backends/sound_joiner.h"
#include "render/smart_cut.h"

namespace studio {
namespace {

Result<AVStream*> add_stream(AVFormatContext* muxer, const AVCodecParameters& parameters,
                             AVRational time_base) {
  AVStream* stream = avformat_new_stream(muxer, nullptr);
  if (!stream || avcodec_parameters_copy(stream->codecpar, &parameters) < 0)
    return fail(ErrorKind::internal, "write a file: out of memory");
  stream->codecpar->codec_tag = 0;
  stream->time_base = time_base;
  return stream;
}

Result<void> set_header(AVStream& stream, const PictureJoiner& joiner, bool mp4, Rational frame_rate) {
  AVCodecParameters& p = *stream.codecpar;
  const Bytes& header = joiner.extradata();
  av_freep(&p.extradata);
  p.extradata_size = 0;
  if (!header.empty()) {
    p.extradata = static_cast<std::uint8_t*>(av_mallocz(header.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    if (!p.extradata) return fail(ErrorKind::internal, "write a file: out of memory");
    std::copy(header.begin(), header.end(), p.extradata);
    p.extradata_size = static_cast<int>(header.size());
  }
  if (mp4 && p.codec_id == AV_CODEC_ID_H264 && joiner.sets_in_stream())
    p.codec_tag = MKTAG('a', 'v', 'c', '3');
  if (mp4 && p.codec_id == AV_CODEC_ID_HEVC) p.codec_tag = MKTAG('h', 'e', 'v', '1');
  stream.avg_frame_rate = ffmpeg::av_rational(frame_rate);
  stream.r_frame_rate = stream.avg_frame_rate;
  return {};
}

class Joining {
 public:
  Joining(ffmpeg::Muxer muxer, PictureJoiner pictures, std::optional<SoundJoiner> sounds, Rational frame_rate)
      : muxer_(std::move(muxer)),
        pictures_(std::move(pictures)),
        sounds_(std::move(sounds)),
        rate_(frame_rate) {}

  Result<void> write_header(bool mp4) {
    const AVRational ticks = {static_cast<int>(rate_.den), static_cast<int>(rate_.num)};
    TRY_ASSIGN(picture_stream_, add_stream(muxer_.get(), pictures_.parameters(), ticks));
    TRY(set_header(*picture_stream_, pictures_, mp4, rate_));
    if (sounds_) {
      TRY_ASSIGN(sound_stream_,
                 add_stream(muxer_.get(), sounds_->parameters(), {1, sounds_->parameters().sample_rate}));
    }
    if (const int code = avformat_write_header(muxer_.get(), nullptr); code < 0)
      return fail(ErrorKind::unsupported,
                  fmt::format("copy packets: the container refuses them: {}", ffmpeg::text_of(code)),
                  "render it in full");
    return {};
  }

  // Always writes what comes next in time, so that no side has to wait in memory for the other.
  Result<void> run(std::int64_t frames, const Job& job) {
    while (true) {
      TRY_ASSIGN(const TimedPicture* picture, pictures_.peek());
      TimedSound* sound = nullptr;
      if (sounds_) {
        TRY_ASSIGN(sound, sounds_->peek());
      }
      if (!picture && !sound) break;
      if (job.cancelled()) return fail(ErrorKind::interrupted, "copy packets: interrupted");
      if (picture && (!sound || comes_first(*picture, *sound))) {
        TRY(write(*picture));
        pictures_.pop();
        if (++written_ % 256 == 0 || written_ == frames)
          job.report({"render", static_cast<double>(written_), static_cast<double>(frames), "frames"});
      } else {
        TRY(write(*sound));
        sounds_->pop();
      }
    }
    return ffmpeg::finish(*muxer_);
  }

  const PictureJoiner& pictures() const { return pictures_; }
  std::int64_t written() const { return written_; }

 private:
  bool comes_first(const TimedPicture& picture, const TimedSound& sound) const {
    return Time::frames(picture.decoded, rate_) <=
           Time::ticks(sound.at, {1, sounds_->parameters().sample_rate});
  }

  Result<void> write(const TimedPicture& picture) {
    auto packet = ffmpeg::make_packet();
    if (av_new_packet(packet.get(), static_cast<int>(picture.data.size())) < 0)
      return fail(ErrorKind::internal, "copy packets: out of memory");
    std::copy(picture.data.begin(), picture.data.end(), packet->data);
    packet->pts = picture.shown;
    packet->dts = picture.decoded;
    packet->duration = 1;
    if (picture.key) packet->flags |= AV_PKT_FLAG_KEY;
    return send(*packet, *picture_stream_, {static_cast<int>(rate_.den), static_cast<int>(rate_.num)});
  }

  Result<void> write(TimedSound& sound) {
    AVPacket& packet = *sound.packet;
    av_packet_free_side_data(&packet);  // "skip these samples" was true where the packet came from
    packet.pts = packet.dts = sound.at;
    packet.duration = sound.duration;
    packet.flags |= AV_PKT_FLAG_KEY;
    return send(packet, *sound_stream_, {1, sounds_->parameters().sample_rate});
  }

  Result<void> send(AVPacket& packet, const AVStream& stream, AVRational ticks) {
    packet.pos = -1;
    packet.stream_index = stream.index;
    av_packet_rescale_ts(&packet, ticks, stream.time_base);
    if (const int code = av_interleaved_write_frame(muxer_.get(), &packet); code < 0)
      return ffmpeg::fail_with(code, "write packets");
    return {};
  }

  ffmpeg::Muxer muxer_;
  PictureJoiner pictures_;
  std::optional<SoundJoiner> sounds_;
  Rational rate_;
  AVStream* picture_stream_ = nullptr;
  AVStream* sound_stream_ = nullptr;
  std::int64_t written_ = 0;
};

}  // namespace

Result<RenderedFile> smart_cut(const Timeline& timeline, const Path& output, const RenderSettings& settings,
                               const Job& job) {
  const auto begun = std::chrono::steady_clock::now();
  TRY_ASSIGN(const SmartCutPlan plan, plan_smart_cut(timeline, settings, output));
  for (const MediaFacts& source : plan.sources)
    if (same_file(source.path, output))
      return fail(ErrorKind::wrong_usage, fmt::format("write {}: it is also read", output.string()),
                  "give the output another name");
  const bool mp4 = output.extension() != ".mkv" && output.extension() != ".webm";
  TRY_ASSIGN(auto pictures, PictureJoiner::create(plan));
  std::optional<SoundJoiner> sounds;
  if (plan.sound) {
    TRY_ASSIGN(sounds, SoundJoiner::create(plan, mp4));
  }
  TRY_ASSIGN(auto pending, PendingFile::create(output));
  TRY_ASSIGN(auto muxer, ffmpeg::open_output(pending.temporary()));
  RenderedFile file;
  {
    Joining joining(std::move(muxer), std::move(pictures), std::move(sounds), plan.frame_rate);
    TRY(joining.write_header(mp4));
    TRY(joining.run(plan.frames(), job));
    file.frames = joining.written();
    file.reencoded_frames = joining.pictures().encoded();
    const std::string& encoder = joining.pictures().encoder();
    file.encoder = encoder.empty() ? "copy" : "copy+" + encoder;
  }
  TRY(pending.commit());
  file.path = output;
  file.duration = Time::frames(file.frames, plan.frame_rate);
  file.width = timeline.width;
  file.height = timeline.height;
  file.frame_rate = plan.frame_rate;
  file.smart_cut = true;
  file.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return file;
}

}  // namespace studio
