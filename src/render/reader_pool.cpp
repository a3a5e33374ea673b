// The pool behind reader_pool.h.
#include "render/reader_pool.h"

#include <algorithm>

namespace studio {

namespace {
// Each open decoder holds some tens of megabytes at 1080p.
constexpr std::size_t kIdleReaders = 2;
}  // namespace

Result<std::unique_ptr<VideoReader>> ReaderPool::take(const Path& path) {
  const auto found =
      std::ranges::find_if(idle_, [&](const auto& reader) { return reader->facts().path == path; });
  if (found != idle_.end()) {
    auto reader = std::move(*found);
    idle_.erase(found);
    return reader;
  }
  TRY_ASSIGN(auto reader, VideoReader::open(path, {.threads = threads_}));
  return std::make_unique<VideoReader>(std::move(reader));
}

void ReaderPool::give_back(std::unique_ptr<VideoReader> reader) {
  if (!reader) return;
  if (idle_.size() >= kIdleReaders) idle_.erase(idle_.begin());
  idle_.push_back(std::move(reader));
}

}  // namespace studio
