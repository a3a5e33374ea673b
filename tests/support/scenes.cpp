// Camera moves over stills, and edits and disturbances over painters.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "media/video_reader.h"
#include "support/generated.h"

namespace studio::generated {

Result<Still> Still::load(const Path& image) {
  TRY_ASSIGN(auto reader, VideoReader::open(image, {.threads = 1, .format = "rgb24"}));
  TRY_ASSIGN(const auto frame, reader.next());
  const PlaneView& plane = frame->picture.plane[0];
  RgbImage out(frame->picture.width, frame->picture.height);
  for (int y = 0; y < out.height; ++y)
    std::copy_n(plane.data + static_cast<std::ptrdiff_t>(y) * plane.stride, out.width * 3, out.at(0, y));
  return of(std::move(out));
}

Still Still::of(RgbImage image) {
  Still still;
  still.image_ = std::make_shared<RgbImage>(std::move(image));
  return still;
}

Result<Still> default_still() {
  return Still::load("/usr/share/doc/opencv-doc/examples/data/aloeL.jpg");
}

namespace {

// Bilinear, with the border mirrored so that long moves never run out of picture.
void sample(const RgbImage& from, double x, double y, std::uint8_t* to) {
  const auto mirror = [](int v, int size) {
    const int period = 2 * size;
    v = ((v % period) + period) % period;
    return v < size ? v : period - 1 - v;
  };
  const int x0 = static_cast<int>(std::floor(x)), y0 = static_cast<int>(std::floor(y));
  const double fx = x - x0, fy = y - y0;
  const std::uint8_t* a = from.at(mirror(x0, from.width), mirror(y0, from.height));
  const std::uint8_t* b = from.at(mirror(x0 + 1, from.width), mirror(y0, from.height));
  const std::uint8_t* c = from.at(mirror(x0, from.width), mirror(y0 + 1, from.height));
  const std::uint8_t* d = from.at(mirror(x0 + 1, from.width), mirror(y0 + 1, from.height));
  for (int k = 0; k < 3; ++k)
    to[k] = static_cast<std::uint8_t>((1 - fy) * ((1 - fx) * a[k] + fx * b[k]) +
                                      fy * ((1 - fx) * c[k] + fx * d[k]) + 0.5);
}

void mix(const RgbImage& a, const RgbImage& b, double share_of_b, RgbImage& out) {
  for (std::size_t i = 0; i < out.rgb.size(); ++i)
    out.rgb[i] = static_cast<std::uint8_t>(a.rgb[i] + (b.rgb[i] - a.rgb[i]) * share_of_b + 0.5);
}

}  // namespace

Painter camera_over(Still still, CameraPath path, Rational frame_rate) {
  return [=](int frame, RgbImage& image) {
    const double t = Time::frames(frame, frame_rate).seconds();
    const RgbImage& from = still.image();
    // Still pixels per picture pixel. While zooming, a pan of v widths a second crosses v widths of
    // the current view, so the centre moves by the integral of the shrinking view.
    const double scale = path.view * from.width / image.width * std::exp(-path.zoom * t);
    const double moved_s = std::abs(path.zoom) < 1e-12 ? t : (1 - std::exp(-path.zoom * t)) / path.zoom;
    const double view0 = path.view * from.width;
    double cx = path.start_x * from.width + path.pan * moved_s * view0;
    double cy = path.start_y * from.height + path.tilt * moved_s * view0;
    if (path.shake) {
      const auto [dx, dy] = path.shake(frame);
      cx += dx * scale * image.width;
      cy += dy * scale * image.width;
    }
    const double angle = path.roll * t * std::numbers::pi / 180;
    const double cosine = std::cos(angle) * scale, sine = std::sin(angle) * scale;
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        const double dx = x + 0.5 - image.width / 2.0, dy = y + 0.5 - image.height / 2.0;
        sample(from, cx + cosine * dx - sine * dy - 0.5, cy + sine * dx + cosine * dy - 0.5, image.at(x, y));
      }
    }
  };
}

Painter view_of(Still still, double x, double y, double view) {
  CameraPath path;
  path.start_x = x;
  path.start_y = y;
  path.view = view;
  auto cached = std::make_shared<RgbImage>();
  return [draw = camera_over(std::move(still), path, {25, 1}), cached](int, RgbImage& image) {
    if (cached->width != image.width || cached->height != image.height) {
      *cached = RgbImage(image.width, image.height);
      draw(0, *cached);
    }
    image.rgb = cached->rgb;
  };
}

Painter sequence(std::vector<Scene> scenes, Join join, int join_frames) {
  return [scenes = std::move(scenes), join, join_frames](int frame, RgbImage& image) {
    int start = 0;
    for (std::size_t i = 0; i < scenes.size(); ++i) {
      const int end = start + scenes[i].frames;
      const int half = join == Join::cut ? 0 : join_frames / 2;
      const bool last = i + 1 == scenes.size();
      if (!last && join != Join::cut && frame >= end - half && frame < end - half + join_frames) {
        RgbImage a(image.width, image.height), b(image.width, image.height);
        scenes[i].painter(frame - start, a);
        scenes[i + 1].painter(frame - end, b);
        const double p = (frame - (end - half) + 0.5) / join_frames;
        if (join == Join::dissolve) {
          mix(a, b, p, image);
        } else if (join == Join::wipe_right) {
          const int edge = static_cast<int>(std::lround(p * image.width));
          for (int y = 0; y < image.height; ++y) {
            std::copy_n(b.at(0, y), edge * 3, image.at(0, y));
            if (edge < image.width) std::copy_n(a.at(edge, y), (image.width - edge) * 3, image.at(edge, y));
          }
        } else {
          const std::uint8_t level = join == Join::fade_white ? 255 : 0;
          const RgbImage flat(image.width, image.height, {level, level, level});
          if (p < 0.5)
            mix(a, flat, p * 2, image);
          else
            mix(flat, b, p * 2 - 1, image);
        }
        return;
      }
      if (frame < end - half || last) return scenes[i].painter(frame - start, image);
      start = end;
    }
  };
}

Painter remapped(Painter painter, std::function<int(int)> map) {
  return [painter = std::move(painter), map = std::move(map)](int frame, RgbImage& image) {
    painter(map(frame), image);
  };
}

Painter with_brightness(Painter painter, std::function<double(int)> factor) {
  return [painter = std::move(painter), factor = std::move(factor)](int frame, RgbImage& image) {
    painter(frame, image);
    const double f = factor(frame);
    for (std::uint8_t& v : image.rgb) v = static_cast<std::uint8_t>(std::clamp(v * f + 0.5, 0.0, 255.0));
  };
}

Painter black() {
  return color({0, 0, 0});
}

Painter color(Rgb what) {
  return [what](int, RgbImage& image) { image.fill(what); };
}

Painter with_noise(Painter painter, double amplitude, unsigned seed) {
  return [painter = std::move(painter), amplitude, seed](int frame, RgbImage& image) {
    painter(frame, image);
    std::uint32_t state = seed * 2654435761U + static_cast<std::uint32_t>(frame) * 40503U + 1;
    for (std::uint8_t& v : image.rgb) {
      state = state * 1664525U + 1013904223U;
      const double noise = (static_cast<double>(state >> 8) / (1 << 24) - 0.5) * 2 * amplitude;
      v = static_cast<std::uint8_t>(std::clamp(v + noise + 0.5, 0.0, 255.0));
    }
  };
}

}  // namespace studio::generated
