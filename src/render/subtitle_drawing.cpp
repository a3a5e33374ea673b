// The "subtitles" generator: SubRip cues through our own text, ASS through libass.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "render/backends/ass_drawing.h"
#include "render/default_fonts.h"
#include "render/generator_registry.h"
#include "render/subtitles.h"
#include "render/text.h"

namespace studio {
namespace {

constexpr double kSafe = 0.05;

class CueDrawing final : public GeneratedPicture::Drawing {
 public:
  CueDrawing(TextPainter painter, std::vector<Cue> cues, TextStyle style, bool top, Time offset,
             const EffectStage& stage)
      : painter_(std::move(painter)),
        cues_(std::move(cues)),
        style_(style),
        top_(top),
        offset_(offset),
        stage_(stage) {}

  bool acts_at(Time at) const override { return !shown_at(at).empty(); }

  void draw(const RasterView& canvas, Time at) override {
    const std::vector<std::size_t> shown = shown_at(at);
    if (shown != painted_ || changed(canvas)) paint(shown, canvas);
    for (const Line& line : lines_) blend(canvas, line.layer.view(), line.x, line.y);
  }

 private:
  struct Line {
    Raster layer;
    int x = 0, y = 0;
  };

  std::vector<std::size_t> shown_at(Time at) const {
    std::vector<std::size_t> shown;
    const Time t = at - offset_;
    for (std::size_t i = 0; i < cues_.size() && cues_[i].range.start <= t; ++i)
      if (cues_[i].range.contains(t)) shown.push_back(i);
    return shown;
  }

  bool changed(const RasterView& canvas) const {
    return canvas.depth != depth_ || canvas.width != width_ || canvas.height != height_;
  }

  // Cues that overlap in time stand over each other, the first one lowest (highest at the top).
  void paint(const std::vector<std::size_t>& shown, const RasterView& canvas) {
    lines_.clear();
    painted_ = shown;
    depth_ = canvas.depth;
    width_ = canvas.width;
    height_ = canvas.height;
    const int area_width = static_cast<int>(canvas.width * (1 - 2 * kSafe)) / 2 * 2;
    double low = canvas.height * (1 - kSafe), high = canvas.height * kSafe;
    for (const std::size_t index : shown) {
      const bool top = top_ || cues_[index].top;
      const int room = static_cast<int>(std::min(canvas.height * 0.4, low - high)) / 2 * 2;
      if (room < 8) break;
      TextStyle style = style_;
      style.italic = cues_[index].italic;
      auto painted = painter_.paint(cues_[index].text, style, area_width, room);
      if (!painted) continue;
      Line line;
      const RgbaImage& image = painted->image;
      line.x = std::max(0, (canvas.width - image.width) / 4 * 2);
      line.y = static_cast<int>(std::max(0.0, top ? high : low - image.height)) / 2 * 2;
      (top ? high : low) += top ? image.height : -image.height;
      line.layer = layer_of(image, canvas);
      lines_.push_back(std::move(line));
    }
  }

  TextPainter painter_;
  std::vector<Cue> cues_;
  TextStyle style_;
  bool top_;
  Time offset_;
  EffectStage stage_;
  std::vector<std::size_t> painted_;
  std::vector<Line> lines_;
  int depth_ = 0, width_ = 0, height_ = 0;
};

// Each character once: what is missing is found without laying out hours of text.
std::string characters_of(const std::vector<Cue>& cues) {
  std::set<std::string> characters;
  for (const Cue& cue : cues)
    for (std::size_t i = 0; i < cue.text.size();) {
      std::size_t length = 1;
      while (i + length < cue.text.size() &&
             (static_cast<unsigned char>(cue.text[i + length]) & 0xC0) == 0x80)
        ++length;
      characters.insert(cue.text.substr(i, length));
      i += length;
    }
  std::string all;
  for (const std::string& character : characters) all += character;
  return all;
}

// Subtitles that become a stream draw nothing: see subtitle_mux.h.
class NoDrawing final : public GeneratedPicture::Drawing {
 public:
  bool acts_at(Time) const override { return false; }
  void draw(const RasterView&, Time) override {}
};

bool is_ass(const Path& path) {
  return path.extension() == ".ass" || path.extension() == ".ssa";
}

DrawingResult make_subtitles(const EffectValues& values, const EffectStage& stage,
                             std::vector<std::string>& warnings) {
  const Path path = values.text("file");
  const Time offset = Time::from_seconds(values.number("offset_s"));
  if (path.empty())
    return fail(ErrorKind::invalid_input, "draw subtitles: no file is given", "set the parameter file");
  if (values.text("mode") == "mux") return std::make_unique<NoDrawing>();
  TRY_ASSIGN(TextPainter painter, TextPainter::create());
  if (is_ass(path)) {
    TRY_ASSIGN(const std::string script, read_file(path, 64u << 20));
    return make_ass_drawing(script, path.string(), values.text("font"), offset, warnings);
  }
  TRY_ASSIGN(auto cues, read_srt(path));
  TextStyle style;
  style.family = values.text("font");
  const double reference = std::min<double>(stage.height, stage.width * 0.75);
  style.size = std::max(6.0, values.number("size") * reference);
  style.smallest = std::min(style.size, std::max(5.0, 0.02 * reference));
  style.bold = values.number("bold") >= 0.5;
  style.color = values.color("color");
  style.outline = values.number("outline");
  style.box = values.color("box");
  style.padding = style.box.a > 0 ? 0.25 : 0;
  for (std::string& problem : painter.problems(characters_of(cues), style.family))
    warnings.push_back(std::move(problem));
  return std::make_unique<CueDrawing>(std::move(painter), std::move(cues), style,
                                      values.text("position") == "top", offset, stage);
}

}  // namespace

GeneratorDefinition subtitles_generator() {
  GeneratorDefinition d;
  d.info.id = "subtitles";
  d.info.description = "subtitles from a file, drawn into the picture or kept as a stream";
  d.info.params = {
      text_parameter("file", "", "SubRip (.srt), WebVTT (.vtt) or ASS (.ass, .ssa)"),
      choice_parameter("mode", {"burn", "mux"}, "burn: into the picture; mux: a stream players can switch"),
      number_parameter("offset_s", "s", -86400, 86400, 0, "shows all of it this much later", false),
      number_parameter("size", "", 0.02, 0.3, 0.06, "of the letters, fraction of the height", false),
      text_parameter("font", default_font("subtitles"), "an installed family"),
      number_parameter("bold", "", 0, 1, 0, "1: bold", false),
      color_parameter("color", "white", "of the letters"),
      number_parameter("outline", "", 0, 0.3, 0.06, "width, fraction of the size", false),
      color_parameter("box", "transparent", "behind the text"),
      choice_parameter("position", {"bottom", "top"}, "edge")};
  d.picture = make_subtitles;
  return d;
}

}  // namespace studio
