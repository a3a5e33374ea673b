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

// A small model is cut off by its token limit: what is shown ends where a sentence or at least a word does.
std::string whole_sentences(std::string text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
  if (text.empty() || text.find_last_of(".!?") == text.size() - 1) return text;
  if (const auto end = text.find_last_of(".!?");
      end != std::string::npos && end > 0 && end + 1 < text.size() && text[end + 1] == ' ')
    return text.substr(0, end + 1);
  if (text.size() < 180) return text;  // short of the schema's limit: it ended by itself, without a full stop
  if (const auto word = text.rfind(' '); word != std::string::npos) text.resize(word);
  text.append(" ...");
  return text;
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
  // Nor is harshness free: where wishes were measured, a verdict may differ from them by one step only.
  const bool measured =
      std::ranges::any_of(so_far.constraints, [](const ConstraintCheck& c) { return c.met.has_value(); });
  const double floor = measured ? std::max(0.0, by_rules(so_far) - 0.25) : 0;
  judgement.score.value = std::clamp(opinion, floor, bound);
  judgement.score.evidence = fmt::format("{} says \"{}\": {}", judgement.judge, verdict,
                                         whole_sentences(answer->value("reason", "")));
  if (opinion > bound || opinion < floor)
    judgement.score.evidence +=
        fmt::format(" (bounded by the measurements to {:.2f})", judgement.score.value);
  return judgement;
}

}  // namespace studio
