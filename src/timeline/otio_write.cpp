// A timeline as OpenTimelineIO JSON.
#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "timeline/otio.h"
#include "timeline/otio_form.h"
#include "timeline/surgery.h"
#include "timeline/value_json.h"

namespace studio {
namespace otio_form {

Json rational_time(Time time, Rational rate) {
  const Rational value = time.rational() * rate;
  return {{"OTIO_SCHEMA", "RationalTime.1"}, {"rate", rate.to_double()}, {"value", value.to_double()}};
}

Json time_range(Time start, Time duration, Rational rate) {
  return {{"OTIO_SCHEMA", "TimeRange.1"},
          {"duration", rational_time(duration, rate)},
          {"start_time", rational_time(start, rate)}};
}

Rational rate_of(const Clip& clip, Rational fallback) {
  const auto* file = std::get_if<MediaFile>(&clip.source);
  return file != nullptr && file->frame_rate.positive() ? file->frame_rate : fallback;
}

Time timecode_offset_of(const Clip& clip) {
  const auto* file = std::get_if<MediaFile>(&clip.source);
  return file != nullptr && file->start_timecode ? *file->start_timecode - file->available.start : Time{};
}

NativeRange native_range_of(const Clip& clip) {
  return {clip.source_range.start + timecode_offset_of(clip), duration_of(clip)};
}

Json time_effects_of(const Retime& retime) {
  Json effect = {{"OTIO_SCHEMA", ""},
                 {"metadata", Json::object()},
                 {"name", ""},
                 {"effect_name", ""},
                 {"enabled", true}};
  if (retime.freeze) {
    effect["OTIO_SCHEMA"] = "FreezeFrame.1";
    effect["name"] = effect["effect_name"] = "FreezeFrame";
    effect["time_scalar"] = 0.0;
  } else if (!retime.ramp.empty()) {
    effect["OTIO_SCHEMA"] = "TimeEffect.1";
    effect["name"] = effect["effect_name"] = "SpeedRamp";
    Json keys = Json::array();
    for (const auto& key : retime.ramp)
      keys.push_back({{"source_s", key.at.seconds()}, {"speed", key.speed}});
    effect["metadata"]["studio"] = {{"ramp", std::move(keys)}, {"reverse", retime.reverse}};
  } else if (retime.speed != Rational{1, 1} || retime.reverse) {
    effect["OTIO_SCHEMA"] = "LinearTimeWarp.1";
    effect["name"] = effect["effect_name"] = "LinearTimeWarp";
    effect["time_scalar"] = retime.speed.to_double() * (retime.reverse ? -1 : 1);
  } else {
    return Json::array();
  }
  return Json::array({std::move(effect)});
}

}  // namespace otio_form

namespace {

using otio_form::rational_time;
using otio_form::time_range;

// The fields every item of a composition has.
Json item_of(std::string_view schema, const std::string& name) {
  return {{"OTIO_SCHEMA", schema},   {"metadata", Json::object()}, {"name", name},
          {"source_range", nullptr}, {"effects", Json::array()},   {"markers", Json::array()},
          {"enabled", true}};
}

void add_effects(Json& out, const std::vector<Effect>& effects) {
  for (const Effect& effect : effects)
    out["effects"].push_back({{"OTIO_SCHEMA", "Effect.1"},
                              {"metadata", {{"studio", value_json::write_effect(effect)}}},
                              {"name", effect.id},
                              {"effect_name", effect.id},
                              {"enabled", true}});
}

Json reference_to(const MediaFile& file, Time offset, Rational rate) {
  Json out = {{"OTIO_SCHEMA", "ExternalReference.1"},
              {"metadata", Json::object()},
              {"name", file.reel},
              {"available_range", time_range(file.available.start + offset, file.available.duration, rate)},
              {"available_image_bounds", nullptr},
              {"target_url", url_of_path(file.path)}};
  if (!file.reel.empty()) out["metadata"]["cmx_3600"] = {{"reel", file.reel}};
  return out;
}

Json reference_to(const Generator& generator, const TimeRange& range, Rational rate) {
  return {{"OTIO_SCHEMA", "GeneratorReference.1"},
          {"metadata", Json::object()},
          {"name", generator.kind},
          {"available_range", time_range(range.start, range.duration, rate)},
          {"available_image_bounds", nullptr},
          {"generator_kind", generator.kind},
          {"parameters", value_json::write_params(generator.params)}};
}

// Other tools' metadata that was kept as text when the file was read.
Json kept_metadata(const Clip& clip) {
  const auto kept = clip.metadata.find("otio");
  if (kept == clip.metadata.end()) return Json::object();
  auto json = parse_json(kept->second, "kept metadata");
  return json && json->is_object() ? *json : Json::object();
}

Json to_otio(const Clip& clip, Rational fallback_rate, bool with_form) {
  const Rational rate = otio_form::rate_of(clip, fallback_rate);
  const auto native = otio_form::native_range_of(clip);
  Json out = item_of("Clip.2", clip.name.empty() ? clip.id : clip.name);
  out["source_range"] = time_range(native.start, native.duration, rate);
  out["effects"] = otio_form::time_effects_of(clip.retime);
  out["metadata"] = kept_metadata(clip);
  const auto* file = std::get_if<MediaFile>(&clip.source);
  if (file != nullptr && !file->reel.empty()) out["metadata"]["cmx_3600"]["reel"] = file->reel;
  if (with_form) {
    add_effects(out, clip.effects);
    Json form = value_json::write_clip(clip);
    form.erase("effects");  // they stand in the list of effects, where other tools edit them
    out["metadata"]["studio"] = {{"clip", std::move(form)}};
  }
  out["media_references"] = {
      {"DEFAULT_MEDIA", file != nullptr
                            ? reference_to(*file, otio_form::timecode_offset_of(clip), rate)
                            : reference_to(std::get<Generator>(clip.source), clip.source_range, rate)}};
  out["active_media_reference_key"] = "DEFAULT_MEDIA";
  return out;
}

Json to_otio(const Gap& gap, Rational rate) {
  Json out = item_of("Gap.1", "");
  out["source_range"] = time_range({}, gap.duration, rate);
  Json exact;
  value_json::write_time(exact, "duration", gap.duration);
  out["metadata"]["studio"] = std::move(exact);
  return out;
}

Json to_otio(const Transition& transition, Rational rate) {
  Json exact = {{"kind", transition.kind}};
  value_json::write_time(exact, "in", transition.in);
  value_json::write_time(exact, "out", transition.out);
  return {{"OTIO_SCHEMA", "Transition.1"},
          {"metadata", {{"studio", std::move(exact)}}},
          {"name", transition.kind},
          {"in_offset", rational_time(transition.in, rate)},
          {"out_offset", rational_time(transition.out, rate)},
          {"transition_type", transition.kind == "crossfade" ? "SMPTE_Dissolve" : "Custom_Transition"}};
}

Json to_otio(const Track& track, Rational rate) {
  Json out = item_of("Track.1", track.id);
  add_effects(out, track.effects);
  out["metadata"]["studio"] = {{"track", track.id}};
  out["children"] = Json::array();
  for (const Item& item : track.items) {
    if (const auto* clip = std::get_if<Clip>(&item))
      out["children"].push_back(to_otio(*clip, rate, true));
    else if (const auto* gap = std::get_if<Gap>(&item))
      out["children"].push_back(to_otio(*gap, rate));
    else
      out["children"].push_back(to_otio(std::get<Transition>(item), rate));
  }
  out["kind"] = track.kind == TrackKind::video ? "Video" : "Audio";
  return out;
}

// The sound of a picture track as an audio track of its own, so that other tools hear it: each clip
// from its lead to its tail, the earlier one first where two overlap. Empty when nothing sounds.
Json sound_of(const Track& track, Rational rate) {
  Json out = item_of("Track.1", track.id + " sound");
  out["metadata"]["studio"] = {{"sound_of", track.id}};
  out["children"] = Json::array();
  Time filled;
  bool sounds = false;
  Time at;
  for (const Item& item : track.items) {
    const TimeRange place{at, duration_of(item)};
    at = place.end();
    const auto* clip = std::get_if<Clip>(&item);
    const auto* file = clip != nullptr ? std::get_if<MediaFile>(&clip->source) : nullptr;
    if (file == nullptr || !file->has_audio || !clip->sound || clip->retime.freeze) continue;
    const Time from = std::max(place.start + clip->audio_lead, filled);
    const Time to = place.end() + clip->audio_tail;
    if (to <= from) continue;
    if (from > filled) out["children"].push_back(to_otio(Gap{from - filled}, rate));
    out["children"].push_back(
        to_otio(surgery::piece_of(*clip, from - place.start, to - place.start), rate, false));
    filled = to;
    sounds = true;
  }
  out["kind"] = "Audio";
  return sounds ? out : Json(nullptr);
}

// OTIO names its colours; others stay in our metadata only.
std::string otio_color(const std::string& color) {
  static constexpr std::array kColors{"PINK", "RED",    "ORANGE",  "YELLOW", "GREEN", "CYAN",
                                      "BLUE", "PURPLE", "MAGENTA", "BLACK",  "WHITE"};
  std::string upper = color;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  return std::find(kColors.begin(), kColors.end(), upper) != kColors.end() ? upper : "GREEN";
}

Json to_otio(const Marker& marker, Rational rate) {
  Json exact = {{"color", marker.color}};
  value_json::write_time(exact, "at", marker.at);
  return {{"OTIO_SCHEMA", "Marker.2"},
          {"metadata", {{"studio", std::move(exact)}}},
          {"name", marker.name},
          {"color", otio_color(marker.color)},
          {"marked_range", time_range(marker.at, {}, rate)},
          {"comment", marker.note}};
}

bool unreserved(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~' ||
         c == '/';
}

}  // namespace

// RFC 3986, RFC 8089.
std::string url_of_path(const std::string& path) {
  std::string out = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    if (unreserved(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string path_of_url(const std::string& url) {
  std::string rest = url;
  const bool file = rest.starts_with("file:");
  if (file)
    rest.erase(0, 5);
  else if (rest.find("://") != std::string::npos)
    return url;  // another scheme: not ours to decode
  if (file && rest.starts_with("//localhost/"))
    rest.erase(0, 11);
  else if (file && rest.starts_with("//"))
    rest.erase(0, 2);
  std::string out;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '%' && i + 2 < rest.size() && std::isxdigit(static_cast<unsigned char>(rest[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(rest[i + 2]))) {
      out += static_cast<char>(std::stoi(rest.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += rest[i];
    }
  }
  return out;
}

Json to_otio(const Timeline& timeline) {
  const Rational rate = timeline.frame_rate.positive() ? timeline.frame_rate : Rational{25, 1};
  Json stack = item_of("Stack.1", "tracks");
  add_effects(stack, timeline.effects);
  for (const Marker& marker : timeline.markers) stack["markers"].push_back(to_otio(marker, rate));
  stack["children"] = Json::array();
  for (const Track& track : timeline.tracks) stack["children"].push_back(to_otio(track, rate));
  for (const Track& track : timeline.tracks) {
    if (track.kind != TrackKind::video) continue;
    if (Json sound = sound_of(track, rate); !sound.is_null()) stack["children"].push_back(std::move(sound));
  }
  return {{"OTIO_SCHEMA", "Timeline.1"},
          {"metadata",
           {{"studio",
             {{"schema", "studio.timeline/1"},
              {"frame_rate", rate.to_string()},
              {"width", timeline.width},
              {"height", timeline.height},
              {"sample_rate", timeline.sample_rate}}}}},
          {"name", timeline.name},
          {"global_start_time", nullptr},
          {"tracks", std::move(stack)}};
}

Result<void> write_otio(const std::string& path, const Timeline& timeline) {
  return write_json_file(path, to_otio(timeline));
}

}  // namespace studio
