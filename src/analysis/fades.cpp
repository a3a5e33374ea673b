// Fades through black or white: the whole picture loses its contrast at once, and finds it again.
#include <algorithm>
#include <cmath>

#include "analysis/transitions.h"

namespace studio {
namespace {

constexpr float kFlat = 0.25f;     // of the contrast on both sides
constexpr float kEdgeFlat = 2.0f;  // contrast in block means of a picture that shows nothing
constexpr float kBlackUnder = 48, kWhiteOver = 200;
constexpr float kWhiteNoise = 6;       // of grain and compression over the white of a film
constexpr float kMixResidual = 0.22f;  // of the distance between the shot and the flat picture
constexpr float kOneStep = 0.6f;       // of the whole way
constexpr float kSameView = 0.22f;     // share of either end that is not to be seen in the other
constexpr float kRest = 0.5f;          // of the mean step inside
constexpr float kMixSpread = 0.2f;     // standard deviation of the cells' shares of the flat picture

// Walks from the flat frame to where the contrast has come back.
std::int64_t contrast_returns(const std::vector<float>& contrast, std::int64_t flat, int step,
                              std::int64_t reach) {
  const auto count = static_cast<std::int64_t>(contrast.size());
  std::int64_t at = flat;
  float most = 0;
  for (std::int64_t i = flat, n = 0; i >= 0 && i < count && n <= reach; i += step, ++n)
    most = std::max(most, contrast[i]);
  for (std::int64_t n = 0; n < reach; ++n) {
    const auto next = at + step;
    if (next < 0 || next >= count) break;
    // Held at the bottom, or still rising.
    const bool low = contrast[at] < 0.4f * most;
    const auto ahead = std::clamp<std::int64_t>(at + 2 * step, 0, count - 1);
    if (!low && std::max(contrast[next], contrast[ahead]) < contrast[at] * 1.015f + 0.05f) break;
    at = next;
  }
  return at;
}

// Half way, the frame must be the shot mixed with the flat picture everywhere alike: a hand before
// the lens covers one part after the other.
bool is_mix(const TransitionSearch& search, std::int64_t clear, std::int64_t flat) {
  const auto span = std::abs(flat - clear);
  if (span < 2) return false;
  const auto& frames = search.frames;
  const Canvas b = canvas_of(frames[flat]);
  const float apart = search.grid.distance(canvas_of(frames[clear]), b);
  // What the mix leaves unexplained, and how unlike the cells' shares are.
  const auto is_even_mix = [&](std::int64_t from, std::int64_t at) {
    const Canvas a = canvas_of(frames[from]);
    if (search.grid.distance(a, b) < 0.25f * apart) return false;  // covered already
    CellMix mix;
    search.grid.mix(a, b, canvas_of(frames[at]), mix);
    float residual = 0, weight = 0, sum = 0, squares = 0;
    for (std::size_t i = 0; i < mix.share.size(); ++i) {
      residual += mix.residual[i];
      weight += mix.apart[i];
      sum += mix.share[i] * mix.apart[i];
      squares += mix.share[i] * mix.share[i] * mix.apart[i];
    }
    if (weight < 1) return false;
    const float mean = sum / weight;
    const float spread = std::sqrt(std::max(0.0f, squares / weight - mean * mean));
    return residual / weight < kMixResidual && spread < kMixSpread;
  };
  // From the clear frame, and from a frame half way on: a moving camera changes less from there.
  const auto half = clear + (flat - clear) / 2, late = clear + (flat - clear) * 3 / 4;
  if (is_even_mix(clear, clear + (flat - clear) / 4) && is_even_mix(clear, half)) return true;
  return late != half && late != flat && is_even_mix(half, late);
}

// The change comes in one step: a cut to or from something dark, or a light.
bool is_abrupt(const TransitionSearch& search, std::int64_t clear, std::int64_t flat) {
  const auto [from, to] = std::minmax(clear, flat);
  const float most = *std::max_element(search.steps.begin() + from + 1, search.steps.begin() + to + 1);
  return to - from > 2 && most > kOneStep * search.distance(clear, flat);
}

bool same_scene(const TransitionSearch& search, std::int64_t before, std::int64_t after) {
  const auto& frames = search.frames;
  const float tolerant = search.grid.tolerant_distance(frames[before], frames[after], 2);
  if (search.grid.structure(frames[before], frames[after]) > 0.6f ||
      tolerant < 0.15f * search.grid.deviation(frames[before]))
    return true;
  for (const std::int64_t aside : {0, 3, 6})  // what covers the lens may still be in the picture
    if (search.unlike(before - aside, after + aside) < kSameView) return true;
  return false;
}

// Next to a fade the picture changes far less than in it; what passes the lens is on its way in before the
// contrast falls, and on its way out after it is back.
bool begins_from_rest(const TransitionSearch& search, std::int64_t before, std::int64_t after) {
  const auto mean = [&](std::int64_t from, std::int64_t to) {  // of the steps after `from`, up to `to`
    float sum = 0;
    int count = 0;
    for (auto i = std::max<std::int64_t>(1, from + 1); i <= std::min(to, search.count() - 1); ++i, ++count)
      sum += search.steps[i];
    return count > 0 ? sum / static_cast<float>(count) : 0;
  };
  const float inside = mean(before, after);
  return mean(before - 4, before) < kRest * inside && mean(after, after + 4) < kRest * inside;
}

// From the clip's first frame on (step 1) or its last one back (step -1): the first clear frame behind a
// flat beginning that gains its contrast little by little; -1 when it does not begin so.
std::int64_t edge_fade_end(const TransitionSearch& search, int step) {
  const auto count = search.count();
  const auto& contrast = search.contrast;
  const std::int64_t edge = step > 0 ? 0 : count - 1;
  const auto inside = [&](std::int64_t i) { return i >= 0 && i < count; };
  const float level = search.level[edge];
  if (level > kBlackUnder && level < kWhiteOver) return -1;
  auto flat = edge;
  while (inside(flat + step) && contrast[flat + step] < std::max(kEdgeFlat, contrast[edge] * 1.1f))
    flat += step;
  if (!inside(flat + step)) return -1;  // nothing but flat frames
  const auto reach = search.frames_in(3, 24, 240);
  const auto clear = contrast_returns(contrast, flat, step, reach);
  if (contrast[edge] > kFlat * contrast[clear] || contrast[clear] < 3) return -1;
  if (std::abs(clear - flat) < 3 || is_abrupt(search, clear, flat)) return -1;
  return clear;
}

}  // namespace

std::vector<ShotChange> find_edge_fades(const TransitionSearch& search) {
  std::vector<ShotChange> found;
  if (search.count() < 8) return found;
  const auto opened = edge_fade_end(search, 1), closing = edge_fade_end(search, -1);
  if (opened >= 0) found.push_back({TransitionKind::fade, 0, opened, 1});
  if (closing > opened) found.push_back({TransitionKind::fade, closing, search.count() - 1, 1});
  return found;
}

std::vector<ShotChange> find_fades(const TransitionSearch& search) {
  const auto count = search.count();
  const auto& contrast = search.contrast;
  const auto reach = search.frames_in(1.6, 24, 120);
  float brightest = 0;
  for (const auto& frame : search.frames) brightest = std::max<float>(brightest, frame.luma_p99);
  brightest -= kWhiteNoise;
  std::vector<ShotChange> fades;
  for (std::int64_t i = 1; i + 1 < count; ++i) {
    const float level = search.level[i];
    // A film graded dark has a grey white: wholly flat, and nothing in the film is brighter.
    const bool grey = level > kBlackUnder && level < kWhiteOver;
    if (grey && (contrast[i] > kEdgeFlat || level < brightest)) continue;
    // The bottom: the first frame of the lowest contrast near.
    if (contrast[i] >= contrast[i - 1] || contrast[i] > contrast[i + 1]) continue;
    float left = 0, right = 0;
    for (auto k = std::max<std::int64_t>(0, i - reach); k < i; ++k) left = std::max(left, contrast[k]);
    for (auto k = i + 1; k <= std::min(count - 1, i + reach); ++k) right = std::max(right, contrast[k]);
    if (contrast[i] > kFlat * std::min(left, right) || std::min(left, right) < 3) continue;
    const auto clear_before = contrast_returns(contrast, i, -1, reach);
    const auto clear_after = contrast_returns(contrast, i, 1, reach);
    if (clear_before <= 0 && contrast[clear_before] < 0.5f * left) continue;  // the clip begins flat
    if (clear_after >= count - 1 && contrast[clear_after] < 0.5f * right) continue;
    const bool out = is_mix(search, clear_before, i) && !is_abrupt(search, clear_before, i);
    const bool in = is_mix(search, clear_after, i) && !is_abrupt(search, clear_after, i);
    const float depth = contrast[i] / std::min(left, right);
    const bool extreme = (level < 12 || level > 235) && depth < 0.06f;
    if (!(out && in && depth < 0.16f) && !((out || in) && extreme)) continue;
    if (same_scene(search, clear_before, clear_after) &&
        !(out && in && level <= kBlackUnder && depth < 0.06f &&
          begins_from_rest(search, clear_before, clear_after)))
      continue;
    if (!fades.empty() && clear_before + 1 <= fades.back().last_frame) {
      fades.back().last_frame = std::max(fades.back().last_frame, clear_after - 1);
      continue;
    }
    fades.push_back({TransitionKind::fade, clear_before + 1, std::max(clear_before + 1, clear_after - 1),
                     out && in ? 0.95 : 0.75});
  }
  return fades;
}

}  // namespace studio
