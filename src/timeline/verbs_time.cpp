// How time runs inside clips: speed, ramp, freeze, reverse; and sound that leads or lags.
#include "timeline/verbs_time.h"

#include <cmath>

#include <fmt/format.h>

#include "timeline/surgery.h"

namespace studio {
namespace {

using surgery::clip_at;
using surgery::find_clip;
using surgery::Place;
using surgery::range_of;
using surgery::refuse;

// Gives the clip a new retime: effects follow their pictures, the rest of the track follows the end.
Result<Timeline> retimed(Timeline timeline, const std::string& clip_id, const std::string& what,
                         const Retime& retime) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Clip& clip = clip_at(timeline, place);
  if (clip.retime.freeze) return refuse(what, "it stands still", "remove the freeze first");
  const TimeRange before = range_of(timeline.tracks[place.track], place.item);
  const Clip old = clip;
  clip.retime = retime;
  surgery::keep_effects_in_source_time(old, clip);
  surgery::move_markers(timeline, place.track, {before.end(), {}}, duration_of(clip) - before.duration);
  surgery::drop_broken_transitions(timeline.tracks[place.track]);
  return timeline;
}

Result<Retime> retime_of(const Timeline& timeline, const std::string& clip_id) {
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  return std::get<Clip>(timeline.tracks[place.track].items[place.item]).retime;
}

// What a frozen picture keeps of the clip's effects: those that act at that moment, at their value then.
std::vector<Effect> effects_at(const Clip& clip, Time at) {
  std::vector<Effect> out;
  for (Effect effect : clip.effects) {
    if (effect.active && !effect.active->contains(at)) continue;
    effect.active.reset();
    for (auto& [name, parameter] : effect.params)
      if (std::holds_alternative<std::vector<Keyframe>>(parameter)) parameter = value_at(parameter, at, 0);
    out.push_back(std::move(effect));
  }
  return out;
}

Clip frozen_at(const Clip& clip, Time at, Time hold) {
  Clip still = clip;
  const Time frame = source_time_at(clip, at);
  const Time last = clip.source_range.end();
  still.source_range = {frame, last > frame ? last - frame : clip.source_range.duration};
  still.retime = Retime{};
  still.retime.freeze = true;
  still.retime.freeze_duration = hold;
  still.effects = effects_at(clip, at);
  still.audio_lead = still.audio_tail = {};
  return still;
}

// The clip beside `item` in direction `step`, transitions skipped; null when it is a gap or an end.
Clip* clip_beside(Track& track, std::size_t item, int step) {
  for (auto i = static_cast<std::ptrdiff_t>(item) + step; i >= 0 && i < std::ssize(track.items); i += step) {
    Item& other = track.items[static_cast<std::size_t>(i)];
    if (std::holds_alternative<Transition>(other)) continue;
    return std::get_if<Clip>(&other);
  }
  return nullptr;
}

Result<void> require_sound_handle(const Item& item, bool after, Time wanted, const std::string& what) {
  const auto handle = surgery::handle_of(item, after);
  if (handle && *handle < wanted)
    return refuse(what, fmt::format("the file holds only {} more sound there", to_clock(*handle)),
                  "ask for less");
  return {};
}

}  // namespace

Result<Timeline> change_speed(Timeline timeline, const std::string& clip_id, Rational speed,
                              bool keep_pitch) {
  const std::string what = fmt::format("play the clip '{}' at speed {}", clip_id, speed.to_double());
  if (!speed.positive() || speed < Rational{1, 1000} || speed > Rational{1000, 1})
    return refuse(what, "a speed lies within 1/1000 and 1000",
                  "use reverse to play backwards, freeze to stand still");
  TRY_ASSIGN(Retime retime, retime_of(timeline, clip_id));
  retime.ramp.clear();
  retime.speed = speed;
  retime.keep_pitch = keep_pitch;
  return retimed(std::move(timeline), clip_id, what, retime);
}

Result<Timeline> ramp(Timeline timeline, const std::string& clip_id, std::vector<Retime::SpeedKey> keys,
                      bool keep_pitch) {
  const std::string what = fmt::format("ramp the speed of the clip '{}'", clip_id);
  if (keys.empty()) return refuse(what, "there are no speeds");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!std::isfinite(keys[i].speed) || keys[i].speed < 0.001 || keys[i].speed > 1000)
      return refuse(what, fmt::format("speed {} is not within 1/1000 and 1000", keys[i].speed));
    if (i > 0 && keys[i].at <= keys[i - 1].at) return refuse(what, "its times do not ascend");
  }
  TRY_ASSIGN(Retime retime, retime_of(timeline, clip_id));
  retime.ramp = std::move(keys);
  retime.keep_pitch = keep_pitch;
  return retimed(std::move(timeline), clip_id, what, retime);
}

Result<Timeline> freeze(Timeline timeline, const std::string& clip_id, Time at, Time hold) {
  const std::string what = fmt::format("freeze the clip '{}' at {}", clip_id, to_clock(at));
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  const TimeRange range = range_of(timeline.tracks[place.track], place.item);
  if (hold <= Time{}) return refuse(what, "it would hold for no time");
  if (at < Time{} || at > range.duration)
    return refuse(what, fmt::format("it plays for {}", to_clock(range.duration)));
  TRY(surgery::require_no_transition_at(timeline.tracks[place.track], range.start + at));
  const Clip& clip = clip_at(timeline, place);
  // At the very end the last picture is held, not the one after it.
  Time shown = at;
  if (const auto* file = std::get_if<MediaFile>(&clip.source);
      at == range.duration && file != nullptr && file->frame_rate.positive()) {
    const Time frame = Time::frames(1, file->frame_rate);
    shown = std::max(
        Time{}, at - frame / Rational::reduced(std::llround(speed_at(clip, source_edge_at(clip, at)) * 1e6),
                                               1'000'000));
  }
  Clip still = frozen_at(clip, shown, hold);
  still.id = surgery::fresh_clip_id(timeline, clip_id);
  surgery::move_markers(timeline, place.track, {range.start + at, {}}, hold);
  surgery::replace_range(timeline, place.track, {range.start + at, {}}, {std::move(still)});
  surgery::drop_broken_transitions(timeline.tracks[place.track]);
  return timeline;
}

Result<Timeline> reverse(Timeline timeline, const std::string& clip_id) {
  TRY_ASSIGN(Retime retime, retime_of(timeline, clip_id));
  retime.reverse = !retime.reverse;
  return retimed(std::move(timeline), clip_id, fmt::format("reverse the clip '{}'", clip_id), retime);
}

Result<Timeline> j_cut(Timeline timeline, const std::string& clip_id, Time lead) {
  const std::string what = fmt::format("let the sound of the clip '{}' lead by {}", clip_id, to_clock(lead));
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  if (lead < Time{}) return refuse(what, "a lead is not negative", "use l_cut for sound that lags");
  const TimeRange range = range_of(track, place.item);
  if (lead > range.start) return refuse(what, "it would start before the timeline does");
  TRY(require_sound_handle(track.items[place.item], false, lead, what));
  if (Clip* before = clip_beside(track, place.item, -1)) {
    if (lead >= duration_of(*before) - before->audio_lead)
      return refuse(what, fmt::format("the clip before plays for {} only", to_clock(duration_of(*before))));
    before->audio_tail = -lead;
  }
  clip_at(timeline, place).audio_lead = -lead;
  return timeline;
}

Result<Timeline> l_cut(Timeline timeline, const std::string& clip_id, Time tail) {
  const std::string what =
      fmt::format("let the sound of the clip '{}' go on for {}", clip_id, to_clock(tail));
  TRY_ASSIGN(const Place place, find_clip(timeline, clip_id));
  Track& track = timeline.tracks[place.track];
  if (tail < Time{}) return refuse(what, "a tail is not negative", "use j_cut for sound that leads");
  Clip* after = clip_beside(track, place.item, 1);
  if (after == nullptr && tail > Time{} && place.item + 1 == track.items.size())
    return refuse(what, "nothing follows under which it could go on");
  TRY(require_sound_handle(track.items[place.item], true, tail, what));
  if (after != nullptr) {
    if (tail >= duration_of(*after) + after->audio_tail)
      return refuse(what, fmt::format("the clip after plays for {} only", to_clock(duration_of(*after))));
    after->audio_lead = tail;
  }
  clip_at(timeline, place).audio_tail = tail;
  return timeline;
}

}  // namespace studio
