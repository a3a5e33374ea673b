// The packets of one stream of one file, in decoding order, from a chosen time.
#pragma once

#include <cstdint>
#include <vector>

#include "render/backends/packet_files.h"

namespace studio {

class PacketStream {
 public:
  // Errors: as probe(), and unsupported (no such stream).
  static Result<PacketStream> open(const Path& path, AVMediaType kind);

  const AVCodecParameters& parameters() const { return *parameters_; }
  // A codec header that stands in the packets instead of the container's.
  Result<void> set_extradata(const std::vector<std::uint8_t>& header);
  Rational time_base() const { return ffmpeg::rational(input_->streams[index_]->time_base); }
  // Nothing at the end. Errors: io, invalid_input.
  Result<ffmpeg::Owned<AVPacket>> next();
  // To the last keyframe that surely comes before `t`.
  Result<void> seek_before(Time t);

 private:
  PacketStream(Path path, int index, Time origin) : path_(std::move(path)), index_(index), origin_(origin) {}
  Result<void> open_again();
  Path path_;
  int index_;
  Time origin_;  // the container's time of the stream's zero
  ffmpeg::Owned<AVFormatContext> input_;
  ffmpeg::Owned<AVCodecParameters> parameters_;  // a copy: going back to the start opens the file anew
};

}  // namespace studio
