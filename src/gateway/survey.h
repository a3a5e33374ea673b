// What is looked at now and then rather than in requests: which models engines by URL have, and who can
// answer.
#pragma once

#include <string>
#include <vector>

#include "gateway/config.h"
#include "gateway/metrics.h"
#include "gateway/route_targets.h"

namespace studio {

struct EngineView {
  std::string engine;  // as remote_engines() names it
  bool answers = false;
  std::vector<std::string> models;  // that it lists; empty when it does not answer
};

// Asks each engine by URL for its /v1/models, all at the same time, for at most `patience`.
std::vector<EngineView> look_at_engines(const GatewayConfig& config, std::chrono::milliseconds patience);

// Gauges of models and memory, and restarts of engines, as they are now.
void set_gauges(Metrics& metrics, const ModelManager& manager);
// Counters of loads and switches.
void count_event(Metrics& metrics, const ModelEvent& event);

}  // namespace studio
