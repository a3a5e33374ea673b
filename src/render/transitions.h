// From one picture to the next: crossfade and the xfade family, on pictures of the same format.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "render/raster.h"

namespace studio {

// One transition, prepared. Needs no state between frames, so any frame can be asked for.
class PictureTransition {
 public:
  // kind: one of transition_catalog(). Errors: not_found (with the known ones).
  static Result<PictureTransition> create(const std::string& kind, int width, int height);
  PictureTransition(PictureTransition&&) noexcept;
  PictureTransition& operator=(PictureTransition&&) noexcept;
  ~PictureTransition();

  // progress 0: all `from`, 1: all `to`. `out` may be `from` (in place) for simple kinds only;
  // give a third picture. All three have the same format.
  void apply(const RasterView& from, const RasterView& to, const RasterView& out, double progress) const;

 private:
  struct Kind;
  explicit PictureTransition(std::unique_ptr<Kind> kind);
  std::unique_ptr<Kind> kind_;
};

}  // namespace studio
