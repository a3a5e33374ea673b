// From goal to plan: the brief, the choice of film by model or rules, then repair until it holds.
#include "editing/planner.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "editing/beats.h"
#include "editing/choose.h"
#include "editing/compose.h"
#include "editing/plan_cuts.h"
#include "editing/questions.h"
#include "editing/repair.h"
#include "editing/style.h"

namespace studio {
namespace {

// A model's wish for a shot counts about as much as everything that was measured in it together.
constexpr double kFirstPick = 0.45, kLastPick = 0.2, kDescribed = 0.6;

std::string in_words(const std::string& why) {
  if (why == "action") return "the model wants its action";
  if (why == "beauty") return "the model finds it beautiful";
  if (why == "sound") return "the model wants its sound";
  if (why == "calm") return "the model wants a calm moment";
  return "the model wants it for contrast";
}

Preference preference_from(const ModelAnswers& answers) {
  Preference preference;
  preference.origin = "model";
  for (std::size_t i = 0; i < answers.picks.size(); ++i) {
    double share =
        answers.picks.size() > 1 ? static_cast<double>(i) / static_cast<double>(answers.picks.size() - 1) : 0;
    preference.bonus[answers.picks[i].id] = kFirstPick + (kLastPick - kFirstPick) * share;
    preference.reason[answers.picks[i].id] = in_words(answers.picks[i].why);
  }
  for (const std::string& id : answers.described) preference.bonus[id] += kDescribed;
  return preference;
}

// What the model said, word for word as a plan: whole shots in its order, its effect.
EditPlan plan_of_answers(const ModelAnswers& answers, std::span<const EditSource> sources) {
  EditPlan plan;
  plan.origin = "model";
  plan.sources = plan_sources(sources);
  auto rows = evidence_table(sources);
  std::string target;
  for (const PickedShot& pick : answers.picks) {
    auto row = std::ranges::find(rows, pick.id, &ShotRow::id);
    if (row == rows.end()) continue;
    Decision d;
    d.id = fresh_id(plan, "c");
    d.type = DecisionType::cut;
    d.params = {
        {"source", row->source}, {"shot", row->shot}, {"start_s", row->start_s}, {"end_s", row->end_s}};
    d.reason = in_words(pick.why);
    d.origin = "model";
    d.evidence = {to_text(*row)};
    if (pick.id == answers.effect_shot) target = d.id;
    plan.decisions.push_back(std::move(d));
  }
  if (!answers.effect.empty() && !target.empty()) {
    Decision d;
    d.id = fresh_id(plan, "effect");
    d.type = DecisionType::effect;
    d.params = {{"target", target}, {"effect", answers.effect}};
    d.origin = "model";
    plan.decisions.push_back(std::move(d));
  }
  return plan;
}

void add_model_effect(EditPlan& plan, const ModelAnswers& answers, std::span<const EditSource> sources) {
  if (answers.effect.empty()) return;
  auto rows = evidence_table(sources);
  auto row = std::ranges::find(rows, answers.effect_shot, &ShotRow::id);
  for (const CutView& cut : cuts_in_order(plan)) {
    if (row == rows.end() || cut.source != row->source || cut.shot != row->shot) continue;
    Decision d;
    d.id = fresh_id(plan, "effect");
    d.type = DecisionType::effect;
    d.params = {{"target", cut.id}, {"effect", answers.effect}};
    if (answers.effect == "zoom_punch" || answers.effect == "shake") {
      d.params["at_s"] = 0.0;
      d.params["duration_s"] = std::min(0.7, cut.output_s());
    }
    d.reason = fmt::format("the model wants {} on {}", answers.effect, row->id);
    d.confidence = 0.5;
    d.evidence = {to_text(*row)};
    d.origin = "model";
    plan.decisions.push_back(std::move(d));
    return;
  }
}

// Calm first, lively last; what is pinned stays.
void build_up(std::vector<WorkCut>& cuts, std::span<const EditSource> sources) {
  auto rows = evidence_table(sources);
  auto motion = [&](const WorkCut& cut) {
    for (const ShotRow& row : rows)
      if (row.source == cut.source && row.shot == cut.shot) return row.motion;
    return 0.5;
  };
  std::ranges::stable_sort(cuts, [&](const WorkCut& a, const WorkCut& b) {
    return a.pin != b.pin ? a.pin < b.pin : motion(a) < motion(b);
  });
}

void add_unmet(std::vector<Unmet>& all, const std::vector<Unmet>& more) {
  for (const Unmet& unmet : more)
    if (std::ranges::none_of(all, [&](const Unmet& u) { return u.wish == unmet.wish; })) all.push_back(unmet);
}

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", word);
  return out;
}

// What of the goal nobody can vouch for: said, so that nobody thinks it was done.
void name_what_is_soft(const Brief& brief, bool model, std::vector<std::string>& notes) {
  if (!brief.not_understood.empty())
    notes.push_back("not understood, and so not used: " + quoted(brief.not_understood));
  if (!brief.described.empty())
    notes.push_back(fmt::format(
        "what pictures show is not recognised: {} {}", quoted(brief.described),
        model ? "is the model's guess from measurements of the shots" : "steers nothing when rules plan"));
  if (!model && !brief.mood_words.empty())
    notes.push_back("moods are for the model; the rules make nothing of " + quoted(brief.mood_words));
}

Result<PlannedEdit> compose_plan(Brief brief, std::span<const EditSource> sources,
                                 const ModelAnswers* answers, const PlannerOptions& options) {
  PlannedEdit out;
  if (answers) {
    out.proposed = plan_of_answers(*answers, sources);
    if (!brief.pace_asked && !brief.cuts_per_minute && answers->pace != Pace::automatic)
      brief.pace = answers->pace;
    brief.mood = answers->mood;
    brief.soft_keep = answers->described;
  }
  Preference preference = answers ? preference_from(*answers) : Preference{};
  EditPlan& plan = out.plan;
  plan.goal = brief.goal;
  plan.origin = answers ? "model" : "rules";
  plan.seed = options.seed;
  plan.sources = plan_sources(sources);
  TRY_ASSIGN(auto style, style_for(brief, options.style));
  if (style) prefer_style(*style, brief, sources, options.intensity, preference);
  SettledCuts settled = settle_cuts(choose_cuts(brief, sources, preference, options.seed), brief, sources,
                                    preference, options.seed);
  if (settled.cuts.empty())
    return fail(ErrorKind::invalid_input, "plan the edit: no film is left to use", "leave out less of it");
  bool free_order = brief.order == Order::automatic && !brief.whole;
  if (free_order && ((answers && answers->order == "build_up") || (style && style->order == "build_up")))
    build_up(settled.cuts, sources);
  write_cuts(plan, settled.cuts, sources);
  if (answers) add_model_effect(plan, *answers, sources);
  if (style) decorate_with_style(plan, *style, brief, sources, options.intensity, options.seed);
  TRY_ASSIGN(RepairedPlan repaired, repair_plan(std::move(plan), brief, sources));
  plan = std::move(repaired.plan);
  if (!answers) out.proposed = plan;
  name_what_is_soft(brief, answers != nullptr, out.notes);
  out.unmet = brief.unmet;
  add_unmet(out.unmet, settled.unmet);
  add_unmet(out.unmet, repaired.unmet);
  out.brief = std::move(brief);
  return out;
}

Brief styled(Brief brief, const PlannerOptions& options) {
  if (!options.style.empty()) {
    brief.style = options.style;
    brief.style_asked = true;
  }
  return brief;
}

}  // namespace

std::optional<PlannerMode> planner_mode_from(std::string_view name) {
  if (name == "auto" || name == "automatic") return PlannerMode::automatic;
  if (name == "model") return PlannerMode::model;
  if (name == "rules") return PlannerMode::rules;
  return std::nullopt;
}

Result<Brief> understand_goal(std::string_view goal, std::span<const EditSource> sources, ChatModel* model,
                              const PlannerOptions& options, const Job& job) {
  Brief brief = styled(read_goal(goal, sources), options);
  TRY(find_beats(brief, sources, job));
  if (!model || options.mode == PlannerMode::rules) return brief;
  QuestionOptions questions{options.seed, options.patience_s, true};
  auto answers = ask_model(*model, brief, sources, questions, job);
  if (!answers) {
    if (answers.error().kind == ErrorKind::interrupted || options.mode == PlannerMode::model)
      return std::unexpected(answers.error());
    return brief;
  }
  brief.mood = answers->mood;
  if (!brief.pace_asked && !brief.cuts_per_minute) brief.pace = answers->pace;
  return brief;
}

Result<PlannedEdit> create_edit_plan(std::string_view goal, std::span<const EditSource> sources,
                                     ChatModel* model, const PlannerOptions& options, const Job& job) {
  return create_edit_plan(styled(read_goal(goal, sources), options), sources, model, options, job);
}

Result<PlannedEdit> create_edit_plan(Brief brief, std::span<const EditSource> sources, ChatModel* model,
                                     const PlannerOptions& options, const Job& job) {
  if (sources.empty())
    return fail(ErrorKind::wrong_usage, "plan the edit: no video was given", "name at least one file");
  brief = styled(std::move(brief), options);
  TRY(find_beats(brief, sources, job));
  if (options.mode == PlannerMode::model && !model)
    return fail(ErrorKind::missing_part, "plan the edit by the model: no language model is there",
                "run `studio models pull qwen2.5-coder-0.5b`, or use --planner rules");
  if (options.mode == PlannerMode::rules || !model) {
    TRY_ASSIGN(PlannedEdit planned, compose_plan(std::move(brief), sources, nullptr, options));
    if (options.mode == PlannerMode::automatic)
      planned.notes.push_back("planned by rules: no language model is there");
    return planned;
  }
  auto started = std::chrono::steady_clock::now();
  auto answers = ask_model(*model, brief, sources, {options.seed, options.patience_s, false}, job);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (!answers) {
    const Error& error = answers.error();
    if (options.mode == PlannerMode::model || error.kind == ErrorKind::interrupted)
      return std::unexpected(with_context(error, "plan the edit by the model"));
    TRY_ASSIGN(PlannedEdit planned, compose_plan(std::move(brief), sources, nullptr, options));
    planned.notes.push_back("planned by rules: " + error.message);
    planned.model_seconds = seconds;
    return planned;
  }
  TRY_ASSIGN(PlannedEdit planned, compose_plan(std::move(brief), sources, &*answers, options));
  ModelIdentity identity = model->identity();
  planned.plan.model = PlanModel{identity.id, identity.sha256};
  planned.proposed.model = planned.plan.model;
  planned.proposed.goal = planned.plan.goal;
  planned.model_seconds = seconds;
  return planned;
}

}  // namespace studio
