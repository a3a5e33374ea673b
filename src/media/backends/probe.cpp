// probe(): the facts of a header.
#include "media/probe.h"

#include "media/backends/demuxer.h"

namespace studio {

Result<MediaFacts> probe(const Path& path) {
  TRY_ASSIGN(const auto demuxer, ffmpeg::Demuxer::open(path));
  return demuxer.facts();
}

}  // namespace studio
