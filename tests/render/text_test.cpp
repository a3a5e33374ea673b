// Text on screen: literal, inside the safe area, at its time, and honest about what is missing.
#include "render/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "render/generators.h"
#include "render/subtitles.h"

namespace studio {
namespace {

const Rational kRate{25, 1};

Raster canvas_of(int width, int height) {
  RasterFormat format;
  format.width = width;
  format.height = height;
  Raster canvas(format);
  fill(canvas.view(), {90, 90, 90, 255});
  return canvas;
}

struct Bounds {
  int left = 1 << 20, top = 1 << 20, right = -1, bottom = -1;
  bool empty() const { return right < 0; }
};

// Where the canvas differs from its grey background.
Bounds changed(const Raster& canvas) {
  Bounds b;
  const Plane& y = canvas.view().y;
  const int background = canvas_of(2, 2).view().y.data[0];
  for (int row = 0; row < y.height; ++row)
    for (int x = 0; x < y.width; ++x)
      if (std::abs(y.data[row * y.stride + x] - background) > 2) {
        b.left = std::min(b.left, x);
        b.top = std::min(b.top, row);
        b.right = std::max(b.right, x);
        b.bottom = std::max(b.bottom, row);
      }
  return b;
}

EffectStage stage_of(int width, int height, double seconds = 2) {
  return {width, height, width, height, kRate, Time::from_seconds(seconds), true};
}

Generator title(const std::string& text, std::map<std::string, Parameter> more = {}) {
  more["text"] = text;
  return {"title", more};
}

Bounds drawn(const Generator& generator, int width, int height, std::vector<std::string>* told = nullptr) {
  std::vector<std::string> warnings;
  auto made = GeneratedPicture::create(generator, stage_of(width, height), warnings);
  EXPECT_TRUE(made) << made.error().message;
  Raster canvas = canvas_of(width, height);
  made->draw(canvas.view(), Time::from_seconds(1));
  if (told) *told = warnings;
  return changed(canvas);
}

TEST(Text, StaysInsideTheSafeAreaForAnyLengthAndShape) {
  const std::string texts[] = {
      "A", "Hello World", std::string(400, 'W'),
      "A title of quite some length that has to be wrapped into several lines of text", [] {
        std::string many;
        for (int i = 0; i < 300; ++i) many += "word ";
        return many;
      }()};
  const std::pair<int, int> sizes[] = {{1280, 720}, {720, 1280}, {1080, 1080}, {100, 80}, {64, 64}};
  for (const auto& [width, height] : sizes)
    for (const std::string& text : texts)
      for (const char* kind : {"title", "lower_third", "caption"})
        for (const char* position : {"top", "bottom", "left", "center", "top_right"}) {
          Generator generator{kind, {{"text", text}}};
          const std::string p = position;
          if (p == "center" && std::string(kind) != "title") continue;
          if (std::string(kind) == "lower_third" && p != "left") continue;
          if (std::string(kind) == "caption" && p != "top" && p != "bottom") continue;
          generator.params["position"] = p;
          const Bounds b = drawn(generator, width, height);
          const auto where = testing::Message() << kind << " " << width << "x" << height << " " << p << " "
                                                << text.substr(0, 20);
          ASSERT_FALSE(b.empty()) << where;
          // 5% at each side, and two pixels for rounding.
          EXPECT_GE(b.left, width * 0.05 - 2) << where;
          EXPECT_GE(b.top, height * 0.05 - 2) << where;
          EXPECT_LE(b.right, width * 0.95 + 2) << where;
          EXPECT_LE(b.bottom, height * 0.95 + 2) << where;
        }
}

TEST(Text, IsLiteral) {
  auto painter = TextPainter::create();
  ASSERT_TRUE(painter);
  auto width_of = [&](const std::string& text) {
    auto painted = painter->paint(text, {}, 2000, 200);
    EXPECT_TRUE(painted);
    return painted->image.width;
  };
  // Every character takes its own room: nothing is read as markup, escape or expression.
  for (const std::string text : {"':%{pts}\\[x];", "<b>x</b>", "&amp;", "%", "\\n", "{\\an8}", "${HOME}"}) {
    int sum = 0;
    for (const char c : text) sum += width_of(std::string("|") + c + "|") - width_of("||");
    EXPECT_NEAR(width_of("|" + text + "|") - width_of("||"), sum, 3 + 0.04 * sum) << text;
  }
}

TEST(Text, LineFeedsBreakLinesAndBadBytesAreShownAsSuch) {
  auto painter = TextPainter::create();
  EXPECT_EQ(painter->paint("one\ntwo\nthree", {}, 1000, 500)->lines, 3);
  EXPECT_TRUE(painter->paint("bad \xff\xfe bytes", {}, 1000, 500));
  EXPECT_TRUE(painter->paint(std::string("zero\0byte", 9), {}, 1000, 500));
  EXPECT_TRUE(painter->paint("", {}, 1000, 500));
}

TEST(Text, AWordLongerThanTheLineIsBrokenBeforeItGetsUnreadable) {
  auto painter = TextPainter::create();
  TextStyle style;
  style.size = 60;
  const auto painted = painter->paint(
      "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft", style, 640, 360);
  ASSERT_TRUE(painted);
  EXPECT_EQ(painted->size, 60);
  EXPECT_GT(painted->lines, 3);
  EXPECT_FALSE(painted->cut);
  // A word that only just does not fit stays whole.
  const auto whole = painter->paint("Donaudampfschiff", style, 480, 360);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->lines, 1);
  EXPECT_LT(whole->size, 60);
}

TEST(Text, IsMadeSmallerUntilNoWordIsBroken) {
  auto painter = TextPainter::create();
  TextStyle style;
  style.size = 100;
  auto painted = painter->paint("Donaudampfschifffahrtsgesellschaft", style, 600, 300);
  ASSERT_TRUE(painted);
  EXPECT_EQ(painted->lines, 1);
  EXPECT_LT(painted->size, 60);
  EXPECT_FALSE(painted->cut);
  EXPECT_LE(painted->image.width, 600);
}

TEST(Text, MissingGlyphsAndFontsAreTold) {
  std::vector<std::string> warnings;
  drawn(title("ok \U0001F600 \U000F0000"), 640, 360, &warnings);
  ASSERT_FALSE(warnings.empty());
  EXPECT_THAT(warnings, testing::Contains(testing::HasSubstr("U+F0000")));
  drawn(title("Hello", {{"font", std::string("No Such Family")}}), 640, 360, &warnings);
  EXPECT_THAT(warnings, testing::ElementsAre(testing::HasSubstr("No Such Family")));
  drawn(title("Grüße, ça va? Ελληνικά Кириллица"), 640, 360, &warnings);
  EXPECT_THAT(warnings, testing::IsEmpty());
}

TEST(Text, TitleFadesButIsSeenFromItsFirstFrameToItsLast) {
  std::vector<std::string> warnings;
  auto made = GeneratedPicture::create(title("Hello"), stage_of(640, 360, 2), warnings);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->acts_at(Time{}));
  EXPECT_TRUE(made->acts_at(Time::frames(49, kRate)));
  EXPECT_FALSE(made->acts_at(Time::frames(50, kRate)));
  auto brightest = [&](int frame) {
    Raster canvas = canvas_of(640, 360);
    made->draw(canvas.view(), Time::frames(frame, kRate));
    int most = 0;
    for (int y = 0; y < 360; ++y)
      for (int x = 0; x < 640; ++x)
        most = std::max<int>(most, canvas.view().y.data[y * canvas.view().y.stride + x]);
    return most;
  };
  EXPECT_LT(brightest(0), brightest(3));
  EXPECT_GE(brightest(25), 234);
  EXPECT_LT(brightest(49), brightest(45));
}

TEST(Text, ColourAndOutlineAreThoseAskedFor) {
  std::vector<std::string> warnings;
  const Generator red =
      title("MMMM", {{"color", std::string("#ff0000")}, {"size", 0.4}, {"outline", 0.0}, {"shadow", 0.0}});
  auto made = GeneratedPicture::create(red, stage_of(640, 360), warnings);
  Raster canvas = canvas_of(640, 360);
  made->draw(canvas.view(), Time::from_seconds(1));
  int reds = 0;
  for (int y = 0; y < 360; ++y)
    for (int x = 0; x < 640; ++x) {
      const Rgba p = pixel_at(canvas.view(), x, y);
      reds += p.r > 240 && p.g < 15 && p.b < 15;
    }
  EXPECT_GT(reds, 2000);
}

TEST(Text, UpperCaseKnowsMoreThanAscii) {
  EXPECT_EQ(upper_case("straße é ñ"), "STRASSE É Ñ");
}

TEST(Subtitles, SubRipIsReadAsPeopleWriteIt) {
  auto cues = parse_srt(
      "\xEF\xBB\xBF"
      "1\r\n00:00:01,500 --> 00:00:03,000\r\nHello <i>world</i>\r\n2 < 3 & <x>\r\n\r\n"
      "00:00:04.2 --> 0:00:05.000 align:start\n{\\an8}Top\n3\n00:00:06,000 --> 00:00:07,000\nlast",
      "test");
  ASSERT_TRUE(cues) << cues.error().message;
  ASSERT_EQ(cues->size(), 3U);
  EXPECT_EQ((*cues)[0].text, "Hello world\n2 < 3 & <x>");
  EXPECT_EQ((*cues)[0].range, TimeRange::between(Time::ticks(1500, {1, 1000}), Time::ticks(3000, {1, 1000})));
  EXPECT_EQ((*cues)[1].text, "Top");
  EXPECT_TRUE((*cues)[1].top);
  EXPECT_EQ((*cues)[1].range.start, Time::ticks(4200, {1, 1000}));
  EXPECT_EQ((*cues)[2].text, "last");
  EXPECT_TRUE(parse_srt(to_srt(*cues), "again"));
}

TEST(Subtitles, BrokenFilesAreRefusedWithTheirLine) {
  EXPECT_FALSE(parse_srt("", "empty"));
  EXPECT_FALSE(parse_srt("just words", "words"));
  auto broken = parse_srt("1\n00:00:xx,500 --> 00:00:03,000\nHello\n", "broken");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, testing::HasSubstr("line 2"));
  EXPECT_FALSE(parse_srt("1\n00:00:05,000 --> 00:00:03,000\nbackwards\n", "backwards"));
}

TEST(Subtitles, AssIsWarnedOfByTheStylesAndCharactersItReallyShows) {
  auto folder = ScratchFolder::create();
  ASSERT_TRUE(folder);
  const Path path = folder->path() / "a.ass";
  const auto warnings_of = [&](const std::string& styles, const std::string& line) {
    EXPECT_TRUE(write_file_atomic(path,
                                  "[Script Info]\nPlayResX: 640\nPlayResY: 360\n[V4+ Styles]\n"
                                  "Format: Name, Fontname, Fontsize\n" +
                                      styles +
                                      "[Events]\nFormat: Layer, Start, End, Style, Text\n"
                                      "Dialogue: 0,0:00:00.00,0:00:02.00," +
                                      line + "\n"));
    std::vector<std::string> warnings;
    auto made =
        GeneratedPicture::create({"subtitles", {{"file", path.string()}}}, stage_of(640, 360), warnings);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return warnings;
  };
  const std::string style = "Style: Mine,DejaVu Sans,36\n", odd = "Style: Odd,No Such Family,36\n";
  EXPECT_THAT(warnings_of(style, "Mine,{\\c&H0000FF&}red\\Nline"), testing::IsEmpty());
  EXPECT_THAT(warnings_of(style + odd, "Mine,plain"), testing::IsEmpty());
  EXPECT_THAT(warnings_of(style + odd, "Odd,plain"), testing::Contains(testing::HasSubstr("No Such Family")));
  EXPECT_THAT(warnings_of(style, "Mine,\U000F0000"), testing::Contains(testing::HasSubstr("U+F0000")));
}

TEST(Subtitles, CuesAreDrawnAtTheirTimes) {
  auto folder = ScratchFolder::create();
  const Path srt = folder->path() / "it's [a] file;.srt", ass = folder->path() / "a.ass";
  ASSERT_TRUE(write_file_atomic(srt, "1\n00:00:00,500 --> 00:00:01,000\nHello\n"));
  ASSERT_TRUE(write_file_atomic(ass,
                                "[Script Info]\nScriptType: v4.00+\nPlayResX: 640\nPlayResY: 360\n\n[V4+ "
                                "Styles]\nFormat: Name, Fontname, Fontsize, "
                                "PrimaryColour, Bold, Alignment, MarginV\nStyle: Default,DejaVu "
                                "Sans,40,&H00FFFFFF,0,2,20\n\n[Events]\nFormat: "
                                "Start, End, Style, Text\nDialogue: 0:00:00.50,0:00:01.00,Default,Hello\n"));
  for (const Path& path : {srt, ass}) {
    std::vector<std::string> warnings;
    auto made =
        GeneratedPicture::create({"subtitles", {{"file", path.string()}}}, stage_of(640, 360), warnings);
    ASSERT_TRUE(made) << made.error().message;
    for (int frame : {11, 13, 24, 25}) {
      const bool shown = frame == 13 || frame == 24;
      EXPECT_EQ(made->acts_at(Time::frames(frame, kRate)), shown) << path << frame;
      Raster canvas = canvas_of(640, 360);
      made->draw(canvas.view(), Time::frames(frame, kRate));
      EXPECT_EQ(changed(canvas).empty(), !shown) << path << frame;
      if (shown) {
        EXPECT_GT(changed(canvas).top, 240) << path;
      }
    }
  }
  std::vector<std::string> warnings;
  EXPECT_FALSE(GeneratedPicture::create({"subtitles", {{"file", std::string("/no/such.srt")}}},
                                        stage_of(64, 36), warnings));
}

TEST(Generators, UnknownKindsAndParametersAreRefused) {
  std::vector<std::string> warnings;
  auto unknown = GeneratedPicture::create({"hologram", {}}, stage_of(64, 36), warnings);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
  EXPECT_FALSE(GeneratedPicture::create({"title", {{"txet", std::string("x")}}}, stage_of(64, 36), warnings));
  EXPECT_FALSE(GeneratedPicture::create({"impact", {}}, stage_of(64, 36), warnings));
  EXPECT_FALSE(generate_sound({"title", {}}, Time::from_seconds(1), 48000, 2));
}

}  // namespace
}  // namespace studio
