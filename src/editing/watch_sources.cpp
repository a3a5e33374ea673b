// Watching the clips that an edit is made from.
#include <fmt/format.h>

#include "editing/evidence.h"
#include "media/probe.h"

namespace studio {
namespace {

Result<EditSource> watch(std::string id, const Path& path, const AnalysisOptions& options, const Job& job) {
  TRY_ASSIGN(MediaFacts facts, probe(path));
  if (!facts.video)
    return fail(ErrorKind::unsupported, fmt::format("edit {}: it has no picture", path.string()),
                "give a file with a picture");
  TRY_ASSIGN(Analysis analysis, analyze(path, options, job));
  if (analysis.shots.empty())
    return fail(ErrorKind::invalid_input, fmt::format("edit {}: no frame could be read", path.string()),
                "give a file that plays");
  EditSource source = edit_source(std::move(id), std::move(analysis));
  source.media.width = facts.video->width;
  source.media.height = facts.video->height;
  source.media.has_audio = facts.audio.has_value();
  source.media.reel = facts.reel;
  source.media.start_timecode = facts.video->timecode;
  if (!source.media.frame_rate.positive()) source.media.frame_rate = {25, 1};
  return source;
}

}  // namespace

Result<std::vector<EditSource>> watch_sources(std::span<const Path> paths, const AnalysisOptions& options,
                                              const Job& job) {
  if (paths.empty()) return fail(ErrorKind::wrong_usage, "no video was given", "name at least one file");
  std::vector<EditSource> sources;
  for (const Path& path : paths) {
    TRY_ASSIGN(EditSource source, watch(fmt::format("s{}", sources.size() + 1), path, options, job));
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<std::vector<EditSource>> watch_sources(const EditPlan& plan, const AnalysisOptions& options,
                                              const Job& job) {
  if (plan.sources.empty())
    return fail(ErrorKind::invalid_input, "the plan names no source", "add \"sources\" [{id, path}]");
  std::vector<EditSource> sources;
  for (const PlanSource& named : plan.sources) {
    TRY_ASSIGN(EditSource source, watch(named.id, named.path, options, job));
    if (!named.sha256.empty() && named.sha256 != source.analysis.source.sha256)
      return fail(ErrorKind::invalid_input,
                  fmt::format("{} ({}) is not the file that was planned with: its hash changed", named.path,
                              named.id),
                  "plan again, or bring the old file back");
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace studio
