// The sound of a file as float samples on an exact sample clock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"
#include "media/probe.h"

namespace studio {

struct AudioReaderOptions {
  int sample_rate = 0;  // 0: as the file
  int channels = 0;     // 0: as the file; 1, 2, ...: mixed down or spread
};

struct AudioBlock {
  Time start;  // of the first sample, in the file's own time
  int channels = 0, sample_rate = 0;
  std::vector<float> samples;  // interleaved, nominally -1..1
  std::int64_t frames() const {
    return channels > 0 ? static_cast<std::int64_t>(samples.size()) / channels : 0;
  }
};

// Blocks follow each other without a hole: where the file skips time, silence is put, where it
// steps back, samples are dropped (only beyond 20 ms; smaller steps are rounding of containers).
class AudioReader {
 public:
  // Errors: as probe(), and unsupported (no sound stream, no decoder).
  static Result<AudioReader> open(const Path& path, const AudioReaderOptions& options = {});
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;
  ~AudioReader();

  const MediaFacts& facts() const;
  int sample_rate() const;  // of the blocks
  int channels() const;

  // The next block, or nothing at the end. Broken packets are skipped and counted.
  Result<std::optional<AudioBlock>> next();

  // Afterwards the first sample of next() is the one nearest to `t`, or the file's first
  // when `t` lies before it. Nothing follows when `t` lies behind the end.
  Result<void> seek(Time t);

  std::int64_t bad_packets() const;

 private:
  struct State;
  explicit AudioReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace studio
