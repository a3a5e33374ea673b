// Black, standing, flickering, darkened and blurred pictures.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/damage.h"
#include "editing/damage_runs.h"

namespace studio {
namespace {

using damage::make_issue;
using damage::mean_of;
using damage::median_of;
using damage::Run;
using damage::runs_where;

bool is_black(const FramePrint& f) {
  return f.luma < 20 && f.dark_share > 0.96f;
}

// A standing picture is coded as skipped blocks: almost no change, though a new keyframe may pop a little.
// `contrast`: of this picture against the one it should be, as a darkened or blurred picture changes less.
bool stands(const FramePrint& f, float contrast) {
  return f.change < 1.5f * contrast || (f.mean_change < 0.35f * contrast && f.change < 4.f * contrast);
}
// A picture without fine detail (blurred by plan, or out of focus): what detail it measures is rounding, of
// which the shrunken pictures of a large file have less than a small rendering; and its blocks change less.
constexpr float kSoft = 5;

bool moves(const FramePrint& f) {
  return f.change >= 3.f;
}

const FramePrint* reference_frame(const Comparison& c, std::int64_t frame) {
  if (!c.reference || frame < 0 || frame >= static_cast<std::int64_t>(c.reference->frames.size()))
    return nullptr;
  return &c.reference->frames[static_cast<std::size_t>(frame)];
}

bool any_near(const Comparison& c, std::int64_t frame, std::int64_t reach, bool (*is)(const FramePrint&)) {
  for (std::int64_t k = frame - reach; k <= frame + reach; ++k)
    if (const auto* f = reference_frame(c, k); f && is(*f)) return true;
  return false;
}

double seconds_of(const Fingerprint& file, const Run& run) {
  return file.frames[run.last].time_s - file.frames[run.first].time_s + 1 / std::max(1.0, file.frame_rate);
}

// Does the reference move over the frames that this run should show? Without a reference the file's own
// frames around the run answer.
double moving_share(const Fingerprint& file, const Comparison& c, const Run& run) {
  std::size_t asked = 0, moving = 0;
  if (c.reference) {
    for (std::size_t i = run.first; i <= run.last; ++i)
      if (const auto* f = reference_frame(c, c.home[i])) {
        ++asked;
        moving += moves(*f);
      }
    if (asked > 0) return static_cast<double>(moving) / static_cast<double>(asked);
    if (c.kind == ComparedWith::plan) return 0;
  }
  const auto around = static_cast<std::size_t>(std::max(5.0, file.frame_rate));
  const std::size_t from = run.first > around ? run.first - around : 0;
  const std::size_t to = std::min(file.frames.size() - 1, run.last + around);
  for (std::size_t i = std::max<std::size_t>(1, from); i <= to; ++i) {
    if (i >= run.first && i <= run.last) continue;
    ++asked;
    moving += moves(file.frames[i]);
  }
  return asked ? static_cast<double>(moving) / static_cast<double>(asked) : 0;
}

// A quiet stretch of slow motion is near enough to standing and to moving to be called both: then the file
// has to move less than what it should show.
bool moves_as_planned(const Fingerprint& file, const Comparison& c, const Run& run) {
  double is = 0, should = 0;
  for (std::size_t i = run.first; i <= run.last; ++i)
    if (const auto* f = reference_frame(c, c.home[i])) is += file.frames[i].change, should += f->change;
  return is > 0.6 * should;
}

// Slow motion repeats frames by plan: every second or third one changes far less than its neighbours, or
// only by the zoom over it. Which of two neighbours is the repeated one is a matter of rounding.
bool repeats_by_plan(const Comparison& c, std::int64_t frame) {
  float least = 1e9f, sum = 0;
  int count = 0;
  for (std::int64_t k = frame - 6; k <= frame + 6; ++k) {
    const auto* f = reference_frame(c, k);
    if (f == nullptr) continue;
    if (std::abs(k - frame) <= 2) least = std::min(least, f->change);
    sum += f->change;
    ++count;
  }
  return count > 0 && least < 0.5f * sum / static_cast<float>(count);
}

}  // namespace

std::vector<Issue> find_black(const Fingerprint& file, const Comparison& c) {
  std::vector<Issue> issues;
  const auto runs = runs_where(file.frames.size(), [&](std::size_t i) { return is_black(file.frames[i]); });
  // Many short runs are one flicker, and are named there.
  for (const Run& run : runs) {
    if (c.reference) {
      std::size_t asked_for = 0, known = 0;
      for (std::size_t i = run.first; i <= run.last; ++i) {
        if (c.home[i] < 0) continue;
        ++known;
        asked_for += any_near(c, c.home[i], 3, is_black);
      }
      if (known > 0 && asked_for * 4 >= known * 3) continue;
    }
    const bool at_edge = run.first == 0 || run.last + 1 == file.frames.size();
    const double length = seconds_of(file, run);
    if (c.kind != ComparedWith::plan && at_edge && length < 1.0) continue;  // a fade, as many films have
    if (c.kind == ComparedWith::nothing && run.size() < 2) continue;
    issues.push_back(make_issue("black", run, std::min(1.0, 0.4 + length / 2),
                                fmt::format("the picture is black for {:.2f} s", length),
                                c.reference ? "render these frames again: the film is not black here"
                                            : "cut the black stretch out, or cover it"));
  }
  return issues;
}

std::vector<Issue> find_standing(const Fingerprint& file, const Comparison& c) {
  std::vector<Issue> issues;
  const std::size_t n = file.frames.size();
  if (n < 4) return issues;
  std::vector<char> standing(n, 0);
  for (std::size_t i = 1; i < n; ++i) {
    float contrast = 1;
    if (const auto* f = reference_frame(c, c.path[i]); f && f->detail > 1)
      contrast = std::clamp(file.frames[i].detail / std::max(f->detail, kSoft), 0.05f, 1.f);
    standing[i] = stands(file.frames[i], contrast) && !is_black(file.frames[i]);
  }
  // A keyframe inside a standing picture makes it pop for one frame: bridge that when the thumbnails agree.
  for (std::size_t i = 2; i + 1 < n; ++i)
    if (!standing[i] && standing[i - 1] && standing[i + 1] && file.frames[i].change < 8 &&
        picture_distance(file.thumb(i - 1), file.thumb(i + 1)) < 1e-3f)
      standing[i] = 1;

  std::vector<Run> unwanted;
  for (const Run& run : runs_where(n, [&](std::size_t i) { return standing[i] != 0; })) {
    const double moving = moving_share(file, c, run);
    if (c.kind == ComparedWith::nothing ? (moving < 0.7) : (moving < 0.5)) continue;
    if (c.kind == ComparedWith::plan && moves_as_planned(file, c, run)) continue;
    if (c.kind == ComparedWith::plan && run.size() <= 2 && repeats_by_plan(c, c.home[run.first])) continue;
    unwanted.push_back(run);
  }

  // Runs close together are one stutter; a long one alone is a freeze; what is left is a doubled frame.
  std::size_t i = 0;
  while (i < unwanted.size()) {
    std::size_t j = i;
    const double gap = std::max(0.5, 4.5 / std::max(1.0, file.frame_rate));
    while (j + 1 < unwanted.size() &&
           file.frames[unwanted[j + 1].first].time_s - file.frames[unwanted[j].last].time_s < gap)
      ++j;
    const Run whole{unwanted[i].first, unwanted[j].last};
    std::size_t stood = 0, longest = 0;
    for (std::size_t k = i; k <= j; ++k) {
      stood += unwanted[k].size();
      longest = std::max(longest, unwanted[k].size());
    }
    const double longest_s = static_cast<double>(longest) / std::max(1.0, file.frame_rate);
    if (j - i + 1 >= 3 && (longest_s < 0.5 || stood > 2 * longest)) {
      issues.push_back(
          make_issue("stutter", whole,
                     std::min(1.0, 0.35 + static_cast<double>(stood) / static_cast<double>(whole.size()) / 2),
                     fmt::format("{} of {} frames repeat the one before", stood, whole.size()),
                     "render these frames again at the film's own frame rate"));
    } else {
      for (std::size_t k = i; k <= j; ++k) {
        const Run& run = unwanted[k];
        const double length = seconds_of(file, run);
        // The first frame of a freeze moved; the picture stands from the frame before the run.
        const Run shown{run.first > 0 ? run.first - 1 : 0, run.last};
        if (run.size() >= 3 && length >= 0.25)
          issues.push_back(make_issue("freeze", shown, std::min(1.0, 0.4 + length / 3),
                                      fmt::format("the picture stands still for {:.2f} s", length),
                                      "render these frames again, or cut the standing stretch out"));
        else if (c.reference)
          issues.push_back(
              make_issue("duplicate", run, 0.2,
                         fmt::format("{} frame{} repeated", run.size(), run.size() > 1 ? "s" : ""),
                         "render at the film's own frame rate"));
      }
    }
    i = j + 1;
  }
  return issues;
}

std::vector<Issue> find_flicker(const Fingerprint& file, const Comparison& c) {
  const std::size_t n = file.frames.size();
  std::vector<Issue> issues;
  if (n < 8) return issues;
  // How bright each frame is, against what it should be (or against its neighbours).
  std::vector<double> gain(n, 0);
  std::vector<char> known(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    double expected = 128;
    if (c.reference) {
      const auto* f = reference_frame(c, c.home[i] >= 0 ? c.home[i] : c.path[i]);
      if (!f) continue;
      expected = f->luma;
    }
    gain[i] = std::log((file.frames[i].luma + 6) / (expected + 6));
    known[i] = 1;
  }
  const auto half = static_cast<std::ptrdiff_t>(std::max(2.0, std::round(file.frame_rate * 0.3)));
  std::vector<double> swing(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> near;
    for (auto k = static_cast<std::ptrdiff_t>(i) - half; k <= static_cast<std::ptrdiff_t>(i) + half; ++k)
      if (k >= 0 && k < static_cast<std::ptrdiff_t>(n) && known[static_cast<std::size_t>(k)])
        near.push_back(gain[static_cast<std::size_t>(k)]);
    if (known[i] && near.size() > 3) swing[i] = gain[i] - mean_of(near);
  }
  // A window flickers when the swing is large and keeps changing sides.
  const double least = c.reference ? 0.025 : 0.045;
  std::vector<char> flickers(n, 0);
  const auto window = static_cast<std::size_t>(std::max(6.0, std::round(file.frame_rate * 0.6)));
  for (std::size_t a = 0; a + window <= n; ++a) {
    double sum = 0, travel = 0;
    int turns = 0, side = 0;
    std::size_t swinging = 0;
    for (std::size_t i = a; i < a + window; ++i) {
      sum += std::abs(swing[i]);
      if (i > a) travel += std::abs(swing[i] - swing[i - 1]);
      if (std::abs(swing[i]) < least / 2) continue;
      ++swinging;
      const int now = swing[i] > 0 ? 1 : -1;
      if (side != 0 && now != side) ++turns;
      side = now;
    }
    const double seconds = static_cast<double>(window) / std::max(1.0, file.frame_rate);
    const double turns_needed = std::max(3.0, (c.reference ? 4.5 : 6.0) * seconds);
    // One step of brightness swings for long but travels little: that is a light, not a flicker.
    if (sum / static_cast<double>(window) > least && turns >= turns_needed && swinging * 2 >= window &&
        travel > 0.5 * sum)
      for (std::size_t i = a; i < a + window; ++i) flickers[i] = 1;
  }
  for (Run run : runs_where(n, [&](std::size_t i) { return flickers[i] != 0; })) {
    while (run.first < run.last && std::abs(swing[run.first]) < least) ++run.first;
    while (run.last > run.first && std::abs(swing[run.last]) < least) --run.last;
    double sum = 0;
    for (std::size_t i = run.first; i <= run.last; ++i) sum += std::abs(swing[i]);
    const double amplitude = sum / static_cast<double>(run.size());
    issues.push_back(
        make_issue("flicker", run, std::min(1.0, 0.35 + amplitude * 3),
                   fmt::format("brightness swings by {:.0f} % from frame to frame", 100 * amplitude),
                   "render these frames again without the flicker, or deflicker them"));
  }
  return issues;
}

namespace {

// Runs of at least `least_s` where the median of `values` around a frame satisfies `bad`.
template <typename Bad>
void name_runs(const Fingerprint& file, const std::vector<double>& values, double least_s, Bad bad,
               std::vector<Issue>& issues, const char* kind, const char* what, const char* suggestion) {
  const auto half = static_cast<std::ptrdiff_t>(std::max(2.0, std::round(file.frame_rate * 0.2)));
  const auto n = static_cast<std::ptrdiff_t>(values.size());
  std::vector<double> smooth(values.size(), NAN);
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    std::vector<double> near;
    for (auto k = std::max<std::ptrdiff_t>(0, i - half); k <= std::min(n - 1, i + half); ++k)
      if (!std::isnan(values[static_cast<std::size_t>(k)]))
        near.push_back(values[static_cast<std::size_t>(k)]);
    if (near.size() >= 3) smooth[static_cast<std::size_t>(i)] = median_of(near);
  }
  for (const Run& run :
       runs_where(values.size(), [&](std::size_t i) { return !std::isnan(smooth[i]) && bad(smooth[i]); })) {
    const double length = seconds_of(file, run);
    if (length < least_s) continue;
    std::vector<double> inside(smooth.begin() + static_cast<std::ptrdiff_t>(run.first),
                               smooth.begin() + static_cast<std::ptrdiff_t>(run.last) + 1);
    const double ratio = median_of(inside);
    const double off = std::abs(std::log(std::max(0.02, ratio)));
    issues.push_back(
        make_issue(kind, run, std::clamp(0.25 + off * 0.7, 0.3, 1.0),
                   fmt::format("{}: {:.0f} % of what it should be, for {:.2f} s", what, 100 * ratio, length),
                   suggestion));
  }
}

}  // namespace

std::vector<Issue> find_degraded(const Fingerprint& file, const Comparison& c) {
  std::vector<Issue> issues;
  const std::size_t n = file.frames.size();
  if (!c.reference) {
    // Alone, only a picture that is dark for long is named: nobody can see anything.
    std::vector<double> luma(n, NAN);
    for (std::size_t i = 0; i < n; ++i)
      if (!is_black(file.frames[i])) luma[i] = file.frames[i].luma / 100.0;
    name_runs(
        file, luma, 0.8, [](double v) { return v < 0.32; }, issues, "dark", "brightness",
        "lighten the picture");
    return issues;
  }
  std::vector<double> brightness(n, NAN), colour(n, NAN), detail(n, NAN);
  for (std::size_t i = 0; i < n; ++i) {
    const auto* f = reference_frame(c, c.path[i]);
    if (!f || is_black(file.frames[i]) || is_black(*f)) continue;
    if (f->luma > 14) brightness[i] = file.frames[i].luma / f->luma;
    if (f->colour > 3) colour[i] = file.frames[i].colour / f->colour;
    // Less contrast shrinks detail too; that is darkness and named as such.
    if (f->detail > kSoft && f->spread > 4)
      detail[i] =
          file.frames[i].detail / f->detail / std::clamp(file.frames[i].spread / f->spread, 0.1f, 1.f);
  }
  name_runs(
      file, brightness, 0.3, [](double v) { return v < 0.82; }, issues, "dark", "brightness",
      "take the darkening out, or render again");
  name_runs(
      file, brightness, 0.3, [](double v) { return v > 1.25; }, issues, "overexposed", "brightness",
      "take the brightening out, or render again");
  name_runs(
      file, colour, 0.3, [](double v) { return v < 0.5 || v > 1.9; }, issues, "color", "colour",
      "render again with the film's own colours");
  // The small reference is a little softer or sharper than the file's own shrunken pictures.
  name_runs(
      file, detail, 0.3, [](double v) { return v < 0.5; }, issues, "blur", "fine detail",
      "render again at a higher quality, without the blur");
  name_runs(
      file, detail, 0.3, [](double v) { return v > 2.2; }, issues, "noise", "fine detail",
      "render again from the clean film");
  return issues;
}

}  // namespace studio
