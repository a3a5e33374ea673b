// Technical and creative scores of a file, each from something measured.
#pragma once

#include <vector>

#include "editing/brief.h"
#include "editing/constraints.h"
#include "editing/evaluate.h"

namespace studio {

// Without weights (0); those that do not apply to the file are left out.
std::vector<QualityScore> technical_scores(const Measured& measured, const Brief& brief,
                                           const std::vector<Issue>& damage,
                                           const std::vector<ConstraintCheck>& constraints);
// All but `goal`.
std::vector<QualityScore> creative_scores(const Measured& measured,
                                          const std::vector<ConstraintCheck>& constraints);

// Is the goal reached? By the model under a schema with the evidence before it, or by the rules.
struct GoalJudgement {
  QualityScore score;
  std::string judge;  // a model id, or "rules"
  std::vector<std::string> notes;
};
GoalJudgement judge_goal(const std::string& goal, const Evaluation& so_far, ChatModel* model, const Job& job);

}  // namespace studio
