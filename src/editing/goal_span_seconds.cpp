// Relative pieces of film ("the last 3 seconds", "shot -1") to seconds of a source.
#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "editing/goal_spans.h"

namespace studio::goal {

void resolve_span(SpanWish& wish, std::span<const EditSource> sources, std::vector<Unmet>& unmet) {
  const EditSource* film = find_source(sources, wish.source);
  double length = sources.empty() ? 1e9 : film ? film->analysis.source.duration_s : 0;
  const std::string first = sources.empty() ? "s1" : sources.front().id;
  if (!wish.shot.empty() && wish.shot[0] == '#') {
    int number = std::atoi(wish.shot.c_str() + 1);
    const EditSource* source = find_source(sources, wish.source);
    int count = source ? static_cast<int>(source->analysis.shots.size()) : 0;
    int index = number > 0 ? number - 1 : count + number;
    // Numbers beyond the first source go on in the next ones, as the table of shots does.
    std::size_t next = 1;
    while (source && number > 0 && index >= static_cast<int>(source->analysis.shots.size()) &&
           wish.source == first && next < sources.size()) {
      index -= static_cast<int>(source->analysis.shots.size());
      source = &sources[next++];
    }
    if (!source || index < 0 || index >= static_cast<int>(source->analysis.shots.size())) {
      unmet.push_back({fmt::format("shot {}", number),
                       fmt::format("the film has {} shot{}", count, count == 1 ? "" : "s")});
      wish.start_s = wish.end_s = 0;
      return;
    }
    const Shot& shot = source->analysis.shots[static_cast<std::size_t>(index)];
    wish.source = source->id;
    wish.shot = shot.id;
    wish.start_s = shot.start.seconds();
    wish.end_s = shot.end.seconds();
    return;
  }
  if (wish.start_s == -2) {  // last seconds
    wish.start_s = std::max(0.0, length + wish.end_s);
    wish.end_s = length;
  } else if (wish.start_s == -3) {  // middle seconds
    double half = -wish.end_s / 2;
    wish.start_s = std::max(0.0, length / 2 - half);
    wish.end_s = std::min(length, length / 2 + half);
  } else if (wish.start_s == -4) {  // the middle third
    wish.start_s = length / 3;
    wish.end_s = 2 * length / 3;
  } else {
    if (wish.start_s == -0.5) wish.start_s = length / 2;
    if (wish.end_s == -0.5) wish.end_s = length / 2;
    if (wish.end_s == -1) wish.end_s = length;
  }
  // Film can only be named where there is film. A range that may be a length or output times is
  // judged by whoever claims it.
  wish.end_s = std::min(wish.end_s, length);
  if (wish.start_s >= length) wish.start_s = wish.end_s = length;
}

}  // namespace studio::goal
