// Block arithmetic; every loop runs over the active area only.
#include "analysis/block_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace studio {
namespace {

constexpr int kBlack = 22;  // full range; letterbox bars after compression stay under it

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
  std::array<std::uint8_t, kLumaColumns * kLumaRows> brightest{};
  for (const auto& frame : frames)
    for (std::size_t i = 0; i < brightest.size(); ++i)
      brightest[i] = std::max(brightest[i], frame.luma_blocks[i]);
  const auto dark = [&](int row, int column) {  // one cell of the chroma grid: 2 x 2 luma blocks
    for (int dy = 0; dy < 2; ++dy)
      for (int dx = 0; dx < 2; ++dx)
        if (brightest[static_cast<std::size_t>(2 * row + dy) * kLumaColumns + 2 * column + dx] > kBlack)
          return false;
    return true;
  };
  const auto row_dark = [&](int row) {
    for (int c = 0; c < kChromaColumns; ++c)
      if (!dark(row, c)) return false;
    return true;
  };
  const auto column_dark = [&](int column) {
    for (int r = 0; r < kChromaRows; ++r)
      if (!dark(r, column)) return false;
    return true;
  };
  ActiveArea area;
  while (area.top < kChromaRows / 2 && row_dark(area.top)) ++area.top;
  while (area.bottom > kChromaRows / 2 + 1 && row_dark(area.bottom - 1)) --area.bottom;
  while (area.left < kChromaColumns / 2 && column_dark(area.left)) ++area.left;
  while (area.right > kChromaColumns / 2 + 1 && column_dark(area.right - 1)) --area.right;
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

float BlockGrid::distance(const FrameFeatures& a, const FrameFeatures& b) const {
  int luma = 0, chroma = 0;
  for (int y = 2 * area_.top; y < 2 * area_.bottom; ++y)
    for (int x = 2 * area_.left; x < 2 * area_.right; ++x)
      luma += std::abs(luma_at(a, y, x) - luma_at(b, y, x));
  for (int y = area_.top; y < area_.bottom; ++y) {
    for (int x = area_.left; x < area_.right; ++x) {
      const auto i = static_cast<std::size_t>(y) * kChromaColumns + x;
      chroma += std::abs(a.cb_blocks[i] - b.cb_blocks[i]) + std::abs(a.cr_blocks[i] - b.cr_blocks[i]);
    }
  }
  const auto cells = static_cast<float>(area_.cells());
  return static_cast<float>(luma) / (4 * cells) + 0.5f * static_cast<float>(chroma) / cells;
}

float BlockGrid::distance(const Canvas& a, const Canvas& b) const {
  float luma = 0, chroma = 0;
  for (int y = 2 * area_.top; y < 2 * area_.bottom; ++y) {
    for (int x = 2 * area_.left; x < 2 * area_.right; ++x) {
      const auto i = static_cast<std::size_t>(y) * kLumaColumns + x;
      luma += std::abs(a.luma[i] - b.luma[i]);
    }
  }
  for (int y = area_.top; y < area_.bottom; ++y) {
    for (int x = area_.left; x < area_.right; ++x) {
      const auto i = static_cast<std::size_t>(y) * kChromaColumns + x;
      chroma += std::abs(a.cb[i] - b.cb[i]) + std::abs(a.cr[i] - b.cr[i]);
    }
  }
  const auto cells = static_cast<float>(area_.cells());
  return luma / (4 * cells) + 0.5f * chroma / cells;
}

// One shift after the other over whole rows, so that the compiler can take sixteen blocks at a time.
float BlockGrid::tolerant_distance(const FrameFeatures& a, const FrameFeatures& b, int reach) const {
  const int top = 2 * area_.top, bottom = 2 * area_.bottom, left = 2 * area_.left, right = 2 * area_.right;
  std::array<std::uint8_t, kLumaColumns * kLumaRows> least_a, least_b;
  least_a.fill(255);
  least_b.fill(255);
  for (int dy = -reach; dy <= reach; ++dy) {
    const int y0 = std::max(top, top - dy), y1 = std::min(bottom, bottom - dy);
    for (int dx = -reach; dx <= reach; ++dx) {
      const int x0 = std::max(left, left - dx), x1 = std::min(right, right - dx);
      for (int y = y0; y < y1; ++y) {
        const std::uint8_t* row_a = a.luma_blocks.data() + y * kLumaColumns;
        const std::uint8_t* row_b = b.luma_blocks.data() + (y + dy) * kLumaColumns + dx;
        std::uint8_t* out_a = least_a.data() + y * kLumaColumns;
        std::uint8_t* out_b = least_b.data() + (y + dy) * kLumaColumns + dx;
        for (int x = x0; x < x1; ++x) {
          const std::uint8_t off =
              static_cast<std::uint8_t>(std::max(row_a[x], row_b[x]) - std::min(row_a[x], row_b[x]));
          out_a[x] = std::min(out_a[x], off);
          out_b[x] = std::min(out_b[x], off);
        }
      }
    }
  }
  int sum_a = 0, sum_b = 0;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      sum_a += least_a[static_cast<std::size_t>(y) * kLumaColumns + x];
      sum_b += least_b[static_cast<std::size_t>(y) * kLumaColumns + x];
    }
  }
  return static_cast<float>(std::max(sum_a, sum_b)) / static_cast<float>(4 * area_.cells());
}

float BlockGrid::structure(const FrameFeatures& a, const FrameFeatures& b) const {
  double product = 0, square_a = 0, square_b = 0;
  const auto add = [&](int ga, int gb) {
    product += ga * gb;
    square_a += ga * ga;
    square_b += gb * gb;
  };
  for (int y = 2 * area_.top; y + 1 < 2 * area_.bottom; ++y) {
    for (int x = 2 * area_.left; x + 1 < 2 * area_.right; ++x) {
      const int va = luma_at(a, y, x), vb = luma_at(b, y, x);
      add(luma_at(a, y, x + 1) - va, luma_at(b, y, x + 1) - vb);
      add(luma_at(a, y + 1, x) - va, luma_at(b, y + 1, x) - vb);
    }
  }
  // Under half a step of gradient a block it is noise.
  const double least = 0.5 * area_.cells();
  if (square_a < least || square_b < least) return 0;
  return static_cast<float>(product / std::sqrt(square_a * square_b));
}

BlockGrid::Shift BlockGrid::best_shift(const FrameFeatures& a, const FrameFeatures& b, int reach_x,
                                       int reach_y) const {
  const int top = 2 * area_.top, bottom = 2 * area_.bottom, left = 2 * area_.left, right = 2 * area_.right;
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
  best.unshifted = static_cast<float>(sum) / static_cast<float>(4 * area_.cells());
  return best;
}

float BlockGrid::mean(const FrameFeatures& frame) const {
  int sum = 0;
  for (int y = 2 * area_.top; y < 2 * area_.bottom; ++y)
    for (int x = 2 * area_.left; x < 2 * area_.right; ++x) sum += luma_at(frame, y, x);
  return static_cast<float>(sum) / static_cast<float>(4 * area_.cells());
}

float BlockGrid::deviation(const FrameFeatures& frame) const {
  const float average = mean(frame);
  float squares = 0;
  for (int y = 2 * area_.top; y < 2 * area_.bottom; ++y) {
    for (int x = 2 * area_.left; x < 2 * area_.right; ++x) {
      const float off = static_cast<float>(luma_at(frame, y, x)) - average;
      squares += off * off;
    }
  }
  return std::sqrt(squares / static_cast<float>(4 * area_.cells()));
}

}  // namespace studio
