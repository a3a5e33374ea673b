// Viterbi over time offsets, and cross-correlation of the thin sound.
#include "editing/alignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace studio {
namespace {

// Contrast below which a picture counts as flat: normalising it further would only enlarge noise.
constexpr double kLeastSpread = 4;
constexpr float kUnit = 32;  // one standard deviation, in the bytes of a normalised thumbnail
constexpr std::size_t kMaxCells = 4'000'000;  // distances computed at full size (16 MB, about 0.2 s)

using Normal = std::vector<std::int8_t>;

void normalise(std::span<const std::uint8_t> thumb, std::int8_t* out) {
  double sum = 0, squares = 0;
  for (const std::uint8_t v : thumb) sum += v, squares += static_cast<double>(v) * v;
  const double n = static_cast<double>(thumb.size());
  const double mean = sum / n;
  const double spread = std::max(kLeastSpread, std::sqrt(std::max(0.0, squares / n - mean * mean)));
  for (std::size_t i = 0; i < thumb.size(); ++i)
    out[i] =
        static_cast<std::int8_t>(std::clamp(std::lround((thumb[i] - mean) / spread * kUnit), -127L, 127L));
}

Normal normalise_all(const Fingerprint& print) {
  Normal out(print.thumbs.size());
  for (std::size_t i = 0; i < print.frames.size(); ++i)
    normalise(print.thumb(i), out.data() + i * kThumbSize);
  return out;
}

float distance_of(const std::int8_t* a, const std::int8_t* b) {
  std::int32_t sum = 0;
  for (int i = 0; i < kThumbSize; ++i) {
    const std::int32_t d = static_cast<std::int32_t>(a[i]) - b[i];
    sum += d * d;
  }
  return static_cast<float>(sum) / (kThumbSize * kUnit * kUnit);
}

double frame_duration(const Fingerprint& print) {
  return print.frame_rate > 0 ? 1 / print.frame_rate : std::max(0.04, print.duration_s);
}

// The offsets worth considering, in steps of one reference frame. All of them for short films; for long
// ones those near offsets at which sampled frames of the file are found in the reference.
std::vector<std::int64_t> offsets_to_try(const Fingerprint& file, const Normal& a,
                                         const Fingerprint& reference, const Normal& b,
                                         const AlignmentOptions& options, double step) {
  const auto earliest = static_cast<std::int64_t>(-std::ceil(file.duration_s / step));
  const auto latest = static_cast<std::int64_t>(std::ceil(reference.duration_s / step));
  std::int64_t low = earliest, high = latest;
  if (options.search_s > 0) {
    const auto reach = static_cast<std::int64_t>(std::ceil(options.search_s / step));
    low = std::max(low, -reach);
    high = std::min(high, reach);
  }
  std::vector<std::int64_t> all;
  if (static_cast<std::size_t>(high - low + 1) * file.frames.size() <= kMaxCells) {
    for (std::int64_t o = low; o <= high; ++o) all.push_back(o);
    return all;
  }
  const std::size_t probes = std::min<std::size_t>(file.frames.size(), 240);
  const std::size_t stride = std::max<std::size_t>(1, reference.frames.size() / 20000);
  const auto band = static_cast<std::int64_t>(std::ceil(0.6 / step));
  std::vector<std::int64_t> found{0};
  for (std::size_t p = 0; p < probes; ++p) {
    const std::size_t i = p * file.frames.size() / probes;
    float best = std::numeric_limits<float>::max();
    std::size_t where = 0;
    for (std::size_t k = 0; k < reference.frames.size(); k += stride) {
      const float d = distance_of(a.data() + i * kThumbSize, b.data() + k * kThumbSize);
      if (d < best) best = d, where = k;
    }
    const auto o = static_cast<std::int64_t>(
        std::lround((reference.frames[where].time_s - file.frames[i].time_s) / step));
    if (best < 0.5f && o >= low && o <= high) found.push_back(o);
  }
  // Offsets that many probes agree on first, until the table is as large as it may be: a fixed camera's
  // probes point anywhere.
  std::map<std::int64_t, std::size_t> votes;
  for (const std::int64_t o : found)
    for (std::int64_t n = o - 2; n <= o + 2; ++n) ++votes[n];
  std::stable_sort(found.begin() + 1, found.end(),
                   [&](std::int64_t x, std::int64_t y) { return votes[x] > votes[y]; });
  for (const std::int64_t o : found) {
    if (!all.empty() &&
        (all.size() + static_cast<std::size_t>(2 * band + 1)) * file.frames.size() > 4 * kMaxCells)
      break;
    if (std::find(all.begin(), all.end(), o) != all.end()) continue;
    for (std::int64_t n = o - band; n <= o + band; ++n) all.push_back(n);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

float picture_distance(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  std::vector<std::int8_t> x(a.size()), y(b.size());
  normalise(a, x.data());
  normalise(b, y.data());
  return distance_of(x.data(), y.data());
}

Alignment align(const Fingerprint& file, const Fingerprint& reference, const AlignmentOptions& options) {
  Alignment result;
  const std::size_t n = file.frames.size();
  result.frames.resize(n);
  if (n == 0 || reference.frames.empty()) return result;

  const double step = frame_duration(reference);
  const Normal a = normalise_all(file), b = normalise_all(reference);
  const auto offsets = offsets_to_try(file, a, reference, b, options, step);
  const std::size_t states = offsets.size();
  const double half = step / 2;

  // Distances, by frame and offset; out of the reference is as bad as a different picture.
  constexpr float kOutside = -1;
  std::vector<float> distances(n * states, kOutside);
  std::vector<float> bests(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t last = reference.frames.size();
    float d = 0, best = 2;
    for (std::size_t s = 0; s < states; ++s) {
      const double t = file.frames[i].time_s + static_cast<double>(offsets[s]) * step;
      if (t < -half || t > reference.duration_s + half) continue;
      const std::size_t k = reference.frame_at(t + half * 0.5);
      if (k != last) d = distance_of(a.data() + i * kThumbSize, b.data() + k * kThumbSize), last = k;
      distances[i * states + s] = d;
      best = std::min(best, d);
    }
    bests[i] = best;
  }
  std::vector<float> sorted = bests;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(n / 2), sorted.end());
  result.noise = std::clamp(sorted[n / 2], 2e-5f, 0.2f);

  const auto cost_of = [&](float d) {
    return d < 0 ? 6.f : std::min(6.f, std::log2(1.f + d / (2 * result.noise)));
  };
  constexpr int kNear = 3;
  const auto hold = static_cast<float>(options.hold_cost), jump = static_cast<float>(options.jump_cost);
  std::vector<float> cost(states), next(states);
  std::vector<std::int32_t> from(n * states);
  for (std::size_t s = 0; s < states; ++s)
    cost[s] = cost_of(distances[s]) + (offsets[s] == 0 ? 0.f : jump / 2);
  for (std::size_t i = 1; i < n; ++i) {
    const std::size_t cheapest =
        static_cast<std::size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
    for (std::size_t s = 0; s < states; ++s) {
      float least = cost[s];
      std::size_t origin = s;
      for (int d = -kNear; d <= kNear; ++d) {
        const auto other = static_cast<std::ptrdiff_t>(s) + d;
        if (d == 0 || other < 0 || other >= static_cast<std::ptrdiff_t>(states)) continue;
        const auto o = static_cast<std::size_t>(other);
        if (std::abs(offsets[o] - offsets[s]) > kNear) continue;
        const float c = cost[o] + hold + 0.1f * static_cast<float>(std::abs(d));
        if (c < least) least = c, origin = o;
      }
      if (cost[cheapest] + jump < least) least = cost[cheapest] + jump, origin = cheapest;
      next[s] = least + cost_of(distances[i * states + s]);
      from[i * states + s] = static_cast<std::int32_t>(origin);
    }
    std::swap(cost, next);
  }

  const auto home = std::lower_bound(offsets.begin(), offsets.end(), 0);
  auto s = static_cast<std::size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  for (std::size_t i = n; i-- > 0;) {
    FrameMatch& match = result.frames[i];
    match.offset_s = static_cast<double>(offsets[s]) * step;
    const float d = distances[i * states + s];
    match.distance = d < 0 ? 2 : d;
    match.best = bests[i];
    if (home != offsets.end() && *home == 0) {
      const float h = distances[i * states + static_cast<std::size_t>(home - offsets.begin())];
      match.at_home = h < 0 ? 2 : h;
    }
    match.matched = match.distance <= std::max(0.12f, 6 * result.noise);
    if (i > 0) s = static_cast<std::size_t>(from[i * states + s]);
  }
  return result;
}

namespace {

// Splits [first, last] where the offsets leave the straight line between its ends by more than `tolerance`.
void split_at_bends(const std::vector<FrameMatch>& matches, const Fingerprint& file, std::size_t first,
                    std::size_t last, double tolerance, std::vector<std::size_t>& ends) {
  std::vector<std::pair<std::size_t, std::size_t>> open{{first, last}};
  while (!open.empty()) {
    const auto [a, b] = open.back();
    open.pop_back();
    double worst = tolerance;
    std::size_t where = a;
    const double t0 = file.frames[a].time_s, t1 = file.frames[b].time_s;
    for (std::size_t i = a + 1; i < b; ++i) {
      const double share = t1 > t0 ? (file.frames[i].time_s - t0) / (t1 - t0) : 0;
      const double line = matches[a].offset_s + share * (matches[b].offset_s - matches[a].offset_s);
      const double off = std::abs(matches[i].offset_s - line);
      if (off > worst) worst = off, where = i;
    }
    if (where == a) {
      ends.push_back(b);
    } else {
      open.emplace_back(where, b);
      open.emplace_back(a, where);
    }
  }
}

}  // namespace

std::vector<AlignedRun> runs_of(const Alignment& alignment, const Fingerprint& file,
                                double reference_frame_s) {
  std::vector<AlignedRun> runs;
  const auto& m = alignment.frames;
  if (m.empty()) return runs;
  const double jump = std::max(4.5 * reference_frame_s, 0.12);
  const auto add = [&](std::size_t a, std::size_t b) {
    AlignedRun run;
    run.first_frame = static_cast<std::int64_t>(a);
    run.last_frame = static_cast<std::int64_t>(b);
    run.offset_s = m[a].offset_s;
    const double length = file.frames[b].time_s - file.frames[a].time_s;
    run.speed = length > 0 ? 1 + (m[b].offset_s - m[a].offset_s) / length : 1;
    std::size_t matched = 0;
    for (std::size_t i = a; i <= b; ++i) matched += m[i].matched;
    run.matched_share = static_cast<double>(matched) / static_cast<double>(b - a + 1);
    runs.push_back(run);
  };
  for (std::size_t a = 0; a < m.size();) {
    std::size_t b = a;
    while (b + 1 < m.size() && std::abs(m[b + 1].offset_s - m[b].offset_s) < jump) ++b;
    std::vector<std::size_t> ends;
    split_at_bends(m, file, a, b, 1.6 * reference_frame_s, ends);
    std::size_t start = a;
    for (const std::size_t end : ends) {
      add(start, end);
      start = std::min(end + 1, b);
    }
    a = b + 1;
  }
  return runs;
}

std::optional<SoundLag> sound_lag(const SoundPrint& file, const SoundPrint& reference, double time_s,
                                  double offset_s, double window_s, double search_s) {
  const auto length = static_cast<std::ptrdiff_t>(window_s * kSoundRate);
  const auto reach = static_cast<std::ptrdiff_t>(search_s * kSoundRate);
  const auto a0 = static_cast<std::ptrdiff_t>(std::lround((time_s - file.start_s) * kSoundRate));
  const auto b0 =
      static_cast<std::ptrdiff_t>(std::lround((time_s + offset_s - reference.start_s) * kSoundRate));
  const auto a_size = static_cast<std::ptrdiff_t>(file.wave.size());
  const auto b_size = static_cast<std::ptrdiff_t>(reference.wave.size());
  if (length < 16 || a0 < 0 || a0 + length > a_size) return {};
  const float* a = file.wave.data() + a0;
  double a_energy = 0;
  for (std::ptrdiff_t i = 0; i < length; ++i) a_energy += static_cast<double>(a[i]) * a[i];
  constexpr double kAudible = 1e-6;  // mean square: -60 dBFS
  if (a_energy < kAudible * static_cast<double>(length)) return {};

  const std::ptrdiff_t low = std::max(-reach, -b0), high = std::min(reach, b_size - length - b0);
  if (low > high) return {};
  const float* b = reference.wave.data();
  double b_energy = 0;
  for (std::ptrdiff_t i = 0; i < length; ++i)
    b_energy += static_cast<double>(b[b0 + low + i]) * b[b0 + low + i];
  SoundLag best;
  bool audible = false, home_seen = false;
  double top = -1;
  std::vector<std::pair<std::ptrdiff_t, double>> peaks;
  double before = -1, now = -1;
  for (std::ptrdiff_t lag = low; lag <= high; ++lag) {
    const float* w = b + b0 + lag;
    float dot = 0;
    for (std::ptrdiff_t i = 0; i < length; ++i) dot += a[i] * w[i];
    const bool loud = b_energy > kAudible * static_cast<double>(length);
    const double c = loud ? static_cast<double>(dot) / std::sqrt(a_energy * b_energy) : 0;
    audible |= loud;
    if (lag == 0) best.at_zero = c, home_seen = true;
    if (now > before && now >= c && now > 0.2) peaks.emplace_back(lag - 1, now);
    top = std::max(top, c);
    before = now;
    now = c;
    if (lag < high) {
      b_energy += static_cast<double>(w[length]) * w[length] - static_cast<double>(w[0]) * w[0];
      b_energy = std::max(b_energy, 0.0);
    }
  }
  if (!audible) return {};
  (void)home_seen;
  // A steady tone fits at every period: of peaks as good as the best, the nearest to no lag is the honest
  // one.
  best.correlation = top;
  std::ptrdiff_t nearest = 0;
  bool any = false;
  for (const auto& [lag, c] : peaks)
    if (c >= 0.97 * top && (!any || std::abs(lag) < std::abs(nearest))) nearest = lag, any = true;
  // Positive: what is heard here stands earlier in the reference, so the file's sound is late.
  best.lag_s = -static_cast<double>(nearest) / kSoundRate;
  return best;
}

}  // namespace studio
