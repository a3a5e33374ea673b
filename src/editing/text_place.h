// Where a title stands when the goal does not say: off the subject of the shots under it.
// Internal to editing/.
#pragma once

#include <span>
#include <string>

#include "editing/evidence.h"
#include "timeline/plan.h"

namespace studio {

// "top", "bottom", or "center" when other texts of the plan hold both, for [at_s, at_s + duration_s) of the
// output. The freer third by the shots' subject boxes; as free as each other: the lower, where names and
// titles of films without a place of their own stand.
std::string freer_third(const EditPlan& plan, std::span<const EditSource> sources, double at_s,
                        double duration_s);

}  // namespace studio
