// Onsets, tempo and beats from the rise of energy in bands.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "analysis/sound_frames.h"

namespace studio {
namespace {

constexpr int kMedianReach = 10;     // frames on each side: 0.1 s
constexpr double kOnsetOver = 0.10;  // over the moving median, in mean log10 energy per band
constexpr int kOnsetRefractory = 5;  // frames: no two onsets within 50 ms

// The flux minus its moving median, never negative.
std::vector<double> onset_strength(std::span<const SoundFrame> frames) {
  const int n = static_cast<int>(frames.size());
  std::vector<double> strength(frames.size(), 0.0);
  std::vector<float> near;
  for (int i = 0; i < n; ++i) {
    near.clear();
    for (int j = std::max(0, i - kMedianReach); j <= std::min(n - 1, i + kMedianReach); ++j)
      near.push_back(frames[j].flux);
    std::nth_element(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(near.size() / 2), near.end());
    strength[i] = std::max(0.0, static_cast<double>(frames[i].flux) - near[near.size() / 2]);
  }
  return strength;
}

// A rise of 32 ms windows peaks when the sound fills half the window: the onset itself is where it
// entered, about the peak.
std::vector<double> pick_onsets(const std::vector<double>& strength, std::span<const SoundFrame> frames) {
  const int n = static_cast<int>(strength.size());
  const double mean = n == 0 ? 0 : std::accumulate(strength.begin(), strength.end(), 0.0) / n;
  const double threshold = std::max(kOnsetOver, 1.5 * mean);
  std::vector<double> onsets;
  int last = -kOnsetRefractory;
  for (int i = 1; i < n; ++i) {
    const int from = std::max(0, i - 3), to = std::min(n - 1, i + 3);
    const double largest = *std::max_element(strength.begin() + from, strength.begin() + to + 1);
    const bool audible = *std::max_element(&frames[i].level_db, &frames[i].level_db + 1) > -60;
    if (strength[i] < threshold || strength[i] < largest || i - last < kOnsetRefractory || !audible) continue;
    onsets.push_back(i * kSoundFrameSeconds);
    last = i;
  }
  return onsets;
}

// Smoothed, so that beats a frame early or late still meet.
std::vector<double> smooth(const std::vector<double>& in) {
  static constexpr double kKernel[] = {0.06, 0.24, 0.40, 0.24, 0.06};
  const int n = static_cast<int>(in.size());
  std::vector<double> out(in.size(), 0.0);
  for (int i = 0; i < n; ++i)
    for (int k = -2; k <= 2; ++k)
      if (i + k >= 0 && i + k < n) out[i] += kKernel[k + 2] * in[i + k];
  return out;
}

double autocorrelation(const std::vector<double>& x, int lag) {
  double sum = 0;
  for (std::size_t i = lag; i < x.size(); ++i) sum += x[i] * x[i - lag];
  return sum / static_cast<double>(std::max<std::size_t>(1, x.size() - lag));
}

// The beat's period in frames (fractional), 0 when the sound has no steady one.
double find_period(std::vector<double> x) {
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  for (auto& v : x) v -= mean;
  const double energy = autocorrelation(x, 0);
  if (energy <= 1e-9) return 0;
  const int longest = std::min<int>(150, static_cast<int>(x.size()) / 3);  // 40 bpm
  const int shortest = 27;                                                 // 222 bpm
  if (longest <= shortest) return 0;
  std::vector<double> r(static_cast<std::size_t>(longest) * 2 + 2, 0.0);
  for (int lag = 1; lag < static_cast<int>(r.size()) && lag < static_cast<int>(x.size()) - 1; ++lag)
    r[lag] = autocorrelation(x, lag) / energy;
  double best = 0;
  int best_lag = 0;
  for (int lag = shortest; lag <= longest; ++lag) {
    const double octaves = std::log2(60 / (lag * kSoundFrameSeconds) / 120);
    const double prior = std::exp(-0.5 * octaves * octaves / (0.9 * 0.9));
    // A true beat repeats at twice its lag too.
    const double score = prior * (r[lag] + 0.5 * std::max({r[2 * lag - 1], r[2 * lag], r[2 * lag + 1]}));
    if (score > best) {
      best = score;
      best_lag = lag;
    }
  }
  if (best_lag == 0 || r[best_lag] < 0.2) return 0;
  // Finer than a frame: the strongest multiple far out tells the period best.
  double period = best_lag;
  for (int multiple = 2; multiple <= 8; multiple *= 2) {
    const int centre = static_cast<int>(std::lround(period * multiple));
    if (centre + 3 >= static_cast<int>(x.size()) / 2) break;
    int at = centre;
    double most = -1;
    for (int lag = centre - 2; lag <= centre + 2; ++lag) {
      const double value = autocorrelation(x, lag);
      if (value > most) {
        most = value;
        at = lag;
      }
    }
    const double before = autocorrelation(x, at - 1), after = autocorrelation(x, at + 1);
    const double bend = before - 2 * most + after;
    const double shift = bend < 0 ? std::clamp(0.5 * (before - after) / bend, -0.5, 0.5) : 0;
    period = (at + shift) / multiple;
  }
  return period;
}

// Ellis: the best chain of beats, each worth its onset strength, less for steps that leave the period.
std::vector<double> track_beats(const std::vector<double>& strength, double period) {
  const int n = static_cast<int>(strength.size());
  const double deviation = [&] {
    double squares = 0;
    for (const double s : strength) squares += s * s;
    return std::sqrt(squares / std::max(1, n)) + 1e-9;
  }();
  constexpr double kTightness = 100;
  std::vector<double> score(strength.size());
  std::vector<int> from(strength.size(), -1);
  for (int i = 0; i < n; ++i) {
    double best = 0;
    const int earliest = std::max(0, i - static_cast<int>(2 * period)),
              latest = i - static_cast<int>(period / 2);
    for (int j = earliest; j <= latest; ++j) {
      const double stretch = std::log((i - j) / period);
      const double value = score[j] - kTightness * stretch * stretch;
      if (value > best) {
        best = value;
        from[i] = j;
      }
    }
    score[i] = strength[i] / deviation + best;
  }
  int at = static_cast<int>(std::max_element(score.begin(), score.end()) - score.begin());
  std::vector<double> beats;
  for (; at >= 0; at = from[at]) beats.push_back(at * kSoundFrameSeconds);
  std::reverse(beats.begin(), beats.end());
  return beats;
}

}  // namespace

Rhythm find_rhythm(std::span<const SoundFrame> frames) {
  Rhythm out;
  if (frames.size() < 10) return out;
  const auto strength = onset_strength(frames);
  out.onsets_s = pick_onsets(strength, frames);
  const auto smoothed = smooth(strength);
  if (out.onsets_s.size() < 4) return out;
  const double period = find_period(smoothed);
  if (period <= 0) return out;
  out.tempo_bpm = 60 / (period * kSoundFrameSeconds);
  out.beats_s = track_beats(smoothed, period);
  return out;
}

}  // namespace studio
