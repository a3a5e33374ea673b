// What a new view is: another place, not another light or another camera position.
#include "analysis/view_match.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "analysis/moving_picture.h"

namespace studio {
namespace {

WorkingPicture seen(const moving::Still& still, double x, double y, double zoom = 1, double gain = 1,
                    double offset = 0) {
  WorkingPicture picture;
  picture.width = 176;
  picture.height = 99;
  picture.luma.resize(static_cast<std::size_t>(picture.width) * picture.height);
  for (int row = 0; row < picture.height; ++row)
    for (int column = 0; column < picture.width; ++column) {
      const double value = still.at(x + (column - 88) * zoom, y + (row - 49) * zoom) * gain + offset;
      picture.luma[static_cast<std::size_t>(row) * picture.width + column] =
          static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
    }
  return picture;
}

float unmatched(const WorkingPicture& before, const WorkingPicture& after) {
  ViewMatcher matcher;
  EXPECT_EQ(matcher.follow(before).unmatched, 0);
  const ViewMatch match = matcher.follow(after);
  EXPECT_GT(match.textured, 0.3);
  return match.unmatched;
}

TEST(ViewMatch, ACameraThatMovesShowsTheSameView) {
  const moving::Still still(3);
  const auto before = seen(still, 500, 500);
  EXPECT_LT(unmatched(before, before), 0.01);
  EXPECT_LT(unmatched(before, seen(still, 508, 495)), 0.4);  // what leaves and enters at the borders counts
  EXPECT_LT(unmatched(before, seen(still, 500, 500, 0.97)), 0.2);
}

TEST(ViewMatch, AnotherLightShowsTheSameView) {
  const moving::Still still(3);
  EXPECT_LT(unmatched(seen(still, 500, 500, 1, 0.5), seen(still, 500, 500, 1, 0.9)), 0.15);
  EXPECT_LT(unmatched(seen(still, 500, 500, 1, 0.5, 20), seen(still, 500, 500, 1, 0.5, 90)), 0.15);
}

TEST(ViewMatch, AnotherPlaceOrACloserViewOfThePlaceIsNew) {
  const moving::Still still(3);
  const auto before = seen(still, 500, 500);
  EXPECT_GT(unmatched(before, seen(still, 1100, 900)), 0.6);
  EXPECT_GT(unmatched(before, seen(still, 500, 500, 0.5)), 0.5);
}

TEST(ViewMatch, NothingIsComparedAcrossSizesOrInFlatPictures) {
  const moving::Still still(3);
  ViewMatcher matcher;
  matcher.follow(seen(still, 500, 500));
  WorkingPicture flat;
  flat.width = 160;
  flat.height = 90;
  flat.luma.assign(160UL * 90, 90);
  EXPECT_EQ(matcher.follow(flat).unmatched, 0);
  EXPECT_EQ(matcher.follow(flat).unmatched, 0);
  EXPECT_EQ(matcher.follow(flat).textured, 0);
}

}  // namespace
}  // namespace studio
