// What was wished for the look of the picture, against what is seen.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/constraint_checks.h"

namespace studio::checks {

namespace {

void check_fade(const Json& w, const Measured& m, ConstraintCheck& check, bool in) {
  if (text_of(w, "of") == "sound") return check_sound_fade(w, m, check, in);
  check_picture_fade(w, m, check, in);
}

// What the file shows of the plan's decisions that are meant; nothing when none of them could be looked for.
template <typename Meant>
void check_planned(const Measured& m, Meant meant, ConstraintCheck& check) {
  std::size_t planned = 0, judged = 0, visible = 0;
  std::string evidence;
  for (const Decision& d : m.plan->decisions) {
    if (!meant(d)) continue;
    ++planned;
    for (const ChangeFinding& finding : m.changes) {
      if (finding.decision != d.id || !finding.judged) continue;
      ++judged;
      visible += finding.visible;
      if (evidence.empty() || !finding.visible) evidence = finding.evidence;
    }
  }
  if (planned == 0) {
    check.measured = "is not in the plan";
    check.met = false;
  } else if (judged == 0) {
    check.measured = fmt::format("{} in the plan; {:.0f} % of the frames look as planned", planned,
                                 100 * m.plan_agreement);
    check.met = m.plan_agreement > 0.8;
  } else {
    check.measured =
        judged == 1 ? evidence : fmt::format("{} of {} are to be seen: {}", visible, judged, evidence);
    check.met = visible == judged;
  }
}

}  // namespace

void check_fade_in(const Json& w, const Measured& m, ConstraintCheck& c) {
  check_fade(w, m, c, true);
}
void check_fade_out(const Json& w, const Measured& m, ConstraintCheck& c) {
  check_fade(w, m, c, false);
}

void check_effect(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string id = text_of(w, "id");
  check.wanted = "effect " + id;
  const auto frames = frames_meant(m, w);
  if (id == "black_and_white" && !frames.empty()) {
    std::vector<double> colour;
    double from = number(w, "at_s", 0), to = from + number(w, "duration_s", 1e9);
    for (const std::size_t i : frames)
      if (m.file->frames[i].time_s >= from && m.file->frames[i].time_s < to)
        colour.push_back(m.file->frames[i].colour);
    if (colour.empty()) return;
    std::sort(colour.begin(), colour.end());
    check.measured = fmt::format("chroma amplitude {:.1f}", colour[colour.size() / 2]);
    check.met = colour[colour.size() * 9 / 10] < 2.5;
    return;
  }
  check.suggestion = "add the effect";
  if (!m.plan) return check_effect_unplanned(w, m, check);
  check_planned(
      m,
      [&](const Decision& d) {
        return (d.type == DecisionType::effect && d.params.value("effect", "") == id) ||
               (d.type == DecisionType::composite && d.params.value("layout", "") == id);
      },
      check);
}

void check_transition(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string where = text_of(w, "where");
  check.wanted = fmt::format("{} {}", text_of(w, "kind"), where);
  check.suggestion = "add the transition";
  if (!m.plan) return check_transition_unplanned(w, m, check);
  const bool between = where == "between" || where.empty();
  const auto meant = [&](const Decision& d) {
    const std::string at = d.type == DecisionType::transition ? d.params.value("where", "between") : "";
    if (d.type == DecisionType::transition) return between ? at == "between" || at.empty() : at == where;
    return !between && d.type == DecisionType::effect &&
           d.params.value("effect", "").starts_with(where == "start" ? "fade_in" : "fade_out");
  };
  if (between && m.pieces.size() < 2) {
    check.measured = "one piece: there is nothing to go over to";
    check.met = true;
    return;
  }
  check_planned(m, meant, check);
}

void check_composite(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string layout = text_of(w, "layout");
  check.wanted = layout;
  check.suggestion = "add the second picture";
  if (!m.plan) {
    check.measured = "a second picture inside the first cannot be told from a filmed one without the plan";
    return;
  }
  check_planned(
      m,
      [&](const Decision& d) {
        return d.type == DecisionType::composite && d.params.value("layout", "") == layout;
      },
      check);
}

}  // namespace studio::checks
