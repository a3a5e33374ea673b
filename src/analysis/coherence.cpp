// Cadence, flicker and smoothness of one shot, from the records of its frames.
#include "analysis/coherence.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace studio {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

double seconds_between(const FrameFeatures& a, const FrameFeatures& b) {
  return (b.pts - a.pts).seconds();
}

// Changes within eight frames of frame i.
double change_around(std::span<const FrameFeatures> frames, std::size_t i, double quantile) {
  std::vector<double> changes;
  for (std::size_t k = i > 8 ? i - 8 : 1; k < frames.size() && k <= i + 8; ++k)
    changes.push_back(frames[k].luma_difference);
  std::ranges::sort(changes);
  return changes.empty() ? 0
                         : changes[static_cast<std::size_t>(quantile * static_cast<double>(changes.size()))];
}
double liveliness(std::span<const FrameFeatures> frames, std::size_t i) {
  return change_around(frames, i, 0.75);
}
double usual_change(std::span<const FrameFeatures> frames, std::size_t i) {
  return change_around(frames, i, 0.5);
}

// Share of the picture's blocks whose brightness went the same way as the mean did, and clearly so.
double same_way(const FrameFeatures& a, const FrameFeatures& b) {
  const double swing = b.luma_mean - a.luma_mean;
  int agreeing = 0, able = 0;
  for (std::size_t i = 0; i < a.luma_blocks.size(); ++i) {
    const int change = b.luma_blocks[i] - a.luma_blocks[i];
    // Black stays black under a gain, and white cannot rise.
    if (a.luma_blocks[i] < 10 && b.luma_blocks[i] < 10) continue;
    if (a.luma_blocks[i] > 245 && b.luma_blocks[i] > 245) continue;
    ++able;
    agreeing += change * swing > 0 && std::abs(change) > 0.3 * std::abs(swing) ? 1 : 0;
  }
  return able > 40 ? static_cast<double>(agreeing) / able : 0;
}

// The turning points of mean brightness whose swings exceed `least` levels.
std::vector<std::size_t> turning_points(std::span<const FrameFeatures> frames, double least) {
  std::vector<std::size_t> turns;
  std::size_t low = 0, high = 0;
  int direction = 0;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    const double v = frames[i].luma_mean;
    if (v > frames[high].luma_mean) high = i;
    if (v < frames[low].luma_mean) low = i;
    if (direction <= 0 && v - frames[low].luma_mean > least) {
      turns.push_back(low);
      direction = 1;
      high = i;
    } else if (direction >= 0 && frames[high].luma_mean - v > least) {
      turns.push_back(high);
      direction = -1;
      low = i;
    }
    if (direction > 0) low = i;
    if (direction < 0) high = i;
  }
  if (direction > 0) turns.push_back(high);
  if (direction < 0) turns.push_back(low);
  return turns;
}

// How even the camera's steps are: rms of the path's third difference against the steps themselves.
double smoothness_of(std::span<const FrameFeatures> frames, const CadenceFound& cadence) {
  std::vector<std::array<double, 4>> steps;
  std::size_t held = 0;
  const bool drawn = cadence.cadence != Cadence::each_frame;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    const MotionFeatures& m = frames[i].motion;
    if (m.confidence < 0.25f) continue;
    const double size = std::hypot(m.dx, m.dy) + 0.4 * (std::abs(m.log_scale) + std::abs(m.rotation));
    // On twos every second step is empty by intention.
    if (drawn && size < 2e-4 && frames[i].luma_difference < 0.2 && ++held) continue;
    steps.push_back({m.dx, m.dy, 0.4 * m.log_scale, 0.4 * m.rotation});
  }
  if (steps.size() < 4) return 1;
  double jerk = 0, speed = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    double s = 0;
    for (const double v : steps[i]) s += v * v;
    speed += std::sqrt(s);
    if (i < 2) continue;
    for (std::size_t c = 0; c < 4; ++c) {
      const double j = steps[i][c] - 2 * steps[i - 1][c] + steps[i - 2][c];
      jerk += j * j;
    }
  }
  speed /= static_cast<double>(steps.size());
  jerk = std::sqrt(jerk / static_cast<double>(steps.size() - 2));
  return 1 / (1 + jerk / (speed + 0.004));
}

double color_stability_of(std::span<const FrameFeatures> frames) {
  double change = 0;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    double blocks = 0;
    for (std::size_t k = 0; k < frames[i].cb_blocks.size(); ++k)
      blocks += std::abs(frames[i].cb_blocks[k] - frames[i - 1].cb_blocks[k]) +
                std::abs(frames[i].cr_blocks[k] - frames[i - 1].cr_blocks[k]);
    change += blocks / static_cast<double>(2 * frames[i].cb_blocks.size()) +
              0.1 * std::abs(frames[i].saturation_mean - frames[i - 1].saturation_mean);
  }
  change /= static_cast<double>(frames.size() - 1);
  return 1 / (1 + change / 8);
}

struct Repeats {
  std::vector<HeldFrame> held;
  std::size_t frames = 0;  // in all of held
  std::size_t lively = 0;  // frames with movement around them
  std::size_t partly = 0;  // frames that moved less than half of the usual, but did move
};

Repeats repeats_in(std::span<const FrameFeatures> frames, std::int64_t first_frame, float least_ssim,
                   bool forgive_keyframes) {
  Repeats out;
  std::vector<char> repeat(frames.size(), 0);
  bool skipped = false;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    const double around = liveliness(frames, i), usual = usual_change(frames, i);
    if (around < 0.5) continue;
    ++out.lively;
    const double change = frames[i].luma_difference;
    if (change > 0.12 * around && change < 0.55 * usual) ++out.partly;
    repeat[i] = change < 0.12 * around && frames[i].ssim > least_ssim;
    if (!repeat[i]) skipped = false;
    if (!repeat[i] || !forgive_keyframes) continue;
    // A fresh keyframe sharpens the picture (a leap); the frames after it are then often skipped, and nothing
    // catches up afterwards.
    const double before = frames[i - 1].luma_difference;
    if (before > 1.4 * usual && (i + 1 >= frames.size() || frames[i + 1].luma_difference < 1.3 * before))
      skipped = true;
    if (skipped) repeat[i] = 0;
  }
  // A repeat has movement on both sides; otherwise the picture came to rest.
  for (std::size_t i = 1; i < frames.size();) {
    if (!repeat[i]) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < frames.size() && repeat[end]) ++end;
    const double around = liveliness(frames, i);
    const auto moves = [&](std::size_t k) {
      return k >= 1 && k < frames.size() && frames[k].luma_difference > 0.35 * around;
    };
    const bool before = moves(i - 1) || (i >= 2 && moves(i - 2)), after = moves(end) || moves(end + 1);
    if (before && after && end - i <= 6) {
      out.held.push_back(
          {first_frame + static_cast<std::int64_t>(i), first_frame + static_cast<std::int64_t>(end) - 1});
      out.frames += end - i;
    }
    i = end;
  }
  return out;
}

}  // namespace

CadenceFound find_cadence(std::span<const FrameFeatures> frames, std::int64_t first_frame) {
  CadenceFound found;
  if (frames.size() < 6) return found;
  // A rhythm is sure by its regularity and may be read from a poor encode; single repeats need more proof.
  Repeats repeats = repeats_in(frames, first_frame, 0.97f, false);
  if (repeats.lively == 0) return found;
  found.held_share = static_cast<double>(repeats.frames) / static_cast<double>(repeats.lively);
  if (repeats.held.size() >= 4) {
    std::map<std::int64_t, int> distances;
    for (std::size_t i = 1; i < repeats.held.size(); ++i)
      ++distances[repeats.held[i].first - repeats.held[i - 1].first];
    const auto commonest = std::ranges::max_element(distances, {}, [](const auto& d) { return d.second; });
    const double regular =
        static_cast<double>(commonest->second) / static_cast<double>(repeats.held.size() - 1);
    if (found.held_share > 0.28) {
      found.cadence = regular > 0.6 && commonest->first == 2   ? Cadence::on_twos
                      : regular > 0.6 && commonest->first == 3 ? Cadence::on_threes
                                                               : Cadence::mixed_holds;
    } else if (repeats.held.size() >= 6 && regular > 0.7 && commonest->first <= 40) {
      found.cadence = Cadence::repeats_regularly;
      found.period = static_cast<int>(commonest->first);
    }
  }
  // Encoders skip blocks of slow movement. Measured: repeats keep an SSIM over 0.9972, skipped movement less.
  if (found.cadence == Cadence::each_frame) {
    repeats = repeats_in(frames, first_frame, 0.9972f, true);
    // And one that is short of bits skips here more, there less; a repeated frame is all or nothing.
    if (repeats.partly > std::max<std::size_t>(2, repeats.held.size()))
      std::erase_if(repeats.held, [&](const HeldFrame& h) {
        const auto i = static_cast<std::size_t>(h.first - first_frame);
        return frames[i].luma_difference > 0.03 * usual_change(frames, i);
      });
  }
  found.held = std::move(repeats.held);
  return found;
}

std::vector<Flicker> find_flicker(std::span<const FrameFeatures> frames, std::int64_t first_frame) {
  constexpr double kLeastSwing = 1.6;      // levels of mean brightness
  constexpr double kLongestSwing_s = 0.2;  // half a period at 2.5 Hz
  constexpr int kFewestSwings = 5;
  std::vector<Flicker> found;
  if (frames.size() < 7) return found;
  const auto turns = turning_points(frames, kLeastSwing);
  std::vector<double> sizes;
  std::size_t begin = 0;
  const auto close = [&](std::size_t end) {  // turns[begin..end] belong together
    if (static_cast<int>(sizes.size()) >= kFewestSwings) {
      Flicker f;
      f.first = first_frame + static_cast<std::int64_t>(turns[begin]) + 1;
      f.last = first_frame + static_cast<std::int64_t>(turns[end]);
      f.amplitude = median(sizes) / 2 / 255;
      f.swings = static_cast<int>(sizes.size());
      const double seconds = seconds_between(frames[turns[begin]], frames[turns[end]]);
      f.frequency_hz = seconds > 0 ? f.swings / 2.0 / seconds : 0;
      found.push_back(f);
    }
    sizes.clear();
  };
  for (std::size_t k = 0; k + 1 < turns.size(); ++k) {
    const FrameFeatures &a = frames[turns[k]], &b = frames[turns[k + 1]];
    const bool swings = seconds_between(a, b) <= kLongestSwing_s && same_way(a, b) > 0.55;
    if (!swings) {
      close(k);
      begin = k + 1;
      continue;
    }
    sizes.push_back(std::abs(b.luma_mean - a.luma_mean));
  }
  if (!turns.empty()) close(turns.size() - 1);
  return found;
}

std::vector<Flicker> find_local_flicker(std::span<const FrameFeatures> frames, std::int64_t first_frame) {
  constexpr double kLeastSwing = 6;  // levels, of a block's mean
  constexpr int kFewestBlocks = 8, kFewestFrames = 6;
  std::vector<Flicker> found;
  if (frames.size() < kFewestFrames + 2) return found;
  const std::size_t blocks = frames[0].luma_blocks.size();
  // A block alternates at frame i when it turned back there: up then down, or down then up.
  std::vector<int> alternating(frames.size(), 0);
  std::vector<double> size(frames.size(), 0);
  for (std::size_t i = 1; i + 1 < frames.size(); ++i)
    for (std::size_t b = 0; b < blocks; ++b) {
      const int in = frames[i].luma_blocks[b] - frames[i - 1].luma_blocks[b];
      const int out = frames[i + 1].luma_blocks[b] - frames[i].luma_blocks[b];
      // Back to about where it was: things that pass by go on instead.
      if (in * out >= 0 || std::min(std::abs(in), std::abs(out)) < kLeastSwing ||
          std::abs(in + out) > 0.5 * std::abs(in))
        continue;
      ++alternating[i];
      size[i] += std::abs(in);
    }
  for (std::size_t i = 1; i + 1 < frames.size();) {
    std::size_t end = i;
    double swing = 0;
    int count = 0;
    while (end + 1 < frames.size() && alternating[end] >= kFewestBlocks)
      swing += size[end], count += alternating[end], ++end;
    if (end - i >= kFewestFrames) {
      Flicker f;
      f.first = first_frame + static_cast<std::int64_t>(i);
      f.last = first_frame + static_cast<std::int64_t>(end);
      f.amplitude = swing / count / 2 / 255;
      f.swings = static_cast<int>(end - i) + 1;
      const double seconds = seconds_between(frames[i - 1], frames[end]);
      f.frequency_hz = seconds > 0 ? f.swings / 2.0 / seconds : 0;
      f.picture_share = count / static_cast<double>(end - i) / static_cast<double>(blocks);
      found.push_back(f);
    }
    i = std::max(end, i + 1);
  }
  return found;
}

CoherenceJudgement judge_coherence(std::span<const FrameFeatures> frames, std::int64_t first_frame) {
  CoherenceJudgement out;
  if (frames.size() < 2) return out;
  const double pairs = static_cast<double>(frames.size() - 1);
  double ssim = 0, difference = 0;
  std::vector<double> similar;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    ssim += frames[i].ssim;
    difference += frames[i].luma_difference;
    similar.push_back(frames[i].ssim);
  }
  out.ssim = ssim / pairs;
  out.vbench_flicker = 1 - difference / pairs / 255;
  out.color_stability = color_stability_of(frames);
  const CadenceFound cadence = find_cadence(frames, first_frame);
  out.motion_smoothness = smoothness_of(frames, cadence);
  double flickering = 0;
  for (const Flicker& f : find_flicker(frames, first_frame)) {
    out.flicker = std::max(out.flicker, f.amplitude);
    flickering += static_cast<double>(f.last - f.first + 1) / pairs * std::min(1.0, f.amplitude / 0.03);
  }
  // A fast pan has a low SSIM and is still coherent: what counts is how evenly one frame follows another.
  std::ranges::sort(similar);
  const double typical = similar[similar.size() / 2], worst = similar[similar.size() / 20];
  const double evenness = cadence.cadence == Cadence::each_frame
                              ? std::clamp(1 - (typical - worst) * 1.2, 0.0, 1.0)
                              : std::clamp(worst / std::max(typical, 0.05), 0.5, 1.0);
  out.score = std::clamp(0.15 * out.ssim + 0.30 * evenness + 0.20 * out.color_stability +
                             0.20 * std::sqrt(out.motion_smoothness) + 0.15 - 0.5 * std::min(1.0, flickering),
                         0.0, 1.0);
  return out;
}

}  // namespace studio
