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

// How a value moves from one keyframe to the next.
enum class Easing { hold, linear, ease_in, ease_out, ease_in_out };

struct Keyframe {
  Time at;  // from the start of the item that carries the effect, in timeline time
  double value = 0;
  Easing easing = Easing::linear;  // towards the next keyframe
};

// A constant number, a text, or a number over time.
using Parameter = std::variant<double, std::string, std::vector<Keyframe>>;

// Value of a numeric parameter at `at`; a text gives `fallback`.
double value_at(const Parameter& parameter, Time at, double fallback);

// One effect. `id` is a name of the effect registry in render/ ("zoom_punch", "vignette", ...).
struct Effect {
  std::string id;
  std::map<std::string, Parameter> params;
  // When inside the item it acts, from the item's start in timeline time; none: always.
  std::optional<TimeRange> active;
};

// What a clip shows or sounds: a file, or something the studio makes itself.
struct MediaFile {
  std::string path;
  TimeRange available;       // what the file holds, in its own time (start may be non-zero)
  Rational frame_rate;       // 0/1 without video
  int width = 0, height = 0; // display size, after rotation and pixel aspect
  bool has_video = false, has_audio = false;
  std::string sha256;        // of the file; may be empty
  std::string reel;          // for EDL and OTIO; may be empty
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
    Time at;        // from the start of the clip's source range, in source time
    double speed = 1;  // > 0; linear in source time between keys
  };
  Rational speed{1, 1};            // > 0; 2 plays twice as fast
  std::vector<SpeedKey> ramp;      // when not empty it replaces `speed`
  bool reverse = false;
  bool freeze = false;             // show the first frame of source_range for `freeze_duration`; silent
  Time freeze_duration;
  bool keep_pitch = true;
};

struct Clip {
  std::string id;      // unique in the timeline
  std::string name;
  Source source;
  TimeRange source_range;  // in the file's time; for generators start is 0
  Retime retime;
  std::vector<Effect> effects;
  bool picture = true;     // false: only its sound is used
  bool sound = true;       // false: only its picture is used
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

// Length on the timeline: of one item (a Transition takes none), one track, the longest track.
Time duration_of(const Item& item);
Time duration_of(const Clip& clip);
Time duration_of(const Track& track);
Time duration_of(const Timeline& timeline);

// Source time shown at timeline offset `at` from the clip's start, through its retime.
Time source_time_at(const Clip& clip, Time at);

// Ids unique, ranges inside their media, transitions between clips with enough handles,
// speeds positive, rate and size sane. The first problem, with its place.
Result<void> validate(const Timeline& timeline);

// "studio.timeline/1". Unknown fields are kept in no place but do not fail.
Json to_json(const Timeline& timeline);
Result<Timeline> timeline_from_json(const Json& json, std::string_view origin);

}  // namespace studio
