// From items one after the other to frames and samples.
#include "render/placement.h"

#include <algorithm>

namespace studio {

namespace {

constexpr Rational kCutFade{5, 1000};  // seconds

const Transition* transition_at(const Track& track, std::size_t index) {
  return index < track.items.size() ? std::get_if<Transition>(&track.items[index]) : nullptr;
}

bool same_sound_source(const Clip& a, const Clip& b) {
  const auto* fa = std::get_if<MediaFile>(&a.source);
  const auto* fb = std::get_if<MediaFile>(&b.source);
  return fa != nullptr && fb != nullptr && fa->path == fb->path;
}

bool plain_speed(const Retime& retime) {
  return retime.speed == Rational{1, 1} && retime.ramp.empty() && !retime.reverse && !retime.freeze;
}

// b goes on where a ends, with nothing that would be heard at the seam.
bool runs_on(const PlacedSound& a, const PlacedSound& b) {
  return a.end == b.begin && same_sound_source(*a.clip, *b.clip) && plain_speed(a.clip->retime) &&
         plain_speed(b.clip->retime) && a.clip->source_range.end() == b.clip->source_range.start &&
         a.clip->gain_db == b.clip->gain_db && a.clip->effects.empty() && b.clip->effects.empty() &&
         a.clip->audio_tail == Time{} && b.clip->audio_lead == Time{};
}

}  // namespace

PlacedTrack place(const Track& track, Rational frame_rate) {
  PlacedTrack out;
  out.track = &track;
  Time at;
  for (std::size_t i = 0; i < track.items.size(); ++i) {
    const Item& item = track.items[i];
    if (const auto* transition = std::get_if<Transition>(&item)) {
      if (out.items.empty() || i + 1 >= track.items.size()) continue;
      const std::int64_t boundary = at.to_frames(frame_rate);
      const std::int64_t length =
          std::max<std::int64_t>(1, (transition->in + transition->out).to_frames(frame_rate));
      const std::int64_t first = std::max<std::int64_t>(0, (at - transition->in).to_frames(frame_rate));
      out.transitions.push_back({transition, out.items.size() - 1, out.items.size(),
                                 std::min(first, boundary), std::max(boundary, first + length)});
      out.items.back().shown_end = std::max(out.items.back().shown_end, out.transitions.back().end);
      continue;
    }
    const Time end = at + duration_of(item);
    PlacedItem placed{&item, at.to_frames(frame_rate), end.to_frames(frame_rate), 0, 0};
    placed.shown_first = placed.first;
    placed.shown_end = placed.end;
    if (!out.transitions.empty() && out.transitions.back().to == out.items.size())
      placed.shown_first = std::min(placed.first, out.transitions.back().first);
    out.items.push_back(placed);
    at = end;
  }
  return out;
}

std::int64_t frames_of(const Timeline& timeline) {
  return std::max<std::int64_t>(1, duration_of(timeline).to_frames(timeline.frame_rate));
}

std::vector<PlacedSound> place_sounds(const Track& track, Rational frame_rate, int sample_rate,
                                      std::int64_t total_samples) {
  const Rational tick{1, sample_rate};
  // Video tracks: on the frame grid, as the picture.
  const auto grid = [&](Time t) {
    return track.kind == TrackKind::video ? Time::frames(t.to_frames(frame_rate), frame_rate) : t;
  };
  const std::int64_t short_fade = Time::ticks(1, kCutFade).to_ticks(tick);
  std::vector<PlacedSound> out;
  Time at;
  for (std::size_t i = 0; i < track.items.size(); ++i) {
    const Time start = at;
    at += duration_of(track.items[i]);
    const auto* clip = std::get_if<Clip>(&track.items[i]);
    if (clip == nullptr || !clip->sound || clip->retime.freeze) continue;
    PlacedSound sound;
    sound.clip = clip;
    sound.origin = grid(start).to_ticks(tick);
    Time begin = grid(start) + clip->audio_lead;
    Time end = grid(at) + clip->audio_tail;
    sound.fade_in = sound.fade_out = short_fade;
    const Transition* before = i > 0 ? transition_at(track, i - 1) : nullptr;
    const Transition* after = transition_at(track, i + 1);
    if (before != nullptr && clip->audio_lead == Time{}) {
      begin = begin - before->in;
      sound.fade_in = (before->in + before->out).to_ticks(tick);
      sound.crossfade_in = true;
    }
    if (after != nullptr && clip->audio_tail == Time{}) {
      end = end + after->out;
      sound.fade_out = (after->in + after->out).to_ticks(tick);
      sound.crossfade_out = true;
    }
    sound.begin = std::clamp<std::int64_t>(begin.to_ticks(tick), 0, total_samples);
    sound.end = std::clamp<std::int64_t>(end.to_ticks(tick), 0, total_samples);
    if (sound.end <= sound.begin) continue;
    if (!out.empty() && !sound.crossfade_in && runs_on(out.back(), sound)) {
      out.back().fade_out = 0;
      sound.fade_in = 0;
    }
    out.push_back(sound);
  }
  std::ranges::stable_sort(out, {}, &PlacedSound::begin);
  return out;
}

}  // namespace studio
