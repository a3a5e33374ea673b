// Renders the plan small, reads and writes fingerprints in the cache.
#include "editing/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "render/render.h"

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

Path cache_file(const std::string& key) {
  return cache_folder() / "fingerprints" / (key + ".bin");
}

EditPlan without_text(EditPlan plan) {
  std::erase_if(plan.decisions, [](const Decision& d) { return d.type == DecisionType::text_overlay; });
  return plan;
}

bool has_text(const EditPlan& plan) {
  return std::any_of(plan.decisions.begin(), plan.decisions.end(),
                     [](const Decision& d) { return d.type == DecisionType::text_overlay; });
}

// Small enough to be quick, and as wide as the judge measures.
CompileOptions small(const CompiledEdit& full) {
  const double scale = std::min(1.0, static_cast<double>(kPrintWidth) / std::max(1, full.timeline.width));
  const int height = static_cast<int>(std::lround(full.timeline.height * scale / 2)) * 2;
  return {.max_height = std::max(16, height)};
}

Result<FingerprintedFile> render_and_print(const EditPlan& plan, std::span<const EditSource> sources,
                                           const CompileOptions& compile, const FingerprintOptions& options,
                                           const Path& file, const Job& job) {
  TRY_ASSIGN(auto edit, compile_plan(plan, sources, compile));
  RenderSettings settings = edit.settings;
  settings.quality = Quality::draft;
  settings.codec = VideoCodec::automatic;
  settings.encoder.clear();
  settings.hardware = false;
  settings.smart_cut = false;
  TRY(render(edit.timeline, file, settings, Job{.progress = {}, .stop = job.stop}));
  return fingerprint(file, options, job);
}

// Everything the small render depends on: the plan's decisions and the sources' content.
std::string key_of(const EditPlan& plan, const std::vector<double>& stills) {
  Json key;
  key["version"] = kFingerprintVersion;
  Json whole = to_json(plan);
  key["decisions"] = whole["decisions"];
  key["brief"] = whole["brief"];
  for (const PlanSource& source : plan.sources)
    key["sources"].push_back({source.id, source.sha256, source.path});
  key["stills"] = stills;
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
  const Path kept = cache_file(sha256);
  if (use_cache && !sha256.empty())
    if (auto bytes = read_file(kept))
      if (auto print = fingerprint_from_bytes(*bytes)) return *std::move(print);
  TRY_ASSIGN(auto measured, fingerprint(file, {}, job));
  if (use_cache && !sha256.empty()) {
    // A cache that cannot be written costs time, nothing else.
    std::error_code error;
    std::filesystem::create_directories(kept.parent_path(), error);
    (void)write_file_atomic(kept, to_bytes(measured.print));
  }
  return std::move(measured.print);
}

namespace {

std::string stills_to_bytes(const PlanReference& reference) {
  ByteWriter out;
  for (const auto* stills : {&reference.with_text, &reference.without_text}) {
    out.value(static_cast<std::uint64_t>(stills->size()));
    for (const StillPicture& s : *stills) {
      out.value(s.time_s);
      out.value(s.width);
      out.value(s.height);
      out.array(s.luma);
    }
  }
  return out.take();
}

bool stills_from_bytes(std::string_view bytes, PlanReference& reference) {
  ByteReader in(bytes);
  for (auto* stills : {&reference.with_text, &reference.without_text}) {
    std::uint64_t count = 0;
    if (!in.value(count) || count > 10000) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      StillPicture s;
      if (!in.value(s.time_s) || !in.value(s.width) || !in.value(s.height) || !in.array(s.luma)) return false;
      if (s.width <= 0 || s.height <= 0 ||
          s.luma.size() != static_cast<std::size_t>(s.width) * static_cast<std::size_t>(s.height))
        return false;
      stills->push_back(std::move(s));
    }
  }
  return in.done();
}

}  // namespace

Result<PlanReference> render_reference(const EditPlan& plan, std::span<const EditSource> sources,
                                       const std::vector<double>& stills_at_s, bool use_cache,
                                       const Job& job) {
  PlanReference reference;
  const std::string key = key_of(plan, stills_at_s);
  if (use_cache) {
    auto print = read_file(cache_file(key));
    auto stills = read_file(cache_file(key + ".stills"));
    if (print && stills)
      if (auto read = fingerprint_from_bytes(*print); read && stills_from_bytes(*stills, reference)) {
        reference.print = *std::move(read);
        return reference;
      }
    reference = {};
  }

  TRY_ASSIGN(auto full, compile_plan(plan, sources));
  const CompileOptions compile = small(full);
  TRY_ASSIGN(auto scratch, ScratchFolder::create("studio-reference"));
  const FingerprintOptions options{.stills_at_s = stills_at_s};
  TRY_ASSIGN(auto with, render_and_print(plan, sources, compile, options, scratch.path() / "with.mp4", job));
  reference.print = std::move(with.print);
  reference.with_text = std::move(with.stills);
  if (has_text(plan) && !stills_at_s.empty()) {
    TRY_ASSIGN(auto bare, render_and_print(without_text(plan), sources, compile,
                                           {.stills_at_s = stills_at_s, .sound = false},
                                           scratch.path() / "without.mp4", job));
    reference.without_text = std::move(bare.stills);
  }
  if (use_cache) {
    std::error_code error;
    std::filesystem::create_directories(cache_file(key).parent_path(), error);
    (void)write_file_atomic(cache_file(key), to_bytes(reference.print));
    (void)write_file_atomic(cache_file(key + ".stills"), stills_to_bytes(reference));
  }
  return reference;
}

}  // namespace studio
