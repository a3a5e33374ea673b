// Goals as people write them: places in the film, bare titles, colours, file names, slips, and what nobody
// can do.
#include <algorithm>

#include <gtest/gtest.h>

#include "editing/brief.h"
#include "editing/synthetic.h"

namespace studio {
namespace {

Brief read(const std::string& goal) {
  return read_goal(goal, synthetic::thirty_seconds());
}

struct RangeCase {
  const char* goal;
  std::vector<std::pair<double, double>> film;  // all that is left of the 30 s
};

// The film that an edit without a length of its own may show.
std::vector<std::pair<double, double>> film_left(const Brief& b) {
  std::vector<std::pair<double, double>> left;
  double at = 0;
  auto out = b.avoid;
  std::ranges::sort(out, {}, &SpanWish::start_s);
  for (const SpanWish& span : out) {
    if (span.start_s > at + 0.04) left.emplace_back(at, span.start_s);
    at = std::max(at, span.end_s);
  }
  if (at < 29.96) left.emplace_back(at, 30);
  return left;
}

TEST(BriefWords, PlacesInTheFilmAreNoLengths) {
  const RangeCase cases[] = {
      {"start from 4 seconds and end at 9 seconds", {{4, 9}}},
      {"start at 4 s, end at 9 s", {{4, 9}}},
      {"begin at 0:04 and stop at 0:09", {{4, 9}}},
      {"from 0:04 to 0:09", {{4, 9}}},
      {"from 4 to 9 seconds", {{4, 9}}},
      {"0:04 - 0:09", {{4, 9}}},
      {"between second 4 and second 9", {{4, 9}}},
      {"between 0:04 and 0:09", {{4, 9}}},
      {"from the 4th second to the 9th second", {{4, 9}}},
      {"from the 4 second mark to the 9 second mark", {{4, 9}}},
      {"from the start to 0:09", {{0, 9}}},
      {"cut out everything after 10 s", {{0, 10}}},
      {"everything until 0:10", {{0, 10}}},
      {"everything from 20 s on", {{20, 30}}},
      {"start at 12 s", {{12, 30}}},
      {"end at 12 s", {{0, 12}}},
      {"5 seconds starting at 0:10", {{10, 15}}},
      {"the first 5 seconds and the last 3", {{0, 5}, {27, 30}}},
      {"keep the first 5 and the last 3 seconds", {{0, 5}, {27, 30}}},
      {"keep the first 5 seconds", {{0, 5}}},
      {"use seconds 3 to 7", {{3, 7}}},
      {"remove the middle 4 seconds", {{0, 13}, {17, 30}}},
      {"skip the first 2 seconds", {{2, 30}}},
      {"dal secondo 4 al secondo 9", {{4, 9}}},
      {"da 0:04 a 0:09", {{4, 9}}},
      {"inizia dal secondo 4 e finisci al secondo 9", {{4, 9}}},
      {"parti da 4 secondi e fermati a 9 secondi", {{4, 9}}},
      {"tra il secondo 4 e il secondo 9", {{4, 9}}},
      {"dall'inizio al secondo 9", {{0, 9}}},
      {"a partire dal secondo 12", {{12, 30}}},
      {"i primi 5 secondi e gli ultimi 3", {{0, 5}, {27, 30}}},
      {"togli tutto dopo il secondo 10", {{0, 10}}},
      {"trim 2 seconds off the end", {{0, 28}}},
      {"togli 2 secondi dall'inizio", {{2, 30}}},
      {"without the first shot", {{5, 30}}},
      {"include the first 3 seconds", {{0, 30}}},  // among the rest
  };
  for (const RangeCase& c : cases) {
    Brief b = read(c.goal);
    EXPECT_FALSE(b.length) << c.goal;
    EXPECT_TRUE(b.whole) << c.goal;
    auto left = film_left(b);
    ASSERT_EQ(left.size(), c.film.size()) << c.goal;
    for (std::size_t i = 0; i < left.size(); ++i) {
      EXPECT_NEAR(left[i].first, c.film[i].first, 1e-6) << c.goal;
      EXPECT_NEAR(left[i].second, c.film[i].second, 1e-6) << c.goal;
    }
    EXPECT_TRUE(b.unmet.empty()) << c.goal;
    EXPECT_TRUE(b.not_understood.empty()) << c.goal << ": " << b.not_understood.front();
  }
  // A place and a length: it runs on from there.
  Brief on = read("6 seconds long, starting at 5 s");
  EXPECT_DOUBLE_EQ(on.length->target_s, 6);
  EXPECT_TRUE(on.no_cuts);
  EXPECT_DOUBLE_EQ(on.opening->start_s, 5);
  // Numbers without a place stay a length.
  EXPECT_DOUBLE_EQ(read("between 4 and 9 seconds").length->max_s, 9);
}

struct FadeCase {
  const char* goal;
  const char *opens, *closes;  // colours
};

TEST(BriefWords, FadesKeepTheirColours) {
  const FadeCase cases[] = {
      {"fade in from white", "white", ""},
      {"fade out to white", "", "white"},
      {"fade in from white, fade out to black", "white", "black"},
      {"fade from white at the start and fade to white at the end", "white", "white"},
      {"fade to white", "", "white"},
      {"fade to red at the end", "", "red"},
      {"a white fade in", "white", ""},
      {"fade in and out", "black", "black"},
      {"fade in", "black", ""},
      {"dissolvenza dal bianco", "white", ""},
      {"dissolvenza al bianco alla fine", "", "white"},
      {"dissolvenza in apertura dal bianco e dissolvenza in chiusura al nero", "white", "black"},
      {"sfuma al bianco", "", "white"},
      {"sfuma dal nero all'inizio", "black", ""},
      {"no fades", "", ""},
  };
  for (const FadeCase& c : cases) {
    std::string opens, closes;
    for (const Constraint& wish : constraints_of(read(c.goal))) {
      if (wish.wanted.value("of", "") != "picture") continue;
      (wish.kind == "fade_in" ? opens : closes) = wish.wanted.value("color", "");
    }
    EXPECT_EQ(opens, c.opens) << c.goal;
    EXPECT_EQ(closes, c.closes) << c.goal;
  }
}

struct BareCase {
  const char* goal;
  const char* text;
  const char* kind;
  Anchor anchor;
};

TEST(BriefWords, TitlesNeedNoQuotes) {
  const BareCase cases[] = {
      {"add a title saying Hello World", "Hello World", "title", Anchor::start},
      {"add a title saying hello world at the end", "hello world", "title", Anchor::end},
      {"title: My Trip", "My Trip", "title", Anchor::start},
      {"Title: Summer 2024!", "Summer 2024!", "title", Anchor::start},
      {"a title saying The End at the end for 2 seconds, 10 s", "The End", "title", Anchor::end},
      {"10 s, titled Fire and Ice, black and white", "Fire and Ice", "title", Anchor::start},
      {"a title that says Now or Never at 0:03", "Now or Never", "title", Anchor::at},
      {"caption: so tired", "so tired", "caption", Anchor::throughout},
      {"write Happy Birthday at the end", "Happy Birthday", "title", Anchor::end},
      {"a title with the words Thank You and mute the sound", "Thank You", "title", Anchor::start},
      {"il video deve finire con la scritta The End", "The End", "title", Anchor::end},
      {"con il titolo Buongiorno", "Buongiorno", "title", Anchor::start},
      {"con il titolo buongiorno mondo alla fine", "buongiorno mondo", "title", Anchor::end},
      {"titolo: L'estate di Anna", "L'estate di Anna", "title", Anchor::start},
      {"scrivi Buon Compleanno alla fine", "Buon Compleanno", "title", Anchor::end},
      {"aggiungi una scritta che dice Ciao a tutti all'inizio", "Ciao a tutti", "title", Anchor::start},
  };
  for (const BareCase& c : cases) {
    Brief b = read(c.goal);
    ASSERT_EQ(b.texts.size(), 1u) << c.goal;
    EXPECT_EQ(b.texts[0].text, c.text) << c.goal;
    EXPECT_EQ(b.texts[0].kind, c.kind) << c.goal;
    EXPECT_EQ(b.texts[0].anchor, c.anchor) << c.goal;
    EXPECT_TRUE(b.unmet.empty()) << c.goal;
  }
  for (const char* none :
       {"title at the start", "add a title card", "no title, 10 s", "10 s of text on screen"})
    EXPECT_TRUE(read(none).texts.empty()) << none;
  EXPECT_FALSE(read("add a title at the start").unmet.empty());
  EXPECT_EQ(read("sottotitolo \"ciao\"").texts.at(0).kind, "subtitle");
  EXPECT_EQ(read("subtitle \"hi\" from 2 to 4 seconds").texts.at(0).position, "bottom");
}

TEST(BriefWords, ClipsAreOrderedByTheirNames) {
  std::vector<EditSource> clips{synthetic::source("a", {{5, 0.1}}), synthetic::source("b", {{6, 0.1}}),
                                synthetic::source("c", {{4, 0.1}})};
  auto pairs = [&](const char* goal) {
    std::string text;
    for (const SequenceWish& w : read_goal(goal, clips).sequences)
      text += w.first.source + "<" + w.second.source + " ";
    return text;
  };
  EXPECT_EQ(pairs("put c.mp4 before a.mp4"), "c<a ");
  EXPECT_EQ(pairs("put a.mp4 after c.mp4"), "c<a ");
  EXPECT_EQ(pairs("metti c.mp4 prima di a.mp4"), "c<a ");
  EXPECT_EQ(pairs("metti la terza clip prima della prima clip"), "c<a ");
  EXPECT_EQ(pairs("c.mp4, then a.mp4, then b.mp4"), "c<a a<b ");
  EXPECT_EQ(read_goal("start with b.mp4", clips).opening.value().source, "b");
  EXPECT_EQ(read_goal("end with a.mp4", clips).ending.value().source, "a");
  EXPECT_EQ(read_goal("use only b.mp4", clips).avoid.size(), 2u);
  EXPECT_FALSE(read_goal("start with d.mp4", clips).unmet.empty());
  Brief shots = read("put shot 3 before shot 1");
  ASSERT_EQ(shots.sequences.size(), 1u);
  EXPECT_EQ(shots.sequences[0].first.shot, "shot3");
  EXPECT_EQ(film_left(shots).size(), 1u);
}

TEST(BriefWords, MusicAndTheFilmsSoundHaveTheirOwnLevels) {
  EXPECT_DOUBLE_EQ(read("lower the volume by 6 dB").audio.at(0).value, -6);
  EXPECT_DOUBLE_EQ(read("abbassa il volume di 6 dB").audio.at(0).value, -6);
  EXPECT_DOUBLE_EQ(read("raise the volume by 3 dB").audio.at(0).value, 3);
  EXPECT_DOUBLE_EQ(read("make it a bit louder").audio.at(0).value, 3);
  EXPECT_NEAR(read("volume at 50%").audio.at(0).value, -6.02, 0.01);
  EXPECT_NEAR(read("reduce the volume by 50%").audio.at(0).value, -6.02, 0.01);
  // Without a music file there is nothing to change, and that is said.
  for (const char* goal :
       {"music quieter", "musica più bassa", "lower the music by 6 dB", "mute the music"}) {
    Brief b = read(goal);
    EXPECT_TRUE(b.audio.empty()) << goal;
    EXPECT_EQ(b.unmet.size(), 1u) << goal;
  }
  EXPECT_EQ(read("no sound from the original").audio.at(0).action, "mute");
  EXPECT_TRUE(read("no music").unmet.empty());
}

TEST(BriefWords, WhatIsNotUnderstoodIsNamed) {
  EXPECT_EQ(read("add a dancing bear").unmet.size(), 1u);
  Brief steady = read("stabilize the shaky footage, 10 s");
  EXPECT_EQ(steady.unmet.size(), 1u);
  EXPECT_TRUE(steady.effects.empty());
  EXPECT_TRUE(read("half the length").not_understood.empty());
  EXPECT_EQ(read("aggiungi un orso che balla").unmet.size(), 1u);
  EXPECT_EQ(read("start with the sunset, 10 s").unmet.size(), 1u);
  EXPECT_EQ(read("avoid the people, 10 s").unmet.size(), 1u);
  EXPECT_EQ(read("10 s trip to Rome").not_understood.size(), 1u);
  EXPECT_EQ(read("10 s, keep the dog").described.size(), 1u);
  EXPECT_EQ(read("a funny 10 s highlight reel").mood_words.size(), 1u);
  for (const char* plain :
       {"please make me a 10 second video with a vignette", "I want it in black and white, 10 s",
        "voglio un video di dieci secondi in bianco e nero per favore", "can you cut it to 8 s?",
        "8 s vertical video for TikTok", "10 s, title \"Hi\" at the start for 2 seconds",
        "use shots 3, 1 and 5 in that order, 9 s", "10 s, do not rotate it",
        "black and white except the last 3 s"}) {
    Brief b = read(plain);
    EXPECT_TRUE(b.unmet.empty()) << plain << ": " << b.unmet.front().wish;
    EXPECT_TRUE(b.not_understood.empty()) << plain << ": " << b.not_understood.front();
  }
}

TEST(BriefWords, SlipsOfTheFingerAreReadAsMeant) {
  Brief b = read("10 secnods in balck and white, vertcal");
  EXPECT_DOUBLE_EQ(b.length->target_s, 10);
  EXPECT_EQ(b.effects.at(0).id, "black_and_white");
  EXPECT_EQ(b.frame->aspect_h, 16);
  EXPECT_GE(b.readings.size(), 3u);
  EXPECT_FALSE(read("a short video of flowers, 10 s").frame);  // not "shorts"
}

TEST(BriefWords, ActsCanLeaveAPartOut) {
  Brief b = read("black and white except the last 3 seconds");
  ASSERT_EQ(b.effects.size(), 1u);
  EXPECT_NEAR(b.effects[0].span->end_s, 27, 1e-6);
  EXPECT_TRUE(b.avoid.empty());
  Brief slow = read("tutto al rallentatore tranne la scena 3");
  ASSERT_EQ(slow.speeds.size(), 2u);
  EXPECT_NEAR(slow.speeds[0].span->end_s, 10, 1e-6);
  EXPECT_NEAR(slow.speeds[1].span->start_s, 15, 1e-6);
  EXPECT_EQ(read("reverse the clip, play it backwards").speeds.size(), 1u);
  EXPECT_EQ(read("reverse shot 2 and reverse shot 4").speeds.size(), 2u);
  Brief two = read("shot 2 in slow motion and shot 4 in reverse");
  ASSERT_EQ(two.speeds.size(), 2u);
  EXPECT_NEAR(two.speeds[1].span->start_s, 15, 1e-6);
}

}  // namespace
}  // namespace studio
