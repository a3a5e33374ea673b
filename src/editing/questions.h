// The small questions a language model answers for a plan, each under a schema made from this clip.
// Internal to editing/.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "editing/brief.h"
#include "editing/evidence.h"
#include "llm/chat.h"

namespace studio {

struct PickedShot {
  std::string id;   // of the evidence table
  std::string why;  // action, beauty, sound, calm, contrast
};

struct ModelAnswers {
  Pace pace = Pace::automatic;
  std::string mood;                    // one of kMoods
  std::vector<PickedShot> picks;       // best first
  std::string order;                   // chronological, build_up, "" not asked
  std::string effect, effect_shot;     // "", or an effect and the shot it is for
  std::vector<std::string> described;  // shots that may show what the goal describes
};

struct QuestionOptions {
  std::uint64_t seed = 0;
  double patience_s = 60;  // all questions together
  bool soft_only = false;  // the brief's soft fields, nothing about shots
};

// Every question begins with the same words (instructions, table, goal), so that the engine reads
// them once. Errors: those of chat(); engine_failed when no valid answer came.
Result<ModelAnswers> ask_model(ChatModel& model, const Brief& brief, std::span<const EditSource> sources,
                               const QuestionOptions& options, const Job& job);

}  // namespace studio
