// Goals as people say them aloud: shares of the film, what goes without saying, colours of letters, things
// that happen at every cut, and acts that nobody here can do.
#include <algorithm>

#include <gtest/gtest.h>

#include "editing/brief.h"
#include "editing/synthetic.h"

namespace studio {
namespace {

// Six shots of five seconds.
Brief read(const std::string& goal) {
  return read_goal(goal, synthetic::thirty_seconds());
}
// 14 s in three shots, 10 s in two.
Brief read_two(const std::string& goal) {
  return read_goal(goal, synthetic::two_clips());
}

bool acts(const Brief& b, const std::string& action) {
  return std::ranges::any_of(b.audio, [&](const AudioWish& w) { return w.action == action; });
}

TEST(BriefColloquial, SharesOfTheFilmAreLengths) {
  const std::pair<const char*, double> cases[] = {
      {"cut the length down by 40%", 18},   {"keep 50% of the clip", 15},
      {"make it 20% shorter", 24},          {"accorcia il video del 30%", 21},
      {"one third of the clip", 10},        {"reduce it to a quarter", 7.5},
      {"un terzo della durata", 10},        {"keep 60% of it, in chronological order", 18},
      {"trim it to 25% of its length", 7.5}};
  for (const auto& [goal, seconds] : cases) {
    const Brief b = read(goal);
    ASSERT_TRUE(b.length) << goal;
    EXPECT_NEAR(b.length->target_s, seconds, 1e-6) << goal;
    EXPECT_TRUE(b.unmet.empty()) << goal;
    EXPECT_TRUE(b.not_understood.empty()) << goal << ": " << b.not_understood.front();
  }
  EXPECT_FALSE(read("speed it up by 25 percent").length);
  EXPECT_FALSE(read("music song.mp3 at 50%").length);
}

TEST(BriefColloquial, AboutWidensWhatCountsAsMet) {
  for (const char* goal :
       {"something like fifteen seconds", "15 seconds give or take", "15 secondi, più o meno"})
    EXPECT_GT(read(goal).length->max_s, 15.4) << goal;
}

TEST(BriefColloquial, LettersHaveTheColourThatIsSaid) {
  const std::pair<const char*, const char*> cases[] = {
      {"10 s, red title \"Big Day\" at the start", "red"},
      {"dieci secondi, titolo rosso «Ciao» all'inizio", "red"},
      {"10 s, title in blue \"Hi\" at the end, 2 s", "blue"},
      {"10 s, title \"Red\" in green letters at the top", "green"},
      {"10 s, lower third \"Anna\" from 2 to 5 seconds, white", "white"},
      {"10 s, caption \"OH\" at 0:03 in golden letters", "gold"},
      {"10 s, title \"Hi\", fade to red at the end", ""}};
  for (const auto& [goal, color] : cases) {
    const Brief b = read(goal);
    ASSERT_EQ(b.texts.size(), 1u) << goal;
    EXPECT_EQ(b.texts[0].color, color) << goal;
    EXPECT_TRUE(b.not_understood.empty()) << goal;
  }
  const Brief timed = read("10 s, title in blue \"Hi\" at the end, 2 s");
  EXPECT_DOUBLE_EQ(timed.texts[0].duration_s.value_or(0), 2);
  EXPECT_TRUE(timed.unmet.empty());
  const auto wishes = constraints_of(read("10 s, red title \"Big Day\""));
  EXPECT_TRUE(
      std::ranges::any_of(wishes, [](const Constraint& c) { return c.wanted.value("color", "") == "red"; }));
}

TEST(BriefColloquial, ATitleInTheMiddleForAWhileStandsInTheMiddleOfTheFilm) {
  const Brief b = read("9 seconds, title \"Hi\" in the middle for 2 s");
  EXPECT_EQ(b.texts.at(0).anchor, Anchor::at);
  EXPECT_EQ(b.texts.at(0).position, "center");
  EXPECT_EQ(read("9 s, title \"Hi\" in the middle of the screen").texts.at(0).anchor, Anchor::start);
}

TEST(BriefColloquial, TheMiddleIsAPlaceForSpeeds) {
  for (const char* goal : {"half speed in the middle", "rallenta a metà velocità la parte centrale",
                           "the middle part in slow motion"}) {
    const Brief b = read(goal);
    ASSERT_EQ(b.speeds.size(), 1u) << goal;
    ASSERT_TRUE(b.speeds[0].span) << goal;
    EXPECT_NEAR(b.speeds[0].span->start_s, 10, 0.01) << goal;
    EXPECT_NEAR(b.speeds[0].span->end_s, 20, 0.01) << goal;
  }
  const Brief part = read("from 0:06 to 0:12, half speed in the middle");
  EXPECT_NEAR(part.speeds.at(0).span->start_s, 8, 0.01);
}

TEST(BriefColloquial, WhatWasSaidOnceGoesWithoutSaying) {
  const Brief shots = read("the first shot at 2x, the second at half speed, under 40 s");
  ASSERT_EQ(shots.speeds.size(), 2u);
  ASSERT_TRUE(shots.speeds[1].span);
  EXPECT_EQ(shots.speeds[1].span->shot, "shot2");
  const Brief clips = read_two("the last 3 seconds of the second video then the first 4 of the first one");
  ASSERT_EQ(clips.keep.size(), 2u);
  EXPECT_EQ(clips.keep[1].source, "s1");
  EXPECT_NEAR(clips.keep[1].end_s, 4, 1e-6);
  EXPECT_EQ(clips.order, Order::as_listed);
  const Brief list = read("shots 6 5 4 3 2 1");
  ASSERT_EQ(list.keep.size(), 6u);
  EXPECT_EQ(list.order, Order::as_listed);
  EXPECT_EQ(read("start with the second to last shot, 10 s").opening->shot, "shot5");
  EXPECT_EQ(read("inizi con la penultima scena, 10 s").opening->shot, "shot5");
}

TEST(BriefColloquial, OrderIsReadWhereverItIsSaid) {
  const Brief clips = read_two("8 s, order: second clip, first clip");
  ASSERT_EQ(clips.sequences.size(), 1u);
  EXPECT_EQ(clips.sequences[0].first.source, "s2");
  const Brief swapped = read("swap the first and the last shot");
  ASSERT_EQ(swapped.keep.size(), 6u);
  EXPECT_EQ(swapped.keep.front().shot, "shot6");
  EXPECT_EQ(swapped.keep.back().shot, "shot1");
  EXPECT_TRUE(swapped.not_understood.empty());
}

TEST(BriefColloquial, TakingTheSoundAwayHasManyVerbs) {
  for (const char* goal : {"lose the sound completely, 8 to 9 s", "get rid of the original audio, 8 to 9 s",
                           "8 to 9 s, w/o sound", "leva il suono, 8 to 9 s"}) {
    const Brief b = read(goal);
    EXPECT_TRUE(acts(b, "mute")) << goal;
    EXPECT_TRUE(b.avoid.empty()) << goal;  // no film is left out with it
    ASSERT_TRUE(b.length) << goal;
    EXPECT_NEAR(b.length->target_s, 8.5, 1e-6) << goal;
  }
  EXPECT_FALSE(acts(read("lose the first 3 seconds, keep the sound"), "mute"));
}

TEST(BriefColloquial, EveryCutIsManyPlaces) {
  const Brief b = read("whoosh on every cut, flash at each cut, 10 s");
  ASSERT_EQ(b.audio.size(), 1u);
  EXPECT_TRUE(b.audio[0].at_cuts);
  ASSERT_EQ(b.effects.size(), 1u);
  EXPECT_TRUE(b.effects[0].at_cuts);
  EXPECT_TRUE(b.not_understood.empty());
  const Brief same = brief_from_json(to_json(b), "test").value();
  EXPECT_TRUE(same.audio[0].at_cuts && same.effects[0].at_cuts);
  const Brief each = read("every shot 1.5 seconds long");
  EXPECT_EQ(each.clips.value_or(0), 6);
  EXPECT_NEAR(each.length->target_s, 9, 1e-6);
}

TEST(BriefColloquial, BracketsAndAbbreviationsSayMoreOfWhatStandsThere) {
  const Brief b =
      read("fade from white at the beginning (1 s), fade to black over 2 seconds at the end, 12 s");
  EXPECT_DOUBLE_EQ(b.length->target_s, 12);
  ASSERT_EQ(b.transitions.size(), 2u);
  EXPECT_DOUBLE_EQ(b.transitions[0].duration_s, 1);
  EXPECT_TRUE(b.unmet.empty());
  EXPECT_EQ(read("20 sec. B/N tranne la scena 4").effects.size(), 2u);
  EXPECT_TRUE(read("8 s, start w/ the second shot").opening);
  const Brief ramp = read("ramp the speed up from 1x to 3x in shot 2");
  EXPECT_DOUBLE_EQ(ramp.speeds.at(0).factor, 3);
}

TEST(BriefColloquial, NothingIsComplainedOfThatIsGranted) {
  for (const char* goal : {"10 s, no text, no transitions, no speed changes", "7 s, keep the colors",
                           "1.5x speed, keep the pitch", "meme: top text \"A B\" bottom text \"C D\", 5 s",
                           "10 s, 4:5, zoom slowly on the subject in the first shot"}) {
    const Brief b = read(goal);
    EXPECT_TRUE(b.unmet.empty()) << goal << ": " << b.unmet.front().wish;
    EXPECT_TRUE(b.not_understood.empty()) << goal << ": " << b.not_understood.front();
    EXPECT_TRUE(b.described.empty()) << goal;
  }
}

TEST(BriefColloquial, ActsThatNobodyCanDoChooseNoFilm) {
  for (const char* goal : {"stabilize shot 2", "beep out second 3 to 4, 10 s", "10 s, all in neon"}) {
    const Brief b = read(goal);
    EXPECT_EQ(b.unmet.size(), 1u) << goal;
    EXPECT_TRUE(b.keep.empty() && b.avoid.empty()) << goal;
  }
}

TEST(BriefColloquial, GradesHaveWordsOfTheirOwn) {
  const std::tuple<const char*, const char*, double> cases[] = {
      {"10 s, all in sepia", "tint", 0.7},          {"dieci secondi, in seppia", "tint", 0.7},
      {"10 s, a bit brighter", "brightness", 0.12}, {"10 s, darken it", "brightness", -0.12},
      {"10 s, less contrast", "contrast", 0.75},    {"più contrasto, 10 secondi", "contrast", 1.35}};
  for (const auto& [goal, id, amount] : cases) {
    const Brief b = read(goal);
    ASSERT_EQ(b.effects.size(), 1u) << goal;
    EXPECT_EQ(b.effects[0].id, id) << goal;
    EXPECT_DOUBLE_EQ(b.effects[0].params.value("amount", 0.0), amount) << goal;
    EXPECT_TRUE(b.unmet.empty() && b.not_understood.empty()) << goal;
  }
}

TEST(BriefColloquial, AShotThatIsPutFirstOrLastOpensOrEnds) {
  const Brief first = read("put shot 6 first, 12 s");
  EXPECT_EQ(first.opening->shot, "shot6");
  EXPECT_TRUE(first.keep.empty() && first.avoid.empty());
  EXPECT_EQ(read("12 s, shot 1 last").ending->shot, "shot1");
}

TEST(BriefColloquial, NothingElseIsReadIntoAPlace) {
  const Brief half = read("first half in black and white, second half in color, 12 secs");
  EXPECT_TRUE(half.keep.empty() && half.avoid.empty());
  EXPECT_EQ(half.effects.size(), 1u);
  EXPECT_EQ(read("take out shots 2, 4 and 6").avoid.size(), 3u);
  const Brief joins = read("crossfade 1s between every shot, 12s");
  EXPECT_FALSE(joins.cuts_per_minute);
  EXPECT_EQ(joins.transitions.size(), 1u);
  EXPECT_EQ(read("repeat the last shot twice").unmet.size(), 1u);
  EXPECT_TRUE(read("repeat the last shot twice").keep.empty());
}

TEST(BriefColloquial, AnInsetIsNotAlsoTheFilmAroundIt) {
  const Brief halves = read_two("split screen with both clips side by side, 6 seconds");
  ASSERT_EQ(halves.composites.size(), 1u);
  EXPECT_EQ(halves.composites[0].source, "s2");
  ASSERT_EQ(halves.avoid.size(), 1u);
  EXPECT_EQ(halves.avoid[0].source, "s2");
  const Brief shots = read("split screen of shot 1 and shot 3");
  ASSERT_EQ(shots.composites.size(), 1u);
  EXPECT_NEAR(shots.composites[0].start_s, 10, 1e-6);
  ASSERT_EQ(shots.keep.size(), 1u);
  EXPECT_EQ(shots.keep[0].shot, "shot1");
}

}  // namespace
}  // namespace studio
