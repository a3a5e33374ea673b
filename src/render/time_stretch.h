// Sound at another speed: with its pitch kept (WSOLA) or moved along (resampling).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"

namespace studio {

// Reads `out` (interleaved stereo) from the source position `first`, silence where there is nothing.
using SampleReader = std::function<Result<void>(std::int64_t first, std::span<float> out)>;
// Source position, in samples, that sounds at output sample `out`; never falling.
using SampleMap = std::function<double(std::int64_t out)>;

// Each output window is taken from where the map says it belongs, give or take the ~10 ms in which
// the best match with the sound so far is looked for: so nothing drifts, whatever the speed does on
// the way (Verhelst and Roelands, "An overlap-add technique based on waveform similarity", ICASSP 1993).
class PitchKeepingStretch {
 public:
  PitchKeepingStretch(SampleReader reader, SampleMap map, int sample_rate);
  // The next samples of the output, which begins at output sample 0.
  Result<void> read(std::span<float> out);

 private:
  Result<void> add_window();
  Result<std::int64_t> best_start(std::int64_t ideal);

  SampleReader reader_;
  SampleMap map_;
  int hop_, search_;
  std::vector<float> window_;
  std::int64_t next_window_ = -1;  // number of the window to add; it starts at next_window_ * hop_
  std::int64_t natural_ = 0;       // where the sound chosen last would go on by itself
  bool has_natural_ = false;
  std::vector<float> tail_;   // second half of the last window, not yet complete
  std::vector<float> ready_;  // finished samples
  std::size_t used_ = 0;
};

// Band-limited interpolation at map(out): pitch follows speed, as a tape does.
class TapeSpeed {
 public:
  TapeSpeed(SampleReader reader, SampleMap map);
  Result<void> read(std::span<float> out);

 private:
  SampleReader reader_;
  SampleMap map_;
  std::int64_t position_ = 0;
};

}  // namespace studio
