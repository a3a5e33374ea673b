// Makes any plan renderable and fit the brief; every change is recorded.
#include "editing/repair.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "editing/choose.h"
#include "editing/compose.h"
#include "editing/plan_cuts.h"
#include "render/effect_registry.h"
#include "render/render.h"

namespace studio {
namespace {

constexpr double kFlashS = 0.25;  // film of a neighbouring shot shorter than this is a flash, not a view

std::string nearest_effect(const std::string& id) {
  static const std::pair<std::string_view, std::string_view> kOther[] = {{"grayscale", "black_and_white"},
                                                                         {"greyscale", "black_and_white"},
                                                                         {"bw", "black_and_white"},
                                                                         {"black_white", "black_and_white"},
                                                                         {"zoom", "zoom_punch"},
                                                                         {"punch", "zoom_punch"},
                                                                         {"zoom_in", "slow_zoom"},
                                                                         {"ken_burns", "slow_zoom"},
                                                                         {"camera_shake", "shake"},
                                                                         {"white_flash", "flash"},
                                                                         {"color_boost", "saturation"},
                                                                         {"saturate", "saturation"},
                                                                         {"mosaic", "pixelate"},
                                                                         {"flip", "mirror"},
                                                                         {"bars", "letterbox"},
                                                                         {"gaussian_blur", "blur"}};
  for (auto [other, known] : kOther)
    if (id == other) return std::string(known);
  auto plain = [](std::string_view text) {
    std::string out;
    for (char c : text)
      if (std::isalnum(static_cast<unsigned char>(c)))
        out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  };
  for (const EffectInfo& info : effect_catalog())
    if (plain(info.id) == plain(id)) return info.id;
  return {};
}

class Repairer {
 public:
  Repairer(EditPlan plan, const Brief& brief, std::span<const EditSource> sources)
      : plan_(std::move(plan)), brief_(brief), sources_(sources) {}

  Result<RepairedPlan> run() {
    if (sources_.empty())
      return fail(ErrorKind::invalid_input, "repair the plan: it has no source", "name at least one clip");
    plan_.sources = plan_sources(sources_);
    ids();
    TRY(refuse_broken_locked());
    for (Decision& d : plan_.decisions)
      if (!d.params.is_object()) d.params = Json::object();
    cuts();
    speeds();
    film();
    others();
    std::vector<std::string> notes;
    apply_wishes(plan_, brief_, sources_, notes);
    for (const std::string& note : notes)
      record("", note,
             plan_.origin == "model" ? "the goal asks for it; the model's plan had none"
                                     : "the goal asks for it");
    place_in_output();
    leftovers();
    RepairedPlan out;
    if (auto checked = check_plan(plan_, sources_); !checked)
      return std::unexpected(with_context(checked.error(), "repair the plan"));
    out.unmet = std::move(unmet_);
    plan_.brief = to_json(brief_);
    out.plan = std::move(plan_);
    return out;
  }

 private:
  void record(const std::string& decision, std::string what, std::string why) {
    plan_.repairs.push_back(
        {.decision = decision, .what = std::move(what), .why = std::move(why), .extra = nullptr});
  }

  void ids() {
    std::set<std::string> seen;
    for (Decision& d : plan_.decisions) {
      if (!d.id.empty() && seen.insert(d.id).second) continue;
      std::string old = d.id;
      for (int n = 1;; ++n) {
        d.id = fmt::format("d{}", n);
        if (std::ranges::count(plan_.decisions, d.id, &Decision::id) == 1 && seen.insert(d.id).second) break;
      }
      record(d.id, fmt::format("renamed from \"{}\"", old), "two decisions had this id");
    }
  }

  Result<void> refuse_broken_locked() {
    for (const PlanProblem& problem : problems_of(plan_, sources_)) {
      auto d = std::ranges::find(plan_.decisions, problem.decision, &Decision::id);
      if (d == plan_.decisions.end() || !d->locked) continue;
      return fail(
          ErrorKind::invalid_input,
          fmt::format("repair the plan: the locked decision {} cannot be rendered: {}", d->id, problem.what),
          problem.hint.empty() ? "unlock or mend it" : problem.hint);
    }
    return {};
  }

  // False: the cut must go.
  bool mend_cut(Decision& d, std::string& why) {
    const EditSource* source = find_source(sources_, text_param(d, "source"));
    if (!source) {
      if (sources_.size() > 1 && has_param(d, "source")) return why = "its source is unknown", false;
      source = &sources_.front();
      if (has_param(d, "source")) record(d.id, "source set to " + source->id, "there is no other");
      d.params["source"] = source->id;
    }
    const Shot* shot = nullptr;
    for (const Shot& s : source->analysis.shots)
      if (s.id == text_param(d, "shot")) shot = &s;
    if (!shot && has_param(d, "shot")) {
      record(d.id, fmt::format("dropped the unknown shot {}", d.params["shot"].dump()),
             source->id + " has no such shot");
      d.params.erase("shot");
    }
    bool times = has_param(d, "start_s") && has_param(d, "end_s") && d.params["start_s"].is_number() &&
                 d.params["end_s"].is_number();
    if (!times) {
      if (!shot) return why = "it says neither times nor a shot", false;
      d.params["start_s"] = shot->start.seconds();
      d.params["end_s"] = shot->end.seconds();
      record(d.id, "took the times of " + shot->id, "it had none");
    }
    double start = number_param(d, "start_s", 0), end = number_param(d, "end_s", 0);
    if (end < start) {
      std::swap(start, end);
      record(d.id, "swapped start and end", "the end lay before the start");
    }
    double low = source->media.available.start.seconds(), high = source->media.available.end().seconds();
    if (start >= high || end <= low)
      return why = fmt::format("{:g} to {:g} s lies outside of {} ({:.2f} s)", start, end, source->id, high),
             false;
    if (start < low || end > high) {
      record(d.id, fmt::format("moved {:g} to {:g} s into the clip", start, end),
             fmt::format("{} is {:.2f} s long", source->id, high));
      start = std::max(start, low);
      end = std::min(end, high);
    }
    if (end - start < 0.02) return why = "it is shorter than a frame", false;
    // A few frames of the neighbouring shot flash up at a cut: off they go.
    for (const Shot& s : source->analysis.shots) {
      double edge = s.start.seconds();
      if (edge - start > 1e-6 && edge - start < kFlashS && end - edge > kFlashS) {
        record(d.id, fmt::format("starts at the shot boundary {:.3f} s", edge),
               "a flash of the shot before would be seen");
        start = edge;
      }
      if (end - edge > 1e-6 && end - edge < kFlashS && edge - start > kFlashS) {
        record(d.id, fmt::format("ends at the shot boundary {:.3f} s", edge),
               "a flash of the next shot would be seen");
        end = edge;
      }
    }
    d.params["start_s"] = start;
    d.params["end_s"] = end;
    return true;
  }

  void cuts() {
    std::vector<Decision> kept;
    for (Decision& d : plan_.decisions) {
      std::string why;
      if (d.type == DecisionType::cut && !d.locked && !mend_cut(d, why)) {
        record(d.id, "dropped the cut", why);
        continue;
      }
      kept.push_back(std::move(d));
    }
    plan_.decisions = std::move(kept);
  }

  std::set<std::string> cut_ids() const {
    std::set<std::string> ids;
    for (const Decision& d : plan_.decisions)
      if (d.type == DecisionType::cut) ids.insert(d.id);
    return ids;
  }

  void speeds() {
    auto ids = cut_ids();
    std::vector<Decision> kept;
    for (Decision& d : plan_.decisions) {
      if (d.type == DecisionType::effect && !d.locked) retime_effect(d);
      if (d.type != DecisionType::speed || d.locked) {
        kept.push_back(std::move(d));
        continue;
      }
      std::string target = text_param(d, "target", "all");
      bool says = has_param(d, "factor") || has_param(d, "ramp") || flag_param(d, "reverse", false) ||
                  has_param(d, "freeze_at_s");
      if (!says || (target != "all" && !ids.contains(target))) {
        record(d.id, "dropped the speed", says ? "its target is no cut" : "it says no speed");
        continue;
      }
      if (has_param(d, "factor")) {
        double factor = number_param(d, "factor", 1), sane = std::clamp(factor, 0.05, 50.0);
        if (!d.params["factor"].is_number() || factor != sane) {
          record(d.id, fmt::format("speed {:g} became {:g}", factor, sane),
                 "speeds from 0.05 to 50 are rendered");
          d.params["factor"] = sane;
        }
      }
      if (has_param(d, "freeze_at_s")) {
        double hold = std::clamp(number_param(d, "hold_s", 1), 0.05, 600.0);
        d.params["hold_s"] = hold;
        d.params["freeze_at_s"] = std::max(0.0, number_param(d, "freeze_at_s", 0));
        if (target == "all") d.params["target"] = ids.empty() ? "all" : *ids.begin();
      }
      kept.push_back(std::move(d));
    }
    plan_.decisions = std::move(kept);
  }

  // "effect: reverse" and "effect: speed" are meant as speed decisions.
  void retime_effect(Decision& d) {
    std::string id = text_param(d, "effect");
    if (id != "reverse" && id != "speed" && id != "freeze" && id != "slow_motion" && id != "ramp") return;
    Json params{{"target", text_param(d, "target", "all")}};
    if (id == "reverse") params["reverse"] = true;
    if (id == "speed") params["factor"] = number_param(d, "factor", 2);
    if (id == "slow_motion") params["factor"] = 0.5;
    if (id == "ramp") params["factor"] = number_param(d, "to", 2);
    if (id == "freeze")
      params["freeze_at_s"] = number_param(d, "at_s", 0), params["hold_s"] = number_param(d, "hold_s", 1);
    record(d.id, fmt::format("\"{}\" became a speed decision", id), "it changes time");
    d.type = DecisionType::speed;
    d.params = params;
  }

  void film() {
    Preference preference;
    preference.own_order = true;
    preference.own_length = true;
    for (const Decision& d : plan_.decisions)
      if (d.type == DecisionType::transition && text_param(d, "where", "between") == "between")
        preference.handle_s =
            std::max(preference.handle_s, std::clamp(number_param(d, "duration_s", 0.5), 0.0, 2.0) / 2);
    std::vector<WorkCut> work = work_cuts(plan_);
    if (work.empty()) {
      record("", "chose film by rules", "the plan showed none that can be used");
      preference.own_order = preference.own_length = false;
      work = choose_cuts(brief_, sources_, preference, plan_.seed);
    }
    for (WorkCut& cut : work)
      if (std::ranges::any_of(plan_.decisions, [&](const Decision& d) {
            return d.type == DecisionType::speed && d.locked &&
                   (text_param(d, "target", "all") == "all" || text_param(d, "target") == cut.id);
          }))
        locked_speeds_.insert(cut.id);
    if (settled_by_hand(work)) return;
    double before = 0;
    for (const WorkCut& cut : work) before += cut.output_s();
    SettledCuts settled = settle_cuts(std::move(work), brief_, sources_, preference, plan_.seed);
    for (const std::string& note : settled.notes)
      record("", note, "the goal asks for it, or film would be shown twice");
    for (Unmet& unmet : settled.unmet) unmet_.push_back(std::move(unmet));
    std::set<std::string> had = cut_ids();
    write_cuts(plan_, settled.cuts, sources_);
    for (const std::string& id : had)
      if (!cut_ids().contains(id))
        record(id, "dropped the cut", "the others fit the length and the wishes better");
    double after = total_output_s(settled.cuts);
    if (std::abs(after - before) > 0.02 && brief_.length)
      record("", fmt::format("brought the length from {:.2f} to {:.2f} s", before, after),
             fmt::format("{:g} s are wanted", brief_.length->target_s));
  }

  // Every piece is locked, and what they show and how long is what is wanted: there is nothing to choose.
  bool settled_by_hand(const std::vector<WorkCut>& work) const {
    if (!std::ranges::all_of(work, &WorkCut::locked)) return false;
    const double length = output_length_s(plan_, sources_);
    if (brief_.length && (length < brief_.length->min_s - 0.02 || length > brief_.length->max_s + 0.02))
      return false;
    return std::ranges::all_of(brief_.keep, [&](const SpanWish& span) {
      return std::ranges::any_of(work, [&](const WorkCut& cut) {
        return cut.source == span.source && cut.start_s < span.end_s - 0.02 &&
               span.start_s < cut.end_s - 0.02;
      });
    });
  }

  void others() {
    auto ids = cut_ids();
    auto order = cuts_in_order(plan_);
    std::vector<Decision> kept;
    std::set<std::string> joined;
    for (Decision& d : plan_.decisions) {
      std::string why;
      if (!d.locked && !mend_other(d, ids, order, joined, why)) {
        record(d.id, fmt::format("dropped the {}", name_of(d.type)), why);
        continue;
      }
      kept.push_back(std::move(d));
    }
    plan_.decisions = std::move(kept);
  }

  bool mend_other(Decision& d, const std::set<std::string>& ids, const std::vector<CutView>& order,
                  std::set<std::string>& joined, std::string& why) {
    bool targeted = d.type == DecisionType::effect || d.type == DecisionType::composite ||
                    (d.type == DecisionType::audio && has_param(d, "target"));
    if (targeted && text_param(d, "layout") != "frame") {
      std::string target = text_param(d, "target", "all");
      if (target != "all" && !ids.contains(target))
        return why = fmt::format("its target \"{}\" is not in the plan", target), false;
    }
    if (d.type == DecisionType::effect) return mend_effect(d, why);
    if (d.type == DecisionType::transition) {
      std::string where = text_param(d, "where", "between");
      const auto& known = transition_catalog();
      std::string kind = text_param(d, "kind", "crossfade");
      if (std::ranges::find(known, kind) == known.end()) {
        record(d.id, fmt::format("\"{}\" became a crossfade", kind), "there is no such transition");
        d.params["kind"] = "crossfade";
      }
      double duration = std::clamp(number_param(d, "duration_s", 0.5), 0.04, 10.0);
      if (where == "start" || where == "end") {
        if (has_param(d, "color") && !parse_color(text_param(d, "color"))) {
          record(d.id, "the fade's colour became black", fmt::format("{} is none", d.params["color"].dump()));
          d.params["color"] = "black";
        }
        return d.params["duration_s"] = duration, true;
      }
      auto cut = std::ranges::find(order, text_param(d, "after"), &CutView::id);
      if (cut == order.end()) return why = "it stands after no cut", false;
      if (cut + 1 == order.end()) return why = "nothing comes after it", false;
      if (!joined.insert(cut->id).second) return why = "there is one already", false;
      double most = 0.8 * std::min(cut->output_s(), (cut + 1)->output_s());
      if (duration > most)
        record(d.id, fmt::format("shortened to {:.2f} s", most), "the pieces beside it are short");
      d.params["duration_s"] = std::min(duration, most);
    }
    if (d.type == DecisionType::text_overlay) {
      std::string kind = text_param(d, "kind", "title");
      if (kind != "title" && kind != "lower_third" && kind != "caption" && kind != "subtitles") {
        record(d.id, fmt::format("\"{}\" became a title", kind), "there is no such text");
        d.params["kind"] = "title";
      }
      if (kind != "subtitles" && text_param(d, "text").empty()) return why = "it has no text", false;
    }
    if (d.type == DecisionType::concatenate) return why = "the cuts stand in playing order", false;
    return true;
  }

  bool mend_effect(Decision& d, std::string& why) {
    std::string id = text_param(d, "effect");
    const auto& catalog = effect_catalog();
    auto info = std::ranges::find(catalog, id, &EffectInfo::id);
    if (info == catalog.end()) {
      std::string other = nearest_effect(id);
      if (other.empty()) return why = fmt::format("there is no effect \"{}\"", id), false;
      record(d.id, fmt::format("\"{}\" became {}", id, other), "there is no effect of that name");
      d.params["effect"] = other;
      info = std::ranges::find(catalog, other, &EffectInfo::id);
    }
    if (info->step == "retime") return why = "it changes time, which is a speed decision", false;
    std::vector<std::string> gone;
    for (auto& [key, value] : d.params.items()) {
      if (key == "target" || key == "effect" || key == "at_s" || key == "duration_s" || key == "anchor")
        continue;
      auto parameter = std::ranges::find(info->params, key, &EffectParameter::name);
      bool fits = parameter != info->params.end() &&
                  (value.is_number() ? !parameter->text : value.is_string() && parameter->text);
      if (fits && value.is_string() && !parameter->choices.empty())
        fits = std::ranges::find(parameter->choices, value.get<std::string>()) != parameter->choices.end();
      if (!fits) {
        gone.push_back(key);
        continue;
      }
      if (!value.is_number()) continue;
      double number = value.get<double>(),
             sane = std::clamp(std::isfinite(number) ? number : parameter->fallback, parameter->minimum,
                               parameter->maximum);
      if (sane != number) {
        record(d.id, fmt::format("{} {:g} became {:g}", key, number, sane), "outside of its range");
        value = sane;
      }
    }
    for (const std::string& key : gone) {
      d.params.erase(key);
      record(d.id, fmt::format("dropped {}", key), fmt::format("{} has no such parameter", info->id));
    }
    return true;
  }

  // Times of the output that lie beyond its end move to it.
  void place_in_output() {
    double length = output_length_s(plan_, sources_);
    auto pieces = cuts_in_order(plan_);
    for (Decision& d : plan_.decisions) {
      if (d.locked || !has_param(d, "at_s")) continue;
      double limit = length;
      if (std::string target = text_param(d, "target", "all"); target != "all")
        if (auto cut = std::ranges::find(pieces, target, &CutView::id); cut != pieces.end())
          limit = cut->output_s();
      double at = number_param(d, "at_s", 0), duration = number_param(d, "duration_s", 0);
      double sane = std::clamp(at, 0.0, std::max(0.0, limit - std::min(std::max(duration, 0.3), limit)));
      if (at < limit - 0.05 && at >= 0) sane = at;
      if (sane != at) {
        record(d.id, fmt::format("moved from {:.2f} to {:.2f} s", at, sane),
               fmt::format("that part ends at {:.2f} s", limit));
        d.params["at_s"] = sane;
      }
      if (has_param(d, "duration_s") && sane + duration > limit + 0.01)
        d.params["duration_s"] = std::max(0.05, limit - sane);
    }
  }

  // What still stands in the way goes; locked decisions were looked at first.
  void leftovers() {
    for (int round = 0; round < 3; ++round) {
      auto problems = problems_of(plan_, sources_);
      if (problems.empty()) return;
      for (const PlanProblem& problem : problems) {
        auto d = std::ranges::find(plan_.decisions, problem.decision, &Decision::id);
        if (d == plan_.decisions.end() || d->locked) continue;
        record(d->id, fmt::format("dropped the {}", name_of(d->type)), problem.what);
        if (d->type == DecisionType::audio && text_param(*d, "action") == "music")
          unmet_.push_back({"music " + text_param(*d, "path"), problem.what});
        plan_.decisions.erase(d);
      }
    }
  }

  EditPlan plan_;
  const Brief& brief_;
  std::span<const EditSource> sources_;
  std::vector<Unmet> unmet_;
  std::set<std::string> locked_speeds_;
};

}  // namespace

Result<RepairedPlan> repair_plan(EditPlan plan, const Brief& brief, std::span<const EditSource> sources) {
  return Repairer(std::move(plan), brief, sources).run();
}

}  // namespace studio
