// All issues of a clip, in order, with doubles of the same place joined.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/issue_rules.h"

namespace studio {
namespace {

std::int64_t frame_at(const ClipFeatures& clip, double seconds) {
  const auto it = std::ranges::upper_bound(clip.frames, seconds, {},
                                           [](const FrameFeatures& f) { return f.pts.seconds(); });
  return std::max<std::int64_t>(0, it - clip.frames.begin() - 1);
}

void find_time_gaps(const ClipFeatures& clip, std::vector<Issue>& issues) {
  const auto& frames = clip.frames;
  if (frames.size() < 8) return;
  std::vector<double> steps;
  for (std::size_t i = 1; i < frames.size(); ++i)
    steps.push_back((frames[i].pts - frames[i - 1].pts).seconds());
  std::vector<double> sorted = steps;
  std::ranges::sort(sorted);
  const double usual = sorted[sorted.size() / 2];
  // A file of variable rate spreads its frames on purpose: only what the eye sees as a stop counts.
  const bool variable = clip.source.variable_frame_rate || sorted[sorted.size() * 9 / 10] > 1.4 * usual;
  const double limit = variable ? std::max(4 * usual, 0.2) : 1.6 * usual;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    if (usual <= 0 || steps[i - 1] < limit) continue;
    const auto missing = std::max(1L, std::lround(steps[i - 1] / usual) - 1);
    issues.push_back(
        {"dropped", static_cast<std::int64_t>(i), static_cast<std::int64_t>(i),
         std::clamp(0.3 + 0.05 * static_cast<double>(missing), 0.3, 0.8),
         fmt::format("{} frame{} missing before {}: {:.3f} s between two frames, {:.3f} s are usual", missing,
                     missing == 1 ? "" : "s", clock_of(clip, static_cast<std::int64_t>(i)), steps[i - 1],
                     usual),
         "the recording skipped; convert to a constant rate with interpolation, or cut here"});
  }
}

void find_sound_issues(const ClipFeatures& clip, std::vector<Issue>& issues) {
  if (!clip.audio || clip.frames.empty()) return;
  const AudioJudgement& audio = *clip.audio;
  const std::int64_t last = static_cast<std::int64_t>(clip.frames.size()) - 1;
  if (audio.true_peak_dbtp > 0.5)
    issues.push_back(
        {"clipping", 0, last, std::clamp(0.3 + audio.true_peak_dbtp / 10, 0.3, 0.8),
         fmt::format("the sound peaks at {:+.1f} dBTP: players will clip it", audio.true_peak_dbtp),
         "lower the gain until the true peak is below -1 dBTP"});
  const double end = audio.start_s + audio.duration_s;
  for (const auto& s : audio.silences) {
    // Pauses belong to speech; a hole of some seconds between two sounds does not.
    const bool inside = s.start_s > audio.start_s + 0.5 && s.end_s < end - 0.5;
    if (!inside || s.end_s - s.start_s < 3) continue;
    issues.push_back({"silence", frame_at(clip, s.start_s), frame_at(clip, s.end_s), 0.3,
                      fmt::format("no sound for {:.1f} s from {}", s.end_s - s.start_s,
                                  to_clock(Time::from_seconds(s.start_s))),
                      "lay room tone or music under it if the pause is not meant"});
  }
}

}  // namespace

std::string clock_of(const ClipFeatures& clip, std::int64_t frame) {
  if (clip.frames.empty()) return "0:00.000";
  const auto i = static_cast<std::size_t>(
      std::clamp<std::int64_t>(frame, 0, static_cast<std::int64_t>(clip.frames.size()) - 1));
  return to_clock(clip.frames[i].pts - clip.frames.front().pts);
}

double seconds_of(const ClipFeatures& clip, std::int64_t first, std::int64_t last) {
  const auto next = static_cast<std::size_t>(last) + 1;
  const Time end = next < clip.frames.size() ? clip.frames[next].pts : clip.end;
  return (end - clip.frames[static_cast<std::size_t>(first)].pts).seconds();
}

FrameSpan clear_part(std::span<const Shot> shots, std::size_t index) {
  const Shot& shot = shots[index];
  FrameSpan span{shot.first_frame, shot.last_frame};
  // A transition of some length lies half in the shot before and half in this one.
  span.first += (shot.transition_frames + 1) / 2;
  if (index + 1 < shots.size()) span.last -= (shots[index + 1].transition_frames + 1) / 2;
  if (span.last >= span.first) return span;
  const auto middle = (shot.first_frame + shot.last_frame) / 2;
  return {middle, middle};
}

void find_file_issues(const ClipFeatures& clip, std::vector<Issue>& issues) {
  find_time_gaps(clip, issues);
  find_sound_issues(clip, issues);
  if (clip.truncated && !clip.frames.empty()) {
    const std::int64_t last = static_cast<std::int64_t>(clip.frames.size()) - 1;
    issues.push_back({"truncated", last, last, 0.8,
                      fmt::format("the file breaks off at {}{}{}", clock_of(clip, last),
                                  clip.decode_error.empty() ? "" : ": ", clip.decode_error),
                      "copy the file again from its source"});
  }
}

std::vector<Issue> find_issues(const ClipFeatures& clip, std::span<const Shot> shots) {
  std::vector<Issue> issues;
  find_exposure_issues(clip, shots, issues);
  for (std::size_t i = 0; i < shots.size(); ++i) {
    const FrameSpan span = clear_part(shots, i);
    if (span.first < 0 || span.last >= static_cast<std::int64_t>(clip.frames.size())) continue;
    const auto frames =
        std::span(clip.frames)
            .subspan(static_cast<std::size_t>(span.first), static_cast<std::size_t>(span.count()));
    const CadenceFound cadence = find_cadence(frames, span.first);
    find_flicker_issues(clip, span, issues);
    find_freezes(clip, span, cadence, issues);
    find_duplicates(clip, cadence, issues);
    find_jumps_and_drops(clip, span, cadence, issues);
    find_blur(clip, span, issues);
  }
  find_file_issues(clip, issues);
  // Black is black: what else was seen in those frames follows from it. And a flicker's leaps are no jumps.
  const auto inside = [](const Issue& a, const Issue& b) {
    return a.first_frame >= b.first_frame - 1 && a.last_frame <= b.last_frame + 1;
  };
  const std::vector<Issue> all = issues;
  std::erase_if(issues, [&](const Issue& issue) {
    return std::ranges::any_of(all, [&](const Issue& other) {
      if (!inside(issue, other)) return false;
      if (other.kind == "black")
        return issue.kind == "freeze" || issue.kind == "dark" || issue.kind == "jump" ||
               issue.kind == "duplicate" || issue.kind == "dropped" || issue.kind == "blur";
      if (other.kind == "flicker") return issue.kind == "jump" || issue.kind == "dropped";
      if (other.kind == "freeze") return issue.kind == "duplicate" || issue.kind == "dropped";
      return false;
    });
  });
  std::ranges::stable_sort(issues, {}, &Issue::first_frame);
  return issues;
}

}  // namespace studio
