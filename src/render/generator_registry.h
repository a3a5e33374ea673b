// How a generator introduces itself. To add one: its file, a function declared here, a line in
// generator_registry().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "render/effect_registry.h"
#include "render/generators.h"
#include "render/sounds.h"

namespace studio {

// One kind's drawing, prepared for one clip.
class GeneratedPicture::Drawing {
 public:
  virtual ~Drawing() = default;
  virtual bool acts_at(Time) const { return true; }
  virtual bool covers_canvas(Time) const { return false; }
  virtual void draw(const RasterView& canvas, Time at) = 0;
};

using DrawingResult = Result<std::unique_ptr<GeneratedPicture::Drawing>>;

struct GeneratorDefinition {
  EffectInfo info;  // `on` says whether it is seen or heard
  std::function<DrawingResult(const EffectValues&, const EffectStage&, std::vector<std::string>& warnings)>
      picture;
  std::vector<float> (*sound)(const SoundRequest&) = nullptr;
};

const std::vector<GeneratorDefinition>& generator_registry();
const GeneratorDefinition* find_generator(std::string_view kind);

// Checks parameters against an info: unknown names, ranges, choices, colours. `what` is the id in errors.
Result<void> check_parameters(const std::map<std::string, Parameter>& params, const EffectInfo& info,
                              std::string_view on);

EffectParameter text_parameter(std::string name, std::string fallback, std::string description);

std::vector<GeneratorDefinition> title_generators();  // titles.cpp: title, lower_third, caption, color
GeneratorDefinition subtitles_generator();            // subtitles.cpp

}  // namespace studio
