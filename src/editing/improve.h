// From an evaluation or a person's note to a typed patch of the plan, and the patch applied.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "editing/evaluate.h"
#include "editing/evidence.h"
#include "editing/repair.h"
#include "timeline/plan.h"

namespace studio {

class ChatModel;

enum class PatchAction { add, remove, replace, alter };

// One step. `target` is the id of the decision it acts on (for add: the decision it goes after,
// empty: at the end). add and replace carry a whole decision; alter carries the params to set
// (null removes one) and keeps the rest.
struct PatchStep {
  PatchAction action = PatchAction::alter;
  std::string target;
  Decision decision;
  Json params;
  std::string reason;  // why, naming the issue or wish that asked for it
  std::string origin;  // "rules", "model", "person"
};

// A step that was not taken: the decision is locked, or is not there.
struct RefusedStep {
  PatchStep step;
  std::string why;
};

struct PlanPatch {
  std::string origin;    // "rules", "model", "person", "mixed"
  std::string goal;      // the goal the patched plan serves; empty: unchanged
  Json brief = nullptr;  // wishes changed by a note, merged into the plan's brief; null: none
  std::vector<PatchStep> steps;
  std::vector<RefusedStep> refused;
  std::vector<std::string> notes;  // issues for which no step is known, and why
  // Set when the steps are all that happens: they hold what repair makes of them, so that applying does no
  // more. Then what repair said stands here.
  bool exact = false;
  std::vector<Repair> repairs;
  std::vector<Unmet> unmet;
  bool empty() const { return steps.empty() && brief.is_null() && goal.empty(); }
};

struct ImproveOptions {
  ChatModel* model = nullptr;  // chooses among the possible steps under a schema; null: the rules' order
  std::string note;            // a person's wish in plain words (English, Italian); empty: issues only
  std::uint64_t seed = 0;
  int max_steps = 6;
};

// What could make the plan better. A note comes before everything else. Never touches locked decisions
// (they appear in `refused`). An empty patch means that nothing is known that would help.
Result<PlanPatch> suggest_improvements(const EditPlan& plan, const Evaluation& evaluation,
                                       std::span<const EditSource> sources,
                                       const ImproveOptions& options = {}, const Job& job = {});

// The patched plan, validated and repaired; the repairs are recorded in it.
// Errors: invalid_input when what is left cannot be rendered.
Result<RepairedPlan> apply_patch(const EditPlan& plan, const PlanPatch& patch,
                                 std::span<const EditSource> sources);

Json to_json(const PlanPatch& patch);
std::string_view name_of(PatchAction action);

}  // namespace studio
