// Open readers, kept for the next clip of the same file: opening costs more than seeking.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/video_reader.h"

namespace studio {

class ReaderPool {
 public:
  explicit ReaderPool(int threads) : threads_(threads) {}
  // An idle reader of `path`, or a new one.
  Result<std::unique_ptr<VideoReader>> take(const Path& path);
  void give_back(std::unique_ptr<VideoReader> reader);

 private:
  int threads_;
  std::vector<std::unique_ptr<VideoReader>> idle_;  // oldest first
};

}  // namespace studio
