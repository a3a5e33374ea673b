// How much each score and each kind of damage counts: configs/evaluation.yaml as a value.
#pragma once

#include <map>
#include <string>

#include "base/files.h"
#include "base/result.h"

namespace studio {

struct QualityWeights {
  double threshold = 0.8;
  std::map<std::string, double> technical, creative;  // by score name; any positive scale
  std::map<std::string, double> penalties;            // by issue kind: taken off at full severity
  double other_penalty = 0.1;                         // of a kind that is not listed
  double unmet_factor = 0.75;  // an unmet explicit wish: threshold times this is the most the score can be
};

// Errors: not_found, invalid_input (a weight that is no number, or negative; the model's over 0.2 of all).
Result<QualityWeights> read_quality_weights(const Path& file);

}  // namespace studio
