// render(): a picture thread, a sound thread and the encoder, joined by bounded queues.
#include "render/render.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>

#include "base/bounded_queue.h"
#include "media/media_writer.h"
#include "render/compositor.h"
#include "render/encoders.h"
#include "render/inputs.h"
#include "render/loudness.h"
#include "render/smart_cut.h"
#include "render/sound_mixer.h"
#include "render/subtitle_mux.h"

namespace studio {

namespace {

// Pictures and blocks of sound in flight: enough to ride out the opening of a clip, few enough that
// a 4K render stays small.
constexpr std::size_t kPicturesAhead = 8;
constexpr std::size_t kBlocksAhead = 32;

std::unexpected<Error> interrupted(const Path& output) {
  return fail(ErrorKind::interrupted, fmt::format("render {}: stopped", output.string()),
              "nothing was written");
}

std::int64_t samples_of(const Timeline& timeline, std::int64_t frames) {
  return Time::frames(frames, timeline.frame_rate).to_ticks({1, timeline.sample_rate});
}

MediaWriterOptions writer_options(const EncodingPlan& plan, const Timeline& timeline,
                                  const RenderSettings& settings, bool sound) {
  MediaWriterOptions options;
  options.container = plan.container;
  options.container_options = plan.container_options;
  VideoEncoding video;
  video.encoder = plan.video_encoder;
  video.options = plan.video_options;
  video.tag = plan.video_tag;
  video.width = timeline.width;
  video.height = timeline.height;
  video.frame_rate = timeline.frame_rate;
  video.pixel_format = plan.pixel_format;
  video.hardware_device = plan.hardware_device;
  video.threads = settings.threads;
  if (plan.gop_s > 0)
    video.gop = std::max(1, static_cast<int>(std::lround(timeline.frame_rate.to_double() * plan.gop_s)));
  options.video = std::move(video);
  if (sound) {
    AudioEncoding audio;
    audio.encoder = plan.audio_encoder;
    audio.sample_format = plan.sample_format;
    audio.bit_rate = plan.audio_bit_rate;
    audio.sample_rate = timeline.sample_rate;
    options.audio = std::move(audio);
  }
  return options;
}

// The format all pictures are worked on in: the encoder's own where the effects can draw on it.
std::string working_format(const EncodingPlan& plan) {
  for (const char* format : {"yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"})
    if (plan.pixel_format == format) return format;
  return plan.pixel_format == "p010le" ? "yuv420p10le" : "yuv420p";
}

// Gain that brings the mix to the wanted loudness: the mix is made once only to be measured.
Result<LoudnessGain> measure_gain(const Timeline& timeline, const TimelineInputs& inputs,
                                  std::int64_t samples, const RenderSettings& settings, const Job& job,
                                  const Path& output) {
  const auto has_audio = [&](const std::string& path) { return inputs.has_audio(path); };
  TRY_ASSIGN(auto mixer, SoundMixer::create(timeline, samples, has_audio));
  LoudnessMeter meter(timeline.sample_rate, SoundStream::kChannels);
  const double total = static_cast<double>(samples) / timeline.sample_rate;
  for (std::int64_t done = 0;;) {
    if (job.cancelled()) return interrupted(output);
    TRY_ASSIGN(const auto block, mixer.next());
    if (block.empty()) break;
    meter.add(block);
    done += static_cast<std::int64_t>(block.size()) / SoundStream::kChannels;
    job.report({"measure loudness", static_cast<double>(done) / timeline.sample_rate, total, "s"});
  }
  return gain_to(meter.result(), *settings.loudness_lufs, settings.true_peak_ceiling_dbtp);
}

template <typename T>
using Stage = BoundedQueue<Result<T>>;

void make_pictures(Compositor& compositor, Stage<Frame>& out, const std::stop_token& stop) {
  for (std::int64_t n = 0; n < compositor.frames(); ++n) {
    auto frame = compositor.frame(n);
    const bool failed = !frame.has_value();
    if (!out.push(std::move(frame), stop) || failed) break;
  }
  out.close();
}

void make_sound(SoundMixer& mixer, double gain, Stage<std::vector<float>>& out, float& peak,
                const std::stop_token& stop) {
  while (true) {
    auto block = mixer.next();
    if (block && block->empty()) break;
    const bool failed = !block.has_value();
    if (block)
      for (float& sample : *block) {
        sample *= static_cast<float>(gain);
        peak = std::max(peak, std::abs(sample));
      }
    if (!out.push(std::move(block), stop) || failed) break;
  }
  out.close();
}

// What a stopped or failed thread leaves: its error, or that somebody asked to stop.
template <typename T>
Result<T> next_of(Stage<T>& queue, const Job& job, const Path& output) {
  auto item = queue.pop(job.stop);
  if (job.cancelled()) return interrupted(output);
  if (!item) return fail(ErrorKind::internal, fmt::format("render {}: a stage ended early", output.string()));
  return *std::move(item);
}

struct Encoded {
  float peak = 0;
};

Result<Encoded> encode(Compositor& compositor, SoundMixer* mixer, double gain, MediaWriter& writer,
                       const Timeline& timeline, const Path& output, const Job& job) {
  Encoded encoded;
  Stage<Frame> pictures(kPicturesAhead);
  Stage<std::vector<float>> blocks(kBlocksAhead);
  // Destroyed in reverse: the threads are asked to stop and joined before the queues go.
  std::jthread picture_thread(
      [&](const std::stop_token& stop) { make_pictures(compositor, pictures, stop); });
  std::jthread sound_thread;
  if (mixer != nullptr)
    sound_thread = std::jthread(
        [&](const std::stop_token& stop) { make_sound(*mixer, gain, blocks, encoded.peak, stop); });

  const std::int64_t frames = compositor.frames();
  const std::int64_t samples = mixer != nullptr ? samples_of(timeline, frames) : 0;
  const std::string stage = fmt::format("render {}", output.filename().string());
  std::int64_t sounded = 0;
  for (std::int64_t n = 0; n < frames; ++n) {
    TRY_ASSIGN(const Frame frame, next_of(pictures, job, output));
    TRY(writer.write_video(frame, n));
    // Sound keeps up with the picture, so that the muxer never holds much of either.
    for (const std::int64_t due = std::min(samples, samples_of(timeline, n + 1)); sounded < due;) {
      TRY_ASSIGN(const auto block, next_of(blocks, job, output));
      TRY(writer.write_audio(block));
      sounded += static_cast<std::int64_t>(block.size()) / SoundStream::kChannels;
    }
    job.report({stage, static_cast<double>(n + 1), static_cast<double>(frames), "frames"});
  }
  TRY(writer.finish());
  sound_thread = {};
  return encoded;
}

Result<RenderedFile> render_in_full(const Timeline& timeline, const TimelineInputs& inputs,
                                    const Path& output, const RenderSettings& settings, const Job& job) {
  TRY_ASSIGN(const auto plan,
             plan_encoding(settings, output, timeline.width, timeline.height, timeline.frame_rate));
  Timeline adapted = timeline;
  if (plan.sample_rate > 0) adapted.sample_rate = plan.sample_rate;
  const auto has_audio = [&](const std::string& path) { return inputs.has_audio(path); };
  TRY_ASSIGN(const auto cues, cues_to_mux(adapted));

  TRY_ASSIGN(auto compositor, Compositor::create(adapted, working_format(plan), settings.threads, job.stop));
  RenderedFile rendered;
  rendered.warnings = plan.warnings;
  const std::int64_t samples = samples_of(adapted, compositor.frames());
  std::optional<SoundMixer> mixer;
  double gain = 1;
  if (has_sound(adapted, has_audio)) {
    if (settings.loudness_lufs) {
      TRY_ASSIGN(const auto measured, measure_gain(adapted, inputs, samples, settings, job, output));
      gain = std::pow(10.0, measured.gain_db / 20);
      if (!measured.warning.empty()) rendered.warnings.push_back(measured.warning);
    }
    TRY_ASSIGN(auto made, SoundMixer::create(adapted, samples, has_audio));
    mixer.emplace(std::move(made));
  }

  TRY_ASSIGN(auto pending, PendingFile::create(output));
  TRY_ASSIGN(auto writer, MediaWriter::create(pending.temporary(),
                                              writer_options(plan, adapted, settings, mixer.has_value())));
  TRY_ASSIGN(const auto encoded,
             encode(compositor, mixer ? &*mixer : nullptr, gain, writer, adapted, output, job));
  if (job.cancelled()) return interrupted(output);
  TRY(mux_subtitles(pending.temporary(), cues));
  TRY(pending.commit());

  if (encoded.peak > 1)
    rendered.warnings.push_back(fmt::format(
        "the mix is {:.1f} dB over full scale and clips: lower the gain of its clips, or ask for a loudness",
        20 * std::log10(encoded.peak)));
  for (const std::string& warning : compositor.warnings())
    if (std::ranges::find(rendered.warnings, warning) == rendered.warnings.end())
      rendered.warnings.push_back(warning);
  rendered.path = output;
  rendered.frames = rendered.reencoded_frames = compositor.frames();
  rendered.duration = Time::frames(compositor.frames(), adapted.frame_rate);
  rendered.width = adapted.width;
  rendered.height = adapted.height;
  rendered.frame_rate = adapted.frame_rate;
  rendered.encoder = plan.video_encoder;
  return rendered;
}

}  // namespace

Result<RenderedFile> render(const Timeline& timeline, const Path& output, const RenderSettings& settings,
                            const Job& job) {
  const auto started = std::chrono::steady_clock::now();
  const auto timed = [&](Result<RenderedFile> rendered) {
    if (rendered)
      rendered->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return rendered;
  };
  TRY(validate(timeline));
  TRY_ASSIGN(const auto inputs, look_at_inputs(timeline, output));
  SmartCutVerdict verdict = can_smart_cut(timeline, settings, output);
  if (verdict.possible) {
    auto cut = smart_cut(timeline, output, settings, job);
    // Some obstacles show only in the packets themselves: then it is rendered like anything else.
    if (cut || cut.error().kind != ErrorKind::unsupported) return timed(std::move(cut));
    verdict.reason = cut.error().message;
  }
  auto rendered = render_in_full(timeline, inputs, output, settings, job);
  if (rendered) rendered->not_copied = verdict.reason;
  return timed(std::move(rendered));
}

}  // namespace studio
