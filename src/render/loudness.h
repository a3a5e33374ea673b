// The one gain that brings a mix to a loudness.
#pragma once

#include <string>

#include "media/loudness_meter.h"

namespace studio {

struct LoudnessGain {
  double gain_db = 0;
  double reached_lufs = -70;  // what the mix will measure
  bool held_by_peak = false;  // the ceiling stopped it short of the target
  std::string warning;        // says so, when held or silent
};

// One linear gain: to `target_lufs`, but not over `ceiling_dbtp`. Dynamics stay as they are.
LoudnessGain gain_to(const Loudness& measured, double target_lufs, double ceiling_dbtp);

}  // namespace studio
