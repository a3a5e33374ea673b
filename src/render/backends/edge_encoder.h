// Encodes the few frames at a cut so that they fit into somebody else's stream.
#pragma once

#include <cstdint>
#include <vector>

#include "media/frame.h"
#include "render/backends/av_handles.h"
#include "render/nal_units.h"

namespace studio {

// One coded picture, in the form that mp4 and Matroska hold: units with 4-byte lengths.
struct CodedPicture {
  Bytes data;
  std::int64_t frame = 0;  // where it is shown
  bool key = false;
};

struct EdgeFormat {
  NalCodec codec = NalCodec::h264;
  const AVCodecParameters* like = nullptr;  // size, pixel format, profile, colours
  Rational frame_rate;
  int reorder = 0;  // frames that pictures of the source are reordered by: not to be exceeded
  int sps_id = 0;   // H.264: an id that the source does not use
};

class EdgeEncoder {
 public:
  // Errors: unsupported (no libx264 or libx265, a pixel format they do not take).
  static Result<EdgeEncoder> create(const EdgeFormat& format);

  // `frame` is the number by which the coded picture is known. Coded pictures come later, in
  // decoding order; the first one is an IDR.
  Result<std::vector<CodedPicture>> add(const Frame& picture, std::int64_t frame);
  Result<std::vector<CodedPicture>> finish();

  const ParameterSets& parameter_sets() const { return sets_; }
  const char* name() const { return context_->codec->name; }

 private:
  EdgeEncoder(av::Owned<AVCodecContext> context, NalCodec codec, ParameterSets sets)
      : context_(std::move(context)), codec_(codec), sets_(std::move(sets)) {}
  Result<std::vector<CodedPicture>> drain();
  av::Owned<AVCodecContext> context_;
  NalCodec codec_;
  ParameterSets sets_;
};

}  // namespace studio
