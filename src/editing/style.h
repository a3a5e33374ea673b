// A parody style as read from its YAML file, and what it does to a plan. Internal to editing/.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/choose.h"
#include "editing/evidence.h"
#include "timeline/plan.h"

namespace studio {

// A number that grows with the intensity: from `low` at 0 to `high` at 1.
struct Range {
  double low = 0, high = 0;
  double at(double intensity) const { return low + (high - low) * intensity; }
};

// Something that happens at moments: opening, ending, motion_peak, cut, beat, piece.
struct StyleMoment {
  std::string at = "motion_peak";
  std::string effect, sound, text, text_kind = "caption", position;
  std::vector<std::string> texts;  // one is drawn
  std::map<std::string, Range> params;
  std::map<std::string, std::string> words;  // text parameters
  Range duration_s{0.6, 0.6};
  Range count{1, 1};          // how many of the moments, at most
  double chance = 1;          // of each
  double from_intensity = 0;  // below it does not happen
  double factor = 0;          // speed of the piece there; 0: as it is
  double hold_s = 0;          // freeze there
  bool reverse = false;
};

struct Style {
  std::string id, description;
  double duration_s = 15;
  Pace pace = Pace::automatic;
  std::string order;                   // "", chronological, build_up, shuffled
  std::map<std::string, Range> picks;  // weight of motion, loudness, brightness, composition, stillness
  std::vector<StyleMoment> look;       // effects on everything
  std::vector<StyleMoment> moments;
  std::string transition;
  double transition_s = 0.5;
  std::string opening_fade, ending_fade;  // fade_black, fade_white
};

// The file of a style, the person's own first. Errors: not_found (names the known ones), invalid_input.
Result<Style> read_style(const std::string& id);
Result<Style> style_from_yaml(const std::string& text, const std::string& id, const std::string& origin);

// The style a brief or option asks for; none when it asks for none. An unknown style that only the
// goal mentions in passing is no error.
Result<std::optional<Style>> style_for(const Brief& brief, const std::string& option);

void prefer_style(const Style& style, Brief& brief, std::span<const EditSource> sources, double intensity,
                  Preference& preference);
void decorate_with_style(EditPlan& plan, const Style& style, const Brief& brief,
                         std::span<const EditSource> sources, double intensity, std::uint64_t seed);

}  // namespace studio
