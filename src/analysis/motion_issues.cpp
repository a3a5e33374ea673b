// Defects that only a sequence shows: freezes, repeated and missing frames, jumps.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/issue_rules.h"

namespace studio {
namespace {

using Frames = std::vector<FrameFeatures>;

const FrameFeatures& at(const ClipFeatures& clip, std::int64_t i) {
  return clip.frames[static_cast<std::size_t>(i)];
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

double camera_step(const FrameFeatures& f) {
  return std::hypot(f.motion.dx, f.motion.dy) +
         0.4 * (std::abs(f.motion.log_scale) + std::abs(f.motion.rotation));
}

// Mean difference of two frames' block means after their brightness is matched: a change of content, not of
// light.
double content_change(const FrameFeatures& a, const FrameFeatures& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.luma_blocks.size(); ++i)
    sum += std::abs((b.luma_blocks[i] - b.luma_mean) - (a.luma_blocks[i] - a.luma_mean));
  return sum / static_cast<double>(a.luma_blocks.size());
}

// Like values around frame i, i itself and its direct followers left out.
template <typename Value>
std::vector<double> around(FrameSpan span, std::int64_t i, std::int64_t reach, Value value) {
  std::vector<double> values;
  for (auto k = std::max(span.first + 1, i - reach); k <= std::min(span.last, i + reach); ++k)
    if (k < i || k > i + 1) values.push_back(value(k));
  return values;
}

}  // namespace

bool repeats_previous(const FrameFeatures& f) {
  // Measured: frozen pictures re-encoded as H.264 or MPEG-4 stay below 0.067 (but for one refined keyframe),
  // an empty street filmed from a tripod above 0.084.
  return f.luma_difference < 0.075f && f.changed_share < 0.001f && f.ssim > 0.9995f;
}

// A tripod's picture lives on: grain, leaves, light. A frozen one is the same frame again and again.
// What tells them apart is the clip's own life, since an encoder may also smooth a quiet picture.
void find_freezes(const ClipFeatures& clip, FrameSpan span, const CadenceFound& cadence,
                  std::vector<Issue>& issues) {
  const double least_s = cadence.drawn() ? 1.2 : 0.36;
  std::int64_t first = -1;
  const auto close = [&](std::int64_t last) {
    if (first < 0) return;
    std::int64_t begin = first;
    first = -1;
    // The encoder spends its first frames after the stop on refining the picture: they belong to it.
    std::vector<double> before;
    for (auto k = std::max(span.first + 1, begin - 12); k <= begin - 5; ++k)
      before.push_back(at(clip, k).luma_difference);
    const double moving = median(before);
    for (int k = 0; k < 4 && begin > span.first + 1 && at(clip, begin - 1).luma_difference < 0.3 * moving;
         ++k)
      --begin;
    const double seconds = seconds_of(clip, begin, last);
    if (seconds < least_s) return;
    // Black or a plain card stands still by nature.
    if (at(clip, begin).luma_p99 < 26 || at(clip, begin).edge_density < 0.002f) return;
    // A picture that never moved was meant as one; one that stops is a defect.
    const bool whole = begin <= span.first + 1 && last >= span.last - 1;
    issues.push_back(
        {"freeze", begin, last,
         whole ? 0.3 : std::clamp((cadence.drawn() ? 0.15 : 0.35) + 0.15 * seconds, 0.0, 0.9),
         whole ? fmt::format("a still image for {:.2f} s from {}: no pixel moves", seconds,
                             clock_of(clip, begin))
               : fmt::format("the picture stands still for {:.2f} s from {}", seconds, clock_of(clip, begin)),
         whole ? "add a slow zoom, or shorten it"
               : "cut the frozen frames out, or cover them with another shot"});
  };
  for (auto i = span.first + 1; i <= span.last; ++i) {
    if (repeats_previous(at(clip, i))) {
      if (first < 0) first = i;
    } else if (first >= 0) {
      // An encoder's fresh keyframe may touch a frozen picture once; then it stands still again.
      const bool blip = i + 1 <= span.last && repeats_previous(at(clip, i + 1)) &&
                        at(clip, i).luma_difference < 0.7 && at(clip, i).ssim > 0.985f &&
                        content_change(at(clip, i - 1), at(clip, i)) < 0.4;
      if (!blip) close(i - 1);
    }
  }
  close(span.last);
}

void find_duplicates(const ClipFeatures& clip, const CadenceFound& cadence, std::vector<Issue>& issues) {
  if (cadence.drawn()) return;  // a style, told as an insight
  if (cadence.cadence == Cadence::repeats_regularly) {
    issues.push_back(
        {"duplicate", cadence.held.front().first, cadence.held.back().last, 0.3,
         fmt::format("every {}. frame repeats the one before ({} repeats from {}): a converted frame rate",
                     cadence.period, cadence.held.size(), clock_of(clip, cadence.held.front().first)),
         "go back to the original frame rate, or drop the repeats"});
    return;
  }
  for (const HeldFrame& h : cadence.held) {
    const double seconds = seconds_of(clip, h.first, h.last);
    const std::string what =
        h.first == h.last ? "frame repeats the one before" : "frames repeat the one before";
    issues.push_back(
        {"duplicate", h.first, h.last, std::clamp(0.3 + seconds, 0.3, 0.7),
         fmt::format("{} {} at {} amid movement", h.last - h.first + 1, what, clock_of(clip, h.first)),
         "drop the repeated frames, or interpolate new ones"});
  }
}

// Steady movement tells where the next frame should be. Twice the step is a missing frame; a leap that is
// no cut, no flash and no faster camera is a jump.
void find_jumps_and_drops(const ClipFeatures& clip, FrameSpan span, const CadenceFound& cadence,
                          std::vector<Issue>& issues) {
  if (cadence.drawn() || span.count() < 10) return;
  const auto is_held = [&](std::int64_t i) {
    return std::ranges::any_of(cadence.held, [&](const HeldFrame& h) { return i >= h.first && i <= h.last; });
  };
  std::int64_t last_reported = -100;
  for (auto i = span.first + 2; i <= span.last - 2; ++i) {
    const FrameFeatures &f = at(clip, i), &before = at(clip, i - 1);
    if (i - last_reported < 3 || is_held(i)) continue;
    // After a repeated frame the picture catches up: that pair is told as a duplicate.
    if (is_held(i - 1)) continue;

    const auto changes =
        around(span, i, 6, [&](std::int64_t k) { return static_cast<double>(at(clip, k).luma_difference); });
    const double change = f.luma_difference, usual_change = median(changes);
    const auto steps = around(span, i, 6, [&](std::int64_t k) { return camera_step(at(clip, k)); });
    const double step = camera_step(f), usual = median(steps);
    double scatter = 0;
    for (const double s : steps) scatter += std::abs(s - usual);
    scatter /= std::max<double>(1, static_cast<double>(steps.size()));
    const auto trusted = [](const FrameFeatures& x) { return x.motion.confidence >= 0.4f; };
    const bool steady = usual > 0.0006 && scatter < 0.18 * usual && steps.size() >= 6;
    const double ratio = usual > 0 ? step / usual : 0;
    if (steady && trusted(f) && ratio > 1.7 && ratio < 8 && step - usual > 0.0012 &&
        change > 1.2 * usual_change) {
      const double along = (f.motion.dx * before.motion.dx + f.motion.dy * before.motion.dy) /
                           std::max(1e-9f, std::hypot(f.motion.dx, f.motion.dy) *
                                               std::hypot(before.motion.dx, before.motion.dy));
      const bool turning = std::hypot(before.motion.dx, before.motion.dy) > 0.0004 && along < 0.7;
      if (!turning) {
        const int missing = std::max(1, static_cast<int>(std::lround(ratio)) - 1);
        issues.push_back(
            {"dropped", i, i, std::clamp(0.3 + 0.08 * missing, 0.3, 0.8),
             fmt::format("{} frame{} missing before {}: the camera moves {:.1f} times its usual step",
                         missing, missing == 1 ? "" : "s", clock_of(clip, i), ratio),
             "interpolate the missing frames, or hide the place under a cut"});
        last_reported = i;
        continue;
      }
    }

    const double largest = changes.empty() ? 0 : *std::ranges::max_element(changes);
    if (change < 3.5 * usual_change + 3 || change < 1.6 * largest || f.ssim > 0.9f) continue;
    // A flash comes and goes: the frame after it is like the frame before it. A light switched on changes
    // brightness, not content.
    const FrameFeatures& after = at(clip, i + 1);
    const double stays = std::min(content_change(before, after), content_change(before, f));
    double shifted = content_change(before, f);
    if (shifted < 2.0 || stays < 0.5 * shifted) continue;
    const double light = std::abs(f.luma_mean - before.luma_mean);
    if (light > 12 && light > 2.5 * shifted) continue;
    // The camera itself speeds up for several frames in a whip pan; a jump is one step.
    if (at(clip, i + 1).luma_difference > 0.5 * change || at(clip, i - 1).luma_difference > 0.5 * change)
      continue;
    issues.push_back({"jump", i, i, std::clamp(0.4 + change / 60, 0.4, 0.9),
                      fmt::format("the picture jumps at {}: {:.0f} times its usual change, and it is no cut",
                                  clock_of(clip, i), change / std::max(0.3, usual_change)),
                      "cut here on purpose, cross-fade over it, or take the frames around it out"});
    last_reported = i;
  }
}

}  // namespace studio
