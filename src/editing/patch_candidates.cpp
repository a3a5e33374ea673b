// Rules from issues, low scores and unmet wishes to plan steps.
#include "editing/patch_candidates.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace studio {
namespace {

double number_of(const Json& params, const char* key, double fallback) {
  const auto it = params.find(key);
  return it != params.end() && it->is_number() ? it->get<double>() : fallback;
}

std::string text_of(const Json& params, const char* key) {
  const auto it = params.find(key);
  return it != params.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const QualityScore* score_named(const Evaluation& e, std::string_view name) {
  for (const auto* scores : {&e.technical, &e.creative})
    for (const QualityScore& s : *scores)
      if (s.name == name) return &s;
  return nullptr;
}

// What the score would gain if this quality became 0.9.
double gain_of(const QualityScore* score) {
  return score ? std::max(0.0, (0.9 - score->value) * score->weight) : 0;
}

PatchStep alter(const std::string& target, Json params, std::string reason) {
  PatchStep step;
  step.action = PatchAction::alter;
  step.target = target;
  step.params = std::move(params);
  step.reason = std::move(reason);
  step.origin = "rules";
  return step;
}

PatchStep remove(const std::string& target, std::string reason) {
  PatchStep step;
  step.action = PatchAction::remove;
  step.target = target;
  step.reason = std::move(reason);
  step.origin = "rules";
  return step;
}

PatchStep add(const std::string& after, Decision decision, std::string reason) {
  PatchStep step;
  step.action = PatchAction::add;
  step.target = after;
  decision.reason = reason;
  decision.origin = "rules";
  step.decision = std::move(decision);
  step.reason = std::move(reason);
  step.origin = "rules";
  return step;
}

std::vector<const Decision*> cuts_of(const EditPlan& plan) {
  std::vector<const Decision*> cuts;
  for (const Decision& d : plan.decisions)
    if (d.type == DecisionType::cut) cuts.push_back(&d);
  return cuts;
}

bool overlaps_cut(const Decision& cut, const std::string& source, double start, double end) {
  return text_of(cut.params, "source") == source && number_of(cut.params, "start_s", 0) < end - 0.05 &&
         number_of(cut.params, "end_s", 0) > start + 0.05;
}

// Shots that no cut shows yet, best first.
std::vector<ShotRow> unused_shots(const EditPlan& plan, std::span<const EditSource> sources,
                                  const Brief& brief) {
  std::vector<ShotRow> rows;
  for (const ShotRow& row : evidence_table(sources)) {
    if (row.usable < 0.5 || row.length_s() < 0.5) continue;
    const bool used = std::any_of(plan.decisions.begin(), plan.decisions.end(), [&](const Decision& d) {
      return d.type == DecisionType::cut && overlaps_cut(d, row.source, row.start_s, row.end_s);
    });
    const bool avoided = std::any_of(brief.avoid.begin(), brief.avoid.end(), [&](const SpanWish& a) {
      return a.source == row.source && a.start_s < row.end_s && a.end_s > row.start_s;
    });
    if (!used && !avoided) rows.push_back(row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ShotRow& a, const ShotRow& b) { return a.score > b.score; });
  return rows;
}

Decision cut_of(const std::string& id, const ShotRow& row, double length_s) {
  Decision cut;
  cut.id = id;
  cut.type = DecisionType::cut;
  const double length = std::min(length_s, row.length_s()),
               start = row.start_s + (row.length_s() - length) / 2;
  cut.params = {{"source", row.source}, {"shot", row.shot}, {"start_s", start}, {"end_s", start + length}};
  cut.confidence = row.score;
  cut.evidence = {to_text(row)};
  return cut;
}

// Frames of the judged file as a span of a cut's source: where inside the film the damage lies.
struct SourceSpanOfIssue {
  const Decision* cut = nullptr;
  double start_s = 0, end_s = 0;
};
std::optional<SourceSpanOfIssue> where_in_source(const EditPlan& plan, std::span<const EditSource> sources,
                                                 const Evaluation& e, const Issue& issue) {
  const double rate = e.frame_rate > 0 ? e.frame_rate : 25;
  const double from = static_cast<double>(issue.first_frame) / rate,
               to = static_cast<double>(issue.last_frame + 1) / rate;
  for (const Piece& piece : pieces_of(plan, sources)) {
    if (piece.freeze || from >= piece.output_end_s || to <= piece.output_start_s) continue;
    const auto in_source = [&](double t) {
      const double share = std::clamp(
          (t - piece.output_start_s) / std::max(1e-6, piece.output_end_s - piece.output_start_s), 0.0, 1.0);
      return piece.reverse ? piece.end_s - share * (piece.end_s - piece.start_s)
                           : piece.start_s + share * (piece.end_s - piece.start_s);
    };
    for (const Decision& d : plan.decisions)
      if (d.id == piece.decision)
        return SourceSpanOfIssue{&d, std::min(in_source(from), in_source(to)),
                                 std::max(in_source(from), in_source(to))};
  }
  return {};
}

// The damaged film is trimmed off, or the whole piece is exchanged when too little would remain.
std::optional<PatchCandidate> take_out_of_film(const EditPlan& plan, const Evaluation& e,
                                               const EvaluationIssue& found,
                                               std::span<const EditSource> sources, const Brief& brief) {
  const auto where = where_in_source(plan, sources, e, found.issue);
  if (!where) return {};
  const Decision& cut = *where->cut;
  const double start = number_of(cut.params, "start_s", 0), end = number_of(cut.params, "end_s", 0);
  const double before = where->start_s - start, after = end - where->end_s;
  const std::string reason = fmt::format("{} at frames {}-{}: {}", found.issue.kind, found.issue.first_frame,
                                         found.issue.last_frame, found.issue.message);
  PatchCandidate candidate;
  candidate.id = fmt::format("take_{}_out_of_{}", found.issue.kind, cut.id);
  candidate.gain = found.penalty;
  if (std::max(before, after) >= 0.5) {
    candidate.what = fmt::format("trim {} so that the {} is left out", cut.id, found.issue.kind);
    Json params;
    if (before >= after)
      params = {{"start_s", start}, {"end_s", where->start_s}};
    else
      params = {{"start_s", where->end_s}, {"end_s", end}};
    candidate.steps.push_back(alter(cut.id, std::move(params), reason));
    return candidate;
  }
  const auto unused = unused_shots(plan, sources, brief);
  if (unused.empty()) return {};
  candidate.what = fmt::format("show another shot instead of {}", cut.id);
  PatchStep step;
  step.action = PatchAction::replace;
  step.target = cut.id;
  step.decision = cut_of(cut.id, unused.front(), end - start);
  step.decision.reason = reason;
  step.decision.origin = "rules";
  step.reason = reason;
  step.origin = "rules";
  candidate.steps.push_back(std::move(step));
  return candidate;
}

std::optional<PatchCandidate> for_title(const EditPlan& plan, const EvaluationIssue& found) {
  for (const Decision& d : plan.decisions) {
    if (d.type != DecisionType::text_overlay || d.id != found.decision) continue;
    PatchCandidate candidate;
    candidate.id = "make_" + d.id + "_readable";
    candidate.what = fmt::format("draw the text of {} larger, with an outline", d.id);
    candidate.gain = found.penalty;
    Json params = {{"outline", 0.1}, {"color", "white"}};
    const double size = number_of(d.params, "size", 0);
    if (size > 0) params["size"] = size * 1.4;
    candidate.steps.push_back(alter(d.id, std::move(params), found.issue.message));
    return candidate;
  }
  return {};
}

// The brief's text is in no decision at all: it is put in.
std::optional<PatchCandidate> add_missing_text(const EditPlan& plan, const Brief& brief,
                                               const ConstraintCheck& check, double duration_s) {
  for (const TextWish& wish : brief.texts) {
    if (check.wanted.find(wish.text) == std::string::npos) continue;
    const bool planned = std::any_of(plan.decisions.begin(), plan.decisions.end(), [&](const Decision& d) {
      return d.type == DecisionType::text_overlay && text_of(d.params, "text") == wish.text;
    });
    if (planned) continue;
    Decision text;
    text.id = new_decision_id(plan, {}, "t");
    text.type = DecisionType::text_overlay;
    const double length = wish.duration_s.value_or(std::min(3.0, duration_s));
    double at = wish.at_s.value_or(0);
    if (wish.anchor == Anchor::end) at = std::max(0.0, duration_s - length);
    text.params = {{"text", wish.text}, {"kind", wish.kind}, {"at_s", at}, {"duration_s", length}};
    if (!wish.position.empty()) text.params["position"] = wish.position;
    PatchCandidate candidate;
    candidate.id = "add_text_" + text.id;
    candidate.what = fmt::format("add the text \"{}\"", wish.text);
    candidate.gain = 0.3;
    candidate.steps.push_back(add("", std::move(text), "the goal asks for this text"));
    return candidate;
  }
  return {};
}

// Pieces longer than asked are halved, the second half shown later from further on in its shot, so that the
// eye gets a new picture; pieces shorter than asked go, and repair lengthens the others.
std::optional<PatchCandidate> for_pacing(const EditPlan& plan, const Evaluation& e, const Brief& brief,
                                         std::span<const EditSource> sources) {
  const QualityScore* pacing = score_named(e, "pacing");
  bool unmet = false;
  for (const ConstraintCheck& c : e.constraints) unmet |= c.kind == "pace" && c.met && !*c.met;
  if (!unmet && gain_of(pacing) < 0.01) return {};
  const auto cuts = cuts_of(plan);
  if (cuts.empty()) return {};
  const auto length_of = [](const Decision* d) {
    return number_of(d->params, "end_s", 0) - number_of(d->params, "start_s", 0);
  };
  double mean = 0;
  for (const Decision* d : cuts) mean += length_of(d) / static_cast<double>(cuts.size());
  const bool too_slow = brief.pace == Pace::fast || (brief.pace == Pace::automatic && mean > 9);
  PatchCandidate candidate;
  candidate.gain = std::max(unmet ? 0.25 : 0.0, gain_of(pacing));
  const std::string reason = fmt::format("pacing: {}", pacing ? pacing->evidence : "not as asked");
  if (too_slow) {
    candidate.id = "shorter_pieces";
    candidate.what = "show more and shorter pieces";
    const double target = brief.pace == Pace::fast ? 2.0 : 5.0;
    auto unused = unused_shots(plan, sources, brief);
    std::size_t next = 0;
    for (const Decision* d : cuts) {
      const double start = number_of(d->params, "start_s", 0), end = number_of(d->params, "end_s", 0);
      if (d->locked || end - start < 1.5 * target) continue;
      candidate.steps.push_back(alter(d->id, {{"end_s", start + target}}, reason));
      const std::string id = new_decision_id(plan, candidate.steps, "c");
      if (next < unused.size()) {
        candidate.steps.push_back(add(d->id, cut_of(id, unused[next++], target), reason));
      } else if (end - start > 2.4 * target) {
        Decision rest = *d;
        rest.id = id;
        rest.locked = false;
        rest.params["start_s"] = std::max(start + target, end - target);
        candidate.steps.push_back(add(d->id, std::move(rest), reason));
      }
    }
  } else if (brief.pace == Pace::slow || mean < 0.9) {
    candidate.id = "longer_pieces";
    candidate.what = "show fewer and longer pieces";
    std::vector<const Decision*> by_length = cuts;
    std::stable_sort(by_length.begin(), by_length.end(),
                     [&](const Decision* a, const Decision* b) { return length_of(a) < length_of(b); });
    for (std::size_t n = 0; n < by_length.size() / 2; ++n)
      if (!by_length[n]->locked) candidate.steps.push_back(remove(by_length[n]->id, reason));
  }
  if (candidate.steps.empty()) return {};
  return candidate;
}

// The weakest piece by the film's own judgement makes room for the best unused one.
std::optional<PatchCandidate> exchange_weakest(const EditPlan& plan, const Evaluation& e, const Brief& brief,
                                               std::span<const EditSource> sources) {
  double gain = 0;
  std::string why;
  for (const char* name : {"coherence", "composition", "variety", "shot_scale", "colour_continuity"})
    if (const QualityScore* s = score_named(e, name); gain_of(s) > gain)
      gain = gain_of(s), why = fmt::format("{} {:.2f}: {}", name, s->value, s->evidence);
  if (gain < 0.006) return {};
  const auto unused = unused_shots(plan, sources, brief);
  if (unused.empty()) return {};
  const auto rows = evidence_table(sources);
  const Decision* weakest = nullptr;
  double lowest = 1e9;
  for (const Decision* d : cuts_of(plan)) {
    if (d->locked) continue;
    const bool kept = std::any_of(brief.keep.begin(), brief.keep.end(), [&](const SpanWish& k) {
      return overlaps_cut(*d, k.source, k.start_s, k.end_s);
    });
    if (kept) continue;
    for (const ShotRow& row : rows)
      if (overlaps_cut(*d, row.source, row.start_s, row.end_s) && row.score < lowest)
        lowest = row.score, weakest = d;
  }
  if (!weakest || unused.front().score <= lowest + 0.02) return {};
  PatchCandidate candidate;
  candidate.id = "exchange_" + weakest->id;
  candidate.what = fmt::format("show {} instead of {}", unused.front().id, weakest->id);
  candidate.gain = gain * 0.5;
  PatchStep step;
  step.action = PatchAction::replace;
  step.target = weakest->id;
  step.decision = cut_of(weakest->id, unused.front(),
                         number_of(weakest->params, "end_s", 0) - number_of(weakest->params, "start_s", 0));
  step.decision.reason = why;
  step.decision.origin = "rules";
  step.reason = why;
  step.origin = "rules";
  candidate.steps.push_back(std::move(step));
  return candidate;
}

std::optional<PatchCandidate> for_sound(const EditPlan& plan, const Evaluation& e, const Brief& brief) {
  const QualityScore* sound = score_named(e, "sound");
  bool clipped = false;
  for (const EvaluationIssue& i : e.issues)
    clipped |= i.issue.kind == "clipping" || i.issue.kind == "loudness";
  if (!clipped && gain_of(sound) < 0.01) return {};
  const bool asked = std::any_of(brief.audio.begin(), brief.audio.end(), [](const AudioWish& w) {
    return w.action == "normalize" || w.action == "volume" || w.action == "mute";
  });
  const bool there = std::any_of(plan.decisions.begin(), plan.decisions.end(), [](const Decision& d) {
    return d.type == DecisionType::audio && text_of(d.params, "action") == "normalize";
  });
  if (asked || there) return {};
  Decision normalize;
  normalize.id = new_decision_id(plan, {}, "a");
  normalize.type = DecisionType::audio;
  normalize.params = {{"action", "normalize"}, {"lufs", -16}};
  PatchCandidate candidate;
  candidate.id = "normalize_loudness";
  candidate.what = "bring the sound to -16 LUFS under a true-peak ceiling";
  candidate.gain = std::max(gain_of(sound), clipped ? 0.1 : 0.0);
  candidate.steps.push_back(
      add("", std::move(normalize), sound ? "sound: " + sound->evidence : "the sound is clipped"));
  return candidate;
}

// A piece that should be there is added; repair makes room for it.
void for_unmet_film(const EditPlan& plan, const Evaluation& e, const Brief& brief,
                    std::vector<PatchCandidate>& out) {
  const auto unmet = [&](std::string_view kind) {
    return std::any_of(e.constraints.begin(), e.constraints.end(),
                       [&](const ConstraintCheck& c) { return c.kind == kind && c.met && !*c.met; });
  };
  if (unmet("keep"))
    for (const SpanWish& span : brief.keep) {
      const bool there = std::any_of(plan.decisions.begin(), plan.decisions.end(), [&](const Decision& d) {
        return d.type == DecisionType::cut && text_of(d.params, "source") == span.source &&
               number_of(d.params, "start_s", 0) <= span.start_s + 0.1 &&
               number_of(d.params, "end_s", 0) >= span.end_s - 0.1;
      });
      if (there) continue;
      Decision cut;
      cut.id = new_decision_id(plan, {}, "c");
      cut.type = DecisionType::cut;
      cut.params = {{"source", span.source}, {"start_s", span.start_s}, {"end_s", span.end_s}};
      PatchCandidate candidate;
      candidate.id = "add_" + cut.id;
      candidate.what = fmt::format("show {:.1f} to {:.1f} s of {}", span.start_s, span.end_s, span.source);
      candidate.gain = 0.3;
      candidate.steps.push_back(add("", std::move(cut), "the goal asks for this film: " + span.words));
      out.push_back(std::move(candidate));
    }
  if (unmet("avoid"))
    for (const SpanWish& span : brief.avoid)
      for (const Decision* d : cuts_of(plan))
        if (overlaps_cut(*d, span.source, span.start_s, span.end_s)) {
          PatchCandidate candidate;
          candidate.id = "remove_" + d->id;
          candidate.what = "leave out " + d->id;
          candidate.gain = 0.3;
          candidate.steps.push_back(remove(d->id, "the goal asks to leave this film out: " + span.words));
          out.push_back(std::move(candidate));
        }
}

}  // namespace

std::string new_decision_id(const EditPlan& plan, const std::vector<PatchStep>& steps,
                            std::string_view prefix) {
  std::set<std::string> taken;
  for (const Decision& d : plan.decisions) taken.insert(d.id);
  for (const PatchStep& s : steps) taken.insert(s.decision.id);
  for (int n = 1;; ++n)
    if (std::string id = fmt::format("{}{}", prefix, n); !taken.contains(id)) return id;
}

Brief brief_of(const EditPlan& plan, std::span<const EditSource> sources) {
  if (plan.brief.is_object() && !plan.brief.empty())
    if (auto brief = brief_from_json(plan.brief, "the plan's brief")) return *std::move(brief);
  return read_goal(plan.goal, sources);
}

std::vector<PatchCandidate> candidates_from(const EditPlan& plan, const Evaluation& e,
                                            std::span<const EditSource> sources,
                                            std::vector<std::string>& notes) {
  const Brief brief = brief_of(plan, sources);
  std::vector<PatchCandidate> out;
  const auto keep = [&](std::optional<PatchCandidate> candidate) {
    if (candidate &&
        std::none_of(out.begin(), out.end(), [&](const PatchCandidate& c) { return c.id == candidate->id; }))
      out.push_back(*std::move(candidate));
  };
  for (const EvaluationIssue& found : e.issues) {
    const std::string& kind = found.issue.kind;
    if (kind == "missing_title")
      keep(for_title(plan, found));
    else if (kind == "black" || kind == "freeze" || kind == "flicker" || kind == "dark" || kind == "blur" ||
             kind == "overexposed")
      keep(take_out_of_film(plan, e, found, sources, brief));
    else if (kind == "clipping" || kind == "loudness")
      continue;  // with the sound, below
    else if (found.issue.severity >= 0.3)
      notes.push_back(fmt::format("{} at frames {}-{} is the file's, not the plan's: render it again", kind,
                                  found.issue.first_frame, found.issue.last_frame));
  }
  for (const ConstraintCheck& c : e.constraints)
    if (c.kind == "text" && c.met && !*c.met) keep(add_missing_text(plan, brief, c, e.duration_s));
  for_unmet_film(plan, e, brief, out);
  keep(for_pacing(plan, e, brief, sources));
  keep(for_sound(plan, e, brief));
  keep(exchange_weakest(plan, e, brief, sources));
  for (const ConstraintCheck& c : e.constraints)
    if (c.met && !*c.met && out.empty())
      notes.push_back(fmt::format("no step is known that would give {} ({})", c.kind, c.wanted));
  std::stable_sort(out.begin(), out.end(),
                   [](const PatchCandidate& a, const PatchCandidate& b) { return a.gain > b.gain; });
  return out;
}

namespace {

// `id` becomes `name` in a plan, also where other decisions refer to it.
void rename(EditPlan& plan, const std::string& id, const std::string& name) {
  for (Decision& d : plan.decisions) {
    if (d.id == id) d.id = name;
    for (const char* key : {"target", "after"})
      if (const auto it = d.params.find(key); it != d.params.end() && it->is_string() && *it == id)
        *it = name;
    if (const auto it = d.params.find("order"); it != d.params.end() && it->is_array())
      for (Json& entry : *it)
        if (entry.is_string() && entry == id) entry = name;
  }
}

const Decision* find_decision(const EditPlan& plan, const std::string& id) {
  for (const Decision& d : plan.decisions)
    if (d.id == id) return &d;
  return nullptr;
}

bool same_content(const Decision& a, const Decision& b) {
  return a.type == b.type && a.params == b.params;
}

}  // namespace

namespace {

// What a decision is about, when a second one about it would be one too many; empty: nothing of the kind.
std::string subject_of(const Decision& d) {
  const auto param = [&](const char* key) { return text_of(d.params, key); };
  switch (d.type) {
    case DecisionType::text_overlay: return param("text") + param("path");
    case DecisionType::transition: return param("where") + "|" + param("after");
    case DecisionType::composite: return param("layout");
    case DecisionType::audio: return param("action") == "sound" ? "" : param("action");
    default: return {};
  }
}

}  // namespace

std::vector<PatchStep> steps_between(const EditPlan& from, const EditPlan& goal_plan,
                                     const std::string& reason, const std::string& origin) {
  EditPlan to = goal_plan;
  // What the new plan says of the same thing gives way to a locked decision: a text is not drawn twice.
  for (const Decision& d : from.decisions) {
    const std::string subject = subject_of(d);
    if (!d.locked || subject.empty()) continue;
    if (std::erase_if(to.decisions,
                      [&](const Decision& o) { return o.type == d.type && subject_of(o) == subject; }))
      to.decisions.push_back(d);
  }
  // A locked decision keeps its id; what the new plan calls by that name gets another.
  for (const Decision& d : from.decisions)
    if (const Decision* other = find_decision(to, d.id); d.locked && other && !same_content(d, *other))
      rename(to, d.id, new_decision_id(to, {}, d.id + "_"));
  std::vector<PatchStep> steps;
  for (const Decision& d : from.decisions) {
    // Also of a locked one: whoever takes the steps refuses that, and says so.
    if (find_decision(to, d.id)) continue;
    steps.push_back(remove(d.id, reason));
    steps.back().origin = origin;
  }
  std::string before;
  for (const Decision& d : to.decisions) {
    const Decision* old = find_decision(from, d.id);
    if (!old || !same_content(*old, d)) {
      PatchStep step;
      step.action = old ? PatchAction::replace : PatchAction::add;
      step.target = old ? d.id : before;
      step.decision = d;
      step.reason = reason;
      step.origin = origin;
      steps.push_back(std::move(step));
    }
    before = d.id;
  }
  return steps;
}

}  // namespace studio
