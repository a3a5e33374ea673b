// From a plan to a timeline: every decision becomes clips, effects, transitions and sounds.
#pragma once

#include <set>
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
  std::set<std::string> to_watch;  // ids of unwatched sources whose subject a decision follows
  std::set<std::string> watched;   // by compile_from_files(): ids of the sources it had to watch
};

// Params beyond plan.h: a composite {layout: "frame", aspect?: "9:16", width?, height?, fps?,
// reframe?: subject|center|fit|blur} sets the output picture; audio {action: normalize, lufs}.
// Errors: invalid_input for a plan that check_plan() would refuse.
Result<CompiledEdit> compile_plan(const EditPlan& plan, std::span<const EditSource> sources,
                                  const CompileOptions& options = {});

// Compiles a plan straight from its files. A source is watched only when a decision rests on what
// is seen in it (a crop or zoom that follows the subject), or when the plan names shots of a file
// whose hash it does not hold; everything else needs the frames' times alone.
// Errors: those of unwatched_source(), watch_sources() and compile_plan().
Result<CompiledEdit> compile_from_files(const EditPlan& plan, const CompileOptions& options = {},
                                        const AnalysisOptions& watching = {}, const Job& job = {});

}  // namespace studio
