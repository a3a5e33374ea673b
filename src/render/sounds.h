// Sounds the studio makes itself: impact, whoosh, riser, boing, tone, silence.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace studio {

struct SoundRequest {
  double seconds = 1;
  int sample_rate = 48000;
  std::uint64_t seed = 1;     // another seed, another grain of the same sound
  double pitch = 1;           // times the usual pitch, 0.25..4
  double frequency_hz = 440;  // of the tone
};

// Mono, -1..1. Built from oscillators and filtered noise with fixed arithmetic, so that the same
// request gives the same samples. Each starts and ends at silence.
std::vector<float> make_impact(const SoundRequest& request);  // a hit: dropping sine, noise, long tail
std::vector<float> make_whoosh(
    const SoundRequest& request);  // air passing: band of noise that rises and falls
std::vector<float> make_riser(
    const SoundRequest& request);  // tension: pitch, brightness and level grow to the end
std::vector<float> make_boing(const SoundRequest& request);  // a spring: wobbling pitch, dying away
std::vector<float> make_tone(const SoundRequest& request);   // a sine

}  // namespace studio
