// From changes to shots: minimum length, exact times, transition kinds, keyframes.
#include "analysis/shots.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/known_detectors.h"
#include "analysis/transitions.h"

namespace studio {
namespace {

// Drops changes that would leave a shot shorter than `least` frames: of two that are too near, the
// surer one stays; at the clip's ends the change goes.
std::vector<ShotChange> with_least_length(std::vector<ShotChange> changes, std::int64_t least,
                                          std::int64_t frames) {
  std::vector<ShotChange> kept;
  for (const auto& change : changes) {
    if (change.boundary() < least || frames - change.boundary() < least) continue;
    if (kept.empty() || change.boundary() - kept.back().boundary() >= least)
      kept.push_back(change);
    else if (change.confidence > kept.back().confidence)
      kept.back() = change;
  }
  return kept;
}

// The sharpest frame near the middle, outside the transitions on both sides. `Near` is the middle
// half: a sharper frame at the very edge would be a poor picture of the shot.
std::int64_t keyframe_of(std::span<const FrameFeatures> frames, std::int64_t first, std::int64_t last) {
  const std::int64_t length = last - first + 1, quarter = length / 4;
  std::int64_t best = first + length / 2;
  double best_score = -1;
  for (std::int64_t i = first + quarter; i <= last - quarter; ++i) {
    const double off_middle =
        std::abs(static_cast<double>(i) - (first + last) / 2.0) / std::max<double>(1, length / 2.0);
    const double score = frames[i].sharpness * (1 - 0.15 * off_middle);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

double sharpest(std::span<const FrameFeatures> frames) {
  double most = 0;
  for (const auto& frame : frames) most = std::max<double>(most, frame.sharpness);
  return most;
}

}  // namespace

std::vector<ShotChange> find_changes(const ClipFeatures& clip, const ShotOptions& options) {
  const std::span<const FrameFeatures> frames = clip.frames;
  if (frames.size() < 2) return {};
  const double rate = clip.source.frame_rate.positive() ? clip.source.frame_rate.to_double() : 25;
  std::vector<ShotChange> changes;
  switch (options.detector) {
    case ShotDetector::content:
      changes = content_changes(frames, options.threshold > 0 ? options.threshold : 27);
      break;
    case ShotDetector::adaptive:
      changes = adaptive_changes(frames, options.threshold > 0 ? options.threshold : 3);
      break;
    case ShotDetector::best:
      changes = find_transitions(clip, options.threshold > 0 ? options.threshold : 1);
      break;
  }
  const auto least = std::max<std::int64_t>(1, std::llround(options.min_shot_s * rate));
  return with_least_length(std::move(changes), least, static_cast<std::int64_t>(frames.size()));
}

std::vector<Shot> detect_shots(const ClipFeatures& clip, const ShotOptions& options) {
  const std::span<const FrameFeatures> frames = clip.frames;
  if (frames.empty()) return {};
  const auto changes = find_changes(clip, options);
  const double most = std::max(1e-6, sharpest(frames));
  std::vector<Shot> shots;
  for (std::size_t i = 0; i <= changes.size(); ++i) {
    Shot shot;
    shot.id = fmt::format("shot{}", i + 1);
    shot.first_frame = i == 0 ? 0 : changes[i - 1].boundary();
    shot.last_frame =
        i < changes.size() ? changes[i].boundary() - 1 : static_cast<std::int64_t>(frames.size()) - 1;
    shot.start = frames[shot.first_frame].pts;
    shot.end = i < changes.size() ? frames[shot.last_frame + 1].pts : clip.end;
    std::int64_t clear_first = shot.first_frame, clear_last = shot.last_frame;
    if (i > 0) {
      shot.transition = changes[i - 1].kind;
      shot.transition_frames = changes[i - 1].length();
      shot.confidence = changes[i - 1].confidence;
      if (shot.transition_frames > 0) clear_first = std::min(clear_last, changes[i - 1].last_frame + 1);
    }
    if (i < changes.size() && changes[i].length() > 0)
      clear_last = std::max(clear_first, changes[i].first_frame - 1);
    shot.keyframe = keyframe_of(frames, clear_first, clear_last);
    shot.sharpness = frames[shot.keyframe].sharpness / most;
    shots.push_back(std::move(shot));
  }
  return shots;
}

}  // namespace studio
