// What must hold before a timeline is rendered; the first thing that does not, with its place.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "timeline/surgery.h"
#include "timeline/timeline.h"

namespace studio {
namespace {

std::unexpected<Error> wrong(const std::string& place, std::string_view why, std::string hint = {}) {
  return fail(ErrorKind::invalid_input, fmt::format("check the timeline: {}: {}", place, why),
              std::move(hint));
}

Result<void> check_parameter(const Parameter& parameter, const std::string& place) {
  if (const auto* number = std::get_if<double>(&parameter); number != nullptr && !std::isfinite(*number))
    return wrong(place, "is not a finite number");
  const auto* keys = std::get_if<std::vector<Keyframe>>(&parameter);
  if (keys == nullptr) return {};
  if (keys->empty()) return wrong(place, "has no keyframes");
  for (std::size_t i = 0; i < keys->size(); ++i) {
    if (!std::isfinite((*keys)[i].value))
      return wrong(place, fmt::format("keyframe {} is not a finite number", i));
    if (i > 0 && (*keys)[i].at <= (*keys)[i - 1].at)
      return wrong(place, fmt::format("keyframe {} is not later than the one before", i));
  }
  return {};
}

Result<void> check_effects(const std::vector<Effect>& effects, const std::string& place) {
  for (const Effect& effect : effects) {
    const std::string here = fmt::format("{}, effect '{}'", place, effect.id);
    if (effect.id.empty()) return wrong(here, "has no id");
    if (effect.active && effect.active->duration < Time{})
      return wrong(here, "is active for less than no time");
    for (const auto& [name, value] : effect.params)
      TRY(check_parameter(value, fmt::format("{}, {}", here, name)));
  }
  return {};
}

Result<void> check_retime(const Retime& retime, const std::string& place) {
  if (retime.freeze) {
    if (retime.freeze_duration <= Time{}) return wrong(place, "is frozen for no time");
    return {};
  }
  if (!retime.speed.positive())
    return wrong(place, fmt::format("its speed {} is not positive", retime.speed.to_string()),
                 "use reverse for playing backwards and freeze for standing still");
  for (std::size_t i = 0; i < retime.ramp.size(); ++i) {
    const auto& key = retime.ramp[i];
    if (!std::isfinite(key.speed) || key.speed < 0.001 || key.speed > 1000)
      return wrong(place, fmt::format("speed {} of its ramp is {}, not within 0.001 and 1000", i, key.speed));
    if (i > 0 && key.at <= retime.ramp[i - 1].at)
      return wrong(place, fmt::format("speed {} of its ramp is not later than the one before", i));
  }
  if (retime.ramp.empty() && (retime.speed < Rational{1, 1000} || retime.speed > Rational{1000, 1}))
    return wrong(place, fmt::format("its speed {} is not within 1/1000 and 1000", retime.speed.to_string()));
  return {};
}

Result<void> check_source(const Clip& clip, const std::string& place) {
  if (clip.source_range.duration <= Time{}) return wrong(place, "its source range is empty");
  const auto* file = std::get_if<MediaFile>(&clip.source);
  if (file == nullptr) {
    if (std::get<Generator>(clip.source).kind.empty()) return wrong(place, "its generator has no kind");
    return {};
  }
  if (file->path.empty()) return wrong(place, "its source has no path");
  // A freeze needs one frame only; its range may have been made longer than what is left.
  const Time end = clip.retime.freeze ? clip.source_range.start : clip.source_range.end();
  if (clip.source_range.start < file->available.start || end > file->available.end())
    return wrong(place,
                 fmt::format("its range {} to {} is outside of what {} holds, {} to {}",
                             to_clock(clip.source_range.start), to_clock(end), file->path,
                             to_clock(file->available.start), to_clock(file->available.end())),
                 "keep the range inside the file");
  return {};
}

Result<void> check_clip(const Clip& clip, const std::string& place) {
  TRY(check_source(clip, place));
  TRY(check_retime(clip.retime, place));
  TRY(check_effects(clip.effects, place));
  for (const auto* generator = std::get_if<Generator>(&clip.source);
       const auto& [name, value] : generator ? generator->params : std::map<std::string, Parameter>{})
    TRY(check_parameter(value, fmt::format("{}, {}", place, name)));
  if (!std::isfinite(clip.gain_db) || std::abs(clip.gain_db) > 120)
    return wrong(place, fmt::format("its gain of {} dB is not within -120 and 120", clip.gain_db));
  const Time length = duration_of(clip);
  if (length <= Time{}) return wrong(place, "it has no length");
  if (clip.audio_lead >= length + clip.audio_tail) return wrong(place, "its J or L cut leaves no sound");
  return {};
}

Result<void> check_track(const Track& track, std::set<std::string>& clip_ids) {
  for (std::size_t i = 0; i < track.items.size(); ++i) {
    const std::string place = fmt::format("track '{}', item {}", track.id, i);
    if (const auto* clip = std::get_if<Clip>(&track.items[i])) {
      if (clip->id.empty()) return wrong(place, "the clip has no id");
      const std::string here = fmt::format("{} (clip '{}')", place, clip->id);
      if (!clip_ids.insert(clip->id).second) return wrong(here, "this clip id is used twice");
      TRY(check_clip(*clip, here));
    } else if (const auto* gap = std::get_if<Gap>(&track.items[i])) {
      if (gap->duration < Time{}) return wrong(place, "the gap is shorter than nothing");
    } else {
      TRY(surgery::check_transition(track, i, fmt::format("{} (transition)", place)));
    }
  }
  return check_effects(track.effects, fmt::format("track '{}'", track.id));
}

Result<void> check_canvas(const Timeline& timeline) {
  if (!timeline.frame_rate.positive() || timeline.frame_rate < Rational{1, 100} ||
      timeline.frame_rate > Rational{1000, 1})
    return wrong("frame_rate",
                 fmt::format("{} is not within 1/100 and 1000", timeline.frame_rate.to_string()));
  if (timeline.width < 2 || timeline.height < 2 || timeline.width > kMaxCanvasSide ||
      timeline.height > kMaxCanvasSide)
    return wrong(
        "size", fmt::format("{}x{} is not within 2 and {}", timeline.width, timeline.height, kMaxCanvasSide));
  if (timeline.sample_rate < 8000 || timeline.sample_rate > 192000)
    return wrong("sample_rate", fmt::format("{} Hz is not within 8000 and 192000", timeline.sample_rate));
  return {};
}

}  // namespace

namespace surgery {

std::optional<Time> handle_of(const Item& item, bool after) {
  const auto* clip = std::get_if<Clip>(&item);
  if (clip == nullptr || clip->retime.freeze) return std::nullopt;
  const auto* file = std::get_if<MediaFile>(&clip->source);
  if (file == nullptr) return std::nullopt;
  const bool tail = after != clip->retime.reverse;
  const Time source = tail ? file->available.end() - clip->source_range.end()
                           : clip->source_range.start - file->available.start;
  const double speed = speed_at(*clip, tail ? clip->source_range.end() : clip->source_range.start);
  const auto exact = clip->retime.ramp.empty() ? clip->retime.speed
                                               : Rational::reduced(std::llround(speed * 1e6), 1'000'000);
  return source / exact;
}

Result<void> check_transition(const Track& track, std::size_t i, const std::string& place) {
  const auto& transition = std::get<Transition>(track.items[i]);
  if (transition.kind.empty()) return wrong(place, "it has no kind");
  if (transition.in < Time{} || transition.out < Time{} || transition.in + transition.out <= Time{})
    return wrong(place, "it has no length");
  if (i == 0 || i + 1 == track.items.size() || std::holds_alternative<Transition>(track.items[i - 1]) ||
      std::holds_alternative<Transition>(track.items[i + 1]))
    return wrong(place, "it does not stand between two clips or gaps");
  const Item& before = track.items[i - 1];
  const Item& after = track.items[i + 1];
  // `in` runs over the end of the item before, `out` over the start of the item after. Two
  // transitions of one item must not meet, or three pictures would be on screen at once.
  const Time before_used = i >= 2 && std::holds_alternative<Transition>(track.items[i - 2])
                               ? std::get<Transition>(track.items[i - 2]).out
                               : Time{};
  if (transition.in + before_used > duration_of(before) || transition.out > duration_of(after))
    return wrong(place, "it is longer than the item it runs over",
                 "shorten the transition or lengthen the clip");
  const auto tail = handle_of(before, true);
  const auto head = handle_of(after, false);
  if (tail && *tail < transition.out)
    return wrong(place,
                 fmt::format("the clip before has {} left after its end, the transition needs {}",
                             to_clock(*tail), to_clock(transition.out)),
                 "shorten the transition, or end the clip earlier");
  if (head && *head < transition.in)
    return wrong(place,
                 fmt::format("the clip after has {} left before its start, the transition needs {}",
                             to_clock(*head), to_clock(transition.in)),
                 "shorten the transition, or start the clip later");
  return {};
}

}  // namespace surgery

Result<void> validate(const Timeline& timeline) {
  TRY(check_canvas(timeline));
  std::size_t items = 0;
  for (const Track& track : timeline.tracks) items += track.items.size();
  if (items > kMaxTimelineItems)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("check the timeline: it has {} items, the limit is {}", items, kMaxTimelineItems),
                "split it into several timelines");
  std::set<std::string> track_ids;
  std::set<std::string> clip_ids;
  for (const Track& track : timeline.tracks) {
    if (track.id.empty()) return wrong("tracks", "a track has no id");
    if (!track_ids.insert(track.id).second)
      return wrong(fmt::format("track '{}'", track.id), "this id is used twice");
    TRY(check_track(track, clip_ids));
  }
  for (const Marker& marker : timeline.markers)
    if (marker.at < Time{}) return wrong(fmt::format("marker '{}'", marker.name), "stands before the start");
  return check_effects(timeline.effects, "the whole timeline");
}

}  // namespace studio
