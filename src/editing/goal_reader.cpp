// Splits the goal into clauses and hands them to the readers of each kind of wish.
#include "editing/goal_reader.h"

#include <fmt/format.h>
#include <algorithm>

#include "editing/brief.h"
#include "editing/goal_leftovers.h"
#include "editing/goal_phrases.h"

namespace studio::goal {
namespace {

// A word after "and" that begins a new wish.
bool opens_clause(const Token& token) {
  if (begins_wish(token.kind)) return true;
  switch (token.kind) {
    case W::quoted:
    case W::lower_third:
    case W::at_start:
    case W::at_end:
    case W::no:
    case W::style:
    case W::ratio:
    case W::sound_effect:
    case W::louder:
    case W::quieter:
    case W::file:
    case W::watermark:
    case W::saying:
    case W::pip:
    case W::split_screen:
    case W::pace_fast:
    case W::pace_slow:
    case W::subtitles:
    case W::with: return true;
    default: return false;
  }
}

// Something is done to the film in [begin, end): its speed, direction or looks change.
bool looks(const std::vector<Token>& tokens, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end && i < tokens.size(); ++i)
    for (W kind : {W::effect, W::slow_motion, W::double_, W::triple, W::reverse, W::speed_up, W::slow_down,
                   W::faster, W::slower, W::ramp, W::times, W::freeze, W::time_lapse})
      if (tokens[i].is(kind)) return true;
  return false;
}

// "shot 2 in slow motion and shot 3 reversed": a second place with an act of its own.
bool second_act(const std::vector<Token>& tokens, std::size_t begin, std::size_t and_at) {
  std::size_t j = and_at + 1;
  while (j < tokens.size() && tokens[j].is(W::the)) ++j;
  if (j >= tokens.size() || !tokens[j].is(W::span)) return false;
  std::size_t end = j;
  while (end < tokens.size() && !tokens[end].is(W::stop) && !tokens[end].is(W::comma) &&
         !tokens[end].is(W::open_clause) && !tokens[end].is(W::and_))
    ++end;
  return looks(tokens, begin, and_at) && looks(tokens, j, end);
}

std::vector<Clause> split(const std::vector<Token>& tokens) {
  std::vector<Clause> clauses;
  std::size_t begin = 0;
  auto close = [&](std::size_t end, std::size_t next) {
    if (end > begin) clauses.push_back({begin, end});
    begin = next;
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.is(W::stop) || token.is(W::open_clause) || token.is(W::comma)) {
      close(i, i + 1);
    } else if (token.is(W::and_)) {
      std::size_t j = i + 1;
      while (j < tokens.size() && (tokens[j].is(W::a) || tokens[j].is(W::the))) ++j;
      bool verb = j < tokens.size() &&
                  (opens_clause(tokens[j]) || (tokens[j].is(W::word) && j + 1 < tokens.size() &&
                                               !tokens[j + 1].is(W::effect) && !tokens[j + 1].is(W::and_)));
      // "2 seconds and 'B'", "end with shot 1 and the last 3 s in slow motion"
      if (verb || second_act(tokens, begin, i)) close(i, i + 1);
    }
  }
  close(tokens.size(), tokens.size());
  // "black and white, except the last 3 seconds" is one wish.
  for (std::size_t i = 1; i < clauses.size();) {
    const Token& first = tokens[clauses[i].begin];
    if (first.is(W::avoid) && first.text == "except" &&
        looks(tokens, clauses[i - 1].begin, clauses[i - 1].end)) {
      clauses[i - 1].end = clauses[i].end;
      clauses.erase(clauses.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  return clauses;
}

}  // namespace

double Reading::source_length_s() const {
  double total = 0;
  for (const EditSource& source : sources) total += source.analysis.source.duration_s;
  return total;
}

std::size_t find(const Reading& reading, const Clause& clause, W kind) {
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    if (reading.tokens[i].is(kind) && !reading.tokens[i].used) return i;
  return clause.end;
}

bool has(const Reading& reading, const Clause& clause, W kind) {
  return find(reading, clause, kind) != clause.end;
}

bool negated(const Reading& reading, const Clause& clause, std::size_t at) {
  for (std::size_t i = at, looked = 0; i > clause.begin && looked < 3; ++looked) {
    --i;
    const Token& token = reading.tokens[i];
    if (token.is(W::no) || token.is(W::avoid)) return true;
    if (!token.is(W::a) && !token.is(W::the) && !token.is(W::word) && !token.is(W::and_)) return false;
  }
  return false;
}

std::size_t find_span(const Reading& reading, const Clause& clause) {
  return find(reading, clause, W::span);
}

std::optional<double> take_at(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (tokens[i].used) continue;
    if (tokens[i].is(W::at) || tokens[i].is(W::to) || tokens[i].is(W::in)) {
      std::size_t j = i + 1;
      while (j < clause.end && (tokens[j].is(W::the) || tokens[j].is(W::about))) ++j;
      if (j < clause.end && !tokens[j].used) {
        bool clock = tokens[j].is(W::clock);
        bool seconds = tokens[j].is(W::duration) && tokens[i].is(W::at);
        if (clock || seconds) {
          tokens[i].used = tokens[j].used = true;
          return tokens[j].value;
        }
        if (tokens[j].is(W::unit_s) && j + 1 < clause.end && tokens[j + 1].is(W::number)) {
          tokens[i].used = tokens[j].used = tokens[j + 1].used = true;
          return tokens[j + 1].value;
        }
      }
    }
    if (tokens[i].is(W::span)) {  // "after 3 seconds"
      const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[i].value)];
      if (!group.range && group.begin_s > 0 && !group.first_s && !group.last_s) {
        tokens[i].used = true;
        return group.begin_s;
      }
    }
    if (tokens[i].is(W::duration) && i + 1 < clause.end && tokens[i + 1].is(W::in) &&
        (i + 2 == clause.end || tokens[i + 2].is(W::quoted))) {  // "3 seconds in"
      tokens[i].used = tokens[i + 1].used = true;
      return tokens[i].value;
    }
    if (tokens[i].is(W::clock)) {  // "0:03: boom"
      tokens[i].used = true;
      return tokens[i].value;
    }
  }
  return std::nullopt;
}

std::optional<double> take_duration(Reading& reading, const Clause& clause, std::size_t near,
                                    bool only_adjacent) {
  auto& tokens = reading.tokens;
  auto take = [&](std::size_t i) -> std::optional<double> {
    tokens[i].used = true;
    return tokens[i].value;
  };
  // "a 2 second title"
  if (near > clause.begin && near < clause.end && tokens[near - 1].is(W::duration) && !tokens[near - 1].used)
    return take(near - 1);
  // "title for 2 seconds", "crossfades of half a second", "fade over 2 seconds", "(1 s)"
  for (std::size_t i = std::min(near, clause.end); i < clause.end; ++i) {
    if (!tokens[i].is(W::duration) || tokens[i].used) continue;
    std::size_t before = i;
    while (before > clause.begin && (tokens[before - 1].is(W::the) || tokens[before - 1].is(W::about) ||
                                     tokens[before - 1].is(W::exactly) || tokens[before - 1].is(W::a)))
      --before;
    bool introduced =
        before > clause.begin && (tokens[before - 1].is(W::for_) || tokens[before - 1].is(W::of) ||
                                  tokens[before - 1].is(W::long_word) || tokens[before - 1].text == "over" ||
                                  tokens[before - 1].is(W::in));
    bool adjacent = before == near + 1 || i == near + 1 || (introduced && before <= near + 2);
    if ((introduced && !only_adjacent) || adjacent) return take(i);
  }
  // "for 2 seconds, title 'X'": before it, but only with "for".
  if (!only_adjacent)
    for (std::size_t i = clause.begin + 1; i < std::min(near, clause.end); ++i)
      if (tokens[i].is(W::duration) && !tokens[i].used && tokens[i - 1].is(W::for_)) return take(i);
  return std::nullopt;
}

bool take_every_cut(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i + 1 < clause.end; ++i) {
    if (!tokens[i].is(W::every) && !tokens[i].is(W::each)) continue;
    std::size_t j = i + 1;
    while (j < clause.end && j < i + 3 && tokens[j].is(W::word)) ++j;  // "every single cut"
    bool change = j < clause.end && (tokens[j].is(W::cuts) || tokens[j].text == "transition" ||
                                     tokens[j].is(W::shot) || tokens[j].is(W::clip));
    if (!change) continue;
    tokens[i].used = tokens[j].used = true;
    return true;
  }
  return false;
}

std::string words_of(const Reading& reading, const Clause& clause) {
  std::string out;
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    out += (i > clause.begin ? " " : "") + reading.tokens[i].raw;
  return out;
}

}  // namespace studio::goal

namespace studio {

void settle_contradictions(Brief& brief, std::span<const EditSource> sources);  // brief_settle.cpp

namespace {

// Operations that people ask for by name and that no decision can carry out: said, not dropped.
void name_the_impossible(goal::Reading& reading) {
  struct Operation {
    std::string_view verb, needs;
  };
  static constexpr Operation operations[] = {{"rotate", "rotation"},
                                             {"ruota", "rotation"},
                                             {"ruotare", "rotation"},
                                             {"loop", "looping"},
                                             {"stabilize", "stabilisation"},
                                             {"stabilise", "stabilisation"},
                                             {"stabilizza", "stabilisation"},
                                             {"crop", "cropping"},
                                             {"translate", "translation"},
                                             {"traduci", "translation"},
                                             {"colorize", "colouring"},
                                             {"rotated", "rotation"},
                                             {"beep", "bleeping"},
                                             {"bleep", "bleeping"},
                                             {"censor", "bleeping"},
                                             {"denoise", "cleaning of noise"},
                                             {"sharpen", "sharpening"},
                                             {"boomerang", "playing there and back"},
                                             {"forwards", "playing there and back"},
                                             {"grain", "film grain"},
                                             {"grana", "film grain"},
                                             {"glitch", "glitch"},
                                             {"glitches", "glitch"},
                                             {"vhs", "tape look"},
                                             {"cartoon", "cartoon look"},
                                             {"neon", "neon look"},
                                             {"lut", "colour grading"},
                                             {"grading", "colour grading"},
                                             {"chroma", "keying"},
                                             {"bokeh", "bokeh"},
                                             {"countdown", "countdown"},
                                             {"voiceover", "spoken voice"},
                                             {"narration", "spoken voice"},
                                             {"narrazione", "spoken voice"},
                                             {"transcribe", "transcription"},
                                             {"trascrivi", "transcription"},
                                             {"loops", "looping"},
                                             {"looped", "looping"},
                                             {"undistort", "lens correction"},
                                             {"repeat", "repeating"},
                                             {"repeated", "repeating"},
                                             {"ripeti", "repeating"},
                                             {"replay", "repeating"},
                                             {"duplicate", "repeating"}};
  for (const goal::Clause& clause : reading.clauses)
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      const goal::Token& token = reading.tokens[i];
      // A watermark is drawn from a quote; without one it is to be taken away, or is an image.
      if (token.is(goal::W::watermark) && reading.brief.texts.empty()) {
        reading.tokens[i].used = true;
        reading.brief.unmet.push_back(
            {goal::words_of(reading, clause),
             "there is no removing of watermarks among the studio's operations, and "
             "one that is drawn needs its text in quotes"});
      }
      if (token.used || !token.is(goal::W::word)) continue;
      for (const Operation& o : operations) {
        if (token.text != o.verb) continue;
        reading.tokens[i].used = true;
        if (goal::negated(reading, clause, i)) continue;
        // "crop to 9:16" and "loop the music" are wishes that are read.
        if (o.needs == "cropping" && reading.brief.frame) continue;
        if (o.needs == "looping" && !reading.brief.audio.empty()) continue;
        // What it was to act on is no film to be kept: "stabilize shot 2" asks for all shots.
        std::size_t last = i;
        while (last + 1 < clause.end && last < i + 4 && !reading.tokens[last].is(goal::W::span)) ++last;
        std::string wish = token.raw;
        if (reading.tokens[last].is(goal::W::span) && !reading.tokens[last].used) {
          reading.tokens[last].used = true;
          wish += " " + reading.tokens[last].raw;
        }
        reading.brief.unmet.push_back(
            {wish, fmt::format("there is no {} among the studio's operations", o.needs)});
      }
    }
}

constexpr std::size_t kMostGoal = 10000;  // bytes; more is no goal but a text

}  // namespace

Brief read_goal(std::string_view goal, std::span<const EditSource> sources) {
  goal::Reading reading;
  reading.sources = sources;
  reading.brief.goal = std::string(goal);
  bool italian = false;
  auto words = goal::read_words(goal.substr(0, kMostGoal), italian, reading.brief.readings);
  reading.brief.language = italian ? "it" : "en";
  reading.tokens = goal::assemble_spans(words, sources, reading.groups, reading.brief.unmet);
  reading.clauses = goal::split(reading.tokens);
  goal::read_texts(reading);
  for (const goal::Clause& clause : reading.clauses) goal::read_sound(reading, clause);
  goal::settle_music(reading);
  for (const goal::Clause& clause : reading.clauses) goal::read_shape(reading, clause);
  for (const goal::Clause& clause : reading.clauses) goal::read_looks(reading, clause);
  name_the_impossible(reading);
  goal::read_shares(reading);
  goal::read_film(reading);
  goal::read_length(reading);
  goal::settle_middle(reading);
  goal::settle_kept(reading);
  goal::name_leftovers(reading);
  if (goal.size() > kMostGoal)
    reading.brief.not_understood.push_back(fmt::format("what stands after the first {} bytes", kMostGoal));
  Brief brief = std::move(reading.brief);
  bool bounded = brief.length.has_value() || brief.clips.has_value() || reading.shortens || brief.no_cuts ||
                 brief.pace_asked || brief.cuts_per_minute.has_value() || brief.on_beats;
  brief.whole = !bounded;
  settle_contradictions(brief, sources);
  return brief;
}

}  // namespace studio
