// The sound of a compiled plan: levels, silence, music under speech, sounds, J and L cuts, fades.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/compile_layers.h"
#include "editing/plan_cuts.h"
#include "media/probe.h"
#include "timeline/verbs_layers.h"
#include "timeline/verbs_time.h"

namespace studio {
namespace {

Time whole(const LayerContext& context) {
  return duration_of(context.out.timeline.tracks[0]);
}

void each_film_clip(LayerContext& context, auto act) {
  Time at;
  for (Item& item : context.out.timeline.tracks[0].items) {
    if (auto* clip = std::get_if<Clip>(&item)) act(*clip, at);
    at += duration_of(item);
  }
}

void mute(LayerContext& context, const Decision& d) {
  if (!has_param(d, "from_s") && !has_param(d, "to_s")) {
    each_film_clip(context, [](Clip& clip, Time) { clip.sound = false; });
    return;
  }
  TimeRange range =
      TimeRange::between(on_grid(number_param(d, "from_s", 0), context.rate),
                         on_grid(number_param(d, "to_s", whole(context).seconds()), context.rate));
  each_film_clip(context, [&](Clip& clip, Time at) {
    TimeRange act = intersection({at, duration_of(clip)}, range);
    if (!act.empty()) clip.effects.push_back({"mute", {}, TimeRange{act.start - at, act.duration}});
  });
}

void volume(LayerContext& context, const Decision& d) {
  const double gain = number_param(d, "gain_db", 0);
  if (!has_param(d, "from_s") && !has_param(d, "to_s")) {
    each_film_clip(context,
                   [&](Clip& clip, Time) { clip.gain_db = std::clamp(clip.gain_db + gain, -96.0, 40.0); });
    return;
  }
  const TimeRange range =
      TimeRange::between(on_grid(number_param(d, "from_s", 0), context.rate),
                         on_grid(number_param(d, "to_s", whole(context).seconds()), context.rate));
  each_film_clip(context, [&](Clip& clip, Time at) {
    const TimeRange act = intersection({at, duration_of(clip)}, range);
    if (!act.empty())
      clip.effects.push_back({"volume", {{"gain_db", gain}}, TimeRange{act.start - at, act.duration}});
  });
}

// Film sound plays over the music's level; music is looped to the end and goes out with it.
Result<void> music(LayerContext& context, const Decision& d) {
  Path path = text_param(d, "path");
  TRY_ASSIGN(MediaFacts facts, probe(path));
  if (!facts.audio) {
    context.out.warnings.push_back(fmt::format("{}: {} has no sound", d.id, path.string()));
    return {};
  }
  MediaFile file;
  file.path = path.string();
  Time start = facts.audio->start.value_or(facts.start.value_or(Time{}));
  Time length = facts.audio->duration.value_or(facts.duration.value_or(Time{}));
  if (length <= Time{}) {
    context.out.warnings.push_back(fmt::format("{}: the length of {} is unknown", d.id, path.string()));
    return {};
  }
  file.available = {start, length};
  file.has_audio = true;
  Track track{.id = "music", .kind = TrackKind::audio, .items = {}, .effects = {}};
  Time left = whole(context),
       offset = std::clamp(Time::from_seconds(number_param(d, "start_s", 0)), Time{}, length);
  if (Time at = on_grid(number_param(d, "at_s", 0), context.rate); at > Time{} && at < left) {
    track.items.push_back(Gap{at});
    left -= at;
  }
  for (int n = 1; left > Time{} && n <= 10000; ++n) {
    Clip clip;
    clip.id = n == 1 ? d.id : fmt::format("{}_{}", d.id, n);
    clip.name = path.filename().string();
    clip.source = file;
    clip.picture = false;
    clip.gain_db = std::clamp(number_param(d, "gain_db", -10), -96.0, 24.0);
    Time take = std::min(left, length - offset);
    if (take <= Time{}) {
      offset = Time{};
      continue;
    }
    clip.source_range = {start + offset, take};
    clip.metadata["decision"] = d.id;
    offset = Time{};
    left -= take;
    track.items.push_back(std::move(clip));
  }
  Time total = whole(context), out = std::min(Time::from_seconds(1.5), total);
  double gone = number_param(d, "fade_out_s", out.seconds());
  if (gone > 0) {
    Effect fade{"volume", {}, {}};
    fade.params["gain_db"] =
        std::vector<Keyframe>{{Time{}, 0, Easing::hold},
                              {total - std::min(Time::from_seconds(gone), total), 0, Easing::linear},
                              {total, -60, Easing::linear}};
    auto& keys = std::get<std::vector<Keyframe>>(fade.params["gain_db"]);
    if (keys[1].at <= keys[0].at) keys.erase(keys.begin());
    track.effects.push_back(std::move(fade));
  }
  if (flag_param(d, "duck", true)) track.effects.push_back({"duck", {{"voice", std::string("V1")}}, {}});
  context.out.timeline.tracks.push_back(std::move(track));
  return {};
}

Result<void> sound(LayerContext& context, const Decision& d) {
  std::string kind = text_param(d, "sound");
  static const std::pair<std::string_view, double> lengths[] = {
      {"impact", 1.2}, {"whoosh", 0.7}, {"riser", 2.0}, {"boing", 0.8}};
  double duration = 1.0;
  for (auto [name, seconds] : lengths)
    if (name == kind) duration = seconds;
  duration = number_param(d, "duration_s", duration);
  Time total = whole(context);
  Time at =
      std::min(on_grid(number_param(d, "at_s", 0), context.rate), total - Time::frames(1, context.rate));
  Time length = std::min(on_grid(duration, context.rate), total - at);
  if (length <= Time{}) return {};
  Clip clip;
  clip.id = d.id;
  clip.name = kind;
  Generator generator{kind, {}};
  for (const char* key : {"level_db", "pitch", "seed"})
    if (has_param(d, key)) generator.params[key] = number_param(d, key, 0);
  clip.source = generator;
  clip.source_range = {Time{}, length};
  clip.picture = false;
  clip.gain_db = std::clamp(number_param(d, "gain_db", 0), -96.0, 24.0);
  clip.metadata["decision"] = d.id;
  TRY_ASSIGN(context.out.timeline, add_audio(context.out.timeline, at, clip));
  return {};
}

void overlap_cut(LayerContext& context, const Decision& d, bool j) {
  auto parts = context.clips.find(text_param(d, "target"));
  if (parts == context.clips.end() || parts->second.empty()) return;
  Time by = Time::from_seconds(std::clamp(number_param(d, "duration_s", 0.4), 0.0, 10.0));
  auto made = j ? j_cut(context.out.timeline, parts->second.front().id, by)
                : l_cut(context.out.timeline, parts->second.back().id, by);
  if (made)
    context.out.timeline = *std::move(made);
  else
    context.out.warnings.push_back(fmt::format("{}: {}", d.id, made.error().message));
}

// A fade of the mix only; the picture has its own.
void fade(LayerContext& context, const Decision& d, bool in) {
  Time total = whole(context);
  Time duration =
      std::clamp(Time::from_seconds(number_param(d, "duration_s", 1)), Time::frames(1, context.rate), total);
  Effect effect{"volume", {}, {}};
  // In decibels a straight line sounds even; the last 60 dB are silence.
  std::vector<Keyframe> keys;
  if (in)
    keys = {{Time{}, -60, Easing::ease_out}, {duration, 0, Easing::hold}};
  else if (total - duration > Time{})
    keys = {{Time{}, 0, Easing::hold}, {total - duration, 0, Easing::ease_in}, {total, -60, Easing::hold}};
  else
    keys = {{Time{}, 0, Easing::ease_in}, {total, -60, Easing::hold}};
  effect.params["gain_db"] = keys;
  context.out.timeline.effects.push_back(std::move(effect));
}

}  // namespace

Result<void> add_sound(LayerContext& context) {
  bool faded_by_picture_in = false, faded_by_picture_out = false;
  for (const Effect& effect : context.out.timeline.effects) {
    faded_by_picture_in = faded_by_picture_in || effect.id == "fade_in";
    faded_by_picture_out = faded_by_picture_out || effect.id == "fade_out";
  }
  for (const Decision& d : context.plan.decisions) {
    if (d.type != DecisionType::audio) continue;
    std::string action = text_param(d, "action");
    if (action == "mute") mute(context, d);
    if (action == "volume") volume(context, d);
    if (action == "normalize") context.out.settings.loudness_lufs = number_param(d, "lufs", -14);
    if (action == "music") TRY(music(context, d));
    if (action == "sound") TRY(sound(context, d));
    if (action == "j_cut" || action == "l_cut") overlap_cut(context, d, action == "j_cut");
    if (action == "fade_in" && !faded_by_picture_in) fade(context, d, true);
    if (action == "fade_out" && !faded_by_picture_out) fade(context, d, false);
    if (action == "duck")
      for (Track& track : context.out.timeline.tracks)
        if (track.id == "music" &&
            std::ranges::none_of(track.effects, [](const Effect& e) { return e.id == "duck"; }))
          track.effects.push_back({"duck", {{"voice", std::string("V1")}}, {}});
  }
  return {};
}

}  // namespace studio
