// Shi-Tomasi corners and pyramidal Lucas-Kanade on small pictures: the points that camera motion is read
// from.
#pragma once

#include <array>
#include <vector>

#include "analysis/image_view.h"

namespace studio {

struct Point2 {
  float x = 0, y = 0;
};

// One level of a pyramid: luma as float, rows without padding.
struct Plane {
  int width = 0, height = 0;
  std::vector<float> pixels;
  const float* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * width; }
  float* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * width; }
};

// The picture at full, half, quarter ... size (5-tap binomial, then every second pixel), level 0 is the
// largest. Stops at a shorter side of about 24 pixels or at kLevels. Buffers are reused from call to call.
class Pyramid {
 public:
  static constexpr int kLevels = 4;
  void build(const GrayView& picture);
  int levels() const { return levels_; }
  const Plane& level(int i) const { return planes_[static_cast<std::size_t>(i)]; }

 private:
  std::array<Plane, kLevels> planes_;
  int levels_ = 0;
  std::vector<float> scratch_;
};

// The part of a picture that is not a letterbox or pillarbox bar.
struct ActiveArea {
  int left = 0, top = 0, right = 0, bottom = 0;  // half-open
};
ActiveArea active_area(const Plane& picture);

// The best corner of each cell of a grid over `area`, where the smaller eigenvalue of the gradient matrix is
// at least `quality` times the picture's best (Shi and Tomasi, 1994). Even weak cells get a voice: what
// matters for the camera is where the corners lie, not how strong they are.
std::vector<Point2> find_corners(const Plane& picture, const ActiveArea& area, int columns, int rows,
                                 float quality);

// Small patches of one picture around its corners, ready to be found again in other pictures
// (inverse compositional Lucas-Kanade: gradients and their matrix are computed once).
class PatchSet {
 public:
  static constexpr int kSide = 12;  // of a patch, at every level
  void take(const Pyramid& picture, const std::vector<Point2>& corners);
  std::size_t size() const { return centers_.size(); }
  // Centre of patch i at level 0.
  Point2 center(std::size_t i) const { return centers_[i]; }

  // Moves `position` (a guess at the centre, level 0) to where the patch lies in `picture`, starting at
  // `first_level`. False when it left the picture, did not settle, or looks different there.
  bool find(std::size_t i, const Pyramid& picture, int first_level, Point2& position) const;

 private:
  struct Patch {
    std::array<float, kSide * kSide> value, gradient_x, gradient_y;
    float inverse_xx = 0, inverse_xy = 0, inverse_yy = 0;
    float deviation = 0;               // standard deviation of `value`
    float offset_x = 0, offset_y = 0;  // of the patch's centre from the scaled corner
    bool usable = false;
  };
  std::vector<Point2> centers_;
  std::vector<Patch> patches_;  // levels_ for each corner
  int levels_ = 0;
};

}  // namespace studio
