// Chooses among the possible steps, applies a patch, writes it as JSON.
#include "editing/improve.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "editing/patch_candidates.h"
#include "editing/plan_cuts.h"
#include "llm/chat.h"

namespace studio {
namespace {

const Decision* find(const EditPlan& plan, const std::string& id) {
  for (const Decision& d : plan.decisions)
    if (d.id == id) return &d;
  return nullptr;
}

// The model picks among what the rules think possible: it never invents a step. Its choice comes first,
// the rules' order decides about the rest.
void let_model_choose(std::vector<PatchCandidate>& candidates, const EditPlan& plan, const Evaluation& e,
                      ChatModel& model, const Job& job, std::vector<std::string>& notes, bool& chosen) {
  if (candidates.size() < 2) return;
  Json ids = Json::array();
  std::string list;
  for (const PatchCandidate& c : candidates) {
    ids.push_back(c.id);
    list += fmt::format("- {}: {} (expected gain {:.2f})\n", c.id, c.what, c.gain);
  }
  Json schema = {
      {"type", "object"},
      {"additionalProperties", false},
      {"required", {"reason", "first"}},
      {"properties", {{"reason", {{"type", "string"}, {"maxLength", 160}}}, {"first", {{"enum", ids}}}}}};
  std::string problems;
  for (const EvaluationIssue& i : e.issues)
    if (i.penalty > 0.03)
      problems +=
          fmt::format("- {} at frames {}-{}\n", i.issue.kind, i.issue.first_frame, i.issue.last_frame);
  for (const ConstraintCheck& c : e.constraints)
    if (c.met && !*c.met)
      problems += fmt::format("- wish not met: {} ({}), measured {}\n", c.kind, c.wanted, c.measured);
  ChatRequest request;
  request.messages = {
      {"system",
       "You are a film editor who improves a cut. Choose the change that helps most. Answer in JSON."},
      {"user", fmt::format("Goal: {}\nScore {:.2f}.\nProblems:\n{}\nPossible changes:\n{}", plan.goal,
                           e.score, problems, list)}};
  request.max_tokens = 100;
  request.stop = job.stop;
  auto answer = ask_structured(model, request, schema, 2);
  if (!answer) {
    notes.push_back("the model chose no step (" + answer.error().message + "): the rules' order is taken");
    return;
  }
  const std::string first = answer->value("first", "");
  // An unmet explicit wish outweighs taste.
  if (candidates.front().gain >= 0.25) return;
  const auto it = std::find_if(candidates.begin(), candidates.end(),
                               [&](const PatchCandidate& c) { return c.id == first; });
  if (it == candidates.end()) return;
  for (PatchStep& step : it->steps) {
    step.origin = "model";
    step.reason += " (chosen by the model: " + answer->value("reason", "") + ")";
  }
  std::rotate(candidates.begin(), it, it + 1);
  chosen = true;
}

void refuse(PlanPatch& patch, const PatchStep& step, std::string why) {
  for (const RefusedStep& refused : patch.refused)
    if (refused.step.action == step.action && refused.step.target == step.target) return;
  patch.refused.push_back({step, std::move(why)});
}

void take(PlanPatch& patch, const EditPlan& plan, PatchCandidate& candidate, std::set<std::string>& touched) {
  for (PatchStep& step : candidate.steps) {
    const Decision* target = find(plan, step.target);
    if (step.action != PatchAction::add) {
      if (!target) {
        refuse(patch, step, fmt::format("there is no decision {}", step.target));
        continue;
      }
      if (target->locked) {
        refuse(patch, step, fmt::format("decision {} is locked", step.target));
        continue;
      }
      // Two candidates that touch one decision would undo each other.
      if (!touched.insert(step.target).second) continue;
    }
    patch.steps.push_back(std::move(step));
  }
  if (!candidate.brief.is_null()) patch.brief = candidate.brief;
}

std::vector<std::string> played_order(const EditPlan& plan) {
  std::vector<std::string> ids;
  for (const CutView& cut : cuts_in_order(plan)) ids.push_back(cut.id);
  return ids;
}

// Steps add behind a decision and keep ids: another order of those that stay is said by a decision of its
// own.
PatchStep reordering(const EditPlan& now, const EditPlan& wanted, const std::string& origin) {
  PatchStep step;
  step.reason = "the pieces change places";
  step.origin = origin;
  step.params = {{"order", played_order(wanted)}};
  for (const Decision& d : now.decisions)
    if (d.type == DecisionType::concatenate && !d.locked) step.target = d.id;
  if (!step.target.empty()) return step;
  step.action = PatchAction::add;
  step.decision.id = new_decision_id(now, {}, "order");
  step.decision.type = DecisionType::concatenate;
  step.decision.params = step.params;
  step.decision.reason = step.reason;
  step.decision.origin = origin;
  return step;
}

const std::string& acts_on(const PatchStep& step) {
  return step.action == PatchAction::add ? step.decision.id : step.target;
}

void give_reasons(std::vector<PatchStep>& steps, const std::vector<PatchStep>& asked,
                  const std::vector<Repair>& repairs) {
  for (PatchStep& step : steps) {
    for (const PatchStep& other : asked)
      if (acts_on(other) == acts_on(step)) step.reason = other.reason, step.origin = other.origin;
    if (!step.reason.empty()) continue;
    step.origin = "code";
    for (const Repair& repair : repairs)
      if (repair.decision == acts_on(step)) step.reason = repair.what + ": " + repair.why;
    if (step.reason.empty()) step.reason = step.decision.reason;
    if (step.reason.empty()) step.reason = "follows from the other changes";
  }
}

// What the steps and the repairs after them make of the plan, told as steps: then what is printed is what
// is done, also where one change brings another with it (a shorter film has fewer titles).
Result<void> tell_exactly(PlanPatch& patch, const EditPlan& plan, std::span<const EditSource> sources) {
  if (patch.empty()) return {};
  TRY_ASSIGN(RepairedPlan made, apply_patch(plan, patch, sources));
  std::vector<PatchStep> steps = steps_between(plan, made.plan, {}, patch.origin);
  give_reasons(steps, patch.steps, made.plan.repairs);
  patch.steps = std::move(steps);
  patch.exact = true;
  patch.repairs = std::move(made.plan.repairs);
  patch.unmet = std::move(made.unmet);
  TRY_ASSIGN(const RepairedPlan again, apply_patch(plan, patch, sources));
  if (played_order(again.plan) != played_order(made.plan))
    patch.steps.push_back(reordering(again.plan, made.plan, patch.origin));
  if (patch.steps.empty() && patch.refused.empty() &&
      std::any_of(plan.decisions.begin(), plan.decisions.end(), [](const Decision& d) { return d.locked; }))
    patch.notes.push_back("nothing changes: what this is about is locked, or is so already");
  return {};
}

}  // namespace

std::string_view name_of(PatchAction action) {
  switch (action) {
    case PatchAction::add: return "add";
    case PatchAction::remove: return "remove";
    case PatchAction::replace: return "replace";
    case PatchAction::alter: return "alter";
  }
  return "alter";
}

Result<PlanPatch> suggest_improvements(const EditPlan& plan, const Evaluation& evaluation,
                                       std::span<const EditSource> sources, const ImproveOptions& options,
                                       const Job& job) {
  if (job.cancelled()) return fail(ErrorKind::interrupted, "improve the plan: stopped");
  PlanPatch patch;
  patch.origin = options.note.empty() ? "rules" : "person";
  std::set<std::string> touched;
  if (!options.note.empty()) {
    for (PatchCandidate& c :
         candidates_from_note(plan, options.note, sources, options.model, options.seed, patch.notes))
      take(patch, plan, c, touched);
    if (!patch.empty()) patch.goal = plan.goal.empty() ? options.note : plan.goal + "; " + options.note;
    TRY(tell_exactly(patch, plan, sources));
    return patch;
  }
  auto candidates = candidates_from(plan, evaluation, sources, patch.notes);
  bool chosen = false;
  if (options.model) let_model_choose(candidates, plan, evaluation, *options.model, job, patch.notes, chosen);
  if (job.cancelled()) return fail(ErrorKind::interrupted, "improve the plan: stopped");
  if (chosen) patch.origin = "model";
  for (PatchCandidate& c : candidates) {
    if (!patch.steps.empty() && static_cast<int>(patch.steps.size() + c.steps.size()) > options.max_steps)
      continue;
    take(patch, plan, c, touched);
  }
  TRY(tell_exactly(patch, plan, sources));
  return patch;
}

Result<RepairedPlan> apply_patch(const EditPlan& plan, const PlanPatch& patch,
                                 std::span<const EditSource> sources) {
  EditPlan patched = plan;
  patched.repairs.clear();
  if (!patch.goal.empty()) patched.goal = patch.goal;
  if (!patch.brief.is_null()) patched.brief = patch.brief;
  auto& decisions = patched.decisions;
  for (const PatchStep& step : patch.steps) {
    const auto at = std::find_if(decisions.begin(), decisions.end(),
                                 [&](const Decision& d) { return d.id == step.target; });
    if (step.action == PatchAction::add) {
      decisions.insert(at == decisions.end() ? at : at + 1, step.decision);
      continue;
    }
    if (at == decisions.end() || at->locked) continue;  // suggest_improvements() said so already
    if (step.action == PatchAction::remove) {
      const std::string id = at->id;
      decisions.erase(at);
      if (patch.exact) continue;  // its steps say what goes with it
      // What was said about a piece that is gone goes with it, unless it is locked: then repair decides.
      std::erase_if(decisions, [&](const Decision& d) {
        const auto refers = [&](const char* key) {
          const auto it = d.params.find(key);
          return it != d.params.end() && it->is_string() && *it == id;
        };
        return !d.locked && (refers("target") || refers("after"));
      });
    } else if (step.action == PatchAction::replace) {
      const std::string id = at->id;
      *at = step.decision;
      at->id = id;
    } else {
      for (const auto& [key, value] : step.params.items()) {
        if (value.is_null())
          at->params.erase(key);
        else
          at->params[key] = value;
      }
      at->reason += (at->reason.empty() ? "" : "; ") + step.reason;
      if (!step.origin.empty() && at->origin != step.origin) at->origin = step.origin;
    }
  }
  if (patch.origin != "rules" && !patch.steps.empty() && patched.origin != patch.origin &&
      patched.origin != "rules")
    patched.origin = "mixed";
  if (patch.exact) {
    TRY(check_plan(patched, sources));
    patched.repairs = patch.repairs;
    return RepairedPlan{std::move(patched), patch.unmet};
  }
  const Brief brief = brief_of(patched, sources);
  TRY_ASSIGN(RepairedPlan repaired, repair_plan(std::move(patched), brief, sources));
  return repaired;
}

Json to_json(const PlanPatch& patch) {
  const auto step_json = [](const PatchStep& step) {
    Json json;
    json["action"] = name_of(step.action);
    if (!step.target.empty()) json["target"] = step.target;
    if (step.action == PatchAction::add || step.action == PatchAction::replace)
      json["decision"] = {
          {"id", step.decision.id}, {"type", name_of(step.decision.type)}, {"params", step.decision.params}};
    if (step.action == PatchAction::alter) json["params"] = step.params;
    json["reason"] = step.reason;
    json["origin"] = step.origin;
    return json;
  };
  Json json;
  json["origin"] = patch.origin;
  if (!patch.goal.empty()) json["goal"] = patch.goal;
  json["steps"] = Json::array();
  for (const PatchStep& step : patch.steps) json["steps"].push_back(step_json(step));
  json["refused"] = Json::array();
  for (const RefusedStep& refused : patch.refused) {
    Json item = step_json(refused.step);
    item["why"] = refused.why;
    json["refused"].push_back(std::move(item));
  }
  json["notes"] = patch.notes;
  return json;
}

}  // namespace studio
