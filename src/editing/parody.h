// Parody styles: YAML files that say which shots, effects, captions and sounds make a style.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/evidence.h"
#include "editing/planner.h"
#include "timeline/plan.h"

namespace studio {

struct StyleInfo {
  std::string id, description;
  Path file;
};

// Shipped ones (configs/styles/*.yaml) and the person's (config_folder()/styles), theirs first.
Result<std::vector<StyleInfo>> list_styles();

struct ParodyOptions {
  std::string style = "dramatic";
  double duration_s = 0;   // 0: the style's own, or less film
  double intensity = 0.6;  // 0..1: how many moments and how strong
  std::uint64_t seed = 0;  // same seed, same clip, same plan
  std::string goal;        // more wishes in words; explicit ones win over the style
};

// An ordinary plan (origin "rules") with its brief, for the same measured loop as every edit.
// Errors: not_found for an unknown style (names the known ones), invalid_input for a broken file.
Result<PlannedEdit> plan_parody(std::span<const EditSource> sources, const ParodyOptions& options = {});

}  // namespace studio
