// The schema validator names what is wrong and where, and cannot be led astray by a bad schema.
#include "base/json_schema.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace studio {
namespace {

Json json(const char* text) {
  return *parse_json(text, "test");
}

std::string first(const char* document, const char* schema) {
  const auto found = schema_violations(json(document), json(schema));
  return found.empty() ? "" : found.front().path + ": " + found.front().message;
}

TEST(JsonSchema, TypesAndWholeNumbers) {
  EXPECT_EQ(first("3.0", R"({"type":"integer"})"), "");
  EXPECT_EQ(first("3.5", R"({"type":"integer"})"), ": expected integer, found 3.5");
  EXPECT_EQ(first("null", R"({"type":["string","null"]})"), "");
  EXPECT_EQ(first("[]", R"({"type":["string","null"]})"), ": expected string or null, found array");
}

TEST(JsonSchema, ObjectsNameTheField) {
  const char* schema = R"({"type":"object","required":["id"],"additionalProperties":false,
    "properties":{"id":{"type":"string","minLength":1},"at_s":{"type":"number","minimum":0,"maximum":9}}})";
  EXPECT_EQ(first(R"({"id":"a","at_s":9})", schema), "");
  EXPECT_EQ(first("{}", schema), "id: is missing");
  EXPECT_EQ(first(R"({"id":"a","at_s":9.1})", schema), "at_s: must be at most 9, found 9.1");
  EXPECT_EQ(first(R"({"id":"","x":1})", schema), "id: must have at least 1 characters, has 0");
  EXPECT_EQ(first(R"({"id":"a","x":1})", schema), "x: is not a known field");
}

TEST(JsonSchema, ArraysCountAndEnumerate) {
  const char* schema = R"({"properties":{"cuts":{"type":"array","minItems":1,"maxItems":2,"uniqueItems":true,
    "items":{"enum":["shot1","shot2","shot3"]}}}})";
  EXPECT_EQ(first(R"({"cuts":["shot1","shot3"]})", schema), "");
  EXPECT_EQ(first(R"({"cuts":[]})", schema), "cuts: must have at least 1 items, has 0");
  EXPECT_EQ(first(R"({"cuts":["shot1","shot9"]})", schema),
            "cuts[1]: must be one of \"shot1\", \"shot2\", \"shot3\", found \"shot9\"");
  EXPECT_EQ(first(R"({"cuts":["shot1","shot1"]})", schema), "cuts[1]: repeats \"shot1\"");
}

TEST(JsonSchema, ReferencesAndUnions) {
  const char* schema =
      R"({"$defs":{"cut":{"type":"object","required":["kind","at"],"properties":{"kind":{"const":"cut"},"at":{"type":"number"}}},
    "text":{"type":"object","required":["kind"],"properties":{"kind":{"const":"text"}}}},
    "oneOf":[{"$ref":"#/$defs/cut"},{"$ref":"#/$defs/text"}]})";
  EXPECT_EQ(first(R"({"kind":"text"})", schema), "");
  EXPECT_EQ(first(R"({"kind":"cut","at":1})", schema), "");
  EXPECT_NE(first(R"({"kind":"cut","at":"x"})", schema), "");
  EXPECT_EQ(first("1", R"({"anyOf":[{"type":"string"},{"minimum":1}]})"), "");
  EXPECT_EQ(first("1", R"({"oneOf":[{"type":"number"},{"minimum":1}]})"),
            ": fits 2 forms where exactly one is allowed");
}

TEST(JsonSchema, EqualityIgnoresKeyOrderAndNumberForm) {
  EXPECT_EQ(first(R"({"a":1,"b":2})", R"({"const":{"b":2.0,"a":1}})"), "");
  EXPECT_NE(first(R"({"a":1})", R"({"const":{"a":2}})"), "");
}

TEST(JsonSchema, ConditionsApplyTheRightBranch) {
  const char* schema =
      R"({"if":{"properties":{"k":{"const":1}}},"then":{"required":["a"]},"else":{"required":["b"]}})";
  EXPECT_EQ(first(R"({"k":1})", schema), "a: is missing");
  EXPECT_EQ(first(R"({"k":2})", schema), "b: is missing");
}

TEST(JsonSchema, BrokenSchemasAreReportedNotFollowed) {
  EXPECT_NE(first("1", R"({"$ref":"#"})"), "");
  EXPECT_NE(first("1", R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})"), "");
  EXPECT_NE(first("1", R"({"$ref":"#/$defs/none"})"), "");
  EXPECT_NE(first("1", R"({"$ref":"#/~"})"), "");
  EXPECT_NE(first("1", R"({"$ref":"http://example.com/x"})"), "");
  EXPECT_NE(first("1", R"("no schema")"), "");
  EXPECT_EQ(first("1", R"({"type":"number","minItems":-1,"required":3,"enum":7,"anyOf":{}})"), "");
}

TEST(JsonSchema, ResultListsEachViolationOnItsLine) {
  const auto result = validate_schema(
      json(R"({"a":1,"b":2})"), json(R"({"properties":{"a":{"type":"string"},"b":{"const":3}}})"), "x.json");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "check x.json against its schema:\n  a: expected string, found 1\n  b: must be 3, found 2");
}

}  // namespace
}  // namespace studio
