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
// Our own models that can be asked, by the catalog.
std::vector<RouteTarget> own_targets(const ModelCatalog& catalog);
// What the configuration says to the model manager. `catalog` may be null.
ManagerOptions manager_options(const GatewayConfig& config);
// `auto` means, task by task: what the configuration says, the catalog's default, a model that is here,
// an engine by URL; a model of the catalog that is not here only when there is nothing else.
RouterOptions router_options(const GatewayConfig& config, std::vector<RouteTarget> targets,
                             const ModelCatalog* catalog = nullptr,
                             const std::vector<std::string>& absent = {});

}  // namespace studio
