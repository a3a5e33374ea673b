// Which encoders this FFmpeg has: libavcodec's list, and a trial opening.
#include "render/backends/encoder_probe.h"

#include <fmt/format.h>

#include <memory>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include "media/backends/ffmpeg.h"

namespace studio {
namespace {

using ffmpeg::Owned;
using ffmpeg::text_of;

Result<Owned<AVBufferRef>> hardware_frames(const std::string& device_name, AVPixelFormat format, int width,
                                           int height) {
  const AVHWDeviceType type = av_hwdevice_find_type_by_name(device_name.c_str());
  AVBufferRef* device = nullptr;
  int code = type == AV_HWDEVICE_TYPE_NONE ? AVERROR(ENOSYS)
                                           : av_hwdevice_ctx_create(&device, type, nullptr, nullptr, 0);
  if (code < 0)
    return fail(ErrorKind::unsupported, fmt::format("open a {} device: {}", device_name, text_of(code)));
  const Owned<AVBufferRef> held(device);
  Owned<AVBufferRef> frames(av_hwframe_ctx_alloc(device));
  if (!frames) return fail(ErrorKind::internal, "allocate hardware frames: out of memory");
  auto* description = reinterpret_cast<AVHWFramesContext*>(frames->data);
  description->format = format;
  description->sw_format = AV_PIX_FMT_NV12;
  description->width = width;
  description->height = height;
  code = av_hwframe_ctx_init(frames.get());
  if (code < 0)
    return fail(ErrorKind::unsupported, fmt::format("prepare {} frames: {}", device_name, text_of(code)));
  return frames;
}

}  // namespace

EncoderTraits encoder_traits(const std::string& encoder) {
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder.c_str());
  if (!codec || codec->type != AVMEDIA_TYPE_VIDEO) return {};
  EncoderTraits traits;
  traits.exists = true;
  traits.codec = avcodec_get_name(codec->id);
  traits.description = codec->long_name ? codec->long_name : "";
  for (const AVPixelFormat format : ffmpeg::pixel_formats_of(*codec))
    traits.pixel_formats.emplace_back(av_get_pix_fmt_name(format));
  return traits;
}

Result<void> try_encoder(const std::string& encoder, const std::string& pixel_format,
                         const EncoderOptions& options, const std::string& hardware_device, int width,
                         int height, Rational frame_rate) {
  ffmpeg::keep_quiet();  // a trial that fails is an answer, not a message for the person
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder.c_str());
  if (!codec)
    return fail(ErrorKind::unsupported, fmt::format("open encoder {}: not in this FFmpeg", encoder));
  Owned<AVCodecContext> context(avcodec_alloc_context3(codec));
  if (!context) return fail(ErrorKind::internal, "open an encoder: out of memory");
  context->width = width;
  context->height = height;
  context->time_base = {static_cast<int>(frame_rate.den), static_cast<int>(frame_rate.num)};
  context->framerate = {static_cast<int>(frame_rate.num), static_cast<int>(frame_rate.den)};
  context->pix_fmt = av_get_pix_fmt(pixel_format.c_str());
  context->thread_count = 1;
  if (hardware_device == "vaapi") {
    TRY_ASSIGN(auto frames, hardware_frames(hardware_device, AV_PIX_FMT_VAAPI, width, height));
    context->pix_fmt = AV_PIX_FMT_VAAPI;
    context->hw_frames_ctx = frames.release();
  }
  for (const auto& [name, value] : options)
    if (const int code = av_opt_set(context.get(), name.c_str(), value.c_str(), AV_OPT_SEARCH_CHILDREN);
        code < 0)
      return fail(ErrorKind::unsupported,
                  fmt::format("set {}={} on encoder {}: {}", name, value, encoder, text_of(code)));
  if (const int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    return fail(ErrorKind::unsupported, fmt::format("open encoder {}: {}", encoder, text_of(code)));
  return {};
}

bool container_takes(const std::string& container, const std::string& codec) {
  const AVOutputFormat* format = av_guess_format(container.c_str(), nullptr, nullptr);
  const AVCodecDescriptor* descriptor = avcodec_descriptor_get_by_name(codec.c_str());
  if (!format || !descriptor) return false;
  // A muxer that cannot tell gives AVERROR_PATCHWELCOME; its header writing will tell then.
  return avformat_query_codec(format, descriptor->id, FF_COMPLIANCE_NORMAL) != 0;
}

bool audio_encoder_exists(const std::string& encoder) {
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder.c_str());
  return codec && codec->type == AVMEDIA_TYPE_AUDIO;
}

}  // namespace studio
