// Makes the clips and the click track of the goal suite.
#include "goals/eval_clips.h"

#include <cmath>
#include <filesystem>
#include <vector>

namespace studio {
namespace {

// Every shot is another part of a still under a slow pan, so that cuts are cuts to any detector.
Result<void> make_coded(const Path& path, int shots, int shot_frames, int offset, bool sound) {
  static constexpr double places[][2] = {{0.25, 0.3},  {0.75, 0.7}, {0.5, 0.25},
                                         {0.25, 0.75}, {0.7, 0.3},  {0.5, 0.8}};
  TRY_ASSIGN(auto still, generated::default_still());
  std::vector<generated::Scene> scenes;
  for (int i = 0; i < shots; ++i) {
    const auto& place = places[(i + offset / 1000) % 6];
    generated::CameraPath camera{
        .pan = 0.02 + 0.01 * i, .start_x = place[0], .start_y = place[1], .view = 0.2 + 0.04 * (i % 3)};
    auto view = generated::camera_over(still, camera, {25, 1});
    // Other colours in every shot: the same wallpaper in other light would be no cut.
    scenes.push_back({[view, i](int frame, generated::RgbImage& image) {
                        view(frame, image);
                        for (std::size_t p = 0; p + 2 < image.rgb.size(); p += 3) {
                          std::uint8_t* c = image.rgb.data() + p;
                          if (i % 3 == 1) std::swap(c[0], c[2]), c[1] = static_cast<std::uint8_t>(c[1] / 2);
                          if (i % 3 == 2)
                            c[0] = static_cast<std::uint8_t>(255 - c[0]),
                            c[1] = static_cast<std::uint8_t>(255 - c[1]);
                        }
                      },
                      shot_frames});
  }
  auto backgrounds = generated::sequence(scenes);
  generated::ClipSpec spec;
  spec.frames = shots * shot_frames;
  auto painter = [=](int frame, generated::RgbImage& image) {
    backgrounds(frame, image);
    generated::paint_number(image, frame + offset, kCode);
  };
  return generated::write_clip(path, spec, painter, sound ? generated::tone(440, 0.2) : generated::Sounder{});
}

float click(double t, int) {
  double since = std::fmod(t - kClickFirst + 100 * kClickEvery, kClickEvery);
  if (t < kClickFirst || since > 0.03) return 0;
  return static_cast<float>(0.8 * std::exp(-since / 0.006) * std::sin(2 * 3.14159265 * 1500 * since));
}

}  // namespace

Result<Path> clip_path(const std::string& name, const Path& folder) {
  if (name.find('/') != std::string::npos) return Path(name);
  Path path = folder / (name + ".mp4");
  if (std::filesystem::exists(path)) return path;
  if (name == "coded")
    TRY(make_coded(path, 6, 125, 0, true));  // 30 s, six shots of 5 s
  else if (name == "coded_b")
    TRY(make_coded(path, 3, 100, kSecondClip, true));  // 12 s, three shots of 4 s
  else if (name == "coded_silent")
    TRY(make_coded(path, 4, 75, 0, false));  // 12 s, no sound
  else
    return fail(ErrorKind::not_found, "there is no clip " + name);
  return path;
}

Result<void> write_clicks(const Path& path) {
  return generated::write_sound(path, 60, click);
}

}  // namespace studio
