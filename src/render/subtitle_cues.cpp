// Which cues of a timeline become a stream.
#include <algorithm>

#include <fmt/format.h>

#include "render/subtitle_mux.h"

namespace studio {
namespace {

std::string text_of(const Generator& generator, const std::string& name) {
  const auto found = generator.params.find(name);
  const auto* text = found == generator.params.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text ? *text : std::string{};
}

Result<void> add_cues(const Clip& clip, const Generator& generator, Time start, std::vector<Cue>& all) {
  const Path path = text_of(generator, "file");
  if (path.extension() == ".ass" || path.extension() == ".ssa")
    return fail(ErrorKind::unsupported,
                fmt::format("keep {} as a stream: its looks would be lost", path.string()),
                "burn it in, or convert it to SubRip (.srt)");
  TRY_ASSIGN(const auto cues, read_srt(path));
  const auto given = generator.params.find("offset_s");
  const Time offset =
      given == generator.params.end() ? Time{} : Time::from_seconds(value_at(given->second, Time{}, 0));
  const TimeRange clip_range{start, duration_of(clip)};
  for (Cue cue : cues) {
    cue.range.start += start + offset;
    cue.range = intersection(cue.range, clip_range);
    if (!cue.range.empty()) all.push_back(std::move(cue));
  }
  return {};
}

}  // namespace

Result<std::vector<Cue>> cues_to_mux(const Timeline& timeline) {
  std::vector<Cue> all;
  for (const Track& track : timeline.tracks) {
    Time at;
    for (const Item& item : track.items) {
      if (const Clip* clip = std::get_if<Clip>(&item))
        if (const auto* generator = std::get_if<Generator>(&clip->source))
          if (generator->kind == "subtitles" && text_of(*generator, "mode") == "mux")
            TRY(add_cues(*clip, *generator, at, all));
      at += duration_of(item);
    }
  }
  std::ranges::stable_sort(all, {}, [](const Cue& cue) { return cue.range.start; });
  return all;
}

}  // namespace studio
