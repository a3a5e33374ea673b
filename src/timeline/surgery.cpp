// Pieces of clips and stretches of tracks, with effects, ramps and transitions kept in place.
#include "timeline/surgery.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace studio::surgery {
namespace {

void shift_effects(std::vector<Effect>& effects, Time by, Time length) {
  for (Effect& effect : effects) {
    if (effect.active) effect.active->start += by;
    for (auto& [name, parameter] : effect.params)
      if (auto* keys = std::get_if<std::vector<Keyframe>>(&parameter))
        for (Keyframe& key : *keys) key.at += by;
  }
  std::erase_if(effects, [&](const Effect& effect) {
    return effect.active && (effect.active->end() <= Time{} || effect.active->start >= length);
  });
}

Easing mirrored(Easing easing) {
  if (easing == Easing::ease_in) return Easing::ease_out;
  if (easing == Easing::ease_out) return Easing::ease_in;
  return easing;
}

// Keys whose order was turned round: the easing towards the next key belongs to the other end now.
// A held value stays the one it was, so it moves to the other end too.
std::vector<Keyframe> turned_round(const std::vector<Keyframe>& keys) {
  std::vector<Keyframe> out;
  for (std::size_t i = keys.size(); i-- > 0;) {
    Keyframe key = keys[i];
    key.easing = i > 0 ? mirrored(keys[i - 1].easing) : Easing::linear;
    if (i > 0 && keys[i - 1].easing == Easing::hold) key.value = keys[i - 1].value;
    out.push_back(key);
  }
  return out;
}

// What replace_range sees of one item: the part before the range and the part after it.
struct Divided {
  std::vector<Item> before, after;
};

Divided divide(const Item& item, const TimeRange& place, const TimeRange& range) {
  Divided out;
  const Time before_end = std::min(place.end(), range.start);
  const Time after_start = std::max(place.start, range.end());
  const bool has_before = before_end > place.start;
  const bool has_after = after_start < place.end();
  if (const auto* gap = std::get_if<Gap>(&item); gap != nullptr) {
    if (has_before) out.before.push_back(Gap{before_end - place.start});
    if (has_after) out.after.push_back(Gap{place.end() - after_start});
    return out;
  }
  const Clip& clip = std::get<Clip>(item);
  if (before_end == place.end() || after_start == place.start) {  // untouched
    (has_before ? out.before : out.after).push_back(item);
    return out;
  }
  if (has_before) {
    Clip piece = piece_of(clip, Time{}, before_end - place.start);
    piece.audio_tail = {};
    out.before.push_back(std::move(piece));
  }
  if (has_after) {
    Clip piece = piece_of(clip, after_start - place.start, place.duration);
    piece.audio_lead = {};
    out.after.push_back(std::move(piece));
  }
  return out;
}

}  // namespace

std::unexpected<Error> refuse(std::string what, std::string why, std::string hint) {
  return fail(ErrorKind::invalid_input, fmt::format("{}: {}", what, why), std::move(hint));
}

Result<Place> find_clip(const Timeline& timeline, const std::string& clip_id) {
  for (std::size_t t = 0; t < timeline.tracks.size(); ++t)
    for (std::size_t i = 0; i < timeline.tracks[t].items.size(); ++i)
      if (const auto* clip = std::get_if<Clip>(&timeline.tracks[t].items[i]); clip && clip->id == clip_id)
        return Place{t, i};
  return fail(ErrorKind::not_found,
              fmt::format("edit the clip '{}': the timeline has no clip of that id", clip_id),
              "take an id from the timeline");
}

Result<std::size_t> find_track(const Timeline& timeline, const std::string& track_id) {
  for (std::size_t t = 0; t < timeline.tracks.size(); ++t)
    if (timeline.tracks[t].id == track_id) return t;
  return fail(ErrorKind::not_found,
              fmt::format("edit the track '{}': the timeline has no track of that id", track_id),
              "take an id from the timeline");
}

TimeRange range_of(const Track& track, std::size_t item) {
  return {start_of(track, item), duration_of(track.items[item])};
}

IdPool::IdPool(const Timeline& timeline) {
  for (const Track& track : timeline.tracks)
    for (const Item& item : track.items)
      if (const auto* clip = std::get_if<Clip>(&item)) taken_.insert(clip->id);
}

std::string IdPool::take(const std::string& wanted) {
  if (!wanted.empty() && taken_.insert(wanted).second) return wanted;
  const std::string stem = wanted.empty() ? "clip" : wanted.substr(0, wanted.find('~'));
  for (int& n = last_number_.try_emplace(stem, 1).first->second;;)
    if (std::string id = fmt::format("{}~{}", stem, ++n); taken_.insert(id).second) return id;
}

std::string fresh_clip_id(const Timeline& timeline, const std::string& wanted) {
  return IdPool(timeline).take(wanted);
}

std::string fresh_track_id(const Timeline& timeline, TrackKind kind) {
  for (int n = 1;; ++n) {
    const std::string id = fmt::format("{}{}", kind == TrackKind::video ? "V" : "A", n);
    if (!find_track(timeline, id)) return id;
  }
}

Clip piece_of(const Clip& clip, Time from, Time to) {
  Clip piece = clip;
  if (clip.retime.freeze) {
    piece.retime.freeze_duration = to - from;
  } else {
    const Time a = source_edge_at(clip, from);
    const Time b = source_edge_at(clip, to);
    piece.source_range = TimeRange::between(std::min(a, b), std::max(a, b));
    const Time shift = clip.source_range.start - piece.source_range.start;
    for (auto& key : piece.retime.ramp) key.at += shift;
  }
  shift_effects(piece.effects, -from, to - from);
  return piece;
}

Result<void> require_media(const Clip& clip) {
  const auto* file = std::get_if<MediaFile>(&clip.source);
  if (file == nullptr || clip.retime.freeze) return {};
  if (clip.source_range.start >= file->available.start && clip.source_range.end() <= file->available.end())
    return {};
  return refuse(fmt::format("edit the clip '{}'", clip.id),
                fmt::format("it would play {} to {} of {}, which holds {} to {}",
                            to_clock(clip.source_range.start), to_clock(clip.source_range.end()), file->path,
                            to_clock(file->available.start), to_clock(file->available.end())),
                "ask for less: the handles end there");
}

Result<Clip> piece_within_media(const Clip& clip, Time from, Time to) {
  if (to <= from)
    return refuse(fmt::format("edit the clip '{}'", clip.id), "nothing of it would be left",
                  "remove it instead");
  Clip piece = piece_of(clip, from, to);
  TRY(require_media(piece));
  return piece;
}

void settle(Track& track) {
  std::vector<Item> out;
  for (Item& item : track.items) {
    if (std::holds_alternative<Transition>(item)) {
      const bool leads = !out.empty() && !std::holds_alternative<Transition>(out.back());
      if (leads) out.push_back(std::move(item));
      continue;
    }
    if (duration_of(item) <= Time{}) continue;
    auto* gap = std::get_if<Gap>(&item);
    auto* last = out.empty() ? nullptr : std::get_if<Gap>(&out.back());
    if (gap != nullptr && last != nullptr)
      last->duration += gap->duration;
    else
      out.push_back(std::move(item));
  }
  while (!out.empty() && std::holds_alternative<Transition>(out.back())) out.pop_back();
  track.items = std::move(out);
}

void drop_trailing_gaps(Track& track) {
  while (!track.items.empty() && std::holds_alternative<Gap>(track.items.back())) track.items.pop_back();
  settle(track);
}

void replace_range(Timeline& timeline, std::size_t index, const TimeRange& range,
                   std::vector<Item> replacement) {
  IdPool ids(timeline);
  for (const Item& item : replacement)
    if (const auto* clip = std::get_if<Clip>(&item)) ids.take(clip->id);
  std::vector<Item> before;
  std::vector<Item> after;
  Time at;
  for (Item& item : timeline.tracks[index].items) {
    if (auto* transition = std::get_if<Transition>(&item)) {
      const bool touched = (at - transition->in < range.end() && at + transition->out > range.start) ||
                           at == range.start || at == range.end();
      if (!touched) (at <= range.start ? before : after).push_back(*transition);
      continue;
    }
    const TimeRange place{at, duration_of(item)};
    at = place.end();
    Divided parts = divide(item, place, range);
    if (!parts.before.empty() && !parts.after.empty())
      if (auto* later = std::get_if<Clip>(&parts.after.front())) later->id = ids.take(later->id);
    std::move(parts.before.begin(), parts.before.end(), std::back_inserter(before));
    std::move(parts.after.begin(), parts.after.end(), std::back_inserter(after));
  }
  if (at < range.start && !(replacement.empty() && after.empty())) before.push_back(Gap{range.start - at});
  std::move(replacement.begin(), replacement.end(), std::back_inserter(before));
  std::move(after.begin(), after.end(), std::back_inserter(before));
  timeline.tracks[index].items = std::move(before);
  settle(timeline.tracks[index]);
}

void drop_broken_transitions(Track& track) {
  for (std::size_t i = 0; i < track.items.size();) {
    if (!std::holds_alternative<Transition>(track.items[i]) || check_transition(track, i, ""))
      ++i;
    else
      track.items.erase(track.items.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Result<void> require_no_transition_at(const Track& track, Time at) {
  Time cut;
  for (const Item& item : track.items) {
    if (const auto* transition = std::get_if<Transition>(&item)) {
      if (cut - transition->in < at && at < cut + transition->out)
        return refuse(fmt::format("split the track '{}' at {}", track.id, to_clock(at)),
                      fmt::format("a {} runs there from {} to {}", transition->kind,
                                  to_clock(cut - transition->in), to_clock(cut + transition->out)),
                      "take a time outside of it, or remove the transition first");
    }
    cut += duration_of(item);
  }
  return {};
}

void move_markers(Timeline& timeline, std::size_t edited_track, const TimeRange& range, Time shift) {
  if (edited_track != 0) return;
  std::erase_if(timeline.markers, [&](const Marker& marker) { return range.contains(marker.at); });
  for (Marker& marker : timeline.markers)
    if (marker.at >= range.end()) marker.at += shift;
}

void keep_effects_in_source_time(const Clip& before, Clip& after) {
  const auto moved = [&](Time at) {
    const Time source = source_edge_at(before, at);
    if (!after.retime.reverse) return offset_of_source_time(after, source);
    Clip forward = after;
    forward.retime.reverse = false;
    return duration_of(after) - offset_of_source_time(forward, source);
  };
  const bool turned = before.retime.reverse != after.retime.reverse;
  for (Effect& effect : after.effects) {
    if (effect.active) {
      const Time a = moved(effect.active->start);
      const Time b = moved(effect.active->end());
      effect.active = TimeRange::between(std::min(a, b), std::max(a, b));
    }
    for (auto& [name, parameter] : effect.params) {
      auto* keys = std::get_if<std::vector<Keyframe>>(&parameter);
      if (keys == nullptr) continue;
      for (Keyframe& key : *keys) key.at = moved(key.at);
      if (turned) *keys = turned_round(*keys);
    }
  }
}

void confine_effects(std::vector<Effect>& effects, const TimeRange& range) {
  for (Effect& effect : effects) effect.active = effect.active ? intersection(*effect.active, range) : range;
}

std::size_t free_track(Timeline& timeline, TrackKind kind, std::size_t lowest, const TimeRange& range) {
  for (std::size_t t = lowest; t < timeline.tracks.size(); ++t) {
    const Track& track = timeline.tracks[t];
    if (track.kind != kind) continue;
    bool taken = false;
    Time at;
    for (const Item& item : track.items) {
      const TimeRange place{at, duration_of(item)};
      at = place.end();
      taken = taken || (std::holds_alternative<Clip>(item) && overlaps(place, range));
    }
    if (!taken) return t;
  }
  timeline.tracks.push_back({fresh_track_id(timeline, kind), kind, {}, {}});
  return timeline.tracks.size() - 1;
}

}  // namespace studio::surgery
