// A decoded frame seen as the raster that effects draw on.
#pragma once

#include <string>

#include "media/frame.h"
#include "render/raster.h"

namespace studio {

// The frame must be planar YUV (with or without alpha). Writing through the view needs a frame
// that nobody else refers to: see Frame::unshared().
RasterView raster_of(const Frame& frame);

// The pixel format of the working pictures with (or without) an alpha plane: "yuv420p" -> "yuva420p".
std::string with_alpha(const std::string& format, bool alpha);

}  // namespace studio
