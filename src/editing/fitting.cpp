// Fitting a list of pieces to a length: first trim or grow inside shots, then drop or add pieces,
// and only then across shot boundaries.
#include "editing/fitting.h"

#include <algorithm>
#include <cmath>

namespace studio {
namespace {

constexpr double kEnough = 1e-6;  // seconds: far below a frame

// The shortest source range this cut may become.
Bounds smallest(const WorkCut& cut, double min_piece_s) {
  if (cut.locked) return {cut.start_s, cut.end_s};
  double least = std::max(0.0, min_piece_s - cut.hold_s) * cut.factor;
  least = std::min(least, cut.source_s());
  if (!cut.must) {
    double middle = (cut.start_s + cut.end_s) / 2;
    return {middle - least / 2, middle + least / 2};
  }
  Bounds b{std::max(cut.start_s, cut.must_start_s), std::min(cut.end_s, cut.must_end_s)};
  if (b.high_s - b.low_s < least) {
    double more = (least - (b.high_s - b.low_s)) / 2;
    b.low_s = std::max(cut.start_s, b.low_s - more);
    b.high_s = std::min(cut.end_s, b.low_s + least);
    b.low_s = std::max(cut.start_s, b.high_s - least);
  }
  return b;
}

// Takes `excess` output seconds away, from each by its share of what it can give.
double trim(std::vector<WorkCut>& cuts, double excess, double min_piece_s) {
  double available = 0;
  std::vector<double> give(cuts.size(), 0);
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    Bounds least = smallest(cuts[i], min_piece_s);
    give[i] = std::max(0.0, cuts[i].source_s() - (least.high_s - least.low_s)) / cuts[i].factor;
    available += give[i];
  }
  if (available <= 0) return excess;
  double share = std::min(1.0, excess / available);
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    if (give[i] <= 0) continue;
    WorkCut& cut = cuts[i];
    Bounds least = smallest(cut, min_piece_s);
    double front = std::max(0.0, least.low_s - cut.start_s), back = std::max(0.0, cut.end_s - least.high_s);
    cut.start_s += front * share;
    cut.end_s -= back * share;
  }
  return std::max(0.0, excess - available * share);
}

double grow(std::vector<WorkCut>& cuts, double missing, std::span<const SpanWish> avoid,
            std::span<const EditSource> sources, double max_piece_s, double handle_s, bool inside_shot) {
  // Twice: what one cannot take, others may.
  for (int round = 0; round < 3 && missing > kEnough; ++round) {
    double room = 0;
    std::vector<double> take(cuts.size(), 0);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      if (cuts[i].locked) continue;
      Bounds b = room_of(cuts[i], cuts, avoid, sources, handle_s, inside_shot);
      double free = std::max(0.0, (b.high_s - b.low_s) - cuts[i].source_s()) / cuts[i].factor;
      take[i] = std::clamp(max_piece_s - cuts[i].output_s(), 0.0, free);
      room += take[i];
    }
    if (room <= kEnough) break;
    double share = std::min(1.0, missing / room);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      if (take[i] <= 0) continue;
      WorkCut& cut = cuts[i];
      // Asked again: a neighbour may just have grown into the same film.
      Bounds b = room_of(cut, cuts, avoid, sources, handle_s, inside_shot);
      double want = take[i] * share * cut.factor;
      double before = std::max(0.0, cut.start_s - b.low_s), after = std::max(0.0, b.high_s - cut.end_s);
      want = std::min(want, before + after);
      double back = std::min(after, std::max(want / 2, want - before));
      cut.end_s += back;
      cut.start_s -= want - back;
      missing -= want / cut.factor;
    }
  }
  return std::max(0.0, missing);
}

bool free_of_others(const WorkCut& candidate, const std::vector<WorkCut>& cuts,
                    std::span<const SpanWish> avoid) {
  auto clash = [&](const std::string& source, double start, double end) {
    return source == candidate.source && start < candidate.end_s - 1e-3 && candidate.start_s < end - 1e-3;
  };
  for (const WorkCut& cut : cuts)
    if (clash(cut.source, cut.start_s, cut.end_s)) return false;
  for (const SpanWish& span : avoid)
    if (clash(span.source, span.start_s, span.end_s)) return false;
  return true;
}

bool drop_one(std::vector<WorkCut>& cuts) {
  auto least = cuts.end();
  for (auto it = cuts.begin(); it != cuts.end(); ++it)
    if (!it->locked && !it->must && (least == cuts.end() || it->priority < least->priority)) least = it;
  if (least == cuts.end() || cuts.size() < 2) return false;
  cuts.erase(least);
  return true;
}

// Must-have film longer than the whole edit: each keeps its middle, as much as fits.
void trim_musts(std::vector<WorkCut>& cuts, double excess, double min_piece_s) {
  for (WorkCut& cut : cuts)
    if (cut.must && !cut.locked) cut.must_start_s = cut.must_end_s = (cut.must_start_s + cut.must_end_s) / 2;
  trim(cuts, excess, min_piece_s);
}

}  // namespace

double total_output_s(std::span<const WorkCut> cuts) {
  double total = 0;
  for (const WorkCut& cut : cuts) total += cut.output_s();
  return total;
}

Bounds lit_range(const EditSource& source, const Shot& shot) {
  const double frame_s = 1 / std::max(1.0, source.analysis.source.frame_rate.to_double());
  const Bounds whole{shot.start.seconds(), shot.end.seconds()};
  Bounds lit = whole;
  for (const Issue& issue : source.analysis.issues) {
    if (issue.kind != "black") continue;
    if (issue.first_frame <= shot.first_frame && issue.last_frame >= shot.first_frame)
      lit.low_s = whole.low_s + static_cast<double>(issue.last_frame + 1 - shot.first_frame) * frame_s;
    if (issue.first_frame <= shot.last_frame && issue.last_frame >= shot.last_frame)
      lit.high_s = whole.high_s - static_cast<double>(shot.last_frame + 1 - issue.first_frame) * frame_s;
  }
  return lit.low_s < lit.high_s ? lit : whole;
}

Bounds room_of(const WorkCut& cut, const std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid,
               std::span<const EditSource> sources, double handle_s, bool inside_shot) {
  const EditSource* source = find_source(sources, cut.source);
  if (!source) return {cut.start_s, cut.end_s};
  double low = source->media.available.start.seconds(), high = source->media.available.end().seconds();
  double middle = (cut.start_s + cut.end_s) / 2;
  if (inside_shot)
    for (const Shot& shot : source->analysis.shots) {
      double start = shot.start.seconds(), end = shot.end.seconds();
      if (end <= cut.start_s + 1e-6 || start >= cut.end_s - 1e-6) continue;
      // The shots it lies in already; a cut over several is not forced into one.
      const Bounds lit = lit_range(*source, shot);
      if (cut.start_s >= start - 1e-6) low = std::max(low, cut.start_s < lit.low_s ? start : lit.low_s);
      if (cut.end_s <= end + 1e-6) high = std::min(high, cut.end_s > lit.high_s ? end : lit.high_s);
    }
  low = std::max(low + handle_s, cut.low_s);
  high = std::min(high - handle_s, cut.high_s);
  auto keep_off = [&](const std::string& id, double start, double end) {
    if (id != cut.source) return;
    if (end <= middle) low = std::max(low, end);
    if (start >= middle) high = std::min(high, start);
  };
  for (const SpanWish& span : avoid) keep_off(span.source, span.start_s, span.end_s);
  for (const WorkCut& other : cuts)
    if (&other != &cut) keep_off(other.source, other.start_s, other.end_s);
  return {std::min(low, cut.start_s), std::max(high, cut.end_s)};
}

double fit_length(std::vector<WorkCut>& cuts, std::vector<WorkCut> reserve, std::span<const SpanWish> avoid,
                  std::span<const EditSource> sources, const FitOptions& options) {
  if (options.target_s <= 0 || cuts.empty()) return 0;
  double least = std::min(options.min_piece_s, options.target_s);
  // Too long: drop whole pieces while that alone does not make it too short, then trim.
  for (std::size_t guard = cuts.size(); guard-- > 0;) {
    double excess = total_output_s(cuts) - options.target_s;
    if (excess <= kEnough) break;
    double can_trim = 0;
    for (const WorkCut& cut : cuts) {
      Bounds b = smallest(cut, least);
      can_trim += std::max(0.0, cut.source_s() - (b.high_s - b.low_s)) / cut.factor;
    }
    if (can_trim >= excess || options.fixed_count || !drop_one(cuts)) break;
  }
  double excess = total_output_s(cuts) - options.target_s;
  if (excess > kEnough) {
    excess = trim(cuts, excess, least);
    if (excess > kEnough) trim_musts(cuts, excess, std::min(least, 0.2));
    excess = total_output_s(cuts) - options.target_s;
    if (excess > kEnough) trim(cuts, excess, 0.04);
  }
  double missing = options.target_s - total_output_s(cuts);
  if (missing > kEnough)
    missing = grow(cuts, missing, avoid, sources, options.max_piece_s, options.handle_s, true);
  while (missing > kEnough && !options.fixed_count && !reserve.empty()) {
    WorkCut next = reserve.front();
    reserve.erase(reserve.begin());
    if (!free_of_others(next, cuts, avoid)) continue;
    // A new piece may not be shorter than can be seen: then the others give way to it.
    double most = std::max(missing, least) * next.factor;
    if (next.source_s() > most) {
      double middle = (next.start_s + next.end_s) / 2;
      next.start_s = middle - most / 2;
      next.end_s = middle + most / 2;
    }
    if (next.output_s() < std::min(0.2, least)) continue;
    cuts.push_back(std::move(next));
    missing = options.target_s - total_output_s(cuts);
    if (missing < -kEnough) {
      trim(cuts, -missing, least);
      missing = options.target_s - total_output_s(cuts);
    }
    if (missing > kEnough)
      missing = grow(cuts, missing, avoid, sources, options.max_piece_s, options.handle_s, true);
  }
  if (missing > kEnough) missing = grow(cuts, missing, avoid, sources, 1e9, options.handle_s, true);
  if (missing > kEnough) missing = grow(cuts, missing, avoid, sources, 1e9, options.handle_s, false);
  if (missing > kEnough && options.handle_s > 0) missing = grow(cuts, missing, avoid, sources, 1e9, 0, false);
  return options.target_s - total_output_s(cuts);
}

}  // namespace studio
