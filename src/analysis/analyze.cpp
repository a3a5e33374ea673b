// The whole watch: features once (or from the cache), then pure judgements in order.
#include <chrono>

#include <fmt/format.h>

#include "analysis/analysis.h"
#include "analysis/features.h"
#include "analysis/judgements.h"
#include "analysis/shots.h"
#include "analysis/watch.h"

namespace studio {

Result<Analysis> analyze(const Path& video, const AnalysisOptions& options, const Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  TRY_ASSIGN(auto clip, watch(video, {.motion = options.camera || options.coherence || options.shots,
                                      .composition = options.composition,
                                      .audio = options.audio,
                                      .every = options.every,
                                      .threads = options.threads},
                              job));
  TRY_ASSIGN(clip.source.sha256, sha256_of_file(video));
  Analysis out;
  out.source = clip.source;
  out.audio = clip.audio;
  out.shots = detect_shots(clip, {options.detector, options.threshold, options.min_shot_s});
  judge(clip, options, out);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace studio
