// Measures pictures and sound for the judge: area-averaged luma, block changes, detail, sound steps.
#include "editing/fingerprint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace studio {
namespace {

// First source sample of each of `parts` equal parts of `length`, and the end.
std::vector<int> edges_of(int length, int parts) {
  std::vector<int> edges(static_cast<std::size_t>(parts) + 1);
  for (int i = 0; i <= parts; ++i)
    edges[static_cast<std::size_t>(i)] = static_cast<int>(static_cast<std::int64_t>(length) * i / parts);
  return edges;
}

// Box average of a plane down to columns x rows, neither larger than the plane's. Rows are summed
// first: that loop runs over consecutive bytes and is what the compiler turns into vector code.
void shrink(const std::uint8_t* data, int stride, int width, int height, int columns, int rows,
            std::vector<std::uint8_t>& out) {
  out.resize(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
  const auto xs = edges_of(width, columns), ys = edges_of(height, rows);
  std::vector<std::uint32_t> sums(static_cast<std::size_t>(width));
  for (int row = 0; row < rows; ++row) {
    const int y0 = ys[static_cast<std::size_t>(row)], y1 = ys[static_cast<std::size_t>(row) + 1];
    std::fill(sums.begin(), sums.end(), 0u);
    for (int y = y0; y < y1; ++y) {
      const std::uint8_t* line = data + static_cast<std::ptrdiff_t>(y) * stride;
      for (int x = 0; x < width; ++x) sums[static_cast<std::size_t>(x)] += line[x];
    }
    for (int column = 0; column < columns; ++column) {
      const int x0 = xs[static_cast<std::size_t>(column)], x1 = xs[static_cast<std::size_t>(column) + 1];
      std::uint64_t sum = 0;
      for (int x = x0; x < x1; ++x) sum += sums[static_cast<std::size_t>(x)];
      const auto area = static_cast<std::uint64_t>(x1 - x0) * static_cast<std::uint64_t>(y1 - y0);
      out[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
          static_cast<std::size_t>(column)] =
          static_cast<std::uint8_t>((sum + area / 2) / std::max<std::uint64_t>(area, 1));
    }
  }
}

void expand_range(std::vector<std::uint8_t>& luma) {
  for (auto& v : luma) v = static_cast<std::uint8_t>(std::clamp((v - 16) * 255 / 219, 0, 255));
}

StillPicture rotated(const StillPicture& picture, int rotation) {
  if (rotation == 0) return picture;
  StillPicture out = picture;
  const int w = picture.width, h = picture.height;
  if (rotation != 180) std::swap(out.width, out.height);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      int nx = w - 1 - x, ny = h - 1 - y;
      if (rotation == 90) nx = h - 1 - y, ny = x;
      if (rotation == 270) nx = y, ny = w - 1 - x;
      out.luma[static_cast<std::size_t>(ny) * static_cast<std::size_t>(out.width) +
               static_cast<std::size_t>(nx)] =
          picture
              .luma[static_cast<std::size_t>(y) * static_cast<std::size_t>(w) + static_cast<std::size_t>(x)];
    }
  return out;
}

double mean_of_plane(const std::uint8_t* data, int stride, int width, int height) {
  if (!data || width <= 0 || height <= 0) return 128;
  std::uint64_t sum = 0, count = 0;
  const int step = std::max(1, height / 90);  // a mean needs no more rows than that
  for (int y = 0; y < height; y += step) {
    const std::uint8_t* line = data + static_cast<std::ptrdiff_t>(y) * stride;
    std::uint32_t row = 0;
    for (int x = 0; x < width; ++x) row += line[x];
    sum += row;
    count += static_cast<std::uint64_t>(width);
  }
  return static_cast<double>(sum) / static_cast<double>(count);
}

double amplitude_of_chroma(const FingerprintBuilder::Picture& p) {
  if (!p.cb || !p.cr || p.chroma_width <= 0) return 0;
  std::uint64_t sum = 0, count = 0;
  const int step = std::max(1, p.chroma_height / 45);
  for (int y = 0; y < p.chroma_height; y += step) {
    const std::uint8_t* cb = p.cb + static_cast<std::ptrdiff_t>(y) * p.chroma_stride;
    const std::uint8_t* cr = p.cr + static_cast<std::ptrdiff_t>(y) * p.chroma_stride;
    std::uint32_t row = 0;
    for (int x = 0; x < p.chroma_width; ++x)
      row += static_cast<std::uint32_t>(std::abs(cb[x] - 128) + std::abs(cr[x] - 128));
    sum += row;
    count += static_cast<std::uint64_t>(p.chroma_width);
  }
  return static_cast<double>(sum) / static_cast<double>(count) / 2;
}

// Statistics of the measured picture alone.
void measure_still(const StillPicture& picture, FramePrint& print) {
  std::array<std::uint32_t, 256> histogram{};
  for (const std::uint8_t v : picture.luma) ++histogram[v];
  double sum = 0, squares = 0, dark = 0, bright = 0;
  for (int v = 0; v < 256; ++v) {
    const double n = histogram[static_cast<std::size_t>(v)];
    sum += n * v;
    squares += n * v * v;
    if (v < 24) dark += n;
    if (v > 235) bright += n;
  }
  const double n = static_cast<double>(picture.luma.size());
  print.luma = static_cast<float>(sum / n);
  print.spread = static_cast<float>(std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))));
  print.dark_share = static_cast<float>(dark / n);
  print.bright_share = static_cast<float>(bright / n);

  const int w = picture.width, h = picture.height;
  std::uint64_t detail = 0;
  for (int y = 1; y + 1 < h; ++y) {
    const std::uint8_t* line = picture.luma.data() + static_cast<std::ptrdiff_t>(y) * w;
    std::uint32_t row = 0;
    for (int x = 1; x + 1 < w; ++x)
      row += static_cast<std::uint32_t>(
          std::abs(4 * line[x] - line[x - 1] - line[x + 1] - line[x - w] - line[x + w]));
    detail += row;
  }
  print.detail =
      w > 2 && h > 2 ? static_cast<float>(static_cast<double>(detail) / ((w - 2.0) * (h - 2.0))) : 0;
}

void measure_change(const StillPicture& now, const StillPicture& before, FramePrint& print) {
  if (before.luma.size() != now.luma.size() || before.width != now.width) return;
  constexpr int kBlock = 8;
  const int w = now.width, h = now.height;
  std::uint64_t total = 0;
  double largest = 0;
  std::vector<std::uint32_t> blocks(static_cast<std::size_t>((w + kBlock - 1) / kBlock));
  for (int y0 = 0; y0 < h; y0 += kBlock) {
    const int y1 = std::min(h, y0 + kBlock);
    std::fill(blocks.begin(), blocks.end(), 0u);
    for (int y = y0; y < y1; ++y) {
      const std::uint8_t* a = now.luma.data() + static_cast<std::ptrdiff_t>(y) * w;
      const std::uint8_t* b = before.luma.data() + static_cast<std::ptrdiff_t>(y) * w;
      for (int x = 0; x < w; ++x)
        blocks[static_cast<std::size_t>(x / kBlock)] += static_cast<std::uint32_t>(std::abs(a[x] - b[x]));
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const int x0 = static_cast<int>(i) * kBlock, x1 = std::min(w, x0 + kBlock);
      total += blocks[i];
      largest = std::max(largest, static_cast<double>(blocks[i]) / ((x1 - x0) * (y1 - y0)));
    }
  }
  print.change = static_cast<float>(largest);
  print.mean_change = static_cast<float>(static_cast<double>(total) / static_cast<double>(now.luma.size()));
}

// The thumbnail from the measured picture; a picture smaller than a thumbnail repeats its samples.
void append_thumb(const StillPicture& picture, std::vector<std::uint8_t>& thumbs) {
  if (picture.width >= kThumbColumns && picture.height >= kThumbRows) {
    std::vector<std::uint8_t> thumb;
    shrink(picture.luma.data(), picture.width, picture.width, picture.height, kThumbColumns, kThumbRows,
           thumb);
    thumbs.insert(thumbs.end(), thumb.begin(), thumb.end());
    return;
  }
  for (int row = 0; row < kThumbRows; ++row)
    for (int column = 0; column < kThumbColumns; ++column)
      thumbs.push_back(picture.luma[static_cast<std::size_t>(row * picture.height / kThumbRows) *
                                        static_cast<std::size_t>(picture.width) +
                                    static_cast<std::size_t>(column * picture.width / kThumbColumns)]);
}

}  // namespace

std::size_t Fingerprint::frame_at(double time_s) const {
  const auto after = std::upper_bound(frames.begin(), frames.end(), time_s + 1e-6,
                                      [](double t, const FramePrint& f) { return t < f.time_s; });
  return after == frames.begin() ? 0 : static_cast<std::size_t>(after - frames.begin()) - 1;
}

void FingerprintBuilder::add(const Picture& picture, double time_s) {
  const bool sideways = picture.rotation == 90 || picture.rotation == 270;
  const int shown_width = sideways ? picture.height : picture.width;
  const double scale = std::min(1.0, static_cast<double>(kPrintWidth) / shown_width);
  StillPicture still;
  still.time_s = time_s;
  still.width = std::max(1, static_cast<int>(std::lround(picture.width * scale)));
  still.height = std::max(1, static_cast<int>(std::lround(picture.height * scale)));
  shrink(picture.luma, picture.luma_stride, picture.width, picture.height, still.width, still.height,
         still.luma);
  if (!picture.full_range) expand_range(still.luma);
  current_ = rotated(still, picture.rotation);

  FramePrint print;
  print.time_s = time_s;
  measure_still(current_, print);
  print.cb = static_cast<float>(
      mean_of_plane(picture.cb, picture.chroma_stride, picture.chroma_width, picture.chroma_height) - 128);
  print.cr = static_cast<float>(
      mean_of_plane(picture.cr, picture.chroma_stride, picture.chroma_width, picture.chroma_height) - 128);
  print.colour = static_cast<float>(amplitude_of_chroma(picture));
  if (!print_.frames.empty()) measure_change(current_, previous_, print);
  print_.frames.push_back(print);
  append_thumb(current_, print_.thumbs);
  previous_ = current_;
}

StillPicture FingerprintBuilder::last_picture(double time_s) const {
  StillPicture picture = current_;
  picture.time_s = time_s;
  return picture;
}

void FingerprintBuilder::add_sound(std::span<const float> samples, int channels, int sample_rate) {
  if (channels <= 0 || sample_rate <= 0) return;
  print_.has_audio = true;
  const std::size_t frames = samples.size() / static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < frames; ++i) {
    double mono = 0;
    for (int c = 0; c < channels; ++c) {
      float s = samples[i * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)];
      if (!std::isfinite(s)) s = 0;
      step_samples_.push_back(s);
      mono += s;
    }
    wave_sum_ += mono / channels;
    ++wave_count_;
    ++sound_frames_;
    // Which thin sample and which step the next sample falls into: exact, so nothing drifts.
    const auto waves =
        static_cast<std::int64_t>(static_cast<double>(sound_frames_) * kSoundRate / sample_rate);
    while (static_cast<std::int64_t>(print_.sound.wave.size()) < waves) {
      print_.sound.wave.push_back(wave_count_ ? static_cast<float>(wave_sum_ / wave_count_) : 0.f);
      wave_sum_ = 0;
      wave_count_ = 0;
    }
    const auto steps =
        static_cast<std::int64_t>(static_cast<double>(sound_frames_) / sample_rate / kSoundStep_s);
    if (static_cast<std::int64_t>(print_.sound.steps.size()) < steps) finish_step();
  }
}

void FingerprintBuilder::finish_step() {
  SoundStep step;
  double squares = 0;
  for (const float s : step_samples_) {
    squares += static_cast<double>(s) * s;
    step.peak = std::max(step.peak, std::abs(s));
  }
  if (!step_samples_.empty()) {
    step.rms = static_cast<float>(std::sqrt(squares / static_cast<double>(step_samples_.size())));
    const float edge = step.peak * 0.98f;
    const auto flat = std::count_if(step_samples_.begin(), step_samples_.end(),
                                    [edge](float s) { return std::abs(s) >= edge; });
    step.flat_share = static_cast<float>(flat) / static_cast<float>(step_samples_.size());
  }
  print_.sound.steps.push_back(step);
  step_samples_.clear();
}

Fingerprint FingerprintBuilder::finish(double end_s) {
  auto& frames = print_.frames;
  const double last = frames.empty() ? 0 : frames.back().time_s;
  print_.duration_s = std::max(end_s, last);
  if (frames.size() > 1)
    print_.frame_rate = static_cast<double>(frames.size() - 1) / (last - frames.front().time_s);
  if (print_.width == 0) print_.width = current_.width, print_.height = current_.height;
  return std::move(print_);
}

}  // namespace studio
