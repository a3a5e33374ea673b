// Readers say where it hurts, and hostile text ends in an error.
#include "base/json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace studio {
namespace {

TEST(Json, RefusesANewerSchemaByName) {
  const Json doc = {{"schema", "studio.plan/7"}};
  const auto version = check_schema(doc, "studio.plan", 1, "p.json");
  ASSERT_FALSE(version.has_value());
  EXPECT_EQ(version.error().kind, ErrorKind::newer_schema);
  EXPECT_NE(version.error().message.find("studio.plan/7"), std::string::npos);
}

TEST(Json, DeepNestingIsAnErrorNotACrash) {
  EXPECT_FALSE(parse_json(std::string(100000, '['), "deep").has_value());
}

TEST(JsonReader, NamesThePathOfTheFirstProblem) {
  const Json doc = {{"seed", "x"}, {"n", 2.5}};
  JsonReader reader(doc, "plan");
  EXPECT_EQ(reader.integer("seed", 4), 4);
  EXPECT_EQ(reader.integer("n", 4), 4);
  ASSERT_FALSE(reader.result().has_value());
  EXPECT_NE(reader.result().error().message.find("plan.seed"), std::string::npos);
}

}  // namespace
}  // namespace studio
