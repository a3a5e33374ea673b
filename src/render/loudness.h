// Loudness by EBU R 128 / ITU-R BS.1770-4, and the one gain that brings a mix to a target.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace studio {

struct Loudness {
  double integrated_lufs = -70;  // -70 or below: silence
  double range_lu = 0;
  double true_peak_dbtp = -99;
  double sample_peak_dbfs = -99;
  bool silent() const { return integrated_lufs <= -69.9; }
};

// Feed the mix block by block, interleaved.
class LoudnessMeter {
 public:
  static Result<LoudnessMeter> create(int sample_rate, int channels);
  LoudnessMeter(LoudnessMeter&&) noexcept;
  LoudnessMeter& operator=(LoudnessMeter&&) noexcept;
  ~LoudnessMeter();
  Result<void> add(std::span<const float> samples);
  Loudness result() const;

 private:
  struct State;
  explicit LoudnessMeter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct LoudnessGain {
  double gain_db = 0;
  double reached_lufs = -70;  // what the mix will measure
  bool held_by_peak = false;  // the ceiling stopped it short of the target
  std::string warning;        // says so, when held or silent
};

// One linear gain: to `target_lufs`, but not over `ceiling_dbtp`. Dynamics stay as they are.
LoudnessGain gain_to(const Loudness& measured, double target_lufs, double ceiling_dbtp);

}  // namespace studio
