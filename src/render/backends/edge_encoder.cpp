// Encoders set up to match a given stream.
#include "render/backends/edge_encoder.h"

#include <fmt/format.h>

extern "C" {
#include <libavutil/opt.h>
}

namespace studio {
namespace {

const char* profile_of(const AVCodecParameters& like) {
  switch (like.profile) {
    case 66:
    case 66 | 512: return "baseline";
    case 77: return "main";
    case 110: return "high10";
    case 122: return "high422";
    case 244: return "high444";
    default: return "high";
  }
}

// Near to lossless to the eye: a handful of frames may cost what they need.
constexpr const char* kQuality = "17";

void set_x264(AVCodecContext* context, const EdgeFormat& format) {
  av_opt_set(context->priv_data, "preset", "veryfast", 0);
  av_opt_set(context->priv_data, "crf", kQuality, 0);
  av_opt_set(context->priv_data, "profile", profile_of(*format.like), 0);
  const std::string params =
      fmt::format("sps-id={}:bframes={}:b-pyramid=none:open-gop=0:scenecut=0", format.sps_id,
                  format.reorder > 0 && format.like->profile != 66 ? 2 : 0);
  av_opt_set(context->priv_data, "x264-params", params.c_str(), 0);
}

void set_x265(AVCodecContext* context, const EdgeFormat& format) {
  av_opt_set(context->priv_data, "preset", "veryfast", 0);
  av_opt_set(context->priv_data, "crf", kQuality, 0);
  const std::string params =
      fmt::format("log-level=none:bframes={}:b-pyramid=0:open-gop=0:scenecut=0:repeat-headers=0:info=0",
                  format.reorder > 0 ? 2 : 0);
  av_opt_set(context->priv_data, "x265-params", params.c_str(), 0);
}

// These write their headers into the stream before each key frame when no global header is asked
// for, and one packet a frame when they may not look ahead.
void set_simple(AVCodecContext* context, const std::string& encoder) {
  void* options = context->priv_data;
  if (encoder == "mpeg4" || encoder == "mpeg2video") {
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = FF_QP2LAMBDA * 2;
    av_opt_set(options, "sc_threshold", "1000000000", 0);  // it opens no closed group beside scene cuts
  } else if (encoder == "libsvtav1") {
    av_opt_set(options, "preset", "10", 0);
    av_opt_set(options, "crf", "20", 0);
  } else {
    av_opt_set(options, "deadline", "realtime", 0);
    av_opt_set(options, "cpu-used", "6", 0);
    av_opt_set(options, "crf", "12", 0);
    av_opt_set(options, "lag-in-frames", "0", 0);
    av_opt_set(options, "auto-alt-ref", "0", 0);
    context->bit_rate = encoder == "libvpx" ? 20'000'000 : 0;
  }
}

const char* edge_encoder_for(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_H264: return "libx264";
    case AV_CODEC_ID_HEVC: return "libx265";
    case AV_CODEC_ID_MPEG4: return "mpeg4";
    case AV_CODEC_ID_MPEG2VIDEO: return "mpeg2video";
    case AV_CODEC_ID_VP8: return "libvpx";
    case AV_CODEC_ID_VP9: return "libvpx-vp9";
    case AV_CODEC_ID_AV1: return "libsvtav1";
    default: return nullptr;
  }
}

}  // namespace

std::optional<NalCodec> nal_codec_of(AVCodecID codec) {
  if (codec == AV_CODEC_ID_H264) return NalCodec::h264;
  if (codec == AV_CODEC_ID_HEVC) return NalCodec::hevc;
  return std::nullopt;
}

bool can_encode_edges(AVCodecID codec) {
  return edge_encoder_for(codec) != nullptr;
}

Result<EdgeEncoder> EdgeEncoder::create(const EdgeFormat& format) {
  const std::optional<NalCodec> nal = nal_codec_of(format.like->codec_id);
  const char* name = edge_encoder_for(format.like->codec_id);
  const AVCodec* codec = name ? avcodec_find_encoder_by_name(name) : nullptr;
  if (!codec)
    return fail(ErrorKind::unsupported, fmt::format("encode frames at a cut: this FFmpeg has no {}",
                                                    name ? name : avcodec_get_name(format.like->codec_id)));
  ffmpeg::Owned<AVCodecContext> context(avcodec_alloc_context3(codec));
  if (!context) return fail(ErrorKind::internal, "encode frames at a cut: out of memory");
  const AVCodecParameters& like = *format.like;
  context->width = like.width;
  context->height = like.height;
  context->pix_fmt = static_cast<AVPixelFormat>(like.format);
  context->sample_aspect_ratio = like.sample_aspect_ratio;
  context->color_range = like.color_range;
  context->color_primaries = like.color_primaries;
  context->color_trc = like.color_trc;
  context->colorspace = like.color_space;
  context->chroma_sample_location = like.chroma_location;
  context->framerate = {static_cast<int>(format.frame_rate.num), static_cast<int>(format.frame_rate.den)};
  context->time_base = {static_cast<int>(format.frame_rate.den), static_cast<int>(format.frame_rate.num)};
  context->gop_size = 250;
  context->max_b_frames = format.reorder > 0 ? 2 : 0;
  context->flags |= AV_CODEC_FLAG_CLOSED_GOP;
  if (nal) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (nal == NalCodec::h264)
    set_x264(context.get(), format);
  else if (nal == NalCodec::hevc)
    set_x265(context.get(), format);
  else
    set_simple(context.get(), name);
  if (const int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    return fail(
        ErrorKind::unsupported,
        fmt::format("encode frames at a cut: open {} for {}: {}", name,
                    av_get_pix_fmt_name(context->pix_fmt) ? av_get_pix_fmt_name(context->pix_fmt) : "?",
                    ffmpeg::text_of(code)));
  ParameterSets sets;
  if (nal) {
    TRY_ASSIGN(sets, read_parameter_sets(
                         *nal, {context->extradata, static_cast<std::size_t>(context->extradata_size)}));
  }
  return EdgeEncoder(std::move(context), nal, std::move(sets));
}

Result<std::vector<CodedPicture>> EdgeEncoder::add(const Frame& picture, std::int64_t frame) {
  ffmpeg::Owned<AVFrame> copy(av_frame_clone(picture.native()));
  if (!copy) return fail(ErrorKind::internal, "encode frames at a cut: out of memory");
  if (copy->format != context_->pix_fmt || copy->width != context_->width || copy->height != context_->height)
    return fail(ErrorKind::unsupported,
                "encode frames at a cut: the pictures change their format on the way");
  copy->pts = frame;
  copy->pict_type = AV_PICTURE_TYPE_NONE;  // what it was in the source must not steer the encoder
  if (const int code = avcodec_send_frame(context_.get(), copy.get()); code < 0)
    return ffmpeg::fail_with(code, "encode frames at a cut");
  return drain();
}

Result<std::vector<CodedPicture>> EdgeEncoder::finish() {
  if (const int code = avcodec_send_frame(context_.get(), nullptr); code < 0)
    return ffmpeg::fail_with(code, "encode frames at a cut");
  return drain();
}

Result<std::vector<CodedPicture>> EdgeEncoder::drain() {
  std::vector<CodedPicture> pictures;
  auto packet = ffmpeg::make_packet();
  while (true) {
    const int code = avcodec_receive_packet(context_.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return pictures;
    if (code < 0) return ffmpeg::fail_with(code, "encode frames at a cut");
    CodedPicture picture;
    picture.frame = packet->pts;
    picture.key = packet->flags & AV_PKT_FLAG_KEY;
    const ByteView bytes{packet->data, static_cast<std::size_t>(packet->size)};
    if (nal_) {
      std::vector<ByteView> units = split_packet(bytes, 0);
      std::erase_if(units, [&](ByteView unit) { return is_parameter_set(*nal_, unit); });
      picture.data = join_units(units);
    } else {
      picture.data.assign(bytes.begin(), bytes.end());
    }
    pictures.push_back(std::move(picture));
    av_packet_unref(packet.get());
  }
}

}  // namespace studio
