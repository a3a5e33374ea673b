// Layers over the picture, texts, effects, transitions, sounds and markers.
#include "timeline/verbs_layers.h"

#include <algorithm>

#include <fmt/format.h>

#include "timeline/surgery.h"
#include "timeline/verbs.h"

namespace studio {
namespace {

using surgery::clip_at;
using surgery::find_clip;
using surgery::Place;
using surgery::refuse;

Result<Timeline> place_on_free_track(Timeline timeline, TrackKind kind, std::size_t lowest, Time at,
                                     Clip clip) {
  const TimeRange range{at, duration_of(clip)};
  const std::size_t track = surgery::free_track(timeline, kind, lowest, range);
  const std::string id = timeline.tracks[track].id;
  return overwrite(std::move(timeline), id, at, std::move(clip));
}

// Video layers lie above the first video track, which carries the film.
std::size_t above_the_film(const Timeline& timeline) {
  for (std::size_t t = 0; t < timeline.tracks.size(); ++t)
    if (timeline.tracks[t].kind == TrackKind::video) return t + 1;
  return 0;
}

Result<void> check_effect(const Effect& effect) {
  if (effect.id.empty()) return refuse("add an effect", "it has no id");
  if (effect.active && effect.active->empty())
    return refuse(fmt::format("add the effect '{}'", effect.id), "it would act for no time");
  for (const auto& [name, parameter] : effect.params) {
    const auto* keys = std::get_if<std::vector<Keyframe>>(&parameter);
    if (keys == nullptr) continue;
    const bool ascending =
        std::adjacent_find(keys->begin(), keys->end(),
                           [](const Keyframe& a, const Keyframe& b) { return b.at <= a.at; }) == keys->end();
    if (keys->empty() || !ascending)
      return refuse(fmt::format("add the effect '{}'", effect.id),
                    fmt::format("the keyframes of '{}' do not ascend in time", name));
  }
  return {};
}

// How far a transition at the cut after `item` may reach to both sides.
struct Reach {
  Time in, out;  // as Transition has them
};

std::optional<std::size_t> after_cut(const Track& track, std::size_t item) {
  std::size_t next = item + 1;
  if (next < track.items.size() && std::holds_alternative<Transition>(track.items[next])) ++next;
  if (next >= track.items.size()) return std::nullopt;
  return next;
}

Reach reach_after(const Track& track, std::size_t item, std::size_t next) {
  const auto transition_at = [&](std::ptrdiff_t i) -> const Transition* {
    return i >= 0 && i < std::ssize(track.items)
               ? std::get_if<Transition>(&track.items[static_cast<std::size_t>(i)])
               : nullptr;
  };
  // The neighbours of the cut, less what their own other transitions use.
  Time in = duration_of(track.items[item]);
  Time out = duration_of(track.items[next]);
  if (const auto* other = transition_at(static_cast<std::ptrdiff_t>(item) - 1)) in -= other->out;
  if (const auto* other = transition_at(static_cast<std::ptrdiff_t>(next) + 1)) out -= other->in;
  if (const auto tail = surgery::handle_of(track.items[item], true)) out = std::min(out, *tail);
  if (const auto head = surgery::handle_of(track.items[next], false)) in = std::min(in, *head);
  return {std::max(in, Time{}), std::max(out, Time{})};
}

}  // namespace

Result<Timeline> composite(Timeline timeline, Time at, Clip clip) {
  return place_on_free_track(std::move(timeline), TrackKind::video, above_the_film(timeline), at,
                             std::move(clip));
}

Result<Timeline> overlay_text(Timeline timeline, Time at, Time duration, Generator text) {
  Clip clip;
  clip.id = "text";
  clip.name = text.kind;
  clip.source = std::move(text);
  clip.source_range = {{}, duration};
  clip.sound = false;
  return composite(std::move(timeline), at, std::move(clip));
}

Result<Timeline> add_effect(Timeline timeline, const std::string& clip_id, Effect effect) {
  TRY(check_effect(effect));
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Clip& clip = clip_at(timeline, place);
  if (effect.active && !overlaps(*effect.active, {{}, duration_of(clip)}))
    return refuse(
        fmt::format("add the effect '{}' to the clip '{}'", effect.id, clip_id),
        fmt::format("the clip plays for {}, the effect would act from {} to {}", to_clock(duration_of(clip)),
                    to_clock(effect.active->start), to_clock(effect.active->end())));
  clip.effects.push_back(std::move(effect));
  return timeline;
}

Result<Timeline> add_track_effect(Timeline timeline, const std::string& track_id, Effect effect) {
  TRY(check_effect(effect));
  TRY_ASSIGN(const std::size_t track, surgery::find_track(timeline, track_id));
  timeline.tracks[track].effects.push_back(std::move(effect));
  return timeline;
}

Result<Timeline> add_effect(Timeline timeline, Effect effect) {
  TRY(check_effect(effect));
  timeline.effects.push_back(std::move(effect));
  return timeline;
}

Result<Time> longest_transition(const Timeline& timeline, const std::string& clip_id) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  const Track& track = timeline.tracks[place.track];
  const auto next = after_cut(track, place.item);
  if (!next) return Time{};
  const Reach reach = reach_after(track, place.item, *next);
  return reach.in + reach.out;
}

Result<Timeline> add_transition(Timeline timeline, const std::string& clip_id, std::string kind,
                                Time duration) {
  const std::string what =
      fmt::format("put a {} of {} after the clip '{}'", kind, to_clock(duration), clip_id);
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  if (kind.empty() || duration <= Time{}) return refuse(what, "it needs a kind and a length");
  const auto next = after_cut(track, place.item);
  if (!next) return refuse(what, "nothing follows it", "use a fade effect at the end");
  const Reach reach = reach_after(track, place.item, *next);
  if (duration > reach.in + reach.out)
    return refuse(what,
                  fmt::format("the longest possible there is {}: the clips' handles and lengths end it",
                              to_clock(reach.in + reach.out)),
                  "make it shorter, or end the clips where the files still hold something");
  Time in = std::min(duration / Rational{2, 1}, reach.in);
  const Time out = std::min(duration - in, reach.out);
  in = duration - out;
  const auto cut_at = track.items.begin() + static_cast<std::ptrdiff_t>(place.item) + 1;
  track.items.insert(track.items.erase(cut_at, track.items.begin() + static_cast<std::ptrdiff_t>(*next)),
                     Transition{std::move(kind), in, out});
  return timeline;
}

Result<Timeline> add_audio(Timeline timeline, Time at, Clip clip) {
  clip.picture = false;
  clip.sound = true;
  return place_on_free_track(std::move(timeline), TrackKind::audio, 0, at, std::move(clip));
}

Result<Timeline> add_marker(Timeline timeline, Marker marker) {
  if (marker.at < Time{})
    return refuse(fmt::format("add the marker '{}'", marker.name), "it is before the start");
  const auto later = std::upper_bound(timeline.markers.begin(), timeline.markers.end(), marker.at,
                                      [](Time at, const Marker& other) { return at < other.at; });
  timeline.markers.insert(later, std::move(marker));
  return timeline;
}

Result<Timeline> remove_marker(Timeline timeline, Time at) {
  if (std::erase_if(timeline.markers, [&](const Marker& marker) { return marker.at == at; }) == 0)
    return fail(ErrorKind::not_found, fmt::format("take off the marker at {}: there is none", to_clock(at)));
  return timeline;
}

}  // namespace studio
