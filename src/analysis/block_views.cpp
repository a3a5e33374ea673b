// Correlations of all patches with all shifts in integers, a row of patches at a time.
#include "analysis/block_views.h"

#include <algorithm>
#include <cmath>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace studio {
namespace {

constexpr int kSide = BlockPatches::kSide, kParts = BlockPatches::kParts;
constexpr int kColumns = BlockPatches::kColumns, kRows = BlockPatches::kRows, kStride = BlockPatches::kStride;
constexpr int kReachX = 3, kReachY = 2;          // blocks: an eighth of the width
constexpr float kFlat = 1.5f;                    // standard deviation in luma steps that says nothing
constexpr float kTextured = 4.0f;                // and the one that says all it can
constexpr float kLike = 0.88f, kUnlike = 0.55f;  // correlations of the same thing seen again, of another
constexpr float kWhole = BlockPatches::kUnit * BlockPatches::kUnit;

using Best = std::array<std::array<std::int32_t, kStride>, kRows>;

// Correlations of `count` patches side by side, times kWhole; up to three more are written.
void correlate(const BlockPatches& a, int row_a, int from_a, const BlockPatches& b, int row_b, int from_b,
               int count, std::int32_t* out) {
#if defined(__SSE2__)
  const auto load = [](const std::int16_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  };
  for (int i = 0; i < count; i += 4) {
    // The last vector may not run out of the rows: it starts earlier then.
    const int at = std::min({i, kStride - 4 - from_a, kStride - 4 - from_b});
    __m128i sum = _mm_setzero_si128();
    for (int p = 0; p < kParts / 2; ++p)
      sum = _mm_add_epi32(sum, _mm_madd_epi16(load(a.pairs[p][row_a].data() + 2 * (from_a + at)),
                                              load(b.pairs[p][row_b].data() + 2 * (from_b + at))));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), sum);
  }
#else
  for (int i = 0; i < count; ++i) {
    std::int32_t sum = 0;
    for (int p = 0; p < kParts / 2; ++p)
      for (int k = 0; k < 2; ++k)
        sum += a.pairs[p][row_a][2 * (from_a + i) + k] * b.pairs[p][row_b][2 * (from_b + i) + k];
    out[i] = sum;
  }
#endif
}

struct Share {
  float unlike = 0, weight = 0;
};

Share share_of(const BlockPatches& of, const Best& best, const ActiveArea& area) {
  Share out;
  for (int y = area.top; y + kSide <= area.bottom; ++y) {
    for (int x = area.left; x + kSide <= area.right; ++x) {
      const float weight = of.weight[y][x], found = static_cast<float>(best[y][x]) / kWhole;
      out.unlike += weight * std::clamp((kLike - found) / (kLike - kUnlike), 0.0f, 1.0f);
      out.weight += weight;
    }
  }
  return out;
}

}  // namespace

BlockPatches::BlockPatches(const FrameFeatures& frame) {
  for (int y = 0; y < kRows; ++y) {
    std::array<int, kColumns> sum{}, squares{};
    for (int p = 0; p < kParts; ++p) {
      const std::uint8_t* blocks = frame.luma_blocks.data() + (y + p / kSide) * kLumaColumns + p % kSide;
      for (int x = 0; x < kColumns; ++x) {
        sum[x] += blocks[x];
        squares[x] += blocks[x] * blocks[x];
      }
    }
    std::array<float, kColumns> mean{}, scale{};
    for (int x = 0; x < kColumns; ++x) {
      mean[x] = static_cast<float>(sum[x]) / kParts;
      const float variance = static_cast<float>(squares[x]) / kParts - mean[x] * mean[x];
      const float deviation = std::sqrt(std::max(0.0f, variance));
      weight[y][x] = std::clamp((deviation - kFlat) / (kTextured - kFlat), 0.0f, 1.0f);
      scale[x] = kUnit / (std::max(0.1f, deviation) * kSide);
    }
    for (int p = 0; p < kParts; ++p) {
      const std::uint8_t* blocks = frame.luma_blocks.data() + (y + p / kSide) * kLumaColumns + p % kSide;
      for (int x = 0; x < kColumns; ++x)
        pairs[p / 2][y][2 * x + p % 2] =
            static_cast<std::int16_t>((static_cast<float>(blocks[x]) - mean[x]) * scale[x]);
    }
  }
}

float unlike(const BlockPatches& a, const BlockPatches& b, const ActiveArea& area) {
  Best best_a, best_b;
  for (auto* best : {&best_a, &best_b})
    for (auto& row : *best) row.fill(0);
  const int top = area.top, bottom = area.bottom - kSide + 1;
  const int left = area.left, right = area.right - kSide + 1;
  std::array<std::int32_t, kStride + 4> product;
  for (int dy = -kReachY; dy <= kReachY; ++dy) {
    for (int y = std::max(top, top - dy); y < std::min(bottom, bottom - dy); ++y) {
      for (int dx = -kReachX; dx <= kReachX; ++dx) {
        const int first = std::max(left, left - dx), count = std::min(right, right - dx) - first;
        if (count <= 0) continue;
        correlate(a, y, first, b, y + dy, first + dx, count, product.data());
        std::int32_t* here = best_a[y].data() + first;
        std::int32_t* there = best_b[y + dy].data() + first + dx;
        for (int i = 0; i < count; ++i) here[i] = std::max(here[i], product[i]);
        for (int i = 0; i < count; ++i) there[i] = std::max(there[i], product[i]);
      }
    }
  }
  const Share going = share_of(a, best_a, area), coming = share_of(b, best_b, area);
  const float weight = going.weight + coming.weight;
  return weight < 4 ? 0.5f : (going.unlike + coming.unlike) / weight;
}

const BlockPatches& PatchCache::of(std::span<const FrameFeatures> frames, std::int64_t frame) {
  if (slots_.empty()) slots_.assign(kSlots, {-1, BlockPatches(FrameFeatures{})});
  Slot& slot = slots_[static_cast<std::size_t>(frame % kSlots)];
  if (slot.frame != frame) slot = {frame, BlockPatches(frames[static_cast<std::size_t>(frame)])};
  return slot.patches;
}

}  // namespace studio
