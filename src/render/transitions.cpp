// The transitions, each a formula over the picture; names and looks follow FFmpeg's xfade filter.
// To add one: a line in kinds() with its name and its function.
#include "render/transitions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "render/render.h"
#include "render/samples.h"

namespace studio {
namespace {

struct Pair {
  const RasterView& from;
  const RasterView& to;
  const RasterView& out;
};

struct Point {
  double u, v;    // 0..1 across and down, at the sample's middle
  double aspect;  // width / height
};

constexpr double kPi = 3.14159265358979323846;

double smooth(double edge0, double edge1, double x) {
  const double t = std::clamp((x - edge0) / (edge1 - edge0), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

// How much of the new picture shows at a point: the whole look of most kinds.
using Weight = double (*)(Point at, double progress);

void mix_row(const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out, int count, int weight) {
  for (int x = 0; x < count; ++x)
    out[x] = static_cast<std::uint8_t>((a[x] * (256 - weight) + b[x] * weight + 128) >> 8);
}

std::vector<Plane> planes_of(const RasterView& picture) {
  std::vector<Plane> planes = {picture.y, picture.u, picture.v};
  if (picture.has_alpha()) planes.push_back(picture.alpha);
  return planes;
}

void mix_evenly(const Pair& p, double weight) {
  const auto from = planes_of(p.from), to = planes_of(p.to), out = planes_of(p.out);
  const int w8 = static_cast<int>(std::lround(weight * 256));
  for (std::size_t i = 0; i < out.size(); ++i)
    for (int y = 0; y < out[i].height; ++y) {
      if (p.out.depth <= 8) {
        mix_row(row_of<std::uint8_t>(from[i], y), row_of<std::uint8_t>(to[i], y),
                row_of<std::uint8_t>(out[i], y), out[i].width, w8);
        continue;
      }
      const auto *a = row_of<std::uint16_t>(from[i], y), *b = row_of<std::uint16_t>(to[i], y);
      auto* o = row_of<std::uint16_t>(out[i], y);
      for (int x = 0; x < out[i].width; ++x)
        o[x] = static_cast<std::uint16_t>(std::lround(a[x] + (static_cast<double>(b[x]) - a[x]) * weight));
    }
}

void mix_by(const Pair& p, Weight weight, double progress) {
  const auto from = planes_of(p.from), to = planes_of(p.to), out = planes_of(p.out);
  const double aspect = static_cast<double>(p.out.width) / p.out.height;
  with_samples(p.out, [&]<typename Sample>(Sample) {
    for (std::size_t i = 0; i < out.size(); ++i)
      for (int y = 0; y < out[i].height; ++y) {
        const Sample *a = row_of<Sample>(from[i], y), *b = row_of<Sample>(to[i], y);
        Sample* o = row_of<Sample>(out[i], y);
        for (int x = 0; x < out[i].width; ++x) {
          const Point at{(x + 0.5) / out[i].width, (y + 0.5) / out[i].height, aspect};
          const double w = weight(at, progress);
          o[x] = w <= 0   ? a[x]
                 : w >= 1 ? b[x]
                          : static_cast<Sample>(std::lround(a[x] + (b[x] - static_cast<double>(a[x])) * w));
        }
      }
  });
}

// One colour for a while in the middle.
void through_color(const Pair& p, Rgba color, double progress) {
  RasterFormat format = format_of(p.out);
  Raster flat(format);
  fill(flat.view(), color);
  // The two halves overlap a little in FFmpeg too: full colour only for an instant.
  if (progress < 0.5)
    mix_evenly({p.from, flat.view(), p.out}, progress * 2);
  else
    mix_evenly({flat.view(), p.to, p.out}, progress * 2 - 1);
}

void through_gray(const Pair& p, double progress) {
  mix_evenly(p, progress);
  const double left = std::abs(progress * 2 - 1), neutral = neutral_chroma(p.out);
  with_samples(p.out, [&]<typename Sample>(Sample) {
    for (const Plane& plane : {p.out.u, p.out.v})
      for (int y = 0; y < plane.height; ++y) {
        Sample* row = row_of<Sample>(plane, y);
        for (int x = 0; x < plane.width; ++x)
          row[x] = static_cast<Sample>(std::lround(neutral + (row[x] - neutral) * left));
      }
  });
}

// Both pictures move together: the new one pushes the old one out. dx, dy: where the old one goes.
void slide(const Pair& p, int dx, int dy, double progress) {
  const auto from = planes_of(p.from), to = planes_of(p.to), out = planes_of(p.out);
  const int sx = p.out.shift_x, sy = p.out.shift_y;
  const int move_x = static_cast<int>(std::lround(p.out.width * progress)) >> sx << sx;
  const int move_y = static_cast<int>(std::lround(p.out.height * progress)) >> sy << sy;
  with_samples(p.out, [&]<typename Sample>(Sample) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool chroma = i == 1 || i == 2;
      const int ox = dx * (chroma ? move_x >> sx : move_x), oy = dy * (chroma ? move_y >> sy : move_y);
      const int w = out[i].width, h = out[i].height;
      for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
          const int fx = x - ox, fy = y - oy;
          const bool old = fx >= 0 && fx < w && fy >= 0 && fy < h;
          row_of<Sample>(out[i], y)[x] = old ? row_of<Sample>(from[i], fy)[fx]
                                             : row_of<Sample>(to[i], (fy % h + h) % h)[(fx % w + w) % w];
        }
    }
  });
}

void squeeze(const Pair& p, bool flat, double progress) {
  copy(p.to, p.out);
  const double left = 1 - progress;
  const int width = flat ? p.out.width : static_cast<int>(p.out.width * left) / 2 * 2;
  const int height = flat ? static_cast<int>(p.out.height * left) / 2 * 2 : p.out.height;
  if (width < 2 || height < 2) return;
  const RasterView place =
      part_of(p.out, (p.out.width - width) / 2, (p.out.height - height) / 2, width, height);
  resample(p.from, {0, 0, static_cast<double>(p.from.width), static_cast<double>(p.from.height)}, place);
}

void zoom_in(const Pair& p, double progress) {
  if (progress >= 1) return copy(p.to, p.out);
  Raster zoomed(format_of(p.out));
  const double part = 1 - 0.75 * smooth(0, 0.6, progress);
  const double w = p.from.width * part, h = p.from.height * part;
  resample(p.from, {(p.from.width - w) / 2, (p.from.height - h) / 2, w, h}, zoomed.view());
  mix_evenly({zoomed.view(), p.to, p.out}, smooth(0.4, 1, progress));
}

void pixelize(const Pair& p, double progress) {
  mix_evenly(p, progress);
  const double strength = std::min(progress, 1 - progress) * 2;
  const int block = 2 * static_cast<int>(std::ceil(strength * p.out.height / 24 / 2));
  if (block < 4) return;
  with_samples(p.out, [&]<typename Sample>(Sample) {
    const auto out = planes_of(p.out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const bool chroma = i == 1 || i == 2;
      const int bw = chroma ? block >> p.out.shift_x : block, bh = chroma ? block >> p.out.shift_y : block;
      for (int y = 0; y < out[i].height; ++y)
        for (int x = 0; x < out[i].width; ++x) {
          const int cx = std::min(x / bw * bw + bw / 2, out[i].width - 1);
          const int cy = std::min(y / bh * bh, out[i].height - 1);
          row_of<Sample>(out[i], y)[x] = row_of<Sample>(out[i], cy)[cx];
        }
    }
  });
}

void blurred(const Pair& p, double progress) {
  mix_evenly(p, progress);
  blur(p.out, 0.06 * std::sin(kPi * progress));
}

// A shape of the old picture closes over black, then opens on the new one.
void crop(const Pair& p, double progress, bool round) {
  const RasterView& shown = progress < 0.5 ? p.from : p.to;
  Raster black(format_of(p.out));
  const Pair pair{black.view(), shown, p.out};
  const double open = std::abs(progress * 2 - 1);
  if (round)
    mix_by(
        pair,
        [](Point at, double r) {
          const double x = (at.u - 0.5) * at.aspect, y = at.v - 0.5;
          return x * x + y * y < r * r * 0.25 * (at.aspect * at.aspect + 1) ? 1.0 : 0.0;
        },
        open);
  else
    mix_by(
        pair,
        [](Point at, double r) {
          return std::abs(at.u - 0.5) < r / 2 && std::abs(at.v - 0.5) < r / 2 ? 1.0 : 0.0;
        },
        open);
}

double hash(Point at) {
  // A fixed grain the size of a few pixels at any size of picture.
  const auto x = static_cast<std::uint32_t>(at.u * 640 * at.aspect),
             y = static_cast<std::uint32_t>(at.v * 640);
  std::uint32_t h = x * 0x8da6b343u ^ y * 0xd8163841u;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  h ^= h >> 16;
  return (h & 0xffffff) / 16777216.0;
}

double radius(Point at) {
  const double x = (at.u - 0.5) * at.aspect, y = at.v - 0.5;
  return std::sqrt((x * x + y * y) / (0.25 * (at.aspect * at.aspect + 1)));
}

constexpr double kSoft = 0.15;  // width of a soft edge, of the picture
double soft(double position, double p) {
  return smooth(position, position + kSoft, p * (1 + kSoft));
}
double hard(bool shown) {
  return shown ? 1.0 : 0.0;
}
// Ten blinds that turn one after the other.
double slice(double along, double t) {
  return hard(smooth(-0.5, 0, along - 1.5 * (1 - t)) > std::fmod(along * 10, 1.0));
}

}  // namespace

struct PictureTransition::Kind {
  std::string_view name;
  void (*apply)(const Pair&, double) = nullptr;  // either this
  Weight weight = nullptr;                       // or this
};

namespace {

using KindList = std::vector<PictureTransition::Kind>;

}  // namespace

// Named by where the edge or the picture goes: wipeleft uncovers from the right edge leftwards.
const std::vector<PictureTransition::Kind>& PictureTransition::kinds() {
  static const KindList all = {
      {"crossfade", [](const Pair& p, double t) { mix_evenly(p, t); }},
      {"fade", [](const Pair& p, double t) { mix_evenly(p, t); }},
      {"fade_black", [](const Pair& p, double t) { through_color(p, {0, 0, 0, 255}, t); }},
      {"fade_white", [](const Pair& p, double t) { through_color(p, {255, 255, 255, 255}, t); }},
      {"fadeblack", [](const Pair& p, double t) { through_color(p, {0, 0, 0, 255}, t); }},
      {"fadewhite", [](const Pair& p, double t) { through_color(p, {255, 255, 255, 255}, t); }},
      {"fadegrays", through_gray},
      {"dissolve", nullptr, [](Point at, double t) { return hard(hash(at) < t); }},
      {"wipeleft", nullptr, [](Point at, double t) { return hard(at.u > 1 - t); }},
      {"wiperight", nullptr, [](Point at, double t) { return hard(at.u < t); }},
      {"wipeup", nullptr, [](Point at, double t) { return hard(at.v > 1 - t); }},
      {"wipedown", nullptr, [](Point at, double t) { return hard(at.v < t); }},
      {"wipetl", nullptr, [](Point at, double t) { return hard(at.u > 1 - t || at.v > 1 - t); }},
      {"wipetr", nullptr, [](Point at, double t) { return hard(at.u < t || at.v > 1 - t); }},
      {"wipebl", nullptr, [](Point at, double t) { return hard(at.u > 1 - t || at.v < t); }},
      {"wipebr", nullptr, [](Point at, double t) { return hard(at.u < t || at.v < t); }},
      {"smoothleft", nullptr, [](Point at, double t) { return soft(1 - at.u, t); }},
      {"smoothright", nullptr, [](Point at, double t) { return soft(at.u, t); }},
      {"smoothup", nullptr, [](Point at, double t) { return soft(1 - at.v, t); }},
      {"smoothdown", nullptr, [](Point at, double t) { return soft(at.v, t); }},
      {"diagtl", nullptr, [](Point at, double t) { return soft((2 - at.u - at.v) / 2, t); }},
      {"diagtr", nullptr, [](Point at, double t) { return soft((1 + at.u - at.v) / 2, t); }},
      {"diagbl", nullptr, [](Point at, double t) { return soft((1 - at.u + at.v) / 2, t); }},
      {"diagbr", nullptr, [](Point at, double t) { return soft((at.u + at.v) / 2, t); }},
      {"circleopen", nullptr, [](Point at, double t) { return soft(radius(at), t); }},
      {"circleclose", nullptr, [](Point at, double t) { return soft(1 - radius(at), t); }},
      {"vertopen", nullptr, [](Point at, double t) { return soft(std::abs(at.u - 0.5) * 2, t); }},
      {"vertclose", nullptr, [](Point at, double t) { return soft(1 - std::abs(at.u - 0.5) * 2, t); }},
      {"horzopen", nullptr, [](Point at, double t) { return soft(std::abs(at.v - 0.5) * 2, t); }},
      {"horzclose", nullptr, [](Point at, double t) { return soft(1 - std::abs(at.v - 0.5) * 2, t); }},
      {"radial", nullptr,
       [](Point at, double t) { return soft((std::atan2(at.u - 0.5, at.v - 0.5) + kPi) / (2 * kPi), t); }},
      {"hlslice", nullptr, [](Point at, double t) { return slice(at.u, t); }},
      {"hrslice", nullptr, [](Point at, double t) { return slice(1 - at.u, t); }},
      {"vuslice", nullptr, [](Point at, double t) { return slice(at.v, t); }},
      {"vdslice", nullptr, [](Point at, double t) { return slice(1 - at.v, t); }},
      {"slideleft", [](const Pair& p, double t) { slide(p, -1, 0, t); }},
      {"slideright", [](const Pair& p, double t) { slide(p, 1, 0, t); }},
      {"slideup", [](const Pair& p, double t) { slide(p, 0, -1, t); }},
      {"slidedown", [](const Pair& p, double t) { slide(p, 0, 1, t); }},
      {"circlecrop", [](const Pair& p, double t) { crop(p, t, true); }},
      {"rectcrop", [](const Pair& p, double t) { crop(p, t, false); }},
      {"squeezeh", [](const Pair& p, double t) { squeeze(p, true, t); }},
      {"squeezev", [](const Pair& p, double t) { squeeze(p, false, t); }},
      {"zoomin", zoom_in},
      {"pixelize", pixelize},
      {"hblur", blurred},
  };
  return all;
}

Result<PictureTransition> PictureTransition::create(const std::string& kind) {
  for (const Kind& known : kinds())
    if (known.name == kind) return PictureTransition(known);
  return fail(ErrorKind::not_found, fmt::format("there is no transition \"{}\"", kind),
              fmt::format("known transitions: {}", fmt::join(transition_catalog(), ", ")));
}

PictureTransition::PictureTransition(const Kind& kind) : kind_(&kind) {}

void PictureTransition::apply(const RasterView& from, const RasterView& to, const RasterView& out,
                              double progress) const {
  progress = std::clamp(progress, 0.0, 1.0);
  if (progress <= 0) return copy(from, out);
  if (progress >= 1) return copy(to, out);
  if (kind_->weight)
    mix_by({from, to, out}, kind_->weight, progress);
  else
    kind_->apply({from, to, out}, progress);
}

const std::vector<std::string>& transition_catalog() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& kind : PictureTransition::kinds()) all.emplace_back(kind.name);
    return all;
  }();
  return names;
}

}  // namespace studio
