// Music steps back while somebody speaks: gain over time from the level of the voice.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "timeline/timeline.h"

namespace studio {

struct DuckOptions {
  std::string voice;          // id of the track that speaks; empty: every other track with sound
  double amount_db = 12;      // how far the bed goes down, 0..60
  double threshold_db = -40;  // RMS level of the voice over which it counts as speaking, dBFS
  double attack_s = 0.15;     // to go down; the bed is down when the voice begins (look-ahead)
  double release_s = 0.6;     // to come back
  double hold_s = 0.35;       // pauses shorter than this do not bring the bed back
};

// Feed the voice, then apply to the bed up to where the gain is known:
//   ducker.push_voice(voice_block);                 // interleaved, `channels` channels
//   ducker.apply(bed_block, first_frame);           // while first + frames <= known_frames()
// The voice has to run ahead of the bed by look_ahead_frames(); finish_voice() releases the rest.
class Ducker {
 public:
  Ducker(const DuckOptions& options, int sample_rate, int channels);
  void push_voice(std::span<const float> voice);
  void finish_voice();
  std::int64_t look_ahead_frames() const;
  std::int64_t known_frames() const;  // gain is known for sample frames below this one
  void apply(std::span<float> bed, int channels, std::int64_t first_frame) const;
  double gain_at(std::int64_t frame) const;  // linear

 private:
  void settle(bool last);
  DuckOptions options_;
  int sample_rate_, channels_, hop_;
  std::vector<float> partial_;  // mono samples of an unfinished hop
  std::vector<char> speaking_;  // one a hop
  std::vector<float> gain_db_;  // one a hop, settled
  bool finished_ = false;
};

}  // namespace studio
