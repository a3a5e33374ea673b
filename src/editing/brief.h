// What the goal asks for, as typed wishes, and which of them can be checked on the finished file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/result.h"
#include "editing/evidence.h"

namespace studio {

enum class Pace { automatic, slow, medium, fast };
enum class Order { automatic, chronological, reversed, shuffled, as_listed };

std::string_view name_of(Pace pace);
std::string_view name_of(Order order);

// A wish that cannot be met, and why. Ends up in studio.run/1 `unmet`.
struct Unmet {
  std::string wish, reason;
};

struct LengthWish {
  double target_s = 0;
  double min_s = 0, max_s = 0;  // what still counts as met
};

// A piece of source film.
struct SpanWish {
  std::string source;  // "s1"
  double start_s = 0, end_s = 0;
  std::string shot;   // id in that source's analysis when it is a whole shot
  std::string words;  // of the goal: "the first 3 seconds"
};

// Where in the output something stands.
enum class Anchor { start, end, at, throughout };
std::string_view name_of(Anchor anchor);

struct TextWish {
  std::string text;            // literal, as quoted
  std::string kind = "title";  // title, lower_third, caption, subtitle (small, at the bottom)
  Anchor anchor = Anchor::start;
  std::optional<double> at_s;  // output seconds, for Anchor::at
  std::optional<double> duration_s;
  std::string position;    // "", top, bottom, center, top_left, ...
  std::string color = {};  // of the letters, by its English name; "": the kind's own
};

// kind: factor, ramp, reverse, freeze. Without a span it is about all of it.
struct SpeedWish {
  std::string kind = "factor";
  double factor = 1;                      // ramp: the highest or lowest speed reached
  std::optional<SpanWish> span;           // source time it acts on
  std::optional<double> first_s, last_s;  // or the first/last seconds of the OUTPUT
  double hold_s = 0;                      // freeze
  Anchor anchor = Anchor::throughout;     // freeze: where in the output (start, end, at + at_s)
  std::optional<double> at_s;
  std::string words;
};

struct FrameWish {
  int aspect_w = 0, aspect_h = 0;  // 9:16; 0: not asked
  int width = 0, height = 0;       // pixels; 0: not asked
  double fps = 0;
};

// action: mute, keep, music, volume, normalize, fade_in, fade_out, sound, duck
struct AudioWish {
  std::string action;
  double value = 0;  // dB, LUFS, or seconds by action
  std::string path;  // music: a file; sound: a generator's name
  std::optional<double> at_s;
  std::optional<double> from_s, to_s;  // mute, volume: only there (output seconds)
  // music: `value` is how much louder (dB) than a bed usually is; this, when the level itself is said.
  std::optional<double> level_db = {};
  bool at_cuts = false;  // sound: at every cut
};

struct EffectWish {
  std::string id;  // of effect_catalog()
  Json params = Json::object();
  Anchor anchor = Anchor::throughout;
  std::optional<double> at_s, duration_s;
  std::optional<SpanWish> span;
  std::string words;
  bool at_cuts = false;  // zoom_punch, shake, flash: at every cut
};

// where: between (every cut), start, end
struct TransitionWish {
  std::string kind = "crossfade";
  std::string where = "between";
  double duration_s = 0.5;
  std::string color = {};  // of a fade at the start or end; "": the kind's own
};

struct CompositeWish {
  std::string layout;  // picture_in_picture, split_screen
  std::string source;  // the inset, or the second half; "" chooses
  std::string position;
  double start_s = -1, end_s = -1;  // of its film; below 0: the studio chooses
};

// "Put shot 3 before shot 1", "c.mp4 before a.mp4": all of the first is seen before any of the second.
struct SequenceWish {
  SpanWish first, second;
};

struct Brief {
  std::string goal;
  std::string language = "en";
  std::optional<LengthWish> length;
  bool whole = false;  // nothing in the goal asks to leave film out
  Pace pace = Pace::automatic;
  bool pace_asked = false;  // read in the goal, not proposed by the model
  std::optional<double> cuts_per_minute;
  std::string style;  // "", or a style's name ("dramatic")
  bool style_asked = false;
  std::string mood;  // soft, from the model
  Order order = Order::automatic;
  std::vector<SequenceWish> sequences;
  std::vector<SpanWish> keep, avoid;
  std::optional<SpanWish> opening, ending;
  std::vector<std::string> described;  // content in words that no measurement answers
  std::vector<std::string> soft_keep;  // evidence ids the model proposed for `described`
  std::optional<int> clips;            // number of pieces
  bool every_source = false;
  bool no_cuts = false;         // one continuous piece
  bool on_beats = false;        // cuts on the beats of the music, or else of the film's own sound
  std::vector<double> beats_s;  // of the music bed, output seconds; filled by the planner
  std::vector<TextWish> texts;
  std::string subtitles;  // a file
  std::vector<SpeedWish> speeds;
  std::optional<FrameWish> frame;
  std::vector<AudioWish> audio;
  std::vector<EffectWish> effects;
  std::vector<TransitionWish> transitions;
  std::vector<CompositeWish> composites;
  std::vector<Unmet> unmet;
  // Words of the goal that nothing answers to. They fail no edit, but nobody is left to guess.
  std::vector<std::string> not_understood;
  std::vector<std::string> mood_words;  // "funny": for the model's taste; the rules have none
  std::vector<std::string> readings;    // how each explicit phrase was read, for the report
};

// One explicit wish that can be measured on the finished file. `wanted` by kind:
//   duration    {target_s, min_s, max_s}
//   aspect      {width, height} as a ratio;   size {width, height};   frame_rate {fps}
//   text        {text, kind, anchor: start|end|at|throughout, at_s?, duration_s?, position?, color?}
//   subtitles   {path}
//   keep, avoid {source, start_s, end_s}      source film that must or must not be seen; keep also
//               least_s: so much of it is enough
//   opening, ending {source, start_s, end_s}  the output begins/ends with film from there
//   order       {order: chronological|reversed|shuffled|as_listed}
//   speed       {factor, source?, start_s?, end_s?, first_s?, last_s?}
//   ramp        {factor};  reverse {source?, start_s?, end_s?};  freeze {hold_s, anchor, at_s?}
//   silence     {from_s?, to_s?}  no sound at all (there);   sound {}  the sound must be there
//   music       {path, db?};  volume {db};  loudness {lufs};  sound_effect {name, at_s?}
//   fade_in, fade_out {of: picture|sound, duration_s, color?}
//               at_cuts: true instead of at_s (sound_effect, effect): at every cut
//   effect      {id, params, anchor, at_s?, duration_s?, source?, start_s?, end_s?}
//   transition  {kind, where: between|start|end, duration_s}
//   composite   {layout}
//   before      {first: {source, start_s, end_s}, second: {...}}
//   beats       {beats_s?}  cuts lie on beats: these output times, else those of the film's own sound
//   clips       {count};  sources {ids}  every one is seen;  no_cuts {}
//   pace        {pace, cuts_per_minute?}
struct Constraint {
  std::string kind;
  Json wanted = Json::object();
};

// Everything that stands in the goal as a number, quote, time or named thing, read by a grammar of
// words (English and Italian), never guessed. `sources` resolve what is relative ("the last 3 s",
// "shot 2", "half as long", "the part with most motion").
Brief read_goal(std::string_view goal, std::span<const EditSource> sources);

// Only what the goal asked for explicitly, and what is not in `unmet` from the start.
std::vector<Constraint> constraints_of(const Brief& brief);

// Gain of a music bed: the level asked for, or the usual one (under the film's sound 10 dB lower), changed
// by what was asked.
double music_level_db(const Brief& brief, const AudioWish& music);

Json to_json(const Brief& brief);
Result<Brief> brief_from_json(const Json& json, std::string_view origin);
Json to_json(const Constraint& constraint);
Json to_json(const Unmet& unmet);

}  // namespace studio
