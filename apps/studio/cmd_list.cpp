// studio list: what this build can do on this machine.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "editing/parody.h"
#include "models/catalog.h"
#include "render/render.h"

namespace studio::cli {
namespace {

const std::vector<std::string>& topics() {
  static const std::vector<std::string> names = {"effects",  "transitions", "generators", "styles",
                                                 "encoders", "fonts",       "models"};
  return names;
}

Json parameters_json(const std::vector<EffectParameter>& params) {
  Json list = Json::array();
  for (const EffectParameter& p : params) {
    Json item = {{"name", p.name}, {"description", p.description}};
    if (p.text) {
      item["type"] = "text";
      if (!p.choices.empty()) item["choices"] = p.choices;
    } else {
      item.update({{"type", "number"},
                   {"unit", p.unit},
                   {"minimum", p.minimum},
                   {"maximum", p.maximum},
                   {"default", p.fallback},
                   {"animatable", p.animatable}});
    }
    list.push_back(std::move(item));
  }
  return list;
}

Json effects_json(const std::vector<EffectInfo>& effects) {
  Json list = Json::array();
  for (const EffectInfo& effect : effects)
    list.push_back(
        {{"id", effect.id}, {"description", effect.description}, {"params", parameters_json(effect.params)}});
  return list;
}

std::string range_of(const EffectParameter& p) {
  if (!p.text) return fmt::format("{}..{} {}", p.minimum, p.maximum, p.unit);
  return p.choices.empty() ? "text" : fmt::format("{}", fmt::join(p.choices, "|"));
}

std::string effects_text(const std::vector<EffectInfo>& effects) {
  std::string text;
  for (const EffectInfo& effect : effects) {
    text += fmt::format("  {:<20} {}\n", effect.id, effect.description);
    for (const EffectParameter& p : effect.params)
      text += fmt::format("      {:<16} {} ({})\n", p.name, p.description, range_of(p));
  }
  return text;
}

Json named_json(const std::vector<std::string>& names, std::string& text) {
  for (const std::string& name : names) text += fmt::format("  {}\n", name);
  return names;
}

Result<Json> styles_json(std::string& text) {
  TRY_ASSIGN(const std::vector<StyleInfo> styles, list_styles());
  Json list = Json::array();
  for (const StyleInfo& style : styles) {
    text += fmt::format("  {:<20} {}\n", style.id, style.description);
    list.push_back({{"id", style.id}, {"description", style.description}, {"file", style.file.string()}});
  }
  return list;
}

Json encoders_json(std::string& text) {
  Json list = Json::array();
  for (const EncoderInfo& encoder : encoder_catalog()) {
    text +=
        fmt::format("  {:<20} {:<8} {}{}{}\n", encoder.name, encoder.codec, encoder.description,
                    encoder.hardware ? ", hardware" : "", encoder.available ? "" : " (not on this machine)");
    list.push_back({{"name", encoder.name},
                    {"codec", encoder.codec},
                    {"description", encoder.description},
                    {"hardware", encoder.hardware},
                    {"available", encoder.available}});
  }
  return list;
}

Result<Json> models_json(std::string& text) {
  TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load());
  Json list = Json::array();
  for (const ModelEntry& model : catalog.entries()) {
    const bool present = catalog.present(model);
    text += fmt::format("  {:<28} {:>8}  {:<12} {}\n", model.id,
                        model.total_bytes() > 0 ? human_bytes(model.total_bytes()) : "?", model.licence,
                        present ? "here" : fmt::format("not here: studio models pull {}", model.id));
    list.push_back({{"id", model.id},
                    {"task", model.task},
                    {"bytes", model.total_bytes()},
                    {"licence", model.licence},
                    {"present", present}});
  }
  return list;
}

Result<Json> topic_json(const std::string& topic, std::string& text) {
  if (topic == "styles") return styles_json(text);
  if (topic == "models") return models_json(text);
  if (topic == "encoders") return encoders_json(text);
  if (topic == "fonts") return named_json(font_catalog(), text);
  if (topic == "transitions") return named_json(transition_catalog(), text);
  const auto& effects = topic == "effects" ? effect_catalog() : generator_catalog();
  text += effects_text(effects);
  return effects_json(effects);
}

Result<Outcome> run(const CommonOptions& common, const std::vector<std::string>& wanted) {
  Json document = {{"schema", "studio.list/1"}};
  for (const std::string& topic : wanted.empty() ? topics() : wanted) {
    std::string text = topic + "\n";
    TRY_ASSIGN(document[topic], topic_json(topic, text));
    print(common, text);
  }
  return Outcome::with(std::move(document));
}

}  // namespace

void add_list(CLI::App& program, Chosen& chosen) {
  struct Options {
    CommonOptions common;
    std::vector<std::string> wanted;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("list", "Effects, transitions, generators, styles, encoders, fonts, models");
  command
      ->add_option("topic", options->wanted,
                   "One or more of: effects transitions generators styles encoders fonts models")
      ->check(CLI::IsMember(topics()))
      ->type_name("TOPIC...");
  add_common_options(*command, options->common);
  command->footer("Example: studio list effects");
  command->callback([options, &chosen] {
    chosen.run = [options](std::stop_token) {
      return conclude(options->common, [&] { return run(options->common, options->wanted); });
    };
  });
}

}  // namespace studio::cli
