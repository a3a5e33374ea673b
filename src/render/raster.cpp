// Pictures: memory, colour conversion, filling, copying and laying one over the other.
#include "render/raster.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "render/samples.h"

namespace studio {
namespace {

constexpr int kAlignment = 64;

struct Weights {
  double kr, kb;
};

Weights weights_of(ColorMatrix matrix) {
  return matrix == ColorMatrix::bt601 ? Weights{0.299, 0.114} : Weights{0.2126, 0.0722};
}

template <typename Sample>
void fill_plane(const Plane& plane, int value) {
  for (int row = 0; row < plane.height; ++row)
    std::fill_n(row_of<Sample>(plane, row), plane.width, static_cast<Sample>(value));
}

void copy_plane(const Plane& from, const Plane& to, int bytes) {
  const auto length = static_cast<std::size_t>(std::min(from.width, to.width)) * bytes;
  for (int row = 0; row < std::min(from.height, to.height); ++row)
    std::memcpy(row_of<std::uint8_t>(to, row), row_of<std::uint8_t>(from, row), length);
}

// Mean alpha of the luma samples that one chroma sample covers.
template <typename Sample>
int chroma_alpha(const RasterView& layer, int cx, int cy) {
  const int x0 = cx << layer.shift_x, y0 = cy << layer.shift_y;
  const int x1 = std::min(x0 + (1 << layer.shift_x), layer.width);
  const int y1 = std::min(y0 + (1 << layer.shift_y), layer.height);
  int sum = 0;
  for (int y = y0; y < y1; ++y)
    for (int x = x0; x < x1; ++x) sum += row_of<Sample>(layer.alpha, y)[x];
  const int count = std::max(1, (x1 - x0) * (y1 - y0));
  return (sum + count / 2) / count;
}

template <typename Sample>
Sample mixed(Sample below, Sample above, double weight) {
  return static_cast<Sample>(std::lround(below + (static_cast<double>(above) - below) * weight));
}

// Porter-Duff "over" with straight alpha on a see-through base.
template <typename Sample>
void blend_over_alpha(const RasterView& base, const RasterView& layer, double opacity) {
  const double top = max_sample(base);
  const auto base_planes = base.planes(), layer_planes = layer.planes();
  for (int p = 2; p >= 0; --p) {  // luma last: its loop also writes the alpha that chroma reads
    const int sx = p == 0 ? 0 : base.shift_x, sy = p == 0 ? 0 : base.shift_y;
    for (int y = 0; y < layer_planes[p].height; ++y) {
      Sample* below = row_of<Sample>(base_planes[p], y);
      const Sample* above = row_of<Sample>(layer_planes[p], y);
      for (int x = 0; x < layer_planes[p].width; ++x) {
        const int ax = std::min(x << sx, layer.width - 1), ay = std::min(y << sy, layer.height - 1);
        const double a = (layer.has_alpha() ? row_of<Sample>(layer.alpha, ay)[ax] / top : 1.0) * opacity;
        const double b = row_of<Sample>(base.alpha, ay)[ax] / top;
        const double out = a + b * (1 - a);
        if (out > 0) below[x] = mixed(below[x], above[x], a / out);
        if (p == 0) row_of<Sample>(base.alpha, y)[x] = static_cast<Sample>(std::lround(out * top));
      }
    }
  }
}

void blend_plane_bytes(const Plane& below, const Plane& above, const RasterView& layer, bool chroma,
                       int opacity) {
  for (int y = 0; y < above.height; ++y) {
    std::uint8_t* b = row_of<std::uint8_t>(below, y);
    const std::uint8_t* a = row_of<std::uint8_t>(above, y);
    const std::uint8_t* alpha = chroma || !layer.has_alpha() ? nullptr : row_of<std::uint8_t>(layer.alpha, y);
    for (int x = 0; x < above.width; ++x) {
      int weight = 255;
      if (layer.has_alpha()) weight = chroma ? chroma_alpha<std::uint8_t>(layer, x, y) : alpha[x];
      weight = scale_by_255(weight * opacity);
      b[x] = static_cast<std::uint8_t>(scale_by_255(b[x] * (255 - weight) + a[x] * weight));
    }
  }
}

template <typename Sample>
void blend_opaque_base(const RasterView& base, const RasterView& layer, double opacity) {
  const double top = max_sample(base);
  const auto base_planes = base.planes(), layer_planes = layer.planes();
  for (int p = 0; p < 3; ++p) {
    for (int y = 0; y < layer_planes[p].height; ++y) {
      Sample* below = row_of<Sample>(base_planes[p], y);
      const Sample* above = row_of<Sample>(layer_planes[p], y);
      for (int x = 0; x < layer_planes[p].width; ++x) {
        double a = opacity;
        if (layer.has_alpha())
          a *= (p == 0 ? row_of<Sample>(layer.alpha, y)[x] : chroma_alpha<Sample>(layer, x, y)) / top;
        below[x] = mixed(below[x], above[x], a);
      }
    }
  }
}

}  // namespace

RasterView part_of(const RasterView& picture, int x, int y, int width, int height) {
  RasterView part = picture;
  x = std::clamp(x >> picture.shift_x << picture.shift_x, 0, picture.width);
  y = std::clamp(y >> picture.shift_y << picture.shift_y, 0, picture.height);
  part.width = std::clamp(width, 0, picture.width - x);
  part.height = std::clamp(height, 0, picture.height - y);
  const int bytes = bytes_per_sample(picture);
  auto shrink = [&](Plane& plane, int sx, int sy) {
    if (!plane.data) return;
    plane.data += (y >> sy) * plane.stride + static_cast<std::ptrdiff_t>(x >> sx) * bytes;
    plane.width = subsampled(part.width, sx);
    plane.height = subsampled(part.height, sy);
  };
  shrink(part.y, 0, 0);
  shrink(part.u, picture.shift_x, picture.shift_y);
  shrink(part.v, picture.shift_x, picture.shift_y);
  shrink(part.alpha, 0, 0);
  return part;
}

RasterFormat format_of(const RasterView& picture) {
  return {picture.width,   picture.height,      picture.depth, picture.shift_x,
          picture.shift_y, picture.has_alpha(), picture.matrix};
}

Raster::Raster(const RasterFormat& format) {
  view_.width = format.width;
  view_.height = format.height;
  view_.depth = format.depth;
  view_.shift_x = format.shift_x;
  view_.shift_y = format.shift_y;
  view_.matrix = format.matrix;
  const int bytes = bytes_per_sample(view_);
  std::size_t size = kAlignment;
  auto lay_out = [&](Plane& plane, int width, int height) {
    plane.width = width;
    plane.height = height;
    plane.stride = (static_cast<std::ptrdiff_t>(width) * bytes + kAlignment - 1) / kAlignment * kAlignment;
    const std::size_t offset = size;
    size += static_cast<std::size_t>(plane.stride) * height;
    return offset;
  };
  const int cw = subsampled(format.width, format.shift_x), ch = subsampled(format.height, format.shift_y);
  const std::size_t y = lay_out(view_.y, format.width, format.height);
  const std::size_t u = lay_out(view_.u, cw, ch), v = lay_out(view_.v, cw, ch);
  const std::size_t a = format.alpha ? lay_out(view_.alpha, format.width, format.height) : 0;
  storage_.resize(size);
  std::uint8_t* base = storage_.data();
  base += kAlignment - reinterpret_cast<std::uintptr_t>(base) % kAlignment - kAlignment;
  view_.y.data = base + y;
  view_.u.data = base + u;
  view_.v.data = base + v;
  if (format.alpha) view_.alpha.data = base + a;
  fill(view_, Rgba{0, 0, 0, 255});
}

std::array<int, 3> to_ycbcr(Rgba color, const RasterView& like) {
  const auto [kr, kb] = weights_of(like.matrix);
  const double r = color.r / 255.0, g = color.g / 255.0, b = color.b / 255.0;
  const double luma = kr * r + (1 - kr - kb) * g + kb * b;
  const double scale = 1 << (like.depth - 8);
  const double cb = (b - luma) / (2 * (1 - kb)), cr = (r - luma) / (2 * (1 - kr));
  return {static_cast<int>(std::lround((16 + 219 * luma) * scale)),
          static_cast<int>(std::lround((128 + 224 * cb) * scale)),
          static_cast<int>(std::lround((128 + 224 * cr) * scale))};
}

Rgba pixel_at(const RasterView& picture, int x, int y) {
  const auto [kr, kb] = weights_of(picture.matrix);
  const double scale = 1 << (picture.depth - 8);
  double luma = 0, cb = 0, cr = 0, alpha = 255;
  with_samples(picture, [&]<typename Sample>(Sample) {
    const int cx = x >> picture.shift_x, cy = y >> picture.shift_y;
    luma = (row_of<Sample>(picture.y, y)[x] / scale - 16) / 219;
    cb = (row_of<Sample>(picture.u, cy)[cx] / scale - 128) / 224;
    cr = (row_of<Sample>(picture.v, cy)[cx] / scale - 128) / 224;
    if (picture.has_alpha()) alpha = row_of<Sample>(picture.alpha, y)[x] * 255.0 / max_sample(picture);
  });
  const double r = luma + 2 * (1 - kr) * cr, b = luma + 2 * (1 - kb) * cb;
  const double g = (luma - kr * r - kb * b) / (1 - kr - kb);
  auto byte = [](double v) { return static_cast<std::uint8_t>(std::clamp(std::lround(v * 255), 0L, 255L)); };
  return {byte(r), byte(g), byte(b), byte(alpha / 255)};
}

void fill(const RasterView& picture, Rgba color) {
  const auto [y, u, v] = to_ycbcr(color, picture);
  with_samples(picture, [&, y = y, u = u, v = v]<typename Sample>(Sample) {
    fill_plane<Sample>(picture.y, y);
    fill_plane<Sample>(picture.u, u);
    fill_plane<Sample>(picture.v, v);
    if (picture.has_alpha()) fill_plane<Sample>(picture.alpha, color.a * max_sample(picture) / 255);
  });
}

void copy(const RasterView& from, const RasterView& to) {
  const int bytes = bytes_per_sample(from);
  copy_plane(from.y, to.y, bytes);
  copy_plane(from.u, to.u, bytes);
  copy_plane(from.v, to.v, bytes);
  if (!to.has_alpha()) return;
  if (from.has_alpha())
    copy_plane(from.alpha, to.alpha, bytes);
  else
    with_samples(to, [&]<typename Sample>(Sample) { fill_plane<Sample>(to.alpha, max_sample(to)); });
}

void blend(const RasterView& base, const RasterView& layer, int x, int y, double opacity) {
  opacity = std::clamp(opacity, 0.0, 1.0);
  const int left = std::max(x, 0), top = std::max(y, 0);
  const int right = std::min(x + layer.width, base.width), bottom = std::min(y + layer.height, base.height);
  if (right <= left || bottom <= top || opacity <= 0) return;
  const auto under = part_of(base, left, top, right - left, bottom - top);
  const auto over = part_of(layer, left - x, top - y, right - left, bottom - top);
  if (opacity >= 1 && !over.has_alpha()) return copy(over, under);
  if (!base.has_alpha() && base.depth <= 8) {
    const int weight = static_cast<int>(std::lround(opacity * 255));
    blend_plane_bytes(under.y, over.y, over, false, weight);
    blend_plane_bytes(under.u, over.u, over, true, weight);
    blend_plane_bytes(under.v, over.v, over, true, weight);
    return;
  }
  with_samples(base, [&]<typename Sample>(Sample) {
    if (base.has_alpha())
      blend_over_alpha<Sample>(under, over, opacity);
    else
      blend_opaque_base<Sample>(under, over, opacity);
  });
}

void blend_rectangle(const RasterView& base, int x, int y, int width, int height, Rgba color) {
  const int left = std::max(x, 0), top = std::max(y, 0);
  const int right = std::min(x + width, base.width), bottom = std::min(y + height, base.height);
  if (right <= left || bottom <= top || color.a == 0) return;
  const auto part = part_of(base, left, top, right - left, bottom - top);
  if (color.a == 255) return fill(part, color);
  RasterFormat format = format_of(part);
  format.alpha = false;
  Raster layer(format);
  fill(layer.view(), color);
  blend(part, layer.view(), 0, 0, color.a / 255.0);
}

}  // namespace studio
