// From the picture's motion to what the camera did: pans, tilts, zooms, rolls, and in which style.
#pragma once

#include <cstdint>
#include <span>

#include "analysis/analysis.h"
#include "analysis/camera_motion.h"

namespace studio {

struct CameraOptions {
  // Slower moves are taken as rest. Pan and tilt in frame widths, zoom in log scale, roll in radians per
  // second.
  double slowest_pan = 0.005, slowest_zoom = 0.012, slowest_roll = 0.012;
  // Moves that cover less are no moves: frame widths, log scale, radians.
  double shortest_pan = 0.008, shortest_zoom = 0.012, shortest_roll = 0.012;
  // Shake above this makes a shot handheld: root mean square away from the smooth path, frame widths.
  double handheld_shake = 0.0011;
  double dynamic_speed = 0.75;        // a move that reaches this is dynamic, widths per second
  double dynamic_acceleration = 1.2;  // ... or a path this restless, widths per second squared (rms)
};

// Judges one shot. `motion[i]` leads into the frame shown at `time_s[i]`; motion[0] (from the shot before)
// is ignored. `first_frame` is the number of the shot's first frame in the clip. Directions are the
// camera's: pan_right moves the picture left, tilt_up moves it down, zoom_in lets it grow, roll_cw (a camera
// turned clockwise) turns it counterclockwise. A move runs from the last frame before the picture
// moves to the frame where it has arrived. Frames of unknown motion are bridged; when most are unknown
// the camera counts as static.
CameraJudgement judge_camera(std::span<const MotionFeatures> motion, std::span<const double> time_s,
                             std::int64_t first_frame, const CameraOptions& options = {});

// Camera speed into each frame, frame widths per second, with zoom and roll as what they move at the
// picture's edge; and the subjects' speed against the background.
std::vector<float> camera_speed(std::span<const MotionFeatures> motion, std::span<const double> time_s);
std::vector<float> subject_speed(std::span<const MotionFeatures> motion, std::span<const double> time_s);

}  // namespace studio
