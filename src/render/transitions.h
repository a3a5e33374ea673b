// From one picture to the next: crossfade and the xfade family, on pictures of the same format.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "render/raster.h"

namespace studio {

// One transition, prepared. Needs no state between frames, so any frame can be asked for.
class PictureTransition {
 public:
  // kind: one of transition_catalog(). Errors: not_found (with the known ones).
  static Result<PictureTransition> create(const std::string& kind);

  // progress 0: all `from`, 1: all `to`. Three pictures of the same format; `out` is neither of the others.
  void apply(const RasterView& from, const RasterView& to, const RasterView& out, double progress) const;

  struct Kind;  // transitions.cpp
  static const std::vector<Kind>& kinds();

 private:
  explicit PictureTransition(const Kind& kind);
  const Kind* kind_;
};

}  // namespace studio
