// MediaWriter over libavcodec encoders and a libavformat muxer.
#include "media/media_writer.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "media/backends/ffmpeg.h"
#include "media/picture_scaler.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

namespace studio {

using ffmpeg::Owned;

namespace {

struct FreeResampler {
  void operator()(SwrContext* p) const { swr_free(&p); }
};

Result<void> set_options(void* object, const CodecOptions& options, const std::string& what) {
  for (const auto& [name, value] : options) {
    const int code = av_opt_set(object, name.c_str(), value.c_str(), AV_OPT_SEARCH_CHILDREN);
    if (code == AVERROR_OPTION_NOT_FOUND)
      return fail(ErrorKind::wrong_usage, fmt::format("{}: it has no option '{}'", what, name));
    if (code < 0)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("{}: '{}' is no value for the option '{}'", what, value, name));
  }
  return {};
}

}  // namespace

struct MediaWriter::State {
  Path file;
  ffmpeg::Muxer muxer;
  Owned<AVPacket> packet = ffmpeg::make_packet();

  std::optional<VideoEncoding> video;
  Owned<AVCodecContext> video_encoder;
  AVStream* video_stream = nullptr;
  std::optional<PictureScaler> scaler;
  Owned<AVBufferRef> device;

  std::optional<AudioEncoding> audio;
  Owned<AVCodecContext> audio_encoder;
  AVStream* audio_stream = nullptr;
  std::unique_ptr<SwrContext, FreeResampler> converter;
  std::vector<float> waiting;  // interleaved, not yet a whole encoder frame
  std::int64_t samples_sent = 0;

  Result<void> open_video();
  Result<void> open_audio();
  Result<void> upload_frames_to(const std::string& device_name);
  Result<void> open_file(const MediaWriterOptions& options);
  Result<Frame> on_device(const Frame& frame);
  Result<void> send_samples(const float* samples, int count);
  Result<void> encode(AVCodecContext* encoder, AVStream* stream, const AVFrame* frame);
  std::unexpected<Error> write_failed(int code) const {
    const AVIOContext* io = muxer->pb;  // the disk's own word, where there is one
    return ffmpeg::fail_with(io != nullptr && io->error < 0 ? io->error : code,
                             fmt::format("write {}", file.string()));
  }
};

MediaWriter::MediaWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
MediaWriter::MediaWriter(MediaWriter&&) noexcept = default;
MediaWriter& MediaWriter::operator=(MediaWriter&&) noexcept = default;
MediaWriter::~MediaWriter() = default;

bool has_encoder(const std::string& name) {
  return avcodec_find_encoder_by_name(name.c_str()) != nullptr;
}

Result<MediaWriter> MediaWriter::create(const Path& file, const MediaWriterOptions& options) {
  ffmpeg::keep_quiet();
  auto state = std::make_unique<State>();
  State& s = *state;
  s.file = file;
  AVFormatContext* raw = nullptr;
  const std::string url = "file:" + file.string();
  const char* container = options.container.empty() ? nullptr : options.container.c_str();
  if (const int code = avformat_alloc_output_context2(&raw, nullptr, container, url.c_str()); code < 0)
    return fail(ErrorKind::unsupported,
                fmt::format("write {}: {}", file.string(),
                            options.container.empty()
                                ? "its name tells no container format"
                                : fmt::format("this FFmpeg cannot write '{}'", options.container)),
                "end the name in .mp4, .mov, .mkv or .webm");
  s.muxer.reset(raw);
  s.video = options.video;
  s.audio = options.audio;
  if (!s.video && !s.audio)
    return fail(ErrorKind::wrong_usage, fmt::format("write {}: neither picture nor sound", file.string()));
  if (s.video) TRY(s.open_video());
  if (s.audio) TRY(s.open_audio());
  TRY(s.open_file(options));
  return MediaWriter(std::move(state));
}

Result<void> MediaWriter::State::open_video() {
  VideoEncoding& v = *video;
  const std::string what = fmt::format("open the encoder {} at {}x{}", v.encoder, v.width, v.height);
  const AVCodec* codec = avcodec_find_encoder_by_name(v.encoder.c_str());
  if (codec == nullptr)
    return fail(ErrorKind::unsupported, fmt::format("{}: this FFmpeg does not have it", what),
                "see 'studio list encoders'");
  video_encoder.reset(avcodec_alloc_context3(codec));
  AVCodecContext* c = video_encoder.get();
  if (!v.time_base.positive()) v.time_base = Rational::reduced(v.frame_rate.den, v.frame_rate.num);
  c->width = v.width;
  c->height = v.height;
  c->time_base = ffmpeg::av_rational(v.time_base);
  c->framerate = ffmpeg::av_rational(v.frame_rate);
  c->sample_aspect_ratio = ffmpeg::av_rational(v.sample_aspect);
  c->pix_fmt = av_get_pix_fmt(v.pixel_format.c_str());
  if (c->pix_fmt == AV_PIX_FMT_NONE)
    return fail(ErrorKind::wrong_usage, fmt::format("{}: no pixel format '{}'", what, v.pixel_format));
  c->color_range = static_cast<AVColorRange>(std::max(0, av_color_range_from_name(v.color_range.c_str())));
  const auto or_unspecified = [](int value) { return value < 0 ? 2 : value; };
  c->colorspace = static_cast<AVColorSpace>(or_unspecified(av_color_space_from_name(v.color_matrix.c_str())));
  c->color_trc = static_cast<AVColorTransferCharacteristic>(
      or_unspecified(av_color_transfer_from_name(v.color_transfer.c_str())));
  c->color_primaries =
      static_cast<AVColorPrimaries>(or_unspecified(av_color_primaries_from_name(v.color_primaries.c_str())));
  if (v.gop > 0) c->gop_size = v.gop;
  c->thread_count = v.threads;
  if (v.interlaced_top_first) {
    c->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
    c->field_order = AV_FIELD_TT;
  }
  if ((muxer->oformat->flags & AVFMT_GLOBALHEADER) != 0) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  TRY(set_options(c, v.options, what));
  if (!v.hardware_device.empty()) TRY(upload_frames_to(v.hardware_device));
  if (const int code = avcodec_open2(c, nullptr, nullptr); code < 0)
    return ffmpeg::fail_with(code, what, "another encoder or size may work: see 'studio list encoders'");
  video_stream = avformat_new_stream(muxer.get(), nullptr);
  avcodec_parameters_from_context(video_stream->codecpar, c);
  if (v.tag.size() == 4) video_stream->codecpar->codec_tag = MKTAG(v.tag[0], v.tag[1], v.tag[2], v.tag[3]);
  video_stream->time_base = c->time_base;
  video_stream->avg_frame_rate = c->framerate;
  video_stream->sample_aspect_ratio = c->sample_aspect_ratio;
  if (v.rotation != 0) {
    constexpr std::size_t kMatrixBytes = 9 * sizeof(std::int32_t);
#if LIBAVCODEC_VERSION_MAJOR >= 61
    AVPacketSideData* side = av_packet_side_data_new(&video_stream->codecpar->coded_side_data,
                                                     &video_stream->codecpar->nb_coded_side_data,
                                                     AV_PKT_DATA_DISPLAYMATRIX, kMatrixBytes, 0);
    std::uint8_t* data = side == nullptr ? nullptr : side->data;
#else
    std::uint8_t* data = av_stream_new_side_data(video_stream, AV_PKT_DATA_DISPLAYMATRIX, kMatrixBytes);
#endif
    if (data == nullptr) return fail(ErrorKind::limit_exceeded, fmt::format("{}: out of memory", what));
    av_display_rotation_set(reinterpret_cast<std::int32_t*>(data), v.rotation);
  }
  return {};
}

// Encoders such as *_vaapi take frames that live on the device.
Result<void> MediaWriter::State::upload_frames_to(const std::string& device_name) {
  AVCodecContext* c = video_encoder.get();
  const AVHWDeviceType type = av_hwdevice_find_type_by_name(device_name.c_str());
  AVBufferRef* raw = nullptr;
  const int code = type == AV_HWDEVICE_TYPE_NONE ? AVERROR(ENODEV)
                                                 : av_hwdevice_ctx_create(&raw, type, nullptr, nullptr, 0);
  if (code < 0)
    return fail(
        ErrorKind::unsupported,
        fmt::format("open the {} device for {}: {}", device_name, video->encoder, ffmpeg::text_of(code)),
        "render without hardware encoding");
  device.reset(raw);
  AVBufferRef* frames = av_hwframe_ctx_alloc(raw);
  if (frames == nullptr) return fail(ErrorKind::limit_exceeded, "set up hardware frames: out of memory");
  auto* context = reinterpret_cast<AVHWFramesContext*>(frames->data);
  context->format = type == AV_HWDEVICE_TYPE_VAAPI ? AV_PIX_FMT_VAAPI : AV_PIX_FMT_CUDA;
  context->sw_format = c->pix_fmt == AV_PIX_FMT_YUV420P ? AV_PIX_FMT_NV12 : c->pix_fmt;
  context->width = c->width;
  context->height = c->height;
  context->initial_pool_size = 20;
  const int ready = av_hwframe_ctx_init(frames);
  if (ready < 0) {
    av_buffer_unref(&frames);
    return ffmpeg::fail_with(ready, fmt::format("set up {} frames", device_name),
                             "render without hardware encoding");
  }
  video->pixel_format = av_get_pix_fmt_name(context->sw_format);
  c->pix_fmt = context->format;
  c->hw_frames_ctx = frames;
  return {};
}

Result<void> MediaWriter::State::open_audio() {
  const AudioEncoding& a = *audio;
  const std::string what =
      fmt::format("open the encoder {} at {} Hz, {} channels", a.encoder, a.sample_rate, a.channels);
  const AVCodec* codec = avcodec_find_encoder_by_name(a.encoder.c_str());
  if (codec == nullptr)
    return fail(ErrorKind::unsupported, fmt::format("{}: this FFmpeg does not have it", what),
                "see 'studio list encoders'");
  audio_encoder.reset(avcodec_alloc_context3(codec));
  AVCodecContext* c = audio_encoder.get();
  c->sample_rate = a.sample_rate;
  c->time_base = {1, a.sample_rate};
  av_channel_layout_default(&c->ch_layout, a.channels);
  c->sample_fmt = a.sample_format.empty() ? AV_SAMPLE_FMT_FLTP : av_get_sample_fmt(a.sample_format.c_str());
  if (const auto known = ffmpeg::sample_formats_of(*codec); a.sample_format.empty() && !known.empty())
    c->sample_fmt = known.front();
  if (a.bit_rate > 0) c->bit_rate = a.bit_rate;
  if ((muxer->oformat->flags & AVFMT_GLOBALHEADER) != 0) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  c->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;  // FFmpeg's own Opus, where libopus is missing
  TRY(set_options(c, a.options, what));
  if (const int code = avcodec_open2(c, nullptr, nullptr); code < 0) return ffmpeg::fail_with(code, what);
  audio_stream = avformat_new_stream(muxer.get(), nullptr);
  avcodec_parameters_from_context(audio_stream->codecpar, c);
  audio_stream->time_base = c->time_base;
  SwrContext* raw = nullptr;
  const int allocated = swr_alloc_set_opts2(&raw, &c->ch_layout, c->sample_fmt, c->sample_rate, &c->ch_layout,
                                            AV_SAMPLE_FMT_FLT, c->sample_rate, 0, nullptr);
  converter.reset(raw);
  if (const int code = allocated < 0 ? allocated : swr_init(raw); code < 0)
    return ffmpeg::fail_with(code, what);
  return {};
}

Result<void> MediaWriter::State::open_file(const MediaWriterOptions& options) {
  for (const auto& [key, value] : options.metadata)
    av_dict_set(&muxer->metadata, key.c_str(), value.c_str(), 0);
  TRY(set_options(muxer.get(), options.container_options,
                  fmt::format("write {} as {}", file.string(), muxer->oformat->name)));
  if ((muxer->oformat->flags & AVFMT_NOFILE) == 0) {
    const int code = avio_open(&muxer->pb, ("file:" + file.string()).c_str(), AVIO_FLAG_WRITE);
    if (code < 0)
      return ffmpeg::fail_with(code, fmt::format("write {}", file.string()),
                               "choose a place you may write to");
  }
  if (const int code = avformat_write_header(muxer.get(), nullptr); code < 0) {
    if (muxer->pb != nullptr && muxer->pb->error < 0) return write_failed(code);
    return ffmpeg::fail_with(code, fmt::format("write {} as {}", file.string(), muxer->oformat->name),
                             "this container may not hold these codecs: try .mp4 or .mkv");
  }
  return {};
}

Result<Frame> MediaWriter::State::on_device(const Frame& frame) {
  auto uploaded = ffmpeg::make_frame();
  int code = av_hwframe_get_buffer(video_encoder->hw_frames_ctx, uploaded.get(), 0);
  if (code >= 0) code = av_hwframe_transfer_data(uploaded.get(), frame.native(), 0);
  if (code < 0) return ffmpeg::fail_with(code, fmt::format("upload a picture for {}", video->encoder));
  return Frame(uploaded.release());
}

Result<void> MediaWriter::write_video(const Frame& frame, std::int64_t pts) {
  State& s = *state_;
  if (!s.video) return fail(ErrorKind::internal, "write a picture into a file without a picture stream");
  const VideoEncoding& v = *s.video;
  Frame ready = frame;
  if (frame.width() != v.width || frame.height() != v.height || frame.format() != v.pixel_format) {
    if (!s.scaler) {
      TRY_ASSIGN(auto scaler, PictureScaler::create({v.width, v.height, v.pixel_format, false}));
      s.scaler = std::move(scaler);
    }
    TRY_ASSIGN(ready, s.scaler->scale(frame));
  }
  if (s.device) {
    TRY_ASSIGN(ready, s.on_device(ready));
  }
  const Frame stamped = ready.with_pts(pts);
  if (!stamped) return fail(ErrorKind::limit_exceeded, "encode a picture: out of memory");
  if (v.interlaced_top_first) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    stamped.native()->flags |= AV_FRAME_FLAG_INTERLACED | AV_FRAME_FLAG_TOP_FIELD_FIRST;
#else
    stamped.native()->interlaced_frame = 1;
    stamped.native()->top_field_first = 1;
#endif
  }
  return s.encode(s.video_encoder.get(), s.video_stream, stamped.native());
}

Result<void> MediaWriter::State::send_samples(const float* samples, int count) {
  AVCodecContext* c = audio_encoder.get();
  auto frame = ffmpeg::make_frame();
  frame->nb_samples = count;
  frame->format = c->sample_fmt;
  frame->sample_rate = c->sample_rate;
  frame->pts = samples_sent;
  int code = av_channel_layout_copy(&frame->ch_layout, &c->ch_layout);
  if (code >= 0) code = av_frame_get_buffer(frame.get(), 0);
  const auto* from = reinterpret_cast<const std::uint8_t*>(samples);
  if (code >= 0) code = swr_convert(converter.get(), frame->extended_data, count, &from, count);
  if (code < 0) return ffmpeg::fail_with(code, fmt::format("encode sound with {}", audio->encoder));
  samples_sent += count;
  return encode(c, audio_stream, frame.get());
}

Result<void> MediaWriter::write_audio(std::span<const float> samples) {
  State& s = *state_;
  if (!s.audio) return fail(ErrorKind::internal, "write sound into a file without a sound stream");
  const auto channels = static_cast<std::size_t>(s.audio->channels);
  const int wanted = s.audio_encoder->frame_size > 0 ? s.audio_encoder->frame_size : 2048;
  s.waiting.insert(s.waiting.end(), samples.begin(), samples.end());
  const std::size_t step = static_cast<std::size_t>(wanted) * channels;
  std::size_t used = 0;
  for (; s.waiting.size() - used >= step; used += step) TRY(s.send_samples(s.waiting.data() + used, wanted));
  s.waiting.erase(s.waiting.begin(), s.waiting.begin() + static_cast<std::ptrdiff_t>(used));
  return {};
}

Result<void> MediaWriter::State::encode(AVCodecContext* encoder, AVStream* stream, const AVFrame* frame) {
  int code = avcodec_send_frame(encoder, frame);
  if (code < 0 && code != AVERROR_EOF)
    return ffmpeg::fail_with(code, fmt::format("encode with {}", encoder->codec->name));
  while (true) {
    code = avcodec_receive_packet(encoder, packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return {};
    if (code < 0) return ffmpeg::fail_with(code, fmt::format("encode with {}", encoder->codec->name));
    // x264 and others leave the length open; without it a file of one picture lasts no time.
    if (packet->duration <= 0 && stream == video_stream)
      packet->duration = av_rescale_q(1, av_inv_q(encoder->framerate), encoder->time_base);
    av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
    packet->stream_index = stream->index;
    code = av_interleaved_write_frame(muxer.get(), packet.get());
    if (code < 0 || (muxer->pb != nullptr && muxer->pb->error < 0)) return write_failed(code);
  }
}

Result<void> MediaWriter::finish() {
  State& s = *state_;
  if (s.video) TRY(s.encode(s.video_encoder.get(), s.video_stream, nullptr));
  if (s.audio) {
    if (!s.waiting.empty()) {
      const int rest = static_cast<int>(s.waiting.size() / static_cast<std::size_t>(s.audio->channels));
      const bool whole_frames_only =
          (s.audio_encoder->codec->capabilities &
           (AV_CODEC_CAP_SMALL_LAST_FRAME | AV_CODEC_CAP_VARIABLE_FRAME_SIZE)) == 0;
      const int count =
          whole_frames_only && s.audio_encoder->frame_size > 0 ? s.audio_encoder->frame_size : rest;
      s.waiting.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(s.audio->channels), 0.0F);
      TRY(s.send_samples(s.waiting.data(), count));
      s.waiting.clear();
    }
    TRY(s.encode(s.audio_encoder.get(), s.audio_stream, nullptr));
  }
  if (const int code = av_write_trailer(s.muxer.get()); code < 0) return s.write_failed(code);
  if (s.muxer->pb != nullptr) {
    if (s.muxer->pb->error < 0) return s.write_failed(s.muxer->pb->error);
    if (const int code = avio_closep(&s.muxer->pb); code < 0) return s.write_failed(code);
  }
  return {};
}

}  // namespace studio
