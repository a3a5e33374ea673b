// The list of effects, and the checks that every effect's parameters go through.
#include "render/effect_registry.h"

#include "render/generator_registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

namespace studio {
namespace {

std::string name_of(EffectStep step) {
  switch (step) {
    case EffectStep::retime: return "retime";
    case EffectStep::framing: return "framing";
    case EffectStep::placing: return "placing";
    case EffectStep::picture: return "picture";
    case EffectStep::sound: return "sound";
  }
  return {};
}

std::vector<EffectDefinition> all_effects() {
  std::vector<EffectDefinition> all = retime_effects();
  for (auto make :
       {zoom_punch_effect, slow_zoom_effect, shake_effect, flash_effect, black_and_white_effect,
        saturation_effect, brightness_effect, contrast_effect, tint_effect, vignette_effect, blur_effect,
        pixelate_effect, mirror_effect, letterbox_effect, fade_in_effect, fade_out_effect})
    all.push_back(make());
  for (auto group : {framing_effects, placing_effects, sound_effects})
    for (auto& definition : group()) all.push_back(std::move(definition));
  for (EffectDefinition& definition : all) definition.info.step = name_of(definition.step);
  return all;
}

Result<void> check_number(const EffectParameter& parameter, double value, const std::string& place) {
  if (std::isfinite(value) && value >= parameter.minimum && value <= parameter.maximum) return {};
  return fail(ErrorKind::invalid_input, fmt::format("{} is {}", place, value),
              fmt::format("give {} to {}{}{}", parameter.minimum, parameter.maximum,
                          parameter.unit.empty() ? "" : " ", parameter.unit));
}

Result<void> check_text(const EffectParameter& parameter, const std::string& value,
                        const std::string& place) {
  if (parameter.unit == "color") {
    if (auto color = parse_color(value); !color) return std::unexpected(with_context(color.error(), place));
    return {};
  }
  const auto& choices = parameter.choices;
  if (choices.empty() || std::ranges::find(choices, value) != choices.end()) return {};
  return fail(ErrorKind::invalid_input, fmt::format("{} is \"{}\"", place, value),
              fmt::format("give one of: {}", fmt::join(choices, ", ")));
}

Result<void> check_parameter(const EffectParameter& parameter, const Parameter& value,
                             const std::string& place) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (!parameter.text)
      return fail(ErrorKind::invalid_input, fmt::format("{} is the text \"{}\", not a number", place, *text),
                  "give a number");
    return check_text(parameter, *text, place);
  }
  if (parameter.text)
    return fail(ErrorKind::invalid_input, fmt::format("{} is a number, not a text", place), "give a text");
  if (const auto* number = std::get_if<double>(&value)) return check_number(parameter, *number, place);
  const auto& keys = std::get<std::vector<Keyframe>>(value);
  if (!parameter.animatable && keys.size() > 1)
    return fail(ErrorKind::invalid_input, fmt::format("{} has keyframes but cannot change over time", place),
                "give one number");
  for (const Keyframe& key : keys) TRY(check_number(parameter, key.value, place));
  return {};
}

}  // namespace

const std::vector<EffectDefinition>& effect_registry() {
  static const std::vector<EffectDefinition> registry = all_effects();
  return registry;
}

const EffectDefinition* find_effect(std::string_view id) {
  for (const EffectDefinition& definition : effect_registry())
    if (definition.info.id == id) return &definition;
  return nullptr;
}

const std::vector<EffectInfo>& effect_catalog() {
  static const std::vector<EffectInfo> catalog = [] {
    std::vector<EffectInfo> infos;
    for (const EffectDefinition& definition : effect_registry()) infos.push_back(definition.info);
    return infos;
  }();
  return catalog;
}

Result<void> check_parameters(const std::map<std::string, Parameter>& given, const EffectInfo& info,
                              std::string_view on) {
  for (const auto& [name, value] : given) {
    const auto parameter = std::ranges::find(info.params, name, &EffectParameter::name);
    if (parameter == info.params.end()) {
      std::vector<std::string> known;
      for (const auto& p : info.params) known.push_back(p.name);
      return fail(ErrorKind::invalid_input, fmt::format("{}: {} has no parameter \"{}\"", on, info.id, name),
                  known.empty() ? "it takes none" : fmt::format("it takes: {}", fmt::join(known, ", ")));
    }
    TRY(check_parameter(*parameter, value, fmt::format("{}: {}.{}", on, info.id, name)));
  }
  return {};
}

Result<void> check_effect(const Effect& effect, std::string_view on) {
  const EffectDefinition* definition = find_effect(effect.id);
  if (!definition) {
    std::vector<std::string> known;
    for (const auto& d : effect_registry()) known.push_back(d.info.id);
    return fail(ErrorKind::not_found, fmt::format("{}: there is no effect \"{}\"", on, effect.id),
                fmt::format("known effects: {}", fmt::join(known, ", ")));
  }
  TRY(check_parameters(effect.params, definition->info, on));
  if (effect.active && effect.active->duration < Time{})
    return fail(ErrorKind::invalid_input, fmt::format("{}: {} ends before it starts", on, effect.id),
                "give a duration of 0 or more");
  return {};
}

Result<void> check_effects(std::span<const Effect> effects, std::string_view on) {
  for (const Effect& effect : effects) TRY(check_effect(effect, on));
  return {};
}

EffectParameter number_parameter(std::string name, std::string unit, double minimum, double maximum,
                                 double fallback, std::string description, bool animatable) {
  EffectParameter p;
  p.name = std::move(name);
  p.unit = std::move(unit);
  p.description = std::move(description);
  p.minimum = minimum;
  p.maximum = maximum;
  p.fallback = fallback;
  p.animatable = animatable;
  return p;
}

EffectParameter choice_parameter(std::string name, std::vector<std::string> choices,
                                 std::string description) {
  EffectParameter p;
  p.name = std::move(name);
  p.description = std::move(description) + " (default " + choices.front() + ")";
  p.text = true;
  p.choices = std::move(choices);
  p.fallback_text = p.choices.front();
  return p;
}

EffectParameter text_parameter(std::string name, std::string fallback, std::string description) {
  EffectParameter p;
  p.name = std::move(name);
  p.description = std::move(description);
  p.text = true;
  p.fallback_text = std::move(fallback);
  return p;
}

EffectParameter color_parameter(std::string name, std::string fallback, std::string description) {
  EffectParameter p;
  p.name = std::move(name);
  p.unit = "color";
  p.description = std::move(description) + ": #rrggbb, #rrggbbaa or a name (default " + fallback + ")";
  p.text = true;
  p.fallback_text = std::move(fallback);
  return p;
}

Result<Rgba> parse_color(std::string_view text) {
  static const std::map<std::string_view, Rgba> names = {
      {"black", {0, 0, 0, 255}},        {"white", {255, 255, 255, 255}},  {"red", {230, 30, 30, 255}},
      {"green", {30, 170, 60, 255}},    {"blue", {40, 80, 220, 255}},     {"yellow", {255, 221, 0, 255}},
      {"orange", {255, 140, 0, 255}},   {"pink", {255, 120, 180, 255}},   {"purple", {130, 60, 190, 255}},
      {"cyan", {0, 200, 220, 255}},     {"gray", {128, 128, 128, 255}},   {"grey", {128, 128, 128, 255}},
      {"gold", {224, 170, 30, 255}},    {"magenta", {230, 40, 200, 255}}, {"brown", {130, 75, 35, 255}},
      {"silver", {192, 192, 200, 255}}, {"transparent", {0, 0, 0, 0}}};
  if (const auto named = names.find(text); named != names.end()) return named->second;
  std::uint32_t value = 0;
  const bool hex = text.starts_with('#') && (text.size() == 7 || text.size() == 9);
  const auto* end = text.data() + text.size();
  if (!hex || std::from_chars(text.data() + 1, end, value, 16).ptr != end)
    return fail(ErrorKind::invalid_input, fmt::format("\"{}\" is not a colour", text),
                "give #rrggbb, #rrggbbaa, or a name such as white, black, red, yellow");
  if (text.size() == 7) value = value << 8 | 0xff;
  return Rgba{static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
              static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

EffectValues::EffectValues(const Effect& effect, const EffectInfo& info, const EffectStage& stage)
    : effect_(effect), info_(info), rate_(stage.frame_rate) {
  const TimeRange active = effect.active.value_or(TimeRange{Time{}, stage.duration});
  first_frame_ = active.start.to_frames(rate_);
  // Something asked for less than half a frame still shows on one.
  end_frame_ = std::max(active.end().to_frames(rate_), first_frame_ + (active.empty() ? 0 : 1));
}

const EffectParameter* EffectValues::find(std::string_view name) const {
  for (const EffectParameter& parameter : info_.params)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

double EffectValues::number(std::string_view name, Time at) const {
  const EffectParameter* parameter = find(name);
  const double fallback = parameter ? parameter->fallback : 0;
  const auto given = effect_.params.find(std::string(name));
  const double value = given == effect_.params.end() ? fallback : value_at(given->second, at, fallback);
  return parameter ? std::clamp(value, parameter->minimum, parameter->maximum) : value;
}

std::string EffectValues::text(std::string_view name) const {
  const auto given = effect_.params.find(std::string(name));
  if (given != effect_.params.end())
    if (const auto* text = std::get_if<std::string>(&given->second)) return *text;
  const EffectParameter* parameter = find(name);
  return parameter ? parameter->fallback_text : std::string{};
}

Rgba EffectValues::color(std::string_view name) const {
  return parse_color(text(name)).value_or(Rgba{});
}

bool EffectValues::constant(std::string_view name) const {
  const auto given = effect_.params.find(std::string(name));
  if (given == effect_.params.end()) return true;
  const auto* keys = std::get_if<std::vector<Keyframe>>(&given->second);
  return !keys || keys->size() < 2;
}

bool EffectValues::given(std::string_view name) const {
  return effect_.params.contains(std::string(name));
}

bool EffectValues::active_at(Time at) const {
  // A transition shows a clip before its start and after its end; what acts on all of it acts there too.
  if (whole_item()) return true;
  const std::int64_t frame = frame_at(at);
  return frame >= first_frame_ && frame < end_frame_;
}

double EffectValues::progress(Time at) const {
  const std::int64_t last = end_frame_ - 1 - first_frame_;
  if (last <= 0) return 0;
  return std::clamp(static_cast<double>(frame_at(at) - first_frame_) / static_cast<double>(last), 0.0, 1.0);
}

double EffectValues::seconds_in(Time at) const {
  return (at - Time::frames(first_frame_, rate_)).seconds();
}
double EffectValues::seconds_left(Time at) const {
  return (Time::frames(end_frame_, rate_) - at).seconds();
}

}  // namespace studio
