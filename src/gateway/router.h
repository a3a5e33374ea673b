// Which engine answers for a model name: exact, alias, task, chains of fallbacks, weights, circuit breakers.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace studio {

// One place that can answer for one model.
struct RouteTarget {
  std::string model;   // the name clients use: "qwen2.5-coder-0.5b"
  std::string engine;  // a remote engine's name in the configuration; empty: our own, by the model manager
  std::string upstream_model;      // the name the engine knows; empty: `model`
  std::vector<std::string> tasks;  // "chat", "vision", "code", "embedding", "rerank"
  int weight = 1;  // share among targets of the same model, 0..1000; 0: only when no other is left
  bool operator==(const RouteTarget&) const = default;
};

struct RouterOptions {
  std::vector<RouteTarget> targets;                                         // in order of preference
  std::vector<std::pair<std::string, std::string>> aliases;                 // name -> name
  std::vector<std::pair<std::string, std::vector<std::string>>> fallbacks;  // model -> models tried after it
  std::vector<std::pair<std::string, std::string>> defaults;  // task -> model of `auto` and `auto:TASK`
  // A target is left out after this many failures in a row, for this long; then one request tries it.
  // Each failed try doubles the time up to the longest.
  int breaker_failures = 5;
  std::chrono::milliseconds breaker_open{5000}, breaker_longest{120000};
  // Monotonic; tests give their own.
  std::function<std::chrono::steady_clock::time_point()> clock;
};

enum class Outcome {
  answered,    // any answer the engine is sound after, 4xx included
  failed,      // refused, reset, 5xx, timeout
  overloaded,  // 429 or 503 with Retry-After: the next is tried, the breaker stays closed
  abandoned,   // the client went away: says nothing of the engine
};

// One target of a resolved route; `slot` finds its breaker again.
struct RouteStep {
  std::shared_ptr<const RouteTarget> target;
  std::size_t slot = 0;
  bool trial = false;  // the breaker lets this one request try
};

struct Route {
  std::string model;             // the name that was found (aliases and auto resolved)
  std::vector<RouteStep> steps;  // in the order to try: equal targets by weight, then the fallbacks
};

// May the next step be tried? Only while nothing of the request has reached the engine, or it said that it
// took none of it (429, 503): a prompt that is perhaps being answered is never sent twice.
bool may_retry(Outcome outcome, bool anything_sent, bool anything_received);

// Immutable but for the breakers and the turn of weights, which are atomics: any thread, no locks,
// about a microsecond. A reload makes a new one that keeps the state of targets that stay (`before`).
class Router {
 public:
  // invalid_input: an alias, fallback or default that leads nowhere or in a circle.
  static Result<std::shared_ptr<Router>> create(RouterOptions options, const Router* before = nullptr);
  ~Router();

  // `name`: exact, else alias, else "auto" (the default of `task`) or "auto:TASK", else letter case ignored.
  // not_found lists what there is. Steps whose breaker is open are left out; when all are open, the one that
  // closes first is given, so that a client never waits for a breaker.
  Result<Route> resolve(std::string_view name, std::string_view task = "chat") const;
  // After each try, exactly once for each step tried.
  void report(const RouteStep& step, Outcome outcome) const;

  struct TargetState {
    RouteTarget target;
    std::string breaker;  // "closed", "open", "trial"
    int failures = 0;     // in a row
    std::chrono::milliseconds opens_in{0};
  };
  std::vector<TargetState> states() const;
  // Names for /v1/models: models once each, then aliases.
  std::vector<std::string> names() const;

 private:
  struct State;
  explicit Router(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace studio
