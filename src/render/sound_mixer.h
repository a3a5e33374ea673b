// All sound of a timeline, mixed block by block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "render/clip_sound.h"
#include "render/ducking.h"
#include "render/effects.h"
#include "render/placement.h"

namespace studio {

// Whether anything in the timeline sounds. `has_audio` answers for a file path.
bool has_sound(const Timeline& timeline, const std::function<bool(const std::string& path)>& has_audio);

class SoundMixer {
 public:
  // The timeline must outlive the mixer. Clips are opened when reached and closed when done.
  static Result<SoundMixer> create(const Timeline& timeline, std::int64_t total_samples,
                                   const std::function<bool(const std::string& path)>& has_audio);
  SoundMixer(SoundMixer&&) noexcept;
  SoundMixer& operator=(SoundMixer&&) noexcept;
  ~SoundMixer();

  static constexpr std::int64_t kBlockFrames = 2048;

  // The next block, interleaved stereo; empty at the end.
  Result<std::vector<float>> next();

 private:
  struct State;
  explicit SoundMixer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace studio
