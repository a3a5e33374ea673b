// Cutting and joining without re-encoding: packets are copied, only groups of pictures that a cut
// breaks are encoded again, in a stream that any player decodes as one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "render/render.h"
#include "timeline/timeline.h"

namespace studio {

// Whether a timeline can be cut this way; when not, `reason` says what stands in the way
// ("clip c2 has the effect vignette", "the source's groups of pictures are open").
struct SmartCutVerdict {
  bool possible = false;
  std::string reason;
};

// Looks at the timeline and settings and probes the sources; decodes nothing.
SmartCutVerdict can_smart_cut(const Timeline& timeline, const RenderSettings& settings, const Path& output);

// Renders it so. The result's reencoded_frames counts the frames that were encoded again.
// Errors: unsupported (found impossible on the way: nothing was written; render in full instead),
// and those of render().
Result<RenderedFile> smart_cut(const Timeline& timeline, const Path& output, const RenderSettings& settings,
                               const Job& job);

}  // namespace studio
