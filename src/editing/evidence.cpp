// The table of shots: measurements brought to one scale over all sources.
#include "editing/evidence.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace studio {
namespace {

double unit(double value) {
  return std::clamp(std::isfinite(value) ? value : 0.0, 0.0, 1.0);
}

// Share of the shot that is not black, frozen or blurred beyond use.
double usable_share(const Shot& shot, const std::vector<Issue>& issues) {
  double frames = static_cast<double>(shot.last_frame - shot.first_frame + 1);
  if (frames <= 0) return 0;
  double lost = 0;
  for (const Issue& issue : issues) {
    if (issue.kind != "black" && issue.kind != "freeze") continue;
    auto first = std::max(issue.first_frame, shot.first_frame);
    auto last = std::min(issue.last_frame, shot.last_frame);
    if (last >= first) lost += static_cast<double>(last - first + 1);
  }
  return unit(1 - lost / frames);
}

std::string camera_word(const Shot& shot) {
  if (shot.camera.moves.empty()) return std::string(name_of(shot.camera.style));
  auto longest = std::ranges::max_element(
      shot.camera.moves, {}, [](const CameraMove& move) { return move.last_frame - move.first_frame; });
  return std::string(name_of(longest->kind));
}

}  // namespace

EditSource edit_source(std::string id, Analysis analysis) {
  EditSource source;
  source.id = std::move(id);
  const SourceFacts& facts = analysis.source;
  source.media.path = facts.path;
  source.media.sha256 = facts.sha256;
  source.media.available = {Time{}, Time::from_seconds(facts.duration_s)};
  if (!analysis.shots.empty())
    source.media.available = TimeRange::between(analysis.shots.front().start, analysis.shots.back().end);
  source.media.frame_rate = facts.frame_rate;
  source.media.width = facts.width;
  source.media.height = facts.height;
  source.media.has_video = true;
  source.media.has_audio = facts.has_audio;
  source.analysis = std::move(analysis);
  return source;
}

std::vector<PlanSource> plan_sources(std::span<const EditSource> sources) {
  std::vector<PlanSource> out;
  for (const EditSource& source : sources)
    out.push_back({source.id, source.analysis.source.path, source.analysis.source.sha256});
  return out;
}

const EditSource* find_source(std::span<const EditSource> sources, std::string_view id) {
  for (const EditSource& source : sources)
    if (source.id == id) return &source;
  return nullptr;
}

std::vector<ShotRow> evidence_table(std::span<const EditSource> sources) {
  std::vector<ShotRow> rows;
  double most_motion = 0.02;  // widths per second; below this nothing moves
  for (const EditSource& source : sources)
    for (const Shot& shot : source.analysis.shots) most_motion = std::max(most_motion, shot.motion);
  for (const EditSource& source : sources) {
    bool sound = source.analysis.audio.has_value();
    for (const Shot& shot : source.analysis.shots) {
      ShotRow row;
      row.source = source.id;
      row.shot = shot.id;
      row.id = sources.size() > 1 ? source.id + "." + shot.id : shot.id;
      row.index = static_cast<int>(rows.size());
      row.start_s = shot.start.seconds();
      row.end_s = shot.end.seconds();
      row.motion = unit(shot.motion / most_motion);
      row.loudness = sound ? unit((shot.loudness_lufs + 50) / 40) : 0;  // -50 LUFS is a quiet room
      row.sharpness = unit(shot.sharpness);
      row.brightness = unit(shot.composition.brightness);
      row.composition = unit(shot.composition.score);
      row.coherence = unit(shot.coherence.score);
      row.usable = usable_share(shot, source.analysis.issues);
      row.camera = camera_word(shot);
      double wish = 0.34 * row.motion + 0.22 * row.composition + 0.16 * row.sharpness + 0.14 * row.coherence;
      wish += sound ? 0.14 * row.loudness : 0.07;
      row.score = unit(wish * row.usable);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string to_text(const ShotRow& row) {
  return fmt::format("{} | {:.1f} s | motion {:.1f} | {} | bright {:.1f} | loud {:.1f} | score {:.2f}",
                     row.id, row.length_s(), row.motion, row.camera, row.brightness, row.loudness, row.score);
}

std::string to_text(std::span<const ShotRow> rows) {
  std::string out;
  for (const ShotRow& row : rows) out += to_text(row) + "\n";
  return out;
}

}  // namespace studio
