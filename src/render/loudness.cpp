// The one gain that brings a mix to a loudness.
#include "render/loudness.h"

#include <fmt/format.h>

namespace studio {

LoudnessGain gain_to(const Loudness& measured, double target_lufs, double ceiling_dbtp) {
  LoudnessGain gain;
  if (measured.silent()) {
    gain.warning = "the mix is silent: its loudness was not changed";
    return gain;
  }
  gain.gain_db = target_lufs - measured.integrated_lufs;
  const double room = ceiling_dbtp - measured.true_peak_dbtp;
  if (gain.gain_db > room) {
    gain.gain_db = room;
    gain.held_by_peak = true;
    gain.warning = fmt::format(
        "the mix reaches {:.1f} LUFS instead of {:.1f}: more would push its peaks over {:.1f} dBTP",
        measured.integrated_lufs + room, target_lufs, ceiling_dbtp);
  }
  gain.reached_lufs = measured.integrated_lufs + gain.gain_db;
  return gain;
}

}  // namespace studio
