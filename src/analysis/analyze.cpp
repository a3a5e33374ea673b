// The whole watch: features once (or from the cache), then pure judgements in order.
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "analysis/analysis.h"
#include "analysis/feature_codec.h"
#include "analysis/features.h"
#include "analysis/judgements.h"
#include "analysis/shots.h"
#include "analysis/watch.h"
#include "store/blob_cache.h"

namespace studio {
namespace {

struct Watched {
  ClipFeatures clip;
  bool from_cache = false;
};

std::string cache_key(const std::string& sha256, int every) {
  return fmt::format("{}/{}/every {}", feature_layout(), sha256, every);
}

// A cache that cannot be read or written costs time, nothing else: its errors end here.
std::optional<ClipFeatures> kept_features(const std::string& key) {
  auto cache = BlobCache::open({default_feature_cache()});
  if (!cache) return std::nullopt;
  const auto bytes = cache->get(key);
  if (!bytes || !*bytes) return std::nullopt;
  auto clip = decode_features(**bytes);
  if (clip) return std::move(*clip);
  (void)cache->remove(key);
  return std::nullopt;
}

void keep_features(const std::string& key, const ClipFeatures& clip) {
  if (auto cache = BlobCache::open({default_feature_cache()})) (void)cache->put(key, encode_features(clip));
}

// With the cache everything is measured, whatever `only` asks for: the next question about the same
// file is then free.
WatchOptions watch_options(const AnalysisOptions& options) {
  WatchOptions out;
  out.every = options.every;
  out.threads = options.threads;
  if (options.use_cache) return out;
  out.composition = options.composition;
  out.audio = options.audio;
  return out;
}

// Hashing and decoding start together; when the hash finds the features in the cache first (it always
// does, it is many times faster), decoding is called off.
Result<Watched> watch_or_recall(const Path& video, const AnalysisOptions& options, const Job& job) {
  std::stop_source stop;
  const std::stop_callback forward(job.stop, [&] { stop.request_stop(); });
  Result<std::string> sha256;
  std::optional<ClipFeatures> kept;
  std::jthread hashing([&] {
    sha256 = sha256_of_file(video, stop.get_token());
    if (!sha256 || !options.use_cache) return;
    kept = kept_features(cache_key(*sha256, options.every));
    if (kept) stop.request_stop();
  });
  auto measured = watch(video, watch_options(options), {job.progress, stop.get_token()});
  if (!measured && measured.error().kind != ErrorKind::interrupted) stop.request_stop();
  hashing.join();
  if (job.cancelled())
    return fail(ErrorKind::interrupted, fmt::format("analyze {}: stopped as asked", video.string()));
  if (!kept && !measured) return std::unexpected(std::move(measured).error());
  if (!sha256)
    return std::unexpected(
        with_context(std::move(sha256).error(), fmt::format("analyze {}", video.string())));

  Watched out{kept ? std::move(*kept) : std::move(*measured), kept.has_value()};
  out.clip.source.sha256 = *sha256;
  // A clip that ended in an error may be whole the next time: it is not kept.
  if (options.use_cache && !kept && !out.clip.truncated)
    keep_features(cache_key(*sha256, options.every), out.clip);
  out.clip.source.path = video.string();
  if (!options.audio) out.clip.audio.reset();
  return out;
}

}  // namespace

Result<Analysis> analyze(const Path& video, const AnalysisOptions& options, const Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  TRY_ASSIGN(auto watched, watch_or_recall(video, options, job));
  Analysis out;
  out.source = watched.clip.source;
  out.audio = watched.clip.audio;
  out.from_cache = watched.from_cache;
  out.shots = detect_shots(watched.clip, {options.detector, options.threshold, options.min_shot_s});
  judge(watched.clip, options, out);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace studio
