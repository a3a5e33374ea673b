// Times, effects, media, clips, gaps, transitions and markers of an OTIO file.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "timeline/otio_form.h"
#include "timeline/otio_reader.h"
#include "timeline/surgery.h"
#include "timeline/value_json.h"

namespace studio::otio_form {
namespace {

// Doubles of one file and another's agree to this: far below an audio sample.
constexpr double kSameSeconds = 1e-6;

bool same(Time a, Time b) {
  return std::abs((a - b).seconds()) < kSameSeconds;
}

// The fraction of small numbers that was written as this double (25/9 as 2.777...), by its continued
// fraction; none when the double is nobody's quotient.
std::optional<Rational> fraction_behind(double value) {
  double rest = value;
  std::int64_t num = 1, den = 0, before_num = 0, before_den = 1;
  while (true) {
    const double whole = std::floor(rest);
    if (whole > 1e9) return std::nullopt;
    const auto digit = static_cast<std::int64_t>(whole);
    if (digit > 0 && (num > 1'000'000'000 / digit || den > 1'000'000 / digit)) return std::nullopt;
    before_num = std::exchange(num, digit * num + before_num);
    before_den = std::exchange(den, digit * den + before_den);
    if (static_cast<double>(num) / static_cast<double>(den) == value) return Rational::reduced(num, den);
    if (rest == whole) return std::nullopt;
    rest = 1 / (rest - whole);
  }
}

}  // namespace

Rational exact_rate(double rate) {
  const double whole = std::round(rate);
  if (std::abs(rate - whole) < 1e-6) return Rational::reduced(static_cast<std::int64_t>(whole), 1);
  const double ntsc = std::round(rate * 1.001);
  if (std::abs(ntsc / 1.001 - rate) < 0.005)
    return Rational::reduced(static_cast<std::int64_t>(ntsc) * 1000, 1001);
  if (const auto fraction = fraction_behind(rate)) return *fraction;
  return Rational::reduced(std::llround(rate * 1e6), 1'000'000);
}

Schema schema_of(const Json& json) {
  if (!json.is_object() || !json.contains("OTIO_SCHEMA") || !json["OTIO_SCHEMA"].is_string()) return {};
  const std::string text = json["OTIO_SCHEMA"].get<std::string>();
  const auto dot = text.rfind('.');
  Schema schema{text.substr(0, dot), 0};
  if (dot != std::string::npos)
    std::from_chars(text.data() + dot + 1, text.data() + text.size(), schema.version);
  if (schema.name == "Sequence") schema.name = "Track";  // names of OTIO before 0.6
  if (schema.name == "Filler") schema.name = "Gap";
  if (schema.name == "SerializeableCollection") schema.name = "SerializableCollection";
  return schema;
}

const Json& child(const Json& json, std::string_view key) {
  static const Json nothing = nullptr;
  const auto it = json.is_object() ? json.find(key) : json.end();
  return it == json.end() ? nothing : *it;
}

const Json& ours(const Json& json) {
  return child(child(json, "metadata"), "studio");
}

std::string text_at(const Json& json, std::string_view key) {
  const Json& value = child(json, key);
  return value.is_string() ? value.get<std::string>() : "";
}

std::unexpected<Error> wrong(const std::string& path, std::string_view why) {
  return fail(ErrorKind::invalid_input, fmt::format("{}: {}", path, why),
              "check that the file is OpenTimelineIO JSON");
}

void Reader::learn_rates(const Json& json, int depth) {
  if (depth > 200 || known_rates_.size() > 1000 || !json.is_structured()) return;
  for (const auto& [key, value] : json.items()) {
    learn_rates(value, depth + 1);
    if (key != "frame_rate" || !value.is_string()) continue;
    const auto rate = Rational::parse(value.get<std::string>());
    if (rate && rate->positive() && std::ranges::find(known_rates_, *rate) == known_rates_.end())
      known_rates_.push_back(*rate);
  }
}

Rational Reader::rate_behind(double rate) const {
  for (const Rational& known : known_rates_)
    if (known.to_double() == rate) return known;
  return exact_rate(rate);
}

Result<Time> Reader::read_time(const Json& json, const std::string& path, Rational* rate) {
  if (schema_of(json).name != "RationalTime") return wrong(path, "is no RationalTime");
  JsonReader r(json, path);
  const double value = r.required_number("value");
  const double found = r.required_number("rate");
  TRY(r.result());
  if (found <= 0 || found > 1e9) return wrong(path, "its rate is not positive");
  if (std::abs(value / found) > static_cast<double>(kMaxTimelineSeconds))
    return wrong(path, fmt::format("is beyond {} s", kMaxTimelineSeconds));
  const Rational exact = rate_behind(found);
  if (!exact.positive()) return wrong(path, "its rate is too small");
  if (rate != nullptr) *rate = exact;
  if (std::nearbyint(value) == value && std::abs(value) < 9e15)
    return Time::frames(static_cast<std::int64_t>(value), exact);
  if (value > 0)
    if (const auto fraction = fraction_behind(value)) return Time::frames(1, exact) * *fraction;
  // Nobody's quotient (the end of a ramp): to the flick, which such times are kept in.
  constexpr double kFlicksPerSecond = 705'600'000;
  return Time::ticks(std::llround(value / found * kFlicksPerSecond), {1, 705'600'000});
}

Result<std::optional<ReadRange>> Reader::read_range(const Json& json, const std::string& path) {
  if (json.is_null()) return std::nullopt;
  if (schema_of(json).name != "TimeRange") return wrong(path, "is no TimeRange");
  ReadRange range;
  Rational start_rate;
  TRY_ASSIGN(range.start, read_time(child(json, "start_time"), path + ".start_time", &start_rate));
  TRY_ASSIGN(range.duration, read_time(child(json, "duration"), path + ".duration", &range.rate));
  if (range.duration < Time{}) return wrong(path, "its duration is negative");
  // An empty duration often carries rate 1; the start's is the truer one.
  if (range.duration == Time{}) range.rate = start_rate;
  return range;
}

Result<std::vector<Effect>> Reader::read_effects(const Json& json, const std::string& path) {
  std::vector<Effect> out;
  const Json& effects = child(json, "effects");
  if (!effects.is_array()) return out;
  for (std::size_t i = 0; i < effects.size(); ++i) {
    const std::string here = fmt::format("{}.effects[{}]", path, i);
    const Schema schema = schema_of(effects[i]);
    if (schema.name == "LinearTimeWarp" || schema.name == "FreezeFrame" || schema.name == "TimeEffect")
      continue;
    if (!ours(effects[i]).is_object()) {
      lose(here, fmt::format("the effect '{}' of another tool", text_at(effects[i], "effect_name")));
      continue;
    }
    TRY_ASSIGN(Effect effect, value_json::read_effect(ours(effects[i]), here));
    out.push_back(std::move(effect));
  }
  return out;
}

// The clip's retime from its time effects; `plays` is how long it plays.
void Reader::apply_time_effects(const Json& json, Clip& clip, Time plays, const std::string& path) {
  const Json& effects = child(json, "effects");
  clip.retime.speed = {1, 1};
  clip.retime.ramp.clear();
  clip.retime.reverse = clip.retime.freeze = false;
  double scalar = 1;
  if (effects.is_array())
    for (const Json& effect : effects) {
      const std::string name = schema_of(effect).name;
      const Json& found = child(effect, "time_scalar");
      if (name == "FreezeFrame")
        scalar = 0;
      else if (name == "LinearTimeWarp")
        scalar *= found.is_number() ? found.get<double>() : 1;
      else if (name == "TimeEffect")
        lose(path, fmt::format("the time effect '{}'", text_at(effect, "effect_name")));
    }
  if (!std::isfinite(scalar) || std::abs(scalar) > 1000) {
    lose(path, "a speed out of range");
    scalar = 1;
  }
  if (std::abs(scalar) < 0.001) {
    clip.retime.freeze = true;
    clip.retime.freeze_duration = plays;
    const Time frame = Time::frames(1, rate_of(clip, timeline_.frame_rate));
    clip.source_range.duration = frame;
    return;
  }
  clip.retime.speed = Rational::reduced(std::llround(std::abs(scalar) * 1e6), 1'000'000);
  clip.retime.reverse = scalar < 0;
  clip.source_range.duration = plays * clip.retime.speed;
}

Result<std::optional<Source>> Reader::read_source(const Json& clip, const std::string& path, TrackKind kind) {
  const Json* reference = &child(clip, "media_reference");  // Clip.1
  if (const Json& all = child(clip, "media_references"); all.is_object()) {
    const std::string key = text_at(clip, "active_media_reference_key");
    reference = &child(all, key.empty() ? "DEFAULT_MEDIA" : key);
    if (all.size() > 1) lose(path, fmt::format("{} other media references", all.size() - 1));
  }
  const Schema schema = schema_of(*reference);
  if (schema.name == "GeneratorReference") {
    Generator generator{.kind = text_at(*reference, "generator_kind"), .params = {}};
    if (const Json& parameters = child(*reference, "parameters"); parameters.is_object())
      for (const auto& [name, value] : parameters.items()) {
        Json one;
        one[name] = value;
        auto parameter = value_json::read_params(one, path);
        if (parameter)
          generator.params.merge(*parameter);
        else
          lose(path, fmt::format("the generator's parameter '{}'", name));
      }
    return generator;
  }
  if (schema.name != "ExternalReference") {
    lose(path, schema.name == "MissingReference" || reference->is_null()
                   ? std::string("its media is missing; a gap stands for it")
                   : fmt::format("a {} as media; a gap stands for it",
                                 schema.name.empty() ? "value" : schema.name));
    return std::nullopt;
  }
  MediaFile file;
  file.path = path_of_url(text_at(*reference, "target_url"));
  file.has_video = kind == TrackKind::video;
  file.has_audio = kind == TrackKind::audio;
  file.reel = text_at(child(child(*reference, "metadata"), "cmx_3600"), "reel");
  if (file.reel.empty()) file.reel = text_at(child(child(clip, "metadata"), "cmx_3600"), "reel");
  TRY_ASSIGN(const auto available,
             read_range(child(*reference, "available_range"), path + ".available_range"));
  if (available) {
    // Where the media starts is its timecode; the file's own time starts at zero.
    file.available = {{}, available->duration};
    if (available->start != Time{}) file.start_timecode = available->start;
    if (file.has_video) file.frame_rate = available->rate;
  }
  return file;
}

Result<Clip> Reader::read_our_clip(const Json& json, const std::string& path) {
  TRY_ASSIGN(Clip clip, value_json::read_clip(child(ours(json), "clip"), path + ".metadata.studio.clip"));
  const auto native = native_range_of(clip);
  TRY_ASSIGN(const auto found, read_range(child(json, "source_range"), path + ".source_range"));
  const std::string name = text_at(json, "name");
  if (name != (clip.name.empty() ? clip.id : clip.name)) clip.name = name;

  const Json* reference = &child(child(json, "media_references"), "DEFAULT_MEDIA");
  if (auto* file = std::get_if<MediaFile>(&clip.source); file != nullptr && reference->is_object()) {
    const std::string path_found = path_of_url(text_at(*reference, "target_url"));
    if (!path_found.empty() && path_found != path_of_url(url_of_path(file->path))) {
      file->path = path_found;
      file->sha256.clear();  // relinked: no longer that file
    }
  }
  // Retimed by another tool: compare what we would write with what is there.
  const auto retime_key = [](const Json& effects) {
    std::string key;
    if (effects.is_array())
      for (const Json& effect : effects) {
        const std::string schema = schema_of(effect).name;
        if (schema == "LinearTimeWarp")
          key += fmt::format("warp {:.6f};", child(effect, "time_scalar").is_number()
                                                 ? child(effect, "time_scalar").get<double>()
                                                 : 1.0);
        else if (schema == "FreezeFrame" || schema == "TimeEffect")
          key += schema + ";";
      }
    return key;
  };
  const bool respeeded = retime_key(child(json, "effects")) != retime_key(time_effects_of(clip.retime));
  const bool moved = found && (!same(found->start, native.start) || !same(found->duration, native.duration));
  if (respeeded || moved) {
    const Time start = (found ? found->start : native.start) - timecode_offset_of(clip);
    const Time plays = found ? found->duration : native.duration;
    if (!respeeded && !clip.retime.ramp.empty() && !clip.retime.reverse) {
      const Time from = offset_of_source_time(clip, start);
      clip = surgery::piece_of(clip, from, from + plays);
    } else {
      clip.source_range.start = start;
      apply_time_effects(json, clip, plays, path);
    }
  }
  return clip;
}

Result<Item> Reader::read_clip(const Json& json, const std::string& path, TrackKind kind) {
  if (child(ours(json), "clip").is_object()) {
    TRY_ASSIGN(Clip clip, read_our_clip(json, path));
    TRY_ASSIGN(clip.effects, read_effects(json, path));
    return clip;
  }
  TRY_ASSIGN(auto range, read_range(child(json, "source_range"), path + ".source_range"));
  TRY_ASSIGN(auto source, read_source(json, path, kind));
  Clip clip;
  clip.name = text_at(json, "name");
  clip.id = clip.name.empty() ? "clip" : clip.name.substr(0, 80);
  auto* file = source ? std::get_if<MediaFile>(&*source) : nullptr;
  Time start;
  if (range) {
    start = range->start - (file != nullptr ? file->start_timecode.value_or(Time{}) : Time{});
  } else if (file != nullptr && !file->available.empty()) {
    range = ReadRange{{}, file->available.duration, file->frame_rate};
  } else {
    lose(path, "a clip without a range");
    return Gap{};
  }
  if (!source) return Gap{range->duration};
  if (child(json, "enabled").is_boolean() && !child(json, "enabled").get<bool>()) {
    lose(path, "it is disabled; a gap stands for it");
    return Gap{range->duration};
  }
  if (file != nullptr && kind == TrackKind::video && !file->frame_rate.positive())
    file->frame_rate = range->rate;
  clip.source = std::move(*source);
  clip.source_range.start = start;
  clip.picture = kind == TrackKind::video;
  clip.sound = kind == TrackKind::audio;
  apply_time_effects(json, clip, range->duration, path);
  if (file = std::get_if<MediaFile>(&clip.source); file != nullptr && file->available.empty())
    file->available = {std::min(Time{}, start), clip.source_range.end() - std::min(Time{}, start)};
  TRY_ASSIGN(clip.effects, read_effects(json, path));
  if (const Json& metadata = child(json, "metadata"); metadata.is_object() && !metadata.empty()) {
    std::string text = to_text(metadata, -1);
    if (text.size() <= 65536)
      clip.metadata["otio"] = std::move(text);
    else
      lose(path, "metadata of more than 64 KiB");
  }
  return clip;
}

Result<Item> Reader::read_gap(const Json& json, const std::string& path) {
  TRY_ASSIGN(const auto range, read_range(child(json, "source_range"), path + ".source_range"));
  Gap gap{range ? range->duration : Time{}};
  if (const Json& exact = ours(json); is_ours_ && exact.is_object()) {
    JsonReader r(exact, path + ".metadata.studio");
    const Time duration = value_json::read_time(r, "duration");
    if (r.result() && same(duration, gap.duration)) gap.duration = duration;
  }
  return gap;
}

Result<Item> Reader::read_transition(const Json& json, const std::string& path) {
  Transition transition;
  TRY_ASSIGN(transition.in, read_time(child(json, "in_offset"), path + ".in_offset"));
  TRY_ASSIGN(transition.out, read_time(child(json, "out_offset"), path + ".out_offset"));
  if (const Json& exact = ours(json); exact.is_object()) {
    JsonReader r(exact, path + ".metadata.studio");
    transition.kind = r.string("kind", "crossfade");
    const Time in = value_json::read_time(r, "in");
    const Time out = value_json::read_time(r, "out");
    if (r.result() && same(in, transition.in) && same(out, transition.out)) {
      transition.in = in;
      transition.out = out;
    }
    return transition;
  }
  if (const std::string type = text_at(json, "transition_type"); type != "SMPTE_Dissolve")
    lose(path, fmt::format("a transition of the type '{}'; a crossfade stands for it", type));
  return transition;
}

Result<void> Reader::read_markers(const Json& json, const std::string& path, Time origin) {
  const Json& markers = child(json, "markers");
  if (!markers.is_array()) return {};
  for (std::size_t i = 0; i < markers.size(); ++i) {
    const std::string here = fmt::format("{}.markers[{}]", path, i);
    const Json& range_json = child(markers[i], "marked_range");
    TRY_ASSIGN(const auto range,
               read_range(range_json.is_null() ? child(markers[i], "range") : range_json, here));
    Marker marker;
    if (range) marker.at = range->start + origin;
    marker.name = text_at(markers[i], "name");
    marker.color = text_at(markers[i], "color");
    marker.note = text_at(markers[i], "comment");
    if (const Json& exact = ours(markers[i]); exact.is_object()) {
      JsonReader r(exact, here);
      const Time at = value_json::read_time(r, "at");
      marker.color = r.string("color", marker.color);
      if (r.result() && same(at, marker.at)) marker.at = at;
    }
    if (range && range->duration > Time{} && !ours(markers[i]).is_object())
      lose(here, "how long the marker lasts");
    markers_.push_back(std::move(marker));
  }
  return {};
}

}  // namespace studio::otio_form
