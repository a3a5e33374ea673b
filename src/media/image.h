// Single pictures as files: JPEG and PNG in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace studio {

// `rgb`: packed 8-bit rows without padding, width * height * 3 bytes. Sizes 1..16384.
// `quality` 1 (small) to 100 (best). JFIF, 4:2:0. Errors: wrong_usage (sizes do not fit), engine_failed.
Result<std::string> encode_jpeg(std::span<const std::uint8_t> rgb, int width, int height, int quality = 85);
// Lossless, 8-bit RGB.
Result<std::string> encode_png(std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace studio
