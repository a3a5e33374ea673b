// Opened files whose packets are copied: inputs as they lie, outputs by their extension.
#pragma once

#include "base/files.h"
#include "media/backends/ffmpeg.h"

namespace studio::ffmpeg {

// A local file for reading, its streams looked at. Names are never taken as URLs.
Result<Owned<AVFormatContext>> open_input(const Path& file);
// A muxer by the file's extension, writing to it.
Result<Muxer> open_output(const Path& file);
// Writes the trailer and what is buffered: a full disk shows here at the latest.
Result<void> finish(AVFormatContext& muxer);

}  // namespace studio::ffmpeg
