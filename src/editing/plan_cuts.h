// The cuts of a plan as they play: order, speed, direction, holds. Internal to editing/.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "timeline/plan.h"

namespace studio {

struct CutView {
  std::size_t decision = 0;  // index into plan.decisions
  std::string id, source, shot;
  double start_s = 0, end_s = 0;
  bool locked = false;
  double factor = 1;
  std::vector<std::pair<double, double>> ramp;     // {source seconds from start_s, speed}
  std::vector<std::pair<double, double>> freezes;  // {output seconds from the piece's start, hold}, ascending
  bool reverse = false, keep_pitch = true;

  double source_s() const { return end_s - start_s; }
  double played_s() const;  // without holds
  double output_s() const;  // with holds
};

// Reads what can be read; malformed decisions give nothing here (problems_of() names them).
std::vector<CutView> cuts_in_order(const EditPlan& plan);

// Params of a decision by name, with a fallback when absent or of another type.
double number_param(const Decision& decision, const char* key, double fallback);
std::string text_param(const Decision& decision, const char* key, const std::string& fallback = {});
bool flag_param(const Decision& decision, const char* key, bool fallback);
bool has_param(const Decision& decision, const char* key);

// An id that no decision of the plan has: "c1", "c2", ...
std::string fresh_id(const EditPlan& plan, const std::string& prefix);

}  // namespace studio
