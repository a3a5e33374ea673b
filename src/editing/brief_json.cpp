// The brief's JSON form, and the constraints that follow from a brief.
#include <algorithm>
#include <array>
#include <cmath>

#include "editing/brief.h"

namespace studio {
namespace {

template <typename Enum, std::size_t N>
Enum enum_from(const std::array<std::string_view, N>& names, std::string_view text, Enum fallback) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  return fallback;
}

constexpr std::array<std::string_view, 4> kPaces = {"automatic", "slow", "medium", "fast"};
constexpr std::array<std::string_view, 5> kOrders = {"automatic", "chronological", "reversed", "shuffled",
                                                     "as_listed"};
constexpr std::array<std::string_view, 4> kAnchors = {"start", "end", "at", "throughout"};

template <typename T>
void put(Json& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

Json span_json(const SpanWish& span) {
  Json json{{"source", span.source}, {"start_s", span.start_s}, {"end_s", span.end_s}};
  if (!span.shot.empty()) json["shot"] = span.shot;
  if (!span.words.empty()) json["words"] = span.words;
  return json;
}

SpanWish span_from(JsonReader& r) {
  SpanWish span;
  span.source = r.string("source", "s1");
  span.start_s = r.number("start_s", 0);
  span.end_s = r.number("end_s", 0);
  span.shot = r.string("shot", "");
  span.words = r.string("words", "");
  return span;
}

void put_span(Json& json, const char* key, const std::optional<SpanWish>& span) {
  if (span) json[key] = span_json(*span);
}

// Reads every object of an array; the first wrong one ends it.
template <typename Read>
Result<void> each(JsonReader& r, std::string_view key, Read read) {
  const Json& array = r.array(key);
  for (std::size_t i = 0; i < array.size(); ++i) {
    JsonReader item(array[i], r.path_of(key) + "[" + std::to_string(i) + "]");
    read(item);
    TRY(item.result());
  }
  return {};
}

Result<std::optional<SpanWish>> optional_span(JsonReader& r, std::string_view key) {
  if (!r.has(key)) return std::optional<SpanWish>{};
  JsonReader item(r.object(key), r.path_of(key));
  SpanWish span = span_from(item);
  TRY(item.result());
  return std::optional<SpanWish>{span};
}

void place(Json& wanted, Anchor anchor, const std::optional<double>& at_s,
           const std::optional<double>& duration_s) {
  wanted["anchor"] = name_of(anchor);
  put(wanted, "at_s", at_s);
  put(wanted, "duration_s", duration_s);
}

std::string fade_color(const TransitionWish& wish) {
  if (!wish.color.empty()) return wish.color;
  return wish.kind == "fade_white" ? "white" : "black";
}

void place(Json& wanted, const std::optional<SpanWish>& span) {
  if (!span) return;
  wanted["source"] = span->source;
  wanted["start_s"] = span->start_s;
  wanted["end_s"] = span->end_s;
}

}  // namespace

std::string_view name_of(Pace pace) {
  return kPaces[static_cast<std::size_t>(pace)];
}
std::string_view name_of(Order order) {
  return kOrders[static_cast<std::size_t>(order)];
}
std::string_view name_of(Anchor anchor) {
  return kAnchors[static_cast<std::size_t>(anchor)];
}

Json to_json(const Unmet& unmet) {
  return {{"wish", unmet.wish}, {"reason", unmet.reason}};
}
Json to_json(const Constraint& constraint) {
  return {{"kind", constraint.kind}, {"wanted", constraint.wanted}};
}

Json to_json(const Brief& b) {
  Json json{{"goal", b.goal}, {"language", b.language}};
  if (b.length)
    json["length"] = {
        {"target_s", b.length->target_s}, {"min_s", b.length->min_s}, {"max_s", b.length->max_s}};
  json["whole"] = b.whole;
  json["pace"] = name_of(b.pace);
  json["pace_asked"] = b.pace_asked;
  put(json, "cuts_per_minute", b.cuts_per_minute);
  json["style"] = b.style;
  json["style_asked"] = b.style_asked;
  json["mood"] = b.mood;
  json["order"] = name_of(b.order);
  for (const auto* list : {&b.keep, &b.avoid}) {
    Json array = Json::array();
    for (const SpanWish& span : *list) array.push_back(span_json(span));
    json[list == &b.keep ? "keep" : "avoid"] = array;
  }
  if (!b.sequences.empty()) {
    json["sequences"] = Json::array();
    for (const SequenceWish& w : b.sequences)
      json["sequences"].push_back({{"first", span_json(w.first)}, {"second", span_json(w.second)}});
  }
  put_span(json, "opening", b.opening);
  put_span(json, "ending", b.ending);
  json["described"] = b.described;
  json["soft_keep"] = b.soft_keep;
  put(json, "clips", b.clips);
  json["every_source"] = b.every_source;
  json["no_cuts"] = b.no_cuts;
  json["on_beats"] = b.on_beats;
  if (!b.beats_s.empty()) json["beats_s"] = b.beats_s;
  json["texts"] = Json::array();
  for (const TextWish& t : b.texts) {
    Json item{{"text", t.text}, {"kind", t.kind}};
    place(item, t.anchor, t.at_s, t.duration_s);
    item["position"] = t.position;
    if (!t.color.empty()) item["color"] = t.color;
    json["texts"].push_back(item);
  }
  if (!b.subtitles.empty()) json["subtitles"] = b.subtitles;
  json["speeds"] = Json::array();
  for (const SpeedWish& s : b.speeds) {
    Json item{{"kind", s.kind}, {"factor", s.factor}, {"anchor", name_of(s.anchor)}, {"hold_s", s.hold_s}};
    put_span(item, "span", s.span);
    put(item, "first_s", s.first_s);
    put(item, "last_s", s.last_s);
    put(item, "at_s", s.at_s);
    item["words"] = s.words;
    json["speeds"].push_back(item);
  }
  if (b.frame)
    json["frame"] = {{"aspect_w", b.frame->aspect_w},
                     {"aspect_h", b.frame->aspect_h},
                     {"width", b.frame->width},
                     {"height", b.frame->height},
                     {"fps", b.frame->fps}};
  json["audio"] = Json::array();
  for (const AudioWish& a : b.audio) {
    Json item{{"action", a.action}, {"value", a.value}, {"path", a.path}};
    put(item, "at_s", a.at_s);
    put(item, "from_s", a.from_s);
    put(item, "to_s", a.to_s);
    put(item, "level_db", a.level_db);
    if (a.at_cuts) item["at_cuts"] = true;
    json["audio"].push_back(item);
  }
  json["effects"] = Json::array();
  for (const EffectWish& e : b.effects) {
    Json item{{"id", e.id}, {"params", e.params}};
    place(item, e.anchor, e.at_s, e.duration_s);
    put_span(item, "span", e.span);
    if (e.at_cuts) item["at_cuts"] = true;
    item["words"] = e.words;
    json["effects"].push_back(item);
  }
  json["transitions"] = Json::array();
  for (const TransitionWish& t : b.transitions) {
    Json item{{"kind", t.kind}, {"where", t.where}, {"duration_s", t.duration_s}};
    if (!t.color.empty()) item["color"] = t.color;
    json["transitions"].push_back(item);
  }
  json["composites"] = Json::array();
  for (const CompositeWish& c : b.composites) {
    Json item{{"layout", c.layout}, {"source", c.source}, {"position", c.position}};
    if (c.start_s >= 0) item["start_s"] = c.start_s, item["end_s"] = c.end_s;
    json["composites"].push_back(item);
  }
  json["unmet"] = Json::array();
  for (const Unmet& u : b.unmet) json["unmet"].push_back(to_json(u));
  json["not_understood"] = b.not_understood;
  json["mood_words"] = b.mood_words;
  json["readings"] = b.readings;
  return json;
}

Result<Brief> brief_from_json(const Json& json, std::string_view origin) {
  if (!json.is_object())
    return fail(ErrorKind::invalid_input, std::string(origin) + ": the brief is not an object");
  JsonReader r(json, std::string(origin));
  Brief b;
  b.goal = r.string("goal", "");
  b.language = r.string("language", "en");
  if (r.has("length")) {
    JsonReader l(r.object("length"), r.path_of("length"));
    LengthWish length{l.number("target_s", 0), 0, 0};
    length.min_s = l.number("min_s", length.target_s - 0.25);
    length.max_s = l.number("max_s", length.target_s + 0.25);
    TRY(l.result());
    if (!(length.target_s > 0 && length.target_s < 1e7)) r.reject("length", "target_s must be above 0");
    b.length = length;
  }
  b.whole = r.boolean("whole", false);
  b.pace = enum_from(kPaces, r.string("pace", ""), Pace::automatic);
  b.pace_asked = r.boolean("pace_asked", false);
  b.cuts_per_minute = r.optional_number("cuts_per_minute");
  if (b.cuts_per_minute && !(*b.cuts_per_minute > 0)) b.cuts_per_minute.reset();
  b.style = r.string("style", "");
  b.style_asked = r.boolean("style_asked", false);
  b.mood = r.string("mood", "");
  b.order = enum_from(kOrders, r.string("order", ""), Order::automatic);
  TRY(each(r, "keep", [&](JsonReader& i) { b.keep.push_back(span_from(i)); }));
  TRY(each(r, "avoid", [&](JsonReader& i) { b.avoid.push_back(span_from(i)); }));
  TRY(each(r, "sequences", [&](JsonReader& i) {
    SequenceWish w;
    if (auto span = optional_span(i, "first"); span && *span) w.first = **span;
    if (auto span = optional_span(i, "second"); span && *span) w.second = **span;
    b.sequences.push_back(w);
  }));
  TRY_ASSIGN(b.opening, optional_span(r, "opening"));
  TRY_ASSIGN(b.ending, optional_span(r, "ending"));
  b.described = r.strings("described");
  b.soft_keep = r.strings("soft_keep");
  if (r.has("clips")) b.clips = static_cast<int>(std::clamp<std::int64_t>(r.integer("clips", 1), 1, 10000));
  b.every_source = r.boolean("every_source", false);
  b.no_cuts = r.boolean("no_cuts", false);
  b.on_beats = r.boolean("on_beats", false);
  if (r.has("beats_s"))
    for (const Json& beat : r.array("beats_s"))
      if (beat.is_number() && std::isfinite(beat.get<double>())) b.beats_s.push_back(beat.get<double>());
  TRY(each(r, "texts", [&](JsonReader& i) {
    TextWish t;
    t.text = i.required_string("text");
    t.kind = i.string("kind", "title");
    t.anchor = enum_from(kAnchors, i.string("anchor", ""), Anchor::start);
    t.at_s = i.optional_number("at_s");
    t.duration_s = i.optional_number("duration_s");
    t.position = i.string("position", "");
    t.color = i.string("color", "");
    b.texts.push_back(t);
  }));
  b.subtitles = r.string("subtitles", "");
  TRY(each(r, "speeds", [&](JsonReader& i) {
    SpeedWish s;
    s.kind = i.string("kind", "factor");
    s.factor = i.number("factor", 1);
    s.anchor = enum_from(kAnchors, i.string("anchor", ""), Anchor::throughout);
    s.hold_s = i.number("hold_s", 0);
    s.first_s = i.optional_number("first_s");
    s.last_s = i.optional_number("last_s");
    s.at_s = i.optional_number("at_s");
    s.words = i.string("words", "");
    if (auto span = optional_span(i, "span")) s.span = *span;
    if (!(s.factor >= 0.01 && s.factor <= 100)) i.reject("factor", "speeds lie between 0.01 and 100");
    b.speeds.push_back(s);
  }));
  if (r.has("frame")) {
    JsonReader f(r.object("frame"), r.path_of("frame"));
    auto whole = [&](std::string_view key) {
      return static_cast<int>(std::clamp<std::int64_t>(f.integer(key, 0), 0, 16384));
    };
    b.frame =
        FrameWish{whole("aspect_w"), whole("aspect_h"), whole("width"), whole("height"), f.number("fps", 0)};
    TRY(f.result());
  }
  TRY(each(r, "audio", [&](JsonReader& i) {
    AudioWish a;
    a.action = i.required_string("action");
    a.value = i.number("value", 0);
    a.path = i.string("path", "");
    a.at_s = i.optional_number("at_s");
    a.from_s = i.optional_number("from_s");
    a.to_s = i.optional_number("to_s");
    a.level_db = i.optional_number("level_db");
    a.at_cuts = i.boolean("at_cuts", false);
    b.audio.push_back(a);
  }));
  TRY(each(r, "effects", [&](JsonReader& i) {
    EffectWish e;
    e.id = i.required_string("id");
    e.params = i.object("params");
    e.anchor = enum_from(kAnchors, i.string("anchor", ""), Anchor::throughout);
    e.at_s = i.optional_number("at_s");
    e.duration_s = i.optional_number("duration_s");
    e.words = i.string("words", "");
    e.at_cuts = i.boolean("at_cuts", false);
    if (auto span = optional_span(i, "span")) e.span = *span;
    b.effects.push_back(e);
  }));
  TRY(each(r, "transitions", [&](JsonReader& i) {
    b.transitions.push_back({i.string("kind", "crossfade"), i.string("where", "between"),
                             i.number("duration_s", 0.5), i.string("color", "")});
  }));
  TRY(each(r, "composites", [&](JsonReader& i) {
    b.composites.push_back({i.string("layout", ""), i.string("source", ""), i.string("position", ""),
                            i.number("start_s", -1), i.number("end_s", -1)});
  }));
  TRY(each(r, "unmet",
           [&](JsonReader& i) { b.unmet.push_back({i.string("wish", ""), i.string("reason", "")}); }));
  b.not_understood = r.strings("not_understood");
  b.mood_words = r.strings("mood_words");
  b.readings = r.strings("readings");
  TRY(r.result());
  return b;
}

double music_level_db(const Brief& brief, const AudioWish& music) {
  if (music.level_db) return *music.level_db;
  bool muted =
      std::ranges::any_of(brief.audio, [](const AudioWish& w) { return w.action == "mute" && !w.from_s; });
  return (muted ? 0.0 : -10.0) + music.value;
}

std::vector<Constraint> constraints_of(const Brief& b) {
  std::vector<Constraint> out;
  auto add = [&](std::string kind, Json wanted = Json::object()) {
    out.push_back({std::move(kind), std::move(wanted)});
  };
  if (b.length)
    add("duration",
        {{"target_s", b.length->target_s}, {"min_s", b.length->min_s}, {"max_s", b.length->max_s}});
  if (b.frame) {
    if (b.frame->aspect_w > 0) add("aspect", {{"width", b.frame->aspect_w}, {"height", b.frame->aspect_h}});
    if (b.frame->height > 0) {
      Json size{{"height", b.frame->height}};
      if (b.frame->width > 0) size["width"] = b.frame->width;
      add("size", size);
    }
    if (b.frame->fps > 0) add("frame_rate", {{"fps", b.frame->fps}});
  }
  for (const TextWish& t : b.texts) {
    Json wanted{{"text", t.text}, {"kind", t.kind}};
    place(wanted, t.anchor, t.at_s, t.duration_s);
    if (!t.position.empty()) wanted["position"] = t.position;
    if (!t.color.empty()) wanted["color"] = t.color;
    add("text", wanted);
  }
  if (!b.subtitles.empty()) add("subtitles", {{"path", b.subtitles}});
  auto span = [](const SpanWish& s) {
    return Json{{"source", s.source}, {"start_s", s.start_s}, {"end_s", s.end_s}};
  };
  // Shots that are to be used but do not fit whole: a good part of each must be seen.
  double kept = 0;
  for (const SpanWish& s : b.keep) kept += s.end_s - s.start_s;
  for (const SpanWish& s : b.keep) {
    Json wanted = span(s);
    double share = b.length ? b.length->target_s / (static_cast<double>(b.keep.size()) + 1) : 1e9;
    if (!s.shot.empty() && b.length && kept > 0.8 * b.length->target_s)
      wanted["least_s"] = 0.5 * std::min(s.end_s - s.start_s, share);
    add("keep", wanted);
  }
  for (const SpanWish& s : b.avoid) add("avoid", span(s));
  if (b.opening) add("opening", span(*b.opening));
  if (b.ending) add("ending", span(*b.ending));
  for (const SequenceWish& w : b.sequences)
    add("before", {{"first", span(w.first)}, {"second", span(w.second)}});
  if (b.order != Order::automatic) add("order", {{"order", name_of(b.order)}});
  for (const SpeedWish& s : b.speeds) {
    Json wanted = Json::object();
    place(wanted, s.span);
    if (s.kind == "factor") {
      wanted["factor"] = s.factor;
      put(wanted, "first_s", s.first_s);
      put(wanted, "last_s", s.last_s);
      add("speed", wanted);
    } else if (s.kind == "ramp") {
      wanted["factor"] = s.factor;
      add("ramp", wanted);
    } else if (s.kind == "freeze") {
      wanted["hold_s"] = s.hold_s;
      wanted["anchor"] = name_of(s.anchor);
      put(wanted, "at_s", s.at_s);
      add("freeze", wanted);
    } else {
      if (s.anchor == Anchor::end) wanted["anchor"] = "end";
      add("reverse", wanted);
    }
  }
  for (const AudioWish& a : b.audio) {
    Json wanted = Json::object();
    if (a.action == "mute") {
      put(wanted, "from_s", a.from_s);
      put(wanted, "to_s", a.to_s);
      bool music = std::ranges::any_of(
          b.audio, [](const AudioWish& w) { return w.action == "music" || w.action == "sound"; });
      if (!music) add("silence", wanted);  // with a bed over it, the file is not silent
    } else if (a.action == "keep") {
      add("sound");
    } else if (a.action == "music") {
      wanted["path"] = a.path;
      if (a.level_db || a.value != 0) wanted["db"] = music_level_db(b, a);
      add("music", wanted);
    } else if (a.action == "volume") {
      wanted["db"] = a.value;
      put(wanted, "from_s", a.from_s);
      put(wanted, "to_s", a.to_s);
      add("volume", wanted);
    } else if (a.action == "normalize") {
      add("loudness", {{"lufs", a.value}});
    } else if (a.action == "sound") {
      wanted["name"] = a.path;
      put(wanted, "at_s", a.at_s);
      if (a.at_cuts) wanted["at_cuts"] = true;
      add("sound_effect", wanted);
    } else if (a.action == "fade_in" || a.action == "fade_out") {
      add(a.action, {{"of", "sound"}, {"duration_s", a.value}});
    }
  }
  for (const EffectWish& e : b.effects) {
    Json wanted{{"id", e.id}, {"params", e.params}};
    place(wanted, e.anchor, e.at_s, e.duration_s);
    place(wanted, e.span);
    if (e.at_cuts) wanted["at_cuts"] = true;
    add("effect", wanted);
  }
  for (const TransitionWish& t : b.transitions) {
    if (t.where == "between")
      add("transition", {{"kind", t.kind}, {"where", t.where}, {"duration_s", t.duration_s}});
    else
      add(t.where == "start" ? "fade_in" : "fade_out",
          {{"of", "picture"}, {"duration_s", t.duration_s}, {"color", fade_color(t)}});
  }
  for (const CompositeWish& c : b.composites) add("composite", {{"layout", c.layout}});
  if (b.clips) add("clips", {{"count", *b.clips}});
  if (b.every_source) add("sources");
  if (b.no_cuts) add("no_cuts");
  if (b.on_beats) {
    Json wanted = Json::object();
    if (!b.beats_s.empty()) wanted["beats_s"] = b.beats_s;
    add("beats", wanted);
  }
  if (b.pace_asked || b.cuts_per_minute) {
    Json wanted{{"pace", name_of(b.pace)}};
    put(wanted, "cuts_per_minute", b.cuts_per_minute);
    add("pace", wanted);
  }
  return out;
}

}  // namespace studio
