// Block arithmetic; every loop runs over the active area only.
#include "analysis/block_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace studio {
namespace {

constexpr int kBlack = 22;    // full range; letterbox bars after compression stay under it
constexpr int kBarNoise = 6;  // of a bar's block means, over a whole clip

int luma_at(const FrameFeatures& frame, int row, int column) {
  return frame.luma_blocks[static_cast<std::size_t>(row) * kLumaColumns + column];
}

float sample(const float* plane, int columns, int rows, float x, float y) {
  x = std::clamp(x, 0.0f, static_cast<float>(columns - 1));
  y = std::clamp(y, 0.0f, static_cast<float>(rows - 1));
  const int x0 = static_cast<int>(x), y0 = static_cast<int>(y);
  const int x1 = std::min(x0 + 1, columns - 1), y1 = std::min(y0 + 1, rows - 1);
  const float fx = x - static_cast<float>(x0), fy = y - static_cast<float>(y0);
  const float top = plane[y0 * columns + x0] * (1 - fx) + plane[y0 * columns + x1] * fx;
  const float bottom = plane[y1 * columns + x0] * (1 - fx) + plane[y1 * columns + x1] * fx;
  return top * (1 - fy) + bottom * fy;
}

}  // namespace

ActiveArea active_area(std::span<const FrameFeatures> frames) {
  std::array<std::uint8_t, kLumaColumns * kLumaRows> brightest{}, darkest;
  darkest.fill(255);
  for (const auto& frame : frames) {
    for (std::size_t i = 0; i < brightest.size(); ++i) {
      brightest[i] = std::max(brightest[i], frame.luma_blocks[i]);
      darkest[i] = std::min(darkest[i], frame.luma_blocks[i]);
    }
  }
  // Black and always the same: a dark scene moves at least.
  const auto is_bar = [&](int row, int column) {
    const auto i = static_cast<std::size_t>(row) * kLumaColumns + column;
    return brightest[i] <= kBlack && brightest[i] - darkest[i] <= kBarNoise;
  };
  const auto bar_row = [&](int row) {
    for (int c = 0; c < kLumaColumns; ++c)
      if (!is_bar(row, c)) return false;
    return true;
  };
  const auto bar_column = [&](int column) {
    for (int r = 0; r < kLumaRows; ++r)
      if (!is_bar(r, column)) return false;
    return true;
  };
  ActiveArea area;
  while (area.top < kLumaRows / 2 - 2 && bar_row(area.top)) ++area.top;
  while (area.bottom > kLumaRows / 2 + 2 && bar_row(area.bottom - 1)) --area.bottom;
  while (area.left < kLumaColumns / 2 - 4 && bar_column(area.left)) ++area.left;
  while (area.right > kLumaColumns / 2 + 4 && bar_column(area.right - 1)) --area.right;
  // The block behind a bar may hold its edge.
  if (area.top > 0) ++area.top;
  if (area.bottom < kLumaRows) --area.bottom;
  if (area.left > 0) ++area.left;
  if (area.right < kLumaColumns) --area.right;
  return area;
}

Canvas canvas_of(const FrameFeatures& frame) {
  Canvas out;
  std::copy(frame.luma_blocks.begin(), frame.luma_blocks.end(), out.luma.begin());
  std::copy(frame.cb_blocks.begin(), frame.cb_blocks.end(), out.cb.begin());
  std::copy(frame.cr_blocks.begin(), frame.cr_blocks.end(), out.cr.begin());
  return out;
}

Canvas moved(const Canvas& canvas, float dx, float dy) {
  if (std::abs(dx) < 0.02f && std::abs(dy) < 0.02f) return canvas;
  Canvas out;
  for (int y = 0; y < kLumaRows; ++y)
    for (int x = 0; x < kLumaColumns; ++x)
      out.luma[static_cast<std::size_t>(y) * kLumaColumns + x] =
          sample(canvas.luma.data(), kLumaColumns, kLumaRows, static_cast<float>(x) - dx,
                 static_cast<float>(y) - dy);
  for (int y = 0; y < kChromaRows; ++y) {
    for (int x = 0; x < kChromaColumns; ++x) {
      const auto i = static_cast<std::size_t>(y) * kChromaColumns + x;
      const float from_x = static_cast<float>(x) - dx / 2, from_y = static_cast<float>(y) - dy / 2;
      out.cb[i] = sample(canvas.cb.data(), kChromaColumns, kChromaRows, from_x, from_y);
      out.cr[i] = sample(canvas.cr.data(), kChromaColumns, kChromaRows, from_x, from_y);
    }
  }
  return out;
}

Canvas mixed(const Canvas& a, const Canvas& b, float share_of_b) {
  Canvas out;
  for (std::size_t i = 0; i < out.luma.size(); ++i)
    out.luma[i] = a.luma[i] + share_of_b * (b.luma[i] - a.luma[i]);
  for (std::size_t i = 0; i < out.cb.size(); ++i) {
    out.cb[i] = a.cb[i] + share_of_b * (b.cb[i] - a.cb[i]);
    out.cr[i] = a.cr[i] + share_of_b * (b.cr[i] - a.cr[i]);
  }
  return out;
}

void BlockGrid::mix(const Canvas& a, const Canvas& b, const Canvas& here, CellMix& out) const {
  for (int y = area_.cell_top(); y < area_.cell_bottom(); ++y) {
    for (int x = area_.cell_left(); x < area_.cell_right(); ++x) {
      const int cell = y * kChromaColumns + x;
      float product = 0, square = 0;
      std::array<float, 6> way{}, done{};
      for (int k = 0; k < 4; ++k) {
        const auto i = static_cast<std::size_t>(2 * y + k / 2) * kLumaColumns + 2 * x + k % 2;
        way[k] = (b.luma[i] - a.luma[i]) * 0.5f;
        done[k] = (here.luma[i] - a.luma[i]) * 0.5f;
      }
      way[4] = b.cb[cell] - a.cb[cell];
      done[4] = here.cb[cell] - a.cb[cell];
      way[5] = b.cr[cell] - a.cr[cell];
      done[5] = here.cr[cell] - a.cr[cell];
      for (int k = 0; k < 6; ++k) {
        product += way[k] * done[k];
        square += way[k] * way[k];
      }
      const float share = square < 4 ? 0.5f : std::clamp(product / square, 0.0f, 1.0f);
      float left = 0;
      for (int k = 0; k < 6; ++k) {
        const float off = done[k] - share * way[k];
        left += off * off;
      }
      out.share[cell] = share;
      out.residual[cell] = std::sqrt(left);
      out.apart[cell] = std::sqrt(square);
    }
  }
}

float BlockGrid::distance(const FrameFeatures& a, const FrameFeatures& b) const {
  int luma = 0, chroma = 0;
  for (int y = area_.top; y < area_.bottom; ++y)
    for (int x = area_.left; x < area_.right; ++x) luma += std::abs(luma_at(a, y, x) - luma_at(b, y, x));
  for (int y = area_.cell_top(); y < area_.cell_bottom(); ++y) {
    for (int x = area_.cell_left(); x < area_.cell_right(); ++x) {
      const auto i = static_cast<std::size_t>(y) * kChromaColumns + x;
      chroma += std::abs(a.cb_blocks[i] - b.cb_blocks[i]) + std::abs(a.cr_blocks[i] - b.cr_blocks[i]);
    }
  }
  const auto cells = static_cast<float>(area_.cells());
  return static_cast<float>(luma) / static_cast<float>(area_.blocks()) +
         0.5f * static_cast<float>(chroma) / cells;
}

float BlockGrid::distance(const Canvas& a, const Canvas& b) const {
  float luma = 0, chroma = 0;
  for (int y = area_.top; y < area_.bottom; ++y) {
    for (int x = area_.left; x < area_.right; ++x) {
      const auto i = static_cast<std::size_t>(y) * kLumaColumns + x;
      luma += std::abs(a.luma[i] - b.luma[i]);
    }
  }
  for (int y = area_.cell_top(); y < area_.cell_bottom(); ++y) {
    for (int x = area_.cell_left(); x < area_.cell_right(); ++x) {
      const auto i = static_cast<std::size_t>(y) * kChromaColumns + x;
      chroma += std::abs(a.cb[i] - b.cb[i]) + std::abs(a.cr[i] - b.cr[i]);
    }
  }
  const auto cells = static_cast<float>(area_.cells());
  return luma / static_cast<float>(area_.blocks()) + 0.5f * chroma / cells;
}

namespace {

// Luma blocks of the active area, its edges repeated around it, rows of a fixed length: the loops of
// tolerant_distance then have no borders and the compiler takes sixteen blocks at a time.
constexpr int kPad = 4, kPaddedStride = kLumaColumns + 2 * kPad;
struct Padded {
  std::array<std::uint8_t, kPaddedStride*(kLumaRows + 2 * kPad)> blocks;
  Padded(const FrameFeatures& frame, const ActiveArea& area) {
    const int left = area.left, right = area.right;
    for (int y = 0; y < kLumaRows + 2 * kPad; ++y) {
      const int from_y = std::clamp(y - kPad, area.top, area.bottom - 1);
      std::uint8_t* row = blocks.data() + y * kPaddedStride;
      std::memcpy(row + kPad, frame.luma_blocks.data() + from_y * kLumaColumns, kLumaColumns);
      std::memset(row, row[kPad + left], static_cast<std::size_t>(kPad + left));
      std::memset(row + kPad + right, row[kPad + right - 1],
                  static_cast<std::size_t>(kPaddedStride - kPad - right));
    }
  }
  const std::uint8_t* at(int y, int x) const { return blocks.data() + (y + kPad) * kPaddedStride + x + kPad; }
};

// Of each block of a row of `from`, the least difference to the blocks around it in `to`.
#if defined(__SSE2__)
void least_differences(const Padded& from, const Padded& to, int y, int reach, std::uint8_t* least) {
  const auto load = [](const std::uint8_t* at) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  };
  const auto apart = [](__m128i a, __m128i b) {
    return _mm_or_si128(_mm_subs_epu8(a, b), _mm_subs_epu8(b, a));
  };
  static_assert(kLumaColumns == 24);  // two overlapping halves of 16
  const __m128i left = load(from.at(y, 0)), right = load(from.at(y, 8));
  __m128i least_left = _mm_set1_epi8(-1), least_right = least_left;
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      const std::uint8_t* other = to.at(y + dy, dx);
      least_left = _mm_min_epu8(least_left, apart(left, load(other)));
      least_right = _mm_min_epu8(least_right, apart(right, load(other + 8)));
    }
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(least), least_left);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(least + 8), least_right);
}
#else
void least_differences(const Padded& from, const Padded& to, int y, int reach, std::uint8_t* least) {
  const std::uint8_t* row = from.at(y, 0);
  std::fill(least, least + kLumaColumns, std::uint8_t{255});
  for (int dy = -reach; dy <= reach; ++dy) {
    for (int dx = -reach; dx <= reach; ++dx) {
      const std::uint8_t* other = to.at(y + dy, dx);
      for (int x = 0; x < kLumaColumns; ++x) {
        const int apart = std::abs(int{row[x]} - int{other[x]});
        if (apart < least[x]) least[x] = static_cast<std::uint8_t>(apart);
      }
    }
  }
}
#endif

int one_way_row(const Padded& from, const Padded& to, int y, int reach, int left, int right) {
  std::array<std::uint8_t, kLumaColumns> least;
  least_differences(from, to, y, reach, least.data());
  int sum = 0;
  for (int x = left; x < right; ++x) sum += least[x];
  return sum;
}

}  // namespace

float BlockGrid::tolerant_distance(const FrameFeatures& a, const FrameFeatures& b, int reach) const {
  reach = std::min(reach, kPad);
  const Padded padded_a(a, area_), padded_b(b, area_);
  int sum_a = 0, sum_b = 0;
  for (int y = area_.top; y < area_.bottom; ++y) {
    sum_a += one_way_row(padded_a, padded_b, y, reach, area_.left, area_.right);
    sum_b += one_way_row(padded_b, padded_a, y, reach, area_.left, area_.right);
  }
  return static_cast<float>(std::max(sum_a, sum_b)) / static_cast<float>(area_.blocks());
}

float BlockGrid::structure(const FrameFeatures& a, const FrameFeatures& b) const {
  double product = 0, square_a = 0, square_b = 0;
  const auto add = [&](int ga, int gb) {
    product += ga * gb;
    square_a += ga * ga;
    square_b += gb * gb;
  };
  for (int y = area_.top; y + 1 < area_.bottom; ++y) {
    for (int x = area_.left; x + 1 < area_.right; ++x) {
      const int va = luma_at(a, y, x), vb = luma_at(b, y, x);
      add(luma_at(a, y, x + 1) - va, luma_at(b, y, x + 1) - vb);
      add(luma_at(a, y + 1, x) - va, luma_at(b, y + 1, x) - vb);
    }
  }
  // Under half a step of gradient a block it is noise.
  const double least = 0.125 * area_.blocks();
  if (square_a < least || square_b < least) return 0;
  return static_cast<float>(product / std::sqrt(square_a * square_b));
}

BlockGrid::Shift BlockGrid::best_shift(const FrameFeatures& a, const FrameFeatures& b, int reach_x,
                                       int reach_y) const {
  const int top = area_.top, bottom = area_.bottom, left = area_.left, right = area_.right;
  Shift best;
  best.distance = 1e9f;
  for (int dy = -reach_y; dy <= reach_y; ++dy) {
    for (int dx = -reach_x; dx <= reach_x; ++dx) {
      int sum = 0, count = 0;
      for (int y = std::max(top, top + dy); y < std::min(bottom, bottom + dy); ++y) {
        for (int x = std::max(left, left + dx); x < std::min(right, right + dx); ++x) {
          sum += std::abs(luma_at(b, y, x) - luma_at(a, y - dy, x - dx));
          ++count;
        }
      }
      if (count == 0) continue;
      const float distance = static_cast<float>(sum) / static_cast<float>(count);
      if (dx == 0 && dy == 0) best.unshifted = distance;
      // A tie goes to the smaller shift: flat pictures do not move.
      const float cost = distance + 0.02f * static_cast<float>(std::abs(dx) + std::abs(dy));
      if (cost < best.distance) best = {dx, dy, cost, best.unshifted};
    }
  }
  int sum = 0;
  for (int y = top; y < bottom; ++y)
    for (int x = left; x < right; ++x) sum += std::abs(luma_at(b, y, x) - luma_at(a, y, x));
  best.unshifted = static_cast<float>(sum) / static_cast<float>(area_.blocks());
  return best;
}

float BlockGrid::mean(const FrameFeatures& frame) const {
  int sum = 0;
  for (int y = area_.top; y < area_.bottom; ++y)
    for (int x = area_.left; x < area_.right; ++x) sum += luma_at(frame, y, x);
  return static_cast<float>(sum) / static_cast<float>(area_.blocks());
}

float BlockGrid::deviation(const FrameFeatures& frame) const {
  const float average = mean(frame);
  float squares = 0;
  for (int y = area_.top; y < area_.bottom; ++y) {
    for (int x = area_.left; x < area_.right; ++x) {
      const float off = static_cast<float>(luma_at(frame, y, x)) - average;
      squares += off * off;
    }
  }
  return std::sqrt(squares / static_cast<float>(area_.blocks()));
}

}  // namespace studio
