// Targets and engines out of the configuration.
#include "gateway/route_targets.h"

#include <algorithm>

namespace studio {
namespace {

std::string engine_name(const EngineConfig& engine, std::size_t url) {
  return url == 0 ? engine.name : engine.name + "@" + std::to_string(url + 1);
}

}  // namespace

std::vector<RemoteEngine> remote_engines(const GatewayConfig& config) {
  std::vector<RemoteEngine> all;
  for (const EngineConfig& engine : config.engines)
    for (std::size_t i = 0; i < engine.urls.size(); ++i) {
      RemoteEngine remote;
      remote.name = engine_name(engine, i);
      remote.kind = engine.kind;
      remote.url = engine.urls[i];
      remote.ca_file = engine.ca_file.string();
      remote.models = engine.models;
      remote.weight = engine.weight;
      remote.api_key_env = engine.api_key_env;
      remote.start = engine.start;
      remote.stop = engine.stop;
      remote.memory_bytes = engine.memory_bytes;
      remote.concurrency = engine.concurrency;  // 0: no bound
      // llama-server's own parser gives no proper calls for small models; others are known for theirs.
      remote.native_tools =
          engine.tools == "native" || (engine.tools == "auto" && engine.kind != "llama-server");
      const auto does = [&](std::string_view task) {
        return engine.tasks.empty() || std::ranges::find(engine.tasks, task) != engine.tasks.end();
      };
      remote.vision = does("vision");
      remote.embeddings = does("embedding");
      remote.rerank = does("rerank");
      remote.responses = remote.messages = true;
      all.push_back(std::move(remote));
    }
  return all;
}

std::vector<RouteTarget> remote_targets(const GatewayConfig& config, const ListedModels& listed) {
  std::vector<RouteTarget> all;
  for (const EngineConfig& engine : config.engines) {
    std::vector<std::string> models = engine.models;
    if (models.empty())
      for (const auto& [name, found] : listed)
        if (name == engine.name) models = found;
    for (const std::string& model : models)
      for (const bool qualified : {false, true})
        for (std::size_t i = 0; i < engine.urls.size(); ++i) {
          RouteTarget target;
          target.model = qualified ? engine.name + "/" + model : model;
          target.engine = engine_name(engine, i);
          target.upstream_model = model;
          target.tasks = engine.tasks;
          target.weight = engine.weight;
          all.push_back(std::move(target));
        }
  }
  return all;
}

std::vector<RouteTarget> own_targets(const ModelCatalog& catalog) {
  std::vector<RouteTarget> all;
  for (const ModelEntry& entry : catalog.entries()) {
    constexpr std::string_view kAnswered[] = {"chat", "vision", "code", "embedding", "rerank"};
    if (std::ranges::find(kAnswered, entry.task) == std::end(kAnswered)) continue;
    RouteTarget target;
    target.model = entry.id;
    target.tasks = {entry.task};
    all.push_back(std::move(target));
  }
  return all;
}

ManagerOptions manager_options(const GatewayConfig& config) {
  ManagerOptions options;
  options.engines = remote_engines(config);
  options.pinned = config.models.pinned;
  options.budget_bytes = config.models.budget_bytes;
  options.residency.idle_unload = config.models.idle_unload;
  options.residency.max_waiting_per_model = config.models.queue;
  options.context = config.models.context;
  options.slots = config.models.slots;
  options.cache_type = config.models.cache_type;
  options.draft = config.models.draft;
  return options;
}

RouterOptions router_options(const GatewayConfig& config, std::vector<RouteTarget> targets,
                             const ModelCatalog* catalog, const std::vector<std::string>& absent) {
  RouterOptions options;
  options.targets = std::move(targets);
  options.aliases = config.routes.aliases;
  options.fallbacks = config.routes.fallbacks;
  options.defaults = config.routes.defaults;
  options.breaker_failures = config.routes.breaker_failures;
  options.breaker_open = config.routes.breaker_open;
  if (!config.models.default_chat.empty()) options.defaults.emplace_back("chat", config.models.default_chat);

  const auto routed = [&](std::string_view model) {
    return std::ranges::find(options.targets, model, &RouteTarget::model) != options.targets.end();
  };
  const auto here = [&](std::string_view model) { return std::ranges::find(absent, model) == absent.end(); };
  if (catalog)
    for (const ModelEntry& entry : catalog->entries())
      for (const std::string& alias : entry.aliases)
        if (routed(entry.id) && !routed(alias)) options.aliases.emplace_back(alias, entry.id);

  for (const std::string_view task : {"chat", "vision", "embedding", "rerank"}) {
    if (std::ranges::any_of(options.defaults, [&](const auto& pair) { return pair.first == task; })) continue;
    const auto does = [&](const RouteTarget& target) {
      return std::ranges::find(target.tasks, task) != target.tasks.end();
    };
    std::string chosen;
    if (catalog)
      if (const auto model = catalog->default_model(task); routed(model) && here(model)) chosen = model;
    const auto take_first = [&](const auto& suits) {
      if (!chosen.empty()) return;
      const auto found = std::ranges::find_if(options.targets, suits);
      if (found != options.targets.end()) chosen = found->model;
    };
    take_first([&](const RouteTarget& target) { return does(target) && here(target.model); });
    // An engine that does not say what its models do may be asked for anything nobody else does.
    take_first([&](const RouteTarget& target) { return target.tasks.empty(); });
    take_first(does);
    if (!chosen.empty()) options.defaults.emplace_back(task, chosen);
  }
  return options;
}

}  // namespace studio
