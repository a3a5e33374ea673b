// Wishes about sound: mute, music, loudness, fades of the sound, sounds of the studio's own.
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
      reading.brief.subtitles = token.raw;
      reading.brief.readings.push_back("subtitles " + token.raw);
      token.used = true;
    }
  }
}

void read_level(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  bool loudness_read = false;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (tokens[i].used || !tokens[i].is(W::number) || i + 1 >= clause.end) continue;
    if (tokens[i + 1].is(W::unit_lufs)) {
      double lufs = -std::abs(tokens[i].value);  // "14 LUFS" is said for -14
      reading.brief.audio.push_back({"normalize", lufs, "", {}, {}, {}});
      tokens[i].used = tokens[i + 1].used = true;
      loudness_read = true;
    } else if (tokens[i + 1].is(W::unit_db)) {
      bool down = has(reading, clause, W::quieter) && tokens[i].value > 0;
      reading.brief.audio.push_back({"volume", down ? -tokens[i].value : tokens[i].value, "", {}, {}, {}});
      tokens[i].used = tokens[i + 1].used = true;
      loudness_read = true;
    } else if (tokens[i + 1].is(W::percent) && has(reading, clause, W::volume_word)) {
      double share = tokens[i].value / 100;
      if (share > 0)
        reading.brief.audio.push_back({"volume", 20 * std::log10(share), "", {}, {}, {}});
      else
        reading.brief.audio.push_back({"mute", 0, "", {}, {}, {}});
      tokens[i].used = tokens[i + 1].used = true;
      loudness_read = true;
    }
  }
  if (loudness_read) return;
  std::size_t i = find(reading, clause, W::normalize);
  if (i != clause.end && tokens[i].text != "loudness") {
    reading.brief.audio.push_back({"normalize", -14, "", {}, {}, {}});  // what streaming services play at
    tokens[i].used = true;
  }
  std::size_t up = find(reading, clause, W::louder), down = find(reading, clause, W::quieter);
  std::size_t which = up != clause.end ? up : down;
  if (which != clause.end && !negated(reading, clause, which)) {
    bool noun = has(reading, clause, W::sound_noun) || has(reading, clause, W::volume_word) ||
                tokens[which].raw.find(' ') != std::string::npos || has(reading, clause, W::make) ||
                tokens[which].text == "louder" || tokens[which].text == "quieter";
    if (noun) {
      reading.brief.audio.push_back({"volume", up != clause.end ? 6.0 : -6.0, "", {}, {}, {}});
      tokens[which].used = true;
    }
  }
}

void read_mute(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  std::size_t i = find(reading, clause, W::mute);
  // "without sound effects" and "no sound on top" are not about all of the sound.
  if (i == clause.end) return;
  if (i + 1 < clause.end && (tokens[i + 1].text == "effects" || tokens[i + 1].text == "effect")) return;
  if (negated(reading, clause, i)) {
    reading.brief.audio.push_back({"keep", 0, "", {}, {}, {}});
    tokens[i].used = true;
    return;
  }
  AudioWish wish{"mute", 0, "", {}, {}, {}};
  std::size_t s = find_span(reading, clause);
  if (s != clause.end) {
    const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[s].value)];
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
    tokens[s].used = true;
  }
  tokens[i].used = true;
  reading.brief.audio.push_back(wish);
  reading.brief.readings.push_back("mute");
}

void read_music(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  std::size_t i = find(reading, clause, W::music_noun);
  if (i == clause.end || negated(reading, clause, i)) return;
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
    if (token.is(W::file) && audio_file(token.raw)) return;
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
    if (!wish.at_s && has(reading, clause, W::at_start)) wish.at_s = 0;
    if (!wish.at_s && has(reading, clause, W::at_end)) wish.at_s = -1;  // from the end
    reading.brief.audio.push_back(wish);
    reading.brief.readings.push_back("sound " + wish.path);
  }
}

}  // namespace

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
  std::size_t duck = find(reading, clause, W::duck);
  if (duck != clause.end) {
    reading.brief.audio.push_back({"duck", 0, "", {}, {}, {}});
    reading.tokens[duck].used = true;
  }
}

}  // namespace studio::goal
