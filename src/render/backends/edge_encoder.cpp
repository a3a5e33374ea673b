// libx264 or libx265 set up to match a given stream.
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

}  // namespace

Result<EdgeEncoder> EdgeEncoder::create(const EdgeFormat& format) {
  const char* name = format.codec == NalCodec::h264 ? "libx264" : "libx265";
  const AVCodec* codec = avcodec_find_encoder_by_name(name);
  if (!codec)
    return fail(ErrorKind::unsupported, fmt::format("encode frames at a cut: this FFmpeg has no {}", name));
  av::Owned<AVCodecContext> context(avcodec_alloc_context3(codec));
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
  context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_CLOSED_GOP;
  if (format.codec == NalCodec::h264)
    set_x264(context.get(), format);
  else
    set_x265(context.get(), format);
  if (const int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    return fail(
        ErrorKind::unsupported,
        fmt::format("encode frames at a cut: open {} for {}: {}", name,
                    av_get_pix_fmt_name(context->pix_fmt) ? av_get_pix_fmt_name(context->pix_fmt) : "?",
                    av::text_of(code)));
  TRY_ASSIGN(auto sets,
             read_parameter_sets(format.codec, ByteView(context->extradata,
                                                        static_cast<std::size_t>(context->extradata_size))));
  return EdgeEncoder(std::move(context), format.codec, std::move(sets));
}

Result<std::vector<CodedPicture>> EdgeEncoder::add(const Frame& picture, std::int64_t frame) {
  av::Owned<AVFrame> copy(av_frame_clone(picture.native()));
  if (!copy) return fail(ErrorKind::internal, "encode frames at a cut: out of memory");
  if (copy->format != context_->pix_fmt || copy->width != context_->width || copy->height != context_->height)
    return fail(ErrorKind::unsupported,
                "encode frames at a cut: the pictures change their format on the way");
  copy->pts = frame;
  copy->pict_type = AV_PICTURE_TYPE_NONE;  // what it was in the source must not steer the encoder
  if (const int code = avcodec_send_frame(context_.get(), copy.get()); code < 0)
    return av::fail_with(code, "encode frames at a cut");
  return drain();
}

Result<std::vector<CodedPicture>> EdgeEncoder::finish() {
  if (const int code = avcodec_send_frame(context_.get(), nullptr); code < 0)
    return av::fail_with(code, "encode frames at a cut");
  return drain();
}

Result<std::vector<CodedPicture>> EdgeEncoder::drain() {
  std::vector<CodedPicture> pictures;
  auto packet = av::make_packet();
  while (true) {
    const int code = avcodec_receive_packet(context_.get(), packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return pictures;
    if (code < 0) return av::fail_with(code, "encode frames at a cut");
    CodedPicture picture;
    picture.frame = packet->pts;
    picture.key = packet->flags & AV_PKT_FLAG_KEY;
    std::vector<ByteView> units = split_packet({packet->data, static_cast<std::size_t>(packet->size)}, 0);
    std::erase_if(units, [&](ByteView unit) { return is_parameter_set(codec_, unit); });
    picture.data = join_units(units);
    pictures.push_back(std::move(picture));
    av_packet_unref(packet.get());
  }
}

}  // namespace studio
