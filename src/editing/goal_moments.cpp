// Moments that measurements answer: "the part with the most motion", "the loudest shot".
#include <algorithm>

#include "editing/goal_spans.h"

namespace studio::goal {
namespace {

constexpr double kMomentS = 3;  // how much film "the part with most motion" is, at most

}  // namespace

std::optional<SpanWish> best_moment(std::span<const EditSource> sources, W kind, bool whole_shot) {
  auto rows = evidence_table(sources);
  auto value = [&](const ShotRow& row) {
    switch (kind) {
      case W::most_motion: return row.motion;
      case W::least_motion: return -row.motion;
      case W::loudest: return row.loudness;
      case W::quietest: return -row.loudness;
      case W::brightest: return row.brightness;
      case W::darkest: return -row.brightness;
      default: return row.sharpness;
    }
  };
  const ShotRow* best = nullptr;
  for (const ShotRow& row : rows)
    if (row.length_s() >= 0.2 && (!best || value(row) > value(*best))) best = &row;
  if (!best) return std::nullopt;
  SpanWish wish;
  wish.source = best->source;
  wish.start_s = best->start_s;
  wish.end_s = best->end_s;
  wish.shot = best->shot;
  if (whole_shot || best->length_s() <= kMomentS) return wish;
  // A long shot: the best window inside it, by the curve that belongs to the question.
  const EditSource* source = find_source(sources, best->source);
  const Curves& curves = source->analysis.curves;
  const std::vector<float>* curve = kind == W::brightest || kind == W::darkest ? &curves.brightness
                                    : kind == W::sharpest                      ? &curves.sharpness
                                                                               : &curves.motion;
  double sign = kind == W::darkest || kind == W::least_motion ? -1 : 1;
  std::vector<float> loudness;
  std::vector<double> loudness_at;
  const std::vector<double>* at = &curves.time_s;
  if (kind == W::loudest || kind == W::quietest) {
    if (!source->analysis.audio) return wish;
    loudness = source->analysis.audio->loudness_curve;
    for (std::size_t i = 0; i < loudness.size(); ++i)
      loudness_at.push_back(source->analysis.audio->start_s + 0.1 * static_cast<double>(i));
    curve = &loudness;
    at = &loudness_at;
    sign = kind == W::quietest ? -1 : 1;
  }
  std::size_t n = std::min(curve->size(), at->size());
  double best_sum = -1e18, best_start = wish.start_s, sum = 0;
  std::size_t tail = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if ((*at)[i] < wish.start_s) {
      tail = i + 1;
      continue;
    }
    if ((*at)[i] >= wish.end_s) break;
    sum += sign * static_cast<double>((*curve)[i]);
    while ((*at)[i] - (*at)[tail] > kMomentS) sum -= sign * static_cast<double>((*curve)[tail++]);
    if ((*at)[i] - (*at)[tail] >= kMomentS * 0.9 && sum > best_sum) {
      best_sum = sum;
      best_start = (*at)[tail];
    }
  }
  wish.start_s = best_start;
  wish.end_s = std::min(wish.end_s, best_start + kMomentS);
  wish.shot.clear();
  return wish;
}

}  // namespace studio::goal
