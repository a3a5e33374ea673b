// What planning rests on: the watched sources, and the compact table of shots made from them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "timeline/plan.h"
#include "timeline/timeline.h"

namespace studio {

// One input clip. `id` is "s1", "s2", ... in the order given.
struct EditSource {
  std::string id;
  Analysis analysis;
  MediaFile media;      // what the timeline refers to
  bool watched = true;  // false: only its packets were looked at, the analysis holds facts and frame times
};

// Probes and analyses every path. Errors: those of probe() and analyze(); wrong_usage without paths.
Result<std::vector<EditSource>> watch_sources(std::span<const Path> paths,
                                              const AnalysisOptions& options = {}, const Job& job = {});
// The same for the sources a plan names. A file whose hash changed since is invalid_input.
Result<std::vector<EditSource>> watch_sources(const EditPlan& plan, const AnalysisOptions& options = {},
                                              const Job& job = {});
// Whether a source is the file that the plan was made with; without a hash in the plan any file is.
// Errors: invalid_input.
Result<void> check_hash(const PlanSource& named, const EditSource& source);
// What a file tells without being decoded: facts, frame times where they vary. Far faster than
// watching; enough for decisions that name their times. With `hash` its SHA-256 is taken as well.
// Errors: those of frame_clock().
Result<EditSource> unwatched_source(std::string id, const Path& path, bool hash, const Job& job = {});
// For analyses that are there already.
EditSource edit_source(std::string id, Analysis analysis);
std::vector<PlanSource> plan_sources(std::span<const EditSource> sources);
const EditSource* find_source(std::span<const EditSource> sources, std::string_view id);

// One row of the table: a shot with what was measured in it, all scores 0..1 within these sources.
struct ShotRow {
  std::string id;                 // unique over all sources: "shot3" for one source, "s2.shot3" for several
  std::string source;             // "s1"
  std::string shot;               // id in that source's analysis
  int index = 0;                  // over all sources, in order
  double start_s = 0, end_s = 0;  // source seconds
  double motion = 0, loudness = 0, sharpness = 0, brightness = 0, composition = 0, coherence = 0;
  double usable = 1;   // 0: black or frozen throughout
  double score = 0;    // how much a highlight would want it
  std::string camera;  // "static", "pan_right", "handheld", ...
  double length_s() const { return end_s - start_s; }
};

std::vector<ShotRow> evidence_table(std::span<const EditSource> sources);
// "shot3 | 2.4 s | motion 0.8 | pan_right | bright 0.5 | loud 0.3 | score 0.71", one line a shot.
std::string to_text(const ShotRow& row);
std::string to_text(std::span<const ShotRow> rows);

}  // namespace studio
