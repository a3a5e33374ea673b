// Reads configs/evaluation.yaml.
#include "editing/quality_weights.h"

#include <cmath>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace studio {
namespace {

Result<void> read_numbers(const YAML::Node& node, const char* section, const Path& file,
                          std::map<std::string, double>& out) {
  if (!node || !node.IsMap())
    return fail(ErrorKind::invalid_input,
                fmt::format("read {}: `{}` is missing or no map", file.string(), section),
                "compare it with the shipped configs/evaluation.yaml");
  for (const auto& entry : node) {
    const auto name = entry.first.as<std::string>();
    const double value = entry.second.as<double>(NAN);
    if (!std::isfinite(value) || value < 0)
      return fail(ErrorKind::invalid_input,
                  fmt::format("read {}: {}.{} must be a number of 0 or more", file.string(), section, name));
    out[name] = value;
  }
  return {};
}

}  // namespace

Result<QualityWeights> read_quality_weights(const Path& file) {
  TRY_ASSIGN(const std::string text, read_file(file, 1 << 20));
  try {
    const YAML::Node root = YAML::Load(text);
    QualityWeights weights;
    if (root["threshold"]) weights.threshold = root["threshold"].as<double>();
    if (root["other_penalty"]) weights.other_penalty = root["other_penalty"].as<double>();
    if (root["unmet_factor"]) weights.unmet_factor = root["unmet_factor"].as<double>();
    TRY(read_numbers(root["technical"], "technical", file, weights.technical));
    TRY(read_numbers(root["creative"], "creative", file, weights.creative));
    TRY(read_numbers(root["penalties"], "penalties", file, weights.penalties));
    double total = 0;
    for (const auto& [name, w] : weights.technical) total += w;
    for (const auto& [name, w] : weights.creative) total += w;
    if (total <= 0)
      return fail(ErrorKind::invalid_input, fmt::format("read {}: all weights are 0", file.string()));
    if (weights.creative["goal"] > 0.2 * total)
      return fail(ErrorKind::invalid_input,
                  fmt::format("read {}: creative.goal weighs {:.2f} of all", file.string(),
                              weights.creative["goal"] / total),
                  "an opinion may weigh at most 0.2 of the whole score");
    if (!(weights.threshold >= 0 && weights.threshold <= 1) ||
        !(weights.unmet_factor > 0 && weights.unmet_factor < 1) || !(weights.other_penalty >= 0))
      return fail(ErrorKind::invalid_input,
                  fmt::format("read {}: threshold and unmet_factor lie between 0 and 1", file.string()));
    return weights;
  } catch (const YAML::Exception& e) {
    return fail(ErrorKind::invalid_input, fmt::format("read {}: {}", file.string(), e.what()),
                "compare it with the shipped configs/evaluation.yaml");
  }
}

}  // namespace studio
