// The shared option groups of the studio program.
#include "options.h"

#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "console.h"

namespace studio::cli {

void add_model_options(CLI::App& command, ModelChoice& choice) {
  command.add_option("--planner", choice.planner, "Who decides: auto (the model, else rules), model, rules")
      ->check(CLI::IsMember({"auto", "model", "rules"}))
      ->capture_default_str();
  command
      .add_option("--model", choice.chat.model, "A model of the catalog, or the name to send to --llm-url")
      ->type_name("ID");
  command.add_option("--model-file", choice.chat.file, "A GGUF file to run")->type_name("FILE");
  command
      .add_option("--llm-url", choice.chat.url,
                  "An OpenAI-compatible endpoint; its key is read from STUDIO_LLM_KEY")
      ->type_name("URL");
}

PlannerMode planner_mode(const ModelChoice& choice) {
  return planner_mode_from(choice.planner).value_or(PlannerMode::automatic);
}

Result<std::unique_ptr<ChatModel>> open_model(const ModelChoice& choice, std::string_view task) {
  if (planner_mode(choice) == PlannerMode::rules) return std::unique_ptr<ChatModel>();
  ChatModelOptions options = choice.chat;
  if (const char* key = std::getenv("STUDIO_LLM_KEY")) options.api_key = key;
  auto model = open_chat_model(options);
  if (model || planner_mode(choice) == PlannerMode::model) return model;
  warn(fmt::format("{} by rules: {}", task, model.error().message));
  if (!model.error().hint.empty()) warn(model.error().hint);
  return std::unique_ptr<ChatModel>();
}

void add_encode_options(CLI::App& command, EncodeChoice& choice) {
  command.add_option("--quality", choice.quality, "draft (fast), standard, high")
      ->check(CLI::IsMember({"draft", "standard", "high"}))
      ->capture_default_str();
  command.add_option("--codec", choice.codec, "auto, h264, hevc, av1, vp9, prores")
      ->check(CLI::IsMember({"auto", "h264", "hevc", "av1", "vp9", "prores"}))
      ->capture_default_str();
  command.add_option("--encoder", choice.encoder, "An encoder of 'studio list encoders'; overrides --codec")
      ->type_name("NAME");
  command.add_flag("--hardware", choice.hardware, "Use the graphics card's encoder when there is one");
  command
      .add_option("--loudness", choice.loudness,
                  "Bring the sound to this integrated loudness, in LUFS (for example -14)")
      ->check(CLI::Range(-70.0, -5.0));
  command.add_flag("--no-smart-cut", choice.no_smart_cut,
                   "Encode everything again, even where packets could be copied");
  command.add_option("--threads", choice.threads, "Threads (0: all)")->check(CLI::Range(0, 256));
}

RenderSettings render_settings(const EncodeChoice& choice) {
  static const std::map<std::string, VideoCodec> codecs = {
      {"auto", VideoCodec::automatic}, {"h264", VideoCodec::h264}, {"hevc", VideoCodec::hevc},
      {"av1", VideoCodec::av1},        {"vp9", VideoCodec::vp9},   {"prores", VideoCodec::prores}};
  RenderSettings settings;
  settings.quality = choice.quality == "draft"  ? Quality::draft
                     : choice.quality == "high" ? Quality::high
                                                : Quality::standard;
  settings.codec = codecs.at(choice.codec);
  settings.encoder = choice.encoder;
  settings.hardware = choice.hardware;
  if (choice.loudness != 0) settings.loudness_lufs = choice.loudness;
  settings.smart_cut = !choice.no_smart_cut;
  settings.threads = choice.threads;
  return settings;
}

}  // namespace studio::cli
