// Texts that are there are found, whatever they look like; texts that are not, are missed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/process.h"
#include "editing/compile.h"
#include "editing/evaluate.h"
#include "editing/evidence.h"
#include "editing/text_looks.h"
#include "render/render.h"

namespace studio {
namespace {

TextPatches patches(const std::function<float(int, int)>& drawn, const std::function<float(int, int)>& bare,
                    const std::function<float(int, int)>& file) {
  TextPatches p{120, 40, {}, {}, {}};
  for (auto [plane, luma] :
       {std::pair(&p.drawn, &drawn), std::pair(&p.bare, &bare), std::pair(&p.file, &file)}) {
    for (int y = 0; y < p.height; ++y)
      for (int x = 0; x < p.width; ++x) plane->push_back((*luma)(x, y));
    plane->resize(3 * plane->size());  // no colour
  }
  return p;
}

bool letter(int x, int y) {
  return y > 10 && y < 30 && x > 10 && x < 110 && (x / 5) % 2 == 0;
}
float film(int x, int y) {
  return static_cast<float>(80 + (x * 7 + y * 13) % 40);
}
float titled(int x, int y) {
  return letter(x, y) ? 255.f : film(x, y);
}

TEST(TextLooks, WhatIsDrawnIsSeenAlsoInADarkenedPicture) {
  const TextLook same = judge_text(patches(titled, film, titled));
  EXPECT_TRUE(same.visible);
  EXPECT_NEAR(same.amount, 1, 0.01);
  EXPECT_NEAR(same.worst, 1, 0.01);
  EXPECT_TRUE(
      judge_text(patches(titled, film, [](int x, int y) { return titled(x, y) * 0.8f - 20; })).visible);
}

TEST(TextLooks, WhatIsNotThereIsNotSeen) {
  EXPECT_FALSE(judge_text(patches(titled, film, film)).visible);
  EXPECT_FALSE(judge_text(patches(titled, film, [](int, int) { return 0.f; })).visible);
  // Half of the letters: something is there, but a part of it is not.
  const TextLook half =
      judge_text(patches(titled, film, [](int x, int y) { return x < 60 ? titled(x, y) : film(x, y); }));
  EXPECT_LT(half.worst, 0.5);
  // In the colour of what lies under it, nobody can see it.
  EXPECT_FALSE(judge_text(patches(film, film, film)).drawn);
}

struct Text {
  std::string text;
  Json params = Json::object();
};

// Sanitized builds run ten times as long: one film walks the same code.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kFull = false;
#else
constexpr bool kFull = true;
#endif

// Many looks of a title: thin, small, faint, coloured, on a plate, in many scripts, at each edge.
const std::vector<Text> kTexts = {
    {"Hi", {{"size", 0.03}, {"bold", 0}}},
    {"':%{pts}\\[x];", {{"size", 0.05}, {"outline", 0}, {"shadow", 0}}},
    {"日本語の字幕", {{"size", 0.06}, {"position", "bottom_right"}}},
    {"مرحبا بالعالم", {{"color", "#ffff00"}, {"position", "top"}}},
    {"Это титр — да!", {{"kind", "lower_third"}}},
    {"l'été, già?", {{"kind", "caption"}, {"size", 0.08}}},
    {"blue on black", {{"color", "#2040ff"}, {"outline", 0}, {"shadow", 0}}},
    {"see-through", {{"color", "#ffffff60"}, {"outline", 0}, {"shadow", 0}, {"size", 0.15}}},
    {"...", {{"size", 0.06}}},
    {"on a plate", {{"box", "#00000080"}, {"size", 0.04}, {"position", "left"}}},
    {"slides", {{"animation", "slide"}, {"font", "DejaVu Serif"}}},
    {"A longer line that has to be wrapped, because it does not fit", {{"size", 0.12}}},
};

class TextLooksInFilm : public testing::Test {
 protected:
  static constexpr double kSlot = 0.8;

  void SetUp() override {
    auto made = ScratchFolder::create("studio-texts");
    ASSERT_TRUE(made);
    scratch_.emplace(*std::move(made));
    setenv("XDG_CACHE_HOME", (scratch_->path() / "cache").c_str(), 1);
    const Path clip = scratch_->path() / "clip.mp4";
    // Moving colours and texture, bright and dark: nothing a letter would have for itself.
    const auto result = run_process({"ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i",
                                     "testsrc2=s=640x360:r=25:d=10", "-vf", "noise=alls=12:allf=t", "-c:v",
                                     "libx264", "-preset", "ultrafast", "-crf", "16", clip.string()});
    ASSERT_TRUE(result && result->exit_code == 0);
    auto watched = watch_sources(std::vector<Path>{clip});
    ASSERT_TRUE(watched) << watched.error().message;
    sources_ = *std::move(watched);
  }

  EditPlan plan(const std::vector<Decision>& more) const {
    EditPlan plan;
    plan.origin = "person";
    plan.sources = plan_sources(sources_);
    plan.brief = Json::object();
    Decision cut;
    cut.id = "c1";
    cut.params = {{"source", "s1"}, {"start_s", 0.0}, {"end_s", kSlot * static_cast<double>(kTexts.size())}};
    plan.decisions = {cut};
    for (std::size_t i = 0; i < kTexts.size(); ++i) {
      Decision text;
      text.id = fmt::format("t{}", i);
      text.type = DecisionType::text_overlay;
      text.params = kTexts[i].params;
      text.params["text"] = kTexts[i].text;
      if (!text.params.contains("kind")) text.params["kind"] = "title";
      text.params["at_s"] = kSlot * static_cast<double>(i);
      text.params["duration_s"] = kSlot - 0.04;
      plan.decisions.push_back(text);
    }
    plan.decisions.insert(plan.decisions.end(), more.begin(), more.end());
    return plan;
  }

  Path rendered(const EditPlan& plan, const std::string& name) const {
    const Path file = scratch_->path() / (name + ".mp4");
    const auto edit = compile_plan(plan, sources_);
    EXPECT_TRUE(edit) << (edit ? "" : edit.error().message);
    RenderSettings settings;
    settings.quality = Quality::draft;
    const auto done = render(edit->timeline, file, settings);
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    return file;
  }

  // Ids of the texts that the judge calls missing.
  std::vector<std::string> missing(const EditPlan& plan, const Path& file) const {
    EvaluationRequest request;
    request.file = file;
    request.plan = &plan;
    request.sources = sources_;
    const auto evaluation = evaluate_edit_quality(request);
    EXPECT_TRUE(evaluation) << (evaluation ? "" : evaluation.error().message);
    std::vector<std::string> ids;
    if (evaluation)
      for (const EvaluationIssue& i : evaluation->issues)
        if (i.issue.kind == "missing_title") ids.push_back(i.decision + " " + i.issue.message);
    return ids;
  }

  std::optional<ScratchFolder> scratch_;
  std::vector<EditSource> sources_;
};

Decision other(DecisionType type, Json params) {
  Decision d;
  d.id = "x1";
  d.type = type;
  d.params = std::move(params);
  return d;
}

TEST_F(TextLooksInFilm, NoTextThatIsThereIsCalledMissing) {
  const std::vector<std::pair<std::string, std::vector<Decision>>> films = {
      {"plain", {}},
      {"upright", {other(DecisionType::composite, {{"layout", "frame"}, {"aspect", "9:16"}})}},
      {"shaken", {other(DecisionType::effect, {{"effect", "shake"}})}},
      {"gray", {other(DecisionType::effect, {{"effect", "black_and_white"}})}},
  };
  for (const auto& [name, more] : films) {
    if (!kFull && name != "plain") continue;
    const EditPlan titled = plan(more);
    for (const std::string& id : missing(titled, rendered(titled, name))) ADD_FAILURE() << name << ": " << id;
  }
}

TEST_F(TextLooksInFilm, EachTextThatIsNotThereIsNamed) {
  const EditPlan wanted = plan({});
  const auto all_are_named = [&](const std::string& name, const EditPlan& made) {
    const auto ids = missing(wanted, rendered(made, name));
    EXPECT_EQ(ids.size(), kTexts.size()) << name;
  };
  EditPlan absent = wanted, wrong = wanted, brief = wanted, elsewhere = wanted;
  std::erase_if(absent.decisions, [](const Decision& d) { return d.type == DecisionType::text_overlay; });
  for (EditPlan* p : {&wrong, &brief, &elsewhere})
    for (Decision& d : p->decisions) {
      if (d.type != DecisionType::text_overlay) continue;
      if (p == &wrong) d.params["text"] = "Nothing of the kind";
      if (p == &brief) d.params["duration_s"] = kSlot * 0.4;
      if (p == &elsewhere)
        d.params["kind"] = "caption", d.params["position"] = "top", d.params["size"] = 0.02;
    }
  all_are_named("absent", absent);
  if (!kFull) return;
  all_are_named("wrong", wrong);
  all_are_named("brief", brief);
  all_are_named("elsewhere", elsewhere);
}

TEST_F(TextLooksInFilm, TheColourOfLettersIsMeasuredInTheFile) {
  for (const auto& [drawn, wished, met] : {std::tuple{"red", "red", true},
                                           {"red", "blue", false},
                                           {"white", "red", false},
                                           {"yellow", "yellow", true},
                                           {"#e01818", "red", true},
                                           {"green", "green", true},
                                           {"white", "white", true}}) {
    EditPlan coloured = plan({});
    std::erase_if(coloured.decisions,
                  [](const Decision& d) { return d.type == DecisionType::text_overlay && d.id != "t0"; });
    coloured.decisions.front().params["end_s"] = 2.0;
    for (Decision& d : coloured.decisions)
      if (d.id == "t0") d.params["color"] = drawn, d.params["text"] = "Colours", d.params["kind"] = "title";
    Brief brief;
    TextWish wish;
    wish.text = "Colours";
    wish.color = wished;
    brief.texts = {wish};
    EvaluationRequest request;
    request.file = rendered(coloured, "coloured");
    request.plan = &coloured;
    request.brief = &brief;
    request.sources = sources_;
    const auto evaluation = evaluate_edit_quality(request);
    ASSERT_TRUE(evaluation) << evaluation.error().message;
    const auto check = std::ranges::find(evaluation->constraints, "text", &ConstraintCheck::kind);
    ASSERT_NE(check, evaluation->constraints.end());
    EXPECT_EQ(check->met, std::optional(met)) << drawn << " for " << wished << ": " << check->measured;
  }
}

TEST_F(TextLooksInFilm, ACoveredTextIsNamedAlone) {
  const EditPlan wanted = plan({});
  const Path file = rendered(wanted, "clean"), covered = scratch_->path() / "covered.mp4";
  const auto result = run_process(
      {"ffmpeg", "-nostdin", "-y", "-v", "error", "-i", file.string(), "-vf",
       fmt::format("drawbox=c=gray:t=fill:enable='between(t,{},{})'", 3 * kSlot, 4 * kSlot - 0.02), "-c:v",
       "libx264", "-preset", "veryfast", covered.string()});
  ASSERT_TRUE(result && result->exit_code == 0);
  const auto ids = missing(wanted, covered);
  ASSERT_EQ(ids.size(), 1u);
  EXPECT_TRUE(ids.front().starts_with("t3 ")) << ids.front();
}

}  // namespace
}  // namespace studio
