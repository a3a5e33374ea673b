// What keeps a plan from being rendered: each decision against the sources and the catalogs.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "editing/plan_cuts.h"
#include "editing/repair.h"
#include "render/effect_registry.h"
#include "render/render.h"

namespace studio {
namespace {

constexpr double kSlack = 0.05;  // seconds: what rounding in a hand-written plan may overshoot
constexpr std::size_t kMostDecisions = 20000;

const EffectInfo* effect_named(std::string_view id) {
  for (const EffectInfo& info : effect_catalog())
    if (info.id == id) return &info;
  return nullptr;
}

class Checker {
 public:
  Checker(const EditPlan& plan, std::span<const EditSource> sources) : plan_(plan), sources_(sources) {}

  std::vector<PlanProblem> run() {
    if (plan_.decisions.size() > kMostDecisions) {
      say("", fmt::format("the plan has {} decisions", plan_.decisions.size()),
          fmt::format("up to {} are rendered", kMostDecisions));
      return std::move(problems_);
    }
    std::set<std::string> ids;
    bool any_cut = false;
    for (const Decision& d : plan_.decisions) {
      if (!ids.insert(d.id).second)
        say(d.id, "this id is used twice", "give every decision an id of its own");
      if (!d.params.is_object()) {
        say(d.id, "params is not an object", "write {\"name\": value}");
        continue;
      }
      if (d.type == DecisionType::cut) cuts_.insert(d.id), any_cut = true;
    }
    if (!any_cut)
      say("", "the plan has no cut, so nothing would be seen", "add a cut {source, start_s, end_s}");
    for (const Decision& d : plan_.decisions)
      if (d.params.is_object()) check(d);
    length_ = output_length_s(plan_, sources_);
    for (const Decision& d : plan_.decisions)
      if (d.params.is_object()) check_times(d);
    return std::move(problems_);
  }

 private:
  void say(const std::string& decision, std::string what, std::string hint = {}) {
    problems_.push_back({decision, std::move(what), std::move(hint)});
  }

  void check(const Decision& d) {
    switch (d.type) {
      case DecisionType::cut: cut(d); break;
      case DecisionType::speed: speed(d); break;
      case DecisionType::concatenate: concatenate(d); break;
      case DecisionType::effect: effect(d); break;
      case DecisionType::transition: transition(d); break;
      case DecisionType::text_overlay: text(d); break;
      case DecisionType::composite: composite(d); break;
      case DecisionType::audio: audio(d); break;
    }
  }

  bool number(const Decision& d, const char* key, double low, double high, bool required,
              const char* unit = "s") {
    auto it = d.params.find(key);
    if (it == d.params.end() || it->is_null()) {
      if (required) say(d.id, fmt::format("{} is missing", key), fmt::format("give {} in {}", key, unit));
      return !required;
    }
    if (!it->is_number() || !std::isfinite(it->get<double>())) {
      say(d.id, fmt::format("{} is not a number", key), fmt::format("give {} in {}", key, unit));
      return false;
    }
    double value = it->get<double>();
    if (value < low || value > high) {
      say(d.id, fmt::format("{} is {:g}, outside of {:g} to {:g}", key, value, low, high),
          fmt::format("give {:g} to {:g} {}", low, high, unit));
      return false;
    }
    return true;
  }

  void cut(const Decision& d) {
    std::string id = text_param(d, "source", sources_.size() == 1 ? sources_[0].id : "");
    const EditSource* source = find_source(sources_, id);
    if (!source) {
      std::vector<std::string> known;
      for (const EditSource& s : sources_) known.push_back(s.id);
      return say(d.id, fmt::format("there is no source \"{}\"", id),
                 fmt::format("the sources are {}", fmt::join(known, ", ")));
    }
    double low = source->media.available.start.seconds(), high = source->media.available.end().seconds();
    if (!number(d, "start_s", -1e9, 1e9, true) || !number(d, "end_s", -1e9, 1e9, true)) return;
    double start = number_param(d, "start_s", 0), end = number_param(d, "end_s", 0);
    if (end <= start)
      return say(d.id, fmt::format("end_s {:g} does not lie after start_s {:g}", end, start),
                 "swap or move them");
    if (start < low - kSlack || end > high + kSlack)
      say(d.id,
          fmt::format("{:g} to {:g} s lies outside of {} ({:.2f} to {:.2f} s)", start, end,
                      source->analysis.source.path, low, high),
          "keep start_s and end_s inside the clip");
    if (std::string shot = text_param(d, "shot");
        !shot.empty() && source->watched &&
        std::ranges::none_of(source->analysis.shots, [&](const Shot& s) { return s.id == shot; }))
      say(d.id, fmt::format("{} has no shot \"{}\"", id, shot),
          "leave `shot` out or name one of the analysis");
  }

  void target(const Decision& d) {
    std::string target = text_param(d, "target", "all");
    if (target != "all" && !cuts_.contains(target))
      say(d.id, fmt::format("its target \"{}\" is no cut of this plan", target), "name a cut or \"all\"");
  }

  void speed(const Decision& d) {
    target(d);
    bool any = has_param(d, "factor") || has_param(d, "ramp") || has_param(d, "reverse") ||
               has_param(d, "freeze_at_s");
    if (!any) say(d.id, "it says no speed", "give factor, ramp, reverse or freeze_at_s");
    number(d, "factor", 0.01, 100, false, "times");
    number(d, "freeze_at_s", 0, 1e6, false);
    if (has_param(d, "freeze_at_s")) number(d, "hold_s", 0.01, 3600, true);
    if (!has_param(d, "ramp")) return;
    const Json& ramp = d.params["ramp"];
    double before = -1;
    bool ok = ramp.is_array() && !ramp.empty() && ramp.size() <= 1000;
    if (ok)
      for (const Json& key : ramp) {
        ok = ok && key.is_array() && key.size() == 2 && key[0].is_number() && key[1].is_number();
        if (!ok) break;
        double at = key[0].get<double>(), factor = key[1].get<double>();
        ok = std::isfinite(at) && at >= 0 && at > before && factor >= 0.01 && factor <= 100;
        before = at;
      }
    if (!ok)
      say(d.id, "ramp is not a list of [seconds, speed] with growing seconds and speeds from 0.01 to 100",
          "write [[0, 1], [2, 3]]");
  }

  void concatenate(const Decision& d) {
    if (!has_param(d, "order") || !d.params["order"].is_array())
      return say(d.id, "order is missing", "list the ids of the cuts");
    std::set<std::string> seen;
    for (const Json& id : d.params["order"]) {
      if (!id.is_string() || !cuts_.contains(id.get<std::string>()))
        say(d.id, fmt::format("order names {}, which is no cut", id.dump()), "list the ids of the cuts");
      else if (!seen.insert(id.get<std::string>()).second)
        say(d.id, fmt::format("order names {} twice", id.dump()), "make a second cut to show film twice");
    }
  }

  void effect(const Decision& d) {
    target(d);
    std::string id = text_param(d, "effect");
    const EffectInfo* info = effect_named(id);
    if (!info) {
      std::vector<std::string> known;
      for (const EffectInfo& e : effect_catalog()) known.push_back(e.id);
      return say(d.id, fmt::format("there is no effect \"{}\"", id),
                 fmt::format("known effects: {}", fmt::join(known, ", ")));
    }
    if (info->step == "retime")
      return say(d.id, fmt::format("\"{}\" changes time, which is a speed decision", id),
                 "use type \"speed\"");
    if (info->id == "duck")
      return say(d.id, "\"duck\" acts on music", "use an audio decision {action: music, duck: true}");
    for (const auto& [key, value] : d.params.items()) {
      if (key == "target" || key == "effect" || key == "at_s" || key == "duration_s" || key == "anchor" ||
          value.is_null())
        continue;
      auto parameter = std::ranges::find(info->params, key, &EffectParameter::name);
      if (parameter == info->params.end()) {
        say(d.id, fmt::format("{} has no parameter \"{}\"", id, key), "see `studio list effects`");
      } else if (value.is_number()) {
        if (parameter->text)
          say(d.id, fmt::format("{} of {} is a text", key, id), "see `studio list effects`");
        else
          number(d, key.c_str(), parameter->minimum, parameter->maximum, false, parameter->unit.c_str());
      } else if (value.is_string()) {
        bool known =
            parameter->choices.empty() ||
            std::ranges::find(parameter->choices, value.get<std::string>()) != parameter->choices.end();
        if (!parameter->text || !known)
          say(d.id, fmt::format("{} of {} cannot be {}", key, id, value.dump()), "see `studio list effects`");
      } else {
        say(d.id, fmt::format("{} of {} cannot be {}", key, id, value.dump()), "give a number or a text");
      }
    }
  }

  void transition(const Decision& d) {
    std::string kind = text_param(d, "kind", "crossfade"), where = text_param(d, "where", "between");
    const auto& known = transition_catalog();
    if (std::ranges::find(known, kind) == known.end())
      say(d.id, fmt::format("there is no transition \"{}\"", kind),
          fmt::format("known: {}", fmt::join(known, ", ")));
    number(d, "duration_s", 0.02, 60, false);
    if (where == "start" || where == "end") {
      if (has_param(d, "color") && !parse_color(text_param(d, "color")))
        say(d.id, fmt::format("{} is no colour", d.params["color"].dump()),
            "write black, white, another name or #rrggbb");
      return;
    }
    std::string after = text_param(d, "after");
    if (!cuts_.contains(after))
      say(d.id, fmt::format("it stands after \"{}\", which is no cut", after), "name the cut before it");
  }

  void text(const Decision& d) {
    std::string kind = text_param(d, "kind", "title");
    static const std::set<std::string> kinds{"title", "lower_third", "caption", "subtitles"};
    if (!kinds.contains(kind))
      say(d.id, fmt::format("there is no text kind \"{}\"", kind),
          "title, lower_third, caption or subtitles");
    if (kind == "subtitles") {
      std::error_code ignored;
      if (!std::filesystem::is_regular_file(text_param(d, "path"), ignored))
        say(d.id, fmt::format("there is no subtitle file \"{}\"", text_param(d, "path")), "give `path`");
      return;
    }
    if (text_param(d, "text").empty()) say(d.id, "it has no text", "give `text`");
    if (text_param(d, "text").size() > 5000) say(d.id, "its text is longer than 5000 bytes", "shorten it");
    number(d, "at_s", 0, 1e6, false);
    number(d, "duration_s", 0.01, 1e6, false);
  }

  void composite(const Decision& d) {
    std::string layout = text_param(d, "layout");
    if (layout == "frame") {
      number(d, "width", 2, 8192, false, "pixels");
      number(d, "height", 2, 8192, false, "pixels");
      number(d, "fps", 1, 240, false, "frames per second");
      if (has_param(d, "aspect")) {
        std::string aspect = text_param(d, "aspect");
        int w = 0, h = 0;
        if (std::sscanf(aspect.c_str(), "%d:%d", &w, &h) != 2 || w < 1 || h < 1 || w > 100000 || h > 100000 ||
            w > 10 * h || h > 10 * w)
          say(d.id, fmt::format("\"{}\" is no aspect ratio", aspect), "write 16:9, 9:16 or 1:1");
      }
      return;
    }
    if (layout != "picture_in_picture" && layout != "split_screen")
      return say(d.id, fmt::format("there is no layout \"{}\"", layout),
                 "picture_in_picture, split_screen or frame");
    target(d);
    const EditSource* source = find_source(sources_, text_param(d, "source"));
    if (!source)
      return say(d.id, fmt::format("there is no source \"{}\"", text_param(d, "source")),
                 "name the clip that is put in");
    number(d, "start_s", 0, source->media.available.end().seconds() + kSlack, false);
    number(d, "at_s", 0, 1e6, false);
    number(d, "duration_s", 0.02, 1e6, false);
  }

  void audio(const Decision& d) {
    static const std::set<std::string> actions{"music", "duck",    "volume",   "mute",  "normalize",
                                               "sound", "fade_in", "fade_out", "j_cut", "l_cut"};
    std::string action = text_param(d, "action");
    if (!actions.contains(action))
      return say(d.id, fmt::format("there is no audio action \"{}\"", action),
                 fmt::format("known: {}", fmt::join(actions, ", ")));
    std::error_code ignored;
    if (action == "music" && !std::filesystem::is_regular_file(text_param(d, "path"), ignored))
      say(d.id, fmt::format("there is no music file \"{}\"", text_param(d, "path")), "give `path`");
    if (action == "volume") number(d, "gain_db", -96, 40, true, "dB");
    if (action == "normalize") number(d, "lufs", -60, 0, true, "LUFS");
    if (action == "sound") {
      const auto& known = generator_catalog();
      std::string sound = text_param(d, "sound");
      if (std::ranges::none_of(known, [&](const EffectInfo& g) { return g.id == sound; }))
        say(d.id, fmt::format("there is no sound \"{}\"", sound), "impact, whoosh, riser or boing");
      number(d, "at_s", 0, 1e6, false);
    }
    if (action == "j_cut" || action == "l_cut") target(d);
    number(d, "duration_s", 0, 1e6, false);
  }

  // What counts from the output's start must lie in it.
  void check_times(const Decision& d) {
    bool in_output = d.type == DecisionType::text_overlay || d.type == DecisionType::audio ||
                     (d.type == DecisionType::effect && text_param(d, "target", "all") == "all");
    if (!in_output || !has_param(d, "at_s")) return;
    double at = number_param(d, "at_s", 0);
    if (at >= length_ + kSlack && length_ > 0)
      say(d.id, fmt::format("at_s {:g} lies after the end of the edit ({:.2f} s)", at, length_),
          "move it earlier");
  }

  const EditPlan& plan_;
  std::span<const EditSource> sources_;
  std::vector<PlanProblem> problems_;
  std::set<std::string> cuts_;
  double length_ = 0;
};

}  // namespace

std::vector<PlanProblem> problems_of(const EditPlan& plan, std::span<const EditSource> sources) {
  return Checker(plan, sources).run();
}

Result<void> check_plan(const EditPlan& plan, std::span<const EditSource> sources) {
  auto problems = problems_of(plan, sources);
  if (problems.empty()) return {};
  std::string message = "check the plan";
  for (std::size_t i = 0; i < problems.size() && i < 3; ++i)
    message += fmt::format("{} {}{}", i == 0 ? ":" : ";",
                           problems[i].decision.empty() ? "" : "decision " + problems[i].decision + ": ",
                           problems[i].what);
  if (problems.size() > 3) message += fmt::format("; and {} more", problems.size() - 3);
  return fail(ErrorKind::invalid_input, message, problems.front().hint);
}

}  // namespace studio
