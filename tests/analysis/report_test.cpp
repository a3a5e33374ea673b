// What people and programs get to see: JSON that fits its schema, a page that stands alone, pictures that
// open.
#include "analysis/report.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/frame_grabs.h"
#include "base/json_schema.h"
#include "media/image.h"
#include "media/video_reader.h"

namespace studio {
namespace {

const Path kClip = "/usr/share/doc/opencv-doc/examples/data/Megamind.avi";

const Analysis& analysed() {
  static const Analysis analysis = [] {
    auto result = analyze(kClip, {.use_cache = false});
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *result : Analysis{};
  }();
  return analysis;
}

Json schema() {
  auto json = read_json_file(Path(STUDIO_SOURCE_DIR) / "schemas" / "analysis.schema.json");
  EXPECT_TRUE(json) << (json ? "" : json.error().message);
  return json ? *json : Json{};
}

void expect_fits(const Json& json) {
  // The schema's two forms are anyone's choice; checking the analysis form alone gives the exact place.
  Json analysis_only = schema();
  analysis_only.erase("oneOf");
  analysis_only["$ref"] = "#/$defs/analysis";
  const auto fits = validate_schema(json, analysis_only, "the analysis");
  EXPECT_TRUE(fits) << (fits ? "" : fits.error().message);
  EXPECT_TRUE(validate_schema(json, schema(), "the analysis"));
}

TEST(Report, JsonOfARealClipFitsItsSchema) {
  expect_fits(to_json(analysed(), false));
  expect_fits(to_json(analysed(), true));
  const Json json = to_json(analysed());
  EXPECT_EQ(json["schema"], "studio.analysis/1");
  EXPECT_EQ(json["source"]["frame_rate"].get<std::string>().find('/') != std::string::npos, true);
  EXPECT_FALSE(json.contains("curves"));
  // Shots tile the clip.
  std::int64_t next = 0;
  for (const Json& shot : json["shots"]) {
    EXPECT_EQ(shot["first_frame"], next);
    next = shot["last_frame"].get<std::int64_t>() + 1;
  }
  EXPECT_EQ(next, json["source"]["frames"]);
}

TEST(Report, InsightsAgreeWithTheIssues) {
  // The clip opens with a black frame: an issue, so nothing may say that there is none.
  const auto& issues = analysed().issues;
  ASSERT_TRUE(std::ranges::any_of(issues, [](const Issue& i) { return i.kind == "black"; }));
  bool clean = false;
  for (const Insight& insight : analysed().insights) {
    EXPECT_EQ(insight.text.find("black frames"), std::string::npos) << insight.text;
    if (insight.text.starts_with("Nearly clean: no flicker")) {
      clean = true;
      EXPECT_NE(insight.evidence.find("of black at 0:00.000"), std::string::npos) << insight.evidence;
    }
  }
  EXPECT_TRUE(clean);
}

TEST(Report, JsonHoldsEveryKindAndNoInfinity) {
  Analysis a = analysed();
  a.audio = AudioJudgement{};
  a.audio->integrated_lufs = -std::numeric_limits<double>::infinity();
  a.audio->silences.push_back({0, 1});
  a.audio->loudness_curve = {-23.0f, -std::numeric_limits<float>::infinity()};
  for (int k = 0; k < 8; ++k) a.shots[0].camera.moves.push_back({static_cast<MoveKind>(k), k, k + 1, 0.5});
  for (int k = 0; k < 4; ++k) a.shots[static_cast<std::size_t>(k)].camera.style = static_cast<CameraStyle>(k);
  a.issues.push_back({"flicker", 3, 9, 0.5, "<b>", "do"});
  const Json json = to_json(a, true);
  expect_fits(json);
  EXPECT_TRUE(json["audio"]["integrated_lufs"].is_null());
  EXPECT_EQ(json["shots"][0]["camera"]["style"], "static");
  EXPECT_EQ(json["shots"][0]["camera"]["moves"].back()["kind"], "roll_ccw");
}

TEST(Report, TheSchemaRefusesWhatIsNotAnAnalysis) {
  Json json = to_json(analysed());
  json["shots"][0]["camera"]["style"] = "still";
  EXPECT_FALSE(validate_schema(json, schema(), "x"));
  json = to_json(analysed());
  json["shots"][0].erase("last_frame");
  EXPECT_FALSE(validate_schema(json, schema(), "x"));
  EXPECT_TRUE(
      validate_schema(Json{{"error", {{"kind", "io"}, {"message", "m"}, {"hint", "h"}}}}, schema(), "x"));
}

TEST(Report, ThePageStandsAlone) {
  Analysis a = analysed();
  a.issues.push_back({"flicker", 30, 60, 0.7, "swings <wildly> & \"badly\"", "deflicker"});
  const auto page = html_report(a);
  ASSERT_TRUE(page) << page.error().message;
  for (const char* foreign : {"http://", "https://", "<script", "@import", "url(", "src=\"/", "<link"})
    EXPECT_EQ(page->find(foreign), std::string::npos) << foreign;
  EXPECT_NE(page->find("data:image/jpeg;base64,"), std::string::npos);
  EXPECT_NE(page->find("swings &lt;wildly&gt; &amp; &quot;badly&quot;"), std::string::npos);
  EXPECT_EQ(page->find("<wildly>"), std::string::npos);
  // The issue is linked from the timeline and has its picture.
  EXPECT_NE(page->find("href=\"#issue1\""), std::string::npos);
  EXPECT_NE(page->find("id=\"issue1\""), std::string::npos);
  EXPECT_NE(page->find("id=\"kf30\""), std::string::npos);
  for (const Shot& shot : a.shots) EXPECT_NE(page->find("id=\"" + shot.id + "\""), std::string::npos);
  // Every shown picture is defined.
  for (std::size_t at = page->find("href=\"#kf"); at != std::string::npos;
       at = page->find("href=\"#kf", at + 1)) {
    const std::string id = page->substr(at + 7, page->find('"', at + 7) - at - 7);
    EXPECT_NE(page->find("id=\"" + id + "\""), std::string::npos) << id;
  }
}

TEST(Report, AFileNameCannotBreakThePage) {
  Analysis a = analysed();
  a.source.path = "/nowhere/<img src=x onerror=alert(1)>.mp4";
  const auto page = html_report(a);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->find("<img"), std::string::npos);
  EXPECT_NE(page->find("There are no pictures in this report"), std::string::npos);
}

TEST(Report, AnEmptyAnalysisStillMakesAPage) {
  const auto page = html_report(Analysis{});
  ASSERT_TRUE(page);
  EXPECT_NE(page->find("</html>"), std::string::npos);
  EXPECT_FALSE(human_summary(Analysis{}).empty());
}

TEST(Report, KeyframesAreWrittenAtFullSizeOrNotAtAll) {
  const auto folder = ScratchFolder::create("keyframes");
  ASSERT_TRUE(folder);
  const auto files = write_keyframes(analysed(), folder->path() / "deep" / "er");
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_EQ(files->size(), analysed().shots.size());
  const auto reader = VideoReader::open(files->front());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->stream().width, analysed().source.width);
  Analysis gone = analysed();
  gone.source.path = "/nowhere/gone.mp4";
  const auto failed = write_keyframes(gone, folder->path() / "none");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::not_found);
  EXPECT_TRUE(std::filesystem::is_empty(folder->path() / "none"));
}

TEST(Report, TheContactSheetIsAPicture) {
  const auto folder = ScratchFolder::create("sheet");
  ASSERT_TRUE(folder);
  for (const char* name : {"sheet.png", "sheet.JPG"}) {
    const auto written = write_contact_sheet(analysed(), folder->path() / name);
    ASSERT_TRUE(written) << written.error().message;
    const auto reader = VideoReader::open(folder->path() / name);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_GT(reader->stream().width, 600);
  }
  const auto wrong = write_contact_sheet(analysed(), folder->path() / "sheet.gif");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::wrong_usage);
}

TEST(Report, ASummaryNamesShotsIssuesAndAdvice) {
  Analysis a = analysed();
  a.issues.push_back({"freeze", 30, 60, 0.7, "stands still", "cut"});
  const std::string text = human_summary(a);
  for (const char* part : {"shot1", "shot4", "freeze", "30-60", "good for", "LUFS", "score"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  Analysis many = a;
  many.shots.assign(200, a.shots[0]);
  EXPECT_LT(std::ranges::count(human_summary(many), '\n'), 90);
}

TEST(Report, PngKeepsEveryPixelAndJpegNearly) {
  std::vector<std::uint8_t> rgb;
  for (int i = 0; i < 31 * 17; ++i)
    rgb.insert(rgb.end(),
               {static_cast<std::uint8_t>(i % 31 * 8), static_cast<std::uint8_t>(i / 31 * 15), 90});
  const auto folder = ScratchFolder::create("image");
  ASSERT_TRUE(folder);
  for (const bool png : {true, false}) {
    const auto bytes = png ? encode_png(rgb, 31, 17) : encode_jpeg(rgb, 31, 17, 95);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const Path file = folder->path() / (png ? "a.png" : "a.jpg");
    ASSERT_TRUE(write_file_atomic(file, *bytes));
    const auto back = grab_frames(file, {Time{}}, 0);
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(back->front().rgb.size(), rgb.size());
    int worst = 0;
    for (std::size_t i = 0; i < rgb.size(); ++i)
      worst = std::max(worst, std::abs(rgb[i] - back->front().rgb[i]));
    EXPECT_LE(worst, png ? 0 : 24);
  }
  EXPECT_FALSE(encode_jpeg(rgb, 30, 17));
  EXPECT_FALSE(encode_png({}, 0, 0));
}

}  // namespace
}  // namespace studio
