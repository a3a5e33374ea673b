// Pieces of source film named in a goal: "the first 3 seconds", "shots 2 and 4", "0:05 to 0:08 of
// the second clip", "the part with most motion". Internal to editing/.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "editing/brief.h"
#include "editing/goal_words.h"

namespace studio::goal {

struct SpanGroup {
  std::vector<SpanWish> spans;
  std::optional<double> first_s, last_s;  // "the first 3 seconds": may mean the output's
  bool range = false;                     // bare "3 to 7 seconds": may mean a length, or output times
  bool clock = false;                     // written as 0:03
  bool placed = false;                    // a place in the film: 0:04, "second 4", "the 4th second"
  bool from = false;                      // introduced by "from", "start at": this film and no other
  bool starts = false;                    // "start at 4 s": from there on, as long as asked
  bool between = false;
  double begin_s = 0, end_s = 0;  // of a range
  bool of_source = false;         // "... of the clip"
};

// The film a superlative names: the whole shot, or the best seconds of it. Nothing without any film.
std::optional<SpanWish> best_moment(std::span<const EditSource> sources, W kind, bool whole_shot);

// Relative forms to seconds of the source; what lies outside of it is said in `unmet`. Forms: shot "#2" (the
// second), "#-1" (the last); start_s -2 with end_s -n: the last n seconds; -3 with -n: the middle n seconds;
// -4: the middle third; -0.5: half of the film; end_s -1: its end.
void resolve_span(SpanWish& wish, std::span<const EditSource> sources, std::vector<Unmet>& unmet);

// Replaces the words of each span by one W::span token whose value indexes `groups`.
std::vector<Token> assemble_spans(const std::vector<Token>& tokens, std::span<const EditSource> sources,
                                  std::vector<SpanGroup>& groups, std::vector<Unmet>& unmet);

}  // namespace studio::goal
