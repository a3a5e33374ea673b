// Sound that is gone, clipped, too loud or too soft, or out of step with the picture.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "editing/damage.h"
#include "editing/damage_runs.h"

namespace studio {
namespace {

using damage::make_issue;
using damage::median_of;
using damage::Run;
using damage::runs_where;

constexpr double kAudible_db = -50;
constexpr std::size_t kSmooth = 10;  // steps: 100 ms, the shortest thing that sounds like anything

double to_db(double rms) {
  return 20 * std::log10(std::max(rms, 1e-6));
}

// Loudness of 100 ms around each step.
std::vector<double> levels_of(const SoundPrint& sound) {
  std::vector<double> levels(sound.steps.size(), -120);
  double sum = 0;
  std::vector<double> sums(sound.steps.size() + 1, 0);
  for (std::size_t i = 0; i < sound.steps.size(); ++i) {
    sum += static_cast<double>(sound.steps[i].rms) * sound.steps[i].rms;
    sums[i + 1] = sum;
  }
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::size_t a = i > kSmooth / 2 ? i - kSmooth / 2 : 0,
                      b = std::min(levels.size(), i + kSmooth / 2 + 1);
    levels[i] = to_db(std::sqrt(std::max(0.0, (sums[b] - sums[a]) / static_cast<double>(b - a))));
  }
  return levels;
}

// The sound of a film on the clock of its pictures, one value a step of 10 ms from time 0.
struct Clocked {
  std::vector<double> level;  // dB
  std::vector<SoundStep> step;
};

Clocked clocked(const Fingerprint& print, double length_s) {
  const auto n = static_cast<std::size_t>(std::ceil(length_s / kSoundStep_s));
  Clocked out{std::vector<double>(n, -120), std::vector<SoundStep>(n)};
  const auto levels = levels_of(print.sound);
  const auto shift = static_cast<std::ptrdiff_t>(std::lround(print.sound.start_s / kSoundStep_s));
  for (std::size_t i = 0; i < n; ++i) {
    const auto k = static_cast<std::ptrdiff_t>(i) - shift;
    if (k < 0 || k >= static_cast<std::ptrdiff_t>(levels.size())) continue;
    out.level[i] = levels[static_cast<std::size_t>(k)];
    out.step[i] = print.sound.steps[static_cast<std::size_t>(k)];
  }
  return out;
}

// Reference time of each step of the file; empty where it is not known.
std::vector<std::optional<double>> expected_times(const Fingerprint& file, const Comparison& c,
                                                  std::size_t steps) {
  std::vector<std::optional<double>> times(steps);
  for (std::size_t i = 0; i < steps; ++i) {
    const double t = static_cast<double>(i) * kSoundStep_s;
    const std::size_t frame = file.frame_at(t);
    if (c.kind == ComparedWith::plan) {
      // Sound belongs to the picture that is seen, also where the picture stands in a wrong place.
      const FrameMatch& m = c.alignment.frames[frame];
      const double at = t + (m.matched ? m.offset_s : 0);
      if (at >= 0 && at < c.reference->duration_s) times[i] = at;
      continue;
    }
    if (c.home[frame] < 0) continue;
    const double at = c.reference->frames[static_cast<std::size_t>(c.home[frame])].time_s;
    times[i] = at + (t - file.frames[frame].time_s);
  }
  return times;
}

Run frames_of(const Fingerprint& file, const Run& steps) {
  return {file.frame_at(static_cast<double>(steps.first) * kSoundStep_s),
          file.frame_at(static_cast<double>(steps.last) * kSoundStep_s)};
}

// Runs of steps with holes of up to `bridge` steps closed, at least `least` long.
template <typename Bad>
std::vector<Run> bad_runs(std::size_t count, std::size_t bridge, std::size_t least, Bad bad) {
  std::vector<Run> joined;
  for (const Run& run : runs_where(count, bad)) {
    if (!joined.empty() && run.first - joined.back().last <= bridge)
      joined.back().last = run.last;
    else
      joined.push_back(run);
  }
  std::erase_if(joined, [least](const Run& run) { return run.size() < least; });
  return joined;
}

void name_dropped(const Fingerprint& file, const Clocked& heard, const std::vector<double>& expected,
                  bool known, std::vector<Issue>& issues) {
  const std::size_t n = heard.level.size();
  if (known) {
    // A hole counts where the expected sound is heard; its own pauses are bridged.
    for (const Run& run : bad_runs(n, 40, 12, [&](std::size_t i) {
           return !std::isnan(expected[i]) && expected[i] > kAudible_db &&
                  heard.level[i] < expected[i] - 22 && heard.level[i] < -48;
         })) {
      const double length = static_cast<double>(run.size()) * kSoundStep_s;
      issues.push_back(make_issue("dropped_audio", frames_of(file, run), std::min(1.0, 0.45 + length / 4),
                                  fmt::format("the sound is gone for {:.2f} s", length),
                                  "render the sound of these frames again"));
    }
    return;
  }
  // Alone: digital silence in a film that sounds elsewhere is a hole, not a pause.
  std::vector<double> audible;
  for (const double level : heard.level)
    if (level > kAudible_db) audible.push_back(level);
  if (audible.size() < 50) return;
  for (const Run& run : bad_runs(n, 2, 20, [&](std::size_t i) { return heard.level[i] < -85; })) {
    const double length = static_cast<double>(run.size()) * kSoundStep_s;
    issues.push_back(make_issue("dropped_audio", frames_of(file, run), std::min(1.0, 0.3 + length / 4),
                                fmt::format("digital silence for {:.2f} s in a film with sound", length),
                                "bring the sound back, or ask for the silence in the plan"));
  }
}

// Samples pressed against (or driven over) full scale, or a wave whose tops are cut off lower down
// (clipped first, turned down later).
void name_clipping(const Fingerprint& file, const Clocked& heard, const std::vector<SoundStep>& expected,
                   bool known, std::vector<Issue>& issues) {
  const std::size_t n = heard.step.size();
  const auto crest = [](const SoundStep& s) { return s.rms > 1e-4f ? s.peak / s.rms : 9.f; };
  // Lossy coding lets cut tops ripple by some percent, so flatness alone does not tell: the crest factor
  // does (music rarely falls under 2.5, a sine is 1.41).
  const auto bad = [&](std::size_t i) {
    const SoundStep& s = heard.step[i];
    if (s.rms < 0.01f) return false;
    if (known) {
      const SoundStep& e = expected[i];
      if (s.peak > 0.985f) return e.peak < 0.93f || s.rms > 1.3f * e.rms;
      return e.rms > 0.003f && s.flat_share > e.flat_share + 0.12f && crest(s) < 0.75f * crest(e);
    }
    return s.peak > 1.03f || (s.peak > 0.97f && (s.flat_share > 0.012f || crest(s) < 1.9f));
  };
  for (const Run& run : bad_runs(n, 30, 3, bad)) {
    std::size_t count = 0;
    for (std::size_t i = run.first; i <= run.last; ++i) count += bad(i);
    const double share = static_cast<double>(count) / static_cast<double>(run.size());
    if (count < 5 || share < 0.04) continue;
    issues.push_back(make_issue("clipping", frames_of(file, run), std::clamp(0.4 + share, 0.4, 1.0),
                                fmt::format("the wave is cut off in {:.0f} % of {:.2f} s", 100 * share,
                                            static_cast<double>(run.size()) * kSoundStep_s),
                                "lower the gain and render the sound again"));
  }
}

void name_loudness(const Fingerprint& file, const Clocked& heard, const std::vector<double>& expected,
                   std::vector<Issue>& issues) {
  const std::size_t n = heard.level.size();
  constexpr std::size_t kHalf = 40;
  std::vector<double> off(n, NAN);
  for (std::size_t i = 0; i < n; i += 5) {
    std::vector<double> near;
    for (std::size_t k = i > kHalf ? i - kHalf : 0; k < std::min(n, i + kHalf); k += 2)
      if (!std::isnan(expected[k]) && expected[k] > kAudible_db + 5 && heard.level[k] > -60)
        near.push_back(heard.level[k] - expected[k]);
    if (near.size() < 12) continue;
    const double middle = median_of(near);
    for (std::size_t k = i; k < std::min(n, i + 5); ++k) off[k] = middle;
  }
  for (const Run& run :
       bad_runs(n, 50, 80, [&](std::size_t i) { return !std::isnan(off[i]) && std::abs(off[i]) > 4; })) {
    std::vector<double> inside;
    for (std::size_t i = run.first; i <= run.last; ++i)
      if (!std::isnan(off[i])) inside.push_back(off[i]);
    const double by = median_of(inside);
    issues.push_back(
        make_issue("loudness", frames_of(file, run), std::clamp(std::abs(by) / 24, 0.2, 1.0),
                   fmt::format("{:.1f} dB {} than it should be, for {:.1f} s", std::abs(by),
                               by > 0 ? "louder" : "softer", static_cast<double>(run.size()) * kSoundStep_s),
                   "set the gain back"));
  }
}

// Do the frames [a, b] clearly fit the reference better at `offset` than at `other`?
bool picture_denies(const Fingerprint& file, const Comparison& c, std::size_t a, std::size_t b, double offset,
                    double other) {
  double here = 0, there = 0;
  for (std::size_t i = a; i <= b; i += 2) {
    const auto at = [&](double o) {
      const double t = file.frames[i].time_s + o + 0.25 / std::max(1.0, c.reference->frame_rate);
      return static_cast<double>(
          picture_distance(file.thumb(i), c.reference->thumb(c.reference->frame_at(t))));
    };
    here += at(offset);
    there += at(other);
  }
  const double frames = static_cast<double>((b - a) / 2 + 1);
  return there > 2 * here + 2 * static_cast<double>(c.alignment.noise) * frames;
}

void name_desync(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  constexpr double kWindow_s = 1.0, kHop_s = 0.5, kSearch_s = 1.5;
  const double limit =
      std::max(0.045, 1.2 / std::max(1.0, std::max(file.frame_rate, c.reference->frame_rate)));
  struct Window {
    double start_s = 0, lag_s = 0;
    bool judged = false, late = false;
  };
  std::vector<Window> windows;
  const double window = std::min(kWindow_s, file.duration_s / 2);
  for (double t = std::max(0.0, file.sound.start_s); t + window <= file.duration_s + 0.01; t += kHop_s) {
    Window w{t, 0, false, false};
    const std::size_t a = file.frame_at(t), b = file.frame_at(t + window);
    // Where the picture is: its own offset where it runs steadily, else where it should be.
    std::vector<double> offsets;
    bool steady = true;
    for (std::size_t i = a; i <= b; ++i) {
      const FrameMatch& m = c.alignment.frames[i];
      steady &= m.matched && std::abs(m.offset_s - c.alignment.frames[a].offset_s) < 0.03;
      if (c.home[i] >= 0)
        offsets.push_back(c.reference->frames[static_cast<std::size_t>(c.home[i])].time_s -
                          file.frames[i].time_s);
    }
    std::optional<double> offset;
    if (steady)
      offset = c.alignment.frames[a].offset_s;
    else if (!offsets.empty() && std::abs(offsets.front() - offsets.back()) < 0.05)
      offset = median_of(offsets);
    if (offset) {
      // Cheap first: in step already.
      auto found = sound_lag(file.sound, c.reference->sound, t, *offset, window, 0.02);
      if (found && found->correlation < 0.85)
        found = sound_lag(file.sound, c.reference->sound, t, *offset, window, kSearch_s);
      if (found && found->correlation > 0.45) {
        w.judged = true;
        w.lag_s = found->lag_s;
        w.late = std::abs(found->lag_s) > limit && found->correlation > found->at_zero + 0.12;
        // Found by pictures alone, a dark or standing picture may have been taken for a neighbour: when it
        // fits as well where the sound says it is, nothing is out of step.
        if (w.late && c.kind == ComparedWith::sources)
          w.late = picture_denies(file, c, a, b, *offset, *offset - w.lag_s);
      }
    }
    windows.push_back(w);
  }
  for (std::size_t i = 0; i < windows.size();) {
    if (!windows[i].late) {
      ++i;
      continue;
    }
    std::size_t j = i, count = 1;
    for (std::size_t k = i + 1; k < windows.size() && k <= j + 3; ++k)
      if (windows[k].late && std::abs(windows[k].lag_s - windows[j].lag_s) < 0.06)
        j = k, ++count;
      else if (windows[k].judged && !windows[k].late)
        break;
    if (count >= 2 || windows.size() <= 4) {
      const double end = windows[j].start_s + window;
      issues.push_back(
          make_issue("desync", {file.frame_at(windows[i].start_s), file.frame_at(end - 1e-3)},
                     std::clamp(0.45 + std::abs(windows[i].lag_s), 0.45, 1.0),
                     fmt::format("the sound is {:.0f} ms {} the picture", 1000 * std::abs(windows[i].lag_s),
                                 windows[i].lag_s > 0 ? "behind" : "ahead of"),
                     fmt::format("shift the sound by {:+.0f} ms", -1000 * windows[i].lag_s)));
    }
    i = j + 1;
  }
}

}  // namespace

std::vector<Issue> find_sound_damage(const Fingerprint& file, const Comparison& c,
                                     const Allowances& allowed) {
  std::vector<Issue> issues;
  const bool known = c.reference != nullptr && c.reference->has_audio;
  if (!file.has_audio && !known) return issues;
  if (c.reference && !c.reference->has_audio && c.kind == ComparedWith::sources && !file.has_audio)
    return issues;
  const Clocked heard = clocked(file, file.duration_s);
  const std::size_t n = heard.level.size();

  std::vector<double> expected(n, NAN);
  std::vector<SoundStep> expected_step(n);
  if (known) {
    const Clocked reference =
        clocked(*c.reference, std::max(c.reference->duration_s, c.reference->sound.duration_s()));
    const auto times = expected_times(file, c, n);
    for (std::size_t i = 0; i < n; ++i) {
      if (!times[i]) continue;
      const auto k = static_cast<std::ptrdiff_t>(std::lround(*times[i] / kSoundStep_s));
      if (k < 0 || k >= static_cast<std::ptrdiff_t>(reference.level.size())) continue;
      expected[i] = reference.level[static_cast<std::size_t>(k)];
      expected_step[i] = reference.step[static_cast<std::size_t>(k)];
    }
  }
  if (!(allowed.silence && c.kind != ComparedWith::plan)) name_dropped(file, heard, expected, known, issues);
  if (!file.has_audio) return issues;
  name_clipping(file, heard, expected_step, known && c.kind == ComparedWith::plan, issues);
  if (known && c.kind == ComparedWith::plan) name_loudness(file, heard, expected, issues);
  if (known) name_desync(file, c, issues);
  return issues;
}

}  // namespace studio
