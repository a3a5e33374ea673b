// Sub-pixel exact scaling of a window: separable bicubic, widened when shrinking.
#include <cmath>
#include <vector>

#include "render/raster.h"
#include "render/samples.h"

namespace studio {
namespace {

// Where each target sample takes its value from: `taps` source samples with integer weights.
struct Kernel {
  int taps = 0;
  std::vector<int> first;            // may lie before 0 or after the end: clamped when read
  std::vector<std::int16_t> weight;  // taps a target sample, summing to 1 << kShift
};

constexpr int kShift = 14;

// Catmull-Rom: the interpolating cubic with a = -0.5 (Keys, "Cubic convolution", 1981).
double catmull_rom(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

Kernel make_kernel(double start, double length, int target) {
  const double step = length / target;
  const double widen = std::max(1.0, step);
  Kernel kernel;
  kernel.taps = static_cast<int>(std::ceil(4 * widen));
  kernel.first.resize(target);
  kernel.weight.resize(static_cast<std::size_t>(target) * kernel.taps);
  std::vector<double> exact(kernel.taps);
  for (int i = 0; i < target; ++i) {
    const double center = start + (i + 0.5) * step - 0.5;
    const int first = static_cast<int>(std::floor(center - 2 * widen)) + 1;
    double sum = 0;
    for (int t = 0; t < kernel.taps; ++t) sum += exact[t] = catmull_rom((first + t - center) / widen);
    int left = 1 << kShift, largest = 0;
    for (int t = 0; t < kernel.taps; ++t) {
      const int w = static_cast<int>(std::lround(exact[t] / sum * (1 << kShift)));
      kernel.weight[static_cast<std::size_t>(i) * kernel.taps + t] =
          static_cast<std::int16_t>(std::min(w, 32767));
      left -= w;
      if (exact[t] > exact[largest]) largest = t;
    }
    // Rounding must not change flat areas: the remainder goes to the middle tap.
    kernel.weight[static_cast<std::size_t>(i) * kernel.taps + largest] += static_cast<std::int16_t>(left);
    kernel.first[i] = first;
  }
  return kernel;
}

template <typename Sample>
void resample_plane(const Plane& source, const Window& window, const Plane& target, int top) {
  if (target.width <= 0 || target.height <= 0 || source.width <= 0 || source.height <= 0) return;
  const Kernel across = make_kernel(window.x, window.width, target.width);
  const Kernel down = make_kernel(window.y, window.height, target.height);
  // Rows first (long vectors), over the columns that are needed only; padded so that the second
  // pass reads without bounds checks.
  const int low = across.first.front(), high = across.first.back() + across.taps;
  const int used_low = std::clamp(low, 0, source.width - 1),
            used_high = std::clamp(high, used_low + 1, source.width);
  const int span = high - low;
  std::vector<std::int32_t> sums(used_high - used_low);
  std::vector<std::int32_t> row(span);
  for (int y = 0; y < target.height; ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (kShift - 1));
    for (int t = 0; t < down.taps; ++t) {
      const std::int32_t w = down.weight[static_cast<std::size_t>(y) * down.taps + t];
      if (w == 0) continue;
      const Sample* in =
          row_of<Sample>(source, std::clamp(down.first[y] + t, 0, source.height - 1)) + used_low;
      std::int32_t* out = sums.data();
      const int count = static_cast<int>(sums.size());
      for (int x = 0; x < count; ++x) out[x] += in[x] * w;
    }
    for (int x = 0; x < span; ++x) {
      const int from = std::clamp(low + x, used_low, used_high - 1) - used_low;
      row[x] = std::clamp(sums[from] >> kShift, 0, top);
    }
    Sample* out = row_of<Sample>(target, y);
    const std::int16_t* weights = across.weight.data();
    for (int x = 0; x < target.width; ++x, weights += across.taps) {
      const std::int32_t* in = row.data() + (across.first[x] - low);
      std::int32_t sum = 1 << (kShift - 1);
      for (int t = 0; t < across.taps; ++t) sum += in[t] * weights[t];
      out[x] = static_cast<Sample>(std::clamp(sum >> kShift, 0, top));
    }
  }
}

// Chroma of 4:2:0 in MPEG-2 siting lies on the left luma column: half a luma sample left of the
// middle. Ignoring that shifts colour by a quarter chroma sample for each doubling.
Window chroma_window(const Window& luma, const RasterView& source, const RasterView& target) {
  const double sx = 1 << source.shift_x, sy = 1 << source.shift_y;
  const double ratio = luma.width / target.width;
  const double offset = source.shift_x == 0 ? 0 : 0.25 - 0.25 * ratio;
  return {luma.x / sx + offset, luma.y / sy, ratio * target.u.width,
          luma.height / target.height * target.u.height};
}

}  // namespace

void resample(const RasterView& source, const Window& window, const RasterView& target) {
  const Window chroma = chroma_window(window, source, target);
  const int top = max_sample(source);
  with_samples(source, [&]<typename Sample>(Sample) {
    resample_plane<Sample>(source.y, window, target.y, top);
    resample_plane<Sample>(source.u, chroma, target.u, top);
    resample_plane<Sample>(source.v, chroma, target.v, top);
    if (target.has_alpha() && source.has_alpha())
      resample_plane<Sample>(source.alpha, window, target.alpha, top);
  });
  if (target.has_alpha() && !source.has_alpha())
    with_samples(target, [&]<typename Sample>(Sample) {
      for (int y = 0; y < target.alpha.height; ++y)
        std::fill_n(row_of<Sample>(target.alpha, y), target.alpha.width,
                    static_cast<Sample>(max_sample(target)));
    });
}

}  // namespace studio
