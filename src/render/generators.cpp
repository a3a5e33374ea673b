// Generators by name: the list, the checks, and the way to a picture or a sound.
#include "render/generators.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "render/generator_registry.h"

namespace studio {
namespace {

constexpr double kLongestSound_s = 3600;

GeneratorDefinition sound(std::string id, std::string description,
                          std::vector<float> (*make)(const SoundRequest&),
                          std::vector<EffectParameter> more = {}) {
  GeneratorDefinition d;
  d.info.id = std::move(id);
  d.info.description = std::move(description);
  d.info.on = EffectInfo::On::sound;
  d.info.params = {number_parameter("level_db", "dBFS", -60, 0, -6, "highest peak", false),
                   number_parameter("pitch", "times", 0.25, 4, 1, "higher or lower than usual", false),
                   number_parameter("seed", "", 0, 4294967295.0, 1, "another number, another take", false)};
  for (auto& parameter : more) d.info.params.push_back(std::move(parameter));
  d.sound = make;
  return d;
}

std::vector<float> make_silence(const SoundRequest& request) {
  return std::vector<float>(
      static_cast<std::size_t>(std::max(0.0, std::round(request.seconds * request.sample_rate))));
}

Effect as_effect(const Generator& generator) {
  return {generator.kind, generator.params, std::nullopt};
}

Result<const GeneratorDefinition*> known_generator(const Generator& generator, std::string_view on) {
  if (const GeneratorDefinition* definition = find_generator(generator.kind)) return definition;
  std::vector<std::string> known;
  for (const auto& definition : generator_registry()) known.push_back(definition.info.id);
  return fail(ErrorKind::not_found, fmt::format("{}: there is no generator \"{}\"", on, generator.kind),
              fmt::format("known generators: {}", fmt::join(known, ", ")));
}

}  // namespace

const std::vector<GeneratorDefinition>& generator_registry() {
  static const std::vector<GeneratorDefinition> registry = [] {
    std::vector<GeneratorDefinition> all = title_generators();
    all.push_back(subtitles_generator());
    all.push_back(sound("impact", "a heavy hit with a tail", make_impact));
    all.push_back(sound("whoosh", "something flies past", make_whoosh));
    all.push_back(sound("riser", "tension that grows to the end", make_riser));
    all.push_back(sound("boing", "a spring", make_boing));
    all.push_back(sound("tone", "a sine", make_tone,
                        {number_parameter("frequency_hz", "Hz", 20, 20000, 440, "of the sine", false)}));
    all.push_back(sound("silence", "nothing to hear", make_silence));
    return all;
  }();
  return registry;
}

const GeneratorDefinition* find_generator(std::string_view kind) {
  for (const GeneratorDefinition& definition : generator_registry())
    if (definition.info.id == kind) return &definition;
  return nullptr;
}

const std::vector<EffectInfo>& generator_catalog() {
  static const std::vector<EffectInfo> catalog = [] {
    std::vector<EffectInfo> infos;
    for (const GeneratorDefinition& definition : generator_registry()) infos.push_back(definition.info);
    return infos;
  }();
  return catalog;
}

bool makes_picture(const Generator& generator) {
  const GeneratorDefinition* definition = find_generator(generator.kind);
  return definition && definition->picture;
}

bool makes_sound(const Generator& generator) {
  const GeneratorDefinition* definition = find_generator(generator.kind);
  return definition && definition->sound;
}

Result<void> check_generator(const Generator& generator, std::string_view on) {
  TRY_ASSIGN(const GeneratorDefinition* definition, known_generator(generator, on));
  return check_parameters(generator.params, definition->info, on);
}

Result<GeneratedPicture> GeneratedPicture::create(const Generator& generator, const EffectStage& stage,
                                                  std::vector<std::string>& warnings) {
  TRY(check_generator(generator, "generator"));
  const GeneratorDefinition& definition = *find_generator(generator.kind);
  if (!definition.picture)
    return fail(ErrorKind::invalid_input, fmt::format("show \"{}\": it is a sound", generator.kind),
                "put it on an audio track");
  const EffectValues values(as_effect(generator), definition.info, stage);
  TRY_ASSIGN(auto drawing, definition.picture(values, stage, warnings));
  return GeneratedPicture(std::move(drawing));
}

GeneratedPicture::GeneratedPicture(std::unique_ptr<Drawing> drawing) : drawing_(std::move(drawing)) {}
GeneratedPicture::GeneratedPicture(GeneratedPicture&&) noexcept = default;
GeneratedPicture& GeneratedPicture::operator=(GeneratedPicture&&) noexcept = default;
GeneratedPicture::~GeneratedPicture() = default;
bool GeneratedPicture::acts_at(Time at) const {
  return drawing_->acts_at(at);
}
bool GeneratedPicture::covers_canvas(Time at) const {
  return drawing_->covers_canvas(at);
}
void GeneratedPicture::draw(const RasterView& canvas, Time at) {
  drawing_->draw(canvas, at);
}

Result<std::vector<float>> generate_sound(const Generator& generator, Time duration, int sample_rate,
                                          int channels) {
  TRY(check_generator(generator, "generator"));
  const GeneratorDefinition& definition = *find_generator(generator.kind);
  if (!definition.sound)
    return fail(ErrorKind::invalid_input, fmt::format("play \"{}\": it is a picture", generator.kind),
                "put it on a video track");
  if (duration.seconds() > kLongestSound_s)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("make {:.0f} s of {}", duration.seconds(), generator.kind),
                "an hour is the most");
  const EffectValues values(as_effect(generator), definition.info, EffectStage{});
  SoundRequest request;
  request.seconds = duration.seconds();
  request.sample_rate = sample_rate;
  request.seed = static_cast<std::uint64_t>(values.number("seed"));
  request.pitch = values.number("pitch");
  if (generator.kind == "tone") request.frequency_hz = values.number("frequency_hz");
  const std::vector<float> mono = definition.sound(request);
  const auto level = static_cast<float>(std::pow(10.0, values.number("level_db") / 20));
  std::vector<float> samples;
  samples.reserve(mono.size() * static_cast<std::size_t>(std::max(1, channels)));
  for (const float sample : mono)
    for (int channel = 0; channel < channels; ++channel) samples.push_back(sample * level);
  return samples;
}

}  // namespace studio
