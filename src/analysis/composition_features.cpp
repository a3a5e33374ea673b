// The numbers of one sampled frame. Each function answers one question of a picture editor.
#include "analysis/composition_features.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "analysis/saliency.h"

namespace studio {
namespace {

struct Luma {
  int width = 0, height = 0;
  std::vector<float> value;
  float at(int x, int y) const { return value[static_cast<std::size_t>(y) * width + x]; }
};

Luma luma_of(const RgbView& picture) {
  Luma luma{picture.width, picture.height, {}};
  luma.value.resize(static_cast<std::size_t>(picture.width) * picture.height);
  float* out = luma.value.data();
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t* p = picture.row(y);
    for (int x = 0; x < picture.width; ++x, p += 3) *out++ = 0.2126f * p[0] + 0.7152f * p[1] + 0.0722f * p[2];
  }
  return luma;
}

// Magnitude of the luma gradient, per pixel; 0 along the border.
std::vector<float> gradient_of(const Luma& luma) {
  std::vector<float> g(luma.value.size(), 0.0f);
  for (int y = 1; y + 1 < luma.height; ++y)
    for (int x = 1; x + 1 < luma.width; ++x)
      g[static_cast<std::size_t>(y) * luma.width + x] =
          std::hypot(luma.at(x + 1, y) - luma.at(x - 1, y), luma.at(x, y + 1) - luma.at(x, y - 1)) / 2;
  return g;
}

float closeness(double distance, double reach) {
  return static_cast<float>(std::exp(-0.5 * (distance / reach) * (distance / reach)));
}

// Third lines for a subject's centre. A subject is placed by one line in each direction; the nearer a
// line, the better, and a tall subject's head counts for the horizontal line as well as its middle.
void place_on_thirds(CompositionFeatures& f) {
  const double x = f.subject.center_x();
  const double top_third = f.subject.y + f.subject.height * 0.25;
  const auto to_third = [](double v) { return std::min(std::abs(v - 1.0 / 3), std::abs(v - 2.0 / 3)); };
  const double dx = to_third(x);
  const double dy = std::min(to_third(f.subject.center_y()), to_third(top_third));
  const float placed = 0.65f * closeness(dx, 0.07) + 0.35f * closeness(dy, 0.07);
  const float point = closeness(std::hypot(dx, dy), 0.10);
  // Without a clear subject neither is known: drawn towards the middle.
  const float sure = std::min(1.0f, f.subject_confidence * 2.5f);
  f.rule_of_thirds = sure * placed + (1 - sure) * 0.4f;
  f.power_points = sure * point + (1 - sure) * 0.3f;
}

void measure_room(CompositionFeatures& f) {
  f.subject_left_room = static_cast<float>(std::max(0.0, f.subject.x));
  f.subject_right_room = static_cast<float>(std::max(0.0, 1 - f.subject.x - f.subject.width));
  // A head that touches the upper edge is cut; more than a third of empty room above sinks it.
  const double above = f.subject.y;
  const double good = above < 0.06    ? above / 0.06
                      : above <= 0.32 ? 1.0
                                      : std::max(0.0, 1 - (above - 0.32) / 0.35);
  const double sure = std::min(1.0f, f.subject_confidence * 2.5f);
  f.headroom = static_cast<float>(sure * good + (1 - sure) * 0.6);
}

// Visual weight: what stands out, what is busy, and what differs from the picture's mean tone.
void weigh(CompositionFeatures& f, const Luma& luma, const std::vector<float>& gradient,
           const SaliencyMap& map) {
  const double mean =
      std::accumulate(luma.value.begin(), luma.value.end(), 0.0) / static_cast<double>(luma.value.size());
  double edges = 0, tones = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i)
    edges += gradient[i], tones += std::abs(luma.value[i] - mean);
  double left = 0, right = 0, top = 0, bottom = 0;
  for (int y = 0; y < luma.height; ++y)
    for (int x = 0; x < luma.width; ++x) {
      const std::size_t i = static_cast<std::size_t>(y) * luma.width + x;
      const double salient =
          map.at(x * SaliencyMap::kSide / luma.width, y * SaliencyMap::kSide / luma.height) *
          SaliencyMap::kSide * SaliencyMap::kSide / static_cast<double>(luma.value.size());
      const double w = 0.4 * salient + (edges > 0 ? 0.3 * gradient[i] / edges : 0) +
                       (tones > 0 ? 0.3 * std::abs(luma.value[i] - mean) / tones : 0);
      // The middle column and row belong to both sides.
      const double u = (x + 0.5) / luma.width, v = (y + 0.5) / luma.height;
      const double r = std::clamp((u - 0.45) / 0.1, 0.0, 1.0), b = std::clamp((v - 0.45) / 0.1, 0.0, 1.0);
      left += w * (1 - r), right += w * r, top += w * (1 - b), bottom += w * b;
    }
  const auto balance = [](double a, double b) {
    return a + b > 1e-12 ? static_cast<float>(1 - std::abs(a - b) / (a + b)) : 1.0f;
  };
  f.balance_horizontal = balance(left, right);
  f.balance_vertical = balance(top, bottom);
}

// Correlation of the left half with the mirrored right half; a plain picture is symmetric.
float symmetry_of(const Luma& luma) {
  const int half = luma.width / 2;
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0, difference = 0;
  for (int y = 0; y < luma.height; ++y)
    for (int x = 0; x < half; ++x) {
      const double a = luma.at(x, y), b = luma.at(luma.width - 1 - x, y);
      sa += a, sb += b, saa += a * a, sbb += b * b, sab += a * b;
      difference += std::abs(a - b);
    }
  const double count = std::max(1, half * luma.height);
  const double va = saa - sa * sa / count, vb = sbb - sb * sb / count, cov = sab - sa * sb / count;
  const double similar = 1 - std::min(1.0, difference / count / 40);
  if (va < count || vb < count) return static_cast<float>(similar);  // hardly any detail
  const double correlation = std::clamp(cov / std::sqrt(va * vb), 0.0, 1.0);
  return static_cast<float>(0.7 * correlation + 0.3 * similar);
}

// Share of busy places outside the subject. A place is busy when its 8x8 block holds edges in several spots:
// one clean line (a horizon) is no clutter.
float clutter_of(const Luma& luma, const std::vector<float>& gradient, const Box& subject, float confidence) {
  constexpr int side = 8;
  int blocks = 0;
  double busy = 0;
  for (int by = 0; by + side <= luma.height; by += side)
    for (int bx = 0; bx + side <= luma.width; bx += side) {
      const double u = (bx + side / 2.0) / luma.width, v = (by + side / 2.0) / luma.height;
      const bool inside =
          u > subject.x && u < subject.x + subject.width && v > subject.y && v < subject.y + subject.height;
      if (inside && confidence > 0.2f) continue;
      int edges = 0;
      for (int y = by; y < by + side; ++y)
        for (int x = bx; x < bx + side; ++x)
          edges += gradient[static_cast<std::size_t>(y) * luma.width + x] > 9;
      ++blocks;
      busy += std::clamp((edges - 10) / 22.0, 0.0, 1.0);
    }
  return blocks > 0 ? static_cast<float>(busy / blocks) : 0;
}

void measure_tones(CompositionFeatures& f, const Luma& luma, const RgbView& picture) {
  std::array<std::int64_t, 256> histogram{};
  double sum = 0, squares = 0;
  for (const float v : luma.value) {
    ++histogram[static_cast<std::size_t>(std::clamp(v, 0.0f, 255.0f))];
    sum += v, squares += static_cast<double>(v) * v;
  }
  const double count = static_cast<double>(luma.value.size());
  const double mean = sum / count, rms = std::sqrt(std::max(0.0, squares / count - mean * mean));
  const auto percentile = [&](double share) {
    std::int64_t below = 0;
    for (int v = 0; v < 256; ++v)
      if ((below += histogram[static_cast<std::size_t>(v)]) >= share * count) return v;
    return 255;
  };
  std::int64_t dark = 0, bright = 0;
  for (int v = 0; v <= 6; ++v) dark += histogram[static_cast<std::size_t>(v)];
  for (int v = 250; v < 256; ++v) bright += histogram[static_cast<std::size_t>(v)];
  f.clipped_dark = static_cast<float>(dark / count);
  f.clipped_bright = static_cast<float>(bright / count);
  f.brightness = static_cast<float>(mean / 255);
  const double range = (percentile(0.97) - percentile(0.03)) / 255.0;
  f.contrast = static_cast<float>(std::clamp(0.5 * range / 0.7 + 0.5 * rms / 60, 0.0, 1.0));
  // A broad plateau of good mean brightness; blown highlights cost most. A dark picture whose lights are
  // bright is low-key light, not a mistake.
  const double m = mean / 255, lights = percentile(0.97) / 255.0;
  double level = m < 0.28 ? std::max(0.0, m / 0.28) : m > 0.68 ? std::max(0.0, 1 - (m - 0.68) / 0.32) : 1.0;
  if (m < 0.28) level = std::max(level, 0.85 * std::clamp((lights - 0.25) / 0.35, 0.0, 1.0));
  const double loss =
      std::max(0.0, f.clipped_bright - 0.01) * 2.5 + std::max(0.0, f.clipped_dark - 0.15) * 0.5;
  f.exposure = static_cast<float>(std::clamp(level - loss, 0.0, 1.0) * std::clamp(range / 0.25, 0.3, 1.0));
  double saturation = 0;
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t* p = picture.row(y);
    for (int x = 0; x < picture.width; ++x, p += 3) {
      const int high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
      saturation += high > 0 ? static_cast<double>(high - low) / high : 0;
    }
  }
  f.saturation = static_cast<float>(saturation / count);
}

// Local sharpness on a 16 x 9 grid. Second derivative over first: how steep the edges are, not how many or
// how contrasty. In focus is foreground, the softest is background; blocks without any edge say
// nothing and count as background (a plain wall, the sky).
void layer_depth(CompositionFeatures& f, const GrayView& detail) {
  constexpr int columns = 16, rows = 9;
  std::array<float, columns * rows> steepness{};
  float sharpest = 0;
  for (int by = 0; by < rows; ++by)
    for (int bx = 0; bx < columns; ++bx) {
      const int x0 = std::max(1, bx * detail.width / columns),
                x1 = std::min(detail.width - 1, (bx + 1) * detail.width / columns);
      const int y0 = std::max(1, by * detail.height / rows),
                y1 = std::min(detail.height - 1, (by + 1) * detail.height / rows);
      if (x1 <= x0 || y1 <= y0) continue;
      // Every second row is enough for a mean. The strongest edges decide, so that noise between them does
      // not.
      std::int64_t edges = 0, strong = 0, curve = 0;
      for (int y = y0; y < y1; y += 2) {
        const std::uint8_t *above = detail.row(y - 1), *here = detail.row(y), *below = detail.row(y + 1);
        for (int x = x0; x < x1; ++x) {
          const int g = std::abs(here[x + 1] - here[x - 1]) + std::abs(below[x] - above[x]);
          if (g < 24) continue;
          strong += g;
          curve += std::abs(4 * here[x] - here[x - 1] - here[x + 1] - above[x] - below[x]);
          ++edges;
        }
      }
      const double share = static_cast<double>(edges) / std::max(1, (x1 - x0) * ((y1 - y0 + 1) / 2));
      if (share < 0.01) continue;
      const float s = static_cast<float>(static_cast<double>(curve) / static_cast<double>(strong + 1) *
                                         std::min(1.0, share / 0.04));
      steepness[static_cast<std::size_t>(by * columns + bx)] = s;
      sharpest = std::max(sharpest, s);
    }
  f.sharpness = std::min(1.0f, sharpest);
  if (sharpest <= 0) {
    f.depth_layers = {0, 0, 1};
    return;
  }
  for (const float s : steepness) {
    // The measure falls with the width of the blur: half as steep is twice as soft, a sixth is far away.
    const std::size_t layer = s >= 0.5f * sharpest ? 0 : s >= 0.16f * sharpest ? 1 : 2;
    f.depth_layers[layer] += 1.0f / (columns * rows);
  }
}

// Five colours by k-means in RGB, seeded with the commonest well-separated cells of a coarse histogram, so
// that the result is always the same. Clusters that fell together are joined.
void find_palette(CompositionFeatures& f, const RgbView& picture) {
  struct Cell {
    std::array<double, 3> sum{};
    double count = 0;
  };
  std::vector<Cell> cells(8 * 8 * 8);
  const int step = std::max(1, static_cast<int>(std::sqrt(picture.width * picture.height / 4000.0)));
  for (int y = step / 2; y < picture.height; y += step) {
    const std::uint8_t* row = picture.row(y);
    for (int x = step / 2; x < picture.width; x += step) {
      const std::uint8_t* p = row + 3 * x;
      Cell& cell = cells[static_cast<std::size_t>((p[0] >> 5) * 64 + (p[1] >> 5) * 8 + (p[2] >> 5))];
      for (std::size_t c = 0; c < 3; ++c) cell.sum[c] += p[c];
      ++cell.count;
    }
  }
  std::erase_if(cells, [](const Cell& c) { return c.count == 0; });
  for (Cell& cell : cells)
    for (double& v : cell.sum) v /= cell.count;  // now the mean
  std::ranges::sort(cells, std::greater{}, &Cell::count);
  const auto apart = [](const std::array<double, 3>& a, const std::array<double, 3>& b) {
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  };
  // Each next seed is the cell that is both common and far from the seeds so far.
  std::vector<std::array<double, 3>> centers;
  while (centers.size() < 5 && centers.size() < cells.size()) {
    const Cell* best = nullptr;
    double best_value = 0;
    for (const Cell& cell : cells) {
      double nearest = 120;
      for (const auto& c : centers) nearest = std::min(nearest, apart(cell.sum, c));
      const double value = cell.count * nearest * nearest;
      if (value > best_value) best_value = value, best = &cell;
    }
    if (best == nullptr) break;
    centers.push_back(best->sum);
  }
  std::vector<double> weight(centers.size(), 0);
  for (int round = 0; round < 8; ++round) {
    std::vector<std::array<double, 3>> sums(centers.size());
    std::ranges::fill(weight, 0.0);
    for (const Cell& cell : cells) {
      std::size_t nearest = 0;
      for (std::size_t k = 1; k < centers.size(); ++k)
        if (apart(cell.sum, centers[k]) < apart(cell.sum, centers[nearest])) nearest = k;
      for (std::size_t c = 0; c < 3; ++c) sums[nearest][c] += cell.sum[c] * cell.count;
      weight[nearest] += cell.count;
    }
    for (std::size_t k = 0; k < centers.size(); ++k)
      for (std::size_t c = 0; c < 3 && weight[k] > 0; ++c) centers[k][c] = sums[k][c] / weight[k];
  }
  for (std::size_t i = 0; i < centers.size(); ++i)
    for (std::size_t j = i + 1; j < centers.size(); ++j)
      if (weight[i] > 0 && weight[j] > 0 && apart(centers[i], centers[j]) < 20) {
        for (std::size_t c = 0; c < 3; ++c)
          centers[i][c] = (centers[i][c] * weight[i] + centers[j][c] * weight[j]) / (weight[i] + weight[j]);
        weight[i] += std::exchange(weight[j], 0.0);
      }
  std::vector<std::size_t> order(centers.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return weight[a] > weight[b]; });
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  for (std::size_t i = 0; i < order.size() && weight[order[i]] > 0; ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      f.palette[i][c] = static_cast<std::uint8_t>(std::lround(centers[order[i]][c]));
    f.palette_share[i] = static_cast<float>(weight[order[i]] / total);
  }
}

}  // namespace

SaliencyResult find_subject(const RgbView& small) {
  const SalientRegion region = most_salient(saliency_of(small));
  return {region.box, region.confidence, region.center_x, region.center_y};
}

CompositionFeatures composition_features(const RgbView& small, const GrayView& detail) {
  CompositionFeatures f;
  f.subject = {0, 0, 1, 1};
  if (small.empty() || small.width < 4 || small.height < 4) return f;
  const SaliencyMap map = saliency_of(small);
  const SalientRegion region = most_salient(map);
  f.subject = region.box;
  f.subject_confidence = region.confidence;
  f.saliency_x = region.center_x;
  f.saliency_y = region.center_y;
  const Luma luma = luma_of(small);
  const std::vector<float> gradient = gradient_of(luma);
  place_on_thirds(f);
  measure_room(f);
  weigh(f, luma, gradient, map);
  f.symmetry = symmetry_of(luma);
  f.clutter = clutter_of(luma, gradient, f.subject, f.subject_confidence);
  measure_tones(f, luma, small);
  if (!detail.empty() && detail.width >= 32 && detail.height >= 18) {
    layer_depth(f, detail);
  } else {
    std::vector<std::uint8_t> bytes(luma.value.size());
    std::ranges::transform(luma.value, bytes.begin(), [](float v) { return static_cast<std::uint8_t>(v); });
    layer_depth(f, {bytes.data(), luma.width, luma.height, luma.width});
  }
  find_palette(f, small);
  return f;
}

}  // namespace studio
