// How the picture moved from frame to frame: corners, pyramidal Lucas-Kanade, a vote of regions.
#pragma once

#include <cstdint>
#include <memory>

#include "analysis/image_view.h"

namespace studio {

// Motion of the background's *picture* from the frame before to this one (the camera's is the
// opposite: a pan to the right moves the picture left, dx < 0).
struct MotionFeatures {
  float dx = 0, dy = 0;       // of the picture's centre, frame widths per frame, right and down positive
  float log_scale = 0;        // natural log of the growth per frame; > 0: zoom in
  float rotation = 0;         // radians per frame, clockwise on screen positive
  float inlier_share = 0;     // 0..1 of the followed corners that move with the background
  float spread = 0;           // 0..1 of the picture's regions whose corners move with the background
  float border = 0;           // the same for the regions along the picture's border
  float subject_motion = 0;   // mean speed of the other corners against the background, widths per frame
  float subject_share = 0;    // 0..1 of the regions that hold such corners
  float confidence = 0;       // 0..1; 0: unknown (first frame, cut, nothing to follow), motion is then 0
  std::uint16_t corners = 0;  // followed into this frame
  bool anchor = false;        // this frame became the new reference for the following ones
};

struct MotionOptions {
  int max_corners = 96;     // well spread: one bucketed grid cell gives two at most
  double quality = 0.0015;  // of a corner, relative to the best one in the picture
  // A fixed camera is proven by this share of the border's regions at rest, when it is also this many times
  // the share that moves with the largest subject. Captions and a logo in a pan stay below both.
  double zero_vote = 0.3, zero_against_move = 0.6;
};

// Follows one clip, frame after frame. Corners are found on an anchor frame and followed from
// *there* until too few are left, so that errors do not add up: a pan of a hundredth of a width per
// second is measured as well as a fast one. Feed it luma of 160..256 pixels width, area-averaged,
// all frames of one size; display orientation. Not thread-safe; one tracker for each stretch of film.
class MotionTracker {
 public:
  explicit MotionTracker(const MotionOptions& options = {});
  MotionTracker(MotionTracker&&) noexcept;
  MotionTracker& operator=(MotionTracker&&) noexcept;
  ~MotionTracker();

  // The first frame gives confidence 0. `same_as_before`: the caller already knows that this frame's
  // pixels equal the last one's (costs nothing then: motion 0, confidence kept).
  MotionFeatures follow(const GrayView& frame, bool same_as_before = false);
  // Forget everything, as after a cut.
  void restart();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One pair of frames, for tests and single questions.
MotionFeatures estimate_motion(const GrayView& before, const GrayView& after,
                               const MotionOptions& options = {});

}  // namespace studio
