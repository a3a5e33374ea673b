// Area averaging from decoded planes: integer boxes, so that the compiler can vectorise the sums.
#include "analysis/working_picture.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace studio {
namespace {

constexpr int kWorkingWidth = 176;

struct Plane {
  const std::uint8_t* data;
  std::ptrdiff_t stride;
  int width, height;
};

// Adds one row of samples into the column sums.
template <typename Sample>
void add_row(const Sample* row, std::uint32_t* sums, int width) {
  for (int x = 0; x < width; ++x) sums[x] += row[x];
}
void add_row(const std::uint8_t* row, std::uint16_t* sums, int width) {
  for (int x = 0; x < width; ++x) sums[x] = static_cast<std::uint16_t>(sums[x] + row[x]);
}

// Mean of each kx * ky box, as 8 bits. Of boxes of more than 5 rows every second row is read, which
// halves the cost of the whole: the other half changes a mean of so many samples by a step at most.
template <typename Sample, typename Sum>
void average_boxes(const Plane& plane, int kx, int ky, int shift, int columns, int rows, std::uint8_t* out) {
  const int step = ky > 5 ? 2 : 1;
  std::vector<Sum> sums(static_cast<std::size_t>(columns) * kx);
  for (int y = 0; y < rows; ++y) {
    std::fill(sums.begin(), sums.end(), Sum{0});
    int taken = 0;
    for (int dy = 0; dy < ky; dy += step, ++taken) {
      const auto* row = reinterpret_cast<const Sample*>(
          plane.data + (static_cast<std::ptrdiff_t>(y) * ky + dy) * plane.stride);
      add_row(row, sums.data(), columns * kx);
    }
    const std::uint32_t count = static_cast<std::uint32_t>(taken) * kx;
    // A multiplication by the reciprocal in 32.32 instead of a division for each pixel.
    const std::uint64_t reciprocal = (1ULL << 32) / count + 1;
    const Sum* sum = sums.data();
    for (int x = 0; x < columns; ++x, sum += kx) {
      std::uint32_t total = count / 2;
      for (int i = 0; i < kx; ++i) total += sum[i];
      const auto mean = static_cast<std::uint32_t>((total * reciprocal) >> 32) >> shift;
      out[static_cast<std::size_t>(y) * columns + x] = static_cast<std::uint8_t>(std::min(mean, 255u));
    }
  }
}

void average_plane(const Plane& plane, int bits, int kx, int ky, int columns, int rows, std::uint8_t* out) {
  if (bits > 8)
    average_boxes<std::uint16_t, std::uint32_t>(plane, kx, ky, bits - 8, columns, rows, out);
  else if (ky > 256)
    average_boxes<std::uint8_t, std::uint32_t>(plane, kx, ky, 0, columns, rows, out);
  else
    average_boxes<std::uint8_t, std::uint16_t>(plane, kx, ky, 0, columns, rows, out);
}

void turn_upright(std::vector<std::uint8_t>& pixels, int width, int height, int rotation) {
  if (rotation == 0) return;
  std::vector<std::uint8_t> turned(pixels.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint8_t value = pixels[static_cast<std::size_t>(y) * width + x];
      if (rotation == 90)
        turned[static_cast<std::size_t>(x) * height + (height - 1 - y)] = value;
      else if (rotation == 180)
        turned[static_cast<std::size_t>(height - 1 - y) * width + (width - 1 - x)] = value;
      else
        turned[static_cast<std::size_t>(width - 1 - x) * height + y] = value;
    }
  }
  pixels.swap(turned);
}

void expand_luma(std::vector<std::uint8_t>& luma) {
  std::array<std::uint8_t, 256> table{};
  for (int i = 0; i < 256; ++i)
    table[i] = static_cast<std::uint8_t>(std::clamp((i - 16) * 255 / 219, 0, 255));
  for (auto& value : luma) value = table[value];
}

void expand_chroma(std::vector<std::uint8_t>& chroma) {
  for (auto& value : chroma)
    value = static_cast<std::uint8_t>(std::clamp(128 + (static_cast<int>(value) - 128) * 255 / 224, 0, 255));
}

template <typename Sample>
std::uint64_t laplacian_of_row(const Sample* above, const Sample* row, const Sample* below, int width) {
  std::uint32_t sum = 0;
  for (int x = 1; x < width - 1; ++x)
    sum += static_cast<std::uint32_t>(std::abs(4 * row[x] - row[x - 1] - row[x + 1] - above[x] - below[x]));
  return sum;
}

float sharpness_of(const Plane& luma, int bits) {
  std::uint64_t sum = 0, count = 0;
  if (luma.width < 3) return 0;
  const int step = luma.height < 64 ? 2 : 16;
  for (int y = 1; y < luma.height - 1; y += step) {
    const std::uint8_t* row = luma.data + static_cast<std::ptrdiff_t>(y) * luma.stride;
    const std::uint8_t *above = row - luma.stride, *below = row + luma.stride;
    if (bits > 8)
      sum += laplacian_of_row(reinterpret_cast<const std::uint16_t*>(above),
                              reinterpret_cast<const std::uint16_t*>(row),
                              reinterpret_cast<const std::uint16_t*>(below), luma.width);
    else
      sum += laplacian_of_row(above, row, below, luma.width);
    count += static_cast<std::uint64_t>(luma.width - 2);
  }
  if (count == 0) return 0;
  return static_cast<float>(static_cast<double>(sum) / static_cast<double>(count) / (1 << (bits - 8)));
}

// Integer boxes that leave about `width` x `width` * 9/16 small pixels, nearly square as displayed;
// a portrait clip keeps as many as a landscape one.
std::array<int, 2> box_size(const PlanarPicture& picture, int width) {
  const double aspect = picture.sample_aspect;
  const double area = static_cast<double>(picture.width) * aspect * picture.height;
  const double box = std::sqrt(area / (static_cast<double>(width) * width * 9 / 16));
  const auto whole = [](double length, int limit) {
    return std::clamp(static_cast<int>(std::lround(length)), 1, limit);
  };
  return {whole(box / aspect, picture.width), whole(box, picture.height)};
}

}  // namespace

void shrink(const PlanarPicture& picture, WorkingPicture& out) {
  const auto [kx, ky] = box_size(picture, kWorkingWidth);
  int columns = picture.width / kx, rows = picture.height / ky;
  const Plane luma{picture.planes[0], picture.strides[0], picture.width, picture.height};
  out.luma.resize(static_cast<std::size_t>(columns) * rows);
  average_plane(luma, picture.bits, kx, ky, columns, rows, out.luma.data());
  out.sharpness = sharpness_of(luma, picture.bits);

  int chroma_columns = std::max(1, columns / 2), chroma_rows = std::max(1, rows / 2);
  if (picture.planes[1] && picture.planes[2]) {
    const int chroma_width = -((-picture.width) >> picture.chroma_shift_x);
    const int chroma_height = -((-picture.height) >> picture.chroma_shift_y);
    const int cx = std::clamp((2 * kx) >> picture.chroma_shift_x, 1, chroma_width);
    const int cy = std::clamp((2 * ky) >> picture.chroma_shift_y, 1, chroma_height);
    chroma_columns = std::clamp(chroma_columns, 1, chroma_width / cx);
    chroma_rows = std::clamp(chroma_rows, 1, chroma_height / cy);
    const auto count = static_cast<std::size_t>(chroma_columns) * chroma_rows;
    out.cb.resize(count);
    out.cr.resize(count);
    average_plane({picture.planes[1], picture.strides[1], chroma_width, chroma_height}, picture.bits, cx, cy,
                  chroma_columns, chroma_rows, out.cb.data());
    average_plane({picture.planes[2], picture.strides[2], chroma_width, chroma_height}, picture.bits, cx, cy,
                  chroma_columns, chroma_rows, out.cr.data());
  } else {
    out.cb.assign(static_cast<std::size_t>(chroma_columns) * chroma_rows, 128);
    out.cr.assign(static_cast<std::size_t>(chroma_columns) * chroma_rows, 128);
  }
  if (!picture.full_range) {
    expand_luma(out.luma);
    expand_chroma(out.cb);
    expand_chroma(out.cr);
  }
  turn_upright(out.luma, columns, rows, picture.rotation);
  turn_upright(out.cb, chroma_columns, chroma_rows, picture.rotation);
  turn_upright(out.cr, chroma_columns, chroma_rows, picture.rotation);
  double pixel_aspect = picture.sample_aspect * kx / ky;
  if (picture.rotation % 180 != 0) {
    std::swap(columns, rows);
    std::swap(chroma_columns, chroma_rows);
    pixel_aspect = 1 / pixel_aspect;
  }
  out.width = columns;
  out.height = rows;
  out.chroma_width = chroma_columns;
  out.chroma_height = chroma_rows;
  out.bt709 = picture.bt709;
  out.anisotropy = static_cast<float>(1 / pixel_aspect);
}

void shrink_detail(const PlanarPicture& picture, int width, DetailPlane& out) {
  const auto [kx, ky] = box_size(picture, width);
  out.width = picture.width / kx;
  out.height = picture.height / ky;
  out.luma.resize(static_cast<std::size_t>(out.width) * out.height);
  average_plane({picture.planes[0], picture.strides[0], picture.width, picture.height}, picture.bits, kx, ky,
                out.width, out.height, out.luma.data());
  if (!picture.full_range) expand_luma(out.luma);
  turn_upright(out.luma, out.width, out.height, picture.rotation);
  if (picture.rotation % 180 != 0) std::swap(out.width, out.height);
}

void to_rgb(const WorkingPicture& picture, std::vector<std::uint8_t>& rgb) {
  rgb.resize(picture.luma.size() * 3);
  // Cr to red, Cb and Cr to green, Cb to blue, in 1/65536 (ITU-R BT.709 and BT.601, full range).
  const int red = picture.bt709 ? 103206 : 91881, blue = picture.bt709 ? 121609 : 116130;
  const int green_cb = picture.bt709 ? 12276 : 22554, green_cr = picture.bt709 ? 30679 : 46802;
  const auto byte = [](int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); };
  for (int y = 0; y < picture.height; ++y) {
    const int chroma_y = std::min(y / 2, picture.chroma_height - 1);
    for (int x = 0; x < picture.width; ++x) {
      const auto i = static_cast<std::size_t>(y) * picture.width + x;
      const auto c = static_cast<std::size_t>(chroma_y) * picture.chroma_width +
                     std::min(x / 2, picture.chroma_width - 1);
      const int luma = picture.luma[i] << 16, cb = picture.cb[c] - 128, cr = picture.cr[c] - 128;
      rgb[3 * i] = byte((luma + red * cr) >> 16);
      rgb[3 * i + 1] = byte((luma - green_cb * cb - green_cr * cr) >> 16);
      rgb[3 * i + 2] = byte((luma + blue * cb) >> 16);
    }
  }
}

}  // namespace studio
