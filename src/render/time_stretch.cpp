// WSOLA and windowed-sinc resampling over a source that can be read anywhere.
#include "render/time_stretch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace studio {

namespace {
constexpr int kChannels = 2;
constexpr int kCoarse = 4;  // the search first looks at every fourth sample and shift

std::vector<float> mono(std::span<const float> stereo) {
  std::vector<float> out(stereo.size() / kChannels);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = stereo[2 * i] + stereo[2 * i + 1];
  return out;
}

// Likeness of two pieces, loudness aside.
double likeness(const float* a, const float* b, int count, int step) {
  float product = 0, energy = 1e-9F;
  for (int i = 0; i < count; i += step) {
    product += a[i] * b[i];
    energy += b[i] * b[i];
  }
  return product / std::sqrt(static_cast<double>(energy));
}

}  // namespace

PitchKeepingStretch::PitchKeepingStretch(SampleReader reader, SampleMap map, int sample_rate)
    : reader_(std::move(reader)),
      map_(std::move(map)),
      hop_(std::max(64, sample_rate / 47)),
      search_(std::max(32, sample_rate / 94)) {
  hop_ -= hop_ % kCoarse;
  search_ -= search_ % kCoarse;
  window_.resize(static_cast<std::size_t>(2 * hop_));
  for (int i = 0; i < 2 * hop_; ++i)
    window_[static_cast<std::size_t>(i)] =
        static_cast<float>(0.5 - 0.5 * std::cos(std::numbers::pi * (i + 0.5) / hop_));
  tail_.assign(static_cast<std::size_t>(hop_ * kChannels), 0.0F);
}

Result<void> PitchKeepingStretch::read(std::span<float> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    if (used_ == ready_.size()) {
      ready_.clear();
      used_ = 0;
      TRY(add_window());
      continue;
    }
    const std::size_t count = std::min(out.size() - done, ready_.size() - used_);
    std::copy_n(ready_.begin() + static_cast<std::ptrdiff_t>(used_), count,
                out.begin() + static_cast<std::ptrdiff_t>(done));
    used_ += count;
    done += count;
  }
  return {};
}

Result<std::int64_t> PitchKeepingStretch::best_start(std::int64_t ideal) {
  if (!has_natural_) return ideal;
  // What would follow by itself, against every shift of what should come.
  std::vector<float> wanted_stereo(static_cast<std::size_t>(hop_ * kChannels));
  TRY(reader_(natural_, wanted_stereo));
  std::vector<float> around_stereo(static_cast<std::size_t>((hop_ + 2 * search_) * kChannels));
  TRY(reader_(ideal - search_, around_stereo));
  const std::vector<float> wanted = mono(wanted_stereo), around = mono(around_stereo);
  const auto better = [&](int from, int to, int step) {
    int best = search_;
    double best_likeness = likeness(wanted.data(), around.data() + search_, hop_, step);
    for (int shift = from; shift <= to; shift += step) {
      const double l = likeness(wanted.data(), around.data() + shift, hop_, step);
      if (l > best_likeness * (1 + 1e-9) + 1e-12) {
        best = shift;
        best_likeness = l;
      }
    }
    return best;
  };
  const int coarse = better(0, 2 * search_, kCoarse);
  int best = coarse;
  double best_likeness = -1e30;
  for (int shift = std::max(0, coarse - kCoarse); shift <= std::min(2 * search_, coarse + kCoarse); ++shift) {
    const double l = likeness(wanted.data(), around.data() + shift, hop_, 1);
    if (l > best_likeness) {
      best = shift;
      best_likeness = l;
    }
  }
  return ideal - search_ + best;
}

// Adds one window of 2 hops: its first half completes the tail, its second half is the new tail.
Result<void> PitchKeepingStretch::add_window() {
  const std::int64_t start = next_window_ * hop_;
  const double middle = map_(std::max<std::int64_t>(0, start + hop_));
  TRY_ASSIGN(const std::int64_t from, best_start(std::llround(middle) - hop_));
  std::vector<float> piece(static_cast<std::size_t>(2 * hop_ * kChannels));
  TRY(reader_(from, piece));
  for (int i = 0; i < 2 * hop_; ++i)
    for (int c = 0; c < kChannels; ++c)
      piece[static_cast<std::size_t>(i * kChannels + c)] *= window_[static_cast<std::size_t>(i)];
  const std::size_t half = tail_.size();
  if (next_window_ >= 0)
    for (std::size_t i = 0; i < half; ++i) ready_.push_back(tail_[i] + piece[i]);
  std::copy(piece.begin() + static_cast<std::ptrdiff_t>(half), piece.end(), tail_.begin());
  natural_ = from + hop_;
  has_natural_ = true;
  ++next_window_;
  return {};
}

namespace {

constexpr int kHalfTaps = 16;
constexpr int kPhases = 256;

// Windowed sinc at distance x in -1..1 of its half width, tabulated.
const std::array<float, kHalfTaps * kPhases + 2>& sinc_table() {
  static const auto table = [] {
    std::array<float, kHalfTaps * kPhases + 2> t{};
    for (std::size_t i = 0; i < t.size(); ++i) {
      const double x = static_cast<double>(i) / kPhases;
      const double sinc = x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
      const double window = x >= kHalfTaps ? 0 : 0.5 + 0.5 * std::cos(std::numbers::pi * x / kHalfTaps);
      t[i] = static_cast<float>(sinc * window);
    }
    return t;
  }();
  return table;
}

float kernel(double x) {
  const double at = std::abs(x) * kPhases;
  const auto i = static_cast<std::size_t>(at);
  if (i + 1 >= kHalfTaps * kPhases) return 0;
  const auto f = static_cast<float>(at - static_cast<double>(i));
  return sinc_table()[i] * (1 - f) + sinc_table()[i + 1] * f;
}

}  // namespace

TapeSpeed::TapeSpeed(SampleReader reader, SampleMap map) : reader_(std::move(reader)), map_(std::move(map)) {}

Result<void> TapeSpeed::read(std::span<float> out) {
  constexpr std::int64_t kStep = 128;  // the map is taken as straight over so many samples
  const auto total = static_cast<std::int64_t>(out.size()) / kChannels;
  for (std::int64_t done = 0; done < total;) {
    const std::int64_t count = std::min(kStep, total - done);
    const double p0 = map_(position_ + done), p1 = map_(position_ + done + count);
    const double speed = std::max(1e-6, (p1 - p0) / static_cast<double>(count));
    const double cutoff = std::min(1.0, 1.0 / speed);  // faster: what would fold over is filtered out
    const int reach = static_cast<int>(std::ceil(kHalfTaps / cutoff));
    const std::int64_t first = static_cast<std::int64_t>(std::floor(p0)) - reach;
    const std::int64_t last = static_cast<std::int64_t>(std::ceil(p1)) + reach;
    std::vector<float> source(static_cast<std::size_t>((last - first + 1) * kChannels));
    TRY(reader_(first, source));
    for (std::int64_t i = 0; i < count; ++i) {
      const double p = p0 + speed * static_cast<double>(i);
      const auto center = static_cast<std::int64_t>(std::floor(p));
      float left = 0, right = 0;
      for (std::int64_t k = center - reach + 1; k <= center + reach; ++k) {
        const float w = kernel((static_cast<double>(k) - p) * cutoff);
        const auto at = static_cast<std::size_t>((k - first) * kChannels);
        if (k < first || k > last) continue;
        left += w * source[at];
        right += w * source[at + 1];
      }
      const auto to = static_cast<std::size_t>((done + i) * kChannels);
      out[to] = left * static_cast<float>(cutoff);
      out[to + 1] = right * static_cast<float>(cutoff);
    }
    done += count;
  }
  position_ += total;
  return {};
}

}  // namespace studio
