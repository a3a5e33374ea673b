// Error texts and small conversions shared by the FFmpeg adapters.
#include "media/backends/ffmpeg.h"

#include <array>
#include <cerrno>
#include <mutex>

#include <fmt/format.h>

namespace studio::ffmpeg {
namespace {

// FFmpeg 7.1 has a call for the lists that codecs showed as arrays with an end mark before.
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
template <typename Format>
std::span<const Format> supported(const AVCodec& codec, AVCodecConfig which) {
  const void* formats = nullptr;
  int count = 0;
  if (avcodec_get_supported_config(nullptr, &codec, which, 0, &formats, &count) < 0 || formats == nullptr)
    return {};
  return {static_cast<const Format*>(formats), static_cast<std::size_t>(count)};
}
#else
template <typename Format>
std::span<const Format> until(const Format* formats, Format end) {
  std::size_t count = 0;
  while (formats != nullptr && formats[count] != end) ++count;
  return {formats, count};
}
#endif

}  // namespace

void CloseMuxer::operator()(AVFormatContext* p) const {
  if (p->pb != nullptr && (p->oformat->flags & AVFMT_NOFILE) == 0) avio_closep(&p->pb);
  avformat_free_context(p);
}

std::string text_of(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> buffer{};
  if (av_strerror(code, buffer.data(), buffer.size()) < 0) return fmt::format("FFmpeg error {}", code);
  return buffer.data();
}

Error error_of(int code, std::string what, std::string hint) {
  ErrorKind kind = ErrorKind::invalid_input;
  switch (code) {
    case AVERROR(ENOSPC):
    case AVERROR(EDQUOT):
      kind = ErrorKind::no_space;
      if (hint.empty()) hint = "free some disk space and run the command again";
      break;
    case AVERROR(ENOENT): kind = ErrorKind::not_found; break;
    case AVERROR(EACCES):
    case AVERROR(EPERM):
    case AVERROR(EROFS):
    case AVERROR(EIO):
    case AVERROR(EFBIG): kind = ErrorKind::io; break;
    case AVERROR(ENOMEM): kind = ErrorKind::limit_exceeded; break;
    case AVERROR_EXIT: kind = ErrorKind::interrupted; break;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_FILTER_NOT_FOUND:
    case AVERROR_MUXER_NOT_FOUND:
    case AVERROR_PATCHWELCOME: kind = ErrorKind::unsupported; break;
    default: break;
  }
  return Error{kind, fmt::format("{}: {}", what, text_of(code)), std::move(hint)};
}

void keep_quiet() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_level(AV_LOG_QUIET); });
}

AVRational av_rational(Rational r) {
  AVRational out{0, 1};
  av_reduce(&out.num, &out.den, r.num, r.den == 0 ? 1 : r.den, 1 << 30);
  return out;
}

#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
std::span<const AVPixelFormat> pixel_formats_of(const AVCodec& codec) {
  return supported<AVPixelFormat>(codec, AV_CODEC_CONFIG_PIX_FORMAT);
}
std::span<const AVSampleFormat> sample_formats_of(const AVCodec& codec) {
  return supported<AVSampleFormat>(codec, AV_CODEC_CONFIG_SAMPLE_FORMAT);
}
#else
std::span<const AVPixelFormat> pixel_formats_of(const AVCodec& codec) {
  return until(codec.pix_fmts, AV_PIX_FMT_NONE);
}
std::span<const AVSampleFormat> sample_formats_of(const AVCodec& codec) {
  return until(codec.sample_fmts, AV_SAMPLE_FMT_NONE);
}
#endif

Owned<AVPacket> make_packet() {
  return Owned<AVPacket>(av_packet_alloc());
}
Owned<AVFrame> make_frame() {
  return Owned<AVFrame>(av_frame_alloc());
}

}  // namespace studio::ffmpeg
