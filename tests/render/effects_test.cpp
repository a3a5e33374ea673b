// Effects measured on the pixels they leave behind.
#include "render/effects.h"

#include <gtest/gtest.h>

#include <cmath>

#include "render/render.h"

namespace studio {
namespace {

constexpr int kWidth = 320, kHeight = 180;

const Rational kRate{25, 1};

EffectStage stage(double seconds = 4) {
  return {kWidth, kHeight, kWidth, kHeight, kRate, Time::from_seconds(seconds), false};
}

Time frame(int n) {
  return Time::frames(n, kRate);
}

// A picture in which every place is different: luma is a ramp with a bright square, chroma varies.
Raster test_picture(int width = kWidth, int height = kHeight, int depth = 8) {
  RasterFormat format;
  format.width = width;
  format.height = height;
  format.depth = depth;
  Raster picture(format);
  const RasterView& v = picture.view();
  const int scale = 1 << (depth - 8);
  auto set = [&](const Plane& plane, int x, int y, int value) {
    if (depth <= 8)
      plane.data[y * plane.stride + x] = static_cast<std::uint8_t>(value);
    else
      reinterpret_cast<std::uint16_t*>(plane.data + y * plane.stride)[x] =
          static_cast<std::uint16_t>(value * scale);
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) set(v.y, x, y, 40 + 150 * x / width + 20 * y / height);
  for (int y = 0; y < v.u.height; ++y)
    for (int x = 0; x < v.u.width; ++x) {
      set(v.u, x, y, 90 + 60 * x / v.u.width);
      set(v.v, x, y, 170 - 70 * y / v.u.height);
    }
  return picture;
}

int luma(const Raster& picture, int x, int y) {
  return picture.view().y.data[y * picture.view().y.stride + x];
}

Effect effect(std::string id, std::map<std::string, Parameter> params = {}) {
  return {std::move(id), std::move(params), {}};
}

Raster applied(const Effect& e, int at_frame, Raster picture = test_picture()) {
  auto look = ClipLook::create(std::vector{e}, stage());
  EXPECT_TRUE(look) << look.error().message;
  if (look && look->acts_at(frame(at_frame))) look->apply(picture.view(), frame(at_frame));
  return picture;
}

double mean_luma(const Raster& picture) {
  double sum = 0;
  const Plane& y = picture.view().y;
  for (int row = 0; row < y.height; ++row)
    for (int x = 0; x < y.width; ++x) sum += y.data[row * y.stride + x];
  return sum / (y.width * y.height);
}

bool same(const Raster& a, const Raster& b) {
  const auto pa = a.view().planes(), pb = b.view().planes();
  for (int i = 0; i < 3; ++i)
    for (int y = 0; y < pa[i].height; ++y)
      for (int x = 0; x < pa[i].width; ++x)
        if (pa[i].data[y * pa[i].stride + x] != pb[i].data[y * pb[i].stride + x]) return false;
  return true;
}

TEST(Effects, EveryCatalogEntryCanBeMadeWithItsDefaults) {
  for (const EffectInfo& info : effect_catalog()) {
    if (info.step == "retime" || info.step == "sound") continue;
    auto look = ClipLook::create(std::vector{effect(info.id)}, stage());
    ASSERT_TRUE(look) << info.id << ": " << look.error().message;
    Raster picture = test_picture();
    for (int n : {0, 1, 50, 99})
      if (look->acts_at(frame(n))) look->apply(picture.view(), frame(n));
  }
}

TEST(Effects, EveryEffectWorksOnTenBitPictures) {
  for (const EffectInfo& info : effect_catalog()) {
    if (info.step != "picture") continue;
    auto look = ClipLook::create(std::vector{effect(info.id)}, stage());
    Raster deep = test_picture(kWidth, kHeight, 10), shallow = test_picture();
    for (int n : {0, 30, 99}) {
      if (!look->acts_at(frame(n))) continue;
      look->apply(deep.view(), frame(n));
      look->apply(shallow.view(), frame(n));
    }
    const auto* row = reinterpret_cast<const std::uint16_t*>(deep.view().y.data + 90 * deep.view().y.stride);
    EXPECT_NEAR(row[160] / 4.0, luma(shallow, 160, 90), 2.5) << info.id;
  }
}

TEST(Effects, ZoomPunchEnlargesByItsFactorAroundItsPoint) {
  Raster picture = test_picture();
  // A square of 40x40 whose middle is the point.
  blend_rectangle(picture.view(), 140, 70, 40, 40, {255, 255, 255, 255});
  auto look =
      ClipLook::create(std::vector{effect("zoom_punch", {{"scale", 2.0}, {"attack_s", 0.1}})}, stage());
  ASSERT_TRUE(look);
  look->apply(picture.view(), frame(20));
  int across = 0, down = 0;
  for (int x = 0; x < kWidth; ++x) across += luma(picture, x, 90) > 215;
  for (int y = 0; y < kHeight; ++y) down += luma(picture, 160, y) > 215;
  EXPECT_NEAR(across, 80, 2);
  EXPECT_NEAR(down, 80, 2);
}

TEST(Effects, ZoomPunchActsOnlyInItsFrames) {
  Effect punch = effect("zoom_punch", {{"scale", 1.5}, {"attack_s", 0.0}});
  punch.active = TimeRange{frame(10), frame(5)};
  auto look = ClipLook::create(std::vector{punch}, stage());
  ASSERT_TRUE(look);
  for (int n = 0; n < 100; ++n) EXPECT_EQ(look->acts_at(frame(n)), n >= 10 && n < 15) << n;
}

TEST(Effects, ASteadyWindowDoesNotMoveByWholeSamplesOnly) {
  // A slow zoom moves an edge by less than a sample a frame: its position must follow smoothly.
  auto look = ClipLook::create(std::vector{effect("slow_zoom", {{"scale", 1.2}})}, stage());
  ASSERT_TRUE(look);
  double before = 0, largest_jerk = 0, before_step = 0;
  for (int n = 1; n < 60; ++n) {
    Raster picture = test_picture();
    fill(picture.view(), {0, 0, 0, 255});
    blend_rectangle(picture.view(), 200, 0, 120, kHeight, {255, 255, 255, 255});
    look->apply(picture.view(), frame(n));
    double edge = kWidth;  // sub-pixel place of the edge from the row's mean
    for (int x = 0; x < kWidth; ++x) edge -= (luma(picture, x, 90) - 16) / 219.0;
    if (n > 2) largest_jerk = std::max(largest_jerk, std::abs(edge - before - before_step));
    before_step = edge - before;
    before = edge;
  }
  EXPECT_LT(largest_jerk, 0.08);
}

TEST(Effects, BlackAndWhiteLeavesNoColour) {
  const Raster picture = applied(effect("black_and_white"), 3);
  for (const Plane& plane : {picture.view().u, picture.view().v})
    for (int y = 0; y < plane.height; ++y)
      for (int x = 0; x < plane.width; ++x) ASSERT_EQ(plane.data[y * plane.stride + x], 128);
  EXPECT_EQ(luma(picture, 100, 100), luma(test_picture(), 100, 100));
}

TEST(Effects, FlashIsWhiteOnItsFirstFrameAndGoneAfterItsDecay) {
  Effect flash = effect("flash", {{"decay_s", 0.2}});
  flash.active = TimeRange{frame(10), frame(20)};
  EXPECT_NEAR(mean_luma(applied(flash, 10)), 235, 1);
  EXPECT_GT(mean_luma(applied(flash, 12)), mean_luma(test_picture()) + 20);
  EXPECT_TRUE(same(applied(flash, 9), test_picture()));
  EXPECT_TRUE(same(applied(flash, 16), test_picture()));
}

TEST(Effects, PixelateMakesFlatBlocks) {
  const Raster picture = applied(effect("pixelate", {{"size", 0.1}}), 0);  // 18 lines
  for (int y = 0; y < 18; ++y)
    for (int x = 36; x < 54; ++x) ASSERT_EQ(luma(picture, x, y), luma(picture, 36, 0));
  EXPECT_NE(luma(picture, 36, 0), luma(picture, 90, 0));
}

TEST(Effects, MirrorEqualsTheFlippedPicture) {
  const Raster before = test_picture(), after = applied(effect("mirror"), 0);
  for (int y : {0, 50, 179})
    for (int x = 0; x < kWidth; ++x) ASSERT_EQ(luma(after, x, y), luma(before, kWidth - 1 - x, y));
  const Raster left = applied(effect("mirror", {{"mode", std::string("left")}}), 0);
  for (int x = 0; x < kWidth; ++x) ASSERT_EQ(luma(left, x, 9), luma(before, std::min(x, kWidth - 1 - x), 9));
}

TEST(Effects, VignetteDarkensCornersAndLeavesTheMiddle) {
  const Raster before = test_picture(), after = applied(effect("vignette", {{"strength", 0.8}}), 0);
  EXPECT_EQ(luma(after, 160, 90), luma(before, 160, 90));
  EXPECT_LT(luma(after, 318, 178), luma(before, 318, 178) * 0.5);
}

TEST(Effects, BlurKeepsTheMeanAndTakesAwayEdges) {
  Raster picture = test_picture();
  fill(picture.view(), {0, 0, 0, 255});
  blend_rectangle(picture.view(), 160, 0, 160, kHeight, {255, 255, 255, 255});
  const double mean = mean_luma(picture);
  auto look = ClipLook::create(std::vector{effect("blur", {{"radius", 0.05}})}, stage());
  look->apply(picture.view(), frame(0));
  EXPECT_NEAR(mean_luma(picture), mean, 1.5);
  EXPECT_NEAR(luma(picture, 160, 90), 125, 8);
  // A Gaussian of 9 samples: 16% and 84% lie one standard deviation from the edge.
  EXPECT_NEAR(luma(picture, 151, 90), 16 + 0.16 * 219, 8);
  EXPECT_NEAR(luma(picture, 169, 90), 16 + 0.84 * 219, 8);
}

TEST(Effects, FadesAreBlackAtTheirOuterFrame) {
  EXPECT_NEAR(mean_luma(applied(effect("fade_in", {{"duration_s", 1.0}}), 0)), 16, 0.5);
  EXPECT_TRUE(same(applied(effect("fade_in", {{"duration_s", 1.0}}), 25), test_picture()));
  EXPECT_NEAR(mean_luma(applied(effect("fade_out", {{"duration_s", 1.0}}), 99)), 16, 0.5);
  EXPECT_TRUE(same(applied(effect("fade_out", {{"duration_s", 1.0}}), 74), test_picture()));
}

TEST(Effects, LetterboxBarsHaveTheAskedShape) {
  const Raster picture = applied(effect("letterbox", {{"ratio", 2.0}}), 0);  // 320x160 stays
  EXPECT_EQ(luma(picture, 100, 0), 16);
  EXPECT_EQ(luma(picture, 100, 9), 16);
  EXPECT_EQ(luma(picture, 100, 10), luma(test_picture(), 100, 10));
  EXPECT_EQ(luma(picture, 100, 170), 16);
}

TEST(Effects, ShakeIsReproducibleAndDependsOnItsSeed) {
  const Effect one = effect("shake", {{"seed", 1.0}}), two = effect("shake", {{"seed", 2.0}});
  EXPECT_TRUE(same(applied(one, 7), applied(one, 7)));
  EXPECT_FALSE(same(applied(one, 7), applied(two, 7)));
  EXPECT_FALSE(same(applied(one, 7), applied(one, 9)));
}

TEST(Effects, KeyframesMoveAParameter) {
  const Parameter rising =
      std::vector<Keyframe>{{frame(0), 0.0, Easing::linear}, {frame(10), 1.0, Easing::linear}};
  auto look = ClipLook::create(std::vector{effect("black_and_white", {{"amount", rising}})}, stage());
  EXPECT_FALSE(look->acts_at(frame(0)));
  Raster half = test_picture();
  look->apply(half.view(), frame(5));
  EXPECT_NEAR(half.view().u.data[0], 128 + (90 - 128) * 0.5, 1);
}

TEST(Effects, WrongNamesAndNumbersAreRefusedWithWhatIsKnown) {
  auto unknown = ClipLook::create(std::vector{effect("explode")}, stage());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
  EXPECT_NE(unknown.error().hint.find("zoom_punch"), std::string::npos);
  EXPECT_FALSE(ClipLook::create(std::vector{effect("zoom_punch", {{"scale", 99.0}})}, stage()));
  EXPECT_FALSE(ClipLook::create(std::vector{effect("zoom_punch", {{"scale", std::nan("")}})}, stage()));
  EXPECT_FALSE(ClipLook::create(std::vector{effect("zoom_punch", {{"sclae", 2.0}})}, stage()));
  EXPECT_FALSE(ClipLook::create(std::vector{effect("mirror", {{"mode", std::string("diagonal")}})}, stage()));
  EXPECT_FALSE(ClipLook::create(std::vector{effect("flash", {{"color", std::string("#12")}})}, stage()));
  EXPECT_FALSE(ClipLook::create(std::vector{effect("speed")}, stage()));
}

TEST(Framing, ContainKeepsTheWholePictureWithBars) {
  EffectStage tall = stage();
  tall.width = 180;
  tall.height = 320;
  auto look = ClipLook::create({}, tall);
  const auto& f = look->framing();
  EXPECT_TRUE(f.fixed);
  EXPECT_EQ(f.width, 180);
  EXPECT_NEAR(f.height, 101, 1);
  EXPECT_EQ(f.x, 0);
  EXPECT_NEAR(f.y, 109, 1.5);
}

TEST(Framing, ReframeFollowsTheSubject) {
  EffectStage tall = stage();
  tall.width = 90;
  tall.height = 160;
  const Parameter x =
      std::vector<Keyframe>{{frame(0), 0.25, Easing::linear}, {frame(50), 0.75, Easing::linear}};
  auto look = ClipLook::create(std::vector{effect("reframe", {{"x", x}})}, tall);
  ASSERT_TRUE(look) << look.error().message;
  EXPECT_FALSE(look->framing().fixed);
  Raster source = test_picture();
  fill(source.view(), {0, 0, 0, 255});
  blend_rectangle(source.view(), 74, 0, 12, kHeight, {255, 255, 255, 255});   // at 0.25
  blend_rectangle(source.view(), 234, 0, 12, kHeight, {255, 255, 255, 255});  // at 0.75
  RasterFormat format;
  format.width = 90;
  format.height = 160;
  for (int n : {0, 50}) {
    Raster cell(format);
    look->frame(source.view(), cell.view(), frame(n));
    EXPECT_GT(luma(cell, 45, 80), 200) << n;
    EXPECT_LT(luma(cell, 10, 80), 40) << n;
  }
}

TEST(Placing, PictureInPictureStandsInItsCorner) {
  auto look = ClipLook::create(
      std::vector{effect("picture_in_picture", {{"width", 0.25}, {"margin", 0.1}, {"border", 0.0}})},
      stage());
  ASSERT_TRUE(look);
  EXPECT_FALSE(look->full_canvas(frame(0)));
  EXPECT_EQ(look->framing().cell_width, 80);
  RasterFormat format;
  format.width = look->framing().cell_width;
  format.height = look->framing().cell_height;
  Raster cell(format), canvas = test_picture();
  fill(cell.view(), {255, 255, 255, 255});
  look->compose(cell.view(), canvas.view(), frame(0));
  EXPECT_EQ(luma(canvas, 320 - 18 - 40, 18 + 22), 235);
  EXPECT_EQ(luma(canvas, 320 - 10, 18 + 22), luma(test_picture(), 310, 40));
  EXPECT_EQ(luma(canvas, 100, 40), luma(test_picture(), 100, 40));
}

TEST(Placing, SplitScreenHalvesMeet) {
  Raster canvas = test_picture();
  for (const std::string side : {"left", "right"}) {
    auto look = ClipLook::create(std::vector{effect("split_screen", {{"side", side}})}, stage());
    RasterFormat format;
    format.width = look->framing().cell_width;
    format.height = look->framing().cell_height;
    Raster cell(format);
    fill(cell.view(), side == "left" ? Rgba{255, 255, 255, 255} : Rgba{0, 0, 0, 255});
    look->compose(cell.view(), canvas.view(), frame(0));
  }
  EXPECT_EQ(luma(canvas, 159, 90), 235);
  EXPECT_EQ(luma(canvas, 160, 90), 16);
}

TEST(SoundEffects, VolumeMuteAndFadesAreGains) {
  std::vector<float> samples(48000, 1.0F);
  auto gains =
      SoundEffects::create(std::vector{effect("volume", {{"gain_db", -6.0}})}, Time::from_seconds(1), 48000);
  ASSERT_TRUE(gains);
  gains->apply(samples, 1, 0);
  EXPECT_NEAR(samples[1000], 0.501, 0.001);
  Effect mute = effect("mute");
  mute.active = TimeRange{Time::from_seconds(0.25), Time::from_seconds(0.5)};
  auto muted = SoundEffects::create(std::vector{mute}, Time::from_seconds(1), 48000);
  EXPECT_NEAR(muted->gain_at(Time::from_seconds(0.5)), 0, 1e-9);
  EXPECT_NEAR(muted->gain_at(Time::from_seconds(0.1)), 1, 1e-9);
  auto fade = SoundEffects::create(std::vector{effect("fade_out", {{"duration_s", 0.5}})},
                                   Time::from_seconds(1), 48000);
  EXPECT_NEAR(fade->gain_at(Time::from_seconds(0.4)), 1, 1e-9);
  EXPECT_NEAR(fade->gain_at(Time::from_seconds(1)), 0, 1e-9);
}

}  // namespace
}  // namespace studio
