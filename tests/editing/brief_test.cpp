// Goals in plain words, English and Italian: what code reads in them.
#include "editing/brief.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "editing/synthetic.h"

namespace studio {
namespace {

Brief read(const std::string& goal) {
  return read_goal(goal, synthetic::thirty_seconds());
}

struct LengthCase {
  const char* goal;
  double target, low, high;
};

// 30 s of film.
const LengthCase kLengths[] = {
    {"funny 15 s highlight reel", 15, 14.75, 15.25},
    {"exactly 12.5 s", 12.5, 12.35, 12.65},
    {"a 10-second vertical teaser", 10, 9.75, 10.25},
    {"make a ten second clip", 10, 9.75, 10.25},
    {"keep it under 10 seconds", 9.5, 0, 10},
    {"no more than 20 s please", 19.5, 0, 20},
    {"at most twelve seconds", 11.5, 0, 12},
    {"between 10 and 15 seconds", 12.5, 10, 15},
    {"10-15 seconds, fast", 12.5, 10, 15},
    {"10 to 15 seconds long", 12.5, 10, 15},
    {"half as long", 15, 14.75, 15.25},
    {"half the length", 15, 14.75, 15.25},
    {"about 20 seconds", 20, 18, 22},
    {"half a minute of highlights", 30, 29.75, 30.25},
    {"a quarter of a minute", 15, 14.75, 15.25},
    {"twenty-five seconds", 25, 24.75, 25.25},
    {"shorten it to 8 s", 8, 7.75, 8.25},
    {"trim it down to 0:12", 12, 11.75, 12.25},
    {"at least 5 s but under 9 s", 7, 5, 9},
    {"5 clips of 2 seconds each", 10, 9.75, 10.25},
    {"un video di quindici secondi", 15, 14.75, 15.25},
    {"mezzo minuto", 30, 29.75, 30.25},
    {"un montaggio di 12,5 secondi", 12.5, 12.25, 12.75},
    {"al massimo 10 secondi", 9.5, 0, 10},
    {"non più di venti secondi", 19.5, 0, 20},
    {"tra 10 e 15 secondi", 12.5, 10, 15},
    {"circa venti secondi", 20, 18, 22},
    {"esattamente 7 secondi", 7, 6.85, 7.15},
    {"lungo la metà", 15, 14.75, 15.25},
    {"un quarto di minuto", 15, 14.75, 15.25},
};

TEST(Brief, ReadsLengthsInBothLanguages) {
  for (const LengthCase& c : kLengths) {
    Brief b = read(c.goal);
    ASSERT_TRUE(b.length) << c.goal;
    EXPECT_NEAR(b.length->target_s, c.target, 1e-6) << c.goal;
    EXPECT_NEAR(b.length->min_s, c.low, 1e-6) << c.goal;
    EXPECT_NEAR(b.length->max_s, c.high, 1e-6) << c.goal;
    EXPECT_FALSE(b.whole) << c.goal;
  }
}

TEST(Brief, LongNumbersInWordsAreReadEvenWhenTheFilmIsShorter) {
  std::vector<EditSource> film{synthetic::source("s1", {{200, 0.1}})};
  EXPECT_DOUBLE_EQ(read_goal("a minute and a half", film).length->target_s, 90);
  EXPECT_DOUBLE_EQ(read_goal("un minuto e mezzo", film).length->target_s, 90);
  EXPECT_DOUBLE_EQ(read_goal("1 min 30 s", film).length->target_s, 90);
  EXPECT_DOUBLE_EQ(read_goal("1m30s", film).length->target_s, 90);
  EXPECT_DOUBLE_EQ(read_goal("two and a half minutes", film).length->target_s, 150);
  EXPECT_DOUBLE_EQ(read_goal("un minuto e 20 secondi", film).length->target_s, 80);
  EXPECT_DOUBLE_EQ(read_goal("tre quarti di minuto", film).length->target_s, 45);
}

TEST(Brief, DurationsOfOtherThingsAreNotTheLength) {
  for (const char* goal :
       {"freeze the last frame for 2 seconds", "title \"Hi\" for 3 seconds", "keep the first 3 seconds",
        "crossfades of half a second between the shots", "caption 'X' at 0:03 for 2 seconds",
        "play the last 3 seconds at half speed", "fade out over the last 2 seconds",
        "togli gli ultimi 5 secondi", "from 2 to 4 seconds in black and white", "with 1 second crossfades",
        "a cut every 2 seconds"})
    EXPECT_FALSE(read(goal).length) << goal;
}

TEST(Brief, ImpossibleLengthsAreSaidAndTheNearestIsLeft) {
  Brief b = read("90 seconds long");
  ASSERT_EQ(b.unmet.size(), 1u);
  EXPECT_NE(b.unmet[0].reason.find("30.00 s of film"), std::string::npos);
  EXPECT_DOUBLE_EQ(b.length->target_s, 30);
  // Slow motion makes it possible.
  EXPECT_TRUE(read("50 s long, everything at half speed").unmet.empty());
}

TEST(Brief, QuotedTextIsLiteral) {
  Brief b = read("title \"':%{pts}\\[x];\" at the start for 2 seconds, 10 s");
  ASSERT_EQ(b.texts.size(), 1u);
  EXPECT_EQ(b.texts[0].text, "':%{pts}\\[x];");
  EXPECT_EQ(b.texts[0].kind, "title");
  EXPECT_EQ(b.texts[0].anchor, Anchor::start);
  EXPECT_DOUBLE_EQ(*b.texts[0].duration_s, 2);
  EXPECT_DOUBLE_EQ(b.length->target_s, 10);
  EXPECT_EQ(read("10 s, titled 'Don't Panic'").texts.at(0).text, "Don't Panic");
  EXPECT_EQ(read("titolo «L'inizio» all'inizio").texts.at(0).text, "L'inizio");
  EXPECT_TRUE(read("don't use the first 2 seconds, it's boring").texts.empty());
  // Words inside of a quote steer nothing.
  Brief c = read("title \"mute this in black and white, 5 seconds\"");
  EXPECT_TRUE(c.audio.empty() && c.effects.empty() && !c.length);
}

struct TextCase {
  const char* goal;
  const char* kind;
  Anchor anchor;
  double at, duration;  // below 0: not said
  const char* position;
};

const TextCase kTexts[] = {
    {"caption \"WOW\" at 0:03 for 2 seconds at the bottom", "caption", Anchor::at, 3, 2, "bottom"},
    {"\"The End\" at the end", "title", Anchor::end, -1, -1, ""},
    {"end with the title \"Fine\" at the end for 1.5 s", "title", Anchor::end, -1, 1.5, ""},
    {"end card \"Bye\"", "title", Anchor::end, -1, -1, ""},
    {"lower third \"Jane Doe\" from 2 to 4 seconds", "lower_third", Anchor::at, 2, 2, "bottom"},
    {"text \"Hi\" for the first 3 seconds at the top", "title", Anchor::start, -1, 3, "top"},
    {"watermark \"me\" in the top right", "caption", Anchor::throughout, -1, -1, "top_right"},
    {"title \"A\" throughout", "title", Anchor::throughout, -1, -1, ""},
    {"at 0:05 show \"Now\" in the center", "title", Anchor::at, 5, -1, "center"},
    {"show \"Now\" after 3 seconds", "title", Anchor::at, 3, -1, ""},
    {"didascalia \"Ecco\" al secondo 3 in basso", "caption", Anchor::at, 3, -1, "bottom"},
    {"titolo \"Ciao\" all'inizio per 2 secondi", "title", Anchor::start, -1, 2, ""},
    {"scritta \"Fine\" alla fine", "title", Anchor::end, -1, -1, ""},
    {"con la scritta \"Sempre\" per tutto il video in alto", "title", Anchor::throughout, -1, -1, "top"},
};

TEST(Brief, PlacesTexts) {
  for (const TextCase& c : kTexts) {
    Brief b = read(c.goal);
    ASSERT_EQ(b.texts.size(), 1u) << c.goal;
    const TextWish& t = b.texts[0];
    EXPECT_EQ(t.kind, c.kind) << c.goal;
    EXPECT_EQ(t.anchor, c.anchor) << c.goal;
    EXPECT_EQ(t.position, c.position) << c.goal;
    EXPECT_NEAR(t.at_s.value_or(-1), c.at, 1e-9) << c.goal;
    EXPECT_NEAR(t.duration_s.value_or(-1), c.duration, 1e-9) << c.goal;
  }
  Brief two = read("title \"Hello\" at the start and \"Bye\" at the end");
  ASSERT_EQ(two.texts.size(), 2u);
  EXPECT_EQ(two.texts[0].anchor, Anchor::start);
  EXPECT_EQ(two.texts[1].anchor, Anchor::end);
  Brief meme = read("meme captions \"TOP\" and \"BOTTOM\"");
  ASSERT_EQ(meme.texts.size(), 2u);
  EXPECT_EQ(meme.texts[0].position, "top");
  EXPECT_EQ(meme.texts[1].position, "bottom");
}

struct SpeedCase {
  const char* goal;
  double factor;
  double start, end;  // of the span; below 0: everything
};

const SpeedCase kSpeeds[] = {
    {"twice as fast", 2, -1, -1},
    {"double speed", 2, -1, -1},
    {"at 1.5x speed", 1.5, -1, -1},
    {"2x", 2, -1, -1},
    {"three times faster", 3, -1, -1},
    {"speed it up by 50%", 1.5, -1, -1},
    {"play at 150% speed", 1.5, -1, -1},
    {"half speed", 0.5, -1, -1},
    {"slow it down to 25%", 0.25, -1, -1},
    {"20% slower", 0.8, -1, -1},
    {"in slow motion", 0.5, -1, -1},
    {"slow motion in shot 2", 0.5, 5, 10},
    {"half speed for the last 3 s", 0.5, 27, 30},
    {"the first 4 seconds at double speed", 2, 0, 4},
    {"speed up from 10 s to 15 s by a factor of 4", 4, 10, 15},
    {"due volte più veloce", 2, -1, -1},
    {"velocizza 3x", 3, -1, -1},
    {"a velocità doppia", 2, -1, -1},
    {"al rallentatore", 0.5, -1, -1},
    {"rallenta gli ultimi 4 secondi a metà velocità", 0.5, 26, 30},
    {"la scena 3 al rallentatore", 0.5, 10, 15},
};

TEST(Brief, ReadsSpeeds) {
  for (const SpeedCase& c : kSpeeds) {
    Brief b = read(c.goal);
    ASSERT_EQ(b.speeds.size(), 1u) << c.goal;
    EXPECT_EQ(b.speeds[0].kind, "factor") << c.goal;
    EXPECT_NEAR(b.speeds[0].factor, c.factor, 1e-9) << c.goal;
    EXPECT_EQ(b.speeds[0].span.has_value(), c.start >= 0) << c.goal;
    if (c.start >= 0 && b.speeds[0].span) {
      EXPECT_NEAR(b.speeds[0].span->start_s, c.start, 1e-6) << c.goal;
      EXPECT_NEAR(b.speeds[0].span->end_s, c.end, 1e-6) << c.goal;
    }
  }
  EXPECT_TRUE(read("no slow motion, 10 s").speeds.empty());
  EXPECT_EQ(read("a speed ramp, 10 s").speeds.at(0).kind, "ramp");
  EXPECT_EQ(read("reverse it").speeds.at(0).kind, "reverse");
  EXPECT_EQ(read("tutto al contrario").speeds.at(0).kind, "reverse");
  SpeedWish freeze = read("freeze the last frame for 2 seconds").speeds.at(0);
  EXPECT_EQ(freeze.kind, "freeze");
  EXPECT_EQ(freeze.anchor, Anchor::end);
  EXPECT_DOUBLE_EQ(freeze.hold_s, 2);
}

struct SpanCase {
  const char* goal;
  char what;  // k keep, a avoid, o opening, e ending
  double start, end;
};

const SpanCase kSpans[] = {
    {"keep the first 3 seconds, 10 s", 'k', 0, 3},
    {"use seconds 3 to 7, 10 s", 'k', 3, 7},
    {"include 0:05 to 0:08, 10 s", 'k', 5, 8},
    {"keep shot 4, 10 s", 'k', 15, 20},
    {"the third shot must be in, 12 s", 'k', 10, 15},
    {"keep the part with the most motion, 10 s", 'k', 16, 19},
    {"keep the loudest shot, 10 s", 'k', 25, 30},
    {"tieni i primi 3 secondi, 10 secondi in totale", 'k', 0, 3},
    {"usa la seconda inquadratura, 10 secondi", 'k', 5, 10},
    {"avoid shot 4", 'a', 15, 20},
    {"skip the last 5 seconds", 'a', 25, 30},
    {"cut the first 2 seconds", 'a', 0, 2},
    {"remove everything after 0:20", 'a', 20, 30},
    {"without the second shot", 'a', 5, 10},
    {"from 10 s to 15 s must be cut out", 'a', 10, 15},
    {"togli gli ultimi 5 secondi", 'a', 25, 30},
    {"senza la prima scena", 'a', 0, 5},
    {"start with the last shot, 10 s", 'o', 25, 30},
    {"open on shot 3, 10 s", 'o', 10, 15},
    {"inizia con la scena 3, 10 secondi", 'o', 10, 15},
    {"end on shot 2, 10 s", 'e', 5, 10},
    {"finish with the first 3 seconds, 10 s", 'e', 0, 3},
    {"finisci con la prima inquadratura, 10 secondi", 'e', 0, 5},
};

TEST(Brief, ReadsFilmToKeepAvoidOpenAndEndWith) {
  for (const SpanCase& c : kSpans) {
    Brief b = read(c.goal);
    std::optional<SpanWish> found;
    if (c.what == 'k' && !b.keep.empty()) found = b.keep[0];
    if (c.what == 'a' && !b.avoid.empty()) found = b.avoid[0];
    if (c.what == 'o') found = b.opening;
    if (c.what == 'e') found = b.ending;
    ASSERT_TRUE(found) << c.goal;
    EXPECT_NEAR(found->start_s, c.start, 0.6) << c.goal;
    EXPECT_NEAR(found->end_s, c.end, 0.6) << c.goal;
  }
  Brief only = read("use only seconds 3 to 7");
  ASSERT_EQ(only.avoid.size(), 2u);
  EXPECT_NEAR(only.avoid[0].end_s, 3, 1e-6);
  EXPECT_NEAR(only.avoid[1].start_s, 7, 1e-6);
  Brief listed = read("use shots 3, 1 and 2 in that order");
  EXPECT_EQ(listed.order, Order::as_listed);
  ASSERT_EQ(listed.keep.size(), 3u);
  EXPECT_EQ(listed.keep[0].shot, "shot3");
  EXPECT_FALSE(read("keep shot 9, 10 s").unmet.empty());
}

TEST(Brief, ReadsSeveralClips) {
  auto clips = synthetic::two_clips();
  EXPECT_TRUE(read_goal("10 s from both clips", clips).every_source);
  EXPECT_TRUE(read_goal("dieci secondi da entrambi i video", clips).every_source);
  Brief b = read_goal("keep the first 2 seconds of the second clip, 8 s", clips);
  ASSERT_EQ(b.keep.size(), 1u);
  EXPECT_EQ(b.keep[0].source, "s2");
  EXPECT_NEAR(b.keep[0].end_s, 2, 1e-6);
  EXPECT_EQ(read_goal("start with clip 2, 8 s", clips).opening.value().source, "s2");
}

TEST(Brief, ReadsShapeSoundEffectsAndTheRest) {
  EXPECT_EQ(read("vertical for TikTok, 10 s").frame->aspect_h, 16);
  EXPECT_EQ(read("square").frame->aspect_w, 1);
  EXPECT_EQ(read("in formato verticale").frame->aspect_w, 9);
  EXPECT_EQ(read("make it 4:5").frame->aspect_h, 5);
  EXPECT_EQ(read("1080p at 30 fps").frame->height, 1080);
  EXPECT_DOUBLE_EQ(read("1080p at 30 fps").frame->fps, 30);
  EXPECT_EQ(read("640x360").frame->width, 640);
  EXPECT_EQ(read("mute it").audio.at(0).action, "mute");
  EXPECT_EQ(read("senza audio, 10 s").audio.at(0).action, "mute");
  EXPECT_EQ(read("keep the sound, 10 s").audio.at(0).action, "keep");
  EXPECT_DOUBLE_EQ(read("normalize to -16 LUFS").audio.at(0).value, -16);
  EXPECT_DOUBLE_EQ(read("louder by 6 dB").audio.at(0).value, 6);
  EXPECT_DOUBLE_EQ(read("-3 dB").audio.at(0).value, -3);
  EXPECT_EQ(read("fade out the audio").audio.at(0).action, "fade_out");
  EXPECT_EQ(read("a whoosh at 0:02, 8 s").audio.at(0).path, "whoosh");
  EXPECT_DOUBLE_EQ(*read("a whoosh at 0:02, 8 s").audio.at(0).at_s, 2);
  EXPECT_EQ(read("black and white").effects.at(0).id, "black_and_white");
  EXPECT_EQ(read("in bianco e nero").effects.at(0).id, "black_and_white");
  EXPECT_DOUBLE_EQ(*read("zoom punch at 0:02").effects.at(0).at_s, 2);
  EXPECT_DOUBLE_EQ(*read("the first 3 seconds in black and white").effects.at(0).duration_s, 3);
  EXPECT_EQ(read("crossfades between the shots").transitions.at(0).where, "between");
  EXPECT_EQ(read("fade to black at the end").transitions.at(0).where, "end");
  EXPECT_EQ(read("sfuma al nero alla fine").transitions.at(0).where, "end");
  EXPECT_DOUBLE_EQ(read("with 1 second crossfades").transitions.at(0).duration_s, 1);
  EXPECT_EQ(read("three shots, 9 s").clips, 3);
  EXPECT_EQ(read("tre inquadrature, 9 secondi").clips, 3);
  EXPECT_TRUE(read("one take, 9 s").no_cuts);
  EXPECT_EQ(read("fast-paced, 10 s").pace, Pace::fast);
  EXPECT_EQ(read("ritmo lento, 10 secondi").pace, Pace::slow);
  EXPECT_DOUBLE_EQ(*read("20 cuts per minute, 12 s").cuts_per_minute, 20);
  EXPECT_DOUBLE_EQ(*read("a cut every 2 seconds, 12 s").cuts_per_minute, 30);
  EXPECT_EQ(read("in chronological order, 10 s").order, Order::chronological);
  EXPECT_EQ(read("shots in reverse order").order, Order::reversed);
  EXPECT_EQ(read("in ordine casuale").order, Order::shuffled);
  EXPECT_EQ(read("dramatic trailer").style, "dramatic");
  EXPECT_EQ(read("picture in picture").composites.at(0).layout, "picture_in_picture");
}

TEST(Brief, WhatNoOperationCanDoIsSaid) {
  EXPECT_EQ(read("rotate it 90 degrees and crop to the left half").unmet.size(), 2u);
  EXPECT_EQ(read("togli la filigrana").unmet.size(), 1u);
  EXPECT_TRUE(read("crop to 9:16, 6 seconds, do not rotate it").unmet.empty());
  EXPECT_TRUE(read("6 seconds, do not rotate it").unmet.empty());
}

TEST(Brief, CropToAShapeIsNotAMoment) {
  const Brief brief = read("crop to 9:16, 6 seconds");
  ASSERT_TRUE(brief.frame);
  EXPECT_EQ(brief.frame->aspect_w, 9);
  EXPECT_TRUE(brief.unmet.empty());
}

TEST(Brief, EffectsJoinedByAndKeepTheirOwnTimes) {
  const Brief brief = read("aggiungi una zoomata al secondo 3 e un flash al secondo 5");
  ASSERT_EQ(brief.effects.size(), 2u);
  EXPECT_DOUBLE_EQ(brief.effects[0].at_s.value_or(-1), 3.0);
  EXPECT_DOUBLE_EQ(brief.effects[1].at_s.value_or(-1), 5.0);
}

TEST(Brief, AFadesOwnLengthIsNotTheFilms) {
  const Brief brief = read("fade in from white over 1 second, fade out over 2 seconds");
  EXPECT_FALSE(brief.length);
  ASSERT_EQ(brief.transitions.size(), 2u);
  EXPECT_DOUBLE_EQ(brief.transitions[0].duration_s, 1.0);
  EXPECT_DOUBLE_EQ(brief.transitions[1].duration_s, 2.0);
}

TEST(Brief, ContradictionsAreNamed) {
  auto unmet = [](const std::string& goal) { return read(goal).unmet.size(); };
  EXPECT_GE(unmet("exactly 10 s, exactly 20 s"), 1u);
  EXPECT_GE(unmet("vertical and square"), 1u);
  EXPECT_GE(unmet("keep shot 2 but avoid shot 2, 10 s"), 1u);
  EXPECT_GE(unmet("mute it and normalize to -14 LUFS"), 1u);
  EXPECT_GE(unmet("add music nosuchfile.mp3"), 1u);
  EXPECT_GE(unmet("10 s, title \"late\" at 0:20"), 1u);
  EXPECT_GE(unmet("200 shots, 5 s"), 1u);
  EXPECT_EQ(unmet("10 s, vertical, mute it, title \"Hi\", black and white"), 0u);
  std::vector<EditSource> silent{synthetic::source("s1", {{5, 0.1}}, false)};
  EXPECT_FALSE(read_goal("keep the sound", silent).unmet.empty());
}

TEST(Brief, JsonRoundTripKeepsEverything) {
  for (const char* goal :
       {"exactly 12.5 s, chronological order, title \"Hello\" at the start for 2 seconds, mute it",
        "vertical, slow motion in shot 2, crossfades, keep the first 3 seconds, avoid shot 4, 12 s",
        "freeze the last frame for 2 seconds, normalize to -14 LUFS, vignette at 0:02 for 1 s",
        "fade in from red, add a bear, put shot 3 before shot 1, cut on the beat, funny trip to Rome"}) {
    Brief b = read(goal);
    Json json = to_json(b);
    auto back = brief_from_json(json, "brief");
    ASSERT_TRUE(back) << goal;
    EXPECT_EQ(to_json(*back).dump(), json.dump()) << goal;
  }
  EXPECT_FALSE(brief_from_json(Json::array(), "brief"));
  EXPECT_FALSE(brief_from_json({{"texts", {{{"kind", "title"}}}}}, "brief"));
}

TEST(Brief, HostileGoalsEndInABrief) {
  std::string junk;
  for (int i = 0; i < 20000; ++i) junk += static_cast<char>(i % 255 + 1);
  read(junk);
  read(std::string(100000, '9') + " seconds");
  read("'\"“«'\"''\" at at at 0:0:0:0 9:16:1 x 1e999 s -- 99999999999999999999 shots of shots");
  read("");
  SUCCEED();
}

}  // namespace
}  // namespace studio
