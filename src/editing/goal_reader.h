// Clauses of a goal to wishes of the brief. Internal to editing/.
#pragma once

#include <span>
#include <vector>

#include "editing/brief.h"
#include "editing/goal_spans.h"
#include "editing/goal_words.h"

namespace studio::goal {

// A run of tokens between clause boundaries: [begin, end).
struct Clause {
  std::size_t begin = 0, end = 0;
};

// What several readers share: the tokens, what is used up, the brief being filled.
struct Reading {
  std::vector<Token> tokens;
  std::vector<SpanGroup> groups;
  std::vector<Clause> clauses;
  std::span<const EditSource> sources;
  Brief brief;
  bool shortens = false;  // highlight, best of: film is to be left out
  // What "keep" means depends on the rest of the goal (settle_kept).
  bool includes = false;                   // "include", "make sure": among other film
  std::vector<SpanWish> only;              // film that alone may be seen
  std::vector<SpanWish> named_sources;     // whole clips, as they are named
  std::optional<double> each_shot_s;       // "every shot 1.5 seconds long"
  std::optional<SpanWish> start;           // "start at 4 s"
  std::vector<std::string> inset_sources;  // stand in an inset: not film of their own

  // "half speed in the middle": of the film that is used, which is known once all is read (settle_middle).
  std::vector<std::size_t> middle_speeds;  // indices into brief.speeds

  // "the music quieter": its file may stand in a later clause (settle_music).
  std::optional<double> music_change_db, music_level_db;
  std::string music_words;

  double source_length_s() const;
};

// Text wishes: quotes with the words that say where, when and what kind. (goal_texts.cpp)
void read_texts(Reading& reading);
// Fades at the ends, transitions between pieces. (goal_fades.cpp)
void read_fades(Reading& reading, const Clause& clause);
void read_transitions(Reading& reading, const Clause& clause);
// Speed, reverse, freeze, effects, composites. (goal_looks.cpp)
void read_looks(Reading& reading, const Clause& clause);
// Music, mute, loudness, sounds. (goal_sound.cpp)
void read_sound(Reading& reading, const Clause& clause);
void settle_middle(Reading& reading);
// Levels of the music, once it is known whether there is any.
void settle_music(Reading& reading);
// Picture size, order, counts, pace, style. (goal_shape.cpp)
void read_shape(Reading& reading, const Clause& clause);
// Keep, avoid, only, opening, ending, sequences. (goal_film.cpp)
void read_film(Reading& reading);
// Kept film and the length known, what is left out: "keep the first 5 seconds" alone is all there is.
void settle_kept(Reading& reading);
// Shares of the film's length, before verbs such as "keep" and "cut" are read as choices of film.
void read_shares(Reading& reading);
// The length of the output, from the durations nobody else took. (goal_shape.cpp)
void read_length(Reading& reading);

// ---- small searches inside a clause ----
std::size_t find(const Reading& reading, const Clause& clause, W kind);  // npos-like: clause.end
bool has(const Reading& reading, const Clause& clause, W kind);
// True for "no", "without" directly before (articles between allowed).
bool negated(const Reading& reading, const Clause& clause, std::size_t at);
// The first unused span group of a clause; marks nothing.
std::size_t find_span(const Reading& reading, const Clause& clause);
// "at 0:03", "al secondo 3", "after 3 seconds": output time; marks it used.
std::optional<double> take_at(Reading& reading, const Clause& clause);
// "for 2 seconds", "lasting 2 s", or a duration right before or after `near`; marks it used.
std::optional<double> take_duration(Reading& reading, const Clause& clause, std::size_t near,
                                    bool only_adjacent);
// "on every cut", "at each cut", "a ogni taglio"; marks it used.
bool take_every_cut(Reading& reading, const Clause& clause);
// All film of all sources but these spans.
std::vector<SpanWish> all_but(const Reading& reading, const std::vector<SpanWish>& spans);
std::string words_of(const Reading& reading, const Clause& clause);

}  // namespace studio::goal
