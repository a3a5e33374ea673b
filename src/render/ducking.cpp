// Ducking: voice level -> speaking or not -> a gain curve that is down before the voice begins.
#include "render/ducking.h"

#include <algorithm>
#include <cmath>

namespace studio {
namespace {
constexpr double kHop_s = 0.01;
}

Ducker::Ducker(const DuckOptions& options, int sample_rate, int channels)
    : options_(options),
      sample_rate_(std::max(1, sample_rate)),
      channels_(std::max(1, channels)),
      hop_(std::max(1, static_cast<int>(std::lround(sample_rate_ * kHop_s)))) {}

std::int64_t Ducker::look_ahead_frames() const {
  const double hops = std::ceil(options_.attack_s / kHop_s) + 2;
  return static_cast<std::int64_t>(hops) * hop_;
}

void Ducker::push_voice(std::span<const float> voice) {
  for (std::size_t i = 0; i + channels_ <= voice.size(); i += channels_) {
    double power = 0;
    for (int c = 0; c < channels_; ++c) power += static_cast<double>(voice[i + c]) * voice[i + c];
    partial_.push_back(static_cast<float>(power / channels_));
    if (static_cast<int>(partial_.size()) < hop_) continue;
    double sum = 0;
    for (float p : partial_) sum += p;
    partial_.clear();
    const double level = 10 * std::log10(std::max(sum / hop_, 1e-12));
    speaking_.push_back(level > options_.threshold_db);
  }
  settle(false);
}

void Ducker::finish_voice() {
  if (finished_) return;
  settle(true);
  finished_ = true;
}

// Settles the gain of every hop whose future is known far enough: a voice may begin within `attack`.
void Ducker::settle(bool last) {
  const auto hops = static_cast<std::int64_t>(speaking_.size());
  const auto attack = static_cast<std::int64_t>(std::ceil(options_.attack_s / kHop_s));
  const auto hold = static_cast<std::int64_t>(std::ceil(options_.hold_s / kHop_s));
  const std::int64_t end = last ? hops : hops - attack - 1;
  const double fall = options_.amount_db / std::max(1.0, static_cast<double>(attack));
  const double rise = options_.amount_db * kHop_s / std::max(kHop_s, options_.release_s);
  for (auto hop = static_cast<std::int64_t>(gain_db_.size()); hop < end; ++hop) {
    // Down when there is voice between `hold` ago and `attack` ahead.
    const std::int64_t from = std::max<std::int64_t>(0, hop - hold), to = std::min(hops, hop + attack + 1);
    const bool down =
        std::any_of(speaking_.begin() + from, speaking_.begin() + to, [](char s) { return s != 0; });
    const double before = gain_db_.empty() ? (down ? -options_.amount_db : 0.0) : gain_db_.back();
    const double next = down ? std::max(-options_.amount_db, before - fall) : std::min(0.0, before + rise);
    gain_db_.push_back(static_cast<float>(next));
  }
}

std::int64_t Ducker::known_frames() const {
  if (finished_) return INT64_MAX;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(gain_db_.size()) - 1) * hop_;
}

double Ducker::gain_at(std::int64_t frame) const {
  if (gain_db_.empty()) return 1;
  const double position = std::max(0.0, static_cast<double>(frame) / hop_);
  const auto hop = static_cast<std::size_t>(position);
  const auto last = gain_db_.size() - 1;
  // After the voice has ended the bed comes back by itself.
  double db = gain_db_[std::min(hop, last)];
  if (hop >= last)
    db = std::min(0.0, gain_db_[last] + (position - static_cast<double>(last)) * options_.amount_db * kHop_s /
                                            std::max(kHop_s, options_.release_s));
  else
    db += (gain_db_[hop + 1] - db) * (position - static_cast<double>(hop));
  return std::pow(10.0, db / 20);
}

void Ducker::apply(std::span<float> bed, int channels, std::int64_t first_frame) const {
  const std::int64_t frames = static_cast<std::int64_t>(bed.size()) / std::max(1, channels);
  for (std::int64_t start = 0; start < frames; start += 32) {
    const std::int64_t end = std::min(frames, start + 32);
    const double a = gain_at(first_frame + start), b = gain_at(first_frame + end);
    for (std::int64_t f = start; f < end; ++f) {
      const double gain = a + (b - a) * static_cast<double>(f - start) / static_cast<double>(end - start);
      for (int c = 0; c < channels; ++c) bed[f * channels + c] *= static_cast<float>(gain);
    }
  }
}

}  // namespace studio
