// Probing inputs and refusing what would fail in the middle of a render.
#include "render/inputs.h"

#include <fmt/format.h>

#include "media/filter_graph.h"
#include "render/effects.h"
#include "render/generators.h"
#include "render/transitions.h"

namespace studio {

bool TimelineInputs::has_audio(const std::string& path) const {
  const auto found = files.find(path);
  return found != files.end() && found->second.audio.has_value();
}

namespace {

Result<void> check_clip(const Clip& clip, const MediaFile& file, const MediaFacts& facts,
                        bool wants_picture) {
  if (wants_picture && !facts.video)
    return fail(ErrorKind::unsupported,
                fmt::format("show clip '{}': {} holds sound only", clip.id, file.path),
                "put it on an audio track, or set its picture to false");
  if (wants_picture && facts.video->hdr && !(has_filter("zscale") && has_filter("tonemap")))
    return fail(
        ErrorKind::unsupported,
        fmt::format("show clip '{}': {} is HDR ({}) and this FFmpeg has no zscale and tonemap filters",
                    clip.id, file.path, facts.video->color_transfer),
        "convert it to SDR first, or install an FFmpeg with zscale");
  // A header may lie about the length; a start behind even the claimed end cannot be meant.
  const auto duration = facts.duration ? facts.duration : facts.video ? facts.video->duration : std::nullopt;
  if (duration && clip.source_range.start >= facts.start.value_or(Time{}) + *duration)
    return fail(ErrorKind::invalid_input,
                fmt::format("show clip '{}': it starts at {}, but {} ends at {}", clip.id,
                            to_clock(clip.source_range.start), file.path,
                            to_clock(facts.start.value_or(Time{}) + *duration)),
                "choose a range inside the file");
  return {};
}

// Names and parameters of everything, before an hour of rendering runs into one.
Result<void> check_names(const Timeline& timeline) {
  for (const Track& track : timeline.tracks) {
    TRY(check_effects(track.effects, fmt::format("track '{}'", track.id)));
    for (const Item& item : track.items) {
      if (const auto* transition = std::get_if<Transition>(&item)) {
        TRY(PictureTransition::create(transition->kind));
        continue;
      }
      const auto* clip = std::get_if<Clip>(&item);
      if (clip == nullptr) continue;
      const std::string on = fmt::format("clip '{}'", clip->id);
      TRY(check_effects(clip->effects, on));
      if (const auto* generator = std::get_if<Generator>(&clip->source)) TRY(check_generator(*generator, on));
    }
  }
  return check_effects(timeline.effects, "the timeline");
}

}  // namespace

Result<TimelineInputs> look_at_inputs(const Timeline& timeline, const Path& output) {
  TRY(check_names(timeline));
  TimelineInputs inputs;
  for (const Track& track : timeline.tracks) {
    for (const Item& item : track.items) {
      const auto* clip = std::get_if<Clip>(&item);
      const auto* file = clip == nullptr ? nullptr : std::get_if<MediaFile>(&clip->source);
      if (file == nullptr) continue;
      auto known = inputs.files.find(file->path);
      if (known == inputs.files.end()) {
        if (same_file(file->path, output))
          return fail(ErrorKind::invalid_input,
                      fmt::format("render to {}: it is also an input", output.string()),
                      "choose another name for the output");
        TRY_ASSIGN(auto facts, probe(file->path));
        known = inputs.files.emplace(file->path, std::move(facts)).first;
      }
      TRY(check_clip(*clip, *file, known->second, track.kind == TrackKind::video && clip->picture));
    }
  }
  return inputs;
}

}  // namespace studio
