// OpenTimelineIO JSON as a timeline: our own files exactly, others as far as they go.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "timeline/otio.h"
#include "timeline/otio_reader.h"
#include "timeline/surgery.h"

namespace studio {
namespace otio_form {
namespace {

// Takes the stretch [start, start + duration) of some tracks, filled up with gaps where they end.
std::vector<Track> stretch_of(std::vector<Track> tracks, const TimeRange& range) {
  Timeline scratch;
  scratch.tracks = std::move(tracks);
  for (std::size_t i = 0; i < scratch.tracks.size(); ++i) {
    const Time end = duration_of(scratch.tracks[i]);
    if (end > range.end()) surgery::replace_range(scratch, i, TimeRange::between(range.end(), end), {});
    if (range.start > Time{}) surgery::replace_range(scratch, i, TimeRange::between({}, range.start), {});
    if (const Time missing = range.duration - duration_of(scratch.tracks[i]); missing > Time{})
      scratch.tracks[i].items.push_back(Gap{missing});
    surgery::settle(scratch.tracks[i]);
  }
  return std::move(scratch.tracks);
}

Time longest_of(const std::vector<Track>& tracks) {
  Time longest;
  for (const Track& track : tracks) longest = std::max(longest, duration_of(track));
  return longest;
}

void pad_to(Track& track, Time end) {
  if (const Time missing = end - duration_of(track); missing > Time{}) track.items.push_back(Gap{missing});
}

// The rate of the first range that has one, looking at clips before the rest.
std::optional<Rational> first_rate(const Json& json) {
  const Json& duration = child(child(json, "source_range"), "duration");
  const Json& rate = child(duration, "rate");
  if (schema_of(json).name == "Clip" && rate.is_number() && rate.get<double>() > 0 &&
      rate.get<double>() <= 1000)
    return exact_rate(rate.get<double>());
  const Json& children = child(json, "children");
  if (children.is_array())
    for (const Json& node : children)
      if (const auto found = first_rate(node)) return found;
  return std::nullopt;
}

}  // namespace

// A track or stack inside a track, taken from its source range on.
Result<std::vector<Track>> Reader::read_nested(const Json& json, const std::string& path) {
  const bool stack = schema_of(json).name == "Stack";
  TRY_ASSIGN(auto tracks, stack ? read_stack(json, path) : read_track(json, path));
  if (!stack) return tracks;  // a track takes its own source range
  TRY_ASSIGN(const auto range, read_range(child(json, "source_range"), path + ".source_range"));
  const TimeRange shown =
      range ? TimeRange{range->start, range->duration} : TimeRange{{}, longest_of(tracks)};
  return stretch_of(std::move(tracks), shown);
}

// The track itself, then what nested stacks lay over it.
Result<std::vector<Track>> Reader::read_track(const Json& json, const std::string& path) {
  Track track;
  const std::string our_id = text_at(ours(json), "track");
  track.id = is_ours_ && !our_id.empty() ? our_id : text_at(json, "name");
  track.kind = text_at(json, "kind") == "Audio" ? TrackKind::audio : TrackKind::video;
  if (const std::string kind = text_at(json, "kind"); !kind.empty() && kind != "Audio" && kind != "Video")
    lose(path, fmt::format("a track of the kind '{}', read as video", kind));
  std::vector<Track> over;
  Time at;  // where the next child starts
  const Json& children = child(json, "children");
  for (std::size_t i = 0; children.is_array() && i < children.size(); ++i) {
    const std::string here = fmt::format("{}.children[{}]", path, i);
    const Json& node = children[i];
    const Schema schema = schema_of(node);
    if (schema.name == "Clip") {
      TRY_ASSIGN(Item item, read_clip(node, here, track.kind));
      TRY_ASSIGN(const auto range, read_range(child(node, "source_range"), here));
      TRY(read_markers(node, here, at - (range ? range->start : Time{})));
      at += duration_of(item);
      track.items.push_back(std::move(item));
    } else if (schema.name == "Gap") {
      TRY_ASSIGN(Item item, read_gap(node, here));
      at += duration_of(item);
      track.items.push_back(std::move(item));
    } else if (schema.name == "Transition") {
      TRY_ASSIGN(Item item, read_transition(node, here));
      track.items.push_back(std::move(item));
    } else if (schema.name == "Track" || schema.name == "Stack") {
      TRY_ASSIGN(std::vector<Track> nested, read_nested(node, here));
      if (const Json& effects = child(node, "effects"); effects.is_array() && !effects.empty())
        lose(here, "effects on a nested composition");
      const Time length = longest_of(nested);
      std::size_t layer = 0;
      bool main = true;
      for (Track& inner : nested) {
        Track* target = nullptr;
        if (main && inner.kind == track.kind) {
          target = &track;
          main = false;
        } else {
          while (layer < over.size() && over[layer].kind != inner.kind) ++layer;
          if (layer == over.size()) over.push_back({"", inner.kind, {}, {}});
          target = &over[layer++];
        }
        pad_to(*target, at);
        target->items.insert(target->items.end(), inner.items.begin(), inner.items.end());
      }
      at += length;
      pad_to(track, at);
    } else {
      lose(here, fmt::format("a {} (of a kind this studio does not know)",
                             schema.name.empty() ? "value" : schema.name));
    }
    if (track.items.size() > kMaxTimelineItems)
      return fail(ErrorKind::limit_exceeded, fmt::format("{}: more than {} items", path, kMaxTimelineItems));
  }
  TRY_ASSIGN(track.effects, read_effects(json, path));
  TRY(read_markers(json, path, {}));
  std::vector<Track> out{std::move(track)};
  std::move(over.begin(), over.end(), std::back_inserter(out));
  TRY_ASSIGN(const auto range, read_range(child(json, "source_range"), path + ".source_range"));
  if (range) out = stretch_of(std::move(out), {range->start, range->duration});
  return out;
}

Result<std::vector<Track>> Reader::read_stack(const Json& json, const std::string& path) {
  std::vector<Track> out;
  const Json& children = child(json, "children");
  for (std::size_t i = 0; children.is_array() && i < children.size(); ++i) {
    const std::string here = fmt::format("{}.children[{}]", path, i);
    const std::string schema = schema_of(children[i]).name;
    std::vector<Track> tracks;
    if (is_ours_ && !text_at(ours(children[i]), "sound_of").empty()) continue;  // made anew when written
    if (const Json& enabled = child(children[i], "enabled"); enabled.is_boolean() && !enabled.get<bool>()) {
      lose(here, fmt::format("the disabled layer '{}'", text_at(children[i], "name")));
      continue;
    }
    if (schema == "Track" || schema == "Stack") {
      TRY_ASSIGN(tracks, read_nested(children[i], here));
    } else {
      const Json alone = {
          {"OTIO_SCHEMA", "Track.1"}, {"kind", "Video"}, {"children", Json::array({children[i]})}};
      TRY_ASSIGN(tracks, read_track(alone, here));
    }
    std::move(tracks.begin(), tracks.end(), std::back_inserter(out));
  }
  return out;
}

// Others write empty gaps, gaps in a row, and transitions at the ends of tracks.
void Reader::settle_tracks(const std::string& path) {
  const auto transitions = [](const Track& track) {
    return std::count_if(track.items.begin(), track.items.end(),
                         [](const Item& item) { return std::holds_alternative<Transition>(item); });
  };
  for (Track& track : timeline_.tracks) {
    const auto before = transitions(track);
    surgery::settle(track);
    if (transitions(track) < before)
      lose(path,
           fmt::format("{} transitions that do not stand between two items", before - transitions(track)));
  }
}

void Reader::make_ids_unique() {
  const Timeline nothing;
  surgery::IdPool clips(nothing);
  std::set<std::string> tracks;
  int video = 0;
  int audio = 0;
  for (Track& track : timeline_.tracks) {
    const bool picture = track.kind == TrackKind::video;
    int& count = picture ? video : audio;
    ++count;
    while (track.id.empty() || !tracks.insert(track.id).second)
      track.id = fmt::format("{}{}", picture ? "V" : "A", count++);
    for (Item& item : track.items)
      if (auto* clip = std::get_if<Clip>(&item)) clip->id = clips.take(clip->id);
  }
}

Result<OtioTimeline> Reader::read(const Json& root, std::string_view origin) {
  const Json* node = &root;
  std::string path(origin);
  if (schema_of(*node).name == "SerializableCollection") {
    const Json& children = child(*node, "children");
    const Json* found = nullptr;
    for (std::size_t i = 0; children.is_array() && i < children.size(); ++i) {
      if (found == nullptr && schema_of(children[i]).name == "Timeline")
        found = &children[i];
      else
        lose(fmt::format("{}.children[{}]", path, i), "only the first timeline of a collection is read");
    }
    if (found == nullptr) return wrong(path, "the collection holds no timeline");
    node = found;
  }
  const Schema schema = schema_of(*node);
  if (schema.name.empty()) return wrong(path, "has no OTIO_SCHEMA");
  const Json* stack = node;
  timeline_.name = text_at(*node, "name");
  if (schema.name == "Timeline") {
    stack = &child(*node, "tracks");
    if (!child(*node, "global_start_time").is_null()) lose(path, "the start timecode of the timeline");
    path += ".tracks";
  } else if (schema.name != "Stack" && schema.name != "Track") {
    return wrong(path, fmt::format("is a {}, not a Timeline", schema.name));
  }
  if (schema.version > 1)
    lose(path, fmt::format("it is a {}.{}, newer than this studio knows", schema.name, schema.version));

  learn_rates(*node);
  const Json form_json = ours(*node).is_object() ? ours(*node) : Json::object();
  JsonReader form(form_json, path + ".metadata.studio");
  is_ours_ = form.string("schema", "") == "studio.timeline/1";
  if (const auto rate = first_rate(*stack); rate && rate->positive()) timeline_.frame_rate = *rate;
  if (const auto rate = Rational::parse(form.string("frame_rate", "")); rate && rate->positive())
    timeline_.frame_rate = *rate;
  const auto number = [&](const char* key, int& value) {
    const auto found = form.integer(key, value);
    if (found > 0 && found <= 1'000'000) value = static_cast<int>(found);
  };
  number("width", timeline_.width);
  number("height", timeline_.height);
  number("sample_rate", timeline_.sample_rate);
  if (schema_of(*stack).name == "Track") {
    TRY_ASSIGN(timeline_.tracks, read_track(*stack, path));
  } else {
    TRY_ASSIGN(timeline_.tracks, read_stack(*stack, path));
    TRY_ASSIGN(timeline_.effects, read_effects(*stack, path));
    TRY(read_markers(*stack, path, {}));
  }
  timeline_.markers = std::move(markers_);
  if (!is_ours_) settle_tracks(path);
  make_ids_unique();
  return OtioTimeline{std::move(timeline_), std::move(losses_)};
}

}  // namespace otio_form

Result<OtioTimeline> from_otio(const Json& json, std::string_view origin) {
  return otio_form::Reader{}.read(json, origin);
}

Result<OtioTimeline> read_otio(const std::string& path) {
  TRY_ASSIGN(const Json json, read_json_file(path));
  return from_otio(json, path);
}

}  // namespace studio
