// How much of a picture was not to be seen in the picture before: what tells a new view from a moved one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "analysis/working_picture.h"

namespace studio {

struct ViewMatch {
  // 0..1: weighted share of the textured blocks of either picture without a like block in the other, up to
  // a tenth of a width away. Blind to gain and offset of the light. 0 on a first picture.
  float unmatched = 0;
  // 0..1: how much of the picture had texture to be compared.
  float textured = 0;
};

// Block matching between neighbours of one clip, on locally normalised luma of about 90 pixels width.
// A block that is found where it was, or where its neighbour went, costs next to nothing; only what is new
// is searched for. Feed all pictures in order. Not thread-safe.
class ViewMatcher {
 public:
  // `same`: known to equal the picture before, pixel for pixel.
  ViewMatch follow(const WorkingPicture& picture, bool same = false);

 private:
  struct Relief {  // luma without its local mean and contrast, 128 +- 127
    int width = 0, height = 0;
    std::vector<std::uint8_t> pixels;
  };
  void reduce(const WorkingPicture& picture);
  void normalise(Relief& out);

  Relief before_, now_;
  int width_ = 0, height_ = 0;
  std::vector<std::uint8_t> half_;
  std::vector<std::uint32_t> sums_, squares_;
};

}  // namespace studio
