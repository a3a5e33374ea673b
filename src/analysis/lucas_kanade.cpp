// Plain float arithmetic on pictures of some 200 pixels width: no engine needed, and the compiler vectorises
// it.
#include "analysis/lucas_kanade.h"

#include <algorithm>
#include <cmath>

namespace studio {
namespace {

constexpr int kSmallestSide = 24;
constexpr int kIterations = 8;
constexpr float kSettled = 0.008f;  // pixels; a step below it ends the search

// Binomial (1 4 6 4 1)/16 in both directions, every second pixel. Edges are clamped.
void halve(const Plane& from, Plane& to, std::vector<float>& scratch) {
  to.width = (from.width + 1) / 2;
  to.height = (from.height + 1) / 2;
  to.pixels.resize(static_cast<std::size_t>(to.width) * to.height);
  const int w = from.width, h = from.height;
  scratch.resize(static_cast<std::size_t>(w) + 4);
  for (int y = 0; y < to.height; ++y) {
    const float* r[5];
    for (int k = 0; k < 5; ++k) r[k] = from.row(std::clamp(2 * y + k - 2, 0, h - 1));
    float* line = scratch.data() + 2;
    for (int x = 0; x < w; ++x) line[x] = r[0][x] + r[4][x] + 4 * (r[1][x] + r[3][x]) + 6 * r[2][x];
    line[-1] = line[-2] = line[0];
    line[w] = line[w + 1] = line[w - 1];
    float* out = to.row(y);
    for (int x = 0; x < to.width; ++x) {
      const float* c = line + 2 * x;
      out[x] = (c[-2] + c[2] + 4 * (c[-1] + c[1]) + 6 * c[0]) * (1.0f / 256);
    }
  }
}

// The patch with its corner at (x, y), bilinear. False when it does not lie inside.
bool sample(const Plane& plane, float x, float y, float* out) {
  constexpr int n = PatchSet::kSide;
  const float fx = std::floor(x), fy = std::floor(y);
  if (!(fx >= 0 && fy >= 0 && fx + n < plane.width && fy + n < plane.height)) return false;
  const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
  const float ax = x - fx, ay = y - fy;
  const float w00 = (1 - ax) * (1 - ay), w01 = ax * (1 - ay), w10 = (1 - ax) * ay, w11 = ax * ay;
  for (int j = 0; j < n; ++j) {
    const float* a = plane.row(iy + j) + ix;
    const float* b = plane.row(iy + j + 1) + ix;
    for (int i = 0; i < n; ++i) out[j * n + i] = w00 * a[i] + w01 * a[i + 1] + w10 * b[i] + w11 * b[i + 1];
  }
  return true;
}

bool is_black_line(const float* pixels, int count, int step) {
  // Video black with some noise: dark and even. A dark scene is dark, but not even.
  float sum = 0, largest = 0, smallest = 255;
  for (int i = 0; i < count; ++i) {
    const float v = pixels[static_cast<std::ptrdiff_t>(i) * step];
    sum += v;
    largest = std::max(largest, v);
    smallest = std::min(smallest, v);
  }
  return largest < 34 && largest - smallest < 9 && sum / static_cast<float>(count) < 22;
}

}  // namespace

void Pyramid::build(const GrayView& picture) {
  Plane& base = planes_[0];
  base.width = picture.width;
  base.height = picture.height;
  base.pixels.resize(static_cast<std::size_t>(picture.width) * picture.height);
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t* in = picture.row(y);
    float* out = base.row(y);
    for (int x = 0; x < picture.width; ++x) out[x] = in[x];
  }
  levels_ = 1;
  while (levels_ < kLevels) {
    const Plane& last = planes_[static_cast<std::size_t>(levels_ - 1)];
    if (std::min(last.width, last.height) < 2 * kSmallestSide) break;
    halve(last, planes_[static_cast<std::size_t>(levels_)], scratch_);
    ++levels_;
  }
}

ActiveArea active_area(const Plane& p) {
  ActiveArea a{0, 0, p.width, p.height};
  while (a.top < p.height * 2 / 5 && is_black_line(p.row(a.top), p.width, 1)) ++a.top;
  while (a.bottom > p.height * 3 / 5 && is_black_line(p.row(a.bottom - 1), p.width, 1)) --a.bottom;
  while (a.left < p.width * 2 / 5 && is_black_line(p.pixels.data() + a.left, p.height, p.width)) ++a.left;
  while (a.right > p.width * 3 / 5 && is_black_line(p.pixels.data() + a.right - 1, p.height, p.width))
    --a.right;
  // A dark scene is not a bar: real bars come in pairs of about the same size.
  if (std::abs(a.top - (p.height - a.bottom)) > p.height / 24 + 1) a.top = 0, a.bottom = p.height;
  if (std::abs(a.left - (p.width - a.right)) > p.width / 24 + 1) a.left = 0, a.right = p.width;
  // The blurred edge of a bar belongs to it.
  if (a.top > 0) a.top += 2, a.bottom -= 2;
  if (a.left > 0) a.left += 2, a.right -= 2;
  return a;
}

std::vector<Point2> find_corners(const Plane& p, const ActiveArea& area, int columns, int rows,
                                 float quality) {
  constexpr int margin = PatchSet::kSide / 2 + 1;
  const int w = p.width, h = p.height;
  const int x0 = std::max(area.left, 0) + margin, x1 = std::min(area.right, w) - margin;
  const int y0 = std::max(area.top, 0) + margin, y1 = std::min(area.bottom, h) - margin;
  if (x1 - x0 < columns || y1 - y0 < rows) return {};

  // Sums of gradient products over 5x5, as a running sum of rows of horizontal sums.
  constexpr int r = 2;
  const std::size_t n = static_cast<std::size_t>(w) * h;
  std::vector<float> xx(n), xy(n), yy(n), response(n);
  for (int y = 1; y < h - 1; ++y) {
    const float *above = p.row(y - 1), *here = p.row(y), *below = p.row(y + 1);
    const std::size_t at = static_cast<std::size_t>(y) * w;
    for (int x = 1; x < w - 1; ++x) {
      const float gx = 0.5f * (here[x + 1] - here[x - 1]), gy = 0.5f * (below[x] - above[x]);
      xx[at + x] = gx * gx;
      xy[at + x] = gx * gy;
      yy[at + x] = gy * gy;
    }
  }
  std::vector<float> sx(w), sxy(w), sy(w);
  float best = 0;
  for (int y = y0; y < y1; ++y) {
    std::ranges::fill(sx, 0.0f);
    std::ranges::fill(sxy, 0.0f);
    std::ranges::fill(sy, 0.0f);
    for (int k = -r; k <= r; ++k) {
      const std::size_t at = static_cast<std::size_t>(y + k) * w;
      for (int x = 0; x < w; ++x) {
        sx[x] += xx[at + x];
        sxy[x] += xy[at + x];
        sy[x] += yy[at + x];
      }
    }
    float* out = response.data() + static_cast<std::size_t>(y) * w;
    for (int x = x0; x < x1; ++x) {
      const float a = sx[x - 2] + sx[x - 1] + sx[x] + sx[x + 1] + sx[x + 2];
      const float b = sxy[x - 2] + sxy[x - 1] + sxy[x] + sxy[x + 1] + sxy[x + 2];
      const float c = sy[x - 2] + sy[x - 1] + sy[x] + sy[x + 1] + sy[x + 2];
      out[x] = 0.5f * (a + c - std::sqrt((a - c) * (a - c) + 4 * b * b));
      best = std::max(best, out[x]);
    }
  }
  // 25 pixels of gradients of 0.35 levels: below it there is only rounding.
  const float least = std::max(best * quality, 3.0f);
  std::vector<Point2> corners;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int cx0 = x0 + (x1 - x0) * column / columns, cx1 = x0 + (x1 - x0) * (column + 1) / columns;
      const int cy0 = y0 + (y1 - y0) * row / rows, cy1 = y0 + (y1 - y0) * (row + 1) / rows;
      float strongest = 0;
      Point2 where;
      for (int y = cy0; y < cy1; ++y) {
        const float* line = response.data() + static_cast<std::size_t>(y) * w;
        for (int x = cx0; x < cx1; ++x)
          if (line[x] > strongest)
            strongest = line[x], where = {static_cast<float>(x), static_cast<float>(y)};
      }
      if (strongest < least) continue;
      // Neighbouring cells often find the same corner on their common edge.
      const bool taken = std::ranges::any_of(corners, [&](const Point2& c) {
        return std::abs(c.x - where.x) < 5 && std::abs(c.y - where.y) < 5;
      });
      if (!taken) corners.push_back(where);
    }
  }
  return corners;
}

void PatchSet::take(const Pyramid& picture, const std::vector<Point2>& corners) {
  constexpr int n = kSide;
  constexpr float half = (n - 1) / 2.0f;
  levels_ = picture.levels();
  centers_.clear();
  patches_.assign(corners.size() * static_cast<std::size_t>(levels_), Patch{});
  for (std::size_t i = 0; i < corners.size(); ++i) {
    // An even patch has its centre between pixels.
    const Point2 center{corners[i].x + 0.5f, corners[i].y + 0.5f};
    centers_.push_back(center);
    for (int level = 0; level < levels_; ++level) {
      Patch& patch = patches_[i * static_cast<std::size_t>(levels_) + static_cast<std::size_t>(level)];
      const Plane& plane = picture.level(level);
      const float scale = 1.0f / static_cast<float>(1 << level);
      const float cx = center.x * scale, cy = center.y * scale;
      const int left = static_cast<int>(std::lround(cx - half)),
                top = static_cast<int>(std::lround(cy - half));
      if (left < 1 || top < 1 || left + n + 1 > plane.width - 1 || top + n + 1 > plane.height - 1) continue;
      patch.offset_x = static_cast<float>(left) + half - cx;
      patch.offset_y = static_cast<float>(top) + half - cy;
      float mean = 0, mean_x = 0, mean_y = 0;
      for (int y = 0; y < n; ++y) {
        const float *above = plane.row(top + y - 1) + left, *here = plane.row(top + y) + left,
                    *below = plane.row(top + y + 1) + left;
        for (int x = 0; x < n; ++x) {
          const std::size_t at = static_cast<std::size_t>(y * n + x);
          patch.value[at] = here[x];
          patch.gradient_x[at] = 0.5f * (here[x + 1] - here[x - 1]);
          patch.gradient_y[at] = 0.5f * (below[x] - above[x]);
          mean += patch.value[at];
          mean_x += patch.gradient_x[at];
          mean_y += patch.gradient_y[at];
        }
      }
      mean /= n * n;
      mean_x /= n * n;
      mean_y /= n * n;
      // Values and gradients without their means: a change of brightness then does not pull the patch.
      float variance = 0, gxx = 0, gxy = 0, gyy = 0;
      for (std::size_t k = 0; k < patch.value.size(); ++k) {
        patch.value[k] -= mean;
        patch.gradient_x[k] -= mean_x;
        patch.gradient_y[k] -= mean_y;
        variance += patch.value[k] * patch.value[k];
        gxx += patch.gradient_x[k] * patch.gradient_x[k];
        gxy += patch.gradient_x[k] * patch.gradient_y[k];
        gyy += patch.gradient_y[k] * patch.gradient_y[k];
      }
      const float determinant = gxx * gyy - gxy * gxy;
      if (determinant < 1e-3f * (gxx + gyy) * (gxx + gyy) || gxx + gyy < 2) continue;
      patch.deviation = std::sqrt(variance / (n * n));
      patch.inverse_xx = gyy / determinant;
      patch.inverse_xy = -gxy / determinant;
      patch.inverse_yy = gxx / determinant;
      patch.usable = true;
    }
  }
}

bool PatchSet::find(std::size_t i, const Pyramid& picture, int first_level, Point2& position) const {
  constexpr int n = kSide;
  constexpr float half = (n - 1) / 2.0f;
  std::array<float, n * n> found;
  for (int level = std::min(first_level, std::min(levels_, picture.levels()) - 1); level >= 0; --level) {
    const Patch& patch = patches_[i * static_cast<std::size_t>(levels_) + static_cast<std::size_t>(level)];
    if (!patch.usable) {
      if (level == 0) return false;
      continue;
    }
    const float scale = 1.0f / static_cast<float>(1 << level);
    const Plane& plane = picture.level(level);
    float x = position.x * scale + patch.offset_x - half, y = position.y * scale + patch.offset_y - half;
    float previous_dx = 0, previous_dy = 0;
    bool inside = true;
    for (int k = 0; k < kIterations; ++k) {
      inside = sample(plane, x, y, found.data());
      if (!inside) break;
      // A lane for each column: the compiler may not reorder one float sum, but these it can vectorise.
      float lane_x[n] = {}, lane_y[n] = {};
      for (int row = 0; row < n; ++row)
        for (int column = 0; column < n; ++column) {
          const std::size_t at = static_cast<std::size_t>(row * n + column);
          const float error = patch.value[at] - found[at];
          lane_x[column] += error * patch.gradient_x[at];
          lane_y[column] += error * patch.gradient_y[at];
        }
      float ex = 0, ey = 0;
      for (int column = 0; column < n; ++column) ex += lane_x[column], ey += lane_y[column];
      float dx = patch.inverse_xx * ex + patch.inverse_xy * ey;
      float dy = patch.inverse_xy * ex + patch.inverse_yy * ey;
      if (!(std::abs(dx) < n && std::abs(dy) < n)) return false;
      // Swinging between two places: the truth lies in the middle.
      if (k > 1 && std::abs(dx + previous_dx) < 0.02f && std::abs(dy + previous_dy) < 0.02f) dx /= 2, dy /= 2;
      x += dx;
      y += dy;
      if (dx * dx + dy * dy < kSettled * kSettled) break;
      previous_dx = dx;
      previous_dy = dy;
    }
    if (!inside && level > 0) continue;  // coarse patches reach over the edge sooner than fine ones
    if (!inside || !sample(plane, x, y, found.data())) return false;
    if (level == 0) {
      float mean = 0;
      for (const float v : found) mean += v;
      mean /= n * n;
      float squared = 0, product = 0, own = 0;
      for (std::size_t p = 0; p < found.size(); ++p) {
        const float v = found[p] - mean;
        squared += (v - patch.value[p]) * (v - patch.value[p]);
        product += v * patch.value[p];
        own += v * v;
      }
      const float difference = std::sqrt(squared / (n * n));
      const float correlation = product / (std::sqrt(own) * patch.deviation * n + 1e-3f);
      // Occluded, or only noise was followed: two patches of pure noise correlate by about 0.
      if (correlation < 0.6f || difference > 2.0f + 0.75f * patch.deviation) return false;
    }
    position = {(x + half - patch.offset_x) / scale, (y + half - patch.offset_y) / scale};
  }
  return true;
}

}  // namespace studio
