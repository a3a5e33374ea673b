// The scan of a request's text, beside a JSON library on the same texts.
#include "gateway/request_scan.h"

#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {
namespace {

RequestScan scan(std::string_view body) {
  auto scanned = scan_request(body);
  EXPECT_TRUE(scanned.has_value()) << body << ": " << scanned.error().message;
  return scanned.value_or(RequestScan{});
}

std::string renamed(std::string_view body, std::string_view name) {
  std::string json_name, out;
  for (const auto piece : with_model(body, scan(body), name, json_name)) out += piece;
  return out;
}

TEST(RequestScan, FindsTheFewFieldsThatDecide) {
  const RequestScan plain =
      scan(R"( {"model" : "qwen", "messages":[{"role":"user","content":"\"stream\":true"}]} )");
  EXPECT_EQ(plain.model, "qwen");
  EXPECT_FALSE(plain.stream || plain.deterministic || plain.tools || plain.images);
  EXPECT_TRUE(scan(R"({"stream":true})").stream);
  EXPECT_TRUE(scan(R"({"seed":7})").deterministic);
  EXPECT_FALSE(scan(R"({"seed":null,"temperature":0.1})").deterministic);
  for (const char* zero : {"0", "0.0", "-0.0", "0e5"})
    EXPECT_TRUE(scan(std::string(R"({"temperature":)") + zero + "}").deterministic) << zero;
  EXPECT_TRUE(scan(R"({"tools":[{}]})").tools);
  EXPECT_TRUE(scan(R"({"messages":[{"role":"tool","tool_call_id":"x"}]})").tools);
  EXPECT_TRUE(scan(R"({"messages":[{"content":[{"type":"image_url"}]}]})").images);
  EXPECT_TRUE(scan(R"({"stream_options":{"include_usage":true}})").include_usage);
  EXPECT_EQ(scan(R"({"mod\u0065l":"hidden"})").model, "hidden");
  EXPECT_EQ(scan(R"({"model":"a\"b\u00e4"})").model, "a\"bä");
}

TEST(RequestScan, PutsAnotherModelInItsPlace) {
  EXPECT_EQ(renamed(R"({"a":1,"model":"x","b":2})", "y\"z"), R"({"a":1,"model":"y\"z","b":2})");
  EXPECT_EQ(renamed(R"({"a":1})", "y"), R"({"model":"y","a":1})");
  EXPECT_EQ(renamed(" { } ", "y"), R"( {"model":"y" } )");
  EXPECT_EQ(renamed(R"({"model":"y"})", "y"), R"({"model":"y"})");
}

TEST(RequestScan, RefusesHalvesOfSurrogatePairs) {
  EXPECT_TRUE(scan_request(R"({"model":"\ud83d\ude00"})"));
  EXPECT_FALSE(scan_request(R"({"model":"\ude00"})"));
  EXPECT_FALSE(scan_request(R"({"model":"\ud83d"})"));
  EXPECT_FALSE(scan_request(R"({"model":"\ud83d\u0041"})"));
  EXPECT_FALSE(scan_request(R"({"model":"\ud83d)"));
}

TEST(RequestScan, RefusesWhatIsNoRequest) {
  const std::vector<std::string> wrong = {
      "",
      " ",
      "[]",
      "1",
      "\"x\"",
      "{",
      "{\"a\"",
      "{\"a\":",
      "{\"a\":1",
      "{\"a\":1,}",
      "{a:1}",
      "{\"a\":01}",
      "{\"a\":1.}",
      "{\"a\":.5}",
      "{\"a\":1e}",
      "{\"a\":+1}",
      "{\"a\":2e308}",
      "{\"a\":tru}",
      "{\"a\":\"\t\"}",
      "{\"a\":\"\\x\"}",
      "{\"a\":\"\\u12\"}",
      "{\"a\":1}x",
      "{\"a\":[1,]}",
      "{\"a\":[1",
      "{\"a\":NaN}",
      "{\"a\":\"\xff\"}",
      "{\"a\":\"\xc0\x80\"}",
      "{\"a\":\"\xed\xa0\x80\"}",
      "{\"a\":\"\xf5\x80\x80\x80\"}",
      "{'a':1}",
      R"({"model":1})",
      R"({"model":null})",
      R"({"model":"a","model":"b"})",
      R"({"stream":"yes"})",
      R"({"stream":true,"stream":false})",
      "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}"};
  for (const std::string& body : wrong) {
    const auto scanned = scan_request(body);
    ASSERT_FALSE(scanned.has_value()) << body.substr(0, 100);
    EXPECT_EQ(scanned.error().kind, ErrorKind::invalid_input);
  }
}

// Whatever one byte is changed to, the scan takes what the library takes.
TEST(RequestScan, AgreesWithTheJsonLibraryOnChangedTexts) {
  const std::string sound =
      R"({"model":"qwen","messages":[{"role":"user","content":"Gr\u00fc\u00dfe äöü €😀 \"x\" \\ \/"}],"n":-1.5e+3,"a":[true,false,null,{}, []],"t":0})";
  std::mt19937 random(7);
  int taken = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string text = sound;
    for (int changes = static_cast<int>(random() % 3); changes >= 0; --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random() % 256); break;
        case 1: text.erase(at, 1 + random() % 3); break;
        case 2: text.insert(at, 1, "{}[]\",:\\0-e.tfn \xc3"[random() % 18]); break;
        default: text[at] = sound[random() % sound.size()]; break;
      }
      if (text.empty()) break;
    }
    const bool library = nlohmann::json::accept(text) &&
                         text.find_first_not_of(" \t\r\n") != std::string::npos &&
                         text[text.find_first_not_of(" \t\r\n")] == '{';
    const auto ours = scan_request(text);
    // The scan also judges model and stream, which the library does not.
    const bool judged =
        !ours && (ours.error().message.starts_with("model:") || ours.error().message.starts_with("stream:"));
    if (!judged) {
      ASSERT_EQ(ours.has_value(), library) << text << (ours ? "" : ours.error().message);
    }
    taken += library;
  }
  EXPECT_GT(taken, 3000) << "the changes break everything: the test says little";
}

}  // namespace
}  // namespace studio
