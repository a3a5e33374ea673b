// Whether the goal is reached: asked of the model with the measurements before it, or answered by the rules.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "editing/quality_scores.h"
#include "llm/chat.h"

namespace studio {
namespace {

// What was measured, in lines that a small model can read.
std::string evidence_for(const Evaluation& e) {
  std::string text = fmt::format("length {:.1f} s, {} x {}, {}\n", e.duration_s, e.width, e.height,
                                 e.has_audio ? "with sound" : "no sound");
  for (const auto* scores : {&e.technical, &e.creative})
    for (const QualityScore& s : *scores) text += fmt::format("{} {:.2f}: {}\n", s.name, s.value, s.evidence);
  for (const ConstraintCheck& c : e.constraints)
    text += fmt::format("wish {} ({}): {} - {}\n", c.kind, c.wanted, c.measured,
                        !c.met   ? "unknown"
                        : *c.met ? "met"
                                 : "NOT met");
  std::size_t shown = 0;
  for (const EvaluationIssue& i : e.issues) {
    if (i.issue.severity < 0.3 || ++shown > 8) continue;
    text += fmt::format("damage {} at frames {}-{}: {}\n", i.issue.kind, i.issue.first_frame,
                        i.issue.last_frame, i.issue.message);
  }
  return text;
}

// What can be said without an opinion: wishes met, damage absent.
double by_rules(const Evaluation& e) {
  double judged = 0, met = 0, worst = 0;
  for (const ConstraintCheck& c : e.constraints)
    if (c.met) ++judged, met += *c.met;
  for (const EvaluationIssue& i : e.issues) worst = std::max(worst, i.penalty);
  return std::clamp((judged > 0 ? met / judged : 0.9) - worst, 0.0, 1.0);
}

// Small models are glad to answer 0.9 to anything, so the answer is one of five words, and wishes are
// listed before it is given.
const Json& answer_schema() {
  static const Json schema = Json::parse(R"({
    "type": "object", "additionalProperties": false, "required": ["reason", "verdict"],
    "properties": {
      "reason": {"type": "string", "maxLength": 200},
      "verdict": {"enum": ["missed", "poor", "partly", "mostly", "fully"]}
    }})");
  return schema;
}

double value_of(const std::string& verdict) {
  if (verdict == "missed") return 0;
  if (verdict == "poor") return 0.25;
  if (verdict == "partly") return 0.5;
  if (verdict == "mostly") return 0.8;
  return 1;
}

}  // namespace

GoalJudgement judge_goal(const std::string& goal, const Evaluation& so_far, ChatModel* model,
                         const Job& job) {
  GoalJudgement judgement;
  judgement.judge = "rules";
  judgement.score = {"goal", by_rules(so_far), 0, "by rules: wishes met, less the worst damage"};
  if (goal.empty()) {
    judgement.score.value = -1;
    return judgement;
  }
  if (!model) return judgement;

  ChatRequest request;
  request.messages = {
      {"system",
       "You judge a finished video edit by its measurements. Wishes that are NOT met and damage lower "
       "the verdict. Answer in JSON."},
      {"user", fmt::format("Goal: {}\n\nMeasured:\n{}\nIn how far is the goal reached?", goal,
                           evidence_for(so_far))}};
  request.max_tokens = 120;
  request.stop = job.stop;
  auto answer = ask_structured(*model, request, answer_schema(), 2);
  if (!answer) {
    judgement.notes.push_back("the model did not judge the goal (" + answer.error().message + "): rules did");
    return judgement;
  }
  const std::string verdict = answer->value("verdict", "");
  judgement.judge = model->identity().id;
  // Kindness is bounded by what was measured: a model may not call an edit with unmet wishes a full success.
  const double opinion = value_of(verdict), bound = std::min(1.0, by_rules(so_far) + 0.25);
  judgement.score.value = std::min(opinion, bound);
  judgement.score.evidence =
      fmt::format("{} says \"{}\": {}", judgement.judge, verdict, answer->value("reason", ""));
  if (opinion > bound)
    judgement.score.evidence += fmt::format(" (bounded by the measurements to {:.2f})", bound);
  return judgement;
}

}  // namespace studio
