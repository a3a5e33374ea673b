// Where a request can be answered: a held place at an engine, as the request path sees it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/router.h"
#include "models/model_manager.h"

namespace studio {

// One request's place at an engine. While `keep` lives the model stays; views live as long as it.
struct EnginePlace {
  std::shared_ptr<const void> keep;
  const Endpoint* endpoint = nullptr;
  std::string_view upstream_model;  // to put into the request
  std::string_view api_key;         // empty: none needed
  std::string_view engine;
  EngineCapabilities capabilities;
  // After a broken connection: is the engine known to have died within this time? May be empty.
  std::function<bool(std::chrono::milliseconds)> lost;
};

class EnginePlaces {
 public:
  virtual ~EnginePlaces() = default;
  // At once when the model is ready and has room, else nothing. Any thread, microseconds.
  virtual std::optional<EnginePlace> try_place(const RouteTarget& target, std::string_view holder) = 0;
  // Calls `then` exactly once, from any thread, when there is a place or will be none (see
  // ModelManager::lease_async for the errors).
  virtual void place_async(const RouteTarget& target, LeaseOptions options,
                           std::function<void(Result<EnginePlace>)> then) = 0;
};

// The model manager's leases as places.
std::shared_ptr<EnginePlaces> places_of(std::shared_ptr<ModelManager> manager);

}  // namespace studio
