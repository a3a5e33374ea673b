// Speech or music, second by second, from how the level, the pitch and the hiss change.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <numeric>

#include "analysis/sound_frames.h"

namespace studio {
namespace {

constexpr int kWindow = 150;  // 1.5 s: six syllables
constexpr int kHop = 25;
constexpr double kAudible = -50;  // dB

struct Window {
  double modulation = 0;    // share of the level's variation at 2.5..8 Hz
  double level_spread = 0;  // standard deviation of the level, dB
  double pauses = 0;        // share of frames 12 dB or more under the window's loud part
  double hiss_spread = 0;   // standard deviation of the zero crossing rate
  double pitch = 0;         // mean share of energy in spectral peaks
  double flatness = 0;
  bool audible = false;
};

double deviation(const std::vector<double>& values) {
  const double n = static_cast<double>(std::max<std::size_t>(1, values.size()));
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / n);
}

// Share of the level's energy of change at the rate of syllables.
double syllable_share(const std::vector<double>& level) {
  const int n = static_cast<int>(level.size());
  const double mean = std::accumulate(level.begin(), level.end(), 0.0) / n;
  double syllables = 0, all = 1e-9;
  for (int k = 1; k <= n / 5; ++k) {
    std::complex<double> sum;
    for (int i = 0; i < n; ++i) {
      const double window = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * (i + 0.5) / n);
      sum += (level[i] - mean) * window * std::polar(1.0, -2 * std::numbers::pi * k * i / n);
    }
    const double hertz = k / (n * kSoundFrameSeconds);
    all += std::norm(sum);
    if (hertz >= 2.5 && hertz <= 8) syllables += std::norm(sum);
  }
  return syllables / all;
}

Window describe(std::span<const SoundFrame> frames) {
  Window out;
  std::vector<double> level, crossings, sorted;
  double weight = 0;
  for (const auto& frame : frames) {
    level.push_back(std::max<double>(frame.level_db, -65));
    sorted.push_back(level.back());
  }
  std::sort(sorted.begin(), sorted.end());
  const double loud = sorted[sorted.size() * 9 / 10];
  out.audible = loud > kAudible;
  if (!out.audible) return out;
  int pauses = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (level[i] < loud - 12) ++pauses;
    if (level[i] < loud - 25) continue;
    crossings.push_back(frames[i].zero_crossings);
    out.pitch += frames[i].pitch;
    out.flatness += frames[i].flatness;
    ++weight;
  }
  out.pitch /= std::max(1.0, weight);
  out.flatness /= std::max(1.0, weight);
  out.pauses = static_cast<double>(pauses) / static_cast<double>(frames.size());
  out.hiss_spread = deviation(crossings);
  for (auto& l : level) l = std::max(l, loud - 30);
  out.level_spread = deviation(level);
  out.modulation = syllable_share(level);
  return out;
}

double ramp(double value, double low, double high) {
  return std::clamp((value - low) / (high - low), 0.0, 1.0);
}

// Each cue alone is fooled by something (clicks modulate too, hiss has no pitch): speech needs them
// together, so they are multiplied rather than added.
double speech_likelihood(const Window& w) {
  const double rhythm = ramp(w.modulation, 0.12, 0.35);
  const double level = ramp(w.level_spread, 2.5, 6.0) * ramp(w.pauses, 0.03, 0.15);
  const double hiss = ramp(w.hiss_spread, 0.015, 0.06);
  const double voiced = ramp(w.pitch, 0.2, 0.4) * ramp(0.55 - w.flatness, 0, 0.2);
  return std::pow(rhythm * level * hiss * voiced, 0.25);
}

double music_likelihood(const Window& w) {
  const double steady = 1 - ramp(w.pauses, 0.1, 0.5);
  const double tonal = ramp(w.pitch, 0.35, 0.65) * (1 - ramp(w.flatness, 0.15, 0.4));
  return std::sqrt(steady * tonal);
}

}  // namespace

SpeechMusic find_speech(std::span<const SoundFrame> frames) {
  SpeechMusic out;
  const int n = static_cast<int>(frames.size());
  if (n < kWindow / 2) return out;
  std::vector<double> speech(frames.size(), 0.0), weight(frames.size(), 0.0);
  double speech_sum = 0, music_sum = 0, audible = 0;
  for (int start = 0; start == 0 || start + kWindow <= n; start += kHop) {
    const int length = std::min(kWindow, n - start);
    const Window window = describe(frames.subspan(start, length));
    const double s = window.audible ? speech_likelihood(window) : 0;
    for (int i = start; i < start + length; ++i) {
      speech[i] += s;
      weight[i] += 1;
    }
    if (!window.audible) continue;
    speech_sum += s;
    music_sum += (1 - s) * music_likelihood(window);
    audible += 1;
  }
  if (audible > 0) {
    out.speech = speech_sum / audible;
    out.music = music_sum / audible;
  }
  // Spans where speech is likely; the ends move to where the sound really starts and stops.
  for (int i = 0; i < n;) {
    if (weight[i] == 0 || speech[i] / weight[i] < 0.5) {
      ++i;
      continue;
    }
    int end = i;
    while (end < n && weight[end] > 0 && speech[end] / weight[end] >= 0.5) ++end;
    int first = i, last = end - 1;
    while (first < last && frames[first].level_db < kAudible + 5) ++first;
    while (last > first && frames[last].level_db < kAudible + 5) --last;
    if (last - first >= 30)
      out.speech_spans.push_back({first * kSoundFrameSeconds, (last + 1) * kSoundFrameSeconds});
    i = end;
  }
  return out;
}

}  // namespace studio
