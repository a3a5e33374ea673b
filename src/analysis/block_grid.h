// Comparing frames by their block means: how far apart, how alike in structure, how far shifted.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "analysis/features.h"

namespace studio {

// The picture area that ever shows anything: black bars of a letterbox are the same in every shot and would
// make all shots alike, and so would the blocks that a bar's edge runs through: they are left out too.
struct ActiveArea {
  int left = 0, right = kLumaColumns, top = 0, bottom = kLumaRows;  // on the luma grid, half open
  int blocks() const { return (right - left) * (bottom - top); }
  // The cells of the chroma grid (2 x 2 luma blocks) that lie inside altogether.
  int cell_left() const { return (left + 1) / 2; }
  int cell_right() const { return right / 2; }
  int cell_top() const { return (top + 1) / 2; }
  int cell_bottom() const { return bottom / 2; }
  int cells() const { return (cell_right() - cell_left()) * (cell_bottom() - cell_top()); }
};
ActiveArea active_area(std::span<const FrameFeatures> frames);

// Block means as numbers that can be mixed and moved: luma on the fine grid, chroma on the coarse one.
struct Canvas {
  std::array<float, kLumaColumns * kLumaRows> luma{};
  std::array<float, kChromaColumns * kChromaRows> cb{}, cr{};
};
Canvas canvas_of(const FrameFeatures& frame);
// The content moved by dx columns and dy rows of the luma grid; what comes in repeats the border.
Canvas moved(const Canvas& canvas, float dx, float dy);
Canvas mixed(const Canvas& a, const Canvas& b, float share_of_b);

// Of each cell of the chroma grid: the least-squares share of the second picture in a third, from four
// luma blocks and two chroma means; what that leaves unexplained; how far the two are apart there.
struct CellMix {
  std::array<float, kChromaColumns * kChromaRows> share{}, residual{}, apart{};
};

class BlockGrid {
 public:
  explicit BlockGrid(ActiveArea area) : area_(area) {}
  const ActiveArea& area() const { return area_; }

  // Mean absolute difference of luma plus half of both chroma, in 8-bit steps.
  float distance(const FrameFeatures& a, const FrameFeatures& b) const;
  float distance(const Canvas& a, const Canvas& b) const;
  // The same, but each block may find its like up to `reach` (4 at most) blocks away: small for pictures of
  // the same scene after some camera or subject motion. Luma only.
  float tolerant_distance(const FrameFeatures& a, const FrameFeatures& b, int reach) const;
  // -1..1: correlation of the gradients, blind to gain and offset: near 1 when only the light
  // changed, near 0 between different pictures. 0 when either picture is flat.
  float structure(const FrameFeatures& a, const FrameFeatures& b) const;
  // Least mean luma distance over whole shifts up to `reach` blocks, with the shift.
  struct Shift {
    int dx = 0, dy = 0;
    float distance = 0, unshifted = 0;
  };
  Shift best_shift(const FrameFeatures& a, const FrameFeatures& b, int reach_x, int reach_y) const;
  void mix(const Canvas& a, const Canvas& b, const Canvas& here, CellMix& out) const;
  // Standard deviation and mean of the luma blocks.
  float deviation(const FrameFeatures& frame) const;
  float mean(const FrameFeatures& frame) const;

 private:
  ActiveArea area_;
};

}  // namespace studio
