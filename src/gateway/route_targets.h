// What there is to route to: our own models, those of engines by URL, and the names people gave them.
#pragma once

#include <string>
#include <vector>

#include "gateway/config.h"
#include "gateway/router.h"
#include "models/model_manager.h"

namespace studio {

// An engine with several URLs is several engines to the manager: "big", "big@2", "big@3".
std::vector<RemoteEngine> remote_engines(const GatewayConfig& config);
// Targets of the engines by URL, also as NAME/MODEL. `listed`: the models of engines that do not name them.
using ListedModels = std::vector<std::pair<std::string, std::vector<std::string>>>;  // engine -> models
std::vector<RouteTarget> remote_targets(const GatewayConfig& config, const ListedModels& listed);
RouterOptions router_options(const GatewayConfig& config, std::vector<RouteTarget> targets);

}  // namespace studio
