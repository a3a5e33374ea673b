// Synthesis of the studio's own sounds.
#include "render/sounds.h"

#include <algorithm>
#include <cmath>

namespace studio {
namespace {

constexpr double kTau = 6.283185307179586;

// SplitMix64: the same noise on every machine.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x1234567) {}
  double next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    return static_cast<double>(z >> 11) / static_cast<double>(1ULL << 52) - 1.0;
  }

 private:
  std::uint64_t state_;
};

// State-variable filter (Simper, "Linear trapezoidal integrated SVF", 2013): stable while it moves.
class Filter {
 public:
  explicit Filter(int sample_rate) : rate_(sample_rate) {}
  void tune(double frequency, double q) {
    const double g = std::tan(kTau / 2 * std::clamp(frequency, 10.0, 0.45 * rate_) / rate_);
    k_ = 1 / q;
    a1_ = 1 / (1 + g * (g + k_));
    a2_ = g * a1_;
    a3_ = g * a2_;
  }
  void feed(double in) {
    const double v3 = in - low_state_;
    band = a1_ * band_state_ + a2_ * v3;
    low = low_state_ + a2_ * band_state_ + a3_ * v3;
    band_state_ = 2 * band - band_state_;
    low_state_ = 2 * low - low_state_;
    band *= k_;  // unity at the centre
  }
  double low = 0, band = 0;

 private:
  double rate_, k_ = 1, a1_ = 0, a2_ = 0, a3_ = 0, band_state_ = 0, low_state_ = 0;
};

std::size_t length_of(const SoundRequest& r) {
  return static_cast<std::size_t>(std::max(0.0, std::round(r.seconds * r.sample_rate)));
}

// 0 -> 1 over `attack` seconds, 1 -> 0 over the last `release` seconds.
double edges(double t, double seconds, double attack, double release) {
  const double in = attack > 0 ? std::clamp(t / attack, 0.0, 1.0) : 1;
  const double out = release > 0 ? std::clamp((seconds - t) / release, 0.0, 1.0) : 1;
  return in * out;
}

// Peak to 1: how loud it is to be is decided by whoever asked.
std::vector<float> normalized(std::vector<float> samples) {
  float peak = 0;
  for (float s : samples) peak = std::max(peak, std::abs(s));
  if (peak > 0)
    for (float& s : samples) s /= peak;
  return samples;
}

}  // namespace

std::vector<float> make_impact(const SoundRequest& r) {
  std::vector<float> out(length_of(r));
  Noise noise(r.seed);
  Filter crack(r.sample_rate), body(r.sample_rate);
  body.tune(320 * r.pitch, 0.7);
  double phase = 0;
  // The tail fills the time asked for: after `seconds` it is 60 dB down.
  const double decay = 6.9 / std::max(0.05, r.seconds);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / r.sample_rate;
    const double frequency = (42 + 110 * std::exp(-t * 22)) * r.pitch;
    phase += kTau * frequency / r.sample_rate;
    const double n = noise.next();
    crack.tune((900 + 5000 * std::exp(-t * 45)) * r.pitch, 0.8);
    crack.feed(n);
    body.feed(n);
    const double boom = std::tanh(2.2 * std::sin(phase)) * std::exp(-t * decay);
    const double snap = crack.low * std::exp(-t * (40 + decay)) * 1.3;
    const double room = body.low * std::exp(-t * decay * 1.4) * 0.35;
    out[i] = static_cast<float>((boom + snap + room) * edges(t, r.seconds, 0.001, 0.02));
  }
  return normalized(std::move(out));
}

std::vector<float> make_whoosh(const SoundRequest& r) {
  std::vector<float> out(length_of(r));
  Noise noise(r.seed);
  Filter first(r.sample_rate), second(r.sample_rate);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / r.sample_rate;
    const double x = t / std::max(1e-6, r.seconds);
    // Nearest a little after the middle, as things fly by.
    const double near = std::exp(-std::pow((x - 0.55) / 0.2, 2));
    const double frequency = (220 + 2600 * near + 500 * x) * r.pitch;
    first.tune(frequency, 1.1);
    second.tune(frequency * 1.8, 1.6);
    const double n = noise.next();
    first.feed(n);
    second.feed(n);
    const double gate = std::sin(kTau / 2 * x);
    out[i] = static_cast<float>((first.band + 0.5 * second.band) * near * gate * gate);
  }
  return normalized(std::move(out));
}

std::vector<float> make_riser(const SoundRequest& r) {
  std::vector<float> out(length_of(r));
  Noise noise(r.seed);
  Filter air(r.sample_rate), saws(r.sample_rate);
  double phases[3] = {0, 0, 0};
  const double detune[3] = {1.0, 1.006, 0.5};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / r.sample_rate;
    const double x = t / std::max(1e-6, r.seconds);
    const double base = 110 * std::pow(2.0, 3 * x) * r.pitch;  // three octaves
    double saw = 0;
    for (int voice = 0; voice < 3; ++voice) {
      phases[voice] += base * detune[voice] / r.sample_rate;
      phases[voice] -= std::floor(phases[voice]);
      saw += 2 * phases[voice] - 1;
    }
    saws.tune((300 + 5200 * x * x) * r.pitch, 0.9);
    saws.feed(saw / 3);
    air.tune((400 + 7000 * x * x) * r.pitch, 1.2);
    air.feed(noise.next());
    // Trembles faster towards the end.
    const double tremble = 1 - 0.3 * x * (0.5 + 0.5 * std::sin(kTau * (4 * t + 6 * t * x)));
    const double level = std::pow(x, 1.6) * tremble;
    out[i] = static_cast<float>((0.6 * saws.low + 0.9 * air.band) * level * edges(t, r.seconds, 0.01, 0.015));
  }
  return normalized(std::move(out));
}

std::vector<float> make_boing(const SoundRequest& r) {
  std::vector<float> out(length_of(r));
  Noise noise(r.seed);
  const double wobble_hz = 11 + noise.next();
  const double decay = 5.5 / std::max(0.05, r.seconds);
  double phase = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / r.sample_rate;
    // A spring's note swings up and down, less and less, around a falling pitch.
    const double swing = 0.45 * std::exp(-t * decay * 0.6) * std::sin(kTau * wobble_hz * t);
    const double frequency = 190 * r.pitch * (1 + 0.5 * std::exp(-t * 9)) * (1 + swing);
    phase += kTau * frequency / r.sample_rate;
    const double voice = std::sin(phase) + 0.45 * std::sin(2 * phase) + 0.25 * std::sin(3.01 * phase);
    out[i] = static_cast<float>(voice * std::exp(-t * decay) * edges(t, r.seconds, 0.004, 0.02));
  }
  return normalized(std::move(out));
}

std::vector<float> make_tone(const SoundRequest& r) {
  std::vector<float> out(length_of(r));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / r.sample_rate;
    out[i] =
        static_cast<float>(std::sin(kTau * r.frequency_hz * r.pitch * t) * edges(t, r.seconds, 0.005, 0.005));
  }
  return out;
}

}  // namespace studio
