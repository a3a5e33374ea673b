// Defects that single frames show: black, too dark, burnt out, out of focus; and brightness that flickers.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/issue_rules.h"

namespace studio {
namespace {

using Frames = std::vector<FrameFeatures>;

// Dark as seen, not as graded: even the lights of the picture are dim.
bool is_dark(const FrameFeatures& f) {
  return !is_black(f) && f.luma_mean < 26 && f.luma_p95 < 72;
}

bool is_overexposed(const FrameFeatures& f) {
  // Clipped, not merely white: paper and snow stay just below the end of the range, and a drawing on white
  // keeps its dark lines.
  const bool burnt =
      f.luma_p50 >= 252 || (f.luma_histogram[15] > 110 && f.luma_p95 >= 253 && f.luma_mean > 200);
  return burnt && f.luma_mean > 190 && (f.luma_p05 > 70 || f.luma_deviation < 25);
}

// A fade passes through black on purpose.
bool in_transition(std::span<const Shot> shots, std::int64_t first, std::int64_t last) {
  return std::ranges::any_of(shots, [&](const Shot& s) {
    const std::int64_t half = (s.transition_frames + 1) / 2 + 1;
    return s.transition_frames > 0 && first >= s.first_frame - half && last <= s.first_frame + half;
  });
}

// Calls `report(first, last)` for each run of frames for which `holds`; gaps of up to `bridge` frames are
// bridged.
template <typename Holds, typename Report>
void for_runs(const Frames& frames, FrameSpan span, std::int64_t bridge, Holds holds, Report report) {
  std::int64_t first = -1, last = -1;
  for (std::int64_t i = span.first; i <= span.last; ++i) {
    if (!holds(frames[static_cast<std::size_t>(i)], i)) continue;
    if (first >= 0 && i - last - 1 > bridge) {
      report(first, last);
      first = -1;
    }
    if (first < 0) first = i;
    last = i;
  }
  if (first >= 0) report(first, last);
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

}  // namespace

bool is_black(const FrameFeatures& f) {
  return f.luma_p99 < 26 && f.luma_mean < 12 && f.luma_deviation < 5;
}

void find_exposure_issues(const ClipFeatures& clip, std::span<const Shot> shots, std::vector<Issue>& issues) {
  const Frames& frames = clip.frames;
  if (frames.empty()) return;
  const FrameSpan all{0, static_cast<std::int64_t>(frames.size()) - 1};
  for_runs(
      frames, all, 0, [](const FrameFeatures& f, auto) { return is_black(f); },
      [&](std::int64_t first, std::int64_t last) {
        const double seconds = seconds_of(clip, first, last);
        if (in_transition(shots, first, last)) return;
        const bool at_edge = first == 0 || last == all.last;
        const bool whole = first == 0 && last == all.last;
        // Films open and close on a little black: named all the same, as a small thing.
        const double severity = whole         ? 1.0
                                : !at_edge    ? std::min(1.0, 0.5 + 0.25 * seconds)
                                : seconds < 1 ? 0.21 + 0.08 * seconds
                                              : std::min(1.0, 0.15 + 0.25 * seconds);
        issues.push_back({"black", first, last, severity,
                          fmt::format("{:.2f} s of black at {}", seconds, clock_of(clip, first)),
                          at_edge ? "trim it off unless the fade is meant" : "cut the black frames out"});
      });
  // Half a second: passing shadows, lightning and fades are no mistakes.
  for_runs(
      frames, all, 3, [](const FrameFeatures& f, auto) { return is_dark(f); },
      [&](std::int64_t first, std::int64_t last) {
        const double seconds = seconds_of(clip, first, last);
        if (seconds < 0.7) return;
        double mean = 0;
        for (auto i = first; i <= last; ++i) mean += frames[static_cast<std::size_t>(i)].luma_mean;
        mean /= static_cast<double>(last - first + 1);
        issues.push_back({"dark", first, last, std::clamp(0.3 + (26 - mean) / 40 + 0.02 * seconds, 0.3, 0.8),
                          fmt::format("too dark for {:.1f} s from {}: mean luma {:.0f} of 255", seconds,
                                      clock_of(clip, first), mean),
                          "raise the exposure or gamma, or leave this part out"});
      });
  for_runs(
      frames, all, 3, [](const FrameFeatures& f, auto) { return is_overexposed(f); },
      [&](std::int64_t first, std::int64_t last) {
        const double seconds = seconds_of(clip, first, last);
        if (seconds < 0.4) return;
        issues.push_back({"overexposed", first, last, std::clamp(0.35 + 0.05 * seconds, 0.35, 0.7),
                          fmt::format("burnt out for {:.1f} s from {}: half of the picture is white", seconds,
                                      clock_of(clip, first)),
                          "lower the exposure at the source; clipped highlights cannot be brought back"});
      });
}

// Against the sharper frames of the same shot: what a scene holds in detail differs too much between scenes.
// A shot that is soft throughout is found by the steepness of its edges on the sampled frames.
void find_blur(const ClipFeatures& clip, FrameSpan span, std::vector<Issue>& issues) {
  const Frames& frames = clip.frames;
  std::vector<double> sharp;
  for (auto i = span.first; i <= span.last; ++i)
    sharp.push_back(frames[static_cast<std::size_t>(i)].sharpness);
  const double good = percentile(sharp, 0.8);
  if (good > 1.0 && span.count() >= 8) {
    const auto soft = [&](const FrameFeatures& f, auto) {
      const double speed = std::hypot(f.motion.dx, f.motion.dy);
      // Less detail because the scene grew dark or plain is no blur; motion blur is the camera's speed.
      return f.sharpness < 0.38 * good && f.luma_deviation > 8 && speed < 0.01;
    };
    for_runs(frames, span, 2, soft, [&](std::int64_t first, std::int64_t last) {
      const double seconds = seconds_of(clip, first, last);
      // More than half of the shot: then its scene has changed, not its focus.
      if (seconds < 0.16 || (last - first + 1) * 2 > span.count()) return;
      // Detail that went with its objects leaves fewer edges; blur keeps the large ones.
      double edges = 0, usual = 0;
      for (auto i = first; i <= last; ++i) edges += frames[static_cast<std::size_t>(i)].edge_density;
      for (auto i = span.first; i <= span.last; ++i)
        usual += frames[static_cast<std::size_t>(i)].edge_density;
      edges /= static_cast<double>(last - first + 1);
      usual /= static_cast<double>(span.count());
      if (edges < 0.25 * usual) return;
      issues.push_back({"blur", first, last, std::clamp(0.35 + 0.1 * seconds, 0.35, 0.7),
                        fmt::format("out of focus for {:.2f} s from {}: a third of the shot's usual detail",
                                    seconds, clock_of(clip, first)),
                        "leave these frames out, or use another take"});
    });
  }
  double steep = 0, samples = 0, edges = 0;
  for (const CompositionSample& s : clip.composition)
    if (s.frame >= span.first && s.frame <= span.last) {
      steep += s.features.sharpness;
      edges += frames[static_cast<std::size_t>(s.frame)].edge_density;
      ++samples;
    }
  if (samples > 0 && steep / samples < 0.16 && edges / samples > 0.02)
    issues.push_back(
        {"blur", span.first, span.last, std::clamp(0.7 - 2 * steep / samples, 0.35, 0.7),
         fmt::format("soft throughout from {}: the steepest edge reaches {:.0f} % of a sharp one",
                     clock_of(clip, span.first), 100 * steep / samples),
         "sharpen a little, show it smaller, or use another take"});
}

void find_flicker_issues(const ClipFeatures& clip, FrameSpan span, std::vector<Issue>& issues) {
  const auto frames =
      std::span(clip.frames)
          .subspan(static_cast<std::size_t>(span.first), static_cast<std::size_t>(span.count()));
  const auto whole = find_flicker(frames, span.first);
  for (const Flicker& f : whole)
    issues.push_back(
        {"flicker", f.first, f.last, std::clamp(0.3 + f.amplitude * 12, 0.3, 1.0),
         fmt::format("brightness swings by {:.1f} % at {:.1f} Hz for {:.2f} s from {}", f.amplitude * 200,
                     f.frequency_hz, seconds_of(clip, f.first, f.last), clock_of(clip, f.first)),
         "use a deflicker filter on these frames, or leave them out"});
  for (const Flicker& f : find_local_flicker(frames, span.first)) {
    const bool told =
        std::ranges::any_of(whole, [&](const Flicker& w) { return w.first <= f.last && f.first <= w.last; });
    if (told) continue;
    issues.push_back(
        {"flicker", f.first, f.last, std::clamp(0.25 + f.picture_share + f.amplitude * 4, 0.3, 0.9),
         fmt::format("{:.0f} % of the picture alternates with every frame for {:.2f} s from {}",
                     100 * f.picture_share, seconds_of(clip, f.first, f.last), clock_of(clip, f.first)),
         "smooth these frames over time (a temporal denoiser), or make them anew"});
  }
}

}  // namespace studio
