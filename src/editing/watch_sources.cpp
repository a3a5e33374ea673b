// Watching the clips that an edit is made from.
#include <thread>

#include <fmt/format.h>

#include "editing/evidence.h"
#include "media/frame_clock.h"
#include "media/probe.h"

namespace studio {
namespace {

void add_facts(MediaFile& media, const MediaFacts& facts) {
  media.width = facts.video->width;
  media.height = facts.video->height;
  media.has_audio = facts.audio.has_value();
  media.reel = facts.reel;
  media.start_timecode = facts.video->timecode;
  if (!media.frame_rate.positive()) media.frame_rate = {25, 1};
}

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
  add_facts(source.media, facts);
  return source;
}

}  // namespace

// The file is hashed beside the reading of its packets: it comes from the disk once.
Result<EditSource> unwatched_source(std::string id, const Path& path, bool hash, const Job& job) {
  TRY_ASSIGN(const MediaFacts facts, probe(path));
  if (!facts.video)
    return fail(ErrorKind::unsupported, fmt::format("edit {}: it has no picture", path.string()),
                "give a file with a picture");
  Result<std::string> sha256 = std::string{};
  std::jthread hashing;
  if (hash) hashing = std::jthread([&] { sha256 = sha256_of_file(path, job.stop); });
  auto clock = frame_clock(path, job.stop);
  if (hash) hashing.join();
  if (!clock) return std::unexpected(std::move(clock).error());
  if (!sha256) return std::unexpected(std::move(sha256).error());
  EditSource source;
  source.id = std::move(id);
  source.watched = false;
  SourceFacts& about = source.analysis.source;
  about.path = path.string();
  about.sha256 = *sha256;
  about.duration_s = clock->shown.duration.seconds();
  about.frames = clock->frames;
  about.width = facts.video->width;
  about.height = facts.video->height;
  about.frame_rate = clock->frame_rate;
  about.variable_frame_rate = clock->variable;
  about.has_audio = facts.audio.has_value();
  for (const Time t : clock->times) source.analysis.curves.time_s.push_back(t.seconds());
  source.media.path = about.path;
  source.media.sha256 = about.sha256;
  source.media.available = clock->shown;
  source.media.frame_rate = clock->frame_rate;
  source.media.has_video = true;
  add_facts(source.media, facts);
  return source;
}

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

Result<void> check_hash(const PlanSource& named, const EditSource& source) {
  if (named.sha256.empty() || named.sha256 == source.analysis.source.sha256) return {};
  return fail(
      ErrorKind::invalid_input,
      fmt::format("{} ({}) is not the file that was planned with: its hash changed", named.path, named.id),
      "plan again, or bring the old file back");
}

Result<std::vector<EditSource>> watch_sources(const EditPlan& plan, const AnalysisOptions& options,
                                              const Job& job) {
  if (plan.sources.empty())
    return fail(ErrorKind::invalid_input, "the plan names no source", "add \"sources\" [{id, path}]");
  std::vector<EditSource> sources;
  for (const PlanSource& named : plan.sources) {
    TRY_ASSIGN(EditSource source, watch(named.id, named.path, options, job));
    TRY(check_hash(named, source));
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace studio
