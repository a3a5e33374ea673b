// The edit as a value: tracks of clips, gaps and transitions, with effects over time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace studio {

// How a value moves from one keyframe to the next, with u in 0..1 between the two:
// hold 0, linear u, ease_in u^2, ease_out 1-(1-u)^2, ease_in_out u^2(3-2u).
// Polynomials only, so that a renderer can write the same curve as a filter expression.
enum class Easing { hold, linear, ease_in, ease_out, ease_in_out };

struct Keyframe {
  Time at;  // from the start of the item that carries the effect, in timeline time
  double value = 0;
  Easing easing = Easing::linear;  // towards the next keyframe
};

// A constant number, a text, or a number over time.
using Parameter = std::variant<double, std::string, std::vector<Keyframe>>;

// Value of a numeric parameter at `at`; a text, or no keyframes, gives `fallback`. Before the
// first keyframe its value holds, after the last one too.
double value_at(const Parameter& parameter, Time at, double fallback);

// One effect. `id` is a name of the effect registry in render/ ("zoom_punch", "vignette", ...).
struct Effect {
  std::string id;
  std::map<std::string, Parameter> params;
  // When inside the item it acts, from the item's start in timeline time; none: always, over
  // whatever length the item has. After a split or trim it may reach beyond the item on either
  // side (start < 0): the effect keeps its place and progress, the item shows a part of it.
  std::optional<TimeRange> active;
};

// What a clip shows or sounds: a file, or something the studio makes itself.
struct MediaFile {
  std::string path;
  TimeRange available;        // what the file holds, in its own time (start may be non-zero)
  Rational frame_rate;        // 0/1 without video
  int width = 0, height = 0;  // display size, after rotation and pixel aspect
  bool has_video = false, has_audio = false;
  std::string sha256;                  // of the file; may be empty
  std::string reel;                    // for EDL and OTIO; may be empty
  std::optional<Time> start_timecode;  // of the first frame
};

// kind: "title", "lower_third", "caption" (meme), "color", "subtitles",
// "impact", "whoosh", "riser", "boing", "silence", "tone". Parameters by name, see render/generators.
struct Generator {
  std::string kind;
  std::map<std::string, Parameter> params;
};

using Source = std::variant<MediaFile, Generator>;

// How source time runs while the clip plays. Default: as it is.
struct Retime {
  struct SpeedKey {
    Time at;           // from the start of the clip's source range, in source time
    double speed = 1;  // > 0; linear in source time between keys
  };
  Rational speed{1, 1};        // > 0; 2 plays twice as fast
  std::vector<SpeedKey> ramp;  // when not empty it replaces `speed`
  bool reverse = false;
  bool freeze = false;  // show the first frame of source_range for `freeze_duration`; silent
  Time freeze_duration;
  bool keep_pitch = true;
};

struct Clip {
  std::string id;  // unique in the timeline
  std::string name;
  Source source;
  TimeRange source_range;  // in the file's time; for generators start is 0
  Retime retime;
  std::vector<Effect> effects;
  bool picture = true;  // false: only its sound is used
  bool sound = true;    // false: only its picture is used
  double gain_db = 0;
  // J and L cuts: how far this clip's sound starts before (negative) or after its picture,
  // and ends after (positive) or before it, in timeline time.
  Time audio_lead, audio_tail;
  std::map<std::string, std::string> metadata;  // kept, e.g. "decision", "shot"
};

// Nothing: black and silence on the lowest track, see-through above.
struct Gap {
  Time duration;
};

// Between two neighbouring items; both overlap for `duration`, taken half from each side:
// the item before plays `out` beyond its end, the item after `in` before its start, so the
// timeline's length does not change. kind: "crossfade", "fade_black", "fade_white", or an
// xfade family name ("wipeleft", "slideup", "circleopen", ...).
struct Transition {
  std::string kind = "crossfade";
  Time in, out;  // as in OTIO: in_offset, out_offset; duration = in + out
};

using Item = std::variant<Clip, Gap, Transition>;

enum class TrackKind { video, audio };

struct Track {
  std::string id;
  TrackKind kind = TrackKind::video;
  std::vector<Item> items;
  std::vector<Effect> effects;  // on the whole track: "duck", "volume", ...
};

struct Marker {
  Time at;
  std::string name, color, note;
};

// Tracks from the bottom up: later video tracks lie over earlier ones, audio is mixed.
struct Timeline {
  std::string name;
  Rational frame_rate{25, 1};
  int width = 1280, height = 720;
  int sample_rate = 48000;
  std::vector<Track> tracks;
  std::vector<Marker> markers;
  std::vector<Effect> effects;  // on the finished picture and mix
};

// The names used in JSON ("ease_in_out", "video").
std::string_view name_of(Easing easing);
std::optional<Easing> easing_from(std::string_view name);
std::string_view name_of(TrackKind kind);

// Progress of the easing at u in 0..1 (clamped), itself 0..1.
double eased(Easing easing, double u);

// Length on the timeline: of one item (a Transition takes none), one track, the longest track.
Time duration_of(const Item& item);
Time duration_of(const Clip& clip);
Time duration_of(const Track& track);
Time duration_of(const Timeline& timeline);

// Source time shown at timeline offset `at` from the clip's start, through its retime. Outside
// the clip it goes on at the speed of the nearest end: what a transition's handles show.
// Reversed, offset 0 shows the last frame, so the start of that frame is given when the source
// has a frame rate (the end of the range when it has none).
Time source_time_at(const Clip& clip, Time at);

// Where in the source the picture stands at offset `at`, as a continuous position: the boundary
// at which a split at `at` divides the source range (reversed, offset 0 is the range's end).
Time source_edge_at(const Clip& clip, Time at);

// The inverse: the offset at which `source_time` comes up (frozen: 0).
Time offset_of_source_time(const Clip& clip, Time source_time);

// Speed at a source time of the clip, in source seconds per timeline second; frozen: 0.
double speed_at(const Clip& clip, Time source_time);

// Where item `index` of the track begins on the timeline.
Time start_of(const Track& track, std::size_t index);

// Ids unique, ranges inside their media, transitions between clips with enough handles,
// speeds positive, rate and size sane. The first problem, with its place, as invalid_input.
Result<void> validate(const Timeline& timeline);

// Sides of the picture, items of a timeline, and seconds of anything in it that are accepted.
inline constexpr int kMaxCanvasSide = 16384;
inline constexpr std::size_t kMaxTimelineItems = 200'000;
inline constexpr std::int64_t kMaxTimelineSeconds = 100'000'000;

// "studio.timeline/1", schemas/timeline.schema.json. Times are exact "num/den" strings of seconds
// ("start": "1001/30"), with the same in seconds beside them for people ("start_s": 33.366667);
// the reader takes the exact one, and the seconds when they stand alone. Unknown fields are kept
// in no place but do not fail. Reading does not validate().
Json to_json(const Timeline& timeline);
Result<Timeline> timeline_from_json(const Json& json, std::string_view origin);
Result<Timeline> read_timeline(const std::string& path);

}  // namespace studio
