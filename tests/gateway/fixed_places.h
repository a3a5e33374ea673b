// Engines at fixed addresses that are always ready, for tests of the request path without a model manager.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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

  // Each place takes this long, as one at a model that has to be loaded.
  void load_for(std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex_);
    load_time_ = time;
  }

  std::optional<EnginePlace> try_place(const RouteTarget& target, std::string_view) override {
    const std::lock_guard lock(mutex_);
    if (refusal_ || load_time_.count() > 0) return std::nullopt;
    return place_at(target);
  }
  void place_async(const RouteTarget& target, LeaseOptions,
                   std::function<void(Result<EnginePlace>)> then) override {
    const std::lock_guard lock(mutex_);
    loads_.emplace_back([this, target, then = std::move(then), time = load_time_] {
      std::this_thread::sleep_for(time);
      std::unique_lock held(mutex_);
      const auto refusal = refusal_;
      auto place = place_at(target);
      held.unlock();
      if (place && !refusal) return then(*std::move(place));
      then(std::unexpected(refusal.value_or(Error{ErrorKind::not_found, "no such engine", {}})));
    });
  }

 private:
  std::optional<EnginePlace> place_at(const RouteTarget& target) const {
    const auto found = engines_.find(target.engine);
    if (found == engines_.end()) return std::nullopt;
    // A place outlives the target it was asked for by: what it views is held by it.
    struct Held {
      std::shared_ptr<Engine> engine;
      std::string model;
    };
    auto held = std::make_shared<Held>(
        Held{found->second, target.upstream_model.empty() ? target.model : target.upstream_model});
    EnginePlace place;
    place.endpoint = &held->engine->endpoint;
    place.engine = held->engine->name;
    place.upstream_model = held->model;
    place.keep = std::move(held);
    place.capabilities = found->second->capabilities;
    return place;
  }
  std::mutex mutex_;  // guards all
  std::map<std::string, std::shared_ptr<Engine>> engines_;
  std::optional<Error> refusal_;
  std::chrono::milliseconds load_time_{0};
  std::vector<std::jthread> loads_;
};

}  // namespace studio::testing
