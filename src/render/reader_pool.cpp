// Taking a reader out of the pool, or opening one.
#include "render/reader_pool.h"

namespace studio {

Result<std::unique_ptr<VideoReader>> ReaderPool::take(const Path& path) {
  if (auto reader = idle_.take(path)) return reader;
  TRY_ASSIGN(auto opened, VideoReader::open(path, {.threads = threads_, .stop = stop_}));
  return std::make_unique<VideoReader>(std::move(opened));
}

Result<std::unique_ptr<AudioReader>> SoundReaderPool::take(const Path& path) {
  if (auto reader = idle_.take(path)) return reader;
  TRY_ASSIGN(auto opened, AudioReader::open(path, {.sample_rate = sample_rate_, .channels = channels_}));
  return std::make_unique<AudioReader>(std::move(opened));
}

}  // namespace studio
