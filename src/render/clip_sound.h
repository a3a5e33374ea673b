// One clip's sound as it plays: retimed, with its gain, effects and fades.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "render/effects.h"
#include "render/placement.h"
#include "render/sound_stream.h"
#include "render/time_stretch.h"

namespace studio {

class ClipSound {
 public:
  static Result<std::unique_ptr<ClipSound>> open(const PlacedSound& placed, SoundReaderPool& pool);
  ClipSound(const ClipSound&) = delete;
  ClipSound& operator=(const ClipSound&) = delete;

  const PlacedSound& placed() const { return placed_; }
  // The next samples, from placed().begin on: interleaved stereo.
  Result<void> read(std::span<float> out);

 private:
  ClipSound(const PlacedSound& placed, int sample_rate, SoundEffects effects);
  Result<void> open_file(const Path& path, SoundReaderPool& pool);
  Result<void> open_generator(const Generator& generator);
  void fade(std::span<float> out) const;

  PlacedSound placed_;
  int rate_;
  SoundEffects effects_;
  std::int64_t position_ = 0;  // samples read so far
  std::optional<SoundStream> stream_;
  std::int64_t straight_from_ = 0;  // source position of the first sample, at plain speed
  std::optional<PitchKeepingStretch> stretch_;
  std::optional<TapeSpeed> tape_;
  std::vector<float> made_;  // a generator's whole sound, from clip offset 0
};

}  // namespace studio
