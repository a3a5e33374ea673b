// Clips whose truth is known: numbered frames, flash-and-beep, camera moves over a real still,
// transitions and disturbances at known frames.
//
//   generated::write_clip(path, {.frames = 50}, generated::numbered());
//   EXPECT_EQ(generated::read_numbers(path), ...);
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"
#include "media/frame.h"
#include "media/media_writer.h"

namespace studio::generated {

struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
};

struct RgbImage {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // packed rows

  RgbImage() = default;
  RgbImage(int w, int h, Rgb color = {}) : width(w), height(h), rgb(static_cast<std::size_t>(w) * h * 3) {
    fill(color);
  }
  std::uint8_t* at(int x, int y) { return rgb.data() + (static_cast<std::size_t>(y) * width + x) * 3; }
  const std::uint8_t* at(int x, int y) const {
    return rgb.data() + (static_cast<std::size_t>(y) * width + x) * 3;
  }
  void fill(Rgb color) { rectangle(0, 0, width, height, color); }
  void rectangle(int x, int y, int w, int h, Rgb color);  // clipped to the image
};

// Draws frame `frame` (from 0) over the whole image.
using Painter = std::function<void(int frame, RgbImage& image)>;
// Sample of `channel` at `seconds`, -1..1.
using Sounder = std::function<float(double seconds, int channel)>;

struct ClipSpec {
  int width = 320, height = 180;
  Rational frame_rate{25, 1};
  int frames = 50;
  // Time of each frame; empty: constant rate. Give time_base for variable rates.
  std::function<Time(int frame)> time_of{};
  Rational time_base{0, 1};
  std::string encoder = "libx264", pixel_format = "yuv420p";
  CodecOptions options{{"preset", "ultrafast"}, {"crf", "10"}, {"tune", "fastdecode"}};
  int gop = 12;
  int rotation = 0;
  Rational sample_aspect{1, 1};
  std::string color_range = "tv", color_matrix = "bt709", color_transfer = "bt709", color_primaries = "bt709";
  bool interlaced_top_first = false;
  // Sound: written when a Sounder is given.
  std::string audio_encoder = "aac";
  int sample_rate = 48000, channels = 2;
  std::optional<double> sound_seconds{};  // default: as long as the picture
  std::vector<std::pair<std::string, std::string>> metadata{};
  std::string container{};  // empty: by extension

  Time time_at(int frame) const { return time_of ? time_of(frame) : Time::frames(frame, frame_rate); }
  double seconds() const { return time_at(frames).seconds(); }
};

Result<void> write_clip(const Path& path, const ClipSpec& spec, const Painter& painter,
                        const Sounder& sounder = {});
Result<void> write_sound(const Path& path, double seconds, const Sounder& sounder, int sample_rate = 48000,
                         int channels = 2, const std::string& encoder = "pcm_s16le");

// --- The frame number in the pixels -------------------------------------------------------
// 24 black or white blocks (8 x 3: low byte, high byte, check byte) in the box, given in
// fractions of the picture. Survives H.264, scaling, and letterboxing when the box is adapted.
struct CodeBox {
  double x = 0.1, y = 0.05, width = 0.8, height = 0.3;
};
void paint_number(RgbImage& image, int number, const CodeBox& box = {});
// From luma (or gray) of a decoded picture; nothing when the check byte does not fit.
std::optional<int> read_number(const FramePlanes& picture, const CodeBox& box = {});
// The numbers of all frames of a file, -1 where none is readable. Upright as displayed.
std::vector<int> read_numbers(const Path& path, const CodeBox& box = {});

// Frame number (+ offset) over a plain background with a moving bar below (so that no two frames are alike).
Painter numbered(int offset = 0, Rgb background = {90, 110, 130});

// --- Flash and beep ---------------------------------------------------------------------
// The picture is white for `flash_frames` and a 1 kHz tone sounds from the same instant, first at
// `first_s`, then every `every_s`. The number stays readable between flashes.
struct FlashBeep {
  double first_s = 0.4, every_s = 1.0, length_s = 0.12;
};
Painter flashes(const ClipSpec& spec, const FlashBeep& what = {});
Sounder beeps(const FlashBeep& what = {});
struct Sync {
  std::vector<double> flashes_s, beeps_s;  // onsets as measured in the file
  double worst_offset_s = 0;               // |beep - nearest flash|, largest
};
// Errors when either is missing.
Result<Sync> measure_sync(const Path& path);

// --- Moves over a still -----------------------------------------------------------------
class Still {
 public:
  static Result<Still> load(const Path& image);
  static Still of(RgbImage image);
  int width() const { return image_->width; }
  int height() const { return image_->height; }
  const RgbImage& image() const { return *image_; }

 private:
  std::shared_ptr<RgbImage> image_;
};
// A large still of opencv-doc with detail everywhere; error when the package is missing.
Result<Still> default_still();

// The camera's way: speeds are the camera's, in frame widths per second (pan right and tilt down
// are positive), natural log of scale per second (zoom in is positive), degrees per second
// (camera clockwise is positive: the picture turns counterclockwise).
struct CameraPath {
  double pan = 0, tilt = 0, zoom = 0, roll = 0;
  double start_x = 0.5, start_y = 0.5;  // centre of view in the still, fractions
  double view = 0.4;                    // width of view at the start, fraction of the still's width
  // Added to the centre at frame n, in frame widths (handheld shake): may be empty.
  std::function<std::array<double, 2>(int frame)> shake{};
};
Painter camera_over(Still still, CameraPath path, Rational frame_rate);
// A still camera: the same view on every frame.
Painter view_of(Still still, double x = 0.5, double y = 0.5, double view = 0.4);

// --- Edits and disturbances over painters -----------------------------------------------
struct Scene {
  Painter painter;
  int frames = 0;
};
enum class Join { cut, dissolve, fade_black, fade_white, wipe_right };
// Scenes one after the other; every join of the given kind takes `join_frames` (0 for cuts) centred
// on the boundary. Scenes are asked for frames beyond their ends there.
Painter sequence(std::vector<Scene> scenes, Join join = Join::cut, int join_frames = 0);
// Frame n shows what `painter` draws for map(n): freezes, duplicates, drops, reversals.
Painter remapped(Painter painter, std::function<int(int)> map);
Painter with_brightness(Painter painter, std::function<double(int frame)> factor);  // flicker, fades
Painter black();
Painter color(Rgb color);
// Fixed grain, so that a still shot is not literally the same picture each frame.
Painter with_noise(Painter painter, double amplitude, unsigned seed = 1);

Sounder tone(double hz, double amplitude = 0.3);
Sounder silence();

}  // namespace studio::generated
