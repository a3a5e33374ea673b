// HSV, luma, structure and block statistics. Integer sums over small planes: about a tenth of a
// millisecond a frame.
#include "analysis/frame_features.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

namespace studio {
namespace {

constexpr int kChangedBy = 12;  // luma steps that noise and compression seldom reach
constexpr int kEdgeGradient = 24;
constexpr int kColoured = 40;  // HSV saturation from which a hue means something

double mean_of(std::uint64_t sum, std::size_t count) {
  return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
}

std::uint64_t absolute_difference(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<std::uint32_t>(std::abs(int{a[i]} - int{b[i]}));
  return sum;
}

std::uint64_t changed_pixels(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(int{a[i]} - int{b[i]}) > kChangedBy ? 1 : 0;
  return sum;
}

// Mean SSIM (Wang et al. 2004) over 8 x 8 windows side by side, with plain window means.
double structural_similarity(const std::uint8_t* a, const std::uint8_t* b, int width, int height) {
  constexpr double kC1 = 0.01 * 255 * 0.01 * 255, kC2 = 0.03 * 255 * 0.03 * 255;
  const int side_x = std::min(8, width), side_y = std::min(8, height);
  double total = 0;
  int windows = 0;
  for (int y = 0; y + side_y <= height; y += side_y) {
    for (int x = 0; x + side_x <= width; x += side_x) {
      int sum_a = 0, sum_b = 0, squares = 0, product = 0;
      for (int dy = 0; dy < side_y; ++dy) {
        const std::uint8_t* row_a = a + static_cast<std::ptrdiff_t>(y + dy) * width + x;
        const std::uint8_t* row_b = b + static_cast<std::ptrdiff_t>(y + dy) * width + x;
        for (int dx = 0; dx < side_x; ++dx) {
          const int va = row_a[dx], vb = row_b[dx];
          sum_a += va;
          sum_b += vb;
          squares += va * va + vb * vb;
          product += va * vb;
        }
      }
      const double n = side_x * side_y;
      const double mean_a = sum_a / n, mean_b = sum_b / n;
      const double variances = squares / n - mean_a * mean_a - mean_b * mean_b;
      const double covariance = product / n - mean_a * mean_b;
      total += (2 * mean_a * mean_b + kC1) * (2 * covariance + kC2) /
               ((mean_a * mean_a + mean_b * mean_b + kC1) * (variances + kC2));
      ++windows;
    }
  }
  return windows == 0 ? 1 : total / windows;
}

double edge_share(const WorkingPicture& picture) {
  if (picture.width < 3 || picture.height < 3) return 0;
  std::uint32_t edges = 0;
  for (int y = 1; y < picture.height - 1; ++y) {
    const std::uint8_t* row = picture.luma.data() + static_cast<std::ptrdiff_t>(y) * picture.width;
    const std::uint8_t *above = row - picture.width, *below = row + picture.width;
    for (int x = 1; x < picture.width - 1; ++x)
      edges += std::abs(row[x + 1] - row[x - 1]) + std::abs(below[x] - above[x]) > kEdgeGradient ? 1 : 0;
  }
  return static_cast<double>(edges) / ((picture.width - 2.0) * (picture.height - 2.0));
}

// Means of a grid of blocks whose borders fall on whole pixels; tiny pictures repeat pixels.
void block_means(const std::vector<std::uint8_t>& plane, int width, int height, int columns, int rows,
                 std::uint8_t* out) {
  for (int row = 0; row < rows; ++row) {
    const int top = row * height / rows, bottom = std::max(top + 1, (row + 1) * height / rows);
    for (int column = 0; column < columns; ++column) {
      const int left = column * width / columns, right = std::max(left + 1, (column + 1) * width / columns);
      std::uint32_t sum = 0;
      for (int y = top; y < bottom; ++y) {
        const std::uint8_t* line = plane.data() + static_cast<std::ptrdiff_t>(y) * width;
        for (int x = left; x < right; ++x) sum += line[x];
      }
      const std::uint32_t count = static_cast<std::uint32_t>((bottom - top) * (right - left));
      *out++ = static_cast<std::uint8_t>((sum + count / 2) / count);
    }
  }
}

template <std::size_t Bins>
std::array<std::uint8_t, Bins> shares(const std::array<std::uint32_t, Bins>& counts, std::size_t total) {
  std::array<std::uint8_t, Bins> out{};
  if (total == 0) return out;
  for (std::size_t i = 0; i < Bins; ++i)
    out[i] = static_cast<std::uint8_t>((counts[i] * 255ULL + total / 2) / total);
  return out;
}

void measure_luma(const WorkingPicture& picture, FrameFeatures& out) {
  // Four tables: equal neighbours would otherwise wait for each other's increments.
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  const std::size_t n = picture.luma.size();
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (std::size_t t = 0; t < 4; ++t) ++tables[t][picture.luma[i + t]];
  for (; i < n; ++i) ++tables[0][picture.luma[i]];
  std::array<std::uint32_t, 256> counts{};
  std::array<std::uint32_t, 16> coarse{};
  std::uint64_t sum = 0, squares = 0;
  for (std::uint32_t v = 0; v < 256; ++v) {
    counts[v] = tables[0][v] + tables[1][v] + tables[2][v] + tables[3][v];
    coarse[v / 16] += counts[v];
    sum += static_cast<std::uint64_t>(counts[v]) * v;
    squares += static_cast<std::uint64_t>(counts[v]) * v * v;
  }
  const double mean = mean_of(sum, n);
  out.luma_mean = static_cast<float>(mean);
  out.luma_deviation = static_cast<float>(std::sqrt(std::max(0.0, mean_of(squares, n) - mean * mean)));
  out.luma_histogram = shares(coarse, n);
  const auto percentile = [&](double share) {
    const double wanted = share * static_cast<double>(n);
    double seen = 0;
    for (int v = 0; v < 256; ++v) {
      seen += counts[v];
      if (seen >= wanted && seen > 0) return static_cast<std::uint8_t>(v);
    }
    return std::uint8_t{255};
  };
  out.luma_p01 = percentile(0.01);
  out.luma_p05 = percentile(0.05);
  out.luma_p50 = percentile(0.50);
  out.luma_p95 = percentile(0.95);
  out.luma_p99 = percentile(0.99);
}

// 65536 / d, rounded: the divisions of the HSV conversion as multiplications.
const std::array<std::uint32_t, 256>& reciprocals() {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t d = 1; d < 256; ++d) t[d] = (65536 + d / 2) / d;
    return t;
  }();
  return table;
}

}  // namespace

// HSV at the chroma's size: hue on 0..179 (two degrees a step), the rest on 0..255, as OpenCV has it.
void FrameMeasurer::convert(const WorkingPicture& picture) {
  const std::size_t n = static_cast<std::size_t>(picture.chroma_width) * picture.chroma_height;
  now_.hue.resize(n);
  now_.saturation.resize(n);
  now_.value.resize(n);
  const auto& reciprocal = reciprocals();
  const int red = picture.bt709 ? 103206 : 91881, blue = picture.bt709 ? 121609 : 116130;
  const int green_cb = picture.bt709 ? 12276 : 22554, green_cr = picture.bt709 ? 30679 : 46802;
  std::size_t i = 0;
  for (int y = 0; y < picture.chroma_height; ++y) {
    const int y0 = std::min(2 * y, picture.height - 1), y1 = std::min(2 * y + 1, picture.height - 1);
    const std::uint8_t* top = picture.luma.data() + static_cast<std::ptrdiff_t>(y0) * picture.width;
    const std::uint8_t* bottom = picture.luma.data() + static_cast<std::ptrdiff_t>(y1) * picture.width;
    for (int x = 0; x < picture.chroma_width; ++x, ++i) {
      const int x0 = std::min(2 * x, picture.width - 1), x1 = std::min(2 * x + 1, picture.width - 1);
      const int luma = ((top[x0] + top[x1] + bottom[x0] + bottom[x1]) << 14);
      const int cb = picture.cb[i] - 128, cr = picture.cr[i] - 128;
      const int r = std::clamp((luma + red * cr) >> 16, 0, 255);
      const int g = std::clamp((luma - green_cb * cb - green_cr * cr) >> 16, 0, 255);
      const int b = std::clamp((luma + blue * cb) >> 16, 0, 255);
      const int value = std::max({r, g, b}), spread = value - std::min({r, g, b});
      int hue = 0;
      if (spread > 0) {
        const int scaled = static_cast<int>(reciprocal[spread]);
        if (value == r)
          hue = (30 * (g - b) * scaled) >> 16;
        else if (value == g)
          hue = 60 + ((30 * (b - r) * scaled) >> 16);
        else
          hue = 120 + ((30 * (r - g) * scaled) >> 16);
        if (hue < 0) hue += 180;
      }
      now_.hue[i] = static_cast<std::uint8_t>(hue);
      now_.saturation[i] =
          static_cast<std::uint8_t>(std::min(255u, (255u * spread * reciprocal[value]) >> 16));
      now_.value[i] = static_cast<std::uint8_t>(value);
    }
  }
}

void FrameMeasurer::measure_change(const WorkingPicture& picture, FrameFeatures& out) const {
  const std::size_t coloured = now_.hue.size(), pixels = picture.luma.size();
  out.hue_difference = static_cast<float>(mean_of(absolute_difference(now_.hue, before_.hue), coloured));
  out.saturation_difference =
      static_cast<float>(mean_of(absolute_difference(now_.saturation, before_.saturation), coloured));
  out.value_difference =
      static_cast<float>(mean_of(absolute_difference(now_.value, before_.value), coloured));
  out.luma_difference =
      static_cast<float>(mean_of(absolute_difference(picture.luma, previous_luma_), pixels));
  out.changed_share = static_cast<float>(mean_of(changed_pixels(picture.luma, previous_luma_), pixels));
  out.ssim = static_cast<float>(
      structural_similarity(picture.luma.data(), previous_luma_.data(), picture.width, picture.height));
}

FrameFeatures FrameMeasurer::measure(const WorkingPicture& picture) {
  FrameFeatures out;
  convert(picture);
  measure_luma(picture, out);
  out.edge_density = static_cast<float>(edge_share(picture));
  out.sharpness = picture.sharpness;
  std::array<std::uint32_t, 12> hues{};
  std::uint64_t saturation = 0;
  for (std::size_t i = 0; i < now_.hue.size(); ++i) {
    saturation += now_.saturation[i];
    if (now_.saturation[i] > kColoured && now_.value[i] > kColoured) ++hues[now_.hue[i] / 15];
  }
  out.saturation_mean = static_cast<float>(mean_of(saturation, now_.saturation.size()));
  out.hue_histogram = shares(hues, now_.hue.size());
  block_means(picture.luma, picture.width, picture.height, kLumaColumns, kLumaRows, out.luma_blocks.data());
  block_means(picture.cb, picture.chroma_width, picture.chroma_height, kChromaColumns, kChromaRows,
              out.cb_blocks.data());
  block_means(picture.cr, picture.chroma_width, picture.chroma_height, kChromaColumns, kChromaRows,
              out.cr_blocks.data());

  const bool comparable = width_ == picture.width && height_ == picture.height && !previous_luma_.empty() &&
                          before_.hue.size() == now_.hue.size();
  if (comparable) measure_change(picture, out);
  previous_luma_.assign(picture.luma.begin(), picture.luma.end());
  width_ = picture.width;
  height_ = picture.height;
  std::swap(now_, before_);
  return out;
}

}  // namespace studio
