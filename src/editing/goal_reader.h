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

  double source_length_s() const;
};

// Text wishes: quotes with the words that say where, when and what kind. (goal_texts.cpp)
void read_texts(Reading& reading);
// Speed, reverse, freeze, effects, transitions, fades, composites. (goal_looks.cpp)
void read_looks(Reading& reading, const Clause& clause);
// Music, mute, loudness, sounds. (goal_sound.cpp)
void read_sound(Reading& reading, const Clause& clause);
// Picture size, order, counts, pace, style. (goal_shape.cpp)
void read_shape(Reading& reading, const Clause& clause);
// Keep, avoid, only, opening, ending. (goal_shape.cpp)
void read_film(Reading& reading);
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
std::string words_of(const Reading& reading, const Clause& clause);

}  // namespace studio::goal
