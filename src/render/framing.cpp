// fit, reframe, picture_in_picture, split_screen: geometry only; clip_look.cpp moves the pixels.
#include "render/framing.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace studio {
namespace {

int even(double value) {
  return std::max(2, static_cast<int>(std::lround(value / 2)) * 2);
}

struct Cell {
  std::string_view name;
  double x, y, width, height;  // fractions of the canvas
};

constexpr std::array<Cell, 14> kCells = {{{"left", 0, 0, 0.5, 1},
                                          {"right", 0.5, 0, 0.5, 1},
                                          {"top", 0, 0, 1, 0.5},
                                          {"bottom", 0, 0.5, 1, 0.5},
                                          {"top_left", 0, 0, 0.5, 0.5},
                                          {"top_right", 0.5, 0, 0.5, 0.5},
                                          {"bottom_left", 0, 0.5, 0.5, 0.5},
                                          {"bottom_right", 0.5, 0.5, 0.5, 0.5},
                                          {"left_third", 0, 0, 1 / 3.0, 1},
                                          {"center_third", 1 / 3.0, 0, 1 / 3.0, 1},
                                          {"right_third", 2 / 3.0, 0, 1 / 3.0, 1},
                                          {"top_third", 0, 0, 1, 1 / 3.0},
                                          {"middle_third", 0, 1 / 3.0, 1, 1 / 3.0},
                                          {"bottom_third", 0, 2 / 3.0, 1, 1 / 3.0}}};

std::vector<std::string> cell_names() {
  std::vector<std::string> names;
  for (const Cell& cell : kCells) names.emplace_back(cell.name);
  return names;
}

Place split_place(const EffectValues& values, const EffectStage& stage) {
  const std::string side = values.text("side");
  const auto cell = std::ranges::find(kCells, side, &Cell::name);
  const Cell& found = cell == kCells.end() ? kCells.front() : *cell;
  // Both neighbours round the shared edge alike, so no line of background shows between them.
  const double x0 = std::round(found.x * stage.width / 2) * 2,
               y0 = std::round(found.y * stage.height / 2) * 2;
  const double x1 = std::round((found.x + found.width) * stage.width / 2) * 2;
  const double y1 = std::round((found.y + found.height) * stage.height / 2) * 2;
  Place place;
  place.x = x0;
  place.y = y0;
  place.width = x1 - x0;
  place.height = y1 - y0;
  place.border = values.number("border") * stage.height;
  place.border_color = values.color("border_color");
  return place;
}

Place inset_place(const EffectValues& values, const EffectStage& stage, double cell_aspect, Time at) {
  Place place;
  place.width = std::max(2.0, values.number("width", at) * stage.width);
  place.height = std::max(2.0, place.width / cell_aspect);
  const double tallest = 0.98 * stage.height;
  if (place.height > tallest) {
    place.width *= tallest / place.height;
    place.height = tallest;
  }
  const double margin = values.number("margin", at) * stage.height;
  const std::string position = values.text("position");
  const double left = margin, right = stage.width - place.width - margin;
  const double top = margin, bottom = stage.height - place.height - margin;
  const double middle_x = (stage.width - place.width) / 2, middle_y = (stage.height - place.height) / 2;
  place.x = position.ends_with("left") ? left : position.ends_with("right") ? right : middle_x;
  place.y = position.starts_with("top") ? top : position.starts_with("bottom") ? bottom : middle_y;
  if (values.given("x")) place.x = values.number("x", at) * stage.width - place.width / 2;
  if (values.given("y")) place.y = values.number("y", at) * stage.height - place.height / 2;
  place.opacity = values.number("opacity", at);
  place.border = values.number("border") * stage.height;
  place.border_color = values.color("border_color");
  return place;
}

EffectDefinition definition(EffectStep step, std::string id, std::string description,
                            std::vector<EffectParameter> params) {
  EffectDefinition d;
  d.step = step;
  d.info.id = std::move(id);
  d.info.description = std::move(description);
  d.info.params = std::move(params);
  return d;
}

}  // namespace

Fit contain(int source_width, int source_height, int cell_width, int cell_height, bool blurred_bars) {
  const double scale = std::min(static_cast<double>(cell_width) / source_width,
                                static_cast<double>(cell_height) / source_height);
  Fit fit;
  fit.crop = {0, 0, static_cast<double>(source_width), static_cast<double>(source_height)};
  fit.width = std::min(even(source_width * scale), cell_width);
  fit.height = std::min(even(source_height * scale), cell_height);
  // A bar of one line would only be a rounding error showing.
  if (cell_width - fit.width <= 2) fit.width = cell_width;
  if (cell_height - fit.height <= 2) fit.height = cell_height;
  fit.x = (cell_width - fit.width) / 4 * 2;
  fit.y = (cell_height - fit.height) / 4 * 2;
  fit.blurred_bars = blurred_bars && (fit.width < cell_width || fit.height < cell_height);
  return fit;
}

Fit cover(int source_width, int source_height, int cell_width, int cell_height, double x, double y,
          double zoom) {
  const double scale = std::max(static_cast<double>(cell_width) / source_width,
                                static_cast<double>(cell_height) / source_height) *
                       std::max(1.0, zoom);
  Fit fit;
  fit.crop.width = cell_width / scale;
  fit.crop.height = cell_height / scale;
  fit.crop.x = std::clamp(x * source_width - fit.crop.width / 2, 0.0, source_width - fit.crop.width);
  fit.crop.y = std::clamp(y * source_height - fit.crop.height / 2, 0.0, source_height - fit.crop.height);
  fit.width = cell_width;
  fit.height = cell_height;
  return fit;
}

Fit stretch(int source_width, int source_height, int cell_width, int cell_height) {
  return {{0, 0, static_cast<double>(source_width), static_cast<double>(source_height)},
          0,
          0,
          cell_width,
          cell_height};
}

Fit fit_at(const EffectValues& values, std::string_view effect_id, int source_width, int source_height,
           int cell_width, int cell_height, Time at) {
  if (effect_id == "reframe")
    return cover(source_width, source_height, cell_width, cell_height, values.number("x", at),
                 values.number("y", at), values.number("zoom", at));
  const std::string mode = values.text("mode");
  if (mode == "cover")
    return cover(source_width, source_height, cell_width, cell_height, values.number("x", at),
                 values.number("y", at));
  if (mode == "stretch") return stretch(source_width, source_height, cell_width, cell_height);
  return contain(source_width, source_height, cell_width, cell_height, mode == "blur");
}

Place place_at(const EffectValues& values, std::string_view effect_id, const EffectStage& stage,
               double cell_aspect, Time at) {
  return effect_id == "split_screen" ? split_place(values, stage)
                                     : inset_place(values, stage, cell_aspect, at);
}

std::vector<EffectDefinition> framing_effects() {
  return {
      definition(
          EffectStep::framing, "fit", "how a picture of another shape fills the frame",
          {choice_parameter("mode", {"contain", "cover", "stretch", "blur"},
                            "contain: all of it with bars; cover: fills, edges cut; stretch: out of shape; "
                            "blur: all of it over a blurred copy"),
           number_parameter("x", "", 0, 1, 0.5, "cover: point to keep, fraction of the source's width"),
           number_parameter("y", "", 0, 1, 0.5, "cover: point to keep, fraction of the source's height")}),
      definition(EffectStep::framing, "reframe", "crops to the frame's shape and follows the subject",
                 {number_parameter("x", "", 0, 1, 0.5, "subject's centre, fraction of the source's width"),
                  number_parameter("y", "", 0, 1, 0.5, "subject's centre, fraction of the source's height"),
                  number_parameter("zoom", "times", 1, 4, 1, "closer than the shape alone asks")})};
}

std::vector<EffectDefinition> placing_effects() {
  return {
      definition(
          EffectStep::placing, "picture_in_picture", "small, over the track below",
          {choice_parameter("position",
                            {"top_right", "top_left", "bottom_right", "bottom_left", "top", "bottom", "left",
                             "right", "center"},
                            "where it stands"),
           number_parameter("width", "", 0.05, 1, 0.33, "of the inset, fraction of the frame's width"),
           number_parameter("margin", "", 0, 0.4, 0.05, "to the edges, fraction of the frame's height"),
           number_parameter("x", "", -1, 2, 0.5, "centre, fraction of the frame's width; replaces position"),
           number_parameter("y", "", -1, 2, 0.5, "centre, fraction of the frame's height; replaces position"),
           number_parameter("opacity", "", 0, 1, 1, "1: nothing shines through"),
           number_parameter("border", "", 0, 0.1, 0.005, "fraction of the frame's height", false),
           color_parameter("border_color", "white", "of the border")}),
      definition(EffectStep::placing, "split_screen", "fills one part of the frame, beside other clips",
                 {choice_parameter("side", cell_names(), "the part this clip fills"),
                  number_parameter("border", "", 0, 0.1, 0, "fraction of the frame's height", false),
                  color_parameter("border_color", "black", "of the border")})};
}

}  // namespace studio
