// "studio.timeline/1": exact times as fractions, seconds beside them for people.
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "timeline/timeline.h"
#include "timeline/value_json.h"

namespace studio {
namespace {

constexpr int kNewestTimeline = 1;

// --- writing ---

void put_time(Json& out, const std::string& key, Time time) {
  out[key] = time.rational().to_string();
  out[key + "_s"] = std::round(time.seconds() * 1e6) / 1e6;
}

void put_range(Json& out, const std::string& key, const TimeRange& range) {
  Json json;
  put_time(json, "start", range.start);
  put_time(json, "duration", range.duration);
  out[key] = std::move(json);
}

Json to_json(const Parameter& parameter) {
  if (const auto* number = std::get_if<double>(&parameter)) return *number;
  if (const auto* text = std::get_if<std::string>(&parameter)) return *text;
  Json keys = Json::array();
  for (const Keyframe& key : std::get<std::vector<Keyframe>>(parameter)) {
    Json json;
    put_time(json, "at", key.at);
    json["value"] = key.value;
    json["easing"] = name_of(key.easing);
    keys.push_back(std::move(json));
  }
  return keys;
}

Json to_json(const std::map<std::string, Parameter>& params) {
  Json out = Json::object();
  for (const auto& [name, value] : params) out[name] = to_json(value);
  return out;
}

Json to_json(const Effect& effect) {
  Json json;
  json["id"] = effect.id;
  json["params"] = to_json(effect.params);
  if (effect.active) put_range(json, "active", *effect.active);
  return json;
}

Json to_json(const std::vector<Effect>& effects) {
  Json out = Json::array();
  for (const Effect& effect : effects) out.push_back(to_json(effect));
  return out;
}

Json to_json(const MediaFile& file) {
  Json out;
  out["kind"] = "file";
  out["path"] = file.path;
  put_range(out, "available", file.available);
  out["frame_rate"] = file.frame_rate.to_string();
  out["width"] = file.width;
  out["height"] = file.height;
  out["has_video"] = file.has_video;
  out["has_audio"] = file.has_audio;
  if (!file.sha256.empty()) out["sha256"] = file.sha256;
  if (!file.reel.empty()) out["reel"] = file.reel;
  if (file.start_timecode) put_time(out, "start_timecode", *file.start_timecode);
  return out;
}

Json to_json(const Generator& generator) {
  return {{"kind", "generator"}, {"generator", generator.kind}, {"params", to_json(generator.params)}};
}

Json to_json(const Retime& retime) {
  Json out;
  out["speed"] = retime.speed.to_string();
  if (!retime.ramp.empty()) {
    out["ramp"] = Json::array();
    for (const auto& key : retime.ramp) {
      Json json;
      put_time(json, "at", key.at);
      json["speed"] = key.speed;
      out["ramp"].push_back(std::move(json));
    }
  }
  out["reverse"] = retime.reverse;
  out["freeze"] = retime.freeze;
  if (retime.freeze) put_time(out, "freeze_duration", retime.freeze_duration);
  out["keep_pitch"] = retime.keep_pitch;
  return out;
}

Json to_json(const Clip& clip) {
  Json out;
  out["type"] = "clip";
  out["id"] = clip.id;
  out["name"] = clip.name;
  out["source"] = std::visit([](const auto& source) { return to_json(source); }, clip.source);
  put_range(out, "source_range", clip.source_range);
  out["retime"] = to_json(clip.retime);
  out["effects"] = to_json(clip.effects);
  out["picture"] = clip.picture;
  out["sound"] = clip.sound;
  out["gain_db"] = clip.gain_db;
  put_time(out, "audio_lead", clip.audio_lead);
  put_time(out, "audio_tail", clip.audio_tail);
  out["metadata"] = clip.metadata;
  return out;
}

Json to_json(const Item& item) {
  if (const auto* clip = std::get_if<Clip>(&item)) return to_json(*clip);
  Json out;
  if (const auto* gap = std::get_if<Gap>(&item)) {
    out["type"] = "gap";
    put_time(out, "duration", gap->duration);
  } else {
    const auto& transition = std::get<Transition>(item);
    out["type"] = "transition";
    out["kind"] = transition.kind;
    put_time(out, "in", transition.in);
    put_time(out, "out", transition.out);
  }
  return out;
}

Json to_json(const Track& track) {
  Json out;
  out["id"] = track.id;
  out["kind"] = name_of(track.kind);
  out["items"] = Json::array();
  for (const Item& item : track.items) out["items"].push_back(to_json(item));
  out["effects"] = to_json(track.effects);
  return out;
}

Json to_json(const Marker& marker) {
  Json out;
  put_time(out, "at", marker.at);
  out["name"] = marker.name;
  out["color"] = marker.color;
  out["note"] = marker.note;
  return out;
}

// --- reading ---

Time time_from(JsonReader& r, const std::string& key, Time fallback = {}) {
  Time time = fallback;
  if (r.has(key)) {
    const auto exact = Rational::parse(r.string(key, "0/1"));
    if (!exact) {
      r.reject(key, "is not of the form \"num/den\" (seconds)");
      return fallback;
    }
    time = Time::ticks(1, *exact);
  } else if (const auto seconds = r.optional_number(key + "_s")) {
    if (std::abs(*seconds) > static_cast<double>(kMaxTimelineSeconds)) {
      r.reject(key + "_s", fmt::format("is beyond {} s", kMaxTimelineSeconds));
      return fallback;
    }
    time = Time::from_seconds(*seconds);
  }
  if (std::abs(time.seconds()) > static_cast<double>(kMaxTimelineSeconds)) {
    r.reject(key, fmt::format("is beyond {} s", kMaxTimelineSeconds));
    return fallback;
  }
  return time;
}

Result<TimeRange> range_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  TimeRange range;
  range.start = time_from(r, "start");
  range.duration = time_from(r, "duration");
  TRY(r.result());
  return range;
}

Rational rational_from(JsonReader& r, const std::string& key, Rational fallback) {
  if (!r.has(key)) return fallback;
  const auto value = Rational::parse(r.string(key, ""));
  if (!value) {
    r.reject(key, "is not of the form \"num/den\"");
    return fallback;
  }
  return *value;
}

int int_from(JsonReader& r, std::string_view key, int fallback) {
  const std::int64_t value = r.integer(key, fallback);
  if (value < 0 || value > std::numeric_limits<int>::max()) {
    r.reject(key, "is out of range");
    return fallback;
  }
  return static_cast<int>(value);
}

Result<Keyframe> keyframe_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Keyframe key;
  key.at = time_from(r, "at");
  key.value = r.required_number("value");
  const std::string easing = r.string("easing", "linear");
  const auto known = easing_from(easing);
  if (!known)
    r.reject("easing", fmt::format("'{}' is none of hold, linear, ease_in, ease_out, ease_in_out", easing));
  TRY(r.result());
  key.easing = *known;
  return key;
}

Result<Parameter> parameter_from(const Json& json, const std::string& path) {
  if (json.is_number() && std::isfinite(json.get<double>())) return json.get<double>();
  if (json.is_boolean()) return json.get<bool>() ? 1.0 : 0.0;
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_array())
    return fail(ErrorKind::invalid_input,
                fmt::format("{}: expected a number, a text or keyframes, found {}", path, json.type_name()));
  std::vector<Keyframe> keys;
  for (std::size_t i = 0; i < json.size(); ++i) {
    TRY_ASSIGN(Keyframe key, keyframe_from(json[i], fmt::format("{}[{}]", path, i)));
    keys.push_back(key);
  }
  return keys;
}

Result<std::map<std::string, Parameter>> params_from(const Json& json, const std::string& path) {
  std::map<std::string, Parameter> out;
  for (const auto& [name, value] : json.items()) {
    TRY_ASSIGN(Parameter parameter, parameter_from(value, fmt::format("{}.{}", path, name)));
    out.insert_or_assign(name, std::move(parameter));
  }
  return out;
}

Result<Effect> effect_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Effect effect{.id = r.required_string("id"), .params = {}, .active = {}};
  const Json& params = r.object("params");
  const Json& active = r.object("active");
  TRY(r.result());
  TRY_ASSIGN(effect.params, params_from(params, r.path_of("params")));
  if (r.has("active")) {
    TRY_ASSIGN(effect.active, range_from(active, r.path_of("active")));
  }
  return effect;
}

Result<std::vector<Effect>> effects_from(JsonReader& r) {
  std::vector<Effect> out;
  const Json& array = r.array("effects");
  TRY(r.result());
  for (std::size_t i = 0; i < array.size(); ++i) {
    TRY_ASSIGN(Effect effect, effect_from(array[i], fmt::format("{}[{}]", r.path_of("effects"), i)));
    out.push_back(std::move(effect));
  }
  return out;
}

Result<Source> source_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  const std::string kind = r.required_string("kind");
  if (kind == "generator") {
    Generator generator{.kind = r.required_string("generator"), .params = {}};
    const Json& params = r.object("params");
    TRY(r.result());
    TRY_ASSIGN(generator.params, params_from(params, r.path_of("params")));
    return generator;
  }
  if (kind != "file") r.reject("kind", "is neither \"file\" nor \"generator\"");
  MediaFile file;
  file.path = r.required_string("path");
  file.frame_rate = rational_from(r, "frame_rate", {0, 1});
  file.width = int_from(r, "width", 0);
  file.height = int_from(r, "height", 0);
  file.has_video = r.boolean("has_video", false);
  file.has_audio = r.boolean("has_audio", false);
  file.sha256 = r.string("sha256", "");
  file.reel = r.string("reel", "");
  if (r.has("start_timecode") || r.has("start_timecode_s"))
    file.start_timecode = time_from(r, "start_timecode");
  const Json& available = r.object("available");
  TRY(r.result());
  TRY_ASSIGN(file.available, range_from(available, r.path_of("available")));
  return file;
}

Result<Retime> retime_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Retime retime;
  retime.speed = rational_from(r, "speed", {1, 1});
  retime.reverse = r.boolean("reverse", false);
  retime.freeze = r.boolean("freeze", false);
  retime.freeze_duration = time_from(r, "freeze_duration");
  retime.keep_pitch = r.boolean("keep_pitch", true);
  const Json& ramp = r.array("ramp");
  TRY(r.result());
  for (std::size_t i = 0; i < ramp.size(); ++i) {
    JsonReader k(ramp[i], fmt::format("{}[{}]", r.path_of("ramp"), i));
    Retime::SpeedKey key;
    key.at = time_from(k, "at");
    key.speed = k.required_number("speed");
    TRY(k.result());
    retime.ramp.push_back(key);
  }
  return retime;
}

Result<Clip> clip_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Clip clip;
  clip.id = r.required_string("id");
  clip.name = r.string("name", "");
  clip.picture = r.boolean("picture", true);
  clip.sound = r.boolean("sound", true);
  clip.gain_db = r.number("gain_db", 0);
  clip.audio_lead = time_from(r, "audio_lead");
  clip.audio_tail = time_from(r, "audio_tail");
  for (const auto& [key, value] : r.object("metadata").items()) {
    if (value.is_string())
      clip.metadata[key] = value.get<std::string>();
    else
      r.reject("metadata", "holds something that is not a string");
  }
  const Json& source = r.object("source");
  const Json& range = r.object("source_range");
  const Json& retime = r.object("retime");
  TRY(r.result());
  TRY_ASSIGN(clip.source, source_from(source, r.path_of("source")));
  TRY_ASSIGN(clip.source_range, range_from(range, r.path_of("source_range")));
  TRY_ASSIGN(clip.retime, retime_from(retime, r.path_of("retime")));
  TRY_ASSIGN(clip.effects, effects_from(r));
  return clip;
}

Result<Item> item_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  const std::string type = r.required_string("type");
  TRY(r.result());
  if (type == "clip") return clip_from(json, path);
  if (type == "gap") {
    const Gap gap{time_from(r, "duration")};
    TRY(r.result());
    return gap;
  }
  if (type == "transition") {
    Transition transition;
    transition.kind = r.string("kind", transition.kind);
    transition.in = time_from(r, "in");
    transition.out = time_from(r, "out");
    TRY(r.result());
    return transition;
  }
  return fail(ErrorKind::invalid_input,
              fmt::format("{}.type: '{}' is none of clip, gap, transition", path, type));
}

Result<Track> track_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Track track;
  track.id = r.required_string("id");
  const std::string kind = r.string("kind", "video");
  if (kind != "video" && kind != "audio") r.reject("kind", "is neither \"video\" nor \"audio\"");
  track.kind = kind == "audio" ? TrackKind::audio : TrackKind::video;
  const Json& items = r.array("items");
  TRY(r.result());
  for (std::size_t i = 0; i < items.size(); ++i) {
    TRY_ASSIGN(Item item, item_from(items[i], fmt::format("{}.items[{}]", path, i)));
    track.items.push_back(std::move(item));
  }
  TRY_ASSIGN(track.effects, effects_from(r));
  return track;
}

Result<Marker> marker_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Marker marker;
  marker.at = time_from(r, "at");
  marker.name = r.string("name", "");
  marker.color = r.string("color", "");
  marker.note = r.string("note", "");
  TRY(r.result());
  return marker;
}

}  // namespace

namespace value_json {

void write_time(Json& out, const std::string& key, Time time) {
  put_time(out, key, time);
}
Time read_time(JsonReader& reader, const std::string& key) {
  return time_from(reader, key);
}
void write_range(Json& out, const std::string& key, const TimeRange& range) {
  put_range(out, key, range);
}
Json write_clip(const Clip& clip) {
  return to_json(clip);
}
Result<Clip> read_clip(const Json& json, const std::string& path) {
  return clip_from(json, path);
}
Json write_effect(const Effect& effect) {
  return to_json(effect);
}
Result<Effect> read_effect(const Json& json, const std::string& path) {
  return effect_from(json, path);
}
Json write_params(const std::map<std::string, Parameter>& params) {
  return to_json(params);
}
Result<std::map<std::string, Parameter>> read_params(const Json& json, const std::string& path) {
  return params_from(json, path);
}

}  // namespace value_json

Json to_json(const Timeline& timeline) {
  Json out;
  out["schema"] = fmt::format("studio.timeline/{}", kNewestTimeline);
  out["name"] = timeline.name;
  out["frame_rate"] = timeline.frame_rate.to_string();
  out["width"] = timeline.width;
  out["height"] = timeline.height;
  out["sample_rate"] = timeline.sample_rate;
  put_time(out, "duration", duration_of(timeline));
  out["tracks"] = Json::array();
  for (const Track& track : timeline.tracks) out["tracks"].push_back(to_json(track));
  out["markers"] = Json::array();
  for (const Marker& marker : timeline.markers) out["markers"].push_back(to_json(marker));
  out["effects"] = to_json(timeline.effects);
  return out;
}

Result<Timeline> timeline_from_json(const Json& json, std::string_view origin) {
  // With a second version, its upgrade function goes here: one small step per version.
  TRY_ASSIGN([[maybe_unused]] const int version,
             check_schema(json, "studio.timeline", kNewestTimeline, origin));
  JsonReader r(json, std::string(origin));
  Timeline timeline;
  timeline.name = r.string("name", "");
  timeline.frame_rate = rational_from(r, "frame_rate", timeline.frame_rate);
  timeline.width = int_from(r, "width", timeline.width);
  timeline.height = int_from(r, "height", timeline.height);
  timeline.sample_rate = int_from(r, "sample_rate", timeline.sample_rate);
  const Json& tracks = r.array("tracks");
  const Json& markers = r.array("markers");
  TRY(r.result());
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    TRY_ASSIGN(Track track, track_from(tracks[i], fmt::format("{}.tracks[{}]", origin, i)));
    timeline.tracks.push_back(std::move(track));
  }
  for (std::size_t i = 0; i < markers.size(); ++i) {
    TRY_ASSIGN(Marker marker, marker_from(markers[i], fmt::format("{}.markers[{}]", origin, i)));
    timeline.markers.push_back(std::move(marker));
  }
  TRY_ASSIGN(timeline.effects, effects_from(r));
  return timeline;
}

Result<Timeline> read_timeline(const std::string& path) {
  TRY_ASSIGN(const Json json, read_json_file(path));
  return timeline_from_json(json, path);
}

}  // namespace studio
