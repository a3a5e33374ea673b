// Tracks are summed clip by clip, ducked under each other, and mixed.
#include "render/sound_mixer.h"

#include <algorithm>
#include <deque>
#include <functional>

#include <fmt/format.h>

#include "render/generators.h"

namespace studio {

namespace {

constexpr int kChannels = SoundStream::kChannels;

bool sounds(const Clip& clip, const std::function<bool(const std::string&)>& has_audio) {
  if (!clip.sound || clip.retime.freeze) return false;
  if (const auto* file = std::get_if<MediaFile>(&clip.source)) return has_audio(file->path);
  return makes_sound(std::get<Generator>(clip.source));
}

// One track's sound as it is made: finished blocks wait until the mix gets to them, since a voice
// has to be known some way ahead of the music that steps back for it.
struct TrackSound {
  TrackSound() = default;
  TrackSound(TrackSound&&) = default;
  TrackSound& operator=(TrackSound&&) = default;

  std::string id;
  std::vector<PlacedSound> pieces;  // by begin
  std::size_t next_piece = 0;
  std::vector<std::unique_ptr<ClipSound>> active;
  SoundEffects effects;
  std::vector<DuckOptions> duck_options;
  std::vector<Ducker> duckers;
  std::vector<std::int64_t> duck_fed;  // voice samples given to each ducker
  std::deque<float> made;              // interleaved, from mix position on
  std::int64_t made_end = 0;           // samples made so far

  Result<void> make(std::int64_t count, SoundReaderPool& pool);
};

Result<void> TrackSound::make(std::int64_t count, SoundReaderPool& pool) {
  std::vector<float> block(static_cast<std::size_t>(count * kChannels), 0.0F);
  const std::int64_t end = made_end + count;
  for (; next_piece < pieces.size() && pieces[next_piece].begin < end; ++next_piece) {
    TRY_ASSIGN(auto sound, ClipSound::open(pieces[next_piece], pool));
    active.push_back(std::move(sound));
  }
  std::vector<float> piece;
  for (const auto& sound : active) {
    const std::int64_t from = std::max(made_end, sound->placed().begin),
                       to = std::min(end, sound->placed().end);
    if (from >= to) continue;
    piece.resize(static_cast<std::size_t>((to - from) * kChannels));
    TRY(sound->read(piece));
    const auto at = static_cast<std::size_t>((from - made_end) * kChannels);
    for (std::size_t i = 0; i < piece.size(); ++i) block[at + i] += piece[i];
  }
  std::erase_if(active, [&](const auto& sound) { return sound->placed().end <= end; });
  if (!effects.unity()) effects.apply(block, kChannels, made_end);
  made.insert(made.end(), block.begin(), block.end());
  made_end = end;
  return {};
}

}  // namespace

struct SoundMixer::State {
  explicit State(int sample_rate) : pool(sample_rate, kChannels) {}

  SoundReaderPool pool;  // before the tracks: their clips give their readers back
  std::int64_t total = 0, position = 0;
  std::vector<TrackSound> tracks;
  SoundEffects effects;
  std::int64_t look_ahead = 0;

  Result<void> make_until(std::int64_t end);
  void feed_duckers();
};

SoundMixer::SoundMixer(std::unique_ptr<State> state) : state_(std::move(state)) {}
SoundMixer::SoundMixer(SoundMixer&&) noexcept = default;
SoundMixer& SoundMixer::operator=(SoundMixer&&) noexcept = default;
SoundMixer::~SoundMixer() = default;

bool has_sound(const Timeline& timeline, const std::function<bool(const std::string&)>& has_audio) {
  return std::ranges::any_of(timeline.tracks, [&](const Track& track) {
    return std::ranges::any_of(track.items, [&](const Item& item) {
      const auto* clip = std::get_if<Clip>(&item);
      return clip != nullptr && sounds(*clip, has_audio);
    });
  });
}

Result<SoundMixer> SoundMixer::create(const Timeline& timeline, std::int64_t total_samples,
                                      const std::function<bool(const std::string&)>& has_audio) {
  auto state = std::make_unique<State>(timeline.sample_rate);
  State& s = *state;
  s.total = total_samples;
  const Time length = Time::ticks(total_samples, {1, timeline.sample_rate});
  for (const Track& track : timeline.tracks) {
    TrackSound sound;
    sound.id = track.id;
    sound.pieces = place_sounds(track, timeline.frame_rate, timeline.sample_rate, total_samples);
    std::erase_if(sound.pieces, [&](const PlacedSound& piece) { return !sounds(*piece.clip, has_audio); });
    if (sound.pieces.empty()) continue;
    TRY_ASSIGN(sound.effects, SoundEffects::create(track.effects, length, timeline.sample_rate));
    TRY_ASSIGN(sound.duck_options, duck_options_of(track.effects));
    for (const DuckOptions& options : sound.duck_options) {
      sound.duckers.emplace_back(options, timeline.sample_rate, kChannels);
      sound.duck_fed.push_back(0);
      s.look_ahead = std::max(s.look_ahead, sound.duckers.back().look_ahead_frames());
    }
    s.tracks.push_back(std::move(sound));
  }
  if (s.look_ahead > 0) s.look_ahead += kBlockFrames;
  TRY_ASSIGN(s.effects, SoundEffects::create(timeline.effects, length, timeline.sample_rate));
  return SoundMixer(std::move(state));
}

Result<void> SoundMixer::State::make_until(std::int64_t end) {
  end = std::min(end, total);
  for (TrackSound& track : tracks)
    if (track.made_end < end) TRY(track.make(end - track.made_end, pool));
  feed_duckers();
  return {};
}

// A ducker hears its voice track, or all other tracks that do not step back themselves.
void SoundMixer::State::feed_duckers() {
  for (TrackSound& bed : tracks) {
    for (std::size_t d = 0; d < bed.duckers.size(); ++d) {
      const std::int64_t end = bed.made_end;  // all tracks are made equally far
      const std::int64_t fed = bed.duck_fed[d];
      if (fed >= end) continue;
      std::vector<float> voice(static_cast<std::size_t>((end - fed) * kChannels), 0.0F);
      for (const TrackSound& track : tracks) {
        const std::string& wanted = bed.duck_options[d].voice;
        const bool speaks = &track != &bed && (wanted.empty() ? track.duckers.empty() : track.id == wanted);
        if (!speaks) continue;
        const auto from = static_cast<std::size_t>((fed - position) * kChannels);
        for (std::size_t i = 0; i < voice.size() && from + i < track.made.size(); ++i)
          voice[i] += track.made[from + i];
      }
      bed.duckers[d].push_voice(voice);
      bed.duck_fed[d] = end;
      if (end >= total) bed.duckers[d].finish_voice();
    }
  }
}

Result<std::vector<float>> SoundMixer::next() {
  State& s = *state_;
  const std::int64_t count = std::min(kBlockFrames, s.total - s.position);
  std::vector<float> mix(static_cast<std::size_t>(std::max<std::int64_t>(0, count) * kChannels), 0.0F);
  if (mix.empty()) return mix;
  TRY(s.make_until(s.position + count + s.look_ahead));
  std::vector<float> block(mix.size());
  for (TrackSound& track : s.tracks) {
    std::copy_n(track.made.begin(), block.size(), block.begin());
    track.made.erase(track.made.begin(), track.made.begin() + static_cast<std::ptrdiff_t>(block.size()));
    for (const Ducker& ducker : track.duckers) ducker.apply(block, kChannels, s.position);
    for (std::size_t i = 0; i < mix.size(); ++i) mix[i] += block[i];
  }
  if (!s.effects.unity()) s.effects.apply(mix, kChannels, s.position);
  s.position += count;
  return mix;
}

}  // namespace studio
