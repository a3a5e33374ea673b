// Frames whose camera is known: a large textured still seen through a moving window, with subjects on it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "analysis/camera.h"
#include "analysis/camera_motion.h"

namespace studio::moving {

// A gray picture without end: value noise of several octaves and hard-edged boxes, wrapped around.
class Still {
 public:
  explicit Still(unsigned seed = 1, double contrast = 1, double smallest = 4) : size_(2048) {
    std::mt19937 dice(seed);
    pixels_.assign(static_cast<std::size_t>(size_) * size_, 0.0f);
    double amplitude = 40 * contrast;
    for (double cell = 256; cell >= smallest; cell /= 2, amplitude *= 0.8) add_noise(dice, cell, amplitude);
    std::uniform_int_distribution<int> at(0, size_ - 1), side(12, 120);
    std::uniform_real_distribution<double> tone(-60, 60);
    for (int i = 0; i < 260; ++i) add_box(at(dice), at(dice), side(dice), side(dice), tone(dice) * contrast);
  }
  // Bilinear, in still pixels.
  double at(double x, double y) const {
    const double fx = std::floor(x), fy = std::floor(y), ax = x - fx, ay = y - fy;
    const int ix = wrap(static_cast<long>(fx)), iy = wrap(static_cast<long>(fy));
    const int jx = (ix + 1) % size_, jy = (iy + 1) % size_;
    return (1 - ay) * ((1 - ax) * p(ix, iy) + ax * p(jx, iy)) + ay * ((1 - ax) * p(ix, jy) + ax * p(jx, jy));
  }

 private:
  int wrap(long v) const { return static_cast<int>(((v % size_) + size_) % size_); }
  float p(int x, int y) const { return pixels_[static_cast<std::size_t>(y) * size_ + x]; }
  void add_noise(std::mt19937& dice, double cell, double amplitude) {
    const int n = static_cast<int>(size_ / cell);
    std::uniform_real_distribution<double> value(-1, 1);
    std::vector<double> grid(static_cast<std::size_t>(n) * n);
    for (double& v : grid) v = value(dice);
    for (int y = 0; y < size_; ++y)
      for (int x = 0; x < size_; ++x) {
        const double u = x / cell, v = y / cell;
        const int iu = static_cast<int>(u), iv = static_cast<int>(v);
        const auto soft = [](double t) { return t * t * (3 - 2 * t); };
        const double a = soft(u - iu), b = soft(v - iv);
        const auto g = [&](int i, int j) { return grid[static_cast<std::size_t>((j % n) * n + i % n)]; };
        pixels_[static_cast<std::size_t>(y) * size_ + x] +=
            static_cast<float>(amplitude * ((1 - b) * ((1 - a) * g(iu, iv) + a * g(iu + 1, iv)) +
                                            b * ((1 - a) * g(iu, iv + 1) + a * g(iu + 1, iv + 1))));
      }
  }
  void add_box(int x0, int y0, int w, int h, double tone) {
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x)
        pixels_[static_cast<std::size_t>((y0 + y) % size_) * size_ + (x0 + x) % size_] +=
            static_cast<float>(tone);
  }
  int size_;
  std::vector<float> pixels_;
};

// Where the camera looks: centre in frame widths, growth of the picture, camera's clockwise roll.
struct View {
  double x = 0, y = 0, log_scale = 0, roll = 0;
};

struct Subject {
  double x = 0, y = 0;  // top left, frame fractions
  double width = 0.2, height = 0.5;
  double texture_x = 0, texture_y = 0;  // its texture rides along with it unless set otherwise
};

struct Scene {
  int width = 176, height = 99, frames = 50;
  double frame_rate = 25;
  double brightness = 128;
  double noise = 0;  // standard deviation on the small picture
  const Still* still = nullptr;
  const Still* subject_texture = nullptr;
  std::function<View(double t)> view = [](double) { return View{}; };
  std::function<std::vector<Subject>(double t)> subjects;
  // Applied to the finished frame: bars, overlays, flicker.
  std::function<void(std::vector<double>&, int frame)> finish;
};

constexpr int kSamples = 2;          // each pixel is the mean of kSamples^2 points: area averaging
constexpr double kStillWidth = 450;  // still pixels in one frame width at log_scale 0

inline std::vector<std::uint8_t> render(const Scene& scene, int frame) {
  const double t = frame / scene.frame_rate;
  const View view = scene.view(t);
  const auto subjects = scene.subjects ? scene.subjects(t) : std::vector<Subject>{};
  std::vector<double> out(static_cast<std::size_t>(scene.width) * scene.height);
  const double zoom = kStillWidth / scene.width / std::exp(view.log_scale);
  const double c = std::cos(view.roll), s = std::sin(view.roll);
  for (int y = 0; y < scene.height; ++y)
    for (int x = 0; x < scene.width; ++x) {
      double sum = 0;
      for (int k = 0; k < kSamples * kSamples; ++k) {
        const double px = x + (k % kSamples + 0.5) / kSamples, py = y + (k / kSamples + 0.5) / kSamples;
        const Subject* hit = nullptr;
        for (const Subject& b : subjects)
          if (px >= b.x * scene.width && px < (b.x + b.width) * scene.width && py >= b.y * scene.height &&
              py < (b.y + b.height) * scene.height)
            hit = &b;
        if (hit != nullptr) {
          const double scale = kStillWidth / scene.width;
          sum +=
              scene.subject_texture->at((px - hit->x * scene.width) * scale + hit->texture_x * kStillWidth,
                                        (py - hit->y * scene.height) * scale + hit->texture_y * kStillWidth);
        } else {
          const double u = (px - scene.width / 2.0) * zoom, v = (py - scene.height / 2.0) * zoom;
          // A camera rolled clockwise sees along turned axes.
          sum += scene.still->at(view.x * kStillWidth + c * u - s * v, view.y * kStillWidth + s * u + c * v);
        }
      }
      out[static_cast<std::size_t>(y) * scene.width + x] = scene.brightness + sum / (kSamples * kSamples);
    }
  if (scene.finish) scene.finish(out, frame);
  std::mt19937 dice(static_cast<unsigned>(frame) + 77);
  std::normal_distribution<double> grain(0, std::max(scene.noise, 1e-9));
  std::vector<std::uint8_t> bytes(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double v = out[i] + (scene.noise > 0 ? grain(dice) : 0);
    bytes[i] = static_cast<std::uint8_t>(std::clamp(std::lround(v), 0L, 255L));
  }
  return bytes;
}

struct Followed {
  std::vector<MotionFeatures> motion;
  std::vector<double> time_s;
  CameraJudgement camera(std::int64_t first_frame = 0) const {
    return judge_camera(motion, time_s, first_frame);
  }
};

inline Followed follow(const Scene& scene) {
  MotionTracker tracker;
  Followed out;
  for (int i = 0; i < scene.frames; ++i) {
    const auto picture = render(scene, i);
    out.motion.push_back(tracker.follow({picture.data(), scene.width, scene.height, scene.width}));
    out.time_s.push_back(i / scene.frame_rate);
  }
  return out;
}

}  // namespace studio::moving
