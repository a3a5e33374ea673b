// The judge: one look at the file, one at what it should be, then scores, constraints and issues.
#include "editing/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "editing/change_findings.h"
#include "editing/compile.h"
#include "editing/constraints.h"
#include "editing/damage.h"
#include "editing/quality_scores.h"
#include "editing/quality_weights.h"
#include "editing/reference.h"
#include "editing/text_findings.h"
#include "media/probe.h"

namespace studio {
namespace {

Allowances allowances_of(const Brief& brief, bool style) {
  Allowances allowed;
  allowed.speed = !brief.speeds.empty() || style;
  allowed.reorder = brief.order == Order::reversed || brief.order == Order::shuffled ||
                    brief.order == Order::as_listed || brief.opening || brief.ending || style;
  for (const AudioWish& wish : brief.audio) allowed.silence |= wish.action == "mute";
  for (const SpeedWish& wish : brief.speeds) allowed.reorder |= wish.kind == "reverse";
  allowed.effects = !brief.effects.empty() || style;
  return allowed;
}

// What a goal explains is no damage: black at a wished fade, a standing picture at a wished freeze.
void forgive(std::vector<Issue>& issues, const Brief& brief, const Fingerprint& file, ComparedWith kind) {
  if (kind == ComparedWith::plan) return;  // the reference knows
  const auto near_edge = [&](const Issue& i) {
    const auto n = static_cast<std::int64_t>(file.frames.size());
    const auto reach = static_cast<std::int64_t>(file.frame_rate * 3);
    return i.first_frame < reach || i.last_frame > n - reach;
  };
  const auto asked = [&](std::string_view id) {
    return std::any_of(brief.effects.begin(), brief.effects.end(),
                       [&](const EffectWish& w) { return w.id == id; });
  };
  const bool fades =
      std::any_of(brief.transitions.begin(), brief.transitions.end(),
                  [](const TransitionWish& w) { return w.kind.find("fade") != std::string::npos; });
  const bool freezes = std::any_of(brief.speeds.begin(), brief.speeds.end(),
                                   [](const SpeedWish& w) { return w.kind == "freeze"; });
  std::erase_if(issues, [&](const Issue& i) {
    if (i.kind == "black" || i.kind == "dark")
      return fades || ((asked("fade_in") || asked("fade_out")) && near_edge(i));
    if (i.kind == "freeze" || i.kind == "duplicate")
      return freezes || (i.kind == "duplicate" && !brief.speeds.empty());
    if (i.kind == "stutter") return !brief.speeds.empty();  // slow motion repeats frames
    if (i.kind == "color") return asked("black_and_white") || asked("saturation");
    if (i.kind == "blur") return asked("blur") || asked("pixelate");
    if (i.kind == "flicker") return asked("flash") || asked("shake");
    return false;
  });
}

double penalty_of(const Issue& issue, const QualityWeights& weights) {
  const auto found = weights.penalties.find(issue.kind);
  const double most = found == weights.penalties.end() ? weights.other_penalty : found->second;
  return most * (0.5 + 0.5 * std::clamp(issue.severity, 0.0, 1.0));
}

// One kind of damage in many places counts like its worst place and half of the next.
double total_penalty(std::vector<EvaluationIssue>& issues) {
  std::map<std::string, std::vector<double>> by_kind;
  for (const EvaluationIssue& i : issues) by_kind[i.issue.kind].push_back(i.penalty);
  double total = 0;
  for (auto& [kind, penalties] : by_kind) {
    std::sort(penalties.rbegin(), penalties.rend());
    total += penalties[0] + (penalties.size() > 1 ? penalties[1] / 2 : 0);
  }
  return std::min(total, 0.85);
}

void weigh(Evaluation& e, const QualityWeights& weights) {
  double total = 0;
  const auto weight = [](const std::map<std::string, double>& table, const std::string& name) {
    const auto it = table.find(name);
    return it == table.end() ? 0.0 : it->second;
  };
  for (auto& s : e.technical) total += s.weight = weight(weights.technical, s.name);
  for (auto& s : e.creative) total += s.weight = weight(weights.creative, s.name);
  if (total <= 0) return;
  // Scores that do not apply hand their weight to the others; the opinion may not gain more than 0.2 by that.
  double opinion = 0;
  for (const QualityScore& s : e.creative)
    if (s.name == "goal") opinion = s.weight / total;
  const double most = std::min(opinion, 0.2);
  double sum = 0;
  for (auto* scores : {&e.technical, &e.creative})
    for (QualityScore& s : *scores) {
      s.weight = s.name == "goal" ? most : s.weight / total * (1 - most) / std::max(1e-9, 1 - opinion);
      sum += s.weight * s.value;
    }
  double score = std::clamp(sum - total_penalty(e.issues), 0.0, 1.0);
  const bool unmet = std::any_of(e.constraints.begin(), e.constraints.end(), [](const ConstraintCheck& c) {
    return c.explicit_wish && c.met && !*c.met;
  });
  if (unmet) score *= e.threshold * weights.unmet_factor;
  e.score = score;
  e.passed = e.score >= e.threshold && !unmet;
}

// Decision of the plan that an issue's frames belong to.
std::string decision_at(std::span<const Piece> pieces, const Fingerprint& file, const Issue& issue) {
  const auto at = static_cast<std::size_t>(std::clamp<std::int64_t>(
      (issue.first_frame + issue.last_frame) / 2, 0, static_cast<std::int64_t>(file.frames.size()) - 1));
  const double t = file.frames[at].time_s;
  for (const Piece& piece : pieces)
    if (t >= piece.output_start_s && t < piece.output_end_s) return piece.decision;
  return {};
}

// Black that the plan shows because its source is black there: rendered right, and still nothing to look at.
void name_black_film(const Measured& m, const std::vector<Fingerprint>& prints, std::vector<Issue>& damage) {
  const auto black = [](const FramePrint& f) { return f.luma < 20 && f.dark_share > 0.96f; };
  std::size_t first = 0, length = 0;
  for (std::size_t i = 0; i <= m.seen.size(); ++i) {
    bool dark = false;
    if (i < m.seen.size() && m.seen[i].source >= 0 && black(m.file->frames[i])) {
      const Fingerprint& print = prints[static_cast<std::size_t>(m.seen[i].source)];
      dark = black(print.frames[print.frame_at(m.seen[i].source_s)]);
    }
    if (dark) {
      if (length++ == 0) first = i;
      continue;
    }
    if (static_cast<double>(length) / std::max(1.0, m.file->frame_rate) > 0.35)
      damage.push_back({"black", static_cast<std::int64_t>(first),
                        static_cast<std::int64_t>(first + length) - 1, 0.3, "the source itself is black here",
                        "use other film"});
    length = 0;
  }
}

}  // namespace

Result<Evaluation> evaluate_edit_quality(const EvaluationRequest& request, const EvaluationOptions& options,
                                         const Job& job) {
  const auto began = std::chrono::steady_clock::now();
  Path weights_file = options.weights;
  if (weights_file.empty()) {
    TRY_ASSIGN(weights_file, shipped_config("evaluation.yaml"));
  }
  TRY_ASSIGN(const QualityWeights weights, read_quality_weights(weights_file));
  TRY_ASSIGN(const MediaFacts facts, probe(request.file));
  if (!facts.video)
    return fail(ErrorKind::unsupported, fmt::format("judge {}: it has no picture", request.file.string()),
                "give a video file");
  const auto stage = [&](std::string_view name, double done) {
    job.report({.stage = name, .done = done, .total = 5, .unit = "steps"});
  };
  AnalysisOptions watching;
  watching.use_cache = options.use_cache;
  const Job quiet{.progress = {}, .stop = job.stop};

  Evaluation e;
  // What was wanted.
  stage("judge: sources", 0);
  std::vector<EditSource> watched;
  std::span<const EditSource> sources = request.sources;
  if (sources.empty() && request.plan) {
    auto result = watch_sources(*request.plan, watching, quiet);
    if (!result && result.error().kind == ErrorKind::interrupted) return std::unexpected(result.error());
    // A plan whose clips are gone still tells what was wished; the file is then judged alone.
    if (result)
      watched = *std::move(result);
    else
      e.notes.push_back("the plan's sources could not be watched: " + result.error().message);
    sources = watched;
  }
  const std::string goal = !request.goal.empty() ? request.goal : request.plan ? request.plan->goal : "";
  Brief brief;
  if (request.brief) {
    brief = *request.brief;
  } else if (request.plan && request.plan->brief.is_object() && !request.plan->brief.empty() &&
             (request.goal.empty() || request.goal == request.plan->goal)) {
    TRY_ASSIGN(brief, brief_from_json(request.plan->brief, "the plan's brief"));
  } else if (!goal.empty()) {
    brief = read_goal(goal, sources);
  }

  // One look at the file.
  stage("judge: the file", 1);
  double duration_s = facts.video->duration.value_or(facts.duration.value_or(Time{})).seconds();
  std::vector<Piece> pieces;
  if (request.plan) {
    pieces = pieces_of(*request.plan, sources);
    duration_s = std::max(duration_s, output_length_s(*request.plan, sources));
  }
  std::vector<TextTask> texts = texts_to_find(request.plan, brief, duration_s);
  const std::vector<double> stills_at_s = moments_without_plan(texts);
  TRY_ASSIGN(FingerprintedFile file, fingerprint(request.file, {.stills_at_s = stills_at_s}, quiet));
  const Fingerprint& print = file.print;

  e.file = request.file.string();
  TRY_ASSIGN(e.sha256, sha256_of_file(request.file));
  e.duration_s = print.duration_s;
  e.frames = static_cast<std::int64_t>(print.frames.size());
  e.frame_rate = print.frame_rate;
  e.width = print.width;
  e.height = print.height;
  e.has_audio = print.has_audio;
  e.threshold = options.threshold >= 0 ? options.threshold : weights.threshold;

  stage("judge: shots and composition", 2);
  std::optional<Analysis> analysis;
  if (!options.analysis) {
    auto result = analyze(request.file, watching, quiet);
    if (!result && result.error().kind == ErrorKind::interrupted) return std::unexpected(result.error());
    if (result)
      analysis = *std::move(result);
    else
      e.notes.push_back("coherence, composition and shots were not judged: " + result.error().message);
  }

  // What it should be.
  stage("judge: what was planned", 3);
  std::vector<Fingerprint> source_prints;
  for (const EditSource& source : sources) {
    TRY_ASSIGN(auto p, cached_fingerprint(source.media.path, source.analysis.source.sha256, options.use_cache,
                                          quiet));
    source_prints.push_back(std::move(p));
  }
  std::optional<Fingerprint> reference;
  if (request.plan && !sources.empty()) {
    auto result = render_reference(*request.plan, sources, options.use_cache, quiet);
    if (!result && result.error().kind == ErrorKind::interrupted) return std::unexpected(result.error());
    if (result)
      reference = *std::move(result);
    else
      e.notes.push_back("the plan could not be rendered to compare with: " + result.error().message);
  }
  Comparison comparison;
  Fingerprint joined;
  if (reference) {
    comparison = compare_with_plan(print, *reference);
  } else if (!sources.empty()) {
    std::vector<const Fingerprint*> parts;
    std::vector<std::string> ids;
    for (std::size_t s = 0; s < sources.size(); ++s)
      parts.push_back(&source_prints[s]), ids.push_back(sources[s].id);
    std::vector<SourceSpan> spans;
    joined = concatenate(parts, spans, ids);
    comparison = compare_with_sources(print, joined, std::move(spans));
  } else {
    comparison = compare_with_nothing(print);
  }
  e.compared_with = name_of(comparison.kind);
  if (job.cancelled()) return fail(ErrorKind::interrupted, "judge the file: stopped");

  // What is wrong.
  stage("judge: damage", 4);
  std::vector<Issue> damage = find_damage(print, comparison, allowances_of(brief, !brief.style.empty()));
  forgive(damage, brief, print, comparison.kind);

  Measured measured;
  measured.file = &print;
  measured.analysis = options.analysis ? options.analysis : analysis ? &*analysis : nullptr;
  measured.comparison = &comparison;
  measured.sources = sources;
  measured.prints = source_prints;
  measured.plan = request.plan;
  measured.pieces = pieces;
  measured.subtitle_streams = facts.subtitle_streams;
  std::optional<CompiledEdit> compiled;
  if (comparison.kind == ComparedWith::plan)
    if (auto edit = compile_plan(*request.plan, sources)) compiled = *std::move(edit);
  if (compiled)
    measured.seen = seen_by_plan(print, comparison, compiled->timeline, sources, source_prints);
  else if (comparison.kind == ComparedWith::sources)
    measured.seen = seen_by_picture(print, comparison);
  else
    measured.seen.resize(print.frames.size());
  std::size_t at_home = 0, proved = 0;
  for (std::size_t i = 0; i < print.frames.size(); ++i) {
    proved += measured.seen[i].by_picture;
    if (comparison.kind == ComparedWith::plan) {
      const FrameMatch& m = comparison.alignment.frames[i];
      at_home += m.matched && std::abs(m.offset_s) < std::max(0.1, 2.5 / std::max(1.0, print.frame_rate));
    }
  }
  measured.plan_agreement = static_cast<double>(at_home) / static_cast<double>(print.frames.size());
  measured.source_match = static_cast<double>(proved) / static_cast<double>(print.frames.size());

  if (comparison.kind == ComparedWith::plan) name_black_film(measured, source_prints, damage);
  if (comparison.kind == ComparedWith::plan) {
    auto looked = find_in_place(texts, request.file, *request.plan, sources, quiet);
    if (!looked && looked.error().kind == ErrorKind::interrupted) return std::unexpected(looked.error());
    if (!looked) e.notes.push_back("the plan's texts could not be looked for: " + looked.error().message);
  }
  if (comparison.kind == ComparedWith::plan) {
    auto changes =
        find_changes(request.file, *request.plan, brief, pieces, reference->duration_s, sources, quiet);
    if (!changes && changes.error().kind == ErrorKind::interrupted) return std::unexpected(changes.error());
    if (changes)
      measured.changes = *std::move(changes);
    else
      e.notes.push_back("the plan's effects could not be looked for: " + changes.error().message);
  }
  find_by_shape(texts, file.stills, measured.seen, print, sources, comparison.kind != ComparedWith::plan);
  for (const TextTask& task : texts) {
    measured.texts.push_back(task.finding);
    if (!task.finding.judged || task.finding.visible) continue;
    damage.push_back(missing_title(task.finding, print));
    e.issues.push_back(
        {damage.back(), penalty_of(damage.back(), weights),
         !task.finding.decision.empty() ? task.finding.decision : decision_at(pieces, print, damage.back())});
  }

  e.constraints = check_constraints(constraints_of(brief), measured);
  // What the goal asks for and this film cannot give is no less unmet for being impossible.
  for (const Unmet& unmet : brief.unmet) {
    ConstraintCheck check;
    check.kind = "unmet";
    check.wanted = unmet.wish;
    check.measured = unmet.reason;
    check.met = false;
    e.constraints.push_back(std::move(check));
  }
  // A wished length that is missed is an issue at the frames that are too many, or at the end.
  for (const ConstraintCheck& c : e.constraints)
    if (c.kind == "duration" && c.met && !*c.met &&
        std::none_of(damage.begin(), damage.end(), [](const Issue& i) { return i.kind == "length"; })) {
      const double wish = brief.length ? brief.length->target_s : print.duration_s;
      const double from = print.duration_s > wish ? wish : std::max(0.0, print.duration_s - 1);
      Issue issue{"length",
                  static_cast<std::int64_t>(print.frame_at(from)),
                  e.frames - 1,
                  std::clamp(0.4 + std::abs(print.duration_s - wish) / std::max(1.0, wish), 0.4, 1.0),
                  fmt::format("{:.2f} s long, {} wished", print.duration_s, c.wanted),
                  c.suggestion};
      damage.push_back(std::move(issue));
    }
  if (!sources.empty())
    e.notes.push_back(fmt::format("{:.0f} % of the frames were found in the sources by their picture",
                                  100 * measured.source_match));

  for (const Issue& issue : damage) {
    EvaluationIssue found{issue, penalty_of(issue, weights), decision_at(pieces, print, issue)};
    if (issue.kind != "missing_title") e.issues.push_back(std::move(found));  // those have their decision
  }
  std::stable_sort(e.issues.begin(), e.issues.end(), [](const EvaluationIssue& a, const EvaluationIssue& b) {
    return a.issue.first_frame < b.issue.first_frame;
  });

  e.technical = technical_scores(measured, brief, damage, e.constraints);
  e.creative = creative_scores(measured, e.constraints);
  GoalJudgement opinion = judge_goal(goal, e, options.model, quiet);
  if (opinion.score.value >= 0) e.creative.push_back(opinion.score);
  e.judge = opinion.judge;
  e.notes.insert(e.notes.end(), opinion.notes.begin(), opinion.notes.end());
  weigh(e, weights);
  e.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  stage("judge: done", 5);
  return e;
}

}  // namespace studio
