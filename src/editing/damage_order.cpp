// Which frame should stand where, and what stands elsewhere: order, speed, jumps, length, frames out of step.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "editing/damage.h"
#include "editing/damage_runs.h"

namespace studio {
namespace {

using damage::make_issue;
using damage::Run;
using damage::runs_where;

double frame_s(const Fingerprint& print) {
  return 1 / std::max(1.0, print.frame_rate);
}

double length_s(const Fingerprint& file, const AlignedRun& run) {
  return file.frames[static_cast<std::size_t>(run.last_frame)].time_s -
         file.frames[static_cast<std::size_t>(run.first_frame)].time_s + frame_s(file);
}

double time_of(const Fingerprint& file, std::int64_t frame) {
  return file.frames[static_cast<std::size_t>(frame)].time_s;
}

// Where in the reference a run begins and ends.
double reference_start(const Fingerprint& file, const AlignedRun& run) {
  return time_of(file, run.first_frame) + run.offset_s;
}
double reference_end(const Fingerprint& file, const AlignedRun& run) {
  return reference_start(file, run) + run.speed * length_s(file, run);
}

// Offset of the run at a frame of the file, also beyond its ends.
double offset_at(const Fingerprint& file, const AlignedRun& run, std::int64_t frame) {
  return run.offset_s + (run.speed - 1) * (time_of(file, frame) - time_of(file, run.first_frame));
}

void fill_path(const Fingerprint& file, Comparison& c) {
  c.path.assign(file.frames.size(), -1);
  for (std::size_t i = 0; i < file.frames.size(); ++i)
    c.path[i] = static_cast<std::int64_t>(c.reference->frame_at(
        file.frames[i].time_s + c.alignment.frames[i].offset_s + frame_s(*c.reference) / 4));
}

// Several short runs on one line are one run: a path of dynamic programming has kinks of a frame.
std::vector<AlignedRun> joined(const Fingerprint& file, std::vector<AlignedRun> runs, double tolerance_s) {
  std::vector<AlignedRun> out;
  for (const AlignedRun& run : runs) {
    if (!out.empty()) {
      AlignedRun& before = out.back();
      const double start = time_of(file, before.first_frame), end = time_of(file, run.last_frame);
      const double end_offset = offset_at(file, run, run.last_frame);
      const double middle = offset_at(file, before, run.first_frame);
      if (std::abs(middle - run.offset_s) <= tolerance_s && std::abs(before.speed - run.speed) < 0.05 &&
          end > start) {
        const double frames_before = static_cast<double>(before.last_frame - before.first_frame + 1);
        const double frames_now = static_cast<double>(run.last_frame - run.first_frame + 1);
        before.matched_share = (before.matched_share * frames_before + run.matched_share * frames_now) /
                               (frames_before + frames_now);
        before.last_frame = run.last_frame;
        before.speed = 1 + (end_offset - before.offset_s) / (end - start);
        continue;
      }
    }
    out.push_back(run);
  }
  return out;
}

}  // namespace

std::string_view name_of(ComparedWith kind) {
  switch (kind) {
    case ComparedWith::nothing: return "nothing";
    case ComparedWith::sources: return "sources";
    case ComparedWith::plan: return "plan";
  }
  return "nothing";
}

// Holes before `place` are filled; what would come before the beginning (sound may start before its
// picture: an encoder's priming) is left out.
template <typename T>
void append_from(std::vector<T>& all, const std::vector<T>& part, double place) {
  const auto at = static_cast<std::int64_t>(std::llround(place));
  const auto have = static_cast<std::int64_t>(all.size());
  if (at > have) all.resize(static_cast<std::size_t>(at));
  const std::int64_t skipped = std::clamp<std::int64_t>(-at, 0, static_cast<std::int64_t>(part.size()));
  all.insert(all.end(), part.begin() + skipped, part.end());
}

Fingerprint concatenate(const std::vector<const Fingerprint*>& prints, std::vector<SourceSpan>& spans,
                        const std::vector<std::string>& ids) {
  constexpr double kGap_s = 2;
  Fingerprint all;
  double at = 0;
  for (std::size_t p = 0; p < prints.size(); ++p) {
    const Fingerprint& print = *prints[p];
    if (p == 0) all.width = print.width, all.height = print.height;
    for (FramePrint f : print.frames) {
      f.time_s += at;
      all.frames.push_back(f);
    }
    all.thumbs.insert(all.thumbs.end(), print.thumbs.begin(), print.thumbs.end());
    if (print.has_audio) {
      all.has_audio = true;
      append_from(all.sound.steps, print.sound.steps, (at + print.sound.start_s) / kSoundStep_s);
      append_from(all.sound.wave, print.sound.wave, (at + print.sound.start_s) * kSoundRate);
    }
    spans.push_back({ids[p], at, at + print.duration_s});
    all.frame_rate = std::max(all.frame_rate, print.frame_rate);
    at += print.duration_s + kGap_s;
  }
  all.duration_s = spans.empty() ? 0 : spans.back().end_s;
  return all;
}

// A stretch at one offset whose pictures fit as well where the plan has them is there: over a picture that
// hardly moves, an offset is decided by the encoder's noise.
void bring_home(Alignment& alignment) {
  constexpr double kAsWell = 0.35;  // of the noise
  auto& frames = alignment.frames;
  for (std::size_t first = 0; first < frames.size();) {
    std::size_t end = first;
    double there = 0, home = 0;
    while (end < frames.size() && frames[end].offset_s == frames[first].offset_s) {
      there += static_cast<double>(frames[end].distance);
      home += static_cast<double>(frames[end].at_home);
      ++end;
    }
    const double slack = kAsWell * static_cast<double>(alignment.noise) * static_cast<double>(end - first);
    if (frames[first].offset_s != 0 && home <= there + slack)
      for (std::size_t i = first; i < end; ++i) {
        frames[i].offset_s = 0;
        frames[i].distance = frames[i].at_home;
      }
    first = end;
  }
}

Comparison compare_with_plan(const Fingerprint& file, const Fingerprint& reference) {
  Comparison c;
  c.kind = ComparedWith::plan;
  c.reference = &reference;
  c.alignment = align(file, reference);
  bring_home(c.alignment);
  c.runs = joined(file, runs_of(c.alignment, file, frame_s(reference)), 1.6 * frame_s(reference));
  fill_path(file, c);
  c.home.assign(file.frames.size(), -1);
  for (std::size_t i = 0; i < file.frames.size(); ++i)
    if (file.frames[i].time_s < reference.duration_s + frame_s(file) / 2)
      c.home[i] =
          static_cast<std::int64_t>(reference.frame_at(file.frames[i].time_s + frame_s(reference) / 4));
  return c;
}

Comparison compare_with_sources(const Fingerprint& file, const Fingerprint& reference,
                                std::vector<SourceSpan> sources) {
  Comparison c;
  c.kind = ComparedWith::sources;
  c.reference = &reference;
  c.sources = std::move(sources);
  c.alignment = align(file, reference);
  c.runs = joined(file, runs_of(c.alignment, file, frame_s(reference)), 1.6 * frame_s(reference));
  fill_path(file, c);

  // Anchors are runs that certainly play; what lies between two of them on one line belongs to that line
  // (a freeze, a black stretch), else to the one before.
  c.home.assign(file.frames.size(), -1);
  std::vector<const AlignedRun*> anchors;
  for (const AlignedRun& run : c.runs)
    if (run.matched_share > 0.6 && length_s(file, run) >= 0.3 && run.speed > 0.2) anchors.push_back(&run);
  const auto set_home = [&](std::int64_t first, std::int64_t last, const AlignedRun& run) {
    for (std::int64_t i = first; i <= last; ++i) {
      const double t = time_of(file, i) + offset_at(file, run, i);
      if (t >= -frame_s(reference) && t <= reference.duration_s + frame_s(reference))
        c.home[static_cast<std::size_t>(i)] =
            static_cast<std::int64_t>(reference.frame_at(t + frame_s(reference) / 4));
    }
  };
  for (std::size_t a = 0; a < anchors.size(); ++a) {
    const AlignedRun& run = *anchors[a];
    const std::int64_t next =
        a + 1 < anchors.size() ? anchors[a + 1]->first_frame : static_cast<std::int64_t>(file.frames.size());
    set_home(a == 0 ? 0 : run.first_frame, next - 1, run);
  }
  return c;
}

Comparison compare_with_nothing(const Fingerprint& file) {
  Comparison c;
  c.path.assign(file.frames.size(), -1);
  c.home.assign(file.frames.size(), -1);
  return c;
}

namespace {

void name_speeds(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  const double frame = frame_s(*c.reference);
  for (const AlignedRun& run : c.runs) {
    const double length = length_s(file, run), drift = std::abs(run.speed - 1) * length;
    const bool backwards = run.speed < -0.3;
    if (run.matched_share < 0.5 || length < 0.5 || drift < std::max(2.5 * frame, 0.08)) continue;
    if (std::abs(run.speed - 1) < 0.04 || (run.speed < 0.15 && !backwards)) continue;
    const Run frames{static_cast<std::size_t>(run.first_frame), static_cast<std::size_t>(run.last_frame)};
    if (backwards)
      issues.push_back(make_issue("order", frames, 0.8, fmt::format("{:.2f} s play backwards", length),
                                  "render these frames in the plan's direction"));
    else
      issues.push_back(make_issue(
          "speed", frames, std::clamp(0.4 + drift / 2, 0.4, 1.0),
          fmt::format("plays at {:.2f} times the speed it should have, for {:.2f} s", run.speed, length),
          "set the speed back, or render these frames again"));
  }
}

// Pieces that stand after something they should come before.
void name_order(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  const double tolerance = std::max(0.25, 4 * frame_s(*c.reference));
  std::vector<const AlignedRun*> pieces;
  for (const AlignedRun& run : c.runs)
    if (run.matched_share >= 0.6 && length_s(file, run) >= 0.2 && run.speed > 0.15) pieces.push_back(&run);
  std::vector<char> wrong(pieces.size(), 0);
  for (std::size_t a = 0; a < pieces.size(); ++a)
    for (std::size_t b = a + 1; b < pieces.size(); ++b)
      if (reference_start(file, *pieces[b]) + tolerance < reference_start(file, *pieces[a]) &&
          reference_end(file, *pieces[b]) < reference_end(file, *pieces[a]) + tolerance)
        wrong[a] = wrong[b] = 1;
  for (std::size_t a = 0; a < pieces.size(); ++a) {
    if (!wrong[a]) continue;
    // With a plan, a piece that is at home is not what went wrong, even if another jumped over it.
    if (c.kind == ComparedWith::plan && std::abs(pieces[a]->offset_s) < tolerance) continue;
    const Run frames{static_cast<std::size_t>(pieces[a]->first_frame),
                     static_cast<std::size_t>(pieces[a]->last_frame)};
    if (!issues.empty() && issues.back().kind == "order" &&
        issues.back().last_frame + 1 >= pieces[a]->first_frame) {
      issues.back().last_frame = pieces[a]->last_frame;
      continue;
    }
    issues.push_back(
        make_issue("order", frames, std::clamp(0.5 + length_s(file, *pieces[a]) / 5, 0.5, 1.0),
                   fmt::format("the film from {:.2f} s is seen at {:.2f} s, out of its order",
                               reference_start(file, *pieces[a]), time_of(file, pieces[a]->first_frame)),
                   "put the pieces back into the planned order"));
  }
}

// The plan's film is skipped at once: the offset rises from one piece to the next.
void name_jumps(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  if (c.kind != ComparedWith::plan) return;
  const double least = std::max(0.1, 2.5 * frame_s(*c.reference));
  const AlignedRun* before = nullptr;
  for (const AlignedRun& run : c.runs) {
    if (run.matched_share < 0.6 || length_s(file, run) < 0.15) continue;
    const double expected = before ? reference_end(file, *before) : 0.0;
    const double gap_frames = before ? static_cast<double>(run.first_frame - before->last_frame - 1)
                                     : static_cast<double>(run.first_frame);
    const double skipped = reference_start(file, run) - expected - gap_frames * frame_s(file);
    // After a standing picture the film goes on where it would have been: that skip is the freeze's.
    const bool after_freeze = before && before->speed < 0.5;
    if (skipped > least && !after_freeze && !(before == nullptr && skipped < 0.2)) {
      const auto at = static_cast<std::size_t>(run.first_frame);
      issues.push_back(
          make_issue("jump", {at > 0 ? at - 1 : 0, at}, std::clamp(0.35 + skipped / 4, 0.35, 1.0),
                     fmt::format("{:.2f} s of the planned film are missing before this frame", skipped),
                     "render again with the missing piece"));
    }
    before = &run;
  }
}

// Frames that come a little early or late, again and again: shuffled, repeated in bursts.
void name_out_of_step(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  const std::size_t n = file.frames.size();
  const auto& m = c.alignment.frames;
  const double frame = frame_s(*c.reference);
  std::vector<char> off(n, 0);
  for (std::size_t i = 1; i < n; ++i) {
    const double step = std::abs(m[i].offset_s - m[i - 1].offset_s);
    off[i] = step > 0.9 * frame && step < 0.6 && m[i].matched && m[i - 1].matched;
  }
  for (const AlignedRun& run : c.runs)  // steady speeds change the offset too
    if (std::abs(run.speed - 1) > 0.06 && length_s(file, run) >= 0.5)
      for (auto i = run.first_frame; i <= run.last_frame; ++i) off[static_cast<std::size_t>(i)] = 0;
  const auto window = static_cast<std::size_t>(std::max(6.0, std::round(file.frame_rate * 0.8)));
  std::vector<char> rough(n, 0);
  for (std::size_t a = 0; a + window <= n; ++a) {
    const auto count = std::count(off.begin() + static_cast<std::ptrdiff_t>(a),
                                  off.begin() + static_cast<std::ptrdiff_t>(a + window), 1);
    if (static_cast<double>(count) >= std::max(4.0, 0.3 * static_cast<double>(window)))
      for (std::size_t i = a; i < a + window; ++i) rough[i] = 1;
  }
  for (const Run& run : runs_where(n, [&](std::size_t i) { return rough[i] != 0; }))
    issues.push_back(make_issue("stutter", run, 0.7,
                                "frames are shown out of step: repeated, skipped or shuffled",
                                "render these frames again in order"));
}

// Faded nearly to black or white, pictures that are the same differ in shape by their noise alone: then it
// counts how far apart the two are in steps of brightness.
bool looks_like_home(const Fingerprint& file, const Comparison& c, std::size_t i) {
  if (c.home[i] < 0) return false;
  const auto last = static_cast<std::int64_t>(c.reference->frames.size()) - 1;
  for (std::int64_t k = c.home[i] - 1; k <= c.home[i] + 1; ++k) {
    if (k < 0 || k > last) continue;
    const auto a = file.thumb(i), b = c.reference->thumb(static_cast<std::size_t>(k));
    int sum = 0;
    for (std::size_t n = 0; n < a.size(); ++n) sum += std::abs(a[n] - b[n]);
    const float spread = c.reference->frames[static_cast<std::size_t>(k)].spread;
    if (sum < kThumbSize * std::min(4.f, 1 + spread / 8)) return true;
  }
  return false;
}

// What the file shows is nowhere in the reference, and is not black either (that is named by itself).
void name_strangers(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  if (c.kind != ComparedWith::plan) return;
  const float limit = std::max(0.35f, 10 * c.alignment.noise);
  for (const Run& run : runs_where(file.frames.size(), [&](std::size_t i) {
         return c.alignment.frames[i].best > limit && file.frames[i].spread > 8 && file.frames[i].luma > 20 &&
                !looks_like_home(file, c, i);
       })) {
    if (static_cast<double>(run.size()) * frame_s(file) < 0.25) continue;
    issues.push_back(make_issue("missing_shot", run, 0.8, "the picture is not the planned film",
                                "render these frames again from the planned source"));
  }
}

void name_length(const Fingerprint& file, const Comparison& c, std::vector<Issue>& issues) {
  if (c.kind != ComparedWith::plan) return;
  const double wanted = c.reference->duration_s, off = file.duration_s - wanted;
  if (std::abs(off) <= std::max(0.12, 2.2 * std::max(frame_s(file), frame_s(*c.reference)))) return;
  const std::size_t last = file.frames.size() - 1;
  const std::size_t first =
      off > 0 ? file.frame_at(wanted) : file.frame_at(std::max(0.0, file.duration_s - std::min(1.0, -off)));
  issues.push_back(make_issue("length", {std::min(first, last), last},
                              std::clamp(0.4 + std::abs(off) / std::max(1.0, wanted) * 2, 0.4, 1.0),
                              fmt::format("{:.2f} s long, the plan gives {:.2f} s", file.duration_s, wanted),
                              off > 0 ? "cut the rest off" : "render the missing film"));
}

}  // namespace

std::vector<Issue> find_displaced(const Fingerprint& file, const Comparison& c, const Allowances& allowed) {
  std::vector<Issue> issues;
  if (!c.reference || c.alignment.frames.empty()) return issues;
  if (!(c.kind == ComparedWith::sources && allowed.reorder)) name_order(file, c, issues);
  if (!(c.kind == ComparedWith::sources && allowed.speed)) name_speeds(file, c, issues);
  name_jumps(file, c, issues);
  name_out_of_step(file, c, issues);
  name_strangers(file, c, issues);
  name_length(file, c, issues);
  return issues;
}

std::vector<Issue> find_damage(const Fingerprint& file, const Comparison& comparison,
                               const Allowances& allowed) {
  std::vector<Issue> all;
  const auto take = [&](std::vector<Issue> found) {
    all.insert(all.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
  };
  take(find_black(file, comparison));
  take(find_standing(file, comparison));
  take(find_flicker(file, comparison));
  take(find_degraded(file, comparison));
  take(find_displaced(file, comparison, allowed));
  take(find_sound_damage(file, comparison, allowed));
  std::stable_sort(all.begin(), all.end(), [](const Issue& a, const Issue& b) {
    return std::pair(a.kind, a.first_frame) < std::pair(b.kind, b.first_frame);
  });
  // Two detectors may name one thing: overlapping issues of a kind are one.
  std::vector<Issue> merged;
  for (Issue& issue : all) {
    if (!merged.empty() && merged.back().kind == issue.kind &&
        issue.first_frame <= merged.back().last_frame + 1) {
      Issue& before = merged.back();
      before.last_frame = std::max(before.last_frame, issue.last_frame);
      if (issue.severity > before.severity) before.severity = issue.severity, before.message = issue.message;
      continue;
    }
    merged.push_back(std::move(issue));
  }
  // Black frames that come and go are the flicker's.
  std::erase_if(merged, [&](const Issue& issue) {
    if (issue.kind != "black" || issue.last_frame - issue.first_frame > 2) return false;
    return std::any_of(merged.begin(), merged.end(), [&](const Issue& other) {
      return other.kind == "flicker" && other.first_frame <= issue.last_frame &&
             other.last_frame >= issue.first_frame;
    });
  });
  std::stable_sort(merged.begin(), merged.end(),
                   [](const Issue& a, const Issue& b) { return a.first_frame < b.first_frame; });
  return merged;
}

}  // namespace studio
