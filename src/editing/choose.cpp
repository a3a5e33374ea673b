// Ranks windows of film and picks a varied set of them.
#include "editing/choose.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/plan_cuts.h"

namespace studio {
namespace {

// Mean of a curve over [start, end).
double mean_over(const std::vector<double>& time, const std::vector<float>& curve, double start, double end) {
  auto first = std::ranges::lower_bound(time, start);
  double sum = 0;
  int n = 0;
  for (auto it = first; it != time.end() && *it < end; ++it) {
    auto i = static_cast<std::size_t>(it - time.begin());
    if (i >= curve.size()) break;
    sum += static_cast<double>(curve[i]);
    ++n;
  }
  return n > 0 ? sum / n : 0;
}

double largest_motion(std::span<const EditSource> sources) {
  double most = 0.02;
  for (const EditSource& source : sources)
    for (float m : source.analysis.curves.motion) most = std::max(most, static_cast<double>(m));
  return most;
}

// [start, end) minus the spans to avoid.
std::vector<Bounds> without_avoided(const std::string& source, double start, double end,
                                    std::span<const SpanWish> avoid) {
  std::vector<Bounds> left{{start, end}};
  for (const SpanWish& span : avoid) {
    if (span.source != source) continue;
    std::vector<Bounds> next;
    for (const Bounds& b : left) {
      if (span.end_s <= b.low_s || span.start_s >= b.high_s) {
        next.push_back(b);
        continue;
      }
      if (span.start_s > b.low_s) next.push_back({b.low_s, span.start_s});
      if (span.end_s < b.high_s) next.push_back({span.end_s, b.high_s});
    }
    left = std::move(next);
  }
  return left;
}

double transition_s(const Brief& brief) {
  double longest = 0;
  for (const TransitionWish& wish : brief.transitions)
    if (wish.where == "between") longest = std::max(longest, wish.duration_s);
  return longest;
}

// Frames of a dissolve belong to two shots: a piece starts after them.
double clean_start(const Shot& shot, double frame_rate) {
  double skip = static_cast<double>(shot.transition_frames) / std::max(1.0, frame_rate);
  double start = shot.start.seconds(), length = shot.end.seconds() - start;
  return start + std::min(skip, length / 3);
}

std::string why(const ShotRow& row, double local_motion) {
  if (row.motion > 0.66 && local_motion > 0.4) return "the liveliest moment of " + row.id;
  if (row.loudness > 0.75) return "the sound is strong in " + row.id;
  if (row.composition > 0.6) return "well composed: " + row.id;
  if (row.motion < 0.2) return "a calm moment of " + row.id;
  return "good material in " + row.id;
}

constexpr double kStumble = 0.8;   // in the units of ShotRow::score
constexpr double kShortest = 0.6;  // of the piece's length

}  // namespace

std::uint64_t Dice::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

double ramp_mean(double to) {
  CutView unit;
  unit.end_s = 1;
  unit.ramp = ramp_keys(to, 1);
  return 1 / unit.played_s();
}

std::vector<std::pair<double, double>> ramp_keys(double to, double length_s) {
  return {{0, 1}, {0.25 * length_s, 1}, {0.45 * length_s, to}, {0.6 * length_s, to}, {0.8 * length_s, 1}};
}

double target_length_s(const Brief& brief, std::span<const EditSource> sources) {
  if (brief.length) return brief.length->target_s;
  if (brief.whole) return 0;
  double film = 0;
  for (const EditSource& source : sources) film += source.analysis.source.duration_s;
  for (const SpanWish& span : brief.avoid) film -= span.end_s - span.start_s;
  double factor = 1;
  for (const SpeedWish& wish : brief.speeds)
    if (wish.kind == "factor" && !wish.span && !wish.first_s && !wish.last_s) factor = wish.factor;
  return std::clamp(0.5 * film / factor, std::min(1.0, film / factor), 15.0);
}

Rhythm rhythm_of(const Brief& brief, double target_s) {
  Rhythm rhythm;
  double length = target_s > 0 ? target_s : 60;
  switch (brief.pace) {
    case Pace::fast:
      rhythm.piece_s = 1.3;
      rhythm.max_piece_s = 1.9;
      break;
    case Pace::slow: rhythm.piece_s = 6; break;
    case Pace::medium:
      rhythm.piece_s = 2.8;
      rhythm.max_piece_s = 3.9;
      break;
    case Pace::automatic: rhythm.piece_s = std::clamp(length / 6, 1.6, 4.0); break;
  }
  if (brief.pace == Pace::slow) rhythm.min_piece_s = std::min(2.5, length / 2);
  if (brief.cuts_per_minute) {
    rhythm.piece_s = std::clamp(60 / *brief.cuts_per_minute, 0.2, 600.0);
    rhythm.pieces = std::max(1, static_cast<int>(std::lround(length / rhythm.piece_s)));
    rhythm.max_piece_s = rhythm.piece_s * 1.3;
  }
  if (brief.clips) {
    rhythm.pieces = *brief.clips;
    rhythm.piece_s = length / rhythm.pieces;
    rhythm.max_piece_s = 1e9;
  }
  if (brief.no_cuts) {
    rhythm.pieces = 1;
    rhythm.piece_s = length;
    rhythm.max_piece_s = 1e9;
  }
  rhythm.min_piece_s = std::min({rhythm.min_piece_s, rhythm.piece_s * 0.6, length});
  return rhythm;
}

std::vector<WorkCut> candidate_windows(const Brief& brief, std::span<const EditSource> sources,
                                       const Preference& preference, const Rhythm& rhythm,
                                       std::uint64_t seed) {
  std::vector<WorkCut> windows;
  Dice dice(seed);
  double handle = std::max(transition_s(brief) / 2, preference.handle_s),
         most_motion = largest_motion(sources);
  double factor = 1;
  for (const SpeedWish& wish : brief.speeds)
    if (wish.kind == "factor" && !wish.span && !wish.first_s && !wish.last_s) factor = wish.factor;
  auto rows = evidence_table(sources);
  for (const ShotRow& row : rows) {
    const EditSource* source = find_source(sources, row.source);
    const Shot* shot = nullptr;
    for (const Shot& s : source->analysis.shots)
      if (s.id == row.shot) shot = &s;
    if (!shot) continue;
    const Bounds lit = lit_range(*source, *shot);
    double start = std::max(lit.low_s, clean_start(*shot, source->analysis.source.frame_rate.to_double()));
    double end = std::min(row.end_s, lit.high_s);
    if (end <= start) continue;
    for (const Bounds& b : without_avoided(row.source, start, end, brief.avoid)) {
      double low = b.low_s, high = b.high_s;
      if (high - low > 4 * handle) low += handle, high -= handle;
      double length = high - low, want = rhythm.piece_s * factor;
      if (length < 0.12) continue;
      int count = std::clamp(static_cast<int>(std::floor(length / want + 0.4)), 1, 200);
      for (int k = 0; k < count; ++k) {
        WorkCut cut;
        cut.source = row.source;
        cut.shot = row.shot;
        cut.factor = factor;
        double part = length / count, middle = low + part * (k + 0.5);
        double half = std::min(part, want) / 2;
        cut.start_s = std::max(low, middle - half);
        cut.end_s = std::min(high, middle + half);
        const Curves& curves = source->analysis.curves;
        double local = mean_over(curves.time_s, curves.motion, cut.start_s, cut.end_s) / most_motion;
        double sharp = curves.sharpness.empty()
                           ? row.sharpness
                           : mean_over(curves.time_s, curves.sharpness, cut.start_s, cut.end_s);
        double bright = curves.brightness.empty()
                            ? row.brightness
                            : mean_over(curves.time_s, curves.brightness, cut.start_s, cut.end_s);
        double calm_wish = brief.pace == Pace::slow ? -0.15 : 0.25;
        cut.priority = row.score + calm_wish * local + 0.1 * sharp + 0.02 * dice.unit();
        if (bright < 0.04) cut.priority -= 0.6;  // black, or as good as
        // A shot far shorter than the rhythm asks for is a stumble in it.
        cut.priority -= kStumble * std::max(0.0, 1 - cut.source_s() / (kShortest * want));
        cut.priority *= std::max(0.1, row.usable);
        if (auto bonus = preference.bonus.find(row.id); bonus != preference.bonus.end())
          cut.priority += bonus->second;
        cut.reason = why(row, local);
        if (auto reason = preference.reason.find(row.id); reason != preference.reason.end())
          cut.reason = reason->second;
        cut.evidence = {
            fmt::format("{}: motion {:.2f}, loudness {:.2f}, composition {:.2f}, sharpness {:.2f}", row.id,
                        row.motion, row.loudness, row.composition, row.sharpness)};
        cut.origin = preference.origin;
        windows.push_back(std::move(cut));
      }
    }
  }
  std::ranges::stable_sort(windows, std::ranges::greater{}, &WorkCut::priority);
  return windows;
}

namespace {

// All film that is not to be left out; split at shots when shots must be told apart.
std::vector<WorkCut> all_film(const Brief& brief, std::span<const EditSource> sources, double factor) {
  double overlap = transition_s(brief);
  bool between = overlap > 0;
  bool by_shots = between || brief.order == Order::reversed || brief.order == Order::shuffled ||
                  brief.order == Order::as_listed || brief.opening || brief.ending ||
                  !brief.sequences.empty();
  std::vector<WorkCut> cuts;
  for (const EditSource& source : sources) {
    std::vector<Bounds> ranges;
    if (by_shots)
      for (const Shot& shot : source.analysis.shots)
        ranges.push_back({shot.start.seconds(), shot.end.seconds()});
    else
      ranges.push_back({source.media.available.start.seconds(), source.media.available.end().seconds()});
    for (const Bounds& range : ranges)
      for (const Bounds& b : without_avoided(source.id, range.low_s, range.high_s, brief.avoid)) {
        if (b.high_s - b.low_s < 0.08) continue;
        WorkCut cut;
        cut.source = source.id;
        cut.start_s = b.low_s;
        cut.end_s = b.high_s;
        cut.factor = factor;
        cut.priority = 0.5;
        cut.reason = brief.avoid.empty() ? "the goal leaves nothing out" : "what the goal does not leave out";
        cut.origin = "rules";
        for (const Shot& shot : source.analysis.shots)
          if (by_shots && shot.start.seconds() <= b.low_s + 1e-6 && shot.end.seconds() >= b.high_s - 1e-6)
            cut.shot = shot.id;
        cuts.push_back(std::move(cut));
      }
  }
  // A crossfade needs film beyond both sides of the cut: half of it is given by each piece.
  if (between)
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      double give = std::min(overlap / 2, cuts[i].source_s() / 4);
      if (i > 0) cuts[i].start_s += give;
      if (i + 1 < cuts.size()) cuts[i].end_s -= give;
    }
  return cuts;
}

// One continuous piece: where the motion is (or is not), around what must be in it.
std::vector<WorkCut> one_take(const Brief& brief, std::span<const EditSource> sources,
                              const std::vector<WorkCut>& windows, double target_s) {
  if (windows.empty()) return {};
  WorkCut cut = windows.front();
  const SpanWish* must = brief.opening         ? &*brief.opening
                         : !brief.keep.empty() ? &brief.keep.front()
                         : brief.ending        ? &*brief.ending
                                               : nullptr;
  if (must) {
    cut.source = must->source;
    cut.shot = must->shot;
    cut.start_s = must->start_s;
    cut.end_s = must->end_s;
  }
  double want = target_s * cut.factor;
  std::vector<WorkCut> cuts{cut};
  if (cut.source_s() > want && !must) {
    double middle = (cut.start_s + cut.end_s) / 2;
    cuts[0].start_s = middle - want / 2;
    cuts[0].end_s = middle + want / 2;
  }
  static_cast<void>(sources);
  return cuts;
}

}  // namespace

std::vector<WorkCut> choose_cuts(const Brief& brief, std::span<const EditSource> sources,
                                 const Preference& preference, std::uint64_t seed) {
  double factor = 1;
  for (const SpeedWish& wish : brief.speeds)
    if (wish.kind == "factor" && !wish.span && !wish.first_s && !wish.last_s) factor = wish.factor;
  if (brief.whole) return all_film(brief, sources, factor);
  double target = target_length_s(brief, sources);
  Rhythm rhythm = rhythm_of(brief, target);
  auto windows = candidate_windows(brief, sources, preference, rhythm, seed);
  if (brief.no_cuts) return one_take(brief, sources, windows, target);
  double film = 0;
  for (const EditSource& source : sources) film += source.analysis.source.duration_s;
  for (const SpanWish& span : brief.avoid) film -= span.end_s - span.start_s;
  // Nearly all of the film is wanted: leave a little out of everything rather than whole moments.
  bool counted = brief.clips || brief.cuts_per_minute || brief.pace != Pace::automatic;
  if (!counted && target * factor > 0.85 * film) return all_film(brief, sources, factor);
  int wanted =
      rhythm.pieces > 0 ? rhythm.pieces : std::max(1, static_cast<int>(std::lround(target / rhythm.piece_s)));
  std::vector<WorkCut> chosen;
  std::map<std::string, int> used;  // by shot
  std::map<std::string, int> used_source;
  while (static_cast<int>(chosen.size()) < wanted && !windows.empty()) {
    std::size_t best = windows.size();
    double best_value = -1e18;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const WorkCut& w = windows[i];
      double value = w.priority - 0.22 * used[w.source + w.shot] - 0.05 * used_source[w.source];
      for (const WorkCut& c : chosen)
        if (c.source == w.source &&
            std::abs((c.start_s + c.end_s) / 2 - (w.start_s + w.end_s) / 2) < 1.6 * rhythm.piece_s)
          value -= 0.18;
      if (brief.every_source && used_source[w.source] == 0) value += 10;
      if (value > best_value) best_value = value, best = i;
    }
    if (best == windows.size()) break;
    ++used[windows[best].source + windows[best].shot];
    ++used_source[windows[best].source];
    chosen.push_back(windows[best]);
    windows.erase(windows.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return chosen;
}

}  // namespace studio
