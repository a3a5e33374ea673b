// The packets of one stream of one file, in decoding order, from a chosen time.
#pragma once

#include <memory>

#include "media/backends/demuxer.h"

namespace studio {

class PacketStream {
 public:
  // Errors: as probe(), and unsupported (no such stream).
  static Result<PacketStream> open(const Path& path, AVMediaType kind);

  const AVCodecParameters& parameters() const { return *parameters_; }
  Rational time_base() const { return ffmpeg::rational(demuxer_.stream(index_)->time_base); }
  // Nothing at the end. Errors: io, invalid_input.
  Result<ffmpeg::Owned<AVPacket>> next();
  // To the last keyframe that surely comes before `t`.
  Result<void> seek_before(Time t);

 private:
  struct FreeParameters {
    void operator()(AVCodecParameters* p) const { avcodec_parameters_free(&p); }
  };
  PacketStream(ffmpeg::Demuxer demuxer, int index);
  ffmpeg::Demuxer demuxer_;
  int index_;
  // A copy: going back to the start may open the file anew.
  std::unique_ptr<AVCodecParameters, FreeParameters> parameters_;
};

}  // namespace studio
