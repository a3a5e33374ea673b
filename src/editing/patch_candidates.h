// Steps that might make a plan better, and what each is expected to gain. Internal to editing/.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/evidence.h"
#include "editing/improve.h"

namespace studio {

// One thing that could be done: the steps belong together.
struct PatchCandidate {
  std::string id;    // "extend_short_cuts", ...
  std::string what;  // for the model and the report
  double gain = 0;   // of the score, as the rules expect
  std::vector<PatchStep> steps;
  Json brief = nullptr;  // wishes to change with it
};

// From what the evaluation found wrong, best first.
std::vector<PatchCandidate> candidates_from(const EditPlan& plan, const Evaluation& evaluation,
                                            std::span<const EditSource> sources,
                                            std::vector<std::string>& notes);

// From a person's words. A candidate per thing that was understood; notes for what was not.
std::vector<PatchCandidate> candidates_from_note(const EditPlan& plan, const std::string& note,
                                                 std::span<const EditSource> sources, ChatModel* model,
                                                 std::uint64_t seed, std::vector<std::string>& notes);

// An id that neither the plan nor the steps have yet.
std::string new_decision_id(const EditPlan& plan, const std::vector<PatchStep>& steps,
                            std::string_view prefix);

// The steps that lead from one plan to another: decisions matched by id, else by what they say.
std::vector<PatchStep> steps_between(const EditPlan& from, const EditPlan& to, const std::string& reason,
                                     const std::string& origin);

Brief brief_of(const EditPlan& plan, std::span<const EditSource> sources);

}  // namespace studio
