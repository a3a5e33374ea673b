// Placing and shaping clips: cut, split, insert, overwrite, remove, ripple, trim, roll, slip, slide.
#include "timeline/verbs.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "timeline/surgery.h"

namespace studio {
namespace {

using surgery::clip_at;
using surgery::find_clip;
using surgery::find_track;
using surgery::Place;
using surgery::range_of;
using surgery::refuse;

Result<void> require_playable(const Clip& clip) {
  if (duration_of(clip) <= Time{})
    return refuse(fmt::format("place the clip '{}'", clip.id), "it has no length");
  return surgery::require_media(clip);
}

// The nearest item that is not a transition, or none.
std::optional<std::size_t> neighbour(const Track& track, std::size_t item, int step) {
  for (auto i = static_cast<std::ptrdiff_t>(item) + step; i >= 0 && i < std::ssize(track.items); i += step)
    if (!std::holds_alternative<Transition>(track.items[static_cast<std::size_t>(i)]))
      return static_cast<std::size_t>(i);
  return std::nullopt;
}

// Drops the transitions at the chosen ends of an item and returns where the item is now.
std::size_t drop_transitions_at(Track& track, std::size_t item, bool at_head, bool at_tail) {
  if (at_tail && item + 1 < track.items.size() && std::holds_alternative<Transition>(track.items[item + 1]))
    track.items.erase(track.items.begin() + static_cast<std::ptrdiff_t>(item) + 1);
  if (at_head && item > 0 && std::holds_alternative<Transition>(track.items[item - 1])) {
    track.items.erase(track.items.begin() + static_cast<std::ptrdiff_t>(item) - 1);
    --item;
  }
  return item;
}

// The item made longer (or shorter) at one end; gaps stretch freely, clips within their media.
Result<Item> stretched(const Item& item, Time head, Time tail) {
  const Time length = duration_of(item);
  if (const auto* clip = std::get_if<Clip>(&item))
    return surgery::piece_within_media(*clip, head, length + tail);
  if (length + tail - head < Time{}) return refuse("move a cut", "the gap beside it is shorter than that");
  return Gap{length + tail - head};
}

bool inside_a_clip(const Track& track, Time at) {
  Time start;
  for (const Item& item : track.items) {
    const Time end = start + duration_of(item);
    if (start < at && at < end) return std::holds_alternative<Clip>(item);
    start = end;
  }
  return false;
}

// Effects of a second timeline, made to act in its part only.
void append_later(std::vector<Effect>& effects, std::vector<Effect> more, const TimeRange& part) {
  for (Effect& effect : more) {
    if (effect.active) effect.active->start += part.start;
    for (auto& [name, parameter] : effect.params)
      if (auto* keys = std::get_if<std::vector<Keyframe>>(&parameter))
        for (Keyframe& key : *keys) key.at += part.start;
  }
  surgery::confine_effects(more, part);
  effects.insert(effects.end(), more.begin(), more.end());
}

Timeline with_settled(Timeline timeline, std::size_t track) {
  surgery::settle(timeline.tracks[track]);
  surgery::drop_broken_transitions(timeline.tracks[track]);
  return timeline;
}

}  // namespace

Result<Clip> cut(const MediaFile& file, TimeRange range, std::string id) {
  Clip clip;
  clip.id = std::move(id);
  clip.name = std::filesystem::path(file.path).stem().string();
  clip.source = file;
  clip.source_range = range;
  clip.picture = file.has_video;
  clip.sound = file.has_audio;
  TRY(require_playable(clip));
  return clip;
}

Result<Timeline> append(Timeline timeline, const std::string& track_id, Clip clip) {
  TRY_ASSIGN(const std::size_t track, find_track(timeline, track_id));
  TRY(require_playable(clip));
  clip.id = surgery::fresh_clip_id(timeline, clip.id);
  timeline.tracks[track].items.push_back(std::move(clip));
  return timeline;
}

Result<Timeline> split(Timeline timeline, const std::string& track_id, Time at) {
  TRY_ASSIGN(const std::size_t track, find_track(timeline, track_id));
  const Time end = duration_of(timeline.tracks[track]);
  if (at < Time{} || at > end)
    return refuse(fmt::format("split the track '{}' at {}", track_id, to_clock(at)),
                  fmt::format("it plays from 0:00.000 to {}", to_clock(end)));
  TRY(surgery::require_no_transition_at(timeline.tracks[track], at));
  if (inside_a_clip(timeline.tracks[track], at)) surgery::replace_range(timeline, track, {at, {}}, {});
  return timeline;
}

Result<Timeline> insert(Timeline timeline, const std::string& track_id, Time at, Clip clip) {
  TRY_ASSIGN(const std::size_t track, find_track(timeline, track_id));
  TRY(require_playable(clip));
  if (at < Time{}) return refuse("insert a clip", "the time is before the start");
  clip.id = surgery::fresh_clip_id(timeline, clip.id);
  surgery::move_markers(timeline, track, {at, {}}, duration_of(clip));
  surgery::replace_range(timeline, track, {at, {}}, {std::move(clip)});
  surgery::drop_broken_transitions(timeline.tracks[track]);
  return timeline;
}

Result<Timeline> overwrite(Timeline timeline, const std::string& track_id, Time at, Clip clip) {
  TRY_ASSIGN(const std::size_t track, find_track(timeline, track_id));
  TRY(require_playable(clip));
  if (at < Time{}) return refuse("overwrite with a clip", "the time is before the start");
  clip.id = surgery::fresh_clip_id(timeline, clip.id);
  const TimeRange range{at, duration_of(clip)};
  surgery::replace_range(timeline, track, range, {std::move(clip)});
  surgery::drop_broken_transitions(timeline.tracks[track]);
  return timeline;
}

Result<Timeline> remove(Timeline timeline, const std::string& clip_id) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  const std::size_t item = drop_transitions_at(track, place.item, true, true);
  track.items[item] = Gap{duration_of(track.items[item])};
  surgery::settle(track);
  surgery::drop_trailing_gaps(track);
  return timeline;
}

Result<Timeline> ripple_delete(Timeline timeline, const std::string& track_id, TimeRange range) {
  TRY_ASSIGN(const std::size_t track, find_track(timeline, track_id));
  const Time end = duration_of(timeline.tracks[track]);
  const TimeRange inside = intersection(range, {Time{}, end});
  if (inside.empty())
    return refuse(fmt::format("cut {} to {} out of the track '{}'", to_clock(range.start),
                              to_clock(range.end()), track_id),
                  fmt::format("nothing of it lies within 0:00.000 and {}", to_clock(end)));
  surgery::replace_range(timeline, track, inside, {});
  surgery::move_markers(timeline, track, inside, -inside.duration);
  surgery::drop_broken_transitions(timeline.tracks[track]);
  return timeline;
}

Result<Timeline> ripple_delete(Timeline timeline, TimeRange range) {
  const TimeRange inside = intersection(range, {Time{}, duration_of(timeline)});
  if (inside.empty())
    return refuse(
        fmt::format("cut {} to {} out of the timeline", to_clock(range.start), to_clock(range.end())),
        fmt::format("nothing of it lies within 0:00.000 and {}", to_clock(duration_of(timeline))));
  for (std::size_t track = 0; track < timeline.tracks.size(); ++track) {
    surgery::replace_range(timeline, track, inside, {});
    surgery::drop_broken_transitions(timeline.tracks[track]);
  }
  surgery::move_markers(timeline, 0, inside, -inside.duration);
  return timeline;
}

Result<Timeline> trim(Timeline timeline, const std::string& clip_id, Time head, Time tail) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  const std::size_t item = drop_transitions_at(track, place.item, head != Time{}, tail != Time{});
  const Time length = duration_of(track.items[item]);
  TRY_ASSIGN(Clip piece, surgery::piece_within_media(std::get<Clip>(track.items[item]), head, length + tail));

  const auto gap_length = [&](std::ptrdiff_t i) {
    if (i < 0 || i >= std::ssize(track.items)) return Time{};
    const auto* gap = std::get_if<Gap>(&track.items[static_cast<std::size_t>(i)]);
    return gap != nullptr ? gap->duration : Time{};
  };
  const auto here = static_cast<std::ptrdiff_t>(item);
  const bool last = item + 1 == track.items.size();
  const std::string what = fmt::format("trim the clip '{}'", clip_id);
  if (-head > gap_length(here - 1))
    return refuse(what, fmt::format("it can start at most {} earlier", to_clock(gap_length(here - 1))),
                  "use ripple_trim or roll to move its neighbour");
  if (!last && tail > gap_length(here + 1))
    return refuse(what, fmt::format("it can end at most {} later", to_clock(gap_length(here + 1))),
                  "use ripple_trim or roll to move its neighbour");

  std::vector<Item> items(track.items.begin(), track.items.begin() + here);
  if (head < Time{})
    std::get<Gap>(items.back()).duration += head;
  else
    items.push_back(Gap{head});
  items.push_back(std::move(piece));
  if (tail < Time{} && !last) items.push_back(Gap{-tail});
  const std::size_t rest = items.size();
  items.insert(items.end(), track.items.begin() + here + 1, track.items.end());
  if (tail > Time{} && !last) std::get<Gap>(items[rest]).duration -= tail;
  track.items = std::move(items);
  return with_settled(std::move(timeline), place.track);
}

Result<Timeline> ripple_trim(Timeline timeline, const std::string& clip_id, Time head, Time tail) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Clip& clip = clip_at(timeline, place);
  const TimeRange before = range_of(timeline.tracks[place.track], place.item);
  TRY_ASSIGN(clip, surgery::piece_within_media(clip, head, before.duration + tail));
  if (head > Time{})
    surgery::move_markers(timeline, place.track, {before.start, head}, -head);
  else
    surgery::move_markers(timeline, place.track, {before.start, {}}, -head);
  const Time end = before.end() - head;
  if (tail < Time{})
    surgery::move_markers(timeline, place.track, {end + tail, -tail}, tail);
  else
    surgery::move_markers(timeline, place.track, {end, {}}, tail);
  return with_settled(std::move(timeline), place.track);
}

Result<Timeline> roll(Timeline timeline, const std::string& clip_id, Time by) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  const auto next = neighbour(track, place.item, 1);
  if (!next)
    return refuse(fmt::format("roll the end of the clip '{}'", clip_id), "nothing follows it",
                  "trim it instead");
  TRY_ASSIGN(Item left, stretched(track.items[place.item], {}, by));
  TRY_ASSIGN(Item right, stretched(track.items[*next], by, {}));
  track.items[place.item] = std::move(left);
  track.items[*next] = std::move(right);
  return with_settled(std::move(timeline), place.track);
}

Result<Timeline> slip(Timeline timeline, const std::string& clip_id, Time by) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Clip& clip = clip_at(timeline, place);
  clip.source_range.start += by;
  if (const auto* file = std::get_if<MediaFile>(&clip.source);
      file != nullptr && clip.retime.freeze && !file->available.contains(clip.source_range.start))
    return refuse(fmt::format("slip the clip '{}'", clip_id), "its frame would lie outside of the file");
  TRY(surgery::require_media(clip));
  surgery::drop_broken_transitions(timeline.tracks[place.track]);
  return timeline;
}

Result<Timeline> slide(Timeline timeline, const std::string& clip_id, Time by) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  const auto before = neighbour(track, place.item, -1);
  const auto after = neighbour(track, place.item, 1);
  if (!before && by < Time{})
    return refuse(fmt::format("slide the clip '{}'", clip_id), "it already stands at the start of its track");
  if (after) {
    TRY_ASSIGN(track.items[*after], stretched(track.items[*after], by, {}));
  }
  if (before) {
    TRY_ASSIGN(track.items[*before], stretched(track.items[*before], {}, by));
  } else {
    track.items.insert(track.items.begin(), Gap{by});
  }
  return with_settled(std::move(timeline), place.track);
}

Result<Timeline> concatenate(Timeline first, const Timeline& second) {
  const Time seam = duration_of(first);
  const TimeRange head{{}, seam};
  const TimeRange tail{seam, duration_of(second)};
  surgery::IdPool ids(first);
  std::vector<bool> used(first.tracks.size(), false);
  for (Track& track : first.tracks) surgery::confine_effects(track.effects, head);
  for (Track track : second.tracks) {
    std::size_t home = 0;
    while (home < used.size() && (used[home] || first.tracks[home].kind != track.kind)) ++home;
    if (home == used.size()) {
      first.tracks.push_back({surgery::fresh_track_id(first, track.kind), track.kind, {}, {}});
      used.push_back(false);
    }
    used[home] = true;
    Track& target = first.tracks[home];
    if (const Time missing = seam - duration_of(target); missing > Time{})
      target.items.push_back(Gap{missing});
    for (Item& item : track.items) {
      if (auto* clip = std::get_if<Clip>(&item)) clip->id = ids.take(clip->id);
      target.items.push_back(std::move(item));
    }
    append_later(target.effects, track.effects, tail);
    surgery::settle(target);
  }
  surgery::confine_effects(first.effects, head);
  append_later(first.effects, second.effects, tail);
  for (Marker marker : second.markers) {
    marker.at += seam;
    first.markers.push_back(std::move(marker));
  }
  return first;
}

}  // namespace studio
