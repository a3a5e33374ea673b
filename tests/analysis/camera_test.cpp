// What the camera did, against cameras whose path is known to the digit.
#include "analysis/camera.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/moving_picture.h"

namespace studio {
namespace {

using moving::follow;
using moving::Scene;
using moving::Still;
using moving::Subject;
using moving::View;

const Still& still() {
  static const Still s(1);
  return s;
}
const Still& other_still() {
  static const Still s(2);
  return s;
}

std::string told(const CameraJudgement& c) {
  std::string text(name_of(c.style));
  for (const CameraMove& m : c.moves)
    text += std::string(" ").append(name_of(m.kind)) + "@" + std::to_string(m.speed) + "[" +
            std::to_string(m.first_frame) + ".." + std::to_string(m.last_frame) + "]";
  return text;
}

// Exactly one move of this kind and speed (within 5 %), over the whole shot.
void expect_single_move(const CameraJudgement& c, MoveKind kind, double speed, const char* what) {
  ASSERT_EQ(c.moves.size(), 1u) << what << ": " << told(c);
  EXPECT_EQ(c.moves[0].kind, kind) << what << ": " << told(c);
  EXPECT_NEAR(c.moves[0].speed, speed, 0.05 * speed) << what << ": " << told(c);
}

Scene scene(std::function<View(double)> view, int frames = 50) {
  Scene s;
  s.still = &still();
  s.subject_texture = &other_still();
  s.view = std::move(view);
  s.frames = frames;
  return s;
}

TEST(Camera, PanSpeedIsWithinFivePercentFromSlowToFast) {
  for (const double speed : {0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0}) {
    for (const int direction : {1, -1}) {
      const auto c =
          follow(scene([&](double t) { return View{.x = direction * speed * t}; }, speed < 0.03 ? 75 : 50))
              .camera();
      expect_single_move(c, direction > 0 ? MoveKind::pan_right : MoveKind::pan_left, speed, "pan");
      EXPECT_NE(c.style, CameraStyle::still) << speed;
      EXPECT_NE(c.style, CameraStyle::handheld) << speed;
    }
  }
}

TEST(Camera, TiltZoomAndRollHaveTheirOwnUnits) {
  for (const double speed : {0.02, 0.1, 0.4}) {
    expect_single_move(follow(scene([&](double t) { return View{.y = speed * t}; })).camera(),
                       MoveKind::tilt_down, speed, "tilt");
    expect_single_move(follow(scene([&](double t) { return View{.y = -speed * t}; })).camera(),
                       MoveKind::tilt_up, speed, "tilt");
  }
  for (const double rate : {0.03, 0.1, 0.3}) {
    expect_single_move(follow(scene([&](double t) { return View{.log_scale = rate * t}; })).camera(),
                       MoveKind::zoom_in, rate, "zoom");
    expect_single_move(follow(scene([&](double t) { return View{.log_scale = -rate * t}; })).camera(),
                       MoveKind::zoom_out, rate, "zoom");
  }
  for (const double degrees : {2.0, 10.0, 30.0}) {
    const double rate = degrees * M_PI / 180;
    expect_single_move(follow(scene([&](double t) { return View{.roll = rate * t}; })).camera(),
                       MoveKind::roll_cw, degrees, "roll");
    expect_single_move(follow(scene([&](double t) { return View{.roll = -rate * t}; })).camera(),
                       MoveKind::roll_ccw, degrees, "roll");
  }
}

TEST(Camera, PanAndZoomTogetherAreBothNamed) {
  const auto c = follow(scene([](double t) { return View{.x = 0.1 * t, .log_scale = 0.1 * t}; })).camera();
  ASSERT_EQ(c.moves.size(), 2u) << told(c);
  EXPECT_TRUE((c.moves[0].kind == MoveKind::pan_right && c.moves[1].kind == MoveKind::zoom_in) ||
              (c.moves[1].kind == MoveKind::pan_right && c.moves[0].kind == MoveKind::zoom_in))
      << told(c);
}

TEST(Camera, StartAndEndOfAMoveInsideTheShot) {
  for (const double speed : {0.03, 0.2, 0.6}) {
    const auto c =
        follow(scene([&](double t) { return View{.x = speed * std::clamp(t - 1.0, 0.0, 1.6)}; }, 100))
            .camera(1000);
    expect_single_move(c, MoveKind::pan_right, speed, "pan inside");
    EXPECT_NEAR(c.moves[0].first_frame, 1025, 2) << told(c);
    EXPECT_NEAR(c.moves[0].last_frame, 1065, 2) << told(c);
  }
}

TEST(Camera, TurningBackMakesTwoMoves) {
  const auto c =
      follow(scene([](double t) { return View{.x = t < 1.2 ? 0.2 * t : 0.24 - 0.1 * (t - 1.2)}; }, 70))
          .camera();
  ASSERT_EQ(c.moves.size(), 2u) << told(c);
  EXPECT_EQ(c.moves[0].kind, MoveKind::pan_right);
  EXPECT_EQ(c.moves[1].kind, MoveKind::pan_left);
  EXPECT_NEAR(c.moves[0].speed, 0.2, 0.01);
  EXPECT_NEAR(c.moves[1].speed, 0.1, 0.005);
  EXPECT_NEAR(c.moves[1].first_frame, 30, 2);
}

TEST(Camera, AbruptMovesAreNotAShakingHand) {
  const auto c = follow(scene(
                            [](double t) {
                              return View{.x = 0.25 * std::clamp(t - 0.4, 0.0, 1.2) -
                                               0.2 * std::clamp(t - 2.4, 0.0, 1.2),
                                          .y = 0.2 * std::clamp(t - 2.4, 0.0, 1.2)};
                            },
                            110))
                     .camera();
  EXPECT_EQ(c.style, CameraStyle::smooth) << told(c);
  ASSERT_EQ(c.moves.size(), 3u) << told(c);
  EXPECT_EQ(c.moves[0].kind, MoveKind::pan_right);
  EXPECT_NEAR(c.moves[0].first_frame, 10, 2) << told(c);
  EXPECT_NEAR(c.moves[0].speed, 0.25, 0.0125);
}

TEST(Camera, DarkGrainyFlatAndFlickeringPansKeepTheirSpeed) {
  const Still faint(3, 0.06), soft(4, 0.5, 64);
  auto dark = scene([](double t) { return View{.x = 0.1 * t}; });
  dark.still = &faint;
  dark.brightness = 22;
  expect_single_move(follow(dark).camera(), MoveKind::pan_right, 0.1, "dark");
  auto grainy = scene([](double t) { return View{.x = -0.1 * t}; });
  grainy.noise = 6;
  expect_single_move(follow(grainy).camera(), MoveKind::pan_left, 0.1, "grainy");
  auto flat = scene([](double t) { return View{.x = 0.1 * t}; });
  flat.still = &soft;
  expect_single_move(follow(flat).camera(), MoveKind::pan_right, 0.1, "flat");
  auto flickering = scene([](double t) { return View{.x = 0.1 * t}; });
  flickering.finish = [](std::vector<double>& p, int frame) {
    for (double& v : p) v = v * (frame % 2 ? 1.08 : 0.95) + (frame % 2 ? 6 : -6);
  };
  expect_single_move(follow(flickering).camera(), MoveKind::pan_right, 0.1, "flickering");
}

TEST(Camera, LetterboxAndLogoDoNotHoldThePan) {
  auto boxed = scene([](double t) { return View{.y = 0.1 * t}; });
  boxed.finish = [](std::vector<double>& p, int) {
    for (int y = 0; y < 99; ++y)
      for (int x = 0; x < 176; ++x) {
        double& v = p[static_cast<std::size_t>(y) * 176 + x];
        if (y < 13 || y >= 86) v = 2;
        if (y >= 16 && y < 26 && x >= 150 && x < 170) v = (x / 3 + y / 3) % 2 ? 240 : 20;
      }
  };
  expect_single_move(follow(boxed).camera(), MoveKind::tilt_down, 0.1, "letterbox");
}

TEST(Camera, AnimationOnTwosPansSmoothly) {
  auto twos = scene([](double t) { return View{.x = 0.15 * std::floor(t * 12.5 + 1e-6) / 12.5}; }, 60);
  const auto c = follow(twos).camera();
  expect_single_move(c, MoveKind::pan_right, 0.15, "on twos");
  EXPECT_EQ(c.style, CameraStyle::smooth) << told(c);
}

TEST(Camera, SubjectsNeverMoveAFixedCamera) {
  const std::vector<std::pair<const char*, std::function<std::vector<Subject>(double)>>> cases = {
      {"walker",
       [](double t) {
         return std::vector<Subject>{{.x = -0.2 + 0.4 * t, .y = 0.3, .width = 0.18, .height = 0.65}};
       }},
      {"left half moves",
       [](double t) {
         return std::vector<Subject>{{.x = 0, .y = 0, .width = 0.5, .height = 1, .texture_x = -0.2 * t}};
       }},
      {"centre moves",
       [](double t) {
         return std::vector<Subject>{
             {.x = 0.15, .y = 0.15, .width = 0.7, .height = 0.85, .texture_x = -0.3 * t}};
       }},
      {"slow large subject",
       [](double t) {
         return std::vector<Subject>{{.x = 0.1 + 0.02 * t, .y = 0.1, .width = 0.6, .height = 0.9}};
       }},
      {"train through the middle",
       [](double t) {
         return std::vector<Subject>{{.x = 0, .y = 0.3, .width = 1, .height = 0.4, .texture_x = 0.5 * t}};
       }},
      {"crowd",
       [](double t) {
         std::vector<Subject> crowd;
         for (int i = 0; i < 7; ++i)
           crowd.push_back({.x = std::fmod(i * 0.17 + (i % 2 ? 0.1 : -0.07) * t + 2, 1.2) - 0.1,
                            .y = 0.2 + 0.08 * (i % 4),
                            .width = 0.1,
                            .height = 0.4,
                            .texture_x = i * 0.2});
         return crowd;
       }},
      {"bobbing head",
       [](double t) {
         return std::vector<Subject>{{.x = 0.3 + 0.02 * std::sin(6 * t),
                                      .y = 0.2 + 0.03 * std::sin(9 * t),
                                      .width = 0.4,
                                      .height = 0.8}};
       }},
  };
  for (const auto& [name, subjects] : cases) {
    for (const double noise : {0.0, 3.0}) {
      auto s = scene([](double) { return View{}; }, 75);
      s.subjects = subjects;
      s.noise = noise;
      const auto c = follow(s).camera();
      EXPECT_EQ(c.style, CameraStyle::still) << name << ": " << told(c);
      EXPECT_TRUE(c.moves.empty()) << name << ": " << told(c);
    }
  }
}

TEST(Camera, APanWithSubjectsIsStillThePan) {
  auto s = scene([](double t) { return View{.x = 0.2 * t}; });
  // Held in the middle of the picture: the camera follows a runner.
  s.subjects = [](double) { return std::vector<Subject>{{.x = 0.3, .y = 0.2, .width = 0.4, .height = 0.7}}; };
  expect_single_move(follow(s).camera(), MoveKind::pan_right, 0.2, "following");
  s.subjects = [](double t) {
    return std::vector<Subject>{{.x = 0.1 + 0.3 * t, .y = 0.3, .width = 0.25, .height = 0.6}};
  };
  expect_single_move(follow(s).camera(), MoveKind::pan_right, 0.2, "crossing");
}

TEST(Camera, ShakeIsHandheldAndASmoothPanIsNot) {
  // A hand: a few incommensurable swings of 1 to 6 Hz, about half a percent of the width.
  const auto hand = [](double t, double size) {
    return View{.x = size * (std::sin(7.3 * t) + 0.6 * std::sin(17.9 * t + 1) + 0.4 * std::sin(31 * t + 2)),
                .y = size * (std::sin(8.9 * t + 3) + 0.6 * std::sin(21 * t) + 0.4 * std::sin(35 * t + 5)),
                .roll = 0.5 * size * std::sin(11 * t)};
  };
  auto shaking = follow(scene([&](double t) { return hand(t, 0.004); }, 100)).camera();
  EXPECT_EQ(shaking.style, CameraStyle::handheld) << told(shaking);
  EXPECT_TRUE(shaking.moves.empty()) << told(shaking);
  auto walking = follow(scene(
                            [&](double t) {
                              View v = hand(t, 0.004);
                              v.x += 0.15 * t;
                              return v;
                            },
                            100))
                     .camera();
  EXPECT_EQ(walking.style, CameraStyle::handheld) << told(walking);
  ASSERT_FALSE(walking.moves.empty());
  EXPECT_EQ(walking.moves[0].kind, MoveKind::pan_right) << told(walking);
  EXPECT_NEAR(walking.moves[0].speed, 0.15, 0.02) << told(walking);
  const auto pan = follow(scene([](double t) { return View{.x = 0.15 * t * t / (t + 0.5)}; }, 100)).camera();
  EXPECT_EQ(pan.style, CameraStyle::smooth) << told(pan);
  EXPECT_GT(pan.steadiness, 2 * shaking.steadiness);
  const auto whip = follow(scene(
                               [](double t) {
                                 const double u = std::clamp((t - 0.8) / 0.4, 0.0, 1.0);
                                 return View{.x = 1.2 * u * u * (3 - 2 * u)};
                               },
                               60))
                        .camera();
  EXPECT_EQ(whip.style, CameraStyle::dynamic) << told(whip);
}

TEST(Camera, ATripodWithNoiseIsStatic) {
  for (const double noise : {0.5, 3.0, 8.0}) {
    auto s = scene([](double) { return View{}; }, 75);
    s.noise = noise;
    const auto c = follow(s).camera();
    EXPECT_EQ(c.style, CameraStyle::still) << noise << told(c);
  }
  const Still faint(5, 0.05);
  auto dark = scene([](double) { return View{}; }, 75);
  dark.still = &faint;
  dark.brightness = 14;
  dark.noise = 2;
  EXPECT_EQ(follow(dark).camera().style, CameraStyle::still);
}

TEST(Camera, ParallaxGivesTheBackgroundsDirection) {
  auto s = scene([](double t) { return View{.x = 0.1 * t}; }, 60);
  s.subjects = [](double t) {
    return std::vector<Subject>{{.x = -0.1, .y = 0.72, .width = 1.2, .height = 0.28, .texture_x = 0.2 * t},
                                {.x = 0.6 - 0.2 * t, .y = 0.35, .width = 0.12, .height = 0.4}};
  };
  const auto c = follow(s).camera();
  ASSERT_FALSE(c.moves.empty());
  EXPECT_EQ(c.moves[0].kind, MoveKind::pan_right) << told(c);
  EXPECT_NEAR(c.moves[0].speed, 0.1, 0.02) << told(c);
}

TEST(Camera, NothingToFollowIsStaticNotAGuess) {
  for (const double brightness : {0.0, 120.0}) {
    auto s = scene([](double) { return View{}; }, 30);
    const Still nothing(6, 0);
    s.still = &nothing;
    s.brightness = brightness;
    s.noise = 1;
    const auto followed = follow(s);
    EXPECT_EQ(followed.camera().style, CameraStyle::still);
  }
  EXPECT_TRUE(judge_camera({}, {}, 0).moves.empty());
  EXPECT_EQ(estimate_motion({}, {}).confidence, 0);
}

}  // namespace
}  // namespace studio
