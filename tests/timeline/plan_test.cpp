// studio.plan/1: unknown fields come back, newer schemas and wrong forms are refused by name.
#include "timeline/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_schema.h"

namespace studio {
namespace {

using testing::HasSubstr;

constexpr std::string_view kPlan = R"({
  "schema": "studio.plan/1", "goal": "funny 15 s", "origin": "model",
  "model": {"id": "qwen2.5-coder-0.5b", "sha256": "ab"}, "seed": 18446744073709551615,
  "sources": [{"id": "s1", "path": "film.mp4", "sha256": "cd", "camera": "B"}],
  "brief": {"length_s": 15},
  "decisions": [{"id": "d1", "type": "cut", "params": {"source": "s1", "start_s": 1, "end_s": 2, "x": [1]},
                 "reason": "lively", "confidence": 0.8, "evidence": ["shot 3: motion 0.8"], "locked": true,
                 "origin": "person", "colour": "blue"}],
  "repairs": [{"decision": "d1", "what": "moved", "why": "snap", "by": 3}],
  "studio_note": {"keep": "me"}})";

EditPlan plan_of(std::string_view text) {
  return plan_from_json(parse_json(text, "plan").value(), "plan").value();
}

TEST(Plan, ReadsTheFixedNames) {
  const EditPlan plan = plan_of(kPlan);
  EXPECT_EQ(plan.goal, "funny 15 s");
  EXPECT_EQ(plan.model->id, "qwen2.5-coder-0.5b");
  EXPECT_EQ(plan.seed, 18446744073709551615ull);
  ASSERT_EQ(plan.decisions.size(), 1u);
  EXPECT_EQ(plan.decisions[0].type, DecisionType::cut);
  EXPECT_TRUE(plan.decisions[0].locked);
  EXPECT_EQ(plan.decisions[0].params["end_s"], 2);
}

TEST(Plan, UnknownFieldsAreWrittenBack) {
  const Json before = parse_json(kPlan, "plan").value();
  const Json after = to_json(plan_of(kPlan));
  EXPECT_EQ(nlohmann::json(after), nlohmann::json(before));  // as sets: the order may differ
}

TEST(Plan, WhatIsWrittenFollowsTheSchemaFile) {
  const Json schema = read_json_file(STUDIO_SOURCE_DIR "/schemas/plan.schema.json").value();
  const auto checked = validate_schema(to_json(plan_of(kPlan)), schema, "plan");
  EXPECT_TRUE(checked) << checked.error().message;
  EXPECT_TRUE(validate_schema(to_json(EditPlan{}), schema, "plan"));
  Json wrong = to_json(plan_of(kPlan));
  wrong["decisions"][0]["params"]["end_s"] = "two";
  EXPECT_FALSE(validate_schema(wrong, schema, "plan"));
}

TEST(Plan, EveryDecisionTypeHasAName) {
  for (const auto type :
       {DecisionType::cut, DecisionType::speed, DecisionType::composite, DecisionType::concatenate,
        DecisionType::text_overlay, DecisionType::effect, DecisionType::transition, DecisionType::audio})
    EXPECT_EQ(decision_type_from(name_of(type)), type);
  EXPECT_FALSE(decision_type_from("explode"));
}

Error error_of(std::string_view text) {
  return plan_from_json(parse_json(text, "p").value(), "p").error();
}

TEST(Plan, RefusesWhatItCannotKnow) {
  EXPECT_EQ(error_of(R"({"schema":"studio.plan/2"})").kind, ErrorKind::newer_schema);
  EXPECT_THAT(error_of(R"({"schema":"studio.plan/2"})").message, HasSubstr("studio.plan/2"));
  EXPECT_EQ(error_of(R"({"schema":"studio.timeline/1"})").kind, ErrorKind::invalid_input);
  EXPECT_THAT(error_of(R"({"schema":"studio.plan/1","decisions":[{"id":"a","type":"explode"}]})").message,
              HasSubstr("p.decisions[0].type: 'explode'"));
  EXPECT_THAT(
      error_of(R"({"schema":"studio.plan/1","decisions":[{"id":"a","type":"cut","confidence":7}]})").message,
      HasSubstr("confidence"));
  EXPECT_THAT(
      error_of(R"({"schema":"studio.plan/1","decisions":[{"id":"a","type":"cut"},{"id":"a","type":"cut"}]})")
          .message,
      HasSubstr("'a' is used twice"));
  EXPECT_THAT(error_of(R"({"schema":"studio.plan/1","seed":-1})").message, HasSubstr("seed"));
  EXPECT_THAT(error_of(R"({"schema":"studio.plan/1","decisions":{}})").message,
              HasSubstr("decisions: expected an array"));
  EXPECT_EQ(read_plan("/nonexistent/plan.json").error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace studio
