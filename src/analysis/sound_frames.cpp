// Decimation to speech bandwidth, a 32 ms spectrum each 10 ms, and the numbers taken from it.
#include "analysis/sound_frames.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace studio {
namespace {

constexpr int kWindow = 512;
constexpr int kBands = 24;
constexpr double kTargetRate = 16000;

// In-place radix-2 transform; `data` holds kWindow values.
void transform(std::vector<std::complex<float>>& data) {
  const std::size_t n = data.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(data[i], data[j]);
  }
  static const auto roots = [] {
    std::array<std::complex<float>, kWindow / 2> r{};
    for (int i = 0; i < kWindow / 2; ++i) {
      const double angle = -2 * std::numbers::pi * i / kWindow;
      r[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
    }
    return r;
  }();
  for (std::size_t length = 2; length <= n; length <<= 1) {
    const std::size_t step = kWindow / length, half = length / 2;
    for (std::size_t i = 0; i < n; i += length) {
      for (std::size_t k = 0; k < half; ++k) {
        const auto& w = roots[k * step];
        const auto& b = data[i + k + half];
        const std::complex<float> odd(b.real() * w.real() - b.imag() * w.imag(),
                                      b.real() * w.imag() + b.imag() * w.real());
        data[i + k + half] = data[i + k] - odd;
        data[i + k] += odd;
      }
    }
  }
}

double mel(double hertz) {
  return 2595 * std::log10(1 + hertz / 700);
}
double hertz(double mel_value) {
  return 700 * (std::pow(10.0, mel_value / 2595) - 1);
}

}  // namespace

SoundFrames::SoundFrames(int sample_rate, int channels)
    : channels_(std::max(1, channels)),
      factor_(std::max(1, static_cast<int>(std::lround(std::max(1, sample_rate) / kTargetRate)))),
      rate_(static_cast<double>(std::max(1, sample_rate)) / factor_),
      previous_bands_(kBands, 0.0f) {
  // Windowed sinc low pass at 0.45 of the new rate.
  const int taps = factor_ == 1 ? 1 : factor_ * 12 + 1;
  filter_.resize(taps);
  double sum = 0;
  for (int i = 0; i < taps; ++i) {
    const double x = (i - taps / 2) * 0.9 / factor_;
    const double sinc = x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
    filter_[i] = static_cast<float>(
        sinc * (taps == 1 ? 1 : 0.5 - 0.5 * std::cos(2 * std::numbers::pi * (i + 0.5) / taps)));
    sum += filter_[i];
  }
  for (auto& tap : filter_) tap = static_cast<float>(tap / sum);
  line_.assign(2 * filter_.size(), 0.0f);
  window_.resize(kWindow);
  for (int i = 0; i < kWindow; ++i)
    window_[i] = static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * (i + 0.5) / kWindow));
  const double top = std::min(8000.0, rate_ / 2);
  for (int b = 0; b < kBands; ++b) {
    const double low = hertz(mel(40) + (mel(top) - mel(40)) * b / kBands);
    const double high = hertz(mel(40) + (mel(top) - mel(40)) * (b + 1) / kBands);
    const int first = std::max(1, static_cast<int>(low / rate_ * kWindow));
    bands_.push_back({first, std::max(first + 1, static_cast<int>(high / rate_ * kWindow))});
  }
  // The first frame is centred on the first sample: half a window of silence before it, and the
  // low pass delays by half its length.
  samples_.assign(kWindow / 2, 0.0f);
  position_ = kWindow / 2.0 + static_cast<double>(filter_.size() / 2) / factor_;
}

void SoundFrames::add(std::span<const float> interleaved) {
  const auto frames = interleaved.size() / channels_;
  const float gain = 1.0f / static_cast<float>(channels_);
  for (std::size_t i = 0; i < frames; ++i) {
    float sum = 0;
    for (int c = 0; c < channels_; ++c) sum += interleaved[i * channels_ + c];
    decimate(std::isfinite(sum) ? sum * gain : 0.0f);
  }
  analyse();
}

// A doubled delay line keeps the filter's window in one piece.
void SoundFrames::decimate(float sample) {
  const std::size_t taps = filter_.size();
  line_[line_at_] = line_[line_at_ + taps] = sample;
  line_at_ = (line_at_ + 1) % taps;
  if (until_next_-- > 0) return;
  until_next_ = factor_ - 1;
  const float* line = line_.data() + line_at_;
  float sum = 0;
  for (std::size_t i = 0; i < taps; ++i) sum += filter_[i] * line[i];
  samples_.push_back(sum);
}

void SoundFrames::analyse() {
  std::vector<std::complex<float>> spectrum(kWindow);
  std::vector<float> power(kWindow / 2), bands(kBands);
  std::size_t consumed = 0;
  while (true) {
    const auto start = static_cast<std::size_t>(std::max(0.0, position_ - kWindow / 2.0));
    if (start + kWindow > samples_.size()) break;
    const float* in = samples_.data() + start;
    double energy = 0;
    int crossings = 0;
    for (int i = 0; i < kWindow; ++i) {
      energy += in[i] * in[i];
      if (i > 0 && (in[i] >= 0) != (in[i - 1] >= 0)) ++crossings;
      spectrum[i] = in[i] * window_[i];
    }
    SoundFrame frame;
    frame.level_db = static_cast<float>(10 * std::log10(energy / kWindow + 1e-10));
    frame.zero_crossings = static_cast<float>(crossings) / kWindow;
    transform(spectrum);
    double total = 1e-12, bass = 0;
    for (int i = 0; i < kWindow / 2; ++i) {
      power[i] = std::norm(spectrum[i]) / (kWindow * kWindow / 16.0f);
      total += power[i];
      if (i * rate_ / kWindow < 250) bass += power[i];
    }
    frame.bass_share = static_cast<float>(bass / total);
    float flux = 0;
    for (int b = 0; b < kBands; ++b) {
      float sum = 0;
      for (int i = bands_[b][0]; i < bands_[b][1] && i < kWindow / 2; ++i) sum += power[i];
      // Compressed like loudness; the floor at -70 dB keeps the noise of silence from counting.
      bands[b] = std::log10(1 + sum * 1e7f);
      flux += std::max(0.0f, bands[b] - previous_bands_[b]);
    }
    frame.flux = frames_.empty() ? 0 : flux / kBands;
    previous_bands_ = bands;
    const int low = static_cast<int>(300 / rate_ * kWindow),
              high = std::min(kWindow / 2 - 1, static_cast<int>(5000 / rate_ * kWindow));
    double logs = 0, sum = 0;
    for (int i = low; i < high; ++i) {
      logs += std::log(power[i] + 1e-12);
      sum += power[i] + 1e-12;
    }
    const int n = std::max(1, high - low);
    frame.flatness = static_cast<float>(std::exp(logs / n) / (sum / n));
    // Energy in the eight strongest local peaks (with their neighbours).
    std::array<float, 8> peaks{};
    for (int i = 2; i < kWindow / 2 - 2; ++i) {
      if (power[i] < power[i - 1] || power[i] < power[i + 1]) continue;
      const float peak = power[i - 1] + power[i] + power[i + 1];
      auto smallest = std::min_element(peaks.begin(), peaks.end());
      *smallest = std::max(*smallest, peak);
    }
    double in_peaks = 0;
    for (const float peak : peaks) in_peaks += peak;
    frame.pitch = static_cast<float>(std::min(1.0, in_peaks / total));
    frames_.push_back(frame);
    position_ += kSoundFrameSeconds * rate_;
    consumed = static_cast<std::size_t>(std::max(0.0, position_ - kWindow / 2.0));
    if (consumed > 16384) {
      samples_.erase(samples_.begin(),
                     samples_.begin() + static_cast<std::ptrdiff_t>(std::min(consumed, samples_.size())));
      position_ -= static_cast<double>(consumed);
    }
  }
}

std::vector<SoundFrame> SoundFrames::finish() {
  samples_.resize(samples_.size() + kWindow / 2, 0.0f);
  analyse();
  return std::move(frames_);
}

std::vector<AudioJudgement::Span> find_silences(std::span<const SoundFrame> frames, double threshold_db,
                                                double shortest_s) {
  std::vector<AudioJudgement::Span> spans;
  for (std::size_t i = 0; i < frames.size();) {
    if (frames[i].level_db >= threshold_db) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < frames.size() && frames[end].level_db < threshold_db) ++end;
    if (static_cast<double>(end - i) * kSoundFrameSeconds >= shortest_s)
      spans.push_back(
          {static_cast<double>(i) * kSoundFrameSeconds, static_cast<double>(end) * kSoundFrameSeconds});
    i = end;
  }
  return spans;
}

}  // namespace studio
