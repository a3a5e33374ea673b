// Titles, lower thirds, meme captions and plain colours.
#include <algorithm>
#include <cmath>

#include "render/default_fonts.h"
#include "render/generator_registry.h"
#include "render/text.h"

namespace studio {
namespace {

// SMPTE ST 2046-1: text inside the middle 90% is safe on every screen.
constexpr double kSafe = 0.05;

struct Box {
  double x, y, width, height;  // fractions of the canvas
};

enum class Anchor { start, middle, end };

// One painted text, where it stands, and how it comes and goes.
class TextDrawing final : public GeneratedPicture::Drawing {
 public:
  struct Part {
    RgbaImage image;
    int x = 0, y = 0;
  };
  struct Motion {
    double fade_in_s = 0, fade_out_s = 0;
    bool slide = false;
  };
  TextDrawing(std::vector<Part> parts, Motion motion, const EffectStage& stage)
      : parts_(std::move(parts)), motion_(motion), rate_(stage.frame_rate), duration_(stage.duration) {
    // A title shorter than its fades still has to be read: they share half of its time at most.
    const double fades = motion_.fade_in_s + motion_.fade_out_s, room = duration_.seconds() / 2;
    if (fades <= room || fades <= 0) return;
    motion_.fade_in_s *= room / fades;
    motion_.fade_out_s *= room / fades;
  }

  bool acts_at(Time at) const override { return opacity(at) > 0; }
  void draw(const RasterView& canvas, Time at) override {
    if (layers_.empty() || format_like(canvas)) make_layers(canvas);
    const double alpha = opacity(at);
    const int rise = motion_.slide ? static_cast<int>((1 - alpha) * canvas.height * 0.04) / 2 * 2 : 0;
    for (std::size_t i = 0; i < parts_.size(); ++i)
      blend(canvas, layers_[i].view(), parts_[i].x, parts_[i].y + rise, alpha);
  }

 private:
  // Neither the first nor the last frame is empty: a title that is there is seen.
  double opacity(Time at) const {
    if (at < Time{} || at >= duration_) return 0;
    const double frame = 1 / rate_.to_double(), t = at.seconds();
    const double in = motion_.fade_in_s > frame ? (t + frame) / motion_.fade_in_s : 1;
    const double out = motion_.fade_out_s > frame ? (duration_.seconds() - t) / motion_.fade_out_s : 1;
    return std::clamp(std::min(in, out), 0.0, 1.0);
  }
  bool format_like(const RasterView& canvas) const {
    const RasterView& view = layers_.front().view();
    return view.depth != canvas.depth || view.shift_x != canvas.shift_x || view.shift_y != canvas.shift_y ||
           view.matrix != canvas.matrix;
  }
  void make_layers(const RasterView& canvas) {
    layers_.clear();
    for (const Part& part : parts_) layers_.push_back(layer_of(part.image, canvas));
  }
  std::vector<Part> parts_;
  std::vector<Raster> layers_;
  Motion motion_;
  Rational rate_;
  Time duration_;
};

int even(double value) {
  return static_cast<int>(std::floor(value / 2)) * 2;
}

TextDrawing::Part place(RgbaImage image, const Box& box, const EffectStage& stage, Anchor across,
                        Anchor down) {
  auto along = [](double start, double length, double size, Anchor anchor) {
    if (anchor == Anchor::start) return start;
    return anchor == Anchor::end ? start + length - size : start + (length - size) / 2;
  };
  const double x = along(box.x * stage.width, box.width * stage.width, image.width, across);
  const double y = along(box.y * stage.height, box.height * stage.height, image.height, down);
  return {std::move(image), std::max(0, even(x)), std::max(0, even(y))};
}

std::string cased(const std::string& text, bool upper) {
  return upper ? upper_case(text) : text;
}

TextStyle style_of(const EffectValues& values, const EffectStage& stage) {
  TextStyle style;
  style.family = values.text("font");
  // Of the shorter side for upright pictures, so that a title has the same weight in 9:16.
  const double reference = std::min<double>(stage.height, stage.width * 0.75);
  style.size = std::max(6.0, values.number("size") * reference);
  style.smallest = std::min(style.size, std::max(5.0, 0.016 * reference));
  style.bold = values.number("bold") >= 0.5;
  style.color = values.color("color");
  style.outline = values.number("outline");
  style.outline_color = values.color("outline_color");
  style.shadow = values.number("shadow");
  style.box = values.color("box");
  style.padding = style.box.a > 0 ? 0.35 : 0;
  return style;
}

void warn(const TextPainter& painter, std::string_view text, const TextStyle& style, bool cut,
          std::vector<std::string>& warnings) {
  for (std::string& problem : painter.problems(text, style.family)) warnings.push_back(std::move(problem));
  if (cut)
    warnings.push_back("the text \"" + std::string(text.substr(0, 40)) +
                       "...\" is too long for the picture: its end is cut");
}

struct Spot {
  Anchor across = Anchor::middle, down = Anchor::middle;
  TextAlign align = TextAlign::center;
};

Spot spot_of(const std::string& position) {
  Spot spot;
  if (position.ends_with("left")) spot = {Anchor::start, Anchor::middle, TextAlign::left};
  if (position.ends_with("right")) spot = {Anchor::end, Anchor::middle, TextAlign::right};
  if (position.starts_with("top")) spot.down = Anchor::start;
  if (position.starts_with("bottom")) spot.down = Anchor::end;
  return spot;
}

TextDrawing::Motion motion_of(const EffectValues& values) {
  const std::string animation = values.text("animation");
  if (animation == "none") return {};
  return {values.number("fade_in_s"), values.number("fade_out_s"), animation == "slide"};
}

DrawingResult make_title(const EffectValues& values, const EffectStage& stage,
                         std::vector<std::string>& warnings) {
  TRY_ASSIGN(const TextPainter painter, TextPainter::create());
  TextStyle style = style_of(values, stage);
  Spot spot = spot_of(values.text("position"));
  style.align = spot.align;
  const std::string text = cased(values.text("text"), values.number("uppercase") >= 0.5);
  const Box box{kSafe, kSafe, 1 - 2 * kSafe, 1 - 2 * kSafe};
  TRY_ASSIGN(RenderedText painted,
             painter.paint(text, style, even(box.width * stage.width), even(box.height * stage.height)));
  warn(painter, text, style, painted.cut, warnings);
  TextDrawing::Part part = place(std::move(painted.image), box, stage, spot.across, spot.down);
  auto moved = [&](std::string_view name, int size, int canvas, int placed) {
    if (!values.given(name)) return placed;
    const int low = even(std::ceil(kSafe * canvas / 2) * 2),
              high = std::max(low, even((1 - kSafe) * canvas) - size);
    return std::clamp(even(values.number(name) * canvas - size / 2.0), low, high);
  };
  part.x = moved("x", part.image.width, stage.width, part.x);
  part.y = moved("y", part.image.height, stage.height, part.y);
  std::vector<TextDrawing::Part> parts;
  parts.push_back(std::move(part));
  return std::make_unique<TextDrawing>(std::move(parts), motion_of(values), stage);
}

DrawingResult make_caption(const EffectValues& values, const EffectStage& stage,
                           std::vector<std::string>& warnings) {
  TRY_ASSIGN(const TextPainter painter, TextPainter::create());
  const TextStyle style = style_of(values, stage);
  const bool top = values.text("position") == "top";
  const std::string text = cased(values.text("text"), values.number("uppercase") >= 0.5);
  // A third of the picture each, so that a top and a bottom caption never meet.
  const Box box{kSafe, top ? kSafe : 1 - kSafe - 0.34, 1 - 2 * kSafe, 0.34};
  TRY_ASSIGN(RenderedText painted,
             painter.paint(text, style, even(box.width * stage.width), even(box.height * stage.height)));
  warn(painter, text, style, painted.cut, warnings);
  std::vector<TextDrawing::Part> parts;
  parts.push_back(
      place(std::move(painted.image), box, stage, Anchor::middle, top ? Anchor::start : Anchor::end));
  return std::make_unique<TextDrawing>(std::move(parts), motion_of(values), stage);
}

// Name over role, on a bar with a coloured edge, lower left.
DrawingResult make_lower_third(const EffectValues& values, const EffectStage& stage,
                               std::vector<std::string>& warnings) {
  TRY_ASSIGN(const TextPainter painter, TextPainter::create());
  TextStyle style = style_of(values, stage);
  style.align = TextAlign::left;
  style.padding = 0;
  const Rgba bar = style.box;
  style.box = Rgba{0, 0, 0, 0};
  const std::string text = values.text("text"), subtext = values.text("subtext");
  const int widest = std::max(8, even(0.8 * stage.width)), tallest = std::max(8, even(0.3 * stage.height));
  const int pad = std::max(2, static_cast<int>(style.size * 0.3)),
            edge = std::max(2, static_cast<int>(style.size * 0.14));
  const int room = std::max(4, widest - 2 * pad - edge);
  TRY_ASSIGN(RenderedText main, painter.paint(text, style, room, std::max(4, tallest * 3 / 5 - pad)));
  warn(painter, text, style, main.cut, warnings);
  RenderedText second;
  if (!subtext.empty()) {
    TextStyle small = style;
    small.size = std::max(5.0, main.size * 0.62);
    small.smallest = std::min(small.smallest, small.size);
    small.bold = false;
    TRY_ASSIGN(second, painter.paint(subtext, small, room, std::max(4, tallest * 2 / 5 - pad)));
    warn(painter, subtext, small, second.cut, warnings);
  }
  RgbaImage plate;
  plate.width = std::max(main.image.width, second.image.width) + 2 * pad + edge;
  plate.height = main.image.height + second.image.height + 2 * pad * 2 / 3;
  plate.pixels.resize(static_cast<std::size_t>(plate.width) * plate.height * 4);
  const Rgba accent = values.color("accent");
  for (int y = 0; y < plate.height; ++y)
    for (int x = 0; x < plate.width; ++x) {
      const Rgba c = x < edge ? accent : bar;
      std::copy_n(&c.r, 4, plate.at(x, y));
    }
  auto over = [&](const RgbaImage& image, int x0, int y0) {
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) {
        const std::uint8_t* top = image.at(x, y);
        std::uint8_t* below = plate.at(x + x0, y + y0);
        const double a = top[3] / 255.0, b = below[3] / 255.0, out = a + b * (1 - a);
        if (out <= 0) continue;
        for (int c = 0; c < 3; ++c)
          below[c] = static_cast<std::uint8_t>(std::lround((top[c] * a + below[c] * b * (1 - a)) / out));
        below[3] = static_cast<std::uint8_t>(std::lround(out * 255));
      }
  };
  over(main.image, edge + pad, pad * 2 / 3);
  if (second.image.width > 0) over(second.image, edge + pad, pad * 2 / 3 + main.image.height);
  const Box box{kSafe, kSafe, 1 - 2 * kSafe, 1 - 2 * kSafe - 0.03};
  std::vector<TextDrawing::Part> parts;
  parts.push_back(place(std::move(plate), box, stage,
                        values.text("position") == "right" ? Anchor::end : Anchor::start, Anchor::end));
  return std::make_unique<TextDrawing>(std::move(parts), motion_of(values), stage);
}

class ColorDrawing final : public GeneratedPicture::Drawing {
 public:
  explicit ColorDrawing(Rgba color) : color_(color) {}
  bool covers_canvas(Time) const override { return color_.a == 255; }
  void draw(const RasterView& canvas, Time) override {
    blend_rectangle(canvas, 0, 0, canvas.width, canvas.height, color_);
  }

 private:
  Rgba color_;
};

GeneratorDefinition text_generator(std::string id, std::string description, double size, std::string box,
                                   double outline, double uppercase, double shadow) {
  GeneratorDefinition d;
  d.info.id = std::move(id);
  d.info.description = std::move(description);
  d.info.params = {
      text_parameter("text", "", "what is written, literally; line feeds break lines"),
      number_parameter("size", "", 0.01, 0.6, size,
                       "of the letters, fraction of the picture's height; smaller when it does not fit",
                       false),
      text_parameter("font", default_font(d.info.id), "an installed family"),
      number_parameter("bold", "", 0, 1, 1, "1: bold", false),
      color_parameter("color", "white", "of the letters"),
      number_parameter("outline", "", 0, 0.3, outline, "width, fraction of the size", false),
      color_parameter("outline_color", "black", "of the outline"),
      number_parameter("shadow", "", 0, 0.3, shadow, "offset, fraction of the size", false),
      color_parameter("box", std::move(box), "behind the text"),
      number_parameter("uppercase", "", 0, 1, uppercase, "1: capital letters", false),
      number_parameter("fade_in_s", "s", 0, 10, 0.25, "time to appear", false),
      number_parameter("fade_out_s", "s", 0, 10, 0.25, "time to go", false),
      choice_parameter("animation", {"fade", "slide", "none"}, "how it comes and goes")};
  return d;
}

}  // namespace

std::vector<GeneratorDefinition> title_generators() {
  GeneratorDefinition title = text_generator("title", "large text", 0.11, "transparent", 0.05, 0, 0.06);
  title.info.params.push_back(choice_parameter(
      "position",
      {"center", "top", "bottom", "left", "right", "top_left", "top_right", "bottom_left", "bottom_right"},
      "where it stands"));
  title.info.params.push_back(
      number_parameter("x", "", 0, 1, 0.5, "its middle, fraction of the width", false));
  title.info.params.push_back(
      number_parameter("y", "", 0, 1, 0.5, "its middle, fraction of the height", false));
  title.picture = make_title;

  GeneratorDefinition third =
      text_generator("lower_third", "name and role at the lower left", 0.06, "#000000b0", 0, 0, 0);
  third.info.params.push_back(text_parameter("subtext", "", "second, smaller line"));
  third.info.params.push_back(color_parameter("accent", "#ffb000", "of the edge"));
  third.info.params.push_back(choice_parameter("position", {"left", "right"}, "side"));
  third.picture = make_lower_third;

  GeneratorDefinition caption =
      text_generator("caption", "meme caption: white capitals with a black outline, top or bottom", 0.12,
                     "transparent", 0.08, 1, 0);
  caption.info.params.push_back(choice_parameter("position", {"bottom", "top"}, "edge"));
  caption.picture = make_caption;

  GeneratorDefinition color;
  color.info.id = "color";
  color.info.description = "one colour over the whole picture";
  color.info.params = {color_parameter("color", "black", "the colour")};
  color.picture = [](const EffectValues& values, const EffectStage&,
                     std::vector<std::string>&) -> DrawingResult {
    return std::make_unique<ColorDrawing>(values.color("color"));
  };
  std::vector<GeneratorDefinition> all;
  for (GeneratorDefinition* d : {&title, &third, &caption, &color}) all.push_back(std::move(*d));
  return all;
}

}  // namespace studio
