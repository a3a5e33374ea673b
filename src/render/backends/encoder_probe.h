// Which encoders this FFmpeg has, and whether they really open on this machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace studio {

using EncoderOptions = std::vector<std::pair<std::string, std::string>>;

struct EncoderTraits {
  bool exists = false;
  std::string codec;  // "h264", "hevc", ...
  std::string description;
  std::vector<std::string> pixel_formats;  // accepted, preferred first; empty: any
};

EncoderTraits encoder_traits(const std::string& encoder);

// Opens the encoder for pictures of this size and closes it again. For hardware this is the only
// truth: the name is compiled in on machines that have no such device.
// Errors: unsupported, with the encoder's own words.
Result<void> try_encoder(const std::string& encoder, const std::string& pixel_format,
                         const EncoderOptions& options, const std::string& hardware_device, int width,
                         int height, Rational frame_rate);

// Whether the muxer takes streams of this codec ("mp4", "h264").
bool container_takes(const std::string& container, const std::string& codec);
bool audio_encoder_exists(const std::string& encoder);

}  // namespace studio
