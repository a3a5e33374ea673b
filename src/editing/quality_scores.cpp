// Measured qualities turned into scores of 0..1.
#include "editing/quality_scores.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace studio {
namespace {

// 1 inside [low, high], falling linearly to 0 over `slope` outside.
double within(double value, double low, double high, double slope) {
  const double off = value < low ? low - value : value > high ? value - high : 0;
  return std::clamp(1 - off / slope, 0.0, 1.0);
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  const double m = mean(values);
  double sum = 0;
  for (const double v : values) sum += (v - m) * (v - m);
  return values.size() < 2 ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// Mean of a judgement over the shots of an analysis, weighted by their lengths.
template <typename Value>
double over_shots(const std::vector<Shot>& shots, Value value) {
  double sum = 0, length = 0;
  for (const Shot& shot : shots) {
    const double s = std::max(0.04, (shot.end - shot.start).seconds());
    sum += s * value(shot);
    length += s;
  }
  return length > 0 ? sum / length : 0;
}

// The same over the source film that the file shows: what this material can give at best.
template <typename Value>
std::optional<double> over_seen(const Measured& m, Value value) {
  double sum = 0;
  std::size_t count = 0;
  for (const SeenFrame& f : m.seen) {
    if (f.source < 0) continue;
    for (const Shot& shot : m.sources[static_cast<std::size_t>(f.source)].analysis.shots)
      if (f.source_s >= shot.start.seconds() && f.source_s < shot.end.seconds()) {
        sum += value(shot);
        ++count;
        break;
      }
  }
  if (count * 4 < m.seen.size()) return {};
  return sum / static_cast<double>(count);
}

// Lengths of the file's pieces: by the plan when the file follows it, else the shots found in it.
std::vector<double> piece_lengths(const Measured& m) {
  std::vector<double> lengths;
  if (m.plan_agreement > 0.6 && !m.pieces.empty()) {
    for (const Piece& p : m.pieces) lengths.push_back(p.output_end_s - p.output_start_s);
    // A piece may hold several shots of its source, and the eye counts those.
    if (m.analysis && m.analysis->shots.size() > lengths.size()) lengths.clear();
  }
  if (lengths.empty() && m.analysis)
    for (const Shot& shot : m.analysis->shots) lengths.push_back((shot.end - shot.start).seconds());
  std::erase_if(lengths, [](double s) { return s <= 0; });
  return lengths;
}

QualityScore integrity(const Measured& m, const std::vector<Issue>& damage) {
  std::vector<char> hurt(m.file->frames.size(), 0);
  for (const Issue& issue : damage) {
    if (issue.severity < 0.3) continue;
    for (auto i = std::max<std::int64_t>(0, issue.first_frame);
         i <= issue.last_frame && i < static_cast<std::int64_t>(hurt.size()); ++i)
      hurt[static_cast<std::size_t>(i)] = 1;
  }
  const auto count = std::count(hurt.begin(), hurt.end(), 1);
  const double share = static_cast<double>(count) / static_cast<double>(hurt.size());
  return {"integrity", 1 - share, 0, fmt::format("{} of {} frames are damaged", count, hurt.size())};
}

QualityScore length(const Measured& m, const Brief& brief) {
  double low = 0, high = 0, target = 0;
  std::string wanted;
  if (brief.length) {
    target = brief.length->target_s, low = brief.length->min_s, high = brief.length->max_s;
    wanted = "wished";
  } else if (m.comparison->kind == ComparedWith::plan) {
    target = m.comparison->reference->duration_s, low = target - 0.1, high = target + 0.1;
    wanted = "planned";
  } else {
    return {"length", -1, 0, ""};
  }
  const double s = m.file->duration_s;
  return {"length", within(s, low - 0.05, high + 0.05, std::max(1.0, 0.3 * target)), 0,
          fmt::format("{:.2f} s, {:.2f} s {}", s, target, wanted)};
}

QualityScore coherence(const Measured& m) {
  if (!m.analysis || m.analysis->shots.empty()) return {"coherence", -1, 0, ""};
  const auto value = [](const Shot& s) { return s.coherence.score; };
  const double here = over_shots(m.analysis->shots, value);
  if (const auto there = over_seen(m, value); there && *there > 0.05)
    return {"coherence", std::clamp(here / *there, 0.0, 1.0), 0,
            fmt::format("{:.2f}, the film it was cut from has {:.2f}", here, *there)};
  return {"coherence", here, 0, fmt::format("{:.2f} over {} shots", here, m.analysis->shots.size())};
}

QualityScore composition(const Measured& m) {
  if (!m.analysis || m.analysis->shots.empty()) return {"composition", -1, 0, ""};
  const auto value = [](const Shot& s) { return s.composition.score; };
  const double here = over_shots(m.analysis->shots, value);
  if (const auto there = over_seen(m, value); there && *there > 0.05)
    return {"composition", std::clamp(here / *there, 0.0, 1.0), 0,
            fmt::format("{:.2f}, the film it was cut from has {:.2f}", here, *there)};
  // Alone: 0.35 is what randomly framed film reaches, 0.75 a well framed one.
  return {"composition", std::clamp((here - 0.15) / 0.5, 0.0, 1.0), 0, fmt::format("{:.2f}", here)};
}

QualityScore pacing(const Measured& m, const Brief& brief) {
  const auto lengths = piece_lengths(m);
  if (lengths.empty()) return {"pacing", -1, 0, ""};
  const double shot_s = mean(lengths);
  if (brief.cuts_per_minute) {
    const double wanted = 60 / std::max(0.5, *brief.cuts_per_minute);
    return {"pacing", within(std::log2(shot_s / wanted), -0.4, 0.4, 1.5), 0,
            fmt::format("{:.2f} s a shot, {:.2f} s wished", shot_s, wanted)};
  }
  double low = 0.9, high = 9;
  std::string asked = "no pace was asked";
  // A pace is about the means at hand: one long source shot cannot be slower than it is.
  if (brief.pace_asked || brief.pace != Pace::automatic) {
    if (brief.pace == Pace::fast) low = 0.3, high = 3.6;
    if (brief.pace == Pace::medium) low = 1.2, high = 6;
    if (brief.pace == Pace::slow) low = 2.4, high = 30;
    asked = fmt::format("{} pace was {}", std::string(name_of(brief.pace)),
                        brief.pace_asked ? "asked" : "proposed");
  }
  if (lengths.size() == 1 && m.file->duration_s < 20) high = std::max(high, m.file->duration_s);
  return {"pacing", within(shot_s, low, high, std::max(1.0, 0.6 * high)), 0,
          fmt::format("{:.2f} s a shot over {} shots; {}", shot_s, lengths.size(), asked)};
}

QualityScore sound(const Measured& m, const std::vector<Issue>& damage) {
  if (!m.file->has_audio) return {"sound", -1, 0, ""};
  double clipped = 0;
  for (const Issue& issue : damage)
    if (issue.kind == "clipping") clipped += static_cast<double>(issue.last_frame - issue.first_frame + 1);
  clipped /= static_cast<double>(std::max<std::size_t>(1, m.file->frames.size()));
  if (m.analysis && m.analysis->audio) {
    const double lufs = m.analysis->audio->integrated_lufs, peak = m.analysis->audio->true_peak_dbtp;
    if (lufs < -65) return {"sound", -1, 0, ""};  // silent on purpose or dropped: judged there
    // EBU R128 -23, streaming -14 to -16 LUFS; a source may be softer than either without being wrong.
    const double value =
        within(lufs, -34, -11, 14) * within(peak, -60, 0.5, 3) * (1 - std::min(1.0, clipped));
    return {"sound", value, 0,
            fmt::format("{:.1f} LUFS, true peak {:.1f} dBTP, {:.0f} % clipped", lufs, peak, 100 * clipped)};
  }
  return {"sound", 1 - std::min(1.0, clipped), 0, fmt::format("{:.0f} % clipped", 100 * clipped)};
}

QualityScore sharpness(const Measured& m) {
  if (!m.comparison->reference) return {"sharpness", -1, 0, ""};
  std::vector<double> ratios;
  const auto& reference = m.comparison->reference->frames;
  for (std::size_t i = 0; i < m.file->frames.size(); ++i) {
    const std::int64_t k = m.comparison->path[i];
    if (k < 0 || reference[static_cast<std::size_t>(k)].detail < 1) continue;
    ratios.push_back(m.file->frames[i].detail / reference[static_cast<std::size_t>(k)].detail);
  }
  if (ratios.size() < 3) return {"sharpness", -1, 0, ""};
  const double ratio = median(ratios);
  return {"sharpness", std::clamp((ratio - 0.2) / 0.55, 0.0, 1.0), 0,
          fmt::format("{:.0f} % of the fine detail of the {}", 100 * std::min(1.5, ratio),
                      m.comparison->kind == ComparedWith::plan ? "plan's film" : "sources")};
}

QualityScore sync(const Measured& m, const std::vector<Issue>& damage) {
  if (!m.file->has_audio || !m.comparison->reference || !m.comparison->reference->has_audio)
    return {"sync", -1, 0, ""};
  double off = 0;
  std::string what = "the sound is in step with the picture";
  for (const Issue& issue : damage)
    if (issue.kind == "desync") {
      off += static_cast<double>(issue.last_frame - issue.first_frame + 1);
      what = issue.message;
    }
  return {"sync", 1 - std::min(1.0, off / static_cast<double>(m.file->frames.size())), 0, what};
}

std::vector<QualityScore> only_judged(std::vector<QualityScore> scores) {
  std::erase_if(scores, [](const QualityScore& s) { return s.value < 0 || !std::isfinite(s.value); });
  return scores;
}

// Shot lengths of one beat are dull, lengths that jump from 0.3 to 12 s are erratic; cuts on beats are heard.
QualityScore rhythm(const Measured& m) {
  const auto lengths = piece_lengths(m);
  if (lengths.size() < 2) return {"rhythm", -1, 0, ""};
  const double variation = deviation(lengths) / std::max(0.05, mean(lengths));
  double value = within(variation, 0.0, 0.9, 1.2);
  std::string evidence = fmt::format("shot lengths vary by {:.0f} %", 100 * variation);
  if (m.analysis && m.analysis->audio && m.analysis->audio->beats_s.size() >= 4 && m.plan_agreement > 0.6 &&
      m.pieces.size() > 2) {
    std::size_t near = 0;
    for (std::size_t i = 1; i < m.pieces.size(); ++i)
      near += std::any_of(m.analysis->audio->beats_s.begin(), m.analysis->audio->beats_s.end(),
                          [&](double b) { return std::abs(b - m.pieces[i].output_start_s) < 0.09; });
    const double share = static_cast<double>(near) / static_cast<double>(m.pieces.size() - 1);
    value = std::min(1.0, value * (0.9 + 0.2 * share));
    evidence += fmt::format("; {:.0f} % of the cuts on a beat", 100 * share);
  }
  return {"rhythm", value, 0, evidence};
}

// Thumbnails in the middles of the shots against each other.
QualityScore variety(const Measured& m) {
  if (!m.analysis || m.analysis->shots.size() < 2) return {"variety", -1, 0, ""};
  std::vector<std::size_t> middles;
  for (const Shot& shot : m.analysis->shots)
    middles.push_back(std::min(m.file->frames.size() - 1,
                               static_cast<std::size_t>((shot.first_frame + shot.last_frame) / 2)));
  std::vector<double> apart;
  for (std::size_t a = 0; a < middles.size() && a < 40; ++a)
    for (std::size_t b = a + 1; b < middles.size() && b < 40; ++b)
      apart.push_back(picture_distance(m.file->thumb(middles[a]), m.file->thumb(middles[b])));
  const double d = median(apart);
  // Two frames of one take lie under 0.2, unrelated pictures around 1.5. A fixed camera is not a fault.
  return {"variety", std::clamp(0.55 + d * 0.45, 0.0, 1.0), 0,
          fmt::format("the shots differ by {:.2f} (0 the same, 2 opposite)", d)};
}

QualityScore shot_scale(const Measured& m) {
  if (!m.analysis || m.analysis->shots.size() < 2) return {"shot_scale", -1, 0, ""};
  std::vector<double> sizes;
  for (const Shot& shot : m.analysis->shots)
    if (shot.composition.subject_confidence > 0.2)
      sizes.push_back(
          std::sqrt(std::max(0.0, shot.composition.subject.width * shot.composition.subject.height)));
  if (sizes.size() < 2) return {"shot_scale", -1, 0, ""};
  const double spread = deviation(sizes);
  return {"shot_scale", std::clamp(0.6 + spread * 3, 0.0, 1.0), 0,
          fmt::format("subject sizes spread by {:.2f} of the picture", spread)};
}

QualityScore colour_continuity(const Measured& m) {
  if (!m.analysis || m.analysis->shots.size() < 2) return {"colour_continuity", -1, 0, ""};
  std::vector<double> steps;
  const auto& shots = m.analysis->shots;
  for (std::size_t s = 1; s < shots.size(); ++s) {
    const auto a = static_cast<std::size_t>(std::max<std::int64_t>(0, shots[s].first_frame - 1));
    const auto b = std::min(m.file->frames.size() - 1, static_cast<std::size_t>(shots[s].first_frame + 1));
    if (a >= m.file->frames.size()) continue;
    const FramePrint &x = m.file->frames[a], &y = m.file->frames[b];
    steps.push_back(std::abs(x.luma - y.luma) / 255 + (std::abs(x.cb - y.cb) + std::abs(x.cr - y.cr)) / 128);
  }
  const double step = mean(steps);
  return {"colour_continuity", std::clamp(1.08 - step, 0.0, 1.0), 0,
          fmt::format("brightness and colour step by {:.0f} % at a cut", 100 * step)};
}

QualityScore wishes(const std::vector<ConstraintCheck>& constraints) {
  std::size_t met = 0, judged = 0;
  for (const ConstraintCheck& c : constraints)
    if (c.met && c.explicit_wish) ++judged, met += *c.met;
  if (judged == 0) return {"wishes", -1, 0, ""};
  return {"wishes", static_cast<double>(met) / static_cast<double>(judged), 0,
          fmt::format("{} of {} explicit wishes are met", met, judged)};
}

}  // namespace

std::vector<QualityScore> technical_scores(const Measured& m, const Brief& brief,
                                           const std::vector<Issue>& damage,
                                           const std::vector<ConstraintCheck>&) {
  return only_judged({integrity(m, damage), length(m, brief), coherence(m), composition(m), pacing(m, brief),
                      sound(m, damage), sharpness(m), sync(m, damage)});
}

std::vector<QualityScore> creative_scores(const Measured& m,
                                          const std::vector<ConstraintCheck>& constraints) {
  return only_judged({rhythm(m), variety(m), shot_scale(m), colour_continuity(m), wishes(constraints)});
}

}  // namespace studio
