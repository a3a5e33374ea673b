// Lengths, easing, and how source time runs under a retime.
#include "timeline/timeline.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace studio {
namespace {

constexpr std::int64_t kFlicksPerSecond = 705'600'000;

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// Logarithms are irrational; a ramp's times are rounded to the flick, which divides all common
// frame and sample rates, so whole frames stay whole.
Time from_flicks(double seconds) {
  return Time::ticks(std::llround(seconds * static_cast<double>(kFlicksPerSecond)), {1, kFlicksPerSecond});
}

Rational exact_speed(double speed) {
  return Rational::reduced(std::llround(speed * 1e6), 1'000'000);
}

// One stretch of a ramp: speed goes linearly from `v0` to `v1` over `length` seconds of source.
struct Stretch {
  Time start;  // in source time from the clip's start
  Time length;
  double v0 = 1, v1 = 1;

  bool constant() const { return std::abs(v1 - v0) < 1e-9 || length <= Time{}; }
  double slope() const { return (v1 - v0) / length.seconds(); }

  // Timeline time to play the first `part` of it: the integral of ds / v(s), v(s) = v0 + k s,
  // which is ln(1 + k s / v0) / k.
  Time time_for(Time part) const {
    if (constant()) return part / exact_speed(v0);
    return from_flicks(std::log1p(slope() * part.seconds() / v0) / slope());
  }
  // The inverse: s = v0 (exp(k t) - 1) / k.
  Time source_for(Time time) const {
    if (constant()) return time * exact_speed(v0);
    return from_flicks(v0 * std::expm1(slope() * time.seconds()) / slope());
  }
};

// The ramp as stretches that tile the source range: constant before the first key and after the last.
std::vector<Stretch> stretches_of(const std::vector<Retime::SpeedKey>& keys, Time length) {
  std::vector<Stretch> out;
  const auto add = [&](Time from, Time to, double v_from, double v_to) {
    const Time a = std::clamp(from, Time{}, length);
    const Time b = std::clamp(to, Time{}, length);
    if (b <= a) return;
    const double whole = (to - from).seconds();
    const auto at = [&](Time t) {
      return whole > 0 ? v_from + (v_to - v_from) * (t - from).seconds() / whole : v_from;
    };
    out.push_back({a, b - a, at(a), at(b)});
  };
  add(Time{}, keys.front().at, keys.front().speed, keys.front().speed);
  for (std::size_t i = 0; i + 1 < keys.size(); ++i)
    add(keys[i].at, keys[i + 1].at, keys[i].speed, keys[i + 1].speed);
  add(std::max(Time{}, keys.back().at), length, keys.back().speed, keys.back().speed);
  if (out.empty()) out.push_back({Time{}, length, keys.front().speed, keys.front().speed});
  return out;
}

bool usable(const std::vector<Retime::SpeedKey>& ramp) {
  return !ramp.empty() && std::all_of(ramp.begin(), ramp.end(), [](const auto& key) {
    return std::isfinite(key.speed) && key.speed > 1e-6;
  });
}

Rational usable_speed(const Retime& retime) {
  return retime.speed.positive() ? retime.speed : Rational{1, 1};
}

// Timeline time from the clip's start until source offset `source` when playing forward.
Time forward_time(const Clip& clip, Time source) {
  if (!usable(clip.retime.ramp)) return source / usable_speed(clip.retime);
  const auto stretches = stretches_of(clip.retime.ramp, clip.source_range.duration);
  if (source < Time{}) return source / exact_speed(stretches.front().v0);
  Time time;
  for (const Stretch& stretch : stretches) {
    if (source < stretch.start + stretch.length) return time + stretch.time_for(source - stretch.start);
    time += stretch.time_for(stretch.length);
  }
  return time + (source - clip.source_range.duration) / exact_speed(stretches.back().v1);
}

// The inverse: source offset after `time` of playing forward.
Time forward_source(const Clip& clip, Time time) {
  if (!usable(clip.retime.ramp)) return time * usable_speed(clip.retime);
  const auto stretches = stretches_of(clip.retime.ramp, clip.source_range.duration);
  if (time < Time{}) return time * exact_speed(stretches.front().v0);
  for (const Stretch& stretch : stretches) {
    const Time whole = stretch.time_for(stretch.length);
    if (time < whole) return stretch.start + stretch.source_for(time);
    time -= whole;
  }
  return clip.source_range.duration + time * exact_speed(stretches.back().v1);
}

// Length of the source's last frame; zero when it has no frames.
Time last_frame_of(const Clip& clip) {
  const auto* file = std::get_if<MediaFile>(&clip.source);
  return file != nullptr && file->frame_rate.positive() ? Time::frames(1, file->frame_rate) : Time{};
}

constexpr std::array kEasings{std::pair{Easing::hold, "hold"}, std::pair{Easing::linear, "linear"},
                              std::pair{Easing::ease_in, "ease_in"}, std::pair{Easing::ease_out, "ease_out"},
                              std::pair{Easing::ease_in_out, "ease_in_out"}};

}  // namespace

std::string_view name_of(Easing easing) {
  for (const auto& [value, name] : kEasings)
    if (value == easing) return name;
  return "linear";
}

std::optional<Easing> easing_from(std::string_view name) {
  for (const auto& [value, text] : kEasings)
    if (name == text) return value;
  return std::nullopt;
}

std::string_view name_of(TrackKind kind) {
  return kind == TrackKind::video ? "video" : "audio";
}

double eased(Easing easing, double u) {
  u = std::clamp(u, 0.0, 1.0);
  switch (easing) {
    case Easing::hold: return 0;
    case Easing::linear: return u;
    case Easing::ease_in: return u * u;
    case Easing::ease_out: return 1 - (1 - u) * (1 - u);
    case Easing::ease_in_out: return u * u * (3 - 2 * u);
  }
  return u;
}

double value_at(const Parameter& parameter, Time at, double fallback) {
  if (const auto* number = std::get_if<double>(&parameter)) return *number;
  const auto* keys = std::get_if<std::vector<Keyframe>>(&parameter);
  if (keys == nullptr || keys->empty()) return fallback;
  if (at <= keys->front().at) return keys->front().value;
  for (std::size_t i = 0; i + 1 < keys->size(); ++i) {
    const Keyframe& a = (*keys)[i];
    const Keyframe& b = (*keys)[i + 1];
    if (at >= b.at) continue;
    const double u = (at - a.at).seconds() / (b.at - a.at).seconds();
    return a.value + (b.value - a.value) * eased(a.easing, u);
  }
  return keys->back().value;
}

Time duration_of(const Clip& clip) {
  if (clip.retime.freeze) return clip.retime.freeze_duration;
  return forward_time(clip, clip.source_range.duration);
}

Time duration_of(const Item& item) {
  return std::visit(
      Overloaded{[](const Clip& clip) { return duration_of(clip); },
                 [](const Gap& gap) { return gap.duration; }, [](const Transition&) { return Time{}; }},
      item);
}

Time duration_of(const Track& track) {
  return start_of(track, track.items.size());
}

Time duration_of(const Timeline& timeline) {
  Time longest;
  for (const Track& track : timeline.tracks) longest = std::max(longest, duration_of(track));
  return longest;
}

Time start_of(const Track& track, std::size_t index) {
  Time start;
  for (std::size_t i = 0; i < index && i < track.items.size(); ++i) start += duration_of(track.items[i]);
  return start;
}

Time source_edge_at(const Clip& clip, Time at) {
  if (clip.retime.freeze) return clip.source_range.start;
  if (!clip.retime.reverse) return clip.source_range.start + forward_source(clip, at);
  return clip.source_range.start + forward_source(clip, forward_time(clip, clip.source_range.duration) - at);
}

Time source_time_at(const Clip& clip, Time at) {
  if (clip.retime.freeze) return clip.source_range.start;
  return clip.retime.reverse ? source_edge_at(clip, at) - last_frame_of(clip) : source_edge_at(clip, at);
}

Time offset_of_source_time(const Clip& clip, Time source_time) {
  if (clip.retime.freeze) return {};
  const Time offset = source_time - clip.source_range.start;
  if (!clip.retime.reverse) return forward_time(clip, offset);
  const Time length = forward_time(clip, clip.source_range.duration);
  return length - forward_time(clip, offset + last_frame_of(clip));
}

double speed_at(const Clip& clip, Time source_time) {
  if (clip.retime.freeze) return 0;
  if (!usable(clip.retime.ramp)) return usable_speed(clip.retime).to_double();
  const Time offset = source_time - clip.source_range.start;
  const auto stretches = stretches_of(clip.retime.ramp, clip.source_range.duration);
  if (offset <= Time{}) return stretches.front().v0;
  for (const Stretch& stretch : stretches)
    if (offset < stretch.start + stretch.length)
      return stretch.v0 +
             (stretch.v1 - stretch.v0) * (offset - stretch.start).seconds() / stretch.length.seconds();
  return stretches.back().v1;
}

}  // namespace studio
