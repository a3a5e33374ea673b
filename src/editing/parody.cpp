// Applies a style to a plan: which shots it likes, what happens at which moments, all from one seed.
#include "editing/parody.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/compose.h"
#include "editing/plan_cuts.h"
#include "editing/repair.h"
#include "editing/style.h"
#include "render/render.h"

namespace studio {
namespace {

double tidy(double value) {
  return std::round(value * 1e4) / 1e4 + 0.0;  // never -0
}

class Decorator {
 public:
  Decorator(EditPlan& plan, const Style& style, const Brief& brief, std::span<const EditSource> sources,
            double intensity, std::uint64_t seed)
      : plan_(plan),
        style_(style),
        brief_(brief),
        sources_(sources),
        intensity_(std::clamp(intensity, 0.0, 1.0)),
        dice_(seed ^ 0x57a11e) {}

  void run() {
    std::size_t before = plan_.decisions.size();
    speeds();  // first: they move everything after them
    if (plan_.decisions.size() != before) {
      Preference preference;
      preference.own_order = preference.own_length = true;
      if (!style_.transition.empty()) preference.handle_s = style_.transition_s / 2;
      write_cuts(plan_, settle_cuts(work_cuts(plan_), brief_, sources_, preference, plan_.seed).cuts,
                 sources_);
    }
    length_ = output_length_s(plan_, sources_);
    for (const StyleMoment& look : style_.look)
      if (intensity_ >= look.from_intensity && !asked_for(look.effect)) add_effect(look, -1, "all");
    for (const StyleMoment& moment : style_.moments) happen(moment);
    transitions();
  }

 private:
  bool asked_for(const std::string& effect) const {
    return std::ranges::any_of(brief_.effects, [&](const EffectWish& w) { return w.id == effect; });
  }

  Decision& add(const std::string& prefix, DecisionType type, Json params, std::string reason) {
    Decision d;
    d.id = fresh_id(plan_, prefix);
    d.type = type;
    d.params = std::move(params);
    d.reason = std::move(reason);
    d.confidence = 0.6;
    d.origin = "rules";
    d.evidence = {fmt::format("style {}, intensity {:g}", style_.id, intensity_)};
    plan_.decisions.push_back(std::move(d));
    return plan_.decisions.back();
  }

  // Indices of pieces, the most fitting first.
  std::vector<std::size_t> ranked_cuts(const std::string& at) {
    auto cuts = cuts_in_order(plan_);
    auto rows = evidence_table(sources_);
    std::vector<std::pair<double, std::size_t>> ranked;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      double value = 0;
      for (const ShotRow& row : rows)
        if (row.source == cuts[i].source && row.start_s < cuts[i].end_s && row.end_s > cuts[i].start_s)
          value = at == "loud" ? row.loudness : at == "calm" ? 1 - row.motion : row.motion;
      ranked.emplace_back(value + 0.05 * dice_.unit(), i);
    }
    std::ranges::stable_sort(ranked, std::ranges::greater{}, [](const auto& p) { return p.first; });
    std::vector<std::size_t> out;
    for (const auto& [value, i] : ranked) out.push_back(i);
    return out;
  }

  void speeds() {
    for (const StyleMoment& m : style_.moments) {
      bool changes = m.factor > 0 || m.reverse || m.hold_s > 0;
      if (!changes || intensity_ < m.from_intensity || !brief_.speeds.empty()) continue;
      auto cuts = cuts_in_order(plan_);
      if (cuts.empty()) continue;
      std::vector<std::size_t> where = m.at == "opening"  ? std::vector<std::size_t>{0}
                                       : m.at == "ending" ? std::vector<std::size_t>{cuts.size() - 1}
                                                          : ranked_cuts(m.at);
      int most = static_cast<int>(std::lround(m.count.at(intensity_)));
      for (std::size_t i : where) {
        if (most <= 0) break;
        if (dice_.unit() > m.chance) continue;
        const CutView& cut = cuts[i];
        bool taken = std::ranges::any_of(plan_.decisions, [&](const Decision& d) {
          return d.type == DecisionType::speed && text_param(d, "target") == cut.id;
        });
        if (taken || cut.locked) continue;
        if (m.hold_s > 0) {
          if (cut.source_s() < 0.5) continue;
          add("speed", DecisionType::speed,
              {{"target", cut.id}, {"freeze_at_s", tidy(cut.played_s())}, {"hold_s", m.hold_s}},
              "the picture stands still: " + style_.id);
        } else {
          Json params{{"target", cut.id}};
          if (m.factor > 0) params["factor"] = m.factor;
          if (m.reverse) params["reverse"] = true;
          add("speed", DecisionType::speed, params,
              m.reverse ? "backwards, for the style" : fmt::format("{:g}x here, for the style", m.factor));
        }
        --most;
      }
    }
  }

  std::vector<double> moments_of(const std::string& at, std::size_t most) {
    std::vector<double> out;
    auto pieces = pieces_of(plan_, sources_);
    if (at == "opening") return {0.0};
    if (at == "ending") return {std::max(0.0, length_ - 2.0)};
    if (at == "motion_peak") return telling_moments(plan_, sources_, most);
    if (at == "cut" || at == "piece") {
      for (const Piece& piece : pieces)
        if (!piece.freeze && (at == "piece" || piece.output_start_s > 0.05))
          out.push_back(piece.output_start_s);
    }
    if (at == "loud" || at == "calm") {
      auto cuts = cuts_in_order(plan_);
      for (std::size_t i : ranked_cuts(at))
        for (const Piece& piece : pieces)
          if (piece.decision == cuts[i].id && !piece.freeze) {
            out.push_back(piece.output_start_s);
            break;
          }
    }
    if (at == "beat") {
      for (const Piece& piece : pieces) {
        const EditSource* source = find_source(sources_, piece.source);
        if (!source || !source->analysis.audio || piece.freeze || piece.factor <= 0) continue;
        for (double beat : source->analysis.audio->beats_s)
          if (beat >= piece.start_s && beat < piece.end_s - 0.1 && !piece.reverse)
            out.push_back(piece.output_start_s + (beat - piece.start_s) / piece.factor);
      }
      if (out.empty()) return telling_moments(plan_, sources_, most);
    }
    return out;
  }

  // Cinema bars take a quarter of a 16:9 picture; of an upright one the same shape would leave a slit.
  double bars_for(double ratio) const {
    constexpr double kShare = 2.39 / (16.0 / 9);
    const SourceFacts& film = sources_.front().analysis.source;
    if (film.width <= 0 || film.height <= 0) return ratio;
    return std::min(ratio, kShare * static_cast<double>(film.width) / film.height);
  }

  void add_effect(const StyleMoment& m, double at, const std::string& target) {
    if (m.effect.empty()) return;
    Json params{{"target", target}, {"effect", m.effect}};
    for (const auto& [key, range] : m.params) params[key] = tidy(range.at(intensity_));
    for (const auto& [key, word] : m.words) params[key] = word;
    if (m.effect == "letterbox" && params.contains("ratio"))
      params["ratio"] = tidy(bars_for(params["ratio"]));
    if (at >= 0) {
      double duration = std::min(m.duration_s.at(intensity_), length_ - at);
      if (duration < 0.05) return;
      params["at_s"] = tidy(at);
      params["duration_s"] = tidy(duration);
    }
    if (m.effect == "shake" && !params.contains("seed"))
      params["seed"] = static_cast<double>(dice_.next() % 100000);
    add("effect", DecisionType::effect, params, fmt::format("{} at the {}: {}", m.effect, m.at, style_.id));
  }

  void happen(const StyleMoment& m) {
    if (intensity_ < m.from_intensity) return;
    int most = static_cast<int>(std::lround(m.count.at(intensity_)));
    if (most <= 0) return;
    bool muted = std::ranges::any_of(brief_.audio, [](const AudioWish& w) { return w.action == "mute"; });
    auto times = moments_of(m.at, static_cast<std::size_t>(most) * 3);
    if (times.size() > static_cast<std::size_t>(most) && m.at != "motion_peak" && m.at != "loud" &&
        m.at != "calm") {
      for (std::size_t i = times.size(); i > 1; --i) std::swap(times[i - 1], times[dice_.next() % i]);
    }
    std::vector<std::string> unused = m.texts;
    for (double at : times) {
      if (most <= 0) break;
      if (dice_.unit() > m.chance) continue;
      if (at > length_ - 0.1) continue;
      if (!m.effect.empty() && !asked_for(m.effect)) add_effect(m, at, "all");
      if (!m.sound.empty() && !muted) {
        double start = m.sound == "riser" ? std::max(0.0, at) : at;
        add("audio", DecisionType::audio,
            {{"action", "sound"},
             {"sound", m.sound},
             {"at_s", tidy(start)},
             {"gain_db", tidy(-10 + 6 * intensity_)},
             {"seed", static_cast<double>(dice_.next() % 1000)}},
            fmt::format("{} at the {}: {}", m.sound, m.at, style_.id));
      }
      if (!unused.empty() && brief_.texts.empty()) caption(m, at, unused);
      --most;
    }
  }

  void caption(const StyleMoment& m, double at, std::vector<std::string>& unused) {
    // Captions that would cover each other are left out.
    double duration = std::min({std::max(1.2, m.duration_s.at(intensity_)), 3.0, length_});
    double start = m.at == "ending" ? length_ - duration : std::min(at, length_ - duration);
    for (const auto& [from, to] : texts_)
      if (start < to + 0.1 && from < start + duration + 0.1) return;
    std::size_t i = dice_.next() % unused.size();
    Json params{
        {"text", unused[i]}, {"kind", m.text_kind}, {"at_s", tidy(start)}, {"duration_s", tidy(duration)}};
    if (!m.position.empty()) params["position"] = m.position;
    unused.erase(unused.begin() + static_cast<std::ptrdiff_t>(i));
    texts_.emplace_back(start, start + duration);
    add("text", DecisionType::text_overlay, params, "a caption in the style " + style_.id);
  }

  void transitions() {
    bool asked = !brief_.transitions.empty();
    auto edge = [&](const std::string& kind, const char* where) {
      if (kind.empty() || asked) return;
      add("transition", DecisionType::transition,
          {{"kind", kind}, {"where", where}, {"duration_s", tidy(std::min(0.8, length_ / 4))}},
          "the style " + style_.id + " asks for it");
    };
    edge(style_.opening_fade, "start");
    edge(style_.ending_fade, "end");
    if (style_.transition.empty() || asked) return;
    auto cuts = cuts_in_order(plan_);
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
      add("transition", DecisionType::transition,
          {{"after", cuts[i].id},
           {"kind", style_.transition},
           {"duration_s",
            tidy(std::min({style_.transition_s, 0.6 * cuts[i].output_s(), 0.6 * cuts[i + 1].output_s()}))}},
          "the style " + style_.id + " joins its pieces so");
  }

  EditPlan& plan_;
  const Style& style_;
  const Brief& brief_;
  std::span<const EditSource> sources_;
  double intensity_;
  Dice dice_;
  double length_ = 0;
  std::vector<std::pair<double, double>> texts_;
};

}  // namespace

void prefer_style(const Style& style, Brief& brief, std::span<const EditSource> sources, double intensity,
                  Preference& preference) {
  if (!brief.pace_asked && !brief.cuts_per_minute && style.pace != Pace::automatic) brief.pace = style.pace;
  if (style.order == "shuffled" && brief.order == Order::automatic && !brief.whole && intensity >= 0.5)
    brief.order = Order::shuffled;
  if (!style.transition.empty() && brief.transitions.empty()) preference.handle_s = style.transition_s / 2;
  auto weight = [&](const char* name) {
    auto it = style.picks.find(name);
    return it == style.picks.end() ? 0.0 : it->second.at(intensity);
  };
  for (const ShotRow& row : evidence_table(sources)) {
    double bonus = weight("motion") * row.motion + weight("loudness") * row.loudness +
                   weight("brightness") * row.brightness + weight("composition") * row.composition +
                   weight("stillness") * (1 - row.motion) + weight("sharpness") * row.sharpness;
    preference.bonus[row.id] += 0.6 * bonus;
  }
}

void decorate_with_style(EditPlan& plan, const Style& style, const Brief& brief,
                         std::span<const EditSource> sources, double intensity, std::uint64_t seed) {
  Decorator(plan, style, brief, sources, intensity, seed).run();
}

Result<PlannedEdit> plan_parody(std::span<const EditSource> sources, const ParodyOptions& options) {
  if (sources.empty())
    return fail(ErrorKind::wrong_usage, "plan the parody: no video was given", "name a file");
  if (!(options.intensity >= 0 && options.intensity <= 1))
    return fail(ErrorKind::wrong_usage,
                fmt::format("the intensity {:g} is not within 0 and 1", options.intensity), "give 0 to 1");
  TRY_ASSIGN(Style style, read_style(options.style));
  Brief brief = read_goal(options.goal, sources);
  brief.style = options.style;
  if (brief.goal.empty()) brief.goal = fmt::format("a {} parody", options.style);
  double film = 0;
  for (const EditSource& source : sources) film += source.analysis.source.duration_s;
  if (!brief.length) {
    double wanted =
        options.duration_s > 0 ? options.duration_s : std::min(style.duration_s, std::max(2.0, 0.7 * film));
    brief.length = LengthWish{wanted, std::max(0.1, wanted - 0.25), wanted + 0.25};
    if (wanted > film) {
      if (options.duration_s > 0)
        brief.unmet.push_back(
            {fmt::format("{:g} s long", wanted), fmt::format("there are only {:.2f} s of film", film)});
      brief.length = LengthWish{film, film - 0.25, film + 0.25};
    }
    brief.whole = false;
  }
  PlannerOptions planner;
  planner.mode = PlannerMode::rules;
  planner.seed = options.seed;
  planner.style = options.style;
  planner.intensity = options.intensity;
  return create_edit_plan(std::move(brief), sources, nullptr, planner);
}

}  // namespace studio
