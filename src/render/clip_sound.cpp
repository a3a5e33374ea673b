// Opening a clip's sound and letting it run.
#include "render/clip_sound.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "render/generators.h"

namespace studio {

namespace {

bool constant_speed_one(const Retime& retime) {
  return retime.ramp.empty() && retime.speed == Rational{1, 1};
}

}  // namespace

ClipSound::ClipSound(const PlacedSound& placed, int sample_rate, SoundEffects effects)
    : placed_(placed), rate_(sample_rate), effects_(std::move(effects)) {}

Result<std::unique_ptr<ClipSound>> ClipSound::open(const PlacedSound& placed, SoundReaderPool& pool) {
  const Clip& clip = *placed.clip;
  const int sample_rate = pool.sample_rate();
  TRY_ASSIGN(auto effects, SoundEffects::create(clip.effects, duration_of(clip), sample_rate, clip.gain_db));
  std::unique_ptr<ClipSound> sound(new ClipSound(placed, sample_rate, std::move(effects)));
  if (const auto* file = std::get_if<MediaFile>(&clip.source)) {
    TRY(sound->open_file(file->path, pool));
  } else {
    TRY(sound->open_generator(std::get<Generator>(clip.source)));
  }
  return sound;
}

// The film runs forward or backward through the same map: a backward clip reads a mirrored stream,
// in which source time begins at the end of its range and grows.
Result<void> ClipSound::open_file(const Path& path, SoundReaderPool& pool) {
  const Clip& clip = *placed_.clip;
  const bool backward = clip.retime.reverse;
  TRY_ASSIGN(auto stream, SoundStream::open(pool, path, backward, clip.source_range.end()));
  stream_.emplace(std::move(stream));

  const Rational tick{1, rate_};
  Clip forward = clip;
  forward.retime.reverse = false;
  const Time length = duration_of(clip);
  const auto source_at = [forward, backward, length](Time offset) {
    if (!backward) return source_time_at(forward, offset);
    return forward.source_range.end() - source_time_at(forward, length - offset);  // mirrored
  };
  const std::int64_t lead = placed_.begin - placed_.origin;  // the clip's offset at the first sample
  if (constant_speed_one(clip.retime)) {
    straight_from_ = source_at(Time::ticks(lead, tick)).to_ticks(tick);
    return {};
  }
  SoundStream* source = &*stream_;
  const SampleReader reader = [source](std::int64_t first, std::span<float> out) {
    return source->read(first, out);
  };
  const SampleMap map = [source_at, lead, tick, rate = rate_](std::int64_t out) {
    return source_at(Time::ticks(lead + out, tick)).seconds() * rate;
  };
  if (clip.retime.keep_pitch)
    stretch_.emplace(reader, map, rate_);
  else
    tape_.emplace(reader, map);
  return {};
}

Result<void> ClipSound::open_generator(const Generator& generator) {
  TRY_ASSIGN(made_, generate_sound(generator, duration_of(*placed_.clip), rate_, SoundStream::kChannels));
  return {};
}

Result<void> ClipSound::read(std::span<float> out) {
  constexpr int kChannels = SoundStream::kChannels;
  const auto count = static_cast<std::int64_t>(out.size()) / kChannels;
  if (stretch_) {
    TRY(stretch_->read(out));
  } else if (tape_) {
    TRY(tape_->read(out));
  } else if (stream_) {
    TRY(stream_->read(straight_from_ + position_, out));
  } else {
    const std::int64_t first = placed_.begin - placed_.origin + position_;
    for (std::int64_t i = 0; i < count * kChannels; ++i) {
      const std::int64_t at = first * kChannels + i;
      out[static_cast<std::size_t>(i)] = at >= 0 && at < static_cast<std::int64_t>(made_.size())
                                             ? made_[static_cast<std::size_t>(at)]
                                             : 0.0F;
    }
  }
  if (!effects_.unity()) effects_.apply(out, kChannels, placed_.begin - placed_.origin + position_);
  fade(out);
  position_ += count;
  return {};
}

// Short fades are raised cosines; crossfades are of equal power, as the two sounds are strangers.
void ClipSound::fade(std::span<float> out) const {
  const std::int64_t total = placed_.end - placed_.begin;
  const auto count = static_cast<std::int64_t>(out.size()) / SoundStream::kChannels;
  const auto gain = [](double u, bool crossfade) {
    return crossfade ? std::sin(u * std::numbers::pi / 2) : 0.5 - 0.5 * std::cos(u * std::numbers::pi);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = position_ + i;
    double g = 1;
    if (at < placed_.fade_in)
      g *= gain((static_cast<double>(at) + 0.5) / static_cast<double>(placed_.fade_in), placed_.crossfade_in);
    if (total - 1 - at < placed_.fade_out)
      g *= gain((static_cast<double>(total - 1 - at) + 0.5) / static_cast<double>(placed_.fade_out),
                placed_.crossfade_out);
    if (g == 1) continue;
    out[static_cast<std::size_t>(2 * i)] *= static_cast<float>(g);
    out[static_cast<std::size_t>(2 * i + 1)] *= static_cast<float>(g);
  }
}

}  // namespace studio
