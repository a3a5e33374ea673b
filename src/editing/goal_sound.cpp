// Wishes about sound: mute, music, loudness, fades of the sound, sounds of the studio's own.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/goal_reader.h"

namespace studio::goal {
namespace {

bool audio_file(const std::string& name) {
  auto dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  static constexpr std::string_view known[] = {".mp3", ".wav", ".flac", ".ogg",
                                               ".m4a", ".aac", ".opus", ".aiff"};
  for (auto extension : known)
    if (name.size() - dot == extension.size() && std::string_view(name).substr(dot) == extension) return true;
  return false;
}

bool subtitle_file(const std::string& name) {
  return name.ends_with(".srt") || name.ends_with(".ass") || name.ends_with(".vtt") || name.ends_with(".ssa");
}

void read_files(Reading& reading, const Clause& clause) {
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = reading.tokens[i];
    if (!token.is(W::file) || token.used) continue;
    if (audio_file(token.raw)) {
      AudioWish wish{"music", 0, token.raw, {}, {}, {}};
      reading.brief.audio.push_back(wish);
      reading.brief.readings.push_back("music " + token.raw);
      token.used = true;
    } else if (subtitle_file(token.raw)) {
      for (Token& word : reading.tokens)
        if (word.is(W::subtitles) || (word.is(W::caption) && word.text == "subtitle")) word.used = true;
      reading.brief.subtitles = token.raw;
      reading.brief.readings.push_back("subtitles " + token.raw);
      token.used = true;
    }
  }
}

// Whether a clause speaks of the music bed, not of the film's own sound.
std::size_t music_at(const Reading& reading, const Clause& clause) {
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    if (reading.tokens[i].is(W::music_noun) ||
        ((reading.tokens[i].is(W::quieter) || reading.tokens[i].is(W::louder)) &&
         reading.tokens[i].raw.find("music") != std::string::npos) ||
        (reading.tokens[i].is(W::file) && audio_file(reading.tokens[i].raw)))
      return i;
  return clause.end;
}

// +1 louder, -1 quieter, 0 neither; `at` is the word that says so.
int direction(const Reading& reading, const Clause& clause, std::size_t& at) {
  static constexpr std::string_view up[] = {"raise",  "increase", "up",   "higher", "alza", "aumenta",
                                            "alzare", "alto",     "alta", "forte",  "boost"};
  static constexpr std::string_view down[] = {"lower",  "reduce",    "decrease", "down",  "abbassa",
                                              "riduci", "abbassare", "basso",    "bassa", "attenua"};
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const Token& token = reading.tokens[i];
    if (token.used || negated(reading, clause, i)) continue;
    at = i;
    if (token.is(W::louder)) return 1;
    if (token.is(W::quieter)) return -1;
    if (std::ranges::find(up, token.text) != std::end(up)) return 1;
    if (std::ranges::find(down, token.text) != std::end(down)) return -1;
  }
  at = clause.end;
  return 0;
}

// "a bit louder", "much quieter": in dB; 6 dB is heard as clearly louder, 10 dB as twice as loud.
double step_db(const Reading& reading, const Clause& clause) {
  static constexpr std::string_view little[] = {"bit", "slightly", "little", "po'", "poco", "leggermente"};
  static constexpr std::string_view much[] = {"much", "lot", "far", "molto", "decisamente"};
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const std::string& word = reading.tokens[i].text;
    if (std::ranges::find(little, word) != std::end(little)) return 3;
    if (std::ranges::find(much, word) != std::end(much)) return 10;
  }
  return 6;
}

// Where in the output a change of level acts, if not everywhere; marks it used.
void take_stretch(Reading& reading, const Clause& clause, AudioWish& wish) {
  std::size_t s = find_span(reading, clause);
  if (s == clause.end) return;
  const SpanGroup& group = reading.groups[static_cast<std::size_t>(reading.tokens[s].value)];
  if (group.range) {
    wish.from_s = group.begin_s;
    wish.to_s = group.end_s;
  } else if (group.first_s) {
    wish.from_s = 0;
    wish.to_s = group.first_s;
  } else if (group.last_s) {
    wish.from_s = -*group.last_s;  // from the end
    wish.to_s = 0;
  } else if (!group.spans.empty()) {
    wish.from_s = group.spans[0].start_s;
    wish.to_s = group.spans[0].end_s;
  }
  reading.tokens[s].used = true;
}

void change_level(Reading& reading, const Clause& clause, double db, bool is_level) {
  std::size_t music = music_at(reading, clause);
  if (music != clause.end) {
    reading.tokens[music].used = reading.tokens[music].used || reading.tokens[music].is(W::music_noun);
    reading.music_words = words_of(reading, clause);
    (is_level ? reading.music_level_db : reading.music_change_db) = db;
    reading.brief.readings.push_back(fmt::format("music {} {:+g} dB", is_level ? "at" : "by", db));
    return;
  }
  AudioWish wish{"volume", db, "", {}, {}, {}};
  take_stretch(reading, clause, wish);
  reading.brief.audio.push_back(wish);
  reading.brief.readings.push_back(fmt::format("volume {:+g} dB", db));
}

void use_level_words(Reading& reading, const Clause& clause) {
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = reading.tokens[i];
    if (token.is(W::volume_word) || token.is(W::sound_noun) || token.is(W::louder) || token.is(W::quieter) ||
        token.is(W::normalize))
      token.used = true;
  }
}

void read_level(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  std::size_t word = clause.end;
  int way = direction(reading, clause, word);
  bool sound = has(reading, clause, W::sound_noun) || has(reading, clause, W::volume_word) ||
               music_at(reading, clause) != clause.end;
  bool says = way != 0 && (tokens[word].is(W::louder) || tokens[word].is(W::quieter));
  sound = sound || says;
  bool level_read = false;
  for (std::size_t i = clause.begin; i + 1 < clause.end; ++i) {
    if (tokens[i].used || !tokens[i].is(W::number)) continue;
    double value = tokens[i].value;
    if (tokens[i + 1].is(W::unit_lufs)) {
      // "14 LUFS" is said for -14.
      reading.brief.audio.push_back({"normalize", -std::abs(value), "", {}, {}, {}});
    } else if (tokens[i + 1].is(W::unit_db)) {
      bool at = way == 0 && i > clause.begin &&
                (tokens[i - 1].is(W::at) || tokens[i - 1].is(W::to) || tokens[i - 1].text == "a");
      change_level(reading, clause, way < 0 ? -std::abs(value) : value, at);
    } else if (tokens[i + 1].is(W::percent) && sound) {
      // "by 50 %" changes it so much, "at 50 %" is what remains.
      bool by = i > clause.begin && (tokens[i - 1].is(W::by) || tokens[i - 1].text == "del");
      double share = by && way != 0 ? 1 + way * value / 100 : value / 100;
      if (share > 0.001)
        change_level(reading, clause, 20 * std::log10(share), way == 0);
      else if (music_at(reading, clause) == clause.end)
        reading.brief.audio.push_back({"mute", 0, "", {}, {}, {}});
    } else {
      continue;
    }
    tokens[i].used = tokens[i + 1].used = true;
    if (word != clause.end) tokens[word].used = true;
    level_read = true;
  }
  if (level_read) return use_level_words(reading, clause);
  std::size_t i = find(reading, clause, W::normalize);
  if (i != clause.end && tokens[i].text != "loudness") {
    reading.brief.audio.push_back({"normalize", -14, "", {}, {}, {}});  // what streaming services play at
    tokens[i].used = true;
    return use_level_words(reading, clause);
  }
  if (way == 0) return;
  if (!sound) return;  // "up", "lower" of something else
  tokens[word].used = true;
  change_level(reading, clause, way * step_db(reading, clause), false);
  use_level_words(reading, clause);
}

// "lose the sound", "get rid of the original audio", "music instead of the original sound", "al posto
// dell'audio": an act that takes the sound away, whatever the verb. Marks what it takes as used.
bool takes_sound_away(Reading& reading, const Clause& clause) {
  static constexpr std::string_view replacing[] = {"instead",    "replace",  "replacing", "replaces",
                                                   "replaced",   "posto",    "invece",    "sostituisci",
                                                   "sostituire", "rimpiazza"};
  static constexpr std::string_view between[] = {"of",  "in",    "place", "all", "any",      "whole",
                                                 "its", "dell'", "di",    "del", "original", "originale"};
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const Token& token = tokens[i];
    bool verb = token.is(W::avoid) && token.text != "except" && !token.used;
    if (!verb && std::ranges::find(replacing, token.text) == std::end(replacing)) continue;
    std::size_t j = i + 1;
    while (j < clause.end && j < i + 5 &&
           (tokens[j].is(W::the) || tokens[j].is(W::of) || tokens[j].is(W::source_word) ||
            std::ranges::find(between, tokens[j].text) != std::end(between)))
      ++j;
    if (j >= clause.end || !(tokens[j].is(W::sound_noun) || tokens[j].is(W::keep_sound))) continue;
    if (negated(reading, clause, i)) continue;
    for (std::size_t k = i; k <= j; ++k) tokens[k].used = tokens[k].used || verb || !tokens[k].is(W::avoid);
    return true;
  }
  return false;
}

void read_mute(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  if (takes_sound_away(reading, clause)) {
    AudioWish wish{"mute", 0, "", {}, {}, {}};
    take_stretch(reading, clause, wish);
    reading.brief.audio.push_back(wish);
    reading.brief.readings.push_back("mute");
    return;
  }
  std::size_t i = find(reading, clause, W::mute);
  // "without sound effects" and "no sound on top" are not about all of the sound.
  if (i == clause.end) return;
  if (i + 1 < clause.end && (tokens[i + 1].text == "effects" || tokens[i + 1].text == "effect")) return;
  if (negated(reading, clause, i)) {
    reading.brief.audio.push_back({"keep", 0, "", {}, {}, {}});
    tokens[i].used = true;
    return;
  }
  if (std::size_t m = i + 1; m < clause.end && music_at(reading, clause) != clause.end) {
    while (m < clause.end && tokens[m].is(W::the)) ++m;
    if (m < clause.end && tokens[m].is(W::music_noun)) {  // "mute the music"
      tokens[i].used = tokens[m].used = true;
      reading.brief.unmet.push_back({words_of(reading, clause),
                                     "the film's sound is one track: music in it cannot be silenced alone; "
                                     "\"mute it\" silences all of it"});
      return;
    }
  }
  AudioWish wish{"mute", 0, "", {}, {}, {}};
  take_stretch(reading, clause, wish);
  tokens[i].used = true;
  reading.brief.audio.push_back(wish);
  reading.brief.readings.push_back("mute");
}

void read_music(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  std::size_t i = find(reading, clause, W::music_noun);
  if (i == clause.end) return;
  if (negated(reading, clause, i)) {
    tokens[i].used = true;
    reading.brief.readings.push_back("no music is laid under it");
    return;
  }
  for (const AudioWish& wish : reading.brief.audio)
    if (wish.action == "music") return;
  bool added = has(reading, clause, W::with) || tokens[i].text.find("background") != std::string::npos;
  for (std::size_t j = clause.begin; j < clause.end; ++j) {
    const std::string& word = tokens[j].text;
    added = added || word == "add" || word == "put" || word == "aggiungi" || word == "metti" || word == "lay";
  }
  bool to_the_music = false;  // "cut to the music" is about rhythm
  for (std::size_t j = clause.begin; j < i; ++j)
    to_the_music = to_the_music || tokens[j].text == "beat" || tokens[j].text == "beats" ||
                   tokens[j].text == "rhythm" || tokens[j].text == "ritmo" || tokens[j].text == "tempo";
  if (!added || to_the_music) return;
  // The file may stand in the next clause: "add music: song.mp3".
  for (const Token& token : tokens)
    if (token.is(W::file) && audio_file(token.raw)) {
      tokens[i].used = true;
      return;
    }
  reading.brief.unmet.push_back({"music", "no music file is named in the goal; name one: music song.mp3"});
  tokens[i].used = true;
}

void read_sounds(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (!tokens[i].is(W::sound_effect) || tokens[i].used || negated(reading, clause, i)) continue;
    AudioWish wish{"sound", 0, tokens[i].text, {}, {}, {}};
    tokens[i].used = true;
    wish.at_s = take_at(reading, clause);
    wish.at_cuts = !wish.at_s && take_every_cut(reading, clause);
    if (!wish.at_s && has(reading, clause, W::at_start)) wish.at_s = 0;
    if (!wish.at_s && has(reading, clause, W::at_end)) wish.at_s = -1;  // from the end
    reading.brief.audio.push_back(wish);
    reading.brief.readings.push_back("sound " + wish.path);
  }
}

}  // namespace

void settle_music(Reading& reading) {
  if (!reading.music_change_db && !reading.music_level_db) return;
  for (AudioWish& wish : reading.brief.audio)
    if (wish.action == "music") {
      wish.value = reading.music_change_db.value_or(0);
      wish.level_db = reading.music_level_db;
      return;
    }
  reading.brief.unmet.push_back({reading.music_words,
                                 "no music file is named, and music in the film's own sound cannot be "
                                 "changed alone; say \"volume\" for all of its sound"});
}

void read_sound(Reading& reading, const Clause& clause) {
  read_files(reading, clause);
  read_level(reading, clause);
  read_mute(reading, clause);
  read_music(reading, clause);
  read_sounds(reading, clause);
  std::size_t keep = find(reading, clause, W::keep_sound);
  if (keep != clause.end) {
    auto& token = reading.tokens[keep];
    bool effects = keep + 1 < clause.end && (reading.tokens[keep + 1].text.starts_with("effect"));
    if (!effects) {
      if (negated(reading, clause, keep))
        reading.brief.audio.push_back({"mute", 0, "", {}, {}, {}});
      else
        reading.brief.audio.push_back({"keep", 0, "", {}, {}, {}});
      token.used = true;
    }
  }
  // "under the voice", "ducking under speech": what the bed goes down for.
  static constexpr std::string_view talk[] = {"speech",  "voice", "voices", "dialogue", "dialog", "talking",
                                              "parlato", "voce",  "voci",   "dialoghi", "dialogo"};
  if (has(reading, clause, W::duck) || music_at(reading, clause) != clause.end)
    for (std::size_t i = clause.begin; i < clause.end; ++i)
      if (reading.tokens[i].is(W::word) && std::ranges::find(talk, reading.tokens[i].text) != std::end(talk))
        reading.tokens[i].used = true;
  std::size_t duck = find(reading, clause, W::duck);
  if (duck != clause.end) {
    reading.brief.audio.push_back({"duck", 0, "", {}, {}, {}});
    reading.tokens[duck].used = true;
  }
}

}  // namespace studio::goal
