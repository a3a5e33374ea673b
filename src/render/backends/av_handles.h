// Owning handles and error texts for the parts of FFmpeg that copy packets.
#pragma once

#include <memory>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
}

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"

namespace studio::av {

struct Release {
  void operator()(AVFormatContext* input) const { avformat_close_input(&input); }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVCodecParameters* parameters) const { avcodec_parameters_free(&parameters); }
};

template <typename T>
using Owned = std::unique_ptr<T, Release>;

// A context that writes has another end than one that reads.
struct CloseMuxer {
  void operator()(AVFormatContext* muxer) const;
};
using Muxer = std::unique_ptr<AVFormatContext, CloseMuxer>;

std::string text_of(int code);
// The error of the house for an FFmpeg code: ENOSPC is no_space, other trouble with files io.
std::unexpected<Error> fail_with(int code, const std::string& what, std::string hint = {});

Owned<AVPacket> make_packet();

// A local file for reading, its streams looked at. Names are never taken as URLs.
Result<Owned<AVFormatContext>> open_input(const Path& file);
// A muxer by the file's extension, writing to it.
Result<Muxer> open_output(const Path& file);
// Writes the trailer and what is buffered: a full disk shows here at the latest.
Result<void> finish(AVFormatContext& muxer);

inline Rational rational(AVRational r) {
  return r.den == 0 ? Rational{0, 1} : Rational::reduced(r.num, r.den);
}
inline AVRational av_rational(Rational r) {
  return {static_cast<int>(r.num), static_cast<int>(r.den)};
}

}  // namespace studio::av
