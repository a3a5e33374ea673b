// Decisions of a plan from settled film and the explicit wishes of a brief. Internal to editing/.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/choose.h"
#include "editing/evidence.h"
#include "timeline/plan.h"

namespace studio {

// The plan's cuts and speeds as work pieces, and back. write_cuts replaces all unlocked cut, speed
// and concatenate decisions; ids, reasons and evidence of cuts that are still there are kept.
std::vector<WorkCut> work_cuts(const EditPlan& plan);
void write_cuts(EditPlan& plan, const std::vector<WorkCut>& cuts, std::span<const EditSource> sources);

// Adds what the brief asks for beside the film: texts, effects, transitions, sound, picture size,
// composites. What the plan already has for a wish is kept and brought in place.
// Each addition is described in `notes`.
void apply_wishes(EditPlan& plan, const Brief& brief, std::span<const EditSource> sources,
                  std::vector<std::string>& notes);

// Output times where a momentary effect (zoom punch, shake, flash) tells most: motion peaks of the
// pieces, strongest first.
std::vector<double> telling_moments(const EditPlan& plan, std::span<const EditSource> sources,
                                    std::size_t most);

}  // namespace studio
