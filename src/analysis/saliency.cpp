// The spectral residual with a 64-point FFT of our own: no engine is needed for so small a transform.
#include "analysis/saliency.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <queue>

namespace studio {
namespace {

constexpr int n = SaliencyMap::kSide;
using Complex = std::complex<float>;
using Spectrum = std::vector<Complex>;  // n * n
using Channel = std::vector<float>;     // n * n

struct Twiddles {
  std::array<Complex, n / 2> forward;
  Twiddles() {
    for (int k = 0; k < n / 2; ++k) {
      const double angle = -2 * std::numbers::pi * k / n;
      forward[static_cast<std::size_t>(k)] = {static_cast<float>(std::cos(angle)),
                                              static_cast<float>(std::sin(angle))};
    }
  }
};

// Radix 2, in place, n elements `step` apart. Unscaled in both directions.
void transform(Complex* data, int step, bool inverse, const Twiddles& twiddles) {
  std::array<Complex, n> line;
  for (int i = 0; i < n; ++i) {
    int reversed = 0;
    for (int bit = 1, from = i; bit < n; bit <<= 1, from >>= 1) reversed = (reversed << 1) | (from & 1);
    line[static_cast<std::size_t>(reversed)] = data[i * step];
  }
  for (int length = 2; length <= n; length <<= 1) {
    const int half = length / 2, stride = n / length;
    for (int start = 0; start < n; start += length)
      for (int k = 0; k < half; ++k) {
        Complex w = twiddles.forward[static_cast<std::size_t>(k * stride)];
        if (inverse) w = std::conj(w);
        Complex& a = line[static_cast<std::size_t>(start + k)];
        Complex& b = line[static_cast<std::size_t>(start + k + half)];
        // Written out: std::complex checks for infinities in each product.
        const Complex t(w.real() * b.real() - w.imag() * b.imag(), w.real() * b.imag() + w.imag() * b.real());
        b = a - t;
        a += t;
      }
  }
  for (int i = 0; i < n; ++i) data[i * step] = line[static_cast<std::size_t>(i)];
}

void transform_2d(Spectrum& data, bool inverse, const Twiddles& twiddles) {
  for (int y = 0; y < n; ++y) transform(data.data() + y * n, 1, inverse, twiddles);
  for (int x = 0; x < n; ++x) transform(data.data() + x, n, inverse, twiddles);
}

// Luma, red-green and blue-yellow at n x n, area averaged (or repeated when the picture is smaller).
std::array<Channel, 3> opponent_channels(const RgbView& picture) {
  std::array<Channel, 3> channels;
  for (Channel& c : channels) c.assign(n * n, 0);
  for (int y = 0; y < n; ++y) {
    const int y0 = y * picture.height / n, y1 = std::max(y0 + 1, (y + 1) * picture.height / n);
    for (int x = 0; x < n; ++x) {
      const int x0 = x * picture.width / n, x1 = std::max(x0 + 1, (x + 1) * picture.width / n);
      float r = 0, g = 0, b = 0;
      for (int v = y0; v < y1; ++v)
        for (int u = x0; u < x1; ++u) {
          const std::uint8_t* p = picture.row(v) + 3 * u;
          r += p[0], g += p[1], b += p[2];
        }
      const float count = static_cast<float>((y1 - y0) * (x1 - x0));
      r /= count, g /= count, b /= count;
      const std::size_t at = static_cast<std::size_t>(y * n + x);
      channels[0][at] = 0.299f * r + 0.587f * g + 0.114f * b;
      channels[1][at] = r - g;
      channels[2][at] = b - (r + g) / 2;
    }
  }
  return channels;
}

float deviation(const Channel& c) {
  double sum = 0, squares = 0;
  for (const float v : c) sum += v, squares += static_cast<double>(v) * v;
  const double mean = sum / (n * n);
  return static_cast<float>(std::sqrt(std::max(0.0, squares / (n * n) - mean * mean)));
}

// The squared magnitude of the residual's picture.
Channel residual_of(const Channel& channel, const Twiddles& twiddles) {
  Spectrum spectrum(n * n);
  // The picture's borders meet in a periodic transform: fade them out towards the mean.
  double mean = 0;
  for (const float v : channel) mean += v;
  mean /= n * n;
  const auto window = [](int i) { return std::min(1.0f, std::min(i + 1, n - i) / 4.0f); };
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x)
      spectrum[static_cast<std::size_t>(y * n + x)] =
          (channel[static_cast<std::size_t>(y * n + x)] - static_cast<float>(mean)) * window(x) * window(y);
  transform_2d(spectrum, false, twiddles);
  Channel logs(n * n);
  for (std::size_t i = 0; i < logs.size(); ++i) logs[i] = std::log(std::abs(spectrum[i]) + 1e-3f);
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      float sum = 0;  // the spectrum is periodic: neighbours wrap around
      for (int v = -1; v <= 1; ++v)
        for (int u = -1; u <= 1; ++u)
          sum += logs[static_cast<std::size_t>(((y + v + n) % n) * n + (x + u + n) % n)];
      const std::size_t at = static_cast<std::size_t>(y * n + x);
      const float residual = logs[at] - sum / 9;
      const float magnitude = std::abs(spectrum[at]);
      spectrum[at] *= magnitude > 1e-6f ? std::exp(residual) / magnitude : 0.0f;
    }
  transform_2d(spectrum, true, twiddles);
  Channel out(n * n);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::norm(spectrum[i]);
  return out;
}

// Gaussian, sigma in pixels of the map.
void blur(Channel& c, float sigma) {
  const int reach = static_cast<int>(std::ceil(2.5f * sigma));
  std::vector<float> kernel(static_cast<std::size_t>(2 * reach + 1));
  float sum = 0;
  for (int i = -reach; i <= reach; ++i)
    sum += kernel[static_cast<std::size_t>(i + reach)] = std::exp(-0.5f * i * i / (sigma * sigma));
  for (float& k : kernel) k /= sum;
  Channel rows(n * n, 0);
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x)
      for (int i = -reach; i <= reach; ++i)
        rows[static_cast<std::size_t>(y * n + x)] +=
            kernel[static_cast<std::size_t>(i + reach)] *
            c[static_cast<std::size_t>(y * n + std::clamp(x + i, 0, n - 1))];
  std::ranges::fill(c, 0.0f);
  for (int y = 0; y < n; ++y)
    for (int i = -reach; i <= reach; ++i) {
      const float k = kernel[static_cast<std::size_t>(i + reach)];
      const float* from = rows.data() + std::clamp(y + i, 0, n - 1) * n;
      float* to = c.data() + y * n;
      for (int x = 0; x < n; ++x) to[x] += k * from[x];
    }
}

struct Blob {
  int x0 = n, y0 = n, x1 = -1, y1 = -1;
  double weight = 0;
  std::vector<int> pixels;
};

std::vector<Blob> blobs_over(const Channel& map, float threshold) {
  std::vector<Blob> blobs;
  std::vector<char> seen(n * n, 0);
  for (int start = 0; start < n * n; ++start) {
    if (seen[static_cast<std::size_t>(start)] || map[static_cast<std::size_t>(start)] < threshold) continue;
    Blob blob;
    std::queue<int> open;
    open.push(start);
    seen[static_cast<std::size_t>(start)] = 1;
    while (!open.empty()) {
      const int at = open.front();
      open.pop();
      const int x = at % n, y = at / n;
      blob.weight += map[static_cast<std::size_t>(at)];
      blob.pixels.push_back(at);
      blob.x0 = std::min(blob.x0, x), blob.x1 = std::max(blob.x1, x);
      blob.y0 = std::min(blob.y0, y), blob.y1 = std::max(blob.y1, y);
      const std::array<std::pair<int, int>, 4> steps{{{1, 0}, {-1, 0}, {0, 1}, {0, -1}}};
      for (const auto& [dx, dy] : steps) {
        const int u = x + dx, v = y + dy;
        if (u < 0 || v < 0 || u >= n || v >= n) continue;
        const std::size_t next = static_cast<std::size_t>(v * n + u);
        if (!seen[next] && map[next] >= threshold) seen[next] = 1, open.push(v * n + u);
      }
    }
    blobs.push_back(std::move(blob));
  }
  return blobs;
}

}  // namespace

SaliencyMap saliency_of(const RgbView& picture) {
  SaliencyMap map;
  map.value.assign(n * n, 1.0f / (n * n));
  if (picture.empty()) return map;
  const Twiddles twiddles;
  const auto channels = opponent_channels(picture);
  Channel total(n * n, 0);
  bool any = false;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    // A channel without content would give only its rounding noise a voice.
    const float spread = deviation(channels[i]);
    if (spread < (i == 0 ? 1.5f : 3.0f)) continue;
    Channel residual = residual_of(channels[i], twiddles);
    double sum = 0;
    for (const float v : residual) sum += v;
    if (sum <= 0) continue;
    const float weight = std::min(spread, 40.0f) / static_cast<float>(sum);
    for (std::size_t k = 0; k < total.size(); ++k) total[k] += residual[k] * weight;
    any = true;
  }
  if (!any) return map;
  blur(total, 2.5f);
  double sum = 0;
  for (const float v : total) sum += v;
  for (std::size_t k = 0; k < total.size(); ++k) map.value[k] = static_cast<float>(total[k] / sum);
  return map;
}

SalientRegion most_salient(const SaliencyMap& map) {
  SalientRegion region;
  double cx = 0, cy = 0, mean = 1.0 / (n * n);
  float peak = 0;
  for (int y = 0; y < n; ++y)
    for (int x = 0; x < n; ++x) {
      cx += map.at(x, y) * (x + 0.5) / n;
      cy += map.at(x, y) * (y + 0.5) / n;
      peak = std::max(peak, map.at(x, y));
    }
  region.center_x = static_cast<float>(cx);
  region.center_y = static_cast<float>(cy);
  region.box = {0, 0, 1, 1};
  if (peak < 1.5 * mean) return region;  // nothing stands out

  // The paper takes three times the mean; with one very strong spot that leaves only the spot.
  const float threshold = static_cast<float>(std::min(3.0 * mean, std::max(1.5 * mean, 0.5 * peak)));
  auto blobs = blobs_over(map.value, threshold);
  std::ranges::sort(blobs, std::greater{}, &Blob::weight);
  Blob all = std::move(blobs.front());
  // A subject is often seen as several spots (head and hands): neighbours of some weight belong to it.
  const double least = 0.25 * all.weight;
  for (std::size_t i = 1; i < blobs.size(); ++i) {
    const Blob& b = blobs[i];
    const int gap_x = std::max({0, b.x0 - all.x1, all.x0 - b.x1}),
              gap_y = std::max({0, b.y0 - all.y1, all.y0 - b.y1});
    if (b.weight < least || gap_x > n / 10 || gap_y > n / 10) continue;
    all.x0 = std::min(all.x0, b.x0), all.x1 = std::max(all.x1, b.x1);
    all.y0 = std::min(all.y0, b.y0), all.y1 = std::max(all.y1, b.y1);
  }
  region.box = {static_cast<double>(all.x0) / n, static_cast<double>(all.y0) / n,
                static_cast<double>(all.x1 - all.x0 + 1) / n, static_cast<double>(all.y1 - all.y0 + 1) / n};
  double inside = 0;
  for (int y = all.y0; y <= all.y1; ++y)
    for (int x = all.x0; x <= all.x1; ++x) inside += map.at(x, y);
  const double area = region.box.width * region.box.height;
  region.confidence =
      area < 0.98 ? static_cast<float>(std::clamp((inside - area) / (1 - area), 0.0, 1.0)) : 0;
  return region;
}

}  // namespace studio
