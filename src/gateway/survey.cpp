// Looking at engines and models from outside the requests' way.
#include "gateway/survey.h"

#include <algorithm>
#include <cstdlib>
#include <future>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "net/http.h"

namespace studio {
namespace {

EngineView look_at(const RemoteEngine& engine, std::chrono::milliseconds patience) {
  EngineView view{engine.name, false, {}};
  const auto endpoint = Endpoint::parse(engine.url);
  if (!endpoint) return view;
  HttpRequest request;
  request.endpoint = *endpoint;
  request.endpoint.ca_file = engine.ca_file;
  request.path = endpoint->base_url.ends_with("/v1") ? "/models" : "/v1/models";
  request.timeout = request.connect_timeout = patience;
  request.max_response_bytes = 4u << 20;
  if (const char* key = engine.api_key_env.empty() ? nullptr : std::getenv(engine.api_key_env.c_str()))
    request.headers.emplace_back("Authorization", std::string("Bearer ") + key);
  const auto answer = send_http(request);
  if (!answer || answer->status != 200) return view;
  view.answers = true;
  const auto list = parse_json(answer->body, "an engine's models");
  if (!list || !list->is_object() || !list->contains("data") || !list->at("data").is_array()) return view;
  for (const Json& model : list->at("data"))
    if (model.is_object() && model.contains("id") && model.at("id").is_string())
      view.models.push_back(model.at("id").get<std::string>());
  return view;
}

}  // namespace

std::vector<EngineView> look_at_engines(const GatewayConfig& config, std::chrono::milliseconds patience) {
  std::vector<std::future<EngineView>> looks;
  for (const RemoteEngine& engine : remote_engines(config))
    looks.push_back(std::async(std::launch::async, [engine, patience] { return look_at(engine, patience); }));
  std::vector<EngineView> views;
  for (auto& look : looks) views.push_back(look.get());
  return views;
}

void set_gauges(Metrics& metrics, const ModelManager& manager) {
  const auto models = manager.models();
  std::vector<std::string_view> ids;
  for (const ModelStatus& model : models) {
    // Absent models would be most of the series and say nothing.
    if (model.state == ModelState::absent) continue;
    ids.push_back(model.id);
    for (const ModelState state : {ModelState::pulling, ModelState::cold, ModelState::loading,
                                   ModelState::ready, ModelState::draining, ModelState::failed}) {
      const std::string_view labels[] = {model.id, name_of(state)};
      metrics.gauge("studio_model_state", labels).set(model.state == state ? 1 : 0);
    }
    const std::string_view label[] = {model.id};
    const bool here = model.state == ModelState::ready || model.state == ModelState::draining;
    metrics.gauge("studio_model_bytes", label).set(here ? static_cast<double>(model.bytes) : 0);
    metrics.gauge("studio_model_leases", label).set(model.leases);
    metrics.gauge("studio_queue_length", label).set(model.waiting);
    Counter& restarts = metrics.counter("studio_engine_restarts_total", label);
    const auto seen = static_cast<std::uint64_t>(std::max(0, model.restarts));
    if (seen > restarts.value()) restarts.add(seen - restarts.value());
  }
  for (const std::string_view name :
       {"studio_model_state", "studio_model_bytes", "studio_model_leases", "studio_queue_length"})
    metrics.keep_only(name, ids);
  const ManagerMemory memory = manager.memory();
  metrics.gauge("studio_memory_total_bytes").set(static_cast<double>(memory.reading.total_bytes));
  metrics.gauge("studio_memory_used_bytes").set(static_cast<double>(memory.reading.used_bytes));
  metrics.gauge("studio_memory_ours_bytes").set(static_cast<double>(memory.reading.ours_bytes));
  metrics.gauge("studio_memory_others_bytes").set(static_cast<double>(memory.reading.others_bytes));
  metrics.gauge("studio_memory_peak_bytes").set(static_cast<double>(memory.reading.peak_bytes));
  metrics.gauge("studio_memory_budget_bytes").set(static_cast<double>(memory.budget_bytes));
}

void count_event(Metrics& metrics, const ModelEvent& event) {
  const std::string_view label[] = {event.model};
  if (event.from == ModelState::loading &&
      (event.to == ModelState::ready || event.to == ModelState::failed)) {
    const std::string_view labels[] = {event.model, event.to == ModelState::ready ? "ok" : "failed"};
    metrics.counter("studio_model_loads_total", labels).add();
    if (event.to == ModelState::ready)
      metrics.histogram("studio_model_load_seconds", label).observe(event.seconds);
  }
  constexpr std::string_view kMakeRoom = "make room for ", kSwitch = "switch to ";
  if (event.to == ModelState::draining) {
    std::string_view why = event.why;
    for (const std::string_view prefix : {kMakeRoom, kSwitch})
      if (why.starts_with(prefix)) {
        const std::string_view labels[] = {event.model, why.substr(prefix.size())};
        metrics.counter("studio_model_switches_total", labels).add();
      }
  }
}

}  // namespace studio
