// From features and shots to the whole analysis: each judgement in its turn.
#include "analysis/judgements.h"

#include <algorithm>
#include <cmath>

#include "analysis/camera.h"
#include "analysis/coherence.h"
#include "analysis/composition.h"

namespace studio {
namespace {

struct Motion {
  std::vector<MotionFeatures> features;
  std::vector<double> time_s;
};

Motion motion_of(const ClipFeatures& clip) {
  Motion motion;
  for (const FrameFeatures& f : clip.frames) {
    motion.features.push_back(f.motion);
    motion.time_s.push_back(f.pts.seconds());
  }
  return motion;
}

std::span<const CompositionSample> samples_in(const ClipFeatures& clip, FrameSpan span) {
  const auto first = std::ranges::lower_bound(clip.composition, span.first, {}, &CompositionSample::frame);
  const auto last = std::ranges::upper_bound(clip.composition, span.last, {}, &CompositionSample::frame);
  return {first, last};
}

double mean(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// Energy mean of the momentary loudness while the shot is on screen.
double loudness_under(const AudioJudgement& audio, const Shot& shot) {
  double energy = 0;
  int count = 0;
  for (std::size_t i = 0; i < audio.loudness_curve.size(); ++i) {
    const double t = audio.start_s + 0.1 * static_cast<double>(i);
    if (t < shot.start.seconds() || t >= shot.end.seconds() || !std::isfinite(audio.loudness_curve[i]))
      continue;
    energy += std::pow(10, audio.loudness_curve[i] / 10);
    ++count;
  }
  return count > 0 && energy > 0 ? std::max(-70.0, 10 * std::log10(energy / count)) : -70;
}

double overall_score(const Analysis& analysis, const AnalysisOptions& options) {
  double score = 0, seconds = 0;
  for (const Shot& shot : analysis.shots) {
    double value = 0, weight = 0;
    if (options.composition) value += 0.45 * shot.composition.score, weight += 0.45;
    if (options.coherence) value += 0.4 * shot.coherence.score, weight += 0.4;
    if (options.camera) value += 0.15 * shot.camera.steadiness, weight += 0.15;
    if (weight <= 0) continue;
    const double length = std::max(1e-3, (shot.end - shot.start).seconds());
    score += value / weight * length;
    seconds += length;
  }
  if (seconds <= 0) return 0;
  score /= seconds;
  // A defect costs by how bad it is and how much of the clip it takes; even one frame is seen.
  double loss = 0;
  for (const Issue& issue : analysis.issues) {
    const double share = static_cast<double>(issue.last_frame - issue.first_frame + 1) /
                         std::max<double>(1, static_cast<double>(analysis.source.frames));
    loss += issue.severity * (0.02 + 0.3 * std::min(1.0, share * 2));
  }
  return std::clamp(score - std::min(0.6, loss), 0.0, 1.0);
}

}  // namespace

Curves curves_of(const ClipFeatures& clip, std::span<const Shot> shots) {
  Curves curves;
  const Motion motion = motion_of(clip);
  const auto camera = camera_speed(motion.features, motion.time_s);
  const auto subject = subject_speed(motion.features, motion.time_s);
  std::vector<float> sharpness;
  for (const FrameFeatures& f : clip.frames) sharpness.push_back(f.sharpness);
  float full = 0;
  if (!sharpness.empty()) {
    auto sorted = sharpness;
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 95 / 100);
    std::ranges::nth_element(sorted, at);
    full = *at;
  }
  curves.time_s = motion.time_s;
  for (std::size_t i = 0; i < clip.frames.size(); ++i) {
    const FrameFeatures& f = clip.frames[i];
    curves.brightness.push_back(f.luma_mean / 255);
    curves.difference.push_back(f.hsv_difference());
    curves.motion.push_back(camera[i] + subject[i]);
    curves.sharpness.push_back(full > 0 ? std::min(1.0f, f.sharpness / full) : 0);
  }
  for (const Shot& shot : shots)
    if (shot.first_frame >= 0 && shot.first_frame < static_cast<std::int64_t>(curves.motion.size()))
      curves.motion[static_cast<std::size_t>(shot.first_frame)] = 0;
  // The subject between two samples is on its way from one to the other.
  curves.subject_x.assign(clip.frames.size(), 0.5f);
  curves.subject_y.assign(clip.frames.size(), 0.5f);
  const auto& samples = clip.composition;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    const auto fill = [&](std::int64_t first, std::int64_t last, const Box& a, const Box& b) {
      for (auto i = std::max<std::int64_t>(first, 0);
           i < std::min<std::int64_t>(last, static_cast<std::int64_t>(clip.frames.size())); ++i) {
        const double u =
            last > first ? static_cast<double>(i - first) / static_cast<double>(last - first) : 0;
        curves.subject_x[static_cast<std::size_t>(i)] =
            static_cast<float>((1 - u) * a.center_x() + u * b.center_x());
        curves.subject_y[static_cast<std::size_t>(i)] =
            static_cast<float>((1 - u) * a.center_y() + u * b.center_y());
      }
    };
    const Box& here = samples[k].features.subject;
    if (k == 0) fill(0, samples[k].frame, here, here);
    if (k + 1 < samples.size())
      fill(samples[k].frame, samples[k + 1].frame, here, samples[k + 1].features.subject);
    else
      fill(samples[k].frame, static_cast<std::int64_t>(clip.frames.size()), here, here);
  }
  return curves;
}

void judge(const ClipFeatures& clip, const AnalysisOptions& options, Analysis& analysis) {
  const Motion motion = motion_of(clip);
  const auto camera = camera_speed(motion.features, motion.time_s);
  const auto subject = subject_speed(motion.features, motion.time_s);
  for (std::size_t i = 0; i < analysis.shots.size(); ++i) {
    Shot& shot = analysis.shots[i];
    const FrameSpan span = clear_part(analysis.shots, i);
    const auto first = static_cast<std::size_t>(span.first), count = static_cast<std::size_t>(span.count());
    if (span.first < 0 || first + count > clip.frames.size()) continue;
    if (options.camera)
      shot.camera = judge_camera(std::span(motion.features).subspan(first, count),
                                 std::span(motion.time_s).subspan(first, count), span.first);
    if (options.composition) shot.composition = judge_composition(samples_in(clip, span), shot.camera);
    if (options.coherence)
      shot.coherence = judge_coherence(std::span(clip.frames).subspan(first, count), span.first);
    if (count > 1) {
      // The step into a shot's first frame belongs to the cut.
      shot.subject_motion = mean(std::span(subject).subspan(first + 1, count - 1));
      shot.motion = mean(std::span(camera).subspan(first + 1, count - 1)) + shot.subject_motion;
    }
    if (analysis.audio) shot.loudness_lufs = loudness_under(*analysis.audio, shot);
  }
  analysis.curves = curves_of(clip, analysis.shots);
  if (options.coherence) analysis.issues = find_issues(clip, analysis.shots);
  analysis.score = overall_score(analysis, options);
  analysis.insights = insights_of(clip, analysis);
}

}  // namespace studio
