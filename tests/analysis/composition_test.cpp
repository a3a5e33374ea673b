// Good pictures score over bad ones, and the subject is where it was put.
#include "analysis/composition.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "analysis/saliency.h"

namespace studio {
namespace {

using Color = std::array<int, 3>;

// A small picture to draw on, in fractions of its size.
class Canvas {
 public:
  explicit Canvas(Color color, int width = 176, int height = 99) : width_(width), height_(height) {
    for (int i = 0; i < width * height; ++i)
      for (const int c : color) bytes_.push_back(static_cast<std::uint8_t>(c));
  }
  Canvas& disc(double x, double y, double radius, Color color) {
    return paint(
        [=, this](double u, double v) { return std::hypot(u - x, (v - y) * height_ / width_) < radius; },
        color);
  }
  Canvas& box(double x, double y, double w, double h, Color color) {
    return paint([=](double u, double v) { return u >= x && u < x + w && v >= y && v < y + h; }, color);
  }
  Canvas& noise(int seed, double size, double amplitude) {
    std::mt19937 dice(static_cast<unsigned>(seed));
    std::uniform_real_distribution<double> value(-amplitude, amplitude);
    const int n = static_cast<int>(1 / size) + 2;
    std::vector<double> grid(static_cast<std::size_t>(n) * n);
    for (double& v : grid) v = value(dice);
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x) {
        const int cell = static_cast<int>(static_cast<double>(y) / width_ / size) * n +
                         static_cast<int>(static_cast<double>(x) / width_ / size);
        for (int c = 0; c < 3; ++c) {
          auto& b = bytes_[static_cast<std::size_t>((y * width_ + x) * 3 + c)];
          b = static_cast<std::uint8_t>(std::clamp(b + grid[static_cast<std::size_t>(cell)], 0.0, 255.0));
        }
      }
    return *this;
  }
  RgbView view() const { return {bytes_.data(), width_, height_, width_ * 3}; }
  CompositionFeatures features() const { return composition_features(view()); }
  CompositionJudgement judged() const { return judge_composition(features()); }

 private:
  template <typename Inside>
  Canvas& paint(Inside inside, Color color) {
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x)
        if (inside((x + 0.5) / width_, (y + 0.5) / height_))
          for (int c = 0; c < 3; ++c)
            bytes_[static_cast<std::size_t>((y * width_ + x) * 3 + c)] =
                static_cast<std::uint8_t>(color[static_cast<std::size_t>(c)]);
    return *this;
  }
  int width_, height_;
  std::vector<std::uint8_t> bytes_;
};

constexpr Color kSky{120, 150, 190}, kGrass{60, 120, 50}, kRed{210, 40, 40}, kSkin{215, 170, 140};

TEST(Composition, TheSubjectIsFoundWhereItIs) {
  for (const double x : {0.2, 0.5, 0.8}) {
    for (const double y : {0.35, 0.6}) {
      auto picture = Canvas(kGrass).noise(1, 0.02, 8).disc(x, y, 0.07, kRed);
      const auto f = picture.features();
      EXPECT_NEAR(f.subject.center_x(), x, 0.05) << x << "," << y;
      EXPECT_NEAR(f.subject.center_y(), y, 0.08) << x << "," << y;
      EXPECT_LT(f.subject.width, 0.4);
      EXPECT_GT(f.subject_confidence, 0.3);
    }
  }
}

TEST(Composition, ColourAloneMakesASubject) {
  // Red and green of nearly the same luma.
  const auto f = Canvas({60, 110, 60}).disc(0.7, 0.5, 0.08, {190, 75, 60}).features();
  EXPECT_NEAR(f.subject.center_x(), 0.7, 0.06);
}

TEST(Composition, AnEmptyPictureHasNoSubject) {
  EXPECT_LT(Canvas({90, 90, 90}).features().subject_confidence, 0.1f);
  EXPECT_LT(composition_features({}).subject_confidence, 0.1f);
}

TEST(Composition, ThirdsAndPowerPointsBeatOtherPlaces) {
  const auto at = [](double x, double y) {
    return Canvas(kSky).noise(2, 0.03, 5).disc(x, y, 0.06, kRed).features();
  };
  const auto point = at(1.0 / 3, 1.0 / 3), line = at(2.0 / 3, 0.5), edge = at(0.06, 0.9),
             middle = at(0.5, 0.5);
  EXPECT_GT(point.power_points, line.power_points);
  EXPECT_GT(line.power_points, edge.power_points);
  EXPECT_GT(point.rule_of_thirds, middle.rule_of_thirds + 0.2);
  EXPECT_GT(line.rule_of_thirds, edge.rule_of_thirds + 0.2);
  EXPECT_GT(at(1.0 / 3, 1.0 / 3).power_points, 0.7f);
}

TEST(Composition, BalanceSeesTheHeavySide) {
  const auto even = Canvas(kSky).disc(0.25, 0.5, 0.08, kRed).disc(0.75, 0.5, 0.08, kRed).features();
  const auto left = Canvas(kSky).disc(0.15, 0.5, 0.1, kRed).features();
  const auto low = Canvas(kSky).box(0.1, 0.8, 0.8, 0.15, kRed).features();
  EXPECT_GT(even.balance_horizontal, 0.9f);
  EXPECT_LT(left.balance_horizontal, 0.4f);
  EXPECT_GT(even.balance_vertical, low.balance_vertical + 0.3f);
}

TEST(Composition, SymmetryAndClutterOrderPictures) {
  const auto gate =
      Canvas(kSky).box(0.2, 0.2, 0.15, 0.8, {80, 60, 40}).box(0.65, 0.2, 0.15, 0.8, {80, 60, 40}).features();
  const auto lopsided = Canvas(kSky).box(0.1, 0.2, 0.3, 0.8, {80, 60, 40}).noise(3, 0.05, 30).features();
  EXPECT_GT(gate.symmetry, 0.9f);
  EXPECT_LT(lopsided.symmetry, 0.6f);
  const auto calm = Canvas(kSky).disc(0.33, 0.4, 0.08, kRed).features();
  const auto busy = Canvas(kSky).noise(4, 0.02, 90).disc(0.33, 0.4, 0.08, kRed).features();
  EXPECT_LT(calm.clutter, 0.1f);
  EXPECT_GT(busy.clutter, 0.5f);
}

TEST(Composition, ExposureAndContrastKnowTheExtremes) {
  const auto scene = [](double gain, int lift) {
    const auto tone = [=](int v) { return std::clamp(static_cast<int>(v * gain) + lift, 0, 255); };
    return Canvas({tone(120), tone(150), tone(190)})
        .box(0, 0.6, 1, 0.4, {tone(50), tone(70), tone(40)})
        .disc(0.33, 0.5, 0.1, {tone(220), tone(200), tone(180)})
        .features();
  };
  const auto good = scene(1, 0), dark = scene(0.15, 0), blown = scene(1.6, 90), flat = scene(0.08, 110);
  EXPECT_GT(good.exposure, 0.8f);
  EXPECT_LT(dark.exposure, 0.5f);
  EXPECT_LT(blown.exposure, 0.4f);
  EXPECT_GT(blown.clipped_bright, 0.3f);
  EXPECT_GT(good.contrast, flat.contrast + 0.3f);
}

TEST(Composition, HeadroomPunishesCutHeadsAndSunkenOnes) {
  const auto person = [](double top) {
    return Canvas(kSky)
        .box(0.28, top + 0.18, 0.2, 1, {40, 40, 90})
        .disc(0.38, top + 0.1, 0.06, kSkin)
        .features();
  };
  const auto good = person(0.15), cut = person(-0.12), sunken = person(0.6);
  EXPECT_GT(good.headroom, cut.headroom + 0.2f);
  EXPECT_GT(good.headroom, sunken.headroom + 0.2f);
}

TEST(Composition, LeadRoomLiesAheadOfTheMovement) {
  const auto walk = [](double from, double step) {
    std::vector<CompositionSample> samples;
    for (int i = 0; i < 4; ++i)
      samples.push_back({i * 12, Canvas(kGrass).disc(from + step * i, 0.5, 0.07, kRed).features()});
    return judge_composition(samples).lead_room;
  };
  const double into = walk(0.2, 0.06), out_of = walk(0.65, 0.06);
  EXPECT_GT(into, out_of + 0.3);
  EXPECT_GT(walk(0.8, -0.06), walk(0.35, -0.06) + 0.3);
  CameraJudgement pan;
  pan.moves.push_back({MoveKind::pan_right, 0, 50, 0.2});
  const CompositionSample still{0, Canvas(kGrass).disc(0.25, 0.5, 0.07, kRed).features()};
  EXPECT_GT(judge_composition(std::span(&still, 1), pan).lead_room, 0.9);
}

TEST(Composition, DepthSeparatesSharpFromSoft) {
  // Left third in focus, the middle softer, the right very soft: edges of one contrast, less and less steep.
  const int w = 640, h = 360;
  std::vector<std::uint8_t> plane(static_cast<std::size_t>(w) * h);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      const double width = x < w / 3 ? 0.5 : x < 2 * w / 3 ? 3 : 9;
      const double d = std::abs(std::fmod(x, 40.0) - 20) - 10;
      plane[static_cast<std::size_t>(y) * w + x] = static_cast<std::uint8_t>(128 + 90 * std::tanh(d / width));
    }
  const auto f = composition_features(Canvas(kSky).view(), {plane.data(), w, h, w});
  EXPECT_NEAR(f.depth_layers[0], 1.0 / 3, 0.13);
  EXPECT_GT(f.depth_layers[1], 0.1f);
  EXPECT_NEAR(f.depth_layers[0] + f.depth_layers[1] + f.depth_layers[2], 1, 1e-3);
  std::vector<std::uint8_t> plain(plane.size(), 100);
  EXPECT_EQ(composition_features(Canvas(kSky).view(), {plain.data(), w, h, w}).depth_layers[2], 1);
}

TEST(Composition, PaletteNamesTheColoursByShare) {
  const auto f = Canvas(kSky).box(0, 0.7, 1, 0.3, kGrass).box(0.4, 0.3, 0.2, 0.2, kRed).features();
  const auto near = [](const std::array<std::uint8_t, 3>& a, Color b) {
    return std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]) < 24;
  };
  EXPECT_TRUE(near(f.palette[0], kSky));
  EXPECT_TRUE(near(f.palette[1], kGrass));
  EXPECT_TRUE(near(f.palette[2], kRed));
  EXPECT_NEAR(f.palette_share[0], 0.66, 0.05);
  EXPECT_NEAR(f.palette_share[2], 0.04, 0.02);
  EXPECT_EQ(f.palette_share[3], 0);
}

TEST(Composition, ScoresOrderGoodAndBadPictures) {
  const double good = Canvas(kSky)
                          .box(0, 0.66, 1, 0.34, kGrass)
                          .noise(5, 0.05, 4)
                          .disc(0.34, 0.4, 0.07, kRed)
                          .box(0.62, 0.5, 0.1, 0.2, {70, 50, 40})
                          .judged()
                          .score;
  const double dark =
      Canvas({6, 7, 10}).box(0, 0.66, 1, 0.34, {4, 8, 3}).disc(0.05, 0.95, 0.05, {20, 4, 4}).judged().score;
  const double cluttered = Canvas({200, 200, 200}).noise(6, 0.02, 120).judged().score;
  const double blown = Canvas({255, 255, 255}).disc(0.95, 0.05, 0.06, {230, 230, 230}).judged().score;
  const double formal = Canvas(kSky)
                            .box(0.15, 0.2, 0.12, 0.8, {80, 60, 40})
                            .box(0.73, 0.2, 0.12, 0.8, {80, 60, 40})
                            .disc(0.5, 0.5, 0.09, kSkin)
                            .judged()
                            .score;
  EXPECT_GT(good, 0.65);
  EXPECT_GT(formal, 0.6);
  for (const double bad : {dark, cluttered, blown}) EXPECT_LT(bad, std::min(good, formal) - 0.15);
}

}  // namespace
}  // namespace studio
