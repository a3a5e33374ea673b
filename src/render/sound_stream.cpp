// Windows over AudioReader's blocks.
#include "render/sound_stream.h"

#include <algorithm>

namespace studio {

namespace {
constexpr std::int64_t kKeepBehind = 1 << 15;  // frames that may be read once more (stretching looks back)
constexpr std::int64_t kBackwardSeconds = 4;   // a backward stream is read in pieces of this length
}  // namespace

SoundStream::SoundStream(SoundReaderPool& pool, std::unique_ptr<AudioReader> reader, bool backward,
                         Time mirror)
    : pool_(&pool),
      reader_(std::move(reader)),
      rate_(pool.sample_rate()),
      backward_(backward),
      mirror_(mirror.to_ticks({1, pool.sample_rate()})) {}

SoundStream::~SoundStream() {
  if (reader_) pool_->give_back(std::move(reader_));
}

Result<SoundStream> SoundStream::open(SoundReaderPool& pool, const Path& path, bool backward, Time mirror) {
  TRY_ASSIGN(auto reader, pool.take(path));
  return SoundStream(pool, std::move(reader), backward, mirror);
}

Result<void> SoundStream::read(std::int64_t first, std::span<float> out) {
  const auto count = static_cast<std::int64_t>(out.size()) / kChannels;
  TRY(cover(first, first + count));
  const std::int64_t have_end = begin_ + static_cast<std::int64_t>(buffer_.size()) / kChannels;
  std::ranges::fill(out, 0.0F);
  const std::int64_t from = std::max(first, begin_), to = std::min(first + count, have_end);
  if (from < to)
    std::copy(buffer_.begin() + (from - begin_) * kChannels, buffer_.begin() + (to - begin_) * kChannels,
              out.begin() + (from - first) * kChannels);
  return {};
}

// Afterwards buffer_ holds what the file has of [first, end).
Result<void> SoundStream::cover(std::int64_t first, std::int64_t end) {
  if (backward_) return load_backward(first, end);
  std::int64_t have_end = begin_ + static_cast<std::int64_t>(buffer_.size()) / kChannels;
  if (!started_ || first < begin_ || first > have_end + 2 * rate_) {
    TRY(reader_->seek(Time::ticks(first, {1, rate_})));
    started_ = true;
    at_end_ = false;
    buffer_.clear();
    begin_ = have_end = first;
  }
  while (!at_end_ && have_end < end) {
    TRY_ASSIGN(auto block, reader_->next());
    if (!block) {
      at_end_ = true;
      break;
    }
    const std::int64_t start = block->start.to_ticks({1, rate_});
    if (buffer_.empty()) begin_ = start;
    buffer_.insert(buffer_.end(), block->samples.begin(), block->samples.end());
    have_end = begin_ + static_cast<std::int64_t>(buffer_.size()) / kChannels;
  }
  // Forget what lies far behind, but not at every call.
  if (first - begin_ > 4 * kKeepBehind) {
    const std::int64_t drop =
        std::min(first - kKeepBehind - begin_, static_cast<std::int64_t>(buffer_.size()) / kChannels);
    buffer_.erase(buffer_.begin(), buffer_.begin() + drop * kChannels);
    begin_ += drop;
  }
  return {};
}

Result<std::vector<float>> SoundStream::file_samples(std::int64_t first, std::int64_t count) {
  std::vector<float> samples(static_cast<std::size_t>(count * kChannels), 0.0F);
  if (first + count <= 0) return samples;
  TRY(reader_->seek(Time::ticks(first, {1, rate_})));
  while (true) {
    TRY_ASSIGN(const auto block, reader_->next());
    if (!block) return samples;
    const std::int64_t start = block->start.to_ticks({1, rate_});
    if (start >= first + count) return samples;
    const std::int64_t from = std::max(start, first), to = std::min(start + block->frames(), first + count);
    if (from < to)
      std::copy(block->samples.begin() + (from - start) * kChannels,
                block->samples.begin() + (to - start) * kChannels,
                samples.begin() + (from - first) * kChannels);
    if (start + block->frames() >= first + count) return samples;
  }
}

// Position p is file sample mirror_ - 1 - p: pieces of some seconds are read and turned round.
Result<void> SoundStream::load_backward(std::int64_t first, std::int64_t end) {
  std::int64_t have_end = begin_ + static_cast<std::int64_t>(buffer_.size()) / kChannels;
  if (!started_ || first < begin_ || first > have_end) {
    started_ = true;
    buffer_.clear();
    begin_ = have_end = first;
  }
  while (have_end < end) {
    const std::int64_t count = std::max(end - have_end, kBackwardSeconds * rate_);
    TRY_ASSIGN(const auto samples, file_samples(mirror_ - have_end - count, count));
    for (std::int64_t i = count - 1; i >= 0; --i)
      for (int c = 0; c < kChannels; ++c)
        buffer_.push_back(samples[static_cast<std::size_t>(i * kChannels + c)]);
    have_end += count;
  }
  if (first - begin_ > 8 * kKeepBehind) {
    const std::int64_t drop = first - kKeepBehind - begin_;
    buffer_.erase(buffer_.begin(), buffer_.begin() + drop * kChannels);
    begin_ += drop;
  }
  return {};
}

}  // namespace studio
