// Engines at fixed addresses that are always ready, for tests of the request path without a model manager.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "gateway/gateway.h"

namespace studio::testing {

class FixedPlaces final : public EnginePlaces {
 public:
  struct Engine {
    Endpoint endpoint;
    std::string name, upstream_model, api_key;
    EngineCapabilities capabilities;
  };
  void add(const std::string& engine, const std::string& url,
           EngineCapabilities capabilities = {.chat = true, .native_tools = true}) {
    const std::lock_guard lock(mutex_);
    engines_[engine] =
        std::make_shared<Engine>(Engine{Endpoint::parse(url).value(), engine, "", "", capabilities});
  }
  // The next ones get this error instead of a place.
  void refuse_with(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }

  std::optional<EnginePlace> try_place(const RouteTarget& target, std::string_view) override {
    const std::lock_guard lock(mutex_);
    if (refusal_) return std::nullopt;
    const auto found = engines_.find(target.engine);
    if (found == engines_.end()) return std::nullopt;
    EnginePlace place;
    place.keep = found->second;
    place.endpoint = &found->second->endpoint;
    place.engine = found->second->name;
    place.upstream_model =
        target.upstream_model.empty() ? std::string_view(target.model) : target.upstream_model;
    place.capabilities = found->second->capabilities;
    return place;
  }
  void place_async(const RouteTarget& target, LeaseOptions,
                   std::function<void(Result<EnginePlace>)> then) override {
    if (auto place = try_place(target, {})) return then(*std::move(place));
    std::optional<Error> refusal;
    {
      const std::lock_guard lock(mutex_);
      refusal = refusal_;
    }
    then(std::unexpected(refusal.value_or(Error{ErrorKind::not_found, "no such engine", {}})));
  }

 private:
  std::mutex mutex_;  // guards both
  std::map<std::string, std::shared_ptr<Engine>> engines_;
  std::optional<Error> refusal_;
};

}  // namespace studio::testing
