// Error texts and small conversions shared by the FFmpeg adapters.
#include "media/backends/ffmpeg.h"

#include <array>
#include <cerrno>
#include <mutex>

#include <fmt/format.h>

namespace studio::ffmpeg {

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

Owned<AVPacket> make_packet() {
  return Owned<AVPacket>(av_packet_alloc());
}
Owned<AVFrame> make_frame() {
  return Owned<AVFrame>(av_frame_alloc());
}

}  // namespace studio::ffmpeg
