// Judges a rendered file by measuring it: technical and creative scores, constraints, issues at frames.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "base/files.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "editing/brief.h"
#include "editing/evidence.h"
#include "timeline/plan.h"

namespace studio {

class ChatModel;

// One judged quality. `value` is 0..1; a score that does not apply to this file (loudness of a
// silent film) is left out rather than invented.
struct QualityScore {
  std::string name;  // "length", "integrity", "pacing", ...
  double value = 0;
  double weight = 0;     // as used; the weights of one evaluation sum to 1
  std::string evidence;  // what was measured, in one sentence with numbers
};

// One wish of the goal, or of the plan, against the file. `met` is empty when this file cannot show it
// (an order wish without the sources): that is said in `measured`, and it does not count as met or unmet.
struct ConstraintCheck {
  std::string kind;  // as Constraint::kind of editing/brief.h: "duration", "text", "order", "keep", ...
  std::string wanted, measured;
  std::optional<bool> met;
  bool explicit_wish = true;  // stands in the goal; an unmet one keeps the whole score below the threshold
  std::string suggestion;
};

// kind: dropped_audio, black, freeze, flicker, length, missing_title, order, clipping, desync, dark,
// stutter, speed, duplicate, jump, silence, loudness, blur, overexposed, missing_shot, noise, ...
// Frames are those of the judged file; sound is given in frames, too.
struct EvaluationIssue {
  Issue issue;
  double penalty = 0;    // what it took from the score, 0..1
  std::string decision;  // id of the plan's decision it belongs to, when known
};

struct Evaluation {
  std::string file, sha256;
  double duration_s = 0;
  std::int64_t frames = 0;
  double frame_rate = 0;  // mean frames per second
  int width = 0, height = 0;
  bool has_audio = false;

  double score = 0, threshold = 0.8;
  bool passed = false;
  std::vector<QualityScore> technical, creative;
  std::vector<ConstraintCheck> constraints;
  std::vector<EvaluationIssue> issues;
  std::string judge;               // who judged the goal: a model id, or "rules" (no model was asked)
  std::string compared_with;       // "plan", "sources" or "nothing": what the file was held against
  std::vector<std::string> notes;  // what could not be measured, and why
  double seconds = 0;              // wall time
};

struct EvaluationRequest {
  Path file;                            // any media file, also one made elsewhere
  const EditPlan* plan = nullptr;       // borrowed
  std::string goal;                     // empty: the plan's
  const Brief* brief = nullptr;         // borrowed; null: the plan's, else read from the goal by code
  std::span<const EditSource> sources;  // empty: watch_sources(plan), or none without a plan
};

struct EvaluationOptions {
  double threshold = -1;       // 0..1; negative: that of configs/evaluation.yaml
  ChatModel* model = nullptr;  // judges goal achievement (weight at most 0.2); null: rules do, and are named
  bool use_cache = true;       // of analyses and fingerprints
  Path weights;                // another evaluation.yaml; empty: the shipped one
  const Analysis* analysis = nullptr;  // of the file, when it is there already
};

// Errors: not_found, invalid_input (the file has no picture, a broken weights file), limit_exceeded,
// interrupted. A model that fails is noted in `notes`, and the rules judge instead.
Result<Evaluation> evaluate_edit_quality(const EvaluationRequest& request,
                                         const EvaluationOptions& options = {}, const Job& job = {});

// "studio.evaluation/1"
Json to_json(const Evaluation& evaluation);
Result<Evaluation> evaluation_from_json(const Json& json, std::string_view origin);
Result<Evaluation> read_evaluation(const Path& path);

// A few lines for a terminal: score, worst issues, unmet wishes.
std::string summary_of(const Evaluation& evaluation);

}  // namespace studio
