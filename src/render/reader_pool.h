// Open readers, kept for the next clip of the same file: opening costs more than seeking.
#pragma once

#include <algorithm>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/files.h"
#include "media/audio_reader.h"
#include "media/video_reader.h"

namespace studio {

// Reader is VideoReader or AudioReader. Used from one thread.
template <typename Reader>
class IdleReaders {
 public:
  // An idle reader of `path`; null when there is none.
  std::unique_ptr<Reader> take(const Path& path) {
    const auto found =
        std::ranges::find_if(idle_, [&](const auto& reader) { return reader->facts().path == path; });
    if (found == idle_.end()) return nullptr;
    auto reader = std::move(*found);
    idle_.erase(found);
    return reader;
  }
  void give_back(std::unique_ptr<Reader> reader) {
    if (!reader) return;
    if (idle_.size() >= kIdleReaders) idle_.erase(idle_.begin());
    idle_.push_back(std::move(reader));
  }

 private:
  // Each open decoder holds some tens of megabytes at 1080p.
  static constexpr std::size_t kIdleReaders = 2;
  std::vector<std::unique_ptr<Reader>> idle_;  // oldest first
};

class ReaderPool {
 public:
  // threads and stop as in VideoReaderOptions.
  explicit ReaderPool(int threads, std::stop_token stop = {}) : threads_(threads), stop_(std::move(stop)) {}
  Result<std::unique_ptr<VideoReader>> take(const Path& path);
  void give_back(std::unique_ptr<VideoReader> reader) { idle_.give_back(std::move(reader)); }

 private:
  int threads_;
  std::stop_token stop_;
  IdleReaders<VideoReader> idle_;
};

class SoundReaderPool {
 public:
  SoundReaderPool(int sample_rate, int channels) : sample_rate_(sample_rate), channels_(channels) {}
  Result<std::unique_ptr<AudioReader>> take(const Path& path);
  void give_back(std::unique_ptr<AudioReader> reader) { idle_.give_back(std::move(reader)); }
  int sample_rate() const { return sample_rate_; }

 private:
  int sample_rate_, channels_;
  IdleReaders<AudioReader> idle_;
};

}  // namespace studio
