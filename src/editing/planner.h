// From a goal and what was measured to an edit plan: by the model's small decisions, or by rules.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/evidence.h"
#include "llm/chat.h"
#include "timeline/plan.h"

namespace studio {

// automatic: the model if it is there and answers, else rules (said in `notes`).
// model: an absent model is missing_part (exit 3), a failing one engine_failed (exit 1).
enum class PlannerMode { automatic, model, rules };
std::optional<PlannerMode> planner_mode_from(std::string_view name);  // "auto", "model", "rules"

struct PlannerOptions {
  PlannerMode mode = PlannerMode::automatic;
  std::uint64_t seed = 0;
  std::string style;       // --style; overrides what the goal says; "" none
  double intensity = 0.6;  // of a style, 0..1
  double patience_s = 60;  // the model's questions together; later ones are left out
};

struct PlannedEdit {
  EditPlan plan;      // repaired, fits the brief, compiles
  EditPlan proposed;  // as composed from the model's answers alone, before any repair
  Brief brief;
  std::vector<Unmet> unmet;
  std::vector<std::string> notes;  // for stderr: "planned by rules: the model is missing (...)"
  double model_seconds = 0;
};

// The brief alone: read by code, soft fields by the model when there is one.
Result<Brief> understand_goal(std::string_view goal, std::span<const EditSource> sources, ChatModel* model,
                              const PlannerOptions& options = {}, const Job& job = {});

// `model` may be null: then automatic plans by rules and model fails with missing_part.
Result<PlannedEdit> create_edit_plan(std::string_view goal, std::span<const EditSource> sources,
                                     ChatModel* model, const PlannerOptions& options = {},
                                     const Job& job = {});
// With the brief made before (improve, parody).
Result<PlannedEdit> create_edit_plan(Brief brief, std::span<const EditSource> sources, ChatModel* model,
                                     const PlannerOptions& options = {}, const Job& job = {});

}  // namespace studio
