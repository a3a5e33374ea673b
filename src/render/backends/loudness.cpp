// Loudness by libebur128, the reference implementation of EBU R 128.
#include "render/loudness.h"

#include <ebur128.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace studio {

struct LoudnessMeter::State {
  ebur128_state* meter = nullptr;
  int channels = 0;
  ~State() {
    if (meter) ebur128_destroy(&meter);
  }
};

Result<LoudnessMeter> LoudnessMeter::create(int sample_rate, int channels) {
  auto state = std::make_unique<State>();
  state->channels = channels;
  if (sample_rate > 0 && channels > 0)
    state->meter =
        ebur128_init(static_cast<unsigned>(channels), static_cast<unsigned long>(sample_rate),
                     EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK | EBUR128_MODE_HISTOGRAM);
  if (!state->meter)
    return fail(ErrorKind::unsupported,
                fmt::format("measure loudness of {} channels at {} Hz", channels, sample_rate));
  return LoudnessMeter(std::move(state));
}

LoudnessMeter::LoudnessMeter(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoudnessMeter::LoudnessMeter(LoudnessMeter&&) noexcept = default;
LoudnessMeter& LoudnessMeter::operator=(LoudnessMeter&&) noexcept = default;
LoudnessMeter::~LoudnessMeter() = default;

Result<void> LoudnessMeter::add(std::span<const float> samples) {
  const std::size_t frames = samples.size() / static_cast<std::size_t>(state_->channels);
  if (ebur128_add_frames_float(state_->meter, samples.data(), frames) != EBUR128_SUCCESS)
    return fail(ErrorKind::internal, "measure loudness: out of memory");
  return {};
}

Loudness LoudnessMeter::result() const {
  Loudness loudness;
  double value = 0;
  if (ebur128_loudness_global(state_->meter, &value) == EBUR128_SUCCESS)
    loudness.integrated_lufs = std::max(-70.0, std::isfinite(value) ? value : -70.0);
  if (ebur128_loudness_range(state_->meter, &value) == EBUR128_SUCCESS) loudness.range_lu = value;
  double true_peak = 0, sample_peak = 0;
  for (int channel = 0; channel < state_->channels; ++channel) {
    if (ebur128_true_peak(state_->meter, static_cast<unsigned>(channel), &value) == EBUR128_SUCCESS)
      true_peak = std::max(true_peak, value);
    if (ebur128_sample_peak(state_->meter, static_cast<unsigned>(channel), &value) == EBUR128_SUCCESS)
      sample_peak = std::max(sample_peak, value);
  }
  auto to_db = [](double peak) { return peak > 1e-5 ? 20 * std::log10(peak) : -99.0; };
  loudness.true_peak_dbtp = to_db(std::max(true_peak, sample_peak));
  loudness.sample_peak_dbfs = to_db(sample_peak);
  return loudness;
}

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
