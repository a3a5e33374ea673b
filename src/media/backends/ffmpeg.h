// Owning handles and error texts for the FFmpeg API. Only files of backends/ include this.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/buffer.h>
#include <libavutil/channel_layout.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
}

#include "base/result.h"
#include "base/time.h"

namespace studio::ffmpeg {

struct Delete {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVCodecParameters* p) const { avcodec_parameters_free(&p); }
  void operator()(AVBufferRef* p) const { av_buffer_unref(&p); }
};

template <typename T>
using Owned = std::unique_ptr<T, Delete>;

// A context that writes has another end than one that reads.
struct CloseMuxer {
  void operator()(AVFormatContext* p) const;
};
using Muxer = std::unique_ptr<AVFormatContext, CloseMuxer>;

// FFmpeg's own text for an error code.
std::string text_of(int code);
// The error of the house for an FFmpeg code: ENOSPC is no_space, ENOENT not_found, ...
Error error_of(int code, std::string what, std::string hint = {});
inline std::unexpected<Error> fail_with(int code, std::string what, std::string hint = {}) {
  return std::unexpected(error_of(code, std::move(what), std::move(hint)));
}

// FFmpeg prints to stderr by default; stderr belongs to the person. Safe to call often.
void keep_quiet();

inline Rational rational(AVRational r) {
  return r.den == 0 ? Rational{0, 1} : Rational::reduced(r.num, r.den);
}
AVRational av_rational(Rational r);
inline std::optional<Time> time_of(std::int64_t ts, AVRational base) {
  if (ts == AV_NOPTS_VALUE) return std::nullopt;
  return Time::ticks(ts, rational(base));
}

// What an encoder takes; empty when it does not say.
std::span<const AVPixelFormat> pixel_formats_of(const AVCodec& codec);
std::span<const AVSampleFormat> sample_formats_of(const AVCodec& codec);

Owned<AVPacket> make_packet();
Owned<AVFrame> make_frame();

}  // namespace studio::ffmpeg
