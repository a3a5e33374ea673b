// Gain over time: volume, mute, fades; and reading the "duck" effect.
#include <algorithm>
#include <cmath>

#include "render/ducking.h"
#include "render/effect_registry.h"

namespace studio {
namespace {

// Gains never step: a step is heard as a click. 5 ms is short enough to sound immediate.
constexpr double kRamp_s = 0.005;
constexpr int kSamplesPerStep = 16;  // gain is computed this often and moved linearly between

double from_db(double db) {
  return db <= -95.9 ? 0.0 : std::pow(10.0, db / 20);
}

EffectDefinition sound(std::string id, std::string description, std::vector<EffectParameter> params) {
  EffectDefinition d;
  d.step = EffectStep::sound;
  d.info.id = std::move(id);
  d.info.description = std::move(description);
  d.info.on = EffectInfo::On::sound;
  d.info.params = std::move(params);
  return d;
}

// 1 inside `active`, 0 outside, with a ramp at each side (none at the ends of the item itself).
double presence(const TimeRange& active, Time at) {
  const double in = (at - active.start).seconds(), left = (active.end() - at).seconds();
  return std::clamp(std::min(in, left) / kRamp_s + 0.5, 0.0, 1.0);
}

double fade_gain(const Effect& effect, const TimeRange& active, bool whole, Time at, bool in) {
  double length = active.duration.seconds();
  if (whole) {
    const auto given = effect.params.find("duration_s");
    const double wanted = given == effect.params.end() ? 0.5 : value_at(given->second, Time{}, 0.5);
    length = std::min(length, wanted);
  }
  if (length <= 0) return 1;
  const double done = in ? (at - active.start).seconds() / length : (active.end() - at).seconds() / length;
  // Outside the range a fade in has not begun (its start) or is over: clamping says both.
  const double t = std::clamp(done, 0.0, 1.0);
  return std::sin(t * 1.5707963267948966);  // equal power, as crossfaded partners add up evenly
}

}  // namespace

Result<SoundEffects> SoundEffects::create(std::span<const Effect> effects, Time duration, int sample_rate,
                                          double gain_db) {
  SoundEffects made;
  made.duration_ = duration;
  made.sample_rate_ = sample_rate;
  made.constant_ = from_db(gain_db);
  for (const Effect& effect : effects) {
    TRY(check_effect(effect, "sound"));
    const EffectInfo::On on = find_effect(effect.id)->info.on;
    if (on == EffectInfo::On::picture || effect.id == "duck") continue;
    if (find_effect(effect.id)->step == EffectStep::retime) continue;
    made.stages_.push_back({effect, effect.active.value_or(TimeRange{Time{}, duration})});
  }
  return made;
}

bool SoundEffects::unity() const {
  return stages_.empty() && constant_ == 1;
}

double SoundEffects::gain_at(Time at) const {
  double gain = constant_;
  for (const Stage& stage : stages_) {
    const Effect& effect = stage.effect;
    const bool whole = !effect.active.has_value();
    if (effect.id == "fade_in" || effect.id == "fade_out") {
      gain *= fade_gain(effect, stage.active, whole, at, effect.id == "fade_in");
      continue;
    }
    double own = 0;  // mute
    if (effect.id == "volume") {
      const auto given = effect.params.find("gain_db");
      own = from_db(given == effect.params.end() ? 0.0 : value_at(given->second, at, 0.0));
    }
    const double share = whole ? 1.0 : presence(stage.active, at);
    gain *= share * own + (1 - share);
  }
  return gain;
}

void SoundEffects::apply(std::span<float> samples, int channels, std::int64_t first_frame) const {
  if (unity() || channels <= 0) return;
  const std::int64_t frames = static_cast<std::int64_t>(samples.size()) / channels;
  auto gain_of = [&](std::int64_t frame) {
    const Time at = std::max(Time{}, Time::frames(first_frame + frame, {sample_rate_, 1}));
    return gain_at(at);
  };
  double here = gain_of(0);
  for (std::int64_t start = 0; start < frames; start += kSamplesPerStep) {
    const std::int64_t end = std::min(frames, start + kSamplesPerStep);
    const double next = stages_.empty() ? here : gain_of(end);
    for (std::int64_t f = start; f < end; ++f) {
      const double gain =
          here + (next - here) * static_cast<double>(f - start) / static_cast<double>(end - start);
      for (int c = 0; c < channels; ++c) samples[f * channels + c] *= static_cast<float>(gain);
    }
    here = next;
  }
}

Result<std::vector<DuckOptions>> duck_options_of(std::span<const Effect> effects) {
  std::vector<DuckOptions> all;
  for (const Effect& effect : effects) {
    if (effect.id != "duck") continue;
    TRY(check_effect(effect, "track"));
    const EffectValues values(effect, find_effect("duck")->info, EffectStage{});
    DuckOptions options;
    options.voice = values.text("voice");
    options.amount_db = values.number("amount_db");
    options.threshold_db = values.number("threshold_db");
    options.attack_s = values.number("attack_s");
    options.release_s = values.number("release_s");
    options.hold_s = values.number("hold_s");
    all.push_back(options);
  }
  return all;
}

std::vector<EffectDefinition> sound_effects() {
  EffectParameter voice;
  voice.name = "voice";
  voice.description = "id of the track that speaks; empty: all other tracks with sound";
  voice.text = true;
  const DuckOptions d;
  return {sound("volume", "louder or softer",
                {number_parameter("gain_db", "dB", -96, 24, 0, "0: as it is; -96: silent")}),
          sound("mute", "silent", {}),
          sound("duck", "music steps back while somebody speaks; on a track",
                {voice, number_parameter("amount_db", "dB", 0, 60, d.amount_db, "how far down", false),
                 number_parameter("threshold_db", "dBFS", -90, 0, d.threshold_db,
                                  "level that counts as speaking", false),
                 number_parameter("attack_s", "s", 0.005, 5, d.attack_s, "time to go down", false),
                 number_parameter("release_s", "s", 0.01, 10, d.release_s, "time to come back", false),
                 number_parameter("hold_s", "s", 0, 10, d.hold_s,
                                  "pauses shorter than this do not bring it back", false)})};
}

}  // namespace studio
