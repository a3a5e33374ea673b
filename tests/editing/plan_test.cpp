// Planning by rules and by a scripted model, repair of bad plans, compiling, parody styles.
#include <algorithm>
#include <deque>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "editing/compile.h"
#include "editing/parody.h"
#include "editing/plan_cuts.h"
#include "editing/planner.h"
#include "editing/repair.h"
#include "editing/style.h"
#include "editing/synthetic.h"

namespace studio {
namespace {

using synthetic::thirty_seconds;

PlannedEdit plan_for(const std::string& goal, const std::vector<EditSource>& sources,
                     std::uint64_t seed = 0) {
  PlannerOptions options;
  options.mode = PlannerMode::rules;
  options.seed = seed;
  auto planned = create_edit_plan(goal, sources, nullptr, options);
  EXPECT_TRUE(planned) << goal << ": " << (planned ? "" : planned.error().message);
  return planned ? *planned : PlannedEdit{};
}

// Film shown twice, seconds.
double doubled(const std::vector<Piece>& pieces) {
  double total = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    for (std::size_t j = i + 1; j < pieces.size(); ++j)
      if (pieces[i].source == pieces[j].source)
        total += std::max(
            0.0, std::min(pieces[i].end_s, pieces[j].end_s) - std::max(pieces[i].start_s, pieces[j].start_s));
  return total;
}

double shown(const std::vector<Piece>& pieces, const std::string& source, double start, double end) {
  double total = 0;
  for (const Piece& p : pieces)
    if (p.source == source) total += std::max(0.0, std::min(p.end_s, end) - std::max(p.start_s, start));
  return total;
}

TEST(RulesPlanner, EveryGoalGivesARenderablePlanOfTheRightLength) {
  auto sources = thirty_seconds();
  for (const char* goal : {"funny 15 s highlight reel",
                           "exactly 12.5 s, fast-paced",
                           "10 s, slow, calm",
                           "three shots, 9 s",
                           "one take, 7 s",
                           "20 cuts per minute, 12 s",
                           "half as long",
                           "keep the first 3 seconds, avoid shot 4, 10 s",
                           "10 s, crossfades between the shots",
                           "12 s, start with the last shot and end on shot 2",
                           "8 s, twice as fast",
                           "10 s with slow motion in shot 2",
                           "10 s, half speed for the last 3 s",
                           "10 s, freeze the last frame for 2 seconds",
                           "10 s, shots in reverse order",
                           "10 s in random order",
                           "use shots 3, 1 and 2 in that order, 9 s",
                           "10 s with a speed ramp",
                           "2 s",
                           "29 s",
                           "30 s",
                           "a 1 s clip"}) {
    PlannedEdit p = plan_for(goal, sources);
    ASSERT_TRUE(p.brief.length) << goal;
    auto compiled = compile_plan(p.plan, sources);
    ASSERT_TRUE(compiled) << goal << ": " << (compiled ? "" : compiled.error().message);
    double length = duration_of(compiled->timeline).seconds();
    EXPECT_NEAR(length, p.brief.length->target_s, 0.03) << goal;
    EXPECT_LT(doubled(compiled->pieces), 0.08) << goal;
    EXPECT_TRUE(p.unmet.empty()) << goal << ": "
                                 << (p.unmet.empty() ? "" : p.unmet[0].wish + ": " + p.unmet[0].reason);
    EXPECT_TRUE(problems_of(p.plan, sources).empty()) << goal;
  }
}

TEST(RulesPlanner, WishesAboutFilmHold) {
  auto sources = thirty_seconds();
  auto pieces = [&](const char* goal) { return pieces_of(plan_for(goal, sources).plan, sources); };
  auto keep = pieces("keep the first 3 seconds, avoid shot 4, 10 s");
  EXPECT_NEAR(shown(keep, "s1", 0, 3), 3, 0.02);
  EXPECT_LT(shown(keep, "s1", 15, 20), 0.02);
  auto edges = pieces("12 s, start with the last shot and end on shot 2");
  EXPECT_GE(edges.front().start_s, 25 - 0.02);
  EXPECT_GE(edges.back().start_s, 5 - 0.02);
  EXPECT_LE(edges.back().end_s, 10 + 0.02);
  auto three = pieces("three shots, 9 s");
  EXPECT_EQ(three.size(), 3u);
  EXPECT_EQ(pieces("one take, 7 s").size(), 1u);
  std::vector<std::string> shots;
  for (const Piece& p : pieces("use shots 3, 1 and 5 in that order, 12 s, fast-paced"))
    if (shots.empty() || shots.back() != p.shot) shots.push_back(p.shot);
  EXPECT_EQ(shots, (std::vector<std::string>{"shot3", "shot1", "shot5"}));
  auto reversed = pieces("10 s, shots in reverse order");
  EXPECT_TRUE(std::ranges::is_sorted(reversed, std::ranges::greater{}, &Piece::start_s));
  auto chronological = pieces("10 s in chronological order");
  EXPECT_TRUE(std::ranges::is_sorted(chronological, {}, &Piece::start_s));
  auto slow = pieces("10 s, half speed for the last 3 s");
  double slow_s = 0;
  for (const Piece& p : slow)
    if (std::abs(p.factor - 0.5) < 1e-6) slow_s += p.output_end_s - p.output_start_s;
  EXPECT_NEAR(slow_s, 3, 0.1);
  EXPECT_NEAR(slow.back().factor, 0.5, 1e-6);
  auto whole = pieces("black and white");
  EXPECT_NEAR(shown(whole, "s1", 0, 30), 30, 0.02);
  auto without = pieces("remove shot 3");
  EXPECT_NEAR(shown(without, "s1", 0, 30), 25, 0.02);
  auto fast = pieces("fast-paced 12 s");
  EXPECT_GE(fast.size(), 7u);
  auto calm = pieces("slow-paced 12 s");
  EXPECT_LE(calm.size(), 3u);
}

TEST(RulesPlanner, SeveralClips) {
  auto clips = synthetic::two_clips();
  auto p = plan_for("8 s from both clips", clips);
  auto pieces = pieces_of(p.plan, clips);
  EXPECT_GT(shown(pieces, "s1", 0, 100), 0.4);
  EXPECT_GT(shown(pieces, "s2", 0, 100), 0.4);
  auto compiled = compile_plan(p.plan, clips);
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_NEAR(duration_of(compiled->timeline).seconds(), 8, 0.03);
}

TEST(RulesPlanner, SameSeedSamePlan) {
  auto sources = thirty_seconds();
  EXPECT_EQ(to_json(plan_for("12 s highlights", sources, 7).plan).dump(),
            to_json(plan_for("12 s highlights", sources, 7).plan).dump());
}

// Answers in order; then fails.
class ScriptedModel : public ChatModel {
 public:
  explicit ScriptedModel(std::deque<std::string> answers) : answers_(std::move(answers)) {}
  Result<ChatAnswer> chat(const ChatRequest& request) override {
    prompts.push_back(request.messages.back().content);
    if (answers_.empty()) return fail(ErrorKind::engine_failed, "the engine died");
    ChatAnswer answer;
    answer.content = answers_.front();
    answers_.pop_front();
    answer.finish_reason = "stop";
    return answer;
  }
  ModelIdentity identity() const override { return {"scripted", "00"}; }
  ChatUsage usage() const override { return {}; }
  std::vector<std::string> prompts;

 private:
  std::deque<std::string> answers_;
};

std::deque<std::string> good_answers() {
  return {
      R"({"mood":"funny","pace":"fast"})",
      R"({"shots":[{"shot":"shot2","why":"calm"},{"shot":"shot6","why":"sound"},{"shot":"shot1","why":"beauty"}]})",
      R"({"order":"chronological"})", R"({"effect":"zoom_punch","shot":"shot6"})"};
}

TEST(ModelPlanner, ItsPicksAreUsedAndItCannotOverrideTheGoal) {
  auto sources = thirty_seconds();
  auto answers = good_answers();
  answers.front() = R"({"mood":"funny"})";  // the pace stands in the goal, so it is not asked
  ScriptedModel model(std::move(answers));
  auto p = create_edit_plan("9 s, slow-paced, avoid shot 1, title \"Hi\"", sources, &model, {});
  ASSERT_TRUE(p) << p.error().message;
  ASSERT_EQ(p->plan.origin, "model") << (p->notes.empty() ? "" : p->notes[0]);
  EXPECT_EQ(p->plan.model->id, "scripted");
  EXPECT_EQ(p->brief.pace, Pace::slow);
  auto pieces = pieces_of(p->plan, sources);
  EXPECT_LT(shown(pieces, "s1", 0, 5), 0.02);
  EXPECT_GT(shown(pieces, "s1", 5, 10) + shown(pieces, "s1", 25, 30), 3.0);
  EXPECT_NEAR(output_length_s(p->plan, sources), 9, 0.02);
  EXPECT_TRUE(std::ranges::any_of(p->plan.decisions,
                                  [](const Decision& d) { return d.type == DecisionType::text_overlay; }));
  EXPECT_EQ(p->proposed.decisions.front().params["shot"], "shot2");
  // The questions share their beginning, so that the engine reads it once.
  ASSERT_GE(model.prompts.size(), 2u);
  auto common = std::ranges::mismatch(model.prompts[0], model.prompts[1]).in1 - model.prompts[0].begin();
  EXPECT_GT(common, 300);
}

TEST(ModelPlanner, FallsBackToRulesOnlyWhenAskedToChoose) {
  auto sources = thirty_seconds();
  PlannerOptions options;
  ScriptedModel dead({});
  auto automatic = create_edit_plan("9 s", sources, &dead, options);
  ASSERT_TRUE(automatic);
  EXPECT_EQ(automatic->plan.origin, "rules");
  ASSERT_FALSE(automatic->notes.empty());
  options.mode = PlannerMode::model;
  auto failed = create_edit_plan("9 s", sources, &dead, options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(exit_code(failed.error().kind), 1);
  auto absent = create_edit_plan("9 s", sources, nullptr, options);
  ASSERT_FALSE(absent);
  EXPECT_EQ(exit_code(absent.error().kind), 3);
}

TEST(ModelPlanner, NonsenseIsRefusedByTheSchema) {
  auto sources = thirty_seconds();
  ScriptedModel model({R"({"mood":"angry"})", "not json", R"({"mood":7})"});
  PlannerOptions options;
  options.mode = PlannerMode::model;
  auto planned = create_edit_plan("9 s", sources, &model, options);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().kind, ErrorKind::engine_failed);
}

EditPlan plan_of(const std::vector<Json>& list) {
  Json decisions = list;
  Json json{{"schema", "studio.plan/1"},
            {"goal", ""},
            {"origin", "person"},
            {"seed", 1U},
            {"sources", {{{"id", "s1"}, {"path", "s1.mp4"}, {"sha256", ""}}}},
            {"brief", Json::object()},
            {"decisions", decisions},
            {"repairs", Json::array()}};
  auto plan = plan_from_json(json, "test");
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  return plan ? *plan : EditPlan{};
}

Json cut(const char* id, double start, double end) {
  return {{"id", id}, {"type", "cut"}, {"params", {{"source", "s1"}, {"start_s", start}, {"end_s", end}}}};
}

TEST(CheckPlan, NamesWhatCannotBeRendered) {
  auto sources = thirty_seconds();
  auto wrong = [&](const std::vector<Json>& decisions) {
    return problems_of(plan_of(decisions), sources).size();
  };
  EXPECT_EQ(wrong({cut("c1", 1, 4)}), 0u);
  EXPECT_EQ(wrong({}), 1u);
  EXPECT_EQ(wrong({cut("c1", 95, 99)}), 1u);
  EXPECT_EQ(wrong({cut("c1", 5, 5)}), 1u);
  EXPECT_EQ(wrong({cut("c1", 1, 4), {{"id", "e"}, {"type", "effect"}, {"params", {{"effect", "sparkle"}}}}}),
            1u);
  EXPECT_EQ(wrong({cut("c1", 1, 4),
                   {{"id", "e"}, {"type", "effect"}, {"params", {{"effect", "vignette"}, {"strength", 7}}}}}),
            1u);
  EXPECT_EQ(
      wrong({cut("c1", 1, 4),
             {{"id", "e"}, {"type", "effect"}, {"params", {{"effect", "vignette"}, {"target", "c9"}}}}}),
      1u);
  EXPECT_EQ(wrong({cut("c1", 1, 4),
                   {{"id", "x"}, {"type", "transition"}, {"params", {{"after", "c1"}, {"kind", "swirl"}}}}}),
            1u);
  EXPECT_EQ(wrong({cut("c1", 1, 4),
                   {{"id", "t"}, {"type", "text_overlay"}, {"params", {{"text", "x"}, {"at_s", 50}}}}}),
            1u);
  EXPECT_EQ(
      wrong({cut("c1", 1, 4),
             {{"id", "a"}, {"type", "audio"}, {"params", {{"action", "music"}, {"path", "nosuch.mp3"}}}}}),
      1u);
  auto error = check_plan(plan_of({cut("c1", 95, 99)}), sources);
  ASSERT_FALSE(error);
  EXPECT_EQ(exit_code(error.error().kind), 1);
  EXPECT_NE(error.error().message.find("95"), std::string::npos);
}

TEST(RepairPlan, BadPlansBecomeRenderableAndEveryChangeIsRecorded) {
  auto sources = thirty_seconds();
  std::vector<Json> bad = {
      cut("c1", 4.9, 8),
      cut("c2", 20, 99),
      cut("c3", 200, 300),
      cut("c4", 12, 10),
      {{"id", "c5"}, {"type", "cut"}, {"params", {{"shot", "shot6"}}}},
      {{"id", "c6"}, {"type", "cut"}, {"params", {{"source", "s1"}, {"start_s", 6}, {"end_s", 7}}}},
      {{"id", "e1"},
       {"type", "effect"},
       {"params", {{"effect", "grayscale"}, {"amount", 9}, {"colour", "red"}}}},
      {{"id", "e2"}, {"type", "effect"}, {"params", {{"effect", "sparkle"}}}},
      {{"id", "e3"}, {"type", "effect"}, {"params", {{"effect", "reverse"}, {"target", "c4"}}}},
      {{"id", "x1"}, {"type", "transition"}, {"params", {{"after", "c77"}}}},
      {{"id", "t1"},
       {"type", "text_overlay"},
       {"params", {{"text", "late"}, {"at_s", 500}, {"duration_s", 3}}}},
      {{"id", "s1"}, {"type", "speed"}, {"params", {{"target", "c4"}, {"factor", 9999}}}},
      {{"id", "a1"}, {"type", "audio"}, {"params", {{"action", "dance"}}}}};
  Brief brief;
  auto repaired = repair_plan(plan_of(bad), brief, sources);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_TRUE(problems_of(repaired->plan, sources).empty());
  EXPECT_GE(repaired->plan.repairs.size(), 8u);
  EXPECT_LT(doubled(pieces_of(repaired->plan, sources)), 0.02);
  ASSERT_TRUE(compile_plan(repaired->plan, sources));
  // Repairing what is right changes nothing.
  auto again = repair_plan(repaired->plan, brief, sources);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->plan.repairs.size(), repaired->plan.repairs.size());
}

TEST(RepairPlan, FitsTheLengthAndKeepsLockedDecisions) {
  auto sources = thirty_seconds();
  Json locked = cut("c2", 11, 13);
  locked["locked"] = true;
  EditPlan plan = plan_of({cut("c1", 0, 5), locked, cut("c3", 20, 25)});
  Brief brief = read_goal("8 s, avoid shot 3", sources);
  auto repaired = repair_plan(plan, brief, sources);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_NEAR(output_length_s(repaired->plan, sources), 8, 0.01);
  auto d = std::ranges::find(repaired->plan.decisions, std::string("c2"), &Decision::id);
  ASSERT_NE(d, repaired->plan.decisions.end());
  EXPECT_EQ(d->params["start_s"], 11);
  EXPECT_EQ(d->params["end_s"], 13);
  Json broken = cut("c9", 90, 99);
  broken["locked"] = true;
  EXPECT_FALSE(repair_plan(plan_of({broken}), brief, sources));
}

TEST(RepairPlan, WhatIsAllLockedStaysAsItIs) {
  auto sources = thirty_seconds();
  for (const char* goal :
       {"use shot 3, 10 seconds", "funny 15 s highlight reel", "three shots, 9 s", "use shots 1 and 5, 8 s",
        "10 s, crossfades between the shots", "12 s, start with the last shot and end on shot 2",
        "the first shot at 2x, the second at half speed, under 40 s",
        "8 s, freeze the last frame for 2 seconds", "half speed in the middle, 20 s",
        "keep the first 3 seconds, avoid shot 4, 10 s", "whoosh on every cut, 9 s"}) {
    PlannedEdit planned = plan_for(goal, sources);
    for (Decision& d : planned.plan.decisions) d.locked = true;
    auto again = repair_plan(planned.plan, planned.brief, sources);
    ASSERT_TRUE(again) << goal << ": " << again.error().message;
    auto told = [](const EditPlan& plan) {
      std::string text;
      for (const Decision& d : plan.decisions)
        text += fmt::format("{} {} {}\n", d.id, name_of(d.type), d.params.dump());
      return text;
    };
    EXPECT_EQ(told(again->plan), told(planned.plan)) << goal;
  }
}

TEST(RepairPlan, RandomPlansNeverBreakIt) {
  auto sources = thirty_seconds();
  std::uint64_t state = 1;
  auto draw = [&](int n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<int>((state >> 33) % static_cast<std::uint64_t>(n));
  };
  const char* types[] = {"cut",          "speed",  "composite",  "concatenate",
                         "text_overlay", "effect", "transition", "audio"};
  const char* keys[] = {"source", "start_s",    "end_s",   "target", "factor",      "effect",
                        "at_s",   "duration_s", "kind",    "text",   "after",       "action",
                        "order",  "layout",     "ramp",    "shot",   "freeze_at_s", "hold_s",
                        "path",   "sound",      "gain_db", "where",  "reverse"};
  const Json values[] = {"s1",
                         "c1",
                         "all",
                         3,
                         -5,
                         1e9,
                         0.5,
                         "vignette",
                         "mute",
                         "frame",
                         "crossfade",
                         nullptr,
                         true,
                         Json::array({1, 2}),
                         Json::array({Json::array({0, 1}), Json::array({2, 3})}),
                         "title",
                         "end",
                         "shot2",
                         12.25,
                         "sound",
                         "whoosh"};
  Brief brief = read_goal("7 s, title \"T\"", sources);
  for (int round = 0; round < 150; ++round) {
    std::vector<Json> decisions;
    int n = draw(8);
    for (int i = 0; i < n; ++i) {
      Json params = Json::object();
      for (int k = draw(7); k > 0; --k) params[keys[draw(std::size(keys))]] = values[draw(std::size(values))];
      decisions.push_back({{"id", "c" + std::to_string(i)}, {"type", types[draw(8)]}, {"params", params}});
    }
    auto repaired = repair_plan(plan_of(decisions), brief, sources);
    ASSERT_TRUE(repaired) << Json(decisions).dump() << repaired.error().message;
    auto compiled = compile_plan(repaired->plan, sources);
    ASSERT_TRUE(compiled) << Json(decisions).dump() << compiled.error().message;
    EXPECT_NEAR(duration_of(compiled->timeline).seconds(), 7, 0.1) << Json(decisions).dump();
  }
}

TEST(Compile, MakesEveryLayer) {
  auto sources = synthetic::two_clips();
  auto p = plan_for(
      "10 s from both clips, vertical, title \"Hello\" at the start for 2 seconds, black and white, zoom "
      "punch at 0:03, a whoosh at 0:02, "
      "fade to black at the end, crossfades of half a second between the shots, normalize to -16 LUFS",
      sources);
  auto compiled = compile_plan(p.plan, sources);
  ASSERT_TRUE(compiled) << compiled.error().message;
  const Timeline& t = compiled->timeline;
  EXPECT_EQ(t.width * 16, t.height * 9);
  EXPECT_NEAR(duration_of(t).seconds(), 10, 0.03);
  EXPECT_DOUBLE_EQ(*compiled->settings.loudness_lufs, -16);
  int titles = 0, sounds = 0, transitions = 0, reframed = 0;
  for (const Track& track : t.tracks)
    for (const Item& item : track.items) {
      if (std::holds_alternative<Transition>(item)) ++transitions;
      const auto* clip = std::get_if<Clip>(&item);
      if (!clip) continue;
      if (const auto* g = std::get_if<Generator>(&clip->source)) g->kind == "title" ? ++titles : ++sounds;
      for (const Effect& e : clip->effects) reframed += e.id == "reframe";
    }
  EXPECT_EQ(titles, 1);
  EXPECT_EQ(sounds, 1);
  EXPECT_GE(transitions, 1);
  EXPECT_GE(reframed, 2);
  EXPECT_TRUE(std::ranges::any_of(t.tracks[0].effects,
                                  [](const Effect& e) { return e.id == "black_and_white" && !e.active; }));
  EXPECT_TRUE(std::ranges::any_of(t.effects, [](const Effect& e) { return e.id == "fade_out"; }));
}

TEST(Compile, ALevelCanChangeForAWhile) {
  auto sources = thirty_seconds();
  auto p = plan_for("volume down 6 dB between 2 and 4 seconds, 8 s", sources);
  auto compiled = compile_plan(p.plan, sources);
  ASSERT_TRUE(compiled) << compiled.error().message;
  double changed = 0;
  for (const Item& item : compiled->timeline.tracks[0].items)
    if (const auto* clip = std::get_if<Clip>(&item)) {
      EXPECT_DOUBLE_EQ(clip->gain_db, 0);
      for (const Effect& e : clip->effects)
        if (e.id == "volume" && e.active) changed += e.active->duration.seconds();
    }
  EXPECT_NEAR(changed, 2, 0.05);
}

TEST(Compile, BarsFrameThePictureThatIsZoomed) {
  auto sources = thirty_seconds();
  auto p = plan_for("8 s, letterbox 2.39:1, zoom punch at 0:03, vignette", sources);
  auto compiled = compile_plan(p.plan, sources);
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto& effects = compiled->timeline.tracks[0].effects;
  ASSERT_EQ(effects.size(), 3u);
  EXPECT_EQ(effects.back().id, "letterbox");
}

TEST(Compile, CutsLieOnFramesOfTheSource) {
  auto sources = thirty_seconds();
  auto compiled = compile_plan(plan_of({cut("c1", 1.013, 2.49), cut("c2", 20.001, 21.7)}), sources);
  ASSERT_TRUE(compiled) << compiled.error().message;
  for (const Item& item : compiled->timeline.tracks[0].items) {
    const Clip& clip = std::get<Clip>(item);
    EXPECT_EQ(Time::frames(clip.source_range.start.to_frames({25, 1}), {25, 1}), clip.source_range.start);
    EXPECT_EQ(Time::frames(clip.source_range.duration.to_frames({25, 1}), {25, 1}),
              clip.source_range.duration);
  }
}

TEST(Parody, EveryStyleIsSeededAndRenderable) {
  auto sources = thirty_seconds();
  for (const char* style : {"dramatic", "chaotic", "wholesome"})
    for (double intensity : {0.0, 0.6, 1.0}) {
      ParodyOptions options;
      options.style = style;
      options.intensity = intensity;
      options.seed = 3;
      options.duration_s = 12;
      auto first = plan_parody(sources, options);
      ASSERT_TRUE(first) << style << first.error().message;
      auto second = plan_parody(sources, options);
      EXPECT_EQ(to_json(first->plan).dump(), to_json(second->plan).dump());
      auto compiled = compile_plan(first->plan, sources);
      ASSERT_TRUE(compiled) << style << compiled.error().message;
      EXPECT_NEAR(duration_of(compiled->timeline).seconds(), 12, 0.06) << style << intensity;
    }
  auto effects = [&](double intensity) {
    ParodyOptions options;
    options.style = "chaotic";
    options.intensity = intensity;
    return plan_parody(sources, options)->plan.decisions.size();
  };
  EXPECT_GT(effects(1.0), effects(0.0));
  ParodyOptions unknown;
  unknown.style = "nosuch";
  auto failed = plan_parody(sources, unknown);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::not_found);
  EXPECT_NE(failed.error().hint.find("dramatic"), std::string::npos);
}

TEST(Parody, BarsLeaveAnUprightPictureToBeSeen) {
  auto sources = thirty_seconds();
  sources[0].analysis.source.width = 720;
  sources[0].analysis.source.height = 1280;
  ParodyOptions options;
  options.style = "dramatic";
  auto planned = plan_parody(sources, options);
  ASSERT_TRUE(planned);
  auto bars = std::ranges::find_if(
      planned->plan.decisions, [](const Decision& d) { return d.params.value("effect", "") == "letterbox"; });
  ASSERT_NE(bars, planned->plan.decisions.end());
  EXPECT_NEAR(bars->params.value("ratio", 0.0), 0.756, 0.01);  // a quarter of the height, as in cinema
}

TEST(Parody, BrokenStyleFilesAreNamed) {
  EXPECT_TRUE(style_from_yaml("description: x\nmoments:\n  - {at: cut, effect: flash}\n", "x", "x.yaml"));
  EXPECT_FALSE(style_from_yaml("moments: [{at: nowhere}]", "x", "x.yaml"));
  EXPECT_FALSE(style_from_yaml("sparkle: 1", "x", "x.yaml"));
  EXPECT_FALSE(style_from_yaml("{{{{", "x", "x.yaml"));
  EXPECT_FALSE(style_from_yaml("- a\n- b", "x", "x.yaml"));
}

}  // namespace
}  // namespace studio
