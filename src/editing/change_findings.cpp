// When a planned change is on screen, and whether the file shows it then.
#include "editing/change_findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "editing/plan_cuts.h"
#include "editing/text_looks.h"

namespace studio {
namespace {

struct Stretch {
  double from_s = 0, to_s = 0;  // output seconds
};

// As a cut plays: all its pieces, holds included.
Stretch stretch_of_cut(std::span<const Piece> pieces, const std::string& cut, double duration_s) {
  Stretch stretch{duration_s, 0};
  for (const Piece& piece : pieces)
    if (piece.decision == cut) {
      stretch.from_s = std::min(stretch.from_s, piece.output_start_s);
      stretch.to_s = std::max(stretch.to_s, piece.output_end_s);
    }
  return stretch.to_s > stretch.from_s ? stretch : Stretch{0, duration_s};
}

Stretch stretch_of(const Decision& d, std::span<const Piece> pieces, double duration_s) {
  if (d.type == DecisionType::transition) {
    const double length = number_param(d, "duration_s", 0.5);
    const std::string where = text_param(d, "where", "between");
    if (where == "start") return {0, length};
    if (where == "end") return {duration_s - length, duration_s};
    const double cut = stretch_of_cut(pieces, text_param(d, "after"), duration_s).to_s;
    return {cut - length / 2, cut + length / 2};
  }
  Stretch stretch = stretch_of_cut(pieces, text_param(d, "target", "all"), duration_s);
  if (has_param(d, "at_s")) {
    stretch.from_s += number_param(d, "at_s", 0);
    stretch.to_s =
        std::min(stretch.to_s,
                 stretch.from_s + number_param(d, "duration_s", d.type == DecisionType::effect ? 1.0 : 1e9));
  } else if (has_param(d, "duration_s")) {
    stretch.to_s = std::min(stretch.to_s, stretch.from_s + number_param(d, "duration_s", 1e9));
  }
  return stretch;
}

bool wished(const Decision& d, const Brief& brief) {
  if (d.type == DecisionType::transition) return !brief.transitions.empty();
  if (d.type == DecisionType::effect)
    return !brief.transitions.empty() ||
           std::any_of(brief.effects.begin(), brief.effects.end(),
                       [&](const EffectWish& w) { return w.id == text_param(d, "effect"); });
  return d.type == DecisionType::composite && text_param(d, "layout") != "frame" &&
         (!brief.composites.empty() || !brief.effects.empty());
}

// A change that comes and goes (a shake, a flash) is nothing at some moments: those are not asked. What is
// asked counts by how much it should change.
void conclude(ChangeFinding& finding, std::span<const TextLook> looks) {
  double asked = 0, seen = 0, amount = 0;
  std::size_t moments = 0;
  for (const TextLook& look : looks) {
    if (!look.reached || !look.drawn) continue;
    ++moments;
    asked += look.contrast;
    amount += look.contrast * std::clamp(look.amount, 0.0, 1.0);
    if (look.visible) seen += look.contrast;
  }
  finding.judged = moments > 0;
  if (!finding.judged) {
    finding.evidence = "it changes too little to be measured";
    return;
  }
  finding.visible = seen > 0.6 * asked;
  finding.evidence = fmt::format("{:.0f} % of its change of the picture is there", 100 * amount / asked);
}

}  // namespace

Result<std::vector<ChangeFinding>> find_changes(const Path& file, const EditPlan& plan, const Brief& brief,
                                                std::span<const Piece> pieces, double duration_s,
                                                std::span<const EditSource> sources, const Job& job) {
  constexpr std::size_t kMost = 24;  // decisions looked at: a style may set a hundred
  std::vector<ChangeFinding> findings;
  std::vector<TextMoment> moments;
  const std::initializer_list<double> shares = {0.2, 0.4, 0.6, 0.8};
  for (const Decision& d : plan.decisions) {
    if (!wished(d, brief) || findings.size() >= kMost) continue;
    const Stretch stretch = stretch_of(d, pieces, duration_s);
    findings.push_back({d.id, false, false, {}});
    for (const double share : shares)
      moments.push_back({d.id, stretch.from_s + share * (stretch.to_s - stretch.from_s)});
  }
  TRY_ASSIGN(const auto looks, look_for_changes(file, plan, sources, moments, job));
  for (std::size_t i = 0; i < findings.size(); ++i)
    conclude(findings[i], std::span(looks).subspan(i * shares.size(), shares.size()));
  return findings;
}

}  // namespace studio
