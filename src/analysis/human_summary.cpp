// The analysis in a screenful of aligned text.
#include <algorithm>

#include <fmt/format.h>

#include "analysis/report.h"
#include "analysis/report_parts.h"

namespace studio {
namespace {

std::string bar(double score, int width = 10) {
  const int full = std::clamp(static_cast<int>(score * width + 0.5), 0, width);
  return std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), '.');
}

// The first clip frame's time: clocks are shown from the clip's start.
Time origin_of(const Analysis& a) {
  return a.shots.empty() ? Time{} : a.shots.front().start;
}

}  // namespace

std::string camera_words(const CameraJudgement& camera) {
  std::string words;
  std::vector<MoveKind> told;
  for (const CameraMove& move : camera.moves) {
    if (std::ranges::find(told, move.kind) != told.end()) continue;
    told.push_back(move.kind);
    std::string name(name_of(move.kind));
    std::ranges::replace(name, '_', ' ');
    words += (words.empty() ? "" : ", ") + name;
  }
  const std::string style(name_of(camera.style));
  return words.empty() ? style : style + ": " + words;
}

std::string human_summary(const Analysis& a, int most_shots) {
  const SourceFacts& s = a.source;
  std::string out = fmt::format(
      "{}\n  {} x {}, {:.2f} fps{}, {} frames, {}, {}{}\n\n", s.path, s.width, s.height,
      s.frame_rate.positive() ? s.frame_rate.to_double() : 0.0, s.variable_frame_rate ? " (variable)" : "",
      s.frames, to_clock(Time::from_seconds(s.duration_s)), s.has_audio ? "with sound" : "no sound",
      a.from_cache ? " (features from the cache)" : "");
  const double composition = report::mean_over_time(a, [](const Shot& x) { return x.composition.score; });
  const double coherence = report::mean_over_time(a, [](const Shot& x) { return x.coherence.score; });
  const double steadiness = report::mean_over_time(a, [](const Shot& x) { return x.camera.steadiness; });
  out += fmt::format(
      "  score        {:.2f} {}\n  composition  {:.2f} {}\n  coherence    {:.2f} {}\n  steadiness   {:.2f} "
      "{}\n\n",
      a.score, bar(a.score), composition, bar(composition), coherence, bar(coherence), steadiness,
      bar(steadiness));

  if (!a.shots.empty()) {
    out += fmt::format("  {:<8} {:>13} {:>10} {:>8}  {:<9} {:>6} {:>5} {:>5}  {}\n", "shot", "frames", "from",
                       "seconds", "begins", "motion", "comp", "coh", "camera");
    const Time origin = origin_of(a);
    const auto count = static_cast<int>(a.shots.size());
    for (int i = 0; i < count; ++i) {
      // Of many shots the first and last ones are shown.
      if (count > most_shots && i == most_shots - 3) {
        const int skipped = count - most_shots + 1;
        out += fmt::format("  ... {} more shots\n", skipped);
        i += skipped;
      }
      const Shot& shot = a.shots[static_cast<std::size_t>(i)];
      out +=
          fmt::format("  {:<8} {:>13} {:>10} {:>8.2f}  {:<9} {:>6.2f} {:>5.2f} {:>5.2f}  {}\n", shot.id,
                      fmt::format("{}-{}", shot.first_frame, shot.last_frame), to_clock(shot.start - origin),
                      (shot.end - shot.start).seconds(), name_of(shot.transition), shot.motion,
                      shot.composition.score, shot.coherence.score, camera_words(shot.camera));
    }
    out += "\n";
  }

  if (a.issues.empty()) {
    out += "  issues       none found\n";
  } else {
    out += fmt::format("  issues       {}\n", a.issues.size());
    std::vector<const Issue*> order;
    for (const Issue& issue : a.issues) order.push_back(&issue);
    std::ranges::stable_sort(order, std::greater{}, [](const Issue* i) { return i->severity; });
    for (std::size_t i = 0; i < order.size() && i < 10; ++i)
      out += fmt::format("    {:<12} {:>13}  {:.2f}  {}\n", order[i]->kind,
                         fmt::format("{}-{}", order[i]->first_frame, order[i]->last_frame),
                         order[i]->severity, order[i]->message);
    if (order.size() > 10) out += fmt::format("    ... {} less severe ones\n", order.size() - 10);
  }
  if (a.audio) {
    const AudioJudgement& sound = *a.audio;
    out += fmt::format(
        "  sound        {:.1f} LUFS, range {:.1f} LU, peak {:.1f} dBTP, {}, speech {:.2f}, music {:.2f}\n",
        sound.integrated_lufs, sound.loudness_range_lu, sound.true_peak_dbtp,
        sound.tempo_bpm > 0 ? fmt::format("{:.0f} bpm", sound.tempo_bpm) : std::string("no beat"),
        sound.speech, sound.music);
  }
  for (const auto& [kind, title, mark] :
       {std::tuple{"strength", "good for", '+'}, std::tuple{"weakness", "hurts", '-'},
        std::tuple{"recommendation", "do", '>'}}) {
    bool any = false;
    for (const Insight& insight : a.insights) {
      if (insight.kind != kind) continue;
      if (!any) out += fmt::format("\n  {}\n", title);
      any = true;
      out += fmt::format("    {} {}\n        {}\n", mark, insight.text, insight.evidence);
    }
  }
  return out;
}

}  // namespace studio
