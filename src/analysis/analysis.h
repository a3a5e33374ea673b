// What watching a clip gives: the judgements, as values. "studio.analysis/1".
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/time.h"

namespace studio {

// A box in fractions of the picture, 0..1, origin top left.
struct Box {
  double x = 0, y = 0, width = 0, height = 0;
  double center_x() const { return x + width / 2; }
  double center_y() const { return y + height / 2; }
};

struct SourceFacts {
  std::string path, sha256;
  double duration_s = 0;
  std::int64_t frames = 0;
  int width = 0, height = 0;  // as displayed
  Rational frame_rate;        // nominal; exact times are in the shots
  bool variable_frame_rate = false;
  bool has_audio = false;
};

enum class TransitionKind { start, cut, dissolve, fade, wipe };
enum class CameraStyle { still, smooth, dynamic, handheld };  // "static" in JSON
enum class MoveKind { pan_left, pan_right, tilt_up, tilt_down, zoom_in, zoom_out, roll_cw, roll_ccw };

struct CameraMove {
  MoveKind kind = MoveKind::pan_left;
  std::int64_t first_frame = 0, last_frame = 0;  // inclusive
  double speed = 0;  // pan/tilt: frame widths per second; zoom: natural log of scale per second; roll:
                     // degrees per second
};

struct CameraJudgement {
  CameraStyle style = CameraStyle::still;
  std::vector<CameraMove> moves;
  double steadiness = 1;  // 0..1
  double motion = 0;      // mean camera speed, frame widths per second
};

struct CompositionJudgement {
  double score = 0;  // 0..1, all scores here likewise
  double rule_of_thirds = 0, power_points = 0;
  double balance_horizontal = 0, balance_vertical = 0;
  double symmetry = 0, clutter = 0, exposure = 0, contrast = 0;
  double headroom = 0, lead_room = 0;
  double brightness = 0;  // mean luma 0..1
  Box subject;
  double subject_confidence = 0;
  std::array<double, 3> depth_layers{};     // share of the picture: foreground, midground, background
  std::vector<std::array<int, 3>> palette;  // up to 5 RGB colours, most common first
  std::vector<double> palette_share;
};

struct CoherenceJudgement {
  double score = 1;
  double ssim = 1, color_stability = 1, motion_smoothness = 1;
  double flicker = 0;         // amplitude of oscillating brightness, 0..1
  double vbench_flicker = 1;  // VBench temporal flickering: (255 - mean abs difference) / 255
};

struct Shot {
  std::string id;                                // "shot1", ...
  std::int64_t first_frame = 0, last_frame = 0;  // inclusive
  Time start, end;                               // of first_frame; end is the presentation end of last_frame
  TransitionKind transition = TransitionKind::start;
  std::int64_t transition_frames = 0;  // length of the transition it begins with, 0 for a cut
  double confidence = 1;
  std::int64_t keyframe = 0;
  double sharpness = 0;        // 0..1 within the clip
  double motion = 0;           // subject and camera together, frame widths per second
  double subject_motion = 0;   // what remains after the camera is taken out
  double loudness_lufs = -70;  // of the sound under it
  CameraJudgement camera;
  CompositionJudgement composition;
  CoherenceJudgement coherence;
};

// kind: flicker, jump, freeze, black, duplicate, dropped, blur, dark, overexposed, silence, clipping, ...
struct Issue {
  std::string kind;
  std::int64_t first_frame = 0, last_frame = 0;
  double severity = 0;  // 0..1
  std::string message, suggestion;
};

struct AudioJudgement {
  double integrated_lufs = -70, loudness_range_lu = 0, true_peak_dbtp = -99;
  double tempo_bpm = 0;          // 0: none found
  double speech = 0, music = 0;  // likelihood 0..1
  std::vector<double> beats_s, onsets_s;
  struct Span {
    double start_s = 0, end_s = 0;
  };
  std::vector<Span> silences;
  std::vector<Span> speech_spans;
  std::vector<float> loudness_curve;   // momentary LUFS every 100 ms
  double start_s = 0, duration_s = 0;  // of the audio stream
};

// Small per-frame curves that reports and planners need; one value a frame.
struct Curves {
  std::vector<double> time_s;               // presentation time of each frame
  std::vector<float> brightness;            // 0..1
  std::vector<float> difference;            // HSV difference to the previous frame, 0..255
  std::vector<float> motion;                // frame widths per second
  std::vector<float> sharpness;             // 0..1
  std::vector<float> subject_x, subject_y;  // centre of the subject, 0..1
};

struct Insight {
  std::string kind;  // "strength", "weakness", "recommendation"
  std::string text, evidence;
};

struct Analysis {
  SourceFacts source;
  std::vector<Shot> shots;
  std::vector<Issue> issues;
  std::optional<AudioJudgement> audio;
  Curves curves;
  std::vector<Insight> insights;
  double score = 0;  // overall 0..1
  bool from_cache = false;
  double seconds = 0;  // wall time it took
};

enum class ShotDetector { best, content, adaptive };

struct AnalysisOptions {
  bool shots = true, composition = true, camera = true, coherence = true, audio = true;  // --only
  int every = 0;  // composition is judged on each n-th frame; 0: about two a second
  bool use_cache = true;
  ShotDetector detector = ShotDetector::best;
  double threshold = 0;     // of the detector; 0: its default
  double min_shot_s = 0.3;  // shorter shots join their neighbour
  int threads = 0;          // 0: all
};

// Watches a file once. Errors: not_found, invalid_input (unreadable, truncated to nothing),
// unsupported (no picture), limit_exceeded (over the stated picture size), interrupted.
Result<Analysis> analyze(const Path& video, const AnalysisOptions& options = {}, const Job& job = {});

std::string_view name_of(TransitionKind kind);
std::string_view name_of(CameraStyle style);
std::string_view name_of(MoveKind kind);

// "studio.analysis/1". Curves are written when `with_curves`.
Json to_json(const Analysis& analysis, bool with_curves = false);
Json to_json(const Issue& issue);

}  // namespace studio
