// Renders the plan small, reads and writes fingerprints in the cache.
#include "editing/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "render/render.h"
#include "store/blob_cache.h"

namespace studio {
namespace {

constexpr std::uint32_t kFingerprintVersion = 1;  // raised whenever a measurement's meaning changes

// Plain values one after the other; lengths before arrays. Read back only by the same build's layout.
class ByteWriter {
 public:
  template <typename T>
  void value(const T& v) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&v), sizeof(T));
  }
  template <typename T>
  void array(const std::vector<T>& v) {
    value(static_cast<std::uint64_t>(v.size()));
    bytes_.append(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  bool value(T& v) {
    if (bytes_.size() < sizeof(T)) return false;
    std::memcpy(&v, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return true;
  }
  template <typename T>
  bool array(std::vector<T>& v) {
    std::uint64_t count = 0;
    if (!value(count) || count > bytes_.size() / sizeof(T)) return false;
    v.resize(count);
    if (count) std::memcpy(v.data(), bytes_.data(), count * sizeof(T));
    bytes_.remove_prefix(count * sizeof(T));
    return true;
  }
  bool done() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

// An hour of film takes 180 MB. What is longest unused goes first. A cache that cannot be opened or written
// costs time, nothing else.
constexpr std::uint64_t kMostBytes = 1ULL << 30;

std::optional<Fingerprint> kept(const std::string& key) {
  auto cache = BlobCache::open({cache_folder() / "fingerprints.db", kMostBytes});
  if (!cache) return {};
  const auto bytes = cache->get(key);
  if (!bytes || !*bytes) return {};
  auto print = fingerprint_from_bytes(**bytes);
  if (!print) return {};
  return *std::move(print);
}

void keep(const std::string& key, const Fingerprint& print) {
  if (auto cache = BlobCache::open({cache_folder() / "fingerprints.db", kMostBytes}))
    (void)cache->put(key, to_bytes(print));
}

// Small enough to be quick, and as wide as the judge measures.
CompileOptions small(const CompiledEdit& full) {
  const double scale = std::min(1.0, static_cast<double>(kPrintWidth) / std::max(1, full.timeline.width));
  const int height = static_cast<int>(std::lround(full.timeline.height * scale / 2)) * 2;
  return {.max_height = std::max(16, height)};
}

// Everything the small render depends on: the plan's decisions and the sources' content.
std::string key_of(const EditPlan& plan) {
  Json key;
  key["version"] = kFingerprintVersion;
  Json whole = to_json(plan);
  key["decisions"] = whole["decisions"];
  key["brief"] = whole["brief"];
  for (const PlanSource& source : plan.sources)
    key["sources"].push_back({source.id, source.sha256, source.path});
  return sha256_of("reference" + to_text(key, -1));
}

}  // namespace

std::string to_bytes(const Fingerprint& print) {
  ByteWriter out;
  out.value(kFingerprintVersion);
  out.value(static_cast<std::uint32_t>(sizeof(FramePrint)));
  out.value(print.width);
  out.value(print.height);
  out.value(print.frame_rate);
  out.value(print.duration_s);
  out.value(static_cast<std::uint8_t>(print.has_audio));
  out.value(print.sound.start_s);
  out.array(print.frames);
  out.array(print.thumbs);
  out.array(print.sound.steps);
  out.array(print.sound.wave);
  return out.take();
}

Result<Fingerprint> fingerprint_from_bytes(std::string_view bytes) {
  const auto refuse = [] {
    return fail(ErrorKind::invalid_input, "read a kept fingerprint: not one of this version");
  };
  ByteReader in(bytes);
  std::uint32_t version = 0, size = 0;
  std::uint8_t audio = 0;
  Fingerprint print;
  if (!in.value(version) || version != kFingerprintVersion || !in.value(size) || size != sizeof(FramePrint))
    return refuse();
  if (!in.value(print.width) || !in.value(print.height) || !in.value(print.frame_rate) ||
      !in.value(print.duration_s) || !in.value(audio) || !in.value(print.sound.start_s) ||
      !in.array(print.frames) || !in.array(print.thumbs) || !in.array(print.sound.steps) ||
      !in.array(print.sound.wave) || !in.done())
    return refuse();
  if (print.frames.empty() || print.thumbs.size() != print.frames.size() * kThumbSize) return refuse();
  print.has_audio = audio != 0;
  return print;
}

Result<Fingerprint> cached_fingerprint(const Path& file, const std::string& sha256, bool use_cache,
                                       const Job& job) {
  const std::string key = "file " + sha256;
  if (use_cache && !sha256.empty())
    if (auto print = kept(key)) return *std::move(print);
  TRY_ASSIGN(auto measured, fingerprint(file, {}, job));
  if (use_cache && !sha256.empty()) keep(key, measured.print);
  return std::move(measured.print);
}

Result<Fingerprint> render_reference(const EditPlan& plan, std::span<const EditSource> sources,
                                     bool use_cache, const Job& job) {
  const std::string key = key_of(plan);
  if (use_cache)
    if (auto print = kept(key)) return *std::move(print);
  TRY_ASSIGN(const auto full, compile_plan(plan, sources));
  TRY_ASSIGN(auto edit, compile_plan(plan, sources, small(full)));
  TRY_ASSIGN(auto scratch, ScratchFolder::create("studio-reference"));
  const Path file = scratch.path() / "planned.mp4";
  RenderSettings settings = edit.settings;
  settings.quality = Quality::draft;
  settings.codec = VideoCodec::automatic;
  settings.encoder.clear();
  settings.hardware = false;
  settings.smart_cut = false;
  TRY(render(edit.timeline, file, settings, Job{.progress = {}, .stop = job.stop}));
  TRY_ASSIGN(auto measured, fingerprint(file, {}, job));
  if (use_cache) keep(key, measured.print);
  return std::move(measured.print);
}

}  // namespace studio
