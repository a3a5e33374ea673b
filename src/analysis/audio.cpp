// One pass over the sound: blocks go to the loudness meter and to the short-time features.
#include "analysis/audio.h"

#include <cmath>

#include <fmt/format.h>

#include "analysis/sound_frames.h"
#include "media/audio_reader.h"
#include "media/loudness_meter.h"

namespace studio {
namespace {

void shift(std::vector<double>& times, double by) {
  for (auto& time : times) time += by;
}

void shift(std::vector<AudioJudgement::Span>& spans, double by) {
  for (auto& span : spans) {
    span.start_s += by;
    span.end_s += by;
  }
}

}  // namespace

Result<std::optional<AudioJudgement>> measure_audio(const Path& file, const Job& job) {
  TRY_ASSIGN(auto reader, AudioReader::open(file));
  std::optional<LoudnessMeter> loudness;
  std::optional<SoundFrames> sound;
  AudioJudgement out;
  std::int64_t samples = 0;
  while (true) {
    if (job.cancelled())
      return fail(ErrorKind::interrupted, fmt::format("listen to {}: stopped as asked", file.string()));
    TRY_ASSIGN(auto block, reader.next());
    if (!block) break;
    if (!loudness) {
      loudness.emplace(block->sample_rate, block->channels);
      sound.emplace(block->sample_rate, block->channels);
      out.start_s = block->start.seconds();
    }
    loudness->add(block->samples);
    sound->add(block->samples);
    samples += block->frames();
  }
  if (!loudness) return std::optional<AudioJudgement>{};
  out.duration_s = static_cast<double>(samples) / reader.sample_rate();
  const Loudness measured = loudness->result();
  out.integrated_lufs = measured.integrated_lufs;
  out.loudness_range_lu = measured.range_lu;
  out.true_peak_dbtp = measured.true_peak_dbtp;
  out.loudness_curve = loudness->momentary_lufs();

  const auto frames = sound->finish();
  auto rhythm = find_rhythm(frames);
  auto speech = find_speech(frames);
  out.tempo_bpm = rhythm.tempo_bpm;
  out.beats_s = std::move(rhythm.beats_s);
  out.onsets_s = std::move(rhythm.onsets_s);
  out.speech = speech.speech;
  out.music = speech.music;
  out.speech_spans = std::move(speech.speech_spans);
  out.silences = find_silences(frames);
  for (auto* times : {&out.beats_s, &out.onsets_s}) shift(*times, out.start_s);
  for (auto* spans : {&out.silences, &out.speech_spans}) shift(*spans, out.start_s);
  return std::optional(std::move(out));
}

}  // namespace studio
