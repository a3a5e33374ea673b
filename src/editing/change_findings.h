// Effects, insets and transitions of the plan, looked for in the file. Internal to editing/.
#pragma once

#include <span>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "editing/brief.h"
#include "editing/constraints.h"
#include "editing/repair.h"
#include "timeline/plan.h"

namespace studio {

// Only of kinds that the brief wishes for: each costs a look at the file. Empty without such wishes.
// Errors: those of look_for_changes().
Result<std::vector<ChangeFinding>> find_changes(const Path& file, const EditPlan& plan, const Brief& brief,
                                                std::span<const Piece> pieces, double duration_s,
                                                std::span<const EditSource> sources, const Job& job);

}  // namespace studio
