// From a plan to a timeline: every decision becomes clips, effects, transitions and sounds.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "editing/evidence.h"
#include "editing/repair.h"
#include "render/render.h"
#include "timeline/plan.h"
#include "timeline/timeline.h"

namespace studio {

struct CompileOptions {
  int max_height = 0;  // draft previews: scale the output down to this height; 0 as planned
};

struct CompiledEdit {
  Timeline timeline;          // validate()d
  RenderSettings settings;    // with what the plan asks for (loudness); quality is the caller's
  std::vector<Piece> pieces;  // where each piece of film lies in the output
  std::vector<std::string> warnings;
};

// Params beyond plan.h: a composite {layout: "frame", aspect?: "9:16", width?, height?, fps?,
// reframe?: subject|center|fit|blur} sets the output picture; audio {action: normalize, lufs}.
// Errors: invalid_input for a plan that check_plan() would refuse.
Result<CompiledEdit> compile_plan(const EditPlan& plan, std::span<const EditSource> sources,
                                  const CompileOptions& options = {});

}  // namespace studio
