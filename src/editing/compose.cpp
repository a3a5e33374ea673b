// Writes settled film and wishes into the decisions of a plan.
#include "editing/compose.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "editing/plan_cuts.h"
#include "editing/repair.h"
#include "editing/text_place.h"

namespace studio {
namespace {

// Plans are read by people: a tenth of a millisecond is far below any frame.
double tidy(double seconds) {
  return std::round(seconds * 1e4) / 1e4 + 0.0;  // never -0
}

Decision made(std::string id, DecisionType type, Json params, std::string reason, std::string origin,
              double confidence = 0.9) {
  Decision d;
  d.id = std::move(id);
  d.type = type;
  d.params = std::move(params);
  d.reason = std::move(reason);
  d.confidence = confidence;
  d.origin = std::move(origin);
  return d;
}

bool locked_speed(const EditPlan& plan, const std::string& cut) {
  return std::ranges::any_of(plan.decisions, [&](const Decision& d) {
    if (d.type != DecisionType::speed || !d.locked) return false;
    std::string target = text_param(d, "target", "all");
    return target == "all" || target == cut;
  });
}

void write_speeds(EditPlan& plan, const std::vector<WorkCut>& cuts) {
  bool one_speed = !cuts.empty() && std::ranges::all_of(cuts, [&](const WorkCut& c) {
    return c.factor == cuts.front().factor && c.ramp_to == 0;
  });
  bool one_direction = !cuts.empty() && std::ranges::all_of(cuts, [&](const WorkCut& c) {
    return c.reverse == cuts.front().reverse;
  });
  auto add = [&](Json params, std::string reason) {
    plan.decisions.push_back(
        made(fresh_id(plan, "speed"), DecisionType::speed, std::move(params), std::move(reason), "code"));
  };
  auto any_locked = [&](const WorkCut& c) { return locked_speed(plan, c.id); };
  if (one_speed && cuts.front().factor != 1 && std::ranges::none_of(cuts, any_locked))
    add({{"target", "all"}, {"factor", cuts.front().factor}},
        fmt::format("everything plays {:g} times as fast", cuts.front().factor));
  if (one_direction && cuts.front().reverse && std::ranges::none_of(cuts, any_locked))
    add({{"target", "all"}, {"reverse", true}}, "everything plays backwards");
  for (const WorkCut& cut : cuts) {
    if (any_locked(cut)) continue;
    if (cut.ramp_to > 0) {
      Json keys = Json::array();
      for (const auto& [at, speed] : ramp_keys(cut.ramp_to, cut.source_s()))
        keys.push_back({tidy(at), speed});
      add({{"target", cut.id}, {"ramp", keys}}, fmt::format("a speed ramp to {:g}x", cut.ramp_to));
    } else if (!one_speed && cut.factor != 1) {
      add({{"target", cut.id}, {"factor", cut.factor}}, cut.factor < 1 ? "slow motion here" : "faster here");
    }
    if (!one_direction && cut.reverse)
      add({{"target", cut.id}, {"reverse", true}}, "this piece plays backwards");
  }
}

}  // namespace

std::vector<WorkCut> work_cuts(const EditPlan& plan) {
  std::vector<WorkCut> out;
  for (const CutView& view : cuts_in_order(plan)) {
    const Decision& d = plan.decisions[view.decision];
    WorkCut cut;
    cut.id = view.id;
    cut.source = view.source;
    cut.shot = view.shot;
    cut.start_s = view.start_s;
    cut.end_s = view.end_s;
    cut.locked = view.locked;
    cut.reverse = view.reverse;
    for (const auto& [at, hold] : view.freezes) cut.hold_s += hold;
    double played = view.played_s();
    cut.factor = played > 0 ? view.source_s() / played : 1;
    if (view.ramp.empty()) cut.factor = view.factor;
    double fastest = 1;
    for (const auto& [at, speed] : view.ramp)
      if (std::abs(std::log(speed)) > std::abs(std::log(fastest))) fastest = speed;
    if (!view.ramp.empty()) cut.ramp_to = fastest;
    cut.priority = d.confidence;
    cut.reason = d.reason;
    cut.evidence = d.evidence;
    cut.origin = d.origin;
    out.push_back(std::move(cut));
  }
  return out;
}

void write_cuts(EditPlan& plan, const std::vector<WorkCut>& cuts, std::span<const EditSource>) {
  // Holds are decisions of their own: remembered by cut, with the place they had.
  std::vector<Decision> old_holds, locked, others;
  std::map<std::string, double> old_played;
  for (const CutView& view : cuts_in_order(plan)) old_played[view.id] = view.played_s();
  std::vector<Decision> old_cuts;
  for (Decision& d : plan.decisions) {
    bool rewritten =
        d.type == DecisionType::cut || d.type == DecisionType::speed || d.type == DecisionType::concatenate;
    if (d.locked && d.type != DecisionType::cut) {
      others.push_back(std::move(d));
    } else if (d.type == DecisionType::speed && has_param(d, "freeze_at_s")) {
      old_holds.push_back(std::move(d));
    } else if (d.type == DecisionType::cut) {
      old_cuts.push_back(std::move(d));
    } else if (!rewritten) {
      others.push_back(std::move(d));
    }
  }
  bool had_locked_order =
      std::ranges::any_of(others, [](const Decision& d) { return d.type == DecisionType::concatenate; });
  plan.decisions.clear();
  std::vector<WorkCut> written = cuts;
  for (WorkCut& cut : written) {
    auto old = cut.id.empty() ? old_cuts.end() : std::ranges::find(old_cuts, cut.id, &Decision::id);
    if (old != old_cuts.end() && old->locked) {
      plan.decisions.push_back(*old);
      continue;
    }
    Json params{{"source", cut.source}};
    if (!cut.shot.empty()) params["shot"] = cut.shot;
    params["start_s"] = tidy(cut.start_s);
    params["end_s"] = tidy(cut.end_s);
    if (old != old_cuts.end()) {
      Decision d = *old;
      for (const auto& [key, value] : params.items()) d.params[key] = value;
      if (cut.shot.empty()) d.params.erase("shot");
      plan.decisions.push_back(std::move(d));
      continue;
    }
    // Ids of old cuts stay taken, so that nothing that pointed at one now points at another.
    if (cut.id.empty() ||
        std::ranges::any_of(plan.decisions, [&](const Decision& d) { return d.id == cut.id; })) {
      EditPlan all = plan;
      all.decisions.insert(all.decisions.end(), old_cuts.begin(), old_cuts.end());
      all.decisions.insert(all.decisions.end(), others.begin(), others.end());
      for (const WorkCut& w : written)
        if (!w.id.empty()) all.decisions.push_back(made(w.id, DecisionType::cut, Json::object(), "", ""));
      cut.id = fresh_id(all, "c");
    }
    Decision d = made(cut.id, DecisionType::cut, params, cut.reason, cut.origin.empty() ? "code" : cut.origin,
                      std::clamp(cut.priority, 0.05, 1.0));
    d.evidence = cut.evidence;
    plan.decisions.push_back(std::move(d));
  }
  plan.decisions.insert(plan.decisions.end(), others.begin(), others.end());
  if (had_locked_order) {
    // A locked order stays; what it does not name plays after it (cuts_in_order).
  }
  write_speeds(plan, written);
  for (const WorkCut& cut : written) {
    if (cut.hold_s <= 0) continue;
    double played = cut.source_s() / cut.factor, left = cut.hold_s;
    for (const Decision& hold : old_holds) {
      if (text_param(hold, "target") != cut.id) continue;
      Decision d = hold;
      // A hold at the end of its piece stays at the end, however long the piece has become.
      double at = number_param(hold, "freeze_at_s", 0);
      if (at > old_played[cut.id] - 0.02) at = played;
      if (cut.hold_at_s) at = *cut.hold_at_s < 0 ? played : *cut.hold_at_s;
      d.params["freeze_at_s"] = tidy(std::min(at, played));
      left -= number_param(hold, "hold_s", 0);
      plan.decisions.push_back(std::move(d));
    }
    if (left > 0.01)
      plan.decisions.push_back(
          made(fresh_id(plan, "speed"), DecisionType::speed,
               {{"target", cut.id},
                {"freeze_at_s",
                 tidy(cut.hold_at_s && *cut.hold_at_s >= 0 ? std::min(*cut.hold_at_s, played) : played)},
                {"hold_s", tidy(left)}},
               fmt::format("the picture stands still for {:g} s", left), "code"));
  }
}

namespace {

class Wishes {
 public:
  Wishes(EditPlan& plan, const Brief& brief, std::span<const EditSource> sources,
         std::vector<std::string>& notes)
      : plan_(plan),
        brief_(brief),
        sources_(sources),
        notes_(notes),
        length_(output_length_s(plan, sources)) {}

  void run() {
    frame();
    texts();
    subtitles();
    transitions();
    effects();
    composites();
    audio();
  }

 private:
  void add(const std::string& prefix, DecisionType type, Json params, const std::string& reason) {
    const std::string id = fresh_id(plan_, prefix);
    plan_.decisions.push_back(made(id, type, std::move(params), reason, "code", 1));
    notes_.push_back(fmt::format("added {} ({}): {}", id, name_of(type), reason));
  }

  Decision* find(DecisionType type, auto predicate) {
    for (Decision& d : plan_.decisions)
      if (d.type == type && predicate(d)) return &d;
    return nullptr;
  }

  void frame() {
    if (!brief_.frame) return;
    const FrameWish& wish = *brief_.frame;
    Json params{{"layout", "frame"}};
    if (wish.aspect_w > 0) params["aspect"] = fmt::format("{}:{}", wish.aspect_w, wish.aspect_h);
    if (wish.width > 0) params["width"] = wish.width;
    if (wish.height > 0) params["height"] = wish.height;
    if (wish.fps > 0) params["fps"] = wish.fps;
    params["reframe"] = "subject";
    if (Decision* d = find(DecisionType::composite,
                           [](const Decision& c) { return text_param(c, "layout") == "frame"; })) {
      if (d->locked) return;
      if (has_param(*d, "reframe")) params["reframe"] = d->params["reframe"];
      d->params = params;
      return;
    }
    add("frame", DecisionType::composite, params, "the picture's shape or size as asked");
  }

  void texts() {
    int loose = 0, loose_count = 0;
    for (const TextWish& wish : brief_.texts)
      if (wish.anchor == Anchor::at && !wish.at_s) ++loose_count;
    for (const TextWish& wish : brief_.texts) {
      double usual = wish.kind == "title" ? 2.5 : 3.0;
      double duration = wish.duration_s.value_or(std::min(usual, std::max(0.8, length_ / 3)));
      duration = std::min(duration, length_);
      double at = 0;
      switch (wish.anchor) {
        case Anchor::start: at = 0; break;
        case Anchor::end: at = length_ - duration; break;
        case Anchor::throughout:
          at = 0;
          duration = length_;
          break;
        case Anchor::at:
          if (wish.at_s) {
            at = std::min(*wish.at_s, std::max(0.0, length_ - 0.3));
            if (!wish.duration_s) duration = std::min(2.0, length_ - at);
            duration = std::min(duration, length_ - at);
          } else {
            at = std::max(0.0, length_ * (++loose) / (loose_count + 1) - duration / 2);
          }
          break;
      }
      bool subtitle = wish.kind == "subtitle";
      Json params{{"text", wish.text},
                  {"kind", subtitle ? "caption" : wish.kind},
                  {"at_s", tidy(at)},
                  {"duration_s", tidy(duration)}};
      if (subtitle) {  // a caption's place, in the size and letters of speech
        params["size"] = 0.06;
        params["uppercase"] = 0;
      }
      if (!wish.position.empty()) params["position"] = wish.position;
      params["anchor"] = name_of(wish.anchor);
      if (!wish.color.empty()) {
        params["color"] = wish.color;
        // Letters and their outline must differ: the usual outline is black.
        if (wish.color == "black" || wish.color == "brown") params["outline_color"] = "white";
      }
      Decision* there = find(DecisionType::text_overlay,
                             [&](const Decision& t) { return text_param(t, "text") == wish.text; });
      bool placed = there && has_param(*there, "position");
      if (wish.kind == "title" && wish.position.empty() && !placed)
        params["position"] = freer_third(plan_, sources_, at, duration);
      if (Decision* d = there) {
        if (!d->locked)
          for (const auto& [key, value] : params.items()) d->params[key] = value;
        continue;
      }
      add("text", DecisionType::text_overlay, params, fmt::format("the goal quotes \"{}\"", wish.text));
    }
  }

  void subtitles() {
    if (brief_.subtitles.empty()) return;
    if (find(DecisionType::text_overlay,
             [](const Decision& t) { return text_param(t, "kind") == "subtitles"; }))
      return;
    add("text", DecisionType::text_overlay, {{"kind", "subtitles"}, {"path", brief_.subtitles}, {"text", ""}},
        "the goal names a subtitle file");
  }

  void transitions() {
    auto cuts = cuts_in_order(plan_);
    for (const TransitionWish& wish : brief_.transitions) {
      if (wish.where != "between") {
        std::string color = !wish.color.empty() ? wish.color : wish.kind == "fade_white" ? "white" : "black";
        Json params{{"kind", wish.kind},
                    {"where", wish.where},
                    {"duration_s", std::min(wish.duration_s, length_ / 2)},
                    {"color", color}};
        if (Decision* d = find(DecisionType::transition,
                               [&](const Decision& t) { return text_param(t, "where") == wish.where; })) {
          if (!d->locked)
            for (const auto& [key, value] : params.items()) d->params[key] = value;
          continue;
        }
        add("transition", DecisionType::transition, params,
            fmt::format("it {} {}, as asked", wish.where == "start" ? "opens from" : "closes into", color));
        continue;
      }
      for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
        const std::string& after = cuts[i].id;
        if (find(DecisionType::transition,
                 [&](const Decision& d) { return text_param(d, "after") == after; }))
          continue;
        double most = 0.8 * std::min(cuts[i].output_s(), cuts[i + 1].output_s());
        add("transition", DecisionType::transition,
            {{"after", after}, {"kind", wish.kind}, {"duration_s", tidy(std::min(wish.duration_s, most))}},
            fmt::format("{} between the pieces, as asked", wish.kind));
      }
    }
  }

  void effects() {
    for (const EffectWish& wish : brief_.effects) {
      Json params{{"target", "all"}, {"effect", wish.id}};
      for (const auto& [key, value] : wish.params.items()) params[key] = value;
      std::string reason = fmt::format("the goal asks for {}", wish.id);
      bool momentary = wish.id == "zoom_punch" || wish.id == "shake" || wish.id == "flash";
      double usual = momentary ? (wish.id == "flash" ? 0.3 : 0.7) : 2.0;
      if (wish.span) {
        effect_on_span(wish, params, reason);
        continue;
      }
      auto same = [&](const Decision& d) { return text_param(d, "effect") == wish.id; };
      double duration = std::min(wish.duration_s.value_or(usual), length_);
      if (wish.anchor == Anchor::throughout) {
        if (find(DecisionType::effect, [&](const Decision& d) {
              return same(d) && text_param(d, "target", "all") == "all" && !has_param(d, "at_s");
            }))
          continue;
        add("effect", DecisionType::effect, params, reason);
        continue;
      }
      if (wish.at_cuts) {
        for (double at : joins()) {
          if (find(DecisionType::effect, [&](const Decision& d) {
                return same(d) && std::abs(number_param(d, "at_s", -1) - at) < 0.2;
              }))
            continue;
          Json here = params;
          here["at_s"] = tidy(at);
          here["duration_s"] = tidy(std::min(usual, length_ - at));
          add("effect", DecisionType::effect, here, reason + " at every cut");
        }
        continue;
      }
      if (wish.anchor == Anchor::at && !wish.at_s) {
        if (find(DecisionType::effect, same)) continue;
        for (double at : telling_moments(plan_, sources_, length_ > 8 ? 3 : 2)) {
          Json here = params;
          here["at_s"] = at;
          here["duration_s"] = tidy(std::min(usual, length_ - at));
          add("effect", DecisionType::effect, here, reason + " where the motion is strongest");
        }
        continue;
      }
      double at = wish.anchor == Anchor::start ? 0
                  : wish.anchor == Anchor::end ? length_ - duration
                                               : std::min(*wish.at_s, std::max(0.0, length_ - 0.2));
      duration = std::min(duration, length_ - at);
      params["at_s"] = tidy(at);
      params["duration_s"] = tidy(duration);
      params["anchor"] = name_of(wish.anchor);
      Decision* there = find(DecisionType::effect, [&](const Decision& d) {
        return same(d) && has_param(d, "at_s") &&
               (std::abs(number_param(d, "at_s", 0) - at) < 0.3 ||
                text_param(d, "anchor") == name_of(wish.anchor));
      });
      if (there) {
        if (!there->locked)
          for (const char* key : {"at_s", "duration_s"}) there->params[key] = params[key];
        continue;
      }
      add("effect", DecisionType::effect, params, reason);
    }
  }

  // On source film: every piece that shows some of it, where it shows it.
  void effect_on_span(const EffectWish& wish, const Json& params, const std::string& reason) {
    for (const CutView& cut : cuts_in_order(plan_)) {
      double start = std::max(cut.start_s, wish.span->start_s), end = std::min(cut.end_s, wish.span->end_s);
      if (cut.source != wish.span->source || end - start < 0.02) continue;
      Json here = params;
      here["target"] = cut.id;
      bool all = start - cut.start_s < 0.02 && cut.end_s - end < 0.02;
      if (!all) {
        double scale = cut.source_s() > 0 ? cut.played_s() / cut.source_s() : 1;
        double from = cut.reverse ? cut.end_s - end : start - cut.start_s;
        here["at_s"] = tidy(from * scale);
        here["duration_s"] = tidy((end - start) * scale);
      }
      Decision* there = find(DecisionType::effect, [&](const Decision& d) {
        return text_param(d, "effect") == wish.id && text_param(d, "target") == cut.id;
      });
      if (there) {
        if (!there->locked)
          for (const char* key : {"at_s", "duration_s"}) {
            if (here.contains(key))
              there->params[key] = here[key];
            else
              there->params.erase(key);
          }
        continue;
      }
      add("effect", DecisionType::effect, here, reason + ": \"" + wish.span->words + "\"");
    }
  }

  void composites() {
    for (const CompositeWish& wish : brief_.composites) {
      if (find(DecisionType::composite,
               [&](const Decision& d) { return text_param(d, "layout") == wish.layout; }))
        continue;
      auto cuts = cuts_in_order(plan_);
      if (cuts.empty()) continue;
      // The inset shows another clip when there is one, else other film of the same clip.
      std::string main = cuts.front().source, source = wish.source;
      if (source.empty() || !find_source(sources_, source)) {
        source = main;
        for (const EditSource& s : sources_)
          if (s.id != main) source = s.id;
      }
      const EditSource* inset = find_source(sources_, source);
      if (!inset) continue;
      double available = inset->analysis.source.duration_s;
      double duration = std::min(length_, available), start = 0;
      for (const ShotRow& row : evidence_table(sources_))
        if (row.source == source && row.score > 0.3 && row.start_s + duration <= available + 1e-6 &&
            row.start_s > 0)
          start = row.start_s;
      if (source != main) start = 0;
      if (wish.start_s >= 0) start = wish.start_s, duration = std::min(length_, wish.end_s - wish.start_s);
      Json params{{"layout", wish.layout},
                  {"source", source},
                  {"start_s", tidy(start)},
                  {"at_s", 0.0},
                  {"duration_s", tidy(duration)}};
      if (!wish.position.empty()) params["position"] = wish.position;
      add("composite", DecisionType::composite, params, fmt::format("the goal asks for {}", wish.layout));
    }
  }

  // Output times at which one piece ends and the next begins.
  std::vector<double> joins() const {
    std::vector<double> out;
    double last = -1;
    for (const Piece& piece : pieces_of(plan_, sources_)) {
      if (piece.freeze || piece.output_start_s < 0.05 || piece.output_start_s - last < 0.05) continue;
      out.push_back(last = piece.output_start_s);
    }
    return out;
  }

  bool wanted_once(const AudioWish& wish) const {
    return std::ranges::count_if(brief_.audio, [&](const AudioWish& w) {
             return w.action == "sound" && w.path == wish.path;
           }) == 1;
  }

  // Where a mute or a change of level acts, if not everywhere. Negative: seconds before the end.
  void put_stretch(const AudioWish& wish, Json& params) const {
    if (!wish.from_s) return;
    double from = *wish.from_s < 0 ? std::max(0.0, length_ + *wish.from_s) : *wish.from_s;
    double to = wish.to_s && *wish.to_s > 0 ? *wish.to_s : length_;
    params["from_s"] = tidy(from);
    params["to_s"] = tidy(std::min(to, length_));
  }

  void sound_at_cuts(const AudioWish& wish, const std::string& reason) {
    for (double at : joins()) {
      if (find(DecisionType::audio, [&](const Decision& d) {
            return text_param(d, "sound") == wish.path && std::abs(number_param(d, "at_s", -1) - at) < 0.2;
          }))
        continue;
      add("audio", DecisionType::audio, {{"action", "sound"}, {"sound", wish.path}, {"at_s", tidy(at)}},
          reason + " at every cut");
    }
  }

  void audio() {
    bool muted =
        std::ranges::any_of(brief_.audio, [](const AudioWish& w) { return w.action == "mute" && !w.from_s; });
    for (const AudioWish& wish : brief_.audio) {
      if (wish.action == "keep" || wish.action == "duck") continue;
      Json params{{"action", wish.action}};
      std::string reason = fmt::format("the goal asks for it: {}", wish.action);
      auto same = [&](const Decision& d) { return text_param(d, "action") == wish.action; };
      if (wish.action == "music") {
        params["path"] = wish.path;
        params["gain_db"] = music_level_db(brief_, wish);
        params["duck"] = !muted;
      } else if (wish.action == "volume") {
        params["gain_db"] = wish.value;
        put_stretch(wish, params);
      } else if (wish.action == "normalize") {
        params["lufs"] = wish.value;
      } else if (wish.action == "mute") {
        put_stretch(wish, params);
      } else if (wish.action == "fade_in" || wish.action == "fade_out") {
        params["duration_s"] = tidy(std::min(wish.value, length_));
      } else if (wish.action == "sound" && wish.at_cuts) {
        sound_at_cuts(wish, reason);
        continue;
      } else if (wish.action == "sound") {
        double at = 0;
        if (wish.at_s) {
          at = *wish.at_s < 0 ? std::max(0.0, length_ - 1.0)
                              : std::min(*wish.at_s, std::max(0.0, length_ - 0.2));
        } else if (auto moments = telling_moments(plan_, sources_, 1); !moments.empty()) {
          at = moments.front();
        }
        params["sound"] = wish.path;
        params["at_s"] = tidy(at);
        // A second sound of the same name at another time is another sound.
        Decision* there = find(DecisionType::audio, [&](const Decision& d) {
          return same(d) && text_param(d, "sound") == wish.path &&
                 (wanted_once(wish) || std::abs(number_param(d, "at_s", -1) - at) < 0.3);
        });
        if (there) {
          if (!there->locked && wish.at_s) there->params["at_s"] = params["at_s"];
          continue;
        }
      }
      if (wish.action != "sound")
        if (Decision* d = find(DecisionType::audio, same)) {
          if (!d->locked)
            for (const auto& [key, value] : params.items()) d->params[key] = value;
          continue;
        }
      add("audio", DecisionType::audio, params, reason);
    }
  }

  EditPlan& plan_;
  const Brief& brief_;
  std::span<const EditSource> sources_;
  std::vector<std::string>& notes_;
  double length_;
};

}  // namespace

void apply_wishes(EditPlan& plan, const Brief& brief, std::span<const EditSource> sources,
                  std::vector<std::string>& notes) {
  Wishes(plan, brief, sources, notes).run();
}

}  // namespace studio
