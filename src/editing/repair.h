// Is this plan renderable from these sources, and how to make it so: checks, repairs, length fitting.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/evidence.h"
#include "timeline/plan.h"

namespace studio {

struct PlanProblem {
  std::string decision;  // id; empty: the plan as a whole
  std::string what;      // "start_s 95 lies after the end of s1 (30.0 s)"
  std::string hint;
};

// Every reason why the plan could not be rendered as it stands; empty when it can.
std::vector<PlanProblem> problems_of(const EditPlan& plan, std::span<const EditSource> sources);
// For plans that people wrote or kept: the first problems as one invalid_input error.
Result<void> check_plan(const EditPlan& plan, std::span<const EditSource> sources);

struct RepairedPlan {
  EditPlan plan;             // plan.repairs has one entry for each change
  std::vector<Unmet> unmet;  // what no repair can give (90 s from 30 s of film)
};

// Makes any plan renderable and as close to the brief as the sources allow: unknown effects and
// ids out, times into the clip, no film used twice unless asked, pieces no shorter than they can be
// seen, cuts off shot boundaries and onto beats, the brief's explicit wishes in, length exact.
// Locked decisions are never changed. Errors: invalid_input when locked decisions cannot be rendered.
Result<RepairedPlan> repair_plan(EditPlan plan, const Brief& brief, std::span<const EditSource> sources);

// One played piece, in playing order: what a cut became.
struct Piece {
  std::string decision;  // cut id
  std::string source, shot;
  double start_s = 0, end_s = 0;  // source seconds
  double output_start_s = 0, output_end_s = 0;
  double factor = 1;  // mean speed
  bool reverse = false, freeze = false;
};

// Playing order and output times of the plan's pieces, through speed decisions and freezes.
std::vector<Piece> pieces_of(const EditPlan& plan, std::span<const EditSource> sources);
double output_length_s(const EditPlan& plan, std::span<const EditSource> sources);

}  // namespace studio
