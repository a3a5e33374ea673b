// Whether a timeline can be cut by copying packets, and which frames of which file it shows then.
#include "render/smart_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "media/probe.h"
#include "media/video_reader.h"
#include "render/smart_cut_plan.h"

namespace studio {
namespace {

std::unexpected<Error> no(std::string why) {
  return fail(ErrorKind::unsupported, "copy packets: " + std::move(why), "render it in full");
}

std::string extension_of(const Path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension;
}

Result<void> check_settings(const Timeline& timeline, const RenderSettings& settings, const Path& output) {
  if (!settings.smart_cut) return no("it is switched off");
  if (!settings.encoder.empty()) return no(fmt::format("the encoder {} was asked for", settings.encoder));
  if (settings.hardware) return no("a hardware encoder was asked for");
  if (settings.loudness_lufs) return no("a loudness was asked for");
  const std::string extension = extension_of(output);
  if (extension != ".mp4" && extension != ".m4v" && extension != ".mov" && extension != ".mkv" &&
      extension != ".webm")
    return no(fmt::format("{} files are not joined this way", extension.empty() ? "unnamed" : extension));
  if (!timeline.effects.empty()) return no("the timeline has effects");
  return {};
}

// The one video track that carries everything.
Result<const Track*> only_track(const Timeline& timeline) {
  const Track* found = nullptr;
  for (const Track& track : timeline.tracks) {
    if (track.items.empty()) continue;
    if (found || track.kind != TrackKind::video) return no("it has more than one track");
    found = &track;
  }
  if (!found) return no("it is empty");
  if (!found->effects.empty()) return no(fmt::format("track {} has effects", found->id));
  return found;
}

Result<const Clip*> plain_clip(const Item& item) {
  const Clip* clip = std::get_if<Clip>(&item);
  if (!clip) return no(std::holds_alternative<Gap>(item) ? "there is a gap" : "there is a transition");
  const auto because = [&](std::string_view why) { return no(fmt::format("clip {} {}", clip->id, why)); };
  if (!std::holds_alternative<MediaFile>(clip->source)) return because("comes from no file");
  if (!clip->effects.empty()) return because("has the effect " + clip->effects.front().id);
  const Retime& retime = clip->retime;
  if (!retime.ramp.empty() || retime.reverse || retime.freeze || retime.speed != Rational{1, 1})
    return because("does not play at its own speed");
  if (!clip->picture) return because("has no picture");
  if (clip->gain_db != 0) return because("changes its volume");
  if (clip->audio_lead != Time{} || clip->audio_tail != Time{})
    return because("has sound that overlaps its neighbours");
  return clip;
}

bool has_inter_frames(const std::string& codec) {
  return codec == "h264" || codec == "hevc" || codec == "mpeg4" || codec == "mpeg2video" || codec == "vp8" ||
         codec == "vp9" || codec == "av1";
}

bool is_intra(const std::string& codec) {
  return codec == "mjpeg" || codec == "prores" || codec == "dnxhd" || codec == "ffv1" || codec == "huffyuv" ||
         codec == "ffvhuff" || codec == "utvideo";
}

bool codec_wanted(const std::string& codec, VideoCodec wanted) {
  switch (wanted) {
    case VideoCodec::automatic: return true;
    case VideoCodec::h264: return codec == "h264";
    case VideoCodec::hevc: return codec == "hevc";
    case VideoCodec::av1: return codec == "av1";
    case VideoCodec::vp9: return codec == "vp9";
    case VideoCodec::prores: return codec == "prores";
  }
  return false;
}

Result<void> check_picture(const Timeline& timeline, const RenderSettings& settings, const Path& output,
                           const MediaFacts& facts) {
  const VideoStream& v = *facts.video;
  const std::string name = facts.path.filename().string();
  if (extension_of(output) == ".webm" && v.codec != "vp8" && v.codec != "vp9" && v.codec != "av1")
    return no(fmt::format("{} is {}, which .webm does not hold", name, v.codec));
  if (!has_inter_frames(v.codec) && !is_intra(v.codec))
    return no(
        fmt::format("{} is {}: joined are H.264, HEVC, AV1, VP9, VP8, MPEG-4, MPEG-2 and codecs without "
                    "inter frames",
                    name, v.codec));
  if (!codec_wanted(v.codec, settings.codec))
    return no(fmt::format("{} is {}: another codec was asked for", name, v.codec));
  if (v.interlaced) return no(name + " is interlaced");
  if (v.hdr) return no(fmt::format("{} is HDR ({}), which is tone-mapped", name, v.color_transfer));
  if (v.rotation != 0 || v.sample_aspect != Rational{1, 1})
    return no(name + " has to be turned or stretched to be shown");
  if (v.width != timeline.width || v.height != timeline.height)
    return no(fmt::format("{} is {}x{}, the timeline {}x{}", name, v.width, v.height, timeline.width,
                          timeline.height));
  if (v.frame_rate != timeline.frame_rate)
    return no(fmt::format("{} runs at {} frames a second, the timeline at {}", name, v.frame_rate.to_string(),
                          timeline.frame_rate.to_string()));
  return {};
}

Result<void> check_alike(const MediaFacts& first, const MediaFacts& other) {
  const VideoStream &a = *first.video, &b = *other.video;
  const std::string name = other.path.filename().string();
  if (a.codec != b.codec || a.pixel_format != b.pixel_format || a.coded_width != b.coded_width ||
      a.coded_height != b.coded_height || a.color_matrix != b.color_matrix ||
      a.color_transfer != b.color_transfer || a.color_range != b.color_range)
    return no(fmt::format("{} is coded differently from {}", name, first.path.filename().string()));
  return {};
}

}  // namespace

Result<SmartCutPlan> plan_smart_cut(const Timeline& timeline, const RenderSettings& settings,
                                    const Path& output) {
  TRY(check_settings(timeline, settings, output));
  TRY_ASSIGN(const Track* track, only_track(timeline));
  SmartCutPlan plan;
  plan.frame_rate = timeline.frame_rate;
  Time at;
  for (const Item& item : track->items) {
    TRY_ASSIGN(const Clip* clip, plain_clip(item));
    const Path path = std::get<MediaFile>(clip->source).path;
    auto source = std::ranges::find(plan.sources, path, &MediaFacts::path);
    if (source == plan.sources.end()) {
      TRY_ASSIGN(MediaFacts facts, probe(path));
      facts.path = path;
      if (!facts.video) return no(fmt::format("{} has no picture", path.string()));
      TRY(check_picture(timeline, settings, output, facts));
      if (!plan.sources.empty()) TRY(check_alike(plan.sources.front(), facts));
      plan.sources.push_back(std::move(facts));
      source = plan.sources.end() - 1;
    }
    const bool sound = clip->sound && source->audio.has_value();
    if (!plan.pieces.empty() && sound != plan.sound) return no("only some of its clips have sound");
    plan.sound = sound;
    // As in full rendering: clips lie on whole frames, and begin with the picture that is on screen
    // at the start of their source range.
    const Time end = at + duration_of(*clip);
    const std::int64_t first = at.to_frames(plan.frame_rate), last = end.to_frames(plan.frame_rate);
    const VideoStream& v = *source->video;
    const Time in_file = clip->source_range.start - v.start.value_or(Time{}) + time_tolerance(v);
    SmartCutPiece piece;
    piece.source = static_cast<std::size_t>(source - plan.sources.begin());
    piece.first = std::max<std::int64_t>(0, in_file.to_frames(plan.frame_rate, Rounding::down));
    piece.end = piece.first + (last - first);
    piece.output_first = first;
    if (piece.end > piece.first) plan.pieces.push_back(piece);
    at = end;
  }
  if (plan.pieces.empty()) return no("it shows no frame");
  return plan;
}

SmartCutVerdict can_smart_cut(const Timeline& timeline, const RenderSettings& settings, const Path& output) {
  if (auto plan = plan_smart_cut(timeline, settings, output); !plan) return {false, plan.error().message};
  return {true, {}};
}

}  // namespace studio
