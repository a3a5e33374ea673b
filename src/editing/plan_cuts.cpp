// From decisions to played cuts, and from cuts to pieces with output times.
#include "editing/plan_cuts.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "editing/repair.h"

namespace studio {
namespace {

// Time to play `length` seconds of source while the speed goes linearly from a to b.
double ramp_time(double length, double a, double b) {
  if (length <= 0) return 0;
  if (std::abs(b - a) < 1e-9) return length / a;
  return length * std::log(b / a) / (b - a);
}

bool usable_speed(double factor) {
  return std::isfinite(factor) && factor >= 0.01 && factor <= 100;
}

void apply_speed(const Decision& speed, std::vector<CutView>& cuts) {
  std::string target = text_param(speed, "target", "all");
  for (CutView& cut : cuts) {
    if (target != "all" && target != cut.id) continue;
    if (double factor = number_param(speed, "factor", 0); usable_speed(factor)) cut.factor = factor;
    cut.keep_pitch = flag_param(speed, "keep_pitch", cut.keep_pitch);
    if (flag_param(speed, "reverse", false)) cut.reverse = true;
    if (has_param(speed, "ramp") && speed.params["ramp"].is_array()) {
      cut.ramp.clear();
      for (const Json& key : speed.params["ramp"]) {
        if (!key.is_array() || key.size() != 2 || !key[0].is_number() || !key[1].is_number()) continue;
        double at = key[0].get<double>(), factor = key[1].get<double>();
        if (!std::isfinite(at) || at < 0 || !usable_speed(factor)) continue;
        if (!cut.ramp.empty() && at <= cut.ramp.back().first) continue;
        cut.ramp.emplace_back(at, factor);
      }
    }
    double hold = number_param(speed, "hold_s", 0);
    if (has_param(speed, "freeze_at_s") && hold > 0)
      cut.freezes.emplace_back(std::max(0.0, number_param(speed, "freeze_at_s", 0)), hold);
  }
}

}  // namespace

double CutView::played_s() const {
  double length = source_s();
  if (length <= 0) return 0;
  if (ramp.empty()) return length / factor;
  double total = 0, at = 0, speed = ramp.front().second;
  for (const auto& [key, next] : ramp) {
    double end = std::min(key, length);
    if (end > at) {
      // The speed reached at `end` when the shot stops before the key.
      double reached = key > at ? speed + (next - speed) * (end - at) / (key - at) : next;
      total += ramp_time(end - at, speed, reached);
      at = end;
      speed = reached;
    }
    if (key >= length) break;
    speed = next;
  }
  if (at < length) total += (length - at) / speed;
  return total;
}

double CutView::output_s() const {
  double total = played_s();
  for (const auto& [at, hold] : freezes) total += hold;
  return total;
}

std::vector<CutView> cuts_in_order(const EditPlan& plan) {
  std::vector<CutView> cuts;
  for (std::size_t i = 0; i < plan.decisions.size(); ++i) {
    const Decision& d = plan.decisions[i];
    if (d.type != DecisionType::cut) continue;
    CutView cut;
    cut.decision = i;
    cut.id = d.id;
    cut.source = text_param(d, "source", plan.sources.empty() ? "s1" : plan.sources.front().id);
    cut.shot = text_param(d, "shot");
    cut.start_s = number_param(d, "start_s", 0);
    cut.end_s = number_param(d, "end_s", 0);
    cut.locked = d.locked;
    if (cut.end_s > cut.start_s) cuts.push_back(std::move(cut));
  }
  for (const Decision& d : plan.decisions) {
    if (d.type != DecisionType::concatenate || !d.params.is_object() || !d.params.contains("order")) continue;
    const Json& order = d.params["order"];
    if (!order.is_array()) continue;
    std::vector<CutView> ordered;
    for (const Json& id : order) {
      if (!id.is_string()) continue;
      auto found = std::ranges::find(cuts, id.get<std::string>(), &CutView::id);
      if (found == cuts.end()) continue;
      ordered.push_back(*found);
      cuts.erase(found);
    }
    // Cuts that the order forgot play after it rather than vanish.
    ordered.insert(ordered.end(), cuts.begin(), cuts.end());
    cuts = std::move(ordered);
  }
  for (const Decision& d : plan.decisions)
    if (d.type == DecisionType::speed) apply_speed(d, cuts);
  for (CutView& cut : cuts) {
    for (auto& [at, hold] : cut.freezes) at = std::min(at, cut.played_s());
    std::ranges::sort(cut.freezes);
  }
  return cuts;
}

double number_param(const Decision& decision, const char* key, double fallback) {
  if (!decision.params.is_object()) return fallback;
  auto it = decision.params.find(key);
  if (it == decision.params.end() || !it->is_number()) return fallback;
  double value = it->get<double>();
  return std::isfinite(value) ? value : fallback;
}

std::string text_param(const Decision& decision, const char* key, const std::string& fallback) {
  if (!decision.params.is_object()) return fallback;
  auto it = decision.params.find(key);
  return it != decision.params.end() && it->is_string() ? it->get<std::string>() : fallback;
}

bool flag_param(const Decision& decision, const char* key, bool fallback) {
  if (!decision.params.is_object()) return fallback;
  auto it = decision.params.find(key);
  return it != decision.params.end() && it->is_boolean() ? it->get<bool>() : fallback;
}

bool has_param(const Decision& decision, const char* key) {
  return decision.params.is_object() && decision.params.contains(key) && !decision.params[key].is_null();
}

std::string fresh_id(const EditPlan& plan, const std::string& prefix) {
  for (int n = 1;; ++n) {
    std::string id = prefix + std::to_string(n);
    if (std::ranges::none_of(plan.decisions, [&](const Decision& d) { return d.id == id; })) return id;
  }
}

std::vector<Piece> pieces_of(const EditPlan& plan, std::span<const EditSource>) {
  std::vector<Piece> pieces;
  double at = 0;
  for (const CutView& cut : cuts_in_order(plan)) {
    auto add = [&](double source_start, double source_end, double length, bool freeze) {
      if (length <= 1e-9) return;
      Piece piece{cut.id, cut.source,  cut.shot, source_start, source_end,
                  at,     at + length, 1,        cut.reverse,  freeze};
      piece.factor = freeze ? 0 : (source_end - source_start) / length;
      pieces.push_back(piece);
      at += length;
    };
    double played = cut.played_s(), from = 0;
    // Constant speed inside the cut is exact; in a ramp the hold's place in the source is by its mean.
    auto source_at = [&](double t) {
      double share = played > 0 ? t / played : 0;
      return cut.reverse ? cut.end_s - share * cut.source_s() : cut.start_s + share * cut.source_s();
    };
    for (const auto& [freeze_at, hold] : cut.freezes) {
      double a = source_at(from), b = source_at(freeze_at);
      add(std::min(a, b), std::max(a, b), freeze_at - from, false);
      add(b, b, hold, true);
      from = freeze_at;
    }
    double a = source_at(from), b = source_at(played);
    add(std::min(a, b), std::max(a, b), played - from, false);
  }
  return pieces;
}

double output_length_s(const EditPlan& plan, std::span<const EditSource>) {
  double total = 0;
  for (const CutView& cut : cuts_in_order(plan)) total += cut.output_s();
  return total;
}

}  // namespace studio
