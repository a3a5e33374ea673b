// "studio.analysis/1": the judgements as JSON. The names are fixed; schemas/ holds the schema.
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "analysis/analysis.h"

namespace studio {
namespace {

// JSON knows no infinity, and nobody reads the twelfth digit.
Json number(double value, int digits = 4) {
  if (!std::isfinite(value)) return nullptr;
  const double factor = std::pow(10, digits);
  const double rounded = std::nearbyint(value * factor) / factor;
  return rounded == 0 ? 0.0 : rounded;  // no -0.0
}

template <typename Values>
Json numbers(const Values& values, int digits = 4) {
  Json array = Json::array();
  for (const auto value : values) array.push_back(number(value, digits));
  return array;
}

Json to_json(const Box& box) {
  return {{"x", number(box.x)},
          {"y", number(box.y)},
          {"width", number(box.width)},
          {"height", number(box.height)}};
}

Json to_json(const CameraJudgement& camera) {
  Json moves = Json::array();
  for (const CameraMove& move : camera.moves)
    moves.push_back({{"kind", name_of(move.kind)},
                     {"first_frame", move.first_frame},
                     {"last_frame", move.last_frame},
                     {"speed", number(move.speed, 5)}});
  return {{"style", name_of(camera.style)},
          {"moves", moves},
          {"steadiness", number(camera.steadiness)},
          {"motion", number(camera.motion, 5)}};
}

std::string hex_color(const std::array<int, 3>& rgb) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text = "#";
  for (const int c : rgb) {
    text += digits[(c >> 4) & 15];
    text += digits[c & 15];
  }
  return text;
}

Json to_json(const CompositionJudgement& c) {
  Json palette = Json::array();
  for (std::size_t i = 0; i < c.palette.size(); ++i)
    palette.push_back({{"color", hex_color(c.palette[i])},
                       {"share", number(i < c.palette_share.size() ? c.palette_share[i] : 0)}});
  return {{"score", number(c.score)},
          {"rule_of_thirds", number(c.rule_of_thirds)},
          {"power_points", number(c.power_points)},
          {"balance_horizontal", number(c.balance_horizontal)},
          {"balance_vertical", number(c.balance_vertical)},
          {"symmetry", number(c.symmetry)},
          {"clutter", number(c.clutter)},
          {"exposure", number(c.exposure)},
          {"contrast", number(c.contrast)},
          {"brightness", number(c.brightness)},
          {"headroom", number(c.headroom)},
          {"lead_room", number(c.lead_room)},
          {"subject", to_json(c.subject)},
          {"subject_confidence", number(c.subject_confidence)},
          {"depth_layers",
           {{"foreground", number(c.depth_layers[0])},
            {"midground", number(c.depth_layers[1])},
            {"background", number(c.depth_layers[2])}}},
          {"palette", palette}};
}

Json to_json(const CoherenceJudgement& c) {
  return {{"score", number(c.score)},
          {"ssim", number(c.ssim)},
          {"color_stability", number(c.color_stability)},
          {"motion_smoothness", number(c.motion_smoothness)},
          {"flicker", number(c.flicker, 5)},
          {"vbench_flicker", number(c.vbench_flicker, 5)}};
}

Json to_json(const Shot& shot) {
  return {{"id", shot.id},
          {"first_frame", shot.first_frame},
          {"last_frame", shot.last_frame},
          {"start_s", number(shot.start.seconds(), 6)},
          {"end_s", number(shot.end.seconds(), 6)},
          {"transition", name_of(shot.transition)},
          {"transition_frames", shot.transition_frames},
          {"confidence", number(shot.confidence)},
          {"keyframe", shot.keyframe},
          {"sharpness", number(shot.sharpness)},
          {"motion", number(shot.motion, 5)},
          {"subject_motion", number(shot.subject_motion, 5)},
          {"loudness_lufs", number(shot.loudness_lufs, 2)},
          {"camera", to_json(shot.camera)},
          {"composition", to_json(shot.composition)},
          {"coherence", to_json(shot.coherence)}};
}

Json to_json(const std::vector<AudioJudgement::Span>& spans) {
  Json array = Json::array();
  for (const auto& span : spans)
    array.push_back({{"start_s", number(span.start_s)}, {"end_s", number(span.end_s)}});
  return array;
}

Json to_json(const AudioJudgement& audio, bool with_curves) {
  Json json = {{"start_s", number(audio.start_s, 6)},
               {"duration_s", number(audio.duration_s, 6)},
               {"integrated_lufs", number(audio.integrated_lufs, 2)},
               {"loudness_range_lu", number(audio.loudness_range_lu, 2)},
               {"true_peak_dbtp", number(audio.true_peak_dbtp, 2)},
               {"tempo_bpm", number(audio.tempo_bpm, 2)},
               {"beats_s", numbers(audio.beats_s)},
               {"onsets_s", numbers(audio.onsets_s)},
               {"silences", to_json(audio.silences)},
               {"speech", number(audio.speech)},
               {"music", number(audio.music)},
               {"speech_spans", to_json(audio.speech_spans)}};
  if (with_curves)
    json["loudness_curve"] = {{"step_s", 0.1}, {"momentary_lufs", numbers(audio.loudness_curve, 1)}};
  return json;
}

Json to_json(const Curves& curves) {
  return {{"time_s", numbers(curves.time_s, 6)},         {"brightness", numbers(curves.brightness)},
          {"difference", numbers(curves.difference, 2)}, {"motion", numbers(curves.motion, 5)},
          {"sharpness", numbers(curves.sharpness)},      {"subject_x", numbers(curves.subject_x, 3)},
          {"subject_y", numbers(curves.subject_y, 3)}};
}

Json to_json(const SourceFacts& source) {
  return {{"path", source.path},
          {"sha256", source.sha256},
          {"duration_s", number(source.duration_s, 6)},
          {"frames", source.frames},
          {"width", source.width},
          {"height", source.height},
          {"frame_rate", source.frame_rate.to_string()},
          {"variable_frame_rate", source.variable_frame_rate},
          {"has_audio", source.has_audio}};
}

}  // namespace

std::string_view name_of(TransitionKind kind) {
  switch (kind) {
    case TransitionKind::start: return "start";
    case TransitionKind::cut: return "cut";
    case TransitionKind::dissolve: return "dissolve";
    case TransitionKind::fade: return "fade";
    case TransitionKind::wipe: return "wipe";
  }
  return "cut";
}

std::string_view name_of(CameraStyle style) {
  switch (style) {
    case CameraStyle::still: return "static";
    case CameraStyle::smooth: return "smooth";
    case CameraStyle::dynamic: return "dynamic";
    case CameraStyle::handheld: return "handheld";
  }
  return "static";
}

std::string_view name_of(MoveKind kind) {
  switch (kind) {
    case MoveKind::pan_left: return "pan_left";
    case MoveKind::pan_right: return "pan_right";
    case MoveKind::tilt_up: return "tilt_up";
    case MoveKind::tilt_down: return "tilt_down";
    case MoveKind::zoom_in: return "zoom_in";
    case MoveKind::zoom_out: return "zoom_out";
    case MoveKind::roll_cw: return "roll_cw";
    case MoveKind::roll_ccw: return "roll_ccw";
  }
  return "pan_left";
}

Json to_json(const Issue& issue) {
  return {{"kind", issue.kind},
          {"first_frame", issue.first_frame},
          {"last_frame", issue.last_frame},
          {"severity", number(issue.severity)},
          {"message", issue.message},
          {"suggestion", issue.suggestion}};
}

Json to_json(const Analysis& analysis, bool with_curves) {
  Json shots = Json::array(), issues = Json::array(), insights = Json::array();
  for (const Shot& shot : analysis.shots) shots.push_back(to_json(shot));
  for (const Issue& issue : analysis.issues) issues.push_back(to_json(issue));
  for (const Insight& insight : analysis.insights)
    insights.push_back({{"kind", insight.kind}, {"text", insight.text}, {"evidence", insight.evidence}});
  Json json = {{"schema", "studio.analysis/1"},
               {"source", to_json(analysis.source)},
               {"score", number(analysis.score)},
               {"shots", shots},
               {"issues", issues},
               {"audio", analysis.audio ? to_json(*analysis.audio, with_curves) : Json(nullptr)},
               {"insights", insights},
               {"from_cache", analysis.from_cache},
               {"seconds", number(analysis.seconds)}};
  if (with_curves) json["curves"] = to_json(analysis.curves);
  return json;
}

}  // namespace studio
