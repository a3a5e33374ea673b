// Effects on pieces and on everything, insets, split screens, titles, captions, subtitles.
#include "editing/compile_layers.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/plan_cuts.h"
#include "editing/reframe.h"
#include "timeline/verbs_layers.h"

namespace studio {
namespace {

Clip* clip_named(Timeline& timeline, const std::string& id) {
  for (Track& track : timeline.tracks)
    for (Item& item : track.items)
      if (auto* clip = std::get_if<Clip>(&item); clip && clip->id == id) return clip;
  return nullptr;
}

Effect effect_of(const Decision& d) {
  Effect effect{text_param(d, "effect"), {}, {}};
  for (const auto& [key, value] : d.params.items()) {
    if (key == "target" || key == "effect" || key == "at_s" || key == "duration_s" || key == "anchor")
      continue;
    if (value.is_number()) effect.params[key] = value.get<double>();
    if (value.is_string()) effect.params[key] = value.get<std::string>();
  }
  return effect;
}

// A zoom without a point goes for the subject at that moment.
void aim(Effect& effect, const LayerContext& context, Time at) {
  bool zooms = effect.id == "zoom_punch" || effect.id == "slow_zoom";
  if (!zooms || effect.params.contains("x") || effect.params.contains("y")) return;
  for (const Piece& piece : context.out.pieces) {
    if (at.seconds() < piece.output_start_s - 1e-6 || at.seconds() >= piece.output_end_s) continue;
    const EditSource* source = find_source(context.sources, piece.source);
    if (!source) return;
    // A crop of another shape has moved the subject to the middle already.
    double own = static_cast<double>(source->media.width) / std::max(1, source->media.height);
    double shape = static_cast<double>(context.out.timeline.width) / context.out.timeline.height;
    Point point;
    if (std::abs(own / shape - 1) <= 0.02) {
      if (!source->watched) context.out.to_watch.insert(source->id);
      double share =
          (at.seconds() - piece.output_start_s) / std::max(1e-9, piece.output_end_s - piece.output_start_s);
      point = subject_at(*source,
                         piece.start_s + (piece.reverse ? 1 - share : share) * (piece.end_s - piece.start_s));
    }
    effect.params["x"] = point.x;
    effect.params["y"] = point.y;
    return;
  }
}

Time length_of(const LayerContext& context) {
  return duration_of(context.out.timeline.tracks[0]);
}

Result<void> look_on_all(LayerContext& context, const Decision& d) {
  Effect effect = effect_of(d);
  Time at, length = length_of(context);
  if (has_param(d, "at_s")) {
    at = std::min(on_grid(number_param(d, "at_s", 0), context.rate), length);
    double duration = number_param(d, "duration_s", 1.0);
    effect.active =
        intersection(TimeRange{at, std::max(on_grid(duration, context.rate), Time::frames(1, context.rate))},
                     {Time{}, length});
    if (effect.active->empty()) return {};
  }
  aim(effect, context, at);
  // Framing and placing belong to clips; sound effects work on the track as pictures do.
  if (effect.id == "fit" || effect.id == "reframe" || effect.id == "picture_in_picture" ||
      effect.id == "split_screen") {
    for (Item& item : context.out.timeline.tracks[0].items)
      if (auto* clip = std::get_if<Clip>(&item)) {
        std::erase_if(clip->effects, [](const Effect& e) { return e.id == "fit" || e.id == "reframe"; });
        clip->effects.push_back(effect);
      }
    return {};
  }
  TRY_ASSIGN(context.out.timeline, add_track_effect(context.out.timeline, "V1", effect));
  return {};
}

Result<void> look_on_cut(LayerContext& context, const Decision& d) {
  auto parts = context.clips.find(text_param(d, "target"));
  if (parts == context.clips.end() || parts->second.empty()) return {};
  Time first = parts->second.front().start;
  Time whole;
  for (const PlacedClip& part : parts->second) whole += part.length;
  TimeRange wanted{Time{}, whole};
  if (has_param(d, "at_s")) {
    wanted.start = on_grid(number_param(d, "at_s", 0), context.rate);
    wanted.duration = std::max(on_grid(number_param(d, "duration_s", whole.seconds()), context.rate),
                               Time::frames(1, context.rate));
  }
  for (const PlacedClip& part : parts->second) {
    TimeRange here{part.start - first, part.length};
    TimeRange act = intersection(here, wanted);
    if (act.empty()) continue;
    Effect effect = effect_of(d);
    if (act != here) effect.active = TimeRange{act.start - here.start, act.duration};
    aim(effect, context, part.start + (act.start - here.start));
    TRY_ASSIGN(context.out.timeline, add_effect(context.out.timeline, part.id, effect));
  }
  return {};
}

Result<void> edge_fade(LayerContext& context, const Decision& d) {
  Time length = length_of(context);
  Time duration = std::min(on_grid(number_param(d, "duration_s", 1), context.rate), length);
  duration = std::max(duration, Time::frames(1, context.rate));
  bool start = text_param(d, "where") == "start";
  Effect effect{start ? "fade_in" : "fade_out", {}, TimeRange{start ? Time{} : length - duration, duration}};
  effect.params["color"] =
      text_param(d, "color", text_param(d, "kind", "fade_black") == "fade_white" ? "white" : "black");
  // On the finished picture: a title fades with it.
  TRY_ASSIGN(context.out.timeline, add_effect(context.out.timeline, effect));
  return {};
}

Generator generator_of(const Decision& d) {
  std::string kind = text_param(d, "kind", "title");
  Generator generator{kind, {}};
  generator.params["text"] = text_param(d, "text");
  std::string position = text_param(d, "position");
  // The catalog says which positions a kind knows; others stay with its own.
  for (const EffectInfo& info : generator_catalog()) {
    if (info.id != kind) continue;
    for (const auto& [key, value] : d.params.items()) {
      auto parameter = std::ranges::find(info.params, key, &EffectParameter::name);
      if (parameter == info.params.end() || key == "text") continue;
      if (value.is_number() && !parameter->text)
        generator.params[key] = std::clamp(value.get<double>(), parameter->minimum, parameter->maximum);
      if (value.is_string() && parameter->text) {
        std::string text = value.get<std::string>();
        bool known = parameter->choices.empty() ||
                     std::ranges::find(parameter->choices, text) != parameter->choices.end();
        if (!known && key == "position") {  // "bottom_left" of a lower third is "left"
          for (const std::string& choice : parameter->choices)
            if (text.find(choice) != std::string::npos) text = choice, known = true;
        }
        if (known) generator.params[key] = text;
      }
    }
  }
  return generator;
}

}  // namespace

Time on_grid(double seconds, Rational rate) {
  return Time::frames(std::llround(std::max(0.0, seconds) * rate.to_double()), rate);
}

Result<void> add_looks(LayerContext& context) {
  // Bars frame the finished picture: a zoom must not move them.
  for (const bool bars : {false, true})
    for (const Decision& d : context.plan.decisions) {
      if (d.type == DecisionType::effect && (text_param(d, "effect") == "letterbox") == bars) {
        if (text_param(d, "target", "all") == "all")
          TRY(look_on_all(context, d));
        else
          TRY(look_on_cut(context, d));
      }
      if (!bars && d.type == DecisionType::transition &&
          (text_param(d, "where") == "start" || text_param(d, "where") == "end"))
        TRY(edge_fade(context, d));
    }
  return {};
}

Result<void> add_insets(LayerContext& context) {
  for (const Decision& d : context.plan.decisions) {
    std::string layout = text_param(d, "layout");
    if (d.type != DecisionType::composite || layout == "frame") continue;
    const EditSource* source = find_source(context.sources, text_param(d, "source"));
    if (!source) continue;
    Time whole = length_of(context), base;
    std::string target = text_param(d, "target", "all");
    if (auto parts = context.clips.find(target); parts != context.clips.end() && !parts->second.empty()) {
      base = parts->second.front().start;
      whole = Time{};
      for (const PlacedClip& part : parts->second) whole += part.length;
    }
    Time at = on_grid(number_param(d, "at_s", 0), context.rate);
    Time start = Time::from_seconds(number_param(d, "start_s", 0)), end = source->media.available.end();
    start = std::clamp(start, source->media.available.start, end - Time::frames(1, context.rate));
    Time length = std::min(
        {on_grid(number_param(d, "duration_s", whole.seconds()), context.rate), whole - at, end - start});
    length = Time::frames(length.to_frames(context.rate, Rounding::down), context.rate);
    if (length < Time::frames(1, context.rate)) {
      context.out.warnings.push_back(fmt::format("{}: nothing of the inset would be seen", d.id));
      continue;
    }
    Clip clip;
    clip.id = d.id;
    clip.name = layout;
    clip.source = source->media;
    clip.source_range = {start, length};
    clip.sound = flag_param(d, "sound", false) && source->media.has_audio;
    clip.metadata["decision"] = d.id;
    if (layout == "picture_in_picture") {
      Effect effect{"picture_in_picture", {}, {}};
      if (std::string position = text_param(d, "position"); !position.empty())
        effect.params["position"] = position;
      if (has_param(d, "width"))
        effect.params["width"] = std::clamp(number_param(d, "width", 0.33), 0.05, 1.0);
      clip.effects.push_back(effect);
    } else {
      clip.effects.push_back({"split_screen", {{"side", std::string("right")}}, {}});
      // The film beneath takes the left half while the other is beside it.
      for (const auto& [cut, parts] : context.clips) {
        if (target != "all" && cut != target) continue;
        for (const PlacedClip& part : parts) {
          if (part.start >= base + at + length || part.start + part.length <= base + at) continue;
          if (Clip* under = clip_named(context.out.timeline, part.id)) {
            std::erase_if(under->effects, [](const Effect& e) { return e.id == "reframe"; });
            under->effects.push_back({"split_screen", {{"side", std::string("left")}}, {}});
          }
        }
      }
    }
    TRY_ASSIGN(context.out.timeline, composite(context.out.timeline, base + at, clip));
  }
  return {};
}

Result<void> add_texts(LayerContext& context) {
  Time whole = length_of(context);
  for (const Decision& d : context.plan.decisions) {
    if (d.type != DecisionType::text_overlay) continue;
    if (text_param(d, "kind") == "subtitles") {
      Generator generator{"subtitles", {{"file", text_param(d, "path")}}};
      if (std::string mode = text_param(d, "mode"); mode == "burn" || mode == "mux")
        generator.params["mode"] = mode;
      TRY_ASSIGN(context.out.timeline, overlay_text(context.out.timeline, Time{}, whole, generator));
      continue;
    }
    Time at =
        std::min(on_grid(number_param(d, "at_s", 0), context.rate), whole - Time::frames(1, context.rate));
    Time length = on_grid(number_param(d, "duration_s", 2.5), context.rate);
    length = std::clamp(length, Time::frames(1, context.rate), whole - at);
    TRY_ASSIGN(context.out.timeline, overlay_text(context.out.timeline, at, length, generator_of(d)));
  }
  return {};
}

}  // namespace studio
