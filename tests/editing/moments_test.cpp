// Wishes about moments: cuts on beats, holds, clips before clips, the colours of fades, titles off the
// subject.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "editing/beats.h"
#include "editing/compile.h"
#include "editing/plan_cuts.h"
#include "editing/planner.h"
#include "editing/repair.h"
#include "editing/synthetic.h"
#include "support/generated.h"

namespace studio {
namespace {

using synthetic::thirty_seconds;

PlannedEdit plan_for(const std::string& goal, const std::vector<EditSource>& sources) {
  PlannerOptions options;
  options.mode = PlannerMode::rules;
  auto planned = create_edit_plan(goal, sources, nullptr, options);
  EXPECT_TRUE(planned) << goal << ": " << (planned ? "" : planned.error().message);
  return planned ? *planned : PlannedEdit{};
}

const Decision* decision(const EditPlan& plan, DecisionType type) {
  auto found = std::ranges::find(plan.decisions, type, &Decision::type);
  return found == plan.decisions.end() ? nullptr : &*found;
}

// A click every `period` seconds, the first after `first`.
generated::Sounder clicks(double period, double first) {
  return [=](double t, int) {
    double since = std::fmod(t - first + 100 * period, period);
    if (t < first || since > 0.03) return 0.0F;
    return static_cast<float>(0.8 * std::exp(-since / 0.006) * std::sin(2 * 3.14159265 * 1500 * since));
  };
}

double off_the_grid(double t, double period, double first) {
  double n = std::round((t - first) / period);
  return std::abs(t - first - n * period);
}

TEST(Beats, CutsLieWithinAFrameOfTheClicksAndTheLengthIsKept) {
  auto folder = ScratchFolder::create("beats");
  ASSERT_TRUE(folder);
  struct Tempo {
    double period, first, wanted_s;
  };
  for (const Tempo& tempo : {Tempo{0.5, 0.25, 12}, Tempo{60.0 / 96, 0.1, 10}, Tempo{60.0 / 140, 0.3, 15}}) {
    Path music = folder->path() / "clicks.wav";
    ASSERT_TRUE(generated::write_sound(music, 12, clicks(tempo.period, tempo.first)));
    std::string goal = fmt::format("{:g} s, cut on the beat, music \"{}\"", tempo.wanted_s, music.string());
    PlannedEdit planned = plan_for(goal, thirty_seconds());
    EXPECT_TRUE(planned.unmet.empty()) << goal << ": " << planned.unmet.front().reason;
    auto compiled = compile_plan(planned.plan, thirty_seconds());
    ASSERT_TRUE(compiled);
    const auto& pieces = compiled->pieces;
    ASSERT_GE(pieces.size(), 3u);
    EXPECT_NEAR(pieces.back().output_end_s, tempo.wanted_s, 0.05);
    // The music begins anew after 12 s; the goals end before its clicks are off the grid.
    for (std::size_t i = 1; i < pieces.size(); ++i)
      if (pieces[i].output_start_s < 11.5) {
        EXPECT_LE(off_the_grid(pieces[i].output_start_s, tempo.period, tempo.first), 0.04)
            << pieces[i].output_start_s;
      }
  }
}

TEST(Beats, TheFilmsOwnSoundCountsWithoutMusic) {
  std::vector<EditSource> film = thirty_seconds();
  for (int i = 0; i < 60; ++i) film[0].analysis.audio->beats_s.push_back(0.2 + 0.5 * i);
  PlannedEdit planned = plan_for("a ritmo di musica, dieci secondi", film);
  EXPECT_TRUE(planned.unmet.empty());
  auto cuts = cuts_in_order(planned.plan);
  ASSERT_GE(cuts.size(), 3u);
  double total = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    EXPECT_LE(off_the_grid(cuts[i].start_s, 0.5, 0.2), 0.001);
    if (i + 1 < cuts.size()) {
      EXPECT_LE(off_the_grid(cuts[i].end_s, 0.5, 0.2), 0.001);
    }
    total += cuts[i].output_s();
  }
  EXPECT_NEAR(total, 10, 0.05);
}

TEST(Choosing, LeavesBlackFramesAtTheEndsOfShotsOut) {
  std::vector<EditSource> film = thirty_seconds();
  const Shot& first = film[0].analysis.shots.front();
  const double frame_s = 1 / film[0].analysis.source.frame_rate.to_double();
  film[0].analysis.issues.push_back({"black", first.first_frame, first.first_frame + 2, 0.2, "", ""});
  for (const char* goal : {"12 s", "28 s", "funny 9 s highlights", "a calm 20 s cut"})
    for (const auto& cut : cuts_in_order(plan_for(goal, film).plan))
      EXPECT_GE(cut.start_s, 3 * frame_s - 1e-4) << goal;
  // Who asks for that very film gets it.
  EXPECT_NEAR(cuts_in_order(plan_for("the first 3 seconds", film).plan).front().start_s, 0, 1e-4);
}

TEST(Beats, WithoutABeatItIsSaid) {
  PlannedEdit planned = plan_for("10 s, cut on the beat", thirty_seconds());
  ASSERT_EQ(planned.unmet.size(), 1u);
  EXPECT_NE(planned.unmet[0].reason.find("no beat"), std::string::npos);
  EXPECT_FALSE(plan_for("10 s, mute it, cut to the beat", thirty_seconds()).unmet.empty());
}

TEST(Holds, StandWhereTheGoalSays) {
  auto hold_of = [](const std::string& goal) {
    auto film = thirty_seconds();
    PlannedEdit planned = plan_for(goal, film);
    for (const Piece& piece : pieces_of(planned.plan, film))
      if (piece.freeze) return std::pair{piece, output_length_s(planned.plan, film)};
    ADD_FAILURE() << goal;
    return std::pair{Piece{}, 0.0};
  };
  auto [last, length] = hold_of("8 s, freeze the last frame for 2 seconds");
  EXPECT_NEAR(last.output_end_s, length, 1e-3);
  EXPECT_NEAR(last.output_end_s - last.output_start_s, 2, 1e-3);
  EXPECT_NEAR(length, 8, 0.05);
  auto [whole, all] = hold_of("freeze the last frame for 2 seconds");
  EXPECT_NEAR(whole.output_end_s, all, 1e-3);
  EXPECT_NEAR(all, 32, 0.05);
  auto [first, of_first] = hold_of("10 s, freeze the first frame for 1 second");
  EXPECT_NEAR(first.output_start_s, 0, 1e-3);
  auto [at, of_at] = hold_of("10 s, freeze at 0:03 for 2 seconds");
  EXPECT_NEAR(at.output_start_s, 3, 0.02);
  auto [reordered, of_reordered] =
      hold_of("9 s, shots in reverse order, freeze the last frame for 2 seconds");
  EXPECT_NEAR(reordered.output_end_s, of_reordered, 1e-3);
}

TEST(Sequences, FilmComesBeforeOtherFilm) {
  std::vector<EditSource> clips{synthetic::source("a", {{5, 0.1}}), synthetic::source("b", {{6, 0.1}}),
                                synthetic::source("c", {{4, 0.1}})};
  auto order = [&](const std::string& goal) {
    std::string text;
    for (const CutView& cut : cuts_in_order(plan_for(goal, clips).plan))
      if (text.empty() || text.back() != cut.source[0]) text += cut.source;
    return text;
  };
  EXPECT_EQ(order("put c.mp4 before a.mp4"), "cab");
  EXPECT_EQ(order("put c.mp4 before a.mp4, 9 s from all three clips"), "cab");
  EXPECT_EQ(order("c.mp4, then b.mp4, then a.mp4"), "cba");
  EXPECT_EQ(order("start with b.mp4"), "bac");
  EXPECT_EQ(order("end with a.mp4"), "bca");
  EXPECT_EQ(order("use only b.mp4"), "b");
  std::string shots;
  for (const CutView& cut : cuts_in_order(plan_for("put shot 3 before shot 1", thirty_seconds()).plan))
    shots += cut.shot.back();
  EXPECT_EQ(shots, "312456");
}

TEST(Fades, TheirColourReachesTheTimeline) {
  auto film = thirty_seconds();
  PlannedEdit planned = plan_for("10 s, fade in from white, fade out to red over 2 seconds", film);
  auto compiled = compile_plan(planned.plan, film);
  ASSERT_TRUE(compiled);
  std::vector<std::string> colors;
  for (const Effect& effect : compiled->timeline.effects)
    if (effect.id == "fade_in" || effect.id == "fade_out")
      colors.push_back(effect.id + " " + std::get<std::string>(effect.params.at("color")));
  EXPECT_EQ(colors, (std::vector<std::string>{"fade_in white", "fade_out red"}));
  Decision mauvish;
  mauvish.id = "f9";
  mauvish.type = DecisionType::transition;
  mauvish.params = {{"where", "end"}, {"color", "mauvish"}};
  planned.plan.decisions.push_back(mauvish);
  EXPECT_FALSE(problems_of(planned.plan, film).empty());
}

TEST(Titles, StandOffTheSubjectUnlessTheGoalSaysWhere) {
  auto film = thirty_seconds();
  auto position = [&](const std::string& goal) {
    const EditPlan plan = plan_for(goal, film).plan;
    const Decision* text = decision(plan, DecisionType::text_overlay);
    return text ? text_param(*text, "position") : "none";
  };
  for (Shot& shot : film[0].analysis.shots) shot.composition.subject = {0.3, 0.5, 0.4, 0.45};
  EXPECT_EQ(position("10 s, title \"Hi\" at the start"), "top");
  for (Shot& shot : film[0].analysis.shots) shot.composition.subject = {0.3, 0.05, 0.4, 0.45};
  EXPECT_EQ(position("10 s, title \"Hi\" at the start"), "bottom");
  EXPECT_EQ(position("10 s, title \"Hi\" in the center"), "center");
  EXPECT_EQ(position("10 s, title \"Hi\" at the top"), "top");
}

}  // namespace
}  // namespace studio
