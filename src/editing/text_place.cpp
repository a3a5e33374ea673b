// Weighs the upper against the lower third by what of the subjects they would cover.
#include "editing/text_place.h"

#include <algorithm>
#include <cstdio>

#include "editing/plan_cuts.h"
#include "editing/repair.h"

namespace studio {
namespace {

// Bands a title of one or two lines fills, fractions of the height.
constexpr double kUpper[] = {0.04, 0.36}, kLower[] = {0.64, 0.96};
constexpr double kAsFree = 0.02;  // less is no reason to leave the lower third

const Shot* shot_of(const Piece& piece, const EditSource& source) {
  const double middle = (piece.start_s + piece.end_s) / 2;
  for (const Shot& shot : source.analysis.shots)
    if (shot.start.seconds() <= middle && middle < shot.end.seconds()) return &shot;
  return nullptr;
}

// Height of the output's shape against the source's: below 1 when the top and bottom are cropped away.
double visible_height(const EditPlan& plan, const EditSource& source) {
  for (const Decision& d : plan.decisions) {
    int w = 0, h = 0;
    if (d.type != DecisionType::composite || text_param(d, "layout") != "frame" ||
        std::sscanf(text_param(d, "aspect").c_str(), "%d:%d", &w, &h) != 2 || w < 1 || h < 1)
      continue;
    double own = static_cast<double>(source.media.width) / std::max(1, source.media.height);
    return std::clamp(own * h / w, 0.1, 1.0);
  }
  return 1;
}

double covered(const Box& subject, const double (&band)[2], double visible) {
  // A crop around the subject puts its middle into the middle, as far as the picture reaches.
  double middle = std::clamp(subject.center_y(), visible / 2, 1 - visible / 2);
  auto seen = [&](double y) { return (y - middle) / visible + 0.5; };
  double high = std::min(band[1], seen(subject.y + subject.height)), low = std::max(band[0], seen(subject.y));
  return std::max(0.0, high - low) * std::clamp(subject.width, 0.0, 1.0);
}

bool holds(const Decision& text, const std::string& third) {
  std::string position = text_param(text, "position"), kind = text_param(text, "kind", "title");
  if (kind == "subtitles" || kind == "lower_third") return third == "bottom";
  if (kind == "caption") return (position.starts_with("top") ? "top" : "bottom") == third;
  return position.starts_with(third);
}

}  // namespace

std::string freer_third(const EditPlan& plan, std::span<const EditSource> sources, double at_s,
                        double duration_s) {
  bool top_taken = false, bottom_taken = false;
  for (const Decision& d : plan.decisions) {
    if (d.type != DecisionType::text_overlay) continue;
    double start = number_param(d, "at_s", 0), end = start + number_param(d, "duration_s", 1e9);
    if (start >= at_s + duration_s || end <= at_s) continue;
    top_taken = top_taken || holds(d, "top");
    bottom_taken = bottom_taken || holds(d, "bottom");
  }
  if (top_taken != bottom_taken) return top_taken ? "bottom" : "top";
  if (top_taken) return "center";
  double upper = 0, lower = 0, time = 0;
  for (const Piece& piece : pieces_of(plan, sources)) {
    double shared = std::min(piece.output_end_s, at_s + duration_s) - std::max(piece.output_start_s, at_s);
    const EditSource* source = find_source(sources, piece.source);
    const Shot* shot = source && shared > 0 ? shot_of(piece, *source) : nullptr;
    if (!shot) continue;
    double visible = visible_height(plan, *source);
    upper += shared * covered(shot->composition.subject, kUpper, visible);
    lower += shared * covered(shot->composition.subject, kLower, visible);
    time += shared;
  }
  return lower > upper + kAsFree * time ? "top" : "bottom";
}

}  // namespace studio
