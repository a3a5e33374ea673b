// What lies over and under the film of a compiled plan: looks, texts, insets, sound. Internal to editing/.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "editing/compile.h"

namespace studio {

// One clip that a cut became (three when a hold splits it), where it lies in the output.
struct PlacedClip {
  std::string id;
  Time start, length;
};

struct LayerContext {
  const EditPlan& plan;
  std::span<const EditSource> sources;
  CompiledEdit& out;
  Rational rate;
  const std::map<std::string, std::vector<PlacedClip>>& clips;
};

Result<void> add_looks(LayerContext& context);
Result<void> add_insets(LayerContext& context);
Result<void> add_texts(LayerContext& context);
Result<void> add_sound(LayerContext& context);

// On the output's frame grid.
Time on_grid(double seconds, Rational rate);

}  // namespace studio
