// Encodes the few frames at a cut so that they fit into somebody else's stream.
#pragma once

#include <cstdint>
#include <vector>

#include <optional>

#include "media/frame.h"
#include "render/backends/packet_files.h"
#include "render/nal_units.h"

namespace studio {

// One coded picture, in the form that mp4 and Matroska hold: H.264 and HEVC as units with 4-byte
// lengths, other codecs with their headers before each key frame.
struct CodedPicture {
  Bytes data;
  std::int64_t frame = 0;  // where it is shown
  bool key = false;
};

// H.264 and HEVC, whose streams are made of NAL units; nothing for other codecs.
std::optional<NalCodec> nal_codec_of(AVCodecID codec);
// Whether frames at a cut can be encoded for a stream of this codec.
bool can_encode_edges(AVCodecID codec);

struct EdgeFormat {
  const AVCodecParameters* like = nullptr;  // size, pixel format, profile, colours
  Rational frame_rate;
  int reorder = 0;  // frames that pictures of the source are reordered by: not to be exceeded
  int sps_id = 0;   // H.264: an id that the source does not use
};

class EdgeEncoder {
 public:
  // Errors: unsupported (no encoder for like->codec_id, a format that it does not take).
  static Result<EdgeEncoder> create(const EdgeFormat& format);

  // `frame` is the number by which the coded picture is known. Coded pictures come later, in
  // decoding order; the first one is an IDR.
  Result<std::vector<CodedPicture>> add(const Frame& picture, std::int64_t frame);
  Result<std::vector<CodedPicture>> finish();

  const ParameterSets& parameter_sets() const { return sets_; }
  const char* name() const { return context_->codec->name; }

 private:
  EdgeEncoder(ffmpeg::Owned<AVCodecContext> context, std::optional<NalCodec> nal, ParameterSets sets)
      : context_(std::move(context)), nal_(nal), sets_(std::move(sets)) {}
  Result<std::vector<CodedPicture>> drain();
  ffmpeg::Owned<AVCodecContext> context_;
  std::optional<NalCodec> nal_;
  ParameterSets sets_;
};

}  // namespace studio
