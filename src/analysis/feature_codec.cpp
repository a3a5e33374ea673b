// A flat binary form: records are copied as they lie in memory, guarded by sizes and a checksum.
#include "analysis/feature_codec.h"

#include <cstring>
#include <type_traits>

#include <fmt/format.h>

namespace studio {
namespace {

constexpr std::uint32_t kMagic = 0x53465431;  // "SFT1"

static_assert(std::is_trivially_copyable_v<FrameFeatures>);
static_assert(std::is_trivially_copyable_v<CompositionSample>);
static_assert(std::is_trivially_copyable_v<AudioJudgement::Span>);

class Writer {
 public:
  template <typename T>
  void value(const T& v) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
  }
  void text(const std::string& s) {
    value<std::uint64_t>(s.size());
    bytes_.append(s);
  }
  template <typename T>
  void list(const std::vector<T>& items) {
    static_assert(std::is_trivially_copyable_v<T>);
    value<std::uint64_t>(items.size());
    if (!items.empty()) bytes_.append(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }

  template <typename T>
  void value(T& v) {
    if (!take(sizeof v)) return;
    std::memcpy(&v, taken_.data(), sizeof v);
  }
  void text(std::string& s) {
    std::uint64_t size = 0;
    value(size);
    if (take(size)) s.assign(taken_);
  }
  template <typename T>
  void list(std::vector<T>& items) {
    std::uint64_t count = 0;
    value(count);
    if (count > bytes_.size() / sizeof(T)) ok_ = false;
    if (!ok_ || !take(count * sizeof(T))) return;
    items.resize(count);
    if (count > 0) std::memcpy(static_cast<void*>(items.data()), taken_.data(), taken_.size());
  }

 private:
  bool take(std::uint64_t size) {
    if (!ok_ || size > bytes_.size()) return ok_ = false;
    taken_ = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }
  std::string_view bytes_, taken_;
  bool ok_ = true;
};

// FNV-1a over 8-byte words: a torn or flipped page is noticed, at memory speed.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = (hash ^ word) * 0x100000001b3ULL;
    hash ^= hash >> 29;
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

template <typename Stream>
void facts(Stream& stream, SourceFacts& source) {
  stream.text(source.path);
  stream.text(source.sha256);
  stream.value(source.duration_s);
  stream.value(source.frames);
  stream.value(source.width);
  stream.value(source.height);
  stream.value(source.frame_rate);
  stream.value(source.variable_frame_rate);
  stream.value(source.has_audio);
}

template <typename Stream>
void sound(Stream& stream, AudioJudgement& audio) {
  for (double* number : {&audio.integrated_lufs, &audio.loudness_range_lu, &audio.true_peak_dbtp,
                         &audio.tempo_bpm, &audio.speech, &audio.music, &audio.start_s, &audio.duration_s})
    stream.value(*number);
  stream.list(audio.beats_s);
  stream.list(audio.onsets_s);
  stream.list(audio.silences);
  stream.list(audio.speech_spans);
  stream.list(audio.loudness_curve);
}

}  // namespace

std::string feature_layout() {
  return fmt::format("features/{}/{}/{}", kFeatureVersion, sizeof(FrameFeatures), sizeof(CompositionSample));
}

std::string encode_features(const ClipFeatures& clip) {
  Writer body;
  body.text(feature_layout());
  SourceFacts source = clip.source;
  facts(body, source);
  body.list(clip.frames);
  body.value(clip.end);
  body.list(clip.composition);
  body.value(clip.audio.has_value());
  if (clip.audio) {
    AudioJudgement audio = *clip.audio;
    sound(body, audio);
  }
  body.value(clip.truncated);
  body.text(clip.decode_error);
  const std::string bytes = body.take();
  Writer out;
  out.value(kMagic);
  out.value(checksum(bytes));
  return out.take() + bytes;
}

Result<ClipFeatures> decode_features(std::string_view bytes) {
  const auto broken = [](std::string_view why) {
    return fail(ErrorKind::invalid_input, fmt::format("read cached features: {}", why),
                "measure afresh with --no-cache");
  };
  Reader head(bytes);
  std::uint32_t magic = 0;
  std::uint64_t sum = 0;
  head.value(magic);
  head.value(sum);
  if (!head.ok() || magic != kMagic) return broken("not features");
  bytes.remove_prefix(sizeof magic + sizeof sum);
  if (checksum(bytes) != sum) return broken("the bytes were altered");

  Reader body(bytes);
  ClipFeatures clip;
  std::string layout;
  body.text(layout);
  if (layout != feature_layout()) return broken("another version wrote them");
  facts(body, clip.source);
  body.list(clip.frames);
  body.value(clip.end);
  body.list(clip.composition);
  bool has_audio = false;
  body.value(has_audio);
  if (has_audio) sound(body, clip.audio.emplace());
  body.value(clip.truncated);
  body.text(clip.decode_error);
  if (!body.at_end() || clip.frames.empty()) return broken("cut short");
  return clip;
}

}  // namespace studio
