// Which frames of which files a smart cut takes, in order.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "media/probe.h"
#include "render/render.h"
#include "timeline/timeline.h"

namespace studio {

struct SmartCutPiece {
  std::size_t source = 0;           // in SmartCutPlan::sources
  std::int64_t first = 0, end = 0;  // frames of the source, counted from its first, [first, end)
  std::int64_t output_first = 0;    // where the first one goes
};

struct SmartCutPlan {
  std::vector<MediaFacts> sources;
  std::vector<SmartCutPiece> pieces;
  Rational frame_rate;
  bool sound = false;

  std::int64_t frames() const {
    return pieces.empty() ? 0 : pieces.back().output_first + pieces.back().end - pieces.back().first;
  }
};

// Errors: unsupported, with what stands in the way; those of probe().
Result<SmartCutPlan> plan_smart_cut(const Timeline& timeline, const RenderSettings& settings,
                                    const Path& output);

}  // namespace studio
