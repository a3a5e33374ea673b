// K-weighting, gating and oversampled peaks. The coefficients are BS.1770's, bent to any sample rate.
#include "media/loudness_meter.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace studio {
namespace {

constexpr double kSilence = -70;
constexpr int kTaps = 12;             // for each phase, as BS.1770-4 annex 2
constexpr float kLoudest = 1e4f;      // +80 dBFS; damaged float files hold numbers whose squares are none
constexpr std::size_t kStretch = 64;  // samples whose peak is looked for together

double lufs_of(double energy) {
  return energy > 0 ? std::max(kSilence, -0.691 + 10 * std::log10(energy)) : kSilence;
}
double energy_of(double lufs) {
  return std::pow(10.0, (lufs + 0.691) / 10);
}

double mean(const std::vector<double>& values) {
  return values.empty()
             ? 0
             : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The mean over windows of `length` steps, each step a new window.
std::vector<double> windows(const std::vector<float>& steps, std::size_t length) {
  std::vector<double> out;
  double sum = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    sum += steps[i];
    if (i >= length) sum -= steps[i - length];
    if (i + 1 >= length) out.push_back(std::max(0.0, sum) / static_cast<double>(length));
  }
  return out;
}

std::vector<double> over(const std::vector<double>& energies, double threshold) {
  std::vector<double> out;
  std::copy_if(energies.begin(), energies.end(), std::back_inserter(out),
               [&](double e) { return e > threshold; });
  return out;
}

}  // namespace

LoudnessMeter::LoudnessMeter(int sample_rate, int channels)
    : sample_rate_(std::max(1, sample_rate)),
      channels_(std::max(1, channels)),
      channel_(channels_),
      step_samples_(std::max(1, sample_rate_ / 10)),
      oversampling_(sample_rate_ < 96000    ? 4
                    : sample_rate_ < 192000 ? 2
                                            : 1) {
  const double rate = sample_rate_;
  {  // High shelf: +4 dB over 1.7 kHz, the head.
    const double k = std::tan(std::numbers::pi * 1681.974450955533 / rate), q = 0.7071752369554196;
    const double vh = std::pow(10.0, 3.999843853973347 / 20), vb = std::pow(vh, 0.4996667741545416);
    const double a0 = 1 + k / q + k * k;
    shelf_ = {(vh + vb * k / q + k * k) / a0, 2 * (k * k - vh) / a0, (vh - vb * k / q + k * k) / a0,
              2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0};
  }
  {  // High pass at 38 Hz.
    const double k = std::tan(std::numbers::pi * 38.13547087602444 / rate), q = 0.5003270373238773;
    const double a0 = 1 + k / q + k * k;
    highpass_ = {1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0};
  }
  for (int c = 0; c < channels_; ++c) {
    if (channels_ >= 6 && c == 3) channel_[c].weight = 0;
    const bool surround = channels_ >= 6 ? c >= 4 : channels_ == 5 ? c >= 3 : channels_ == 4 && c >= 2;
    if (surround) channel_[c].weight = 1.41;
    channel_[c].history.assign(kTaps, 0.0f);
  }
  // Windowed-sinc interpolation, one filter a phase, unity gain at DC.
  for (int p = 1; p < oversampling_; ++p) {
    std::vector<float> phase(kTaps);
    double sum = 0;
    for (int i = 0; i < kTaps; ++i) {
      const double x = i - (kTaps / 2 - 1) - static_cast<double>(p) / oversampling_;
      const double sinc = std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
      const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * x / (kTaps / 2.0 + 0.5));
      phase[i] = static_cast<float>(sinc * window);
      sum += phase[i];
    }
    float gain = 0;
    for (auto& tap : phase) {
      tap = static_cast<float>(tap / sum);
      gain += std::abs(tap);
    }
    phase_gain_ = std::max(phase_gain_, gain);
    phases_.push_back(std::move(phase));
  }
}

void LoudnessMeter::add(std::span<const float> interleaved) {
  const auto frames = interleaved.size() / channels_;
  std::size_t done = 0;
  while (done < frames) {
    const auto n = std::min<std::size_t>(frames - done, static_cast<std::size_t>(step_samples_ - in_step_));
    for (int c = 0; c < channels_; ++c) {
      auto& channel = channel_[c];
      scratch_.resize(n);
      const float* in = interleaved.data() + done * channels_ + c;
      for (std::size_t i = 0; i < n; ++i)
        scratch_[i] =
            std::isfinite(in[i * channels_]) ? std::clamp(in[i * channels_], -kLoudest, kLoudest) : 0;
      measure_peak(channel, scratch_);
      if (channel.weight == 0) continue;
      auto [s0, s1, s2, s3] = channel.state;
      double energy = 0;
      for (const float sample : scratch_) {
        const double x = sample;
        const double y = shelf_.b0 * x + s0;
        s0 = shelf_.b1 * x - shelf_.a1 * y + s1;
        s1 = shelf_.b2 * x - shelf_.a2 * y;
        const double z = y + s2;
        s2 = -2 * y - highpass_.a1 * z + s3;
        s3 = y - highpass_.a2 * z;
        energy += z * z;
      }
      // Denormals of a filter that rings out in silence are slow: end them.
      for (double* s : {&s0, &s1, &s2, &s3})
        if (std::abs(*s) < 1e-30) *s = 0;
      channel.state = {s0, s1, s2, s3};
      step_energy_ += channel.weight * energy;
    }
    in_step_ += static_cast<std::int64_t>(n);
    done += n;
    if (in_step_ == step_samples_) finish_step();
  }
}

void LoudnessMeter::finish_step() {
  steps_.push_back(static_cast<float>(step_energy_ / static_cast<double>(step_samples_)));
  step_energy_ = 0;
  in_step_ = 0;
  if (steps_.size() >= 4) {
    const double sum = std::accumulate(steps_.end() - 4, steps_.end(), 0.0);
    momentary_.push_back(static_cast<float>(lufs_of(sum / 4)));
  }
}

// An interpolated sample cannot exceed the largest sample around it times the filter's gain, so quiet
// stretches (nearly all of a sound) are settled by their plain maximum.
void LoudnessMeter::measure_peak(Channel& channel, std::span<const float> block) {
  auto& history = channel.history;
  line_.assign(history.begin(), history.end());
  line_.insert(line_.end(), block.begin(), block.end());
  for (std::size_t start = 0; start + kTaps < line_.size(); start += kStretch) {
    const float* in = line_.data() + start;
    const std::size_t points = std::min<std::size_t>(kStretch, line_.size() - kTaps - start);
    float largest = 0;
    for (std::size_t i = 0; i < points + kTaps; ++i) largest = std::max(largest, std::abs(in[i]));
    if (largest * phase_gain_ <= peak_) continue;
    for (const auto& phase : phases_) {
      std::array<float, kStretch> between{};
      for (int t = 0; t < kTaps; ++t)
        for (std::size_t i = 0; i < points; ++i) between[i] += phase[t] * in[i + t];
      for (const float sample : between) peak_ = std::max(peak_, std::abs(sample));
    }
    for (std::size_t i = 0; i < points; ++i) peak_ = std::max(peak_, std::abs(in[i + kTaps]));
  }
  history.assign(line_.end() - kTaps, line_.end());
}

Loudness LoudnessMeter::result() const {
  return {integrated_lufs(), range_lu(), peak_ > 0 ? std::max(-99.0, 20 * std::log10(double{peak_})) : -99};
}

double LoudnessMeter::integrated_lufs() const {
  const auto audible = over(windows(steps_, 4), energy_of(kSilence));
  if (audible.empty()) return kSilence;
  const auto gated = over(audible, mean(audible) * 0.1);  // 10 LU under the ungated loudness
  return lufs_of(mean(gated));
}

double LoudnessMeter::range_lu() const {
  const auto audible = over(windows(steps_, 30), energy_of(kSilence));
  auto gated = over(audible, mean(audible) * 0.01);  // 20 LU
  if (gated.size() < 2) return 0;
  std::sort(gated.begin(), gated.end());
  const auto at = [&](double share) {
    return gated[static_cast<std::size_t>(std::lround(share * static_cast<double>(gated.size() - 1)))];
  };
  return lufs_of(at(0.95)) - lufs_of(at(0.10));
}

}  // namespace studio
