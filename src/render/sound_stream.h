// The samples of a file's sound as one long row, forward or backward, silence around it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "media/audio_reader.h"
#include "render/reader_pool.h"

namespace studio {

// Stereo, interleaved. Position p of a forward stream is sample p of the file (time p / rate);
// position p of a backward stream is the sample before time `mirror` - p / rate: what plays when
// the film runs backwards from `mirror`.
class SoundStream {
 public:
  static Result<SoundStream> open(SoundReaderPool& pool, const Path& path, bool backward = false,
                                  Time mirror = {});
  SoundStream(SoundStream&&) noexcept = default;
  SoundStream& operator=(SoundStream&&) = delete;
  ~SoundStream();

  static constexpr int kChannels = 2;

  // Fills `out` (whole frames) from position `first`; reading ahead or slightly back is cheap,
  // far jumps seek.
  Result<void> read(std::int64_t first, std::span<float> out);

 private:
  SoundStream(SoundReaderPool& pool, std::unique_ptr<AudioReader> reader, bool backward, Time mirror);
  Result<void> cover(std::int64_t first, std::int64_t end);
  Result<void> load_backward(std::int64_t first, std::int64_t end);
  Result<std::vector<float>> file_samples(std::int64_t first, std::int64_t count);

  SoundReaderPool* pool_;
  std::unique_ptr<AudioReader> reader_;
  int rate_;
  bool backward_;
  std::int64_t mirror_ = 0;  // in samples
  std::int64_t begin_ = 0;   // position of the first sample in buffer_
  std::vector<float> buffer_;
  bool started_ = false, at_end_ = false;
};

}  // namespace studio
