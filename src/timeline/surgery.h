// What the edit verbs share: finding clips, taking pieces of them, replacing a stretch of a track.
// For the verbs only; everybody else uses verbs.h and its neighbours.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "timeline/timeline.h"

namespace studio::surgery {

struct Place {
  std::size_t track = 0;
  std::size_t item = 0;
};

Result<Place> find_clip(const Timeline& timeline, const std::string& clip_id);
Result<std::size_t> find_track(const Timeline& timeline, const std::string& track_id);

inline Clip& clip_at(Timeline& timeline, Place place) {
  return std::get<Clip>(timeline.tracks[place.track].items[place.item]);
}
TimeRange range_of(const Track& track, std::size_t item);

// Clip ids of one or more timelines; take() gives `wanted` when it is free, else "wanted~2", ...
class IdPool {
 public:
  explicit IdPool(const Timeline& timeline);
  std::string take(const std::string& wanted);

 private:
  std::set<std::string> taken_;
  std::map<std::string, int> last_number_;  // by stem, so that many of one name stay quick
};

std::string fresh_clip_id(const Timeline& timeline, const std::string& wanted);
std::string fresh_track_id(const Timeline& timeline, TrackKind kind);

// The clip as it plays from `from` to `to` of its own timeline time. Either may lie outside the
// clip, which then grows at the speed of that end. Ramp and effects keep their place: they are
// shifted, never cut, except that an effect wholly outside the piece is dropped. J and L cuts stay.
Clip piece_of(const Clip& clip, Time from, Time to);

// The same, refused when the file does not hold that much, or nothing would be left.
Result<Clip> piece_within_media(const Clip& clip, Time from, Time to);

// Refuses a range outside what the file holds, saying how much there is.
Result<void> require_media(const Clip& clip);

// Everything of the track within `range` gives way to `replacement`, whatever its length.
// Items that straddle an end are split (the later part of a clip split in two gets a fresh id; a
// J cut stays with the first part, an L cut with the second). A transition that reaches into
// `range`, or whose cut is one of its ends, is dropped. Beyond the track's end a gap fills up.
void replace_range(Timeline& timeline, std::size_t track, const TimeRange& range,
                   std::vector<Item> replacement);

// Joins neighbouring gaps, drops empty items, and transitions that no longer stand between two items.
void settle(Track& track);
void drop_trailing_gaps(Track& track);

// What validate() asks of the transition at `item`: two neighbours, length, handles.
Result<void> check_transition(const Track& track, std::size_t item, const std::string& place);
void drop_broken_transitions(Track& track);

// The longest that what lies before (after: behind) an item's edge can go on, in timeline time;
// nothing when it has no end (generators, freezes, gaps).
std::optional<Time> handle_of(const Item& item, bool after);

// Refused when a transition is on screen at `at` (its two ends excepted).
Result<void> require_no_transition_at(const Track& track, Time at);

// Markers belong to the timeline; they follow edits of its first track, and of all tracks at once.
// Those within `range` are dropped, later ones move by `shift`.
void move_markers(Timeline& timeline, std::size_t edited_track, const TimeRange& range, Time shift);

// The effects of `before`, moved so that each keeps its place in source time under `after`'s retime.
void keep_effects_in_source_time(const Clip& before, Clip& after);

// Effects of a track or timeline that were meant for `range` of it only, told by their active range.
void confine_effects(std::vector<Effect>& effects, const TimeRange& range);

// The first track of the kind, from `lowest` up, with nothing in `range`; a new one on top when
// there is none. Returns its index.
std::size_t free_track(Timeline& timeline, TrackKind kind, std::size_t lowest, const TimeRange& range);

std::unexpected<Error> refuse(std::string what, std::string why, std::string hint = {});

}  // namespace studio::surgery
