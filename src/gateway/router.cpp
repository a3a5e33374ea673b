// Routes are laid out when the router is made; a request only reads them, takes a turn, and looks at
// breakers.
#include "gateway/router.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <typename T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// closed --failures--> open until T --T passes--> one trial --answered--> closed
//                                                          --failed--> open, twice as long
struct Breaker {
  std::atomic<int> failures{0};
  std::atomic<std::int64_t> open_until_ns{0};  // 0: closed
  std::atomic<std::int64_t> open_for_ns{0};
  std::atomic<bool> trial{false};
};

struct Slot {
  std::shared_ptr<const RouteTarget> target;
  std::shared_ptr<Breaker> breaker;  // shared with the router that a reload makes
};

// Targets of one model, and whose turn it is.
struct Group {
  std::vector<std::size_t> slots;
  std::vector<std::uint16_t> turns;  // slots by weight, spread evenly
  mutable std::atomic<std::uint32_t> turn{0};
  std::vector<std::string> fallbacks;
};

// Smooth weighted round robin (as nginx does it), laid out once: A A B A C for 3:1:1 rather than A A A B C.
std::vector<std::uint16_t> lay_out_turns(std::vector<int> weights) {
  int divisor = 0;
  for (const int weight : weights) divisor = std::gcd(divisor, weight);
  if (divisor == 0) return {};
  for (int& weight : weights) weight /= divisor;
  const int total = std::accumulate(weights.begin(), weights.end(), 0);
  std::vector<int> current(weights.size(), 0);
  std::vector<std::uint16_t> turns;
  for (int n = 0; n < total; ++n) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      current[i] += weights[i];
      if (current[i] > current[best]) best = i;
    }
    current[best] -= total;
    turns.push_back(static_cast<std::uint16_t>(best));
  }
  return turns;
}

std::unexpected<Error> reject(std::string what) {
  return fail(ErrorKind::invalid_input, "read the routes: " + what, "see routes in gateway.yaml");
}

}  // namespace

bool may_retry(Outcome outcome, bool anything_sent, bool anything_received) {
  if (outcome == Outcome::overloaded) return true;  // a whole answer came, and it was "not now"
  return outcome == Outcome::failed && !anything_sent && !anything_received;
}

struct Router::State {
  RouterOptions options;
  std::vector<Slot> slots;
  ByName<Group> groups;
  std::vector<std::string> models;  // in order of first appearance
  ByName<std::string> resolved;     // exact names and aliases -> model
  ByName<std::string> folded;       // the same in lower case
  ByName<std::string> defaults;     // task -> model

  std::int64_t now() const { return options.clock().time_since_epoch().count(); }
  const std::string* find(std::string_view name, std::string_view task) const;
  void add_group(Route& route, const std::string& model, std::int64_t at) const;
  std::optional<RouteStep> step_of(std::size_t slot, std::int64_t at) const;
  std::optional<RouteStep> first_to_close(const Route& route) const;
  Result<void> add_aliases();
  Result<void> add_fallbacks();
  Result<void> add_defaults();
};

Router::Router(std::unique_ptr<State> state) : state_(std::move(state)) {}
Router::~Router() = default;

Result<std::shared_ptr<Router>> Router::create(RouterOptions options, const Router* before) {
  auto state = std::make_unique<State>();
  if (!options.clock) options.clock = [] { return Clock::now(); };
  state->options = std::move(options);
  for (const RouteTarget& target : state->options.targets) {
    if (target.model.empty()) return reject("a target has no model name");
    if (target.weight < 0 || target.weight > 1000)
      return reject(
          fmt::format("the weight of {} is {}, and must be 0 to 1000", target.model, target.weight));
    auto breaker = std::make_shared<Breaker>();
    if (before)
      for (const Slot& old : before->state_->slots)
        if (old.target->engine == target.engine && old.target->model == target.model) breaker = old.breaker;
    Group& group = state->groups[target.model];
    if (group.slots.empty()) state->models.push_back(target.model);
    group.slots.push_back(state->slots.size());
    state->slots.push_back({std::make_shared<const RouteTarget>(target), std::move(breaker)});
    state->resolved.emplace(target.model, target.model);
  }
  for (auto& [model, group] : state->groups) {
    std::vector<int> weights;
    for (const std::size_t slot : group.slots) weights.push_back(state->slots[slot].target->weight);
    group.turns = lay_out_turns(std::move(weights));
  }
  TRY(state->add_aliases());
  TRY(state->add_fallbacks());
  TRY(state->add_defaults());
  for (const auto& [name, model] : state->resolved) state->folded.emplace(lower(name), model);
  return std::shared_ptr<Router>(new Router(std::move(state)));
}

Result<void> Router::State::add_aliases() {
  for (const auto& [alias, target] : options.aliases) {
    if (resolved.contains(alias))
      return reject(fmt::format("the alias {} is a model's name or given twice", alias));
    std::string name = target;
    for (std::size_t hops = 0; !resolved.contains(name); ++hops) {
      const auto next = std::ranges::find(options.aliases, name, [](const auto& pair) { return pair.first; });
      if (next == options.aliases.end())
        return reject(fmt::format("the alias {} means {}, which there is not", alias, name));
      if (hops > options.aliases.size()) return reject(fmt::format("the alias {} leads in a circle", alias));
      name = next->second;
    }
    resolved.emplace(alias, resolved.find(name)->second);
  }
  return {};
}

Result<void> Router::State::add_fallbacks() {
  for (const auto& [name, others] : options.fallbacks) {
    const auto from = resolved.find(name);
    if (from == resolved.end())
      return reject(fmt::format("fallbacks are given for {}, which there is not", name));
    for (const std::string& other : others) {
      const auto to = resolved.find(other);
      if (to == resolved.end())
        return reject(fmt::format("{} falls back to {}, which there is not", name, other));
      if (to->second != from->second) groups.find(from->second)->second.fallbacks.push_back(to->second);
    }
  }
  return {};
}

Result<void> Router::State::add_defaults() {
  for (const auto& [task, name] : options.defaults) {
    const auto to = resolved.find(name);
    if (to == resolved.end())
      return reject(fmt::format("the default for {} is {}, which there is not", task, name));
    defaults.insert_or_assign(task, to->second);
  }
  // A task without a default of its own takes the first model that does it.
  for (const Slot& slot : slots)
    for (const std::string& task : slot.target->tasks) defaults.emplace(task, slot.target->model);
  return {};
}

const std::string* Router::State::find(std::string_view name, std::string_view task) const {
  if (const auto found = resolved.find(name); found != resolved.end()) return &found->second;
  if (name == "auto" || name.starts_with("auto:")) {
    const auto found = defaults.find(name == "auto" ? task : name.substr(5));
    return found == defaults.end() ? nullptr : &found->second;
  }
  const auto found = folded.find(lower(name));
  return found == folded.end() ? nullptr : &found->second;
}

std::optional<RouteStep> Router::State::step_of(std::size_t slot, std::int64_t at) const {
  Breaker& breaker = *slots[slot].breaker;
  const auto until = breaker.open_until_ns.load(std::memory_order_relaxed);
  if (until == 0) return RouteStep{slots[slot].target, slot, false};
  if (at < until || breaker.trial.exchange(true, std::memory_order_acq_rel)) return std::nullopt;
  return RouteStep{slots[slot].target, slot, true};
}

void Router::State::add_group(Route& route, const std::string& model, std::int64_t at) const {
  const Group& group = groups.find(model)->second;
  const auto count = group.slots.size();
  // A trial is only taken as the first step: further back it would hold the breaker without being tried.
  const auto may_take = [&](std::size_t slot) -> std::optional<RouteStep> {
    if (!route.steps.empty() && slots[slot].breaker->open_until_ns.load(std::memory_order_relaxed) != 0)
      return std::nullopt;
    return step_of(slot, at);
  };
  std::size_t first = count;
  if (!group.turns.empty()) {
    const auto turn = group.turn.fetch_add(1, std::memory_order_relaxed);
    first = group.turns[turn % group.turns.size()];
    if (auto step = may_take(group.slots[first])) route.steps.push_back(*std::move(step));
  }
  // The others after it, those without weight last.
  for (const bool weightless : {false, true})
    for (std::size_t i = 1; i <= count; ++i) {
      const std::size_t index = first == count ? i - 1 : (first + i) % count;
      if (index == first) continue;
      const std::size_t slot = group.slots[index];
      if ((slots[slot].target->weight == 0) != weightless) continue;
      if (auto step = may_take(slot)) route.steps.push_back(*std::move(step));
    }
}

// When every breaker is open: the one that closes first, as a trial beside the ones there may be.
std::optional<RouteStep> Router::State::first_to_close(const Route& route) const {
  std::optional<RouteStep> best;
  auto soonest = std::numeric_limits<std::int64_t>::max();
  const auto consider = [&](const std::string& model) {
    for (const std::size_t slot : groups.find(model)->second.slots) {
      const auto until = slots[slot].breaker->open_until_ns.load(std::memory_order_relaxed);
      if (until >= soonest) continue;
      soonest = until;
      best = RouteStep{slots[slot].target, slot, false};
    }
  };
  consider(route.model);
  for (const std::string& other : groups.find(route.model)->second.fallbacks) consider(other);
  return best;
}

Result<Route> Router::resolve(std::string_view name, std::string_view task) const {
  const std::string* model = state_->find(name, task);
  if (!model)
    return fail(ErrorKind::not_found, fmt::format("find the model \"{}\": there is none of that name", name),
                names().empty() ? "no model is configured"
                                : fmt::format("there are: auto, {}", fmt::join(names(), ", ")));
  Route route{*model, {}};
  const std::int64_t at = state_->now();
  state_->add_group(route, *model, at);
  for (const std::string& other : state_->groups.find(*model)->second.fallbacks)
    state_->add_group(route, other, at);
  if (route.steps.empty())
    if (auto step = state_->first_to_close(route)) route.steps.push_back(*std::move(step));
  return route;
}

void Router::report(const RouteStep& step, Outcome outcome) const {
  Breaker& breaker = *state_->slots[step.slot].breaker;
  switch (outcome) {
    case Outcome::abandoned:
      if (step.trial) breaker.trial.store(false, std::memory_order_release);
      return;
    case Outcome::answered:
    case Outcome::overloaded:
      // Relaxed loads first: a healthy engine's breaker is only ever read.
      if (breaker.failures.load(std::memory_order_relaxed) != 0)
        breaker.failures.store(0, std::memory_order_relaxed);
      if (breaker.open_until_ns.load(std::memory_order_relaxed) != 0) {
        breaker.open_for_ns.store(0, std::memory_order_relaxed);
        breaker.open_until_ns.store(0, std::memory_order_relaxed);
      }
      if (step.trial) breaker.trial.store(false, std::memory_order_release);
      return;
    case Outcome::failed: break;
  }
  const int failures = breaker.failures.fetch_add(1, std::memory_order_relaxed) + 1;
  if (step.trial || failures == state_->options.breaker_failures) {
    using std::chrono::nanoseconds;
    const std::int64_t first = nanoseconds(state_->options.breaker_open).count();
    const std::int64_t longest = nanoseconds(state_->options.breaker_longest).count();
    const std::int64_t before = breaker.open_for_ns.load(std::memory_order_relaxed);
    const std::int64_t open_for = before == 0 ? first : std::min(longest, before * 2);
    breaker.open_for_ns.store(open_for, std::memory_order_relaxed);
    breaker.open_until_ns.store(state_->now() + open_for, std::memory_order_relaxed);
  }
  if (step.trial) breaker.trial.store(false, std::memory_order_release);
}

std::vector<Router::TargetState> Router::states() const {
  std::vector<TargetState> out;
  const std::int64_t at = state_->now();
  for (const Slot& slot : state_->slots) {
    const auto until = slot.breaker->open_until_ns.load(std::memory_order_relaxed);
    const auto left = std::chrono::nanoseconds(until > at ? until - at : 0);
    out.push_back({*slot.target,
                   until == 0   ? "closed"
                   : until > at ? "open"
                                : "trial",
                   slot.breaker->failures.load(std::memory_order_relaxed),
                   std::chrono::duration_cast<std::chrono::milliseconds>(left)});
  }
  return out;
}

std::vector<std::string> Router::names() const {
  std::vector<std::string> out = state_->models;
  for (const auto& [alias, target] : state_->options.aliases) out.push_back(alias);
  return out;
}

}  // namespace studio
