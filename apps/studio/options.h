// Groups of options that several commands share: the model, the encoder, the loop.
#pragma once

#include <memory>
#include <string>

#include "editing/planner.h"
#include "llm/chat.h"
#include "render/render.h"

namespace CLI {
class App;
}

namespace studio::cli {

struct ModelChoice {
  std::string planner = "auto";
  ChatModelOptions chat;
};

void add_model_options(CLI::App& command, ModelChoice& choice);
PlannerMode planner_mode(const ModelChoice& choice);
// Null when the planner is "rules", and for "auto" without a usable model (which is said on stderr);
// for "model" an absent one is the error. `task` is what the rules then do: "planning", "judging".
Result<std::unique_ptr<ChatModel>> open_model(const ModelChoice& choice, std::string_view task = "planning");

struct EncodeChoice {
  std::string quality = "standard", codec = "auto", encoder;
  bool hardware = false, no_smart_cut = false;
  double loudness = 0;  // LUFS; 0: not asked
  int threads = 0;
};

void add_encode_options(CLI::App& command, EncodeChoice& choice);
RenderSettings render_settings(const EncodeChoice& choice);

}  // namespace studio::cli
