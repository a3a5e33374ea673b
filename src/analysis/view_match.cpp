// Exhaustive block search with early exits; sums of absolute differences eight pixels at a time.
#include "analysis/view_match.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace studio {
namespace {

constexpr int kBlock = 8;
constexpr int kReachX = 9, kReachY = 6;  // pixels of the half-size picture: a tenth of its width
constexpr int kRadius = 4;               // of the local mean and contrast
constexpr float kNoise = 3.0f;           // luma steps of contrast that are grain, not texture
constexpr float kScale = 40.0f;          // relief steps of one local deviation
// Mean absolute relief of a block: under it there is nothing to recognise.
constexpr int kFlat = 9;
// Of a block's relief, the difference that remains at the best place: the same thing seen again leaves up
// to the first, another thing at least the second.
constexpr float kLike = 0.42f, kUnlike = 0.68f;

#if defined(__SSE2__)
int difference(const std::uint8_t* a, const std::uint8_t* b, int stride) {
  __m128i sum = _mm_setzero_si128();
  for (int y = 0; y < kBlock; y += 2, a += 2L * stride, b += 2L * stride) {
    const auto rows = [stride](const std::uint8_t* at) {
      return _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)),
                                _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + stride)));
    };
    sum = _mm_add_epi64(sum, _mm_sad_epu8(rows(a), rows(b)));
  }
  return _mm_cvtsi128_si32(sum) + _mm_cvtsi128_si32(_mm_srli_si128(sum, 8));
}
#else
int difference(const std::uint8_t* a, const std::uint8_t* b, int stride) {
  int sum = 0;
  for (int y = 0; y < kBlock; ++y, a += stride, b += stride)
    for (int x = 0; x < kBlock; ++x) sum += std::abs(a[x] - b[x]);
  return sum;
}
#endif

int relief_of(const std::uint8_t* block, int stride) {
  int sum = 0;
  for (int y = 0; y < kBlock; ++y, block += stride)
    for (int x = 0; x < kBlock; ++x) sum += std::abs(block[x] - 128);
  return sum;
}

struct Shift {
  int x = 0, y = 0;
};

// The least difference of the block at (x, y) of `from` within reach in `to`, or the first under `enough`.
int best_place(const std::uint8_t* from, const std::uint8_t* to, int width, int height, int x, int y,
               int enough, Shift& guess) {
  const std::uint8_t* block = from + static_cast<std::ptrdiff_t>(y) * width + x;
  int best = 1 << 30;
  Shift at;
  const auto look = [&](int dx, int dy) {
    if (x + dx < 0 || y + dy < 0 || x + dx + kBlock > width || y + dy + kBlock > height) return;
    const int d = difference(block, to + static_cast<std::ptrdiff_t>(y + dy) * width + x + dx, width);
    if (d < best) best = d, at = {dx, dy};
  };
  look(guess.x, guess.y);
  if (best > enough) look(0, 0);
  // Around the guess first, then everywhere.
  for (int dy = -1; dy <= 1 && best > enough; ++dy)
    for (int dx = -1; dx <= 1; ++dx) look(guess.x + dx, guess.y + dy);
  for (int dy = -kReachY; dy <= kReachY && best > enough; ++dy)
    for (int dx = -kReachX; dx <= kReachX; ++dx) look(dx, dy);
  if (best <= enough) guess = at;
  return best;
}

struct Share {
  float unlike = 0, weight = 0, blocks = 0;
};

// How much of `from` is not found in `to`.
Share unlike(const std::vector<std::uint8_t>& from, const std::vector<std::uint8_t>& to, int width,
             int height) {
  Share out;
  Shift guess;
  for (int y = 0; y + kBlock <= height; y += kBlock) {
    for (int x = (width % kBlock) / 2; x + kBlock <= width; x += kBlock) {
      ++out.blocks;
      const int relief = relief_of(from.data() + static_cast<std::ptrdiff_t>(y) * width + x, width);
      if (relief < kFlat * kBlock * kBlock) continue;
      const auto enough = static_cast<int>(kLike * static_cast<float>(relief));
      const int least = best_place(from.data(), to.data(), width, height, x, y, enough, guess);
      const float left = static_cast<float>(least) / static_cast<float>(relief);
      out.unlike += std::clamp((left - kLike) / (kUnlike - kLike), 0.0f, 1.0f);
      ++out.weight;
    }
  }
  return out;
}

}  // namespace

void ViewMatcher::reduce(const WorkingPicture& picture) {
  width_ = picture.width / 2;
  height_ = picture.height / 2;
  half_.resize(static_cast<std::size_t>(width_) * height_);
  for (int y = 0; y < height_; ++y) {
    const std::uint8_t* top = picture.luma.data() + 2L * y * picture.width;
    const std::uint8_t* bottom = top + picture.width;
    std::uint8_t* out = half_.data() + static_cast<std::ptrdiff_t>(y) * width_;
    for (int x = 0; x < width_; ++x)
      out[x] = static_cast<std::uint8_t>(
          (top[2 * x] + top[2 * x + 1] + bottom[2 * x] + bottom[2 * x + 1] + 2) / 4);
  }
}

void ViewMatcher::normalise(Relief& out) {
  const int width = width_, height = height_, stride = width + 1;
  sums_.assign(static_cast<std::size_t>(stride) * (height + 1), 0);
  squares_.assign(sums_.size(), 0);
  for (int y = 0; y < height; ++y) {
    std::uint32_t sum = 0, square = 0;
    const std::size_t row = static_cast<std::size_t>(y + 1) * stride;
    for (int x = 0; x < width; ++x) {
      const std::uint32_t v = half_[static_cast<std::size_t>(y) * width + x];
      sum += v;
      square += v * v;
      sums_[row + x + 1] = sums_[row - stride + x + 1] + sum;
      squares_[row + x + 1] = squares_[row - stride + x + 1] + square;
    }
  }
  out.width = width;
  out.height = height;
  out.pixels.resize(half_.size());
  for (int y = 0; y < height; ++y) {
    const int top = std::max(0, y - kRadius), bottom = std::min(height, y + kRadius + 1);
    for (int x = 0; x < width; ++x) {
      const int left = std::max(0, x - kRadius), right = std::min(width, x + kRadius + 1);
      const auto over = [&](const std::vector<std::uint32_t>& table) {
        return static_cast<float>(table[static_cast<std::size_t>(bottom) * stride + right] -
                                  table[static_cast<std::size_t>(bottom) * stride + left] -
                                  table[static_cast<std::size_t>(top) * stride + right] +
                                  table[static_cast<std::size_t>(top) * stride + left]);
      };
      const float count = static_cast<float>((bottom - top) * (right - left));
      const float mean = over(sums_) / count;
      const float deviation = std::sqrt(std::max(0.0f, over(squares_) / count - mean * mean));
      const std::size_t i = static_cast<std::size_t>(y) * width + x;
      const float relief = (static_cast<float>(half_[i]) - mean) * kScale / (deviation + kNoise);
      out.pixels[i] = static_cast<std::uint8_t>(std::clamp(128.5f + relief, 0.0f, 255.0f));
    }
  }
}

ViewMatch ViewMatcher::follow(const WorkingPicture& picture, bool same) {
  if (same) return {};
  std::swap(before_, now_);
  reduce(picture);
  normalise(now_);
  if (before_.width != now_.width || before_.height != now_.height || now_.pixels.empty()) return {};
  const Share coming = unlike(now_.pixels, before_.pixels, now_.width, now_.height);
  const Share going = unlike(before_.pixels, now_.pixels, now_.width, now_.height);
  if (coming.blocks <= 0) return {};
  const float weight = coming.weight + going.weight;
  return {(coming.unlike + going.unlike) / std::max(weight, 4.0f), weight / (2 * coming.blocks)};
}

}  // namespace studio
