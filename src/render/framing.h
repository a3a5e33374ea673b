// Where the source lands in its cell, and where the cell stands on the canvas, at any time.
#pragma once

#include <optional>
#include <string>

#include "render/effect_registry.h"

namespace studio {

// Part of the source and the box of the cell that it fills.
struct Fit {
  Window crop;                              // source pixels
  int x = 0, y = 0, width = 0, height = 0;  // cell pixels
  bool blurred_bars = false;                // else black
};

Fit contain(int source_width, int source_height, int cell_width, int cell_height, bool blurred_bars = false);
// Fills the cell; (x, y) is the point of the source to keep in the middle as far as its edges allow,
// zoom >= 1 takes a smaller window.
Fit cover(int source_width, int source_height, int cell_width, int cell_height, double x, double y,
          double zoom = 1);
Fit stretch(int source_width, int source_height, int cell_width, int cell_height);

// What a fit or reframe effect asks for at `at`.
Fit fit_at(const EffectValues& values, std::string_view effect_id, int source_width, int source_height,
           int cell_width, int cell_height, Time at);

// Where a cell stands on the canvas, edges between pixels when it moves.
struct Place {
  double x = 0, y = 0, width = 0, height = 0;
  double opacity = 1;
  double border = 0;  // pixels
  Rgba border_color;
};

Place place_at(const EffectValues& values, std::string_view effect_id, const EffectStage& stage,
               double cell_aspect, Time at);

}  // namespace studio
