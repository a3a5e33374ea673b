// Evaluations as values, weights, wishes against measurements, texts in place.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/json_schema.h"
#include "editing/constraints.h"
#include "editing/evaluate.h"
#include "editing/quality_scores.h"
#include "editing/quality_weights.h"
#include "llm/chat.h"
#include "synthetic.h"

namespace studio {
namespace {

Evaluation example() {
  Evaluation e;
  e.file = "out.mp4";
  e.duration_s = 12.5;
  e.frames = 312;
  e.frame_rate = 25;
  e.width = 1280;
  e.height = 720;
  e.has_audio = true;
  e.score = 0.71;
  e.technical = {{"length", 1, 0.5, "12.5 s"}};
  e.creative = {{"variety", 0.6, 0.5, "differ"}};
  e.constraints = {{"duration", "12 s", "12.5 s", false, true, "cut"},
                   {"order", "chronological", "unknown", std::nullopt, true, ""}};
  EvaluationIssue issue;
  issue.issue = {"freeze", 20, 40, 0.7, "stands", "render again"};
  issue.penalty = 0.2;
  issue.decision = "c1";
  e.issues = {issue};
  e.judge = "rules";
  e.compared_with = "plan";
  e.notes = {"a note"};
  return e;
}

TEST(Evaluation, JsonGoesThereAndBackAndFitsItsSchema) {
  const Json json = to_json(example());
  const auto schema = read_json_file(Path(STUDIO_SOURCE_DIR) / "schemas/evaluation.schema.json");
  ASSERT_TRUE(schema) << schema.error().message;
  for (const auto& violation : schema_violations(json, *schema))
    ADD_FAILURE() << violation.path << ": " << violation.message;
  const auto back = evaluation_from_json(json, "test");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), json);
}

TEST(Evaluation, AnotherSchemaIsRefusedByName) {
  Json json = to_json(example());
  json["schema"] = "studio.evaluation/9";
  const auto newer = evaluation_from_json(json, "test");
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().kind, ErrorKind::newer_schema);
  json["schema"] = "studio.plan/1";
  EXPECT_FALSE(evaluation_from_json(json, "test"));
  EXPECT_FALSE(evaluation_from_json(Json::array(), "test"));
}

TEST(Weights, TheShippedFileIsSound) {
  const auto weights = read_quality_weights(Path(STUDIO_SOURCE_DIR) / "configs/evaluation.yaml");
  ASSERT_TRUE(weights) << weights.error().message;
  double total = 0;
  for (const auto& [name, w] : weights->technical) total += w;
  for (const auto& [name, w] : weights->creative) total += w;
  EXPECT_LE(weights->creative.at("goal"), 0.2 * total);
  // Damage of the named kinds must cost at least 0.05 even where an unmet wish scales the score.
  for (const char* kind : {"dropped_audio", "black", "freeze", "flicker", "length", "missing_title", "order",
                           "clipping", "desync", "dark", "stutter", "speed"})
    EXPECT_GE(weights->penalties.at(kind) * 0.65 * weights->threshold * weights->unmet_factor, 0.05) << kind;
}

TEST(Weights, AnOpinionThatWeighsTooMuchIsRefused) {
  auto scratch = ScratchFolder::create();
  ASSERT_TRUE(scratch);
  const Path file = scratch->path() / "w.yaml";
  ASSERT_TRUE(write_file_atomic(file, "technical: {length: 0.5}\ncreative: {goal: 0.5}\npenalties: {}\n"));
  EXPECT_FALSE(read_quality_weights(file));
  ASSERT_TRUE(write_file_atomic(file, "technical: {length: bad}\ncreative: {goal: 0.1}\npenalties: {}\n"));
  EXPECT_FALSE(read_quality_weights(file));
  ASSERT_TRUE(write_file_atomic(file, "technical: [\n"));
  EXPECT_FALSE(read_quality_weights(file));
  EXPECT_FALSE(read_quality_weights(scratch->path() / "none.yaml"));
}

class ScriptedModel : public ChatModel {
 public:
  explicit ScriptedModel(std::string answer) : answer_(std::move(answer)) {}
  Result<ChatAnswer> chat(const ChatRequest& request) override {
    asked = request.messages.back().content;
    if (answer_.empty()) return fail(ErrorKind::engine_failed, "gone");
    return ChatAnswer{answer_, "stop", 1, 1, 0};
  }
  ModelIdentity identity() const override { return {"scripted", ""}; }
  ChatUsage usage() const override { return {}; }
  std::string asked;

 private:
  std::string answer_;
};

TEST(GoalJudge, SeesTheMeasurementsAndIsBoundedByThem) {
  Evaluation e = example();
  ScriptedModel kind(R"({"reason": "lovely", "verdict": "fully"})");
  const auto judgement = judge_goal("12 seconds", e, &kind, {});
  EXPECT_EQ(judgement.judge, "scripted");
  EXPECT_NE(kind.asked.find("NOT met"), std::string::npos);
  EXPECT_NE(kind.asked.find("freeze"), std::string::npos);
  EXPECT_LT(judgement.score.value, 0.4);  // nothing explicit is met
  e.constraints[0].met = true;
  e.issues.clear();
  EXPECT_EQ(judge_goal("12 seconds", e, &kind, {}).score.value, 1);
}

TEST(GoalJudge, RulesJudgeWhenTheModelCannotAndAreNamed) {
  ScriptedModel gone("");
  const auto judgement = judge_goal("12 seconds", example(), &gone, {});
  EXPECT_EQ(judgement.judge, "rules");
  EXPECT_FALSE(judgement.notes.empty());
  EXPECT_EQ(judge_goal("12 seconds", example(), nullptr, {}).judge, "rules");
}

Fingerprint flat_print(double seconds, double rate) {
  Fingerprint print;
  print.width = 1280;
  print.height = 720;
  print.frame_rate = rate;
  print.duration_s = seconds;
  for (int i = 0; i < static_cast<int>(seconds * rate); ++i) {
    FramePrint f;
    f.time_s = i / rate;
    f.luma = 100;
    f.spread = 30;
    f.change = 5;
    f.mean_change = 1;
    print.frames.push_back(f);
  }
  print.thumbs.resize(print.frames.size() * kThumbSize, 100);
  return print;
}

struct Scene {
  std::vector<EditSource> sources{synthetic::source("s1", {{10, 0.2}, {10, 0.5}})};
  Fingerprint file = flat_print(8, 25);
  Comparison comparison = compare_with_nothing(file);
  Measured measured;
  explicit Scene(const std::function<double(double)>& source_time) {
    measured.file = &file;
    measured.comparison = &comparison;
    measured.sources = sources;
    for (const FramePrint& f : file.frames) measured.seen.push_back({0, source_time(f.time_s), true});
  }
  ConstraintCheck check(const std::string& kind, const Json& wanted) {
    return check_constraints({{kind, wanted}}, measured).front();
  }
};

TEST(Constraints, LengthSizeAndShape) {
  Scene s([](double t) { return t; });
  EXPECT_TRUE(*s.check("duration", {{"target_s", 8}, {"min_s", 7.75}, {"max_s", 8.25}}).met);
  EXPECT_FALSE(*s.check("duration", {{"target_s", 9}, {"min_s", 8.75}, {"max_s", 9.25}}).met);
  EXPECT_TRUE(*s.check("aspect", {{"width", 16}, {"height", 9}}).met);
  EXPECT_FALSE(*s.check("aspect", {{"width", 9}, {"height", 16}}).met);
  EXPECT_TRUE(*s.check("size", {{"width", 1280}, {"height", 720}}).met);
  EXPECT_TRUE(*s.check("frame_rate", {{"fps", 25}}).met);
  EXPECT_FALSE(*s.check("frame_rate", {{"fps", 30}}).met);
  EXPECT_TRUE(*s.check("silence", Json::object()).met);
  EXPECT_FALSE(*s.check("sound", Json::object()).met);
}

TEST(Constraints, FilmThatMustAndMustNotBeSeen) {
  Scene s([](double t) { return t < 4 ? t + 2 : t + 8; });  // 2..6 and 12..16
  const auto span = [](double a, double b) { return Json{{"source", "s1"}, {"start_s", a}, {"end_s", b}}; };
  EXPECT_TRUE(*s.check("keep", span(3, 5)).met);
  EXPECT_TRUE(*s.check("keep", span(12, 16)).met);
  EXPECT_FALSE(*s.check("keep", span(5, 8)).met);
  EXPECT_TRUE(*s.check("avoid", span(7, 11)).met);
  EXPECT_FALSE(*s.check("avoid", span(4, 8)).met);
  EXPECT_TRUE(*s.check("opening", span(2, 4)).met);
  EXPECT_FALSE(*s.check("opening", span(12, 14)).met);
  EXPECT_TRUE(*s.check("ending", span(15, 16)).met);
  EXPECT_TRUE(*s.check("order", {{"order", "chronological"}}).met);
  EXPECT_FALSE(*s.check("order", {{"order", "reversed"}}).met);
  EXPECT_TRUE(*s.check("clips", {{"count", 2}}).met);
  EXPECT_FALSE(*s.check("no_cuts", Json::object()).met);
  EXPECT_TRUE(*s.check("speed", {{"factor", 1}}).met);
}

TEST(Constraints, EverySourceMustBeSeen) {
  Scene s([](double t) { return t; });
  const auto one = s.check("sources", Json::object());
  EXPECT_TRUE(*one.met) << one.measured;
  s.sources.push_back(synthetic::source("s2", {{10, 0.3}}));
  s.measured.sources = s.sources;
  const auto missing = s.check("sources", Json::object());
  EXPECT_FALSE(*missing.met);
  EXPECT_EQ(missing.measured, "nothing of s2");
  for (std::size_t i = 100; i < 150; ++i) s.measured.seen[i].source = 1;
  EXPECT_TRUE(*s.check("sources", Json::object()).met);
}

TEST(Constraints, SpeedAndDirectionAreMeasured) {
  Scene fast([](double t) { return 2 * t; });
  EXPECT_TRUE(*fast.check("speed", {{"factor", 2}}).met);
  EXPECT_FALSE(*fast.check("speed", {{"factor", 0.5}}).met);
  Scene back([](double t) { return 15 - t; });
  EXPECT_TRUE(*back.check("reverse", Json::object()).met);
  Scene ramp([](double t) { return t < 4 ? t : 4 + (t - 4) * 0.5; });
  EXPECT_TRUE(*ramp.check("ramp", {{"factor", 0.5}}).met);
  EXPECT_TRUE(*ramp.check("speed", {{"factor", 0.5}, {"last_s", 3}}).met);
}

TEST(Constraints, WhatCannotBeToldIsNeitherMetNorUnmet) {
  Scene s([](double t) { return t; });
  s.measured.sources = {};
  EXPECT_FALSE(s.check("order", {{"order", "chronological"}}).met.has_value());
  EXPECT_FALSE(s.check("something_new", Json::object()).met.has_value());
}

}  // namespace
}  // namespace studio
