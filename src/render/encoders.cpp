// Presets: quality x codec -> encoder options; file name -> container and sound.
#include "render/encoders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "render/backends/encoder_probe.h"

namespace studio {
namespace {

using Options = EncoderOptions;

// One encoder and its options at the three qualities.
struct Preset {
  std::string encoder;
  VideoCodec codec;
  std::string pixel_format;
  bool hardware = false;
  std::string device;
  std::array<Options, 3> quality;  // draft, standard, high
};

// Constant quality throughout: a file is as large as its content asks for. In each family the
// three steps are about equally far apart to the eye; draft is for speed first.
const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = {
      {"libx264",
       VideoCodec::h264,
       "yuv420p",
       false,
       "",
       {{{{"preset", "ultrafast"}, {"crf", "23"}},
         {{"preset", "medium"}, {"crf", "20"}},
         {{"preset", "slow"}, {"crf", "16"}}}}},
      {"h264_nvenc",
       VideoCodec::h264,
       "yuv420p",
       true,
       "",
       {{{{"preset", "p1"}, {"rc", "vbr"}, {"cq", "28"}, {"b", "0"}},
         {{"preset", "p4"}, {"rc", "vbr"}, {"cq", "23"}, {"b", "0"}},
         {{"preset", "p7"}, {"rc", "vbr"}, {"cq", "18"}, {"b", "0"}}}}},
      {"h264_vaapi",
       VideoCodec::h264,
       "nv12",
       true,
       "vaapi",
       {{{{"rc_mode", "CQP"}, {"qp", "28"}},
         {{"rc_mode", "CQP"}, {"qp", "23"}},
         {{"rc_mode", "CQP"}, {"qp", "18"}}}}},
      {"libx265",
       VideoCodec::hevc,
       "yuv420p",
       false,
       "",
       {{{{"preset", "ultrafast"}, {"crf", "27"}, {"x265-params", "log-level=error"}},
         {{"preset", "medium"}, {"crf", "23"}, {"x265-params", "log-level=error"}},
         {{"preset", "slow"}, {"crf", "18"}, {"x265-params", "log-level=error"}}}}},
      {"hevc_nvenc",
       VideoCodec::hevc,
       "yuv420p",
       true,
       "",
       {{{{"preset", "p1"}, {"rc", "vbr"}, {"cq", "30"}, {"b", "0"}},
         {{"preset", "p4"}, {"rc", "vbr"}, {"cq", "25"}, {"b", "0"}},
         {{"preset", "p7"}, {"rc", "vbr"}, {"cq", "20"}, {"b", "0"}}}}},
      {"hevc_vaapi",
       VideoCodec::hevc,
       "nv12",
       true,
       "vaapi",
       {{{{"rc_mode", "CQP"}, {"qp", "30"}},
         {{"rc_mode", "CQP"}, {"qp", "25"}},
         {{"rc_mode", "CQP"}, {"qp", "20"}}}}},
      {"libsvtav1",
       VideoCodec::av1,
       "yuv420p",
       false,
       "",
       {{{{"preset", "12"}, {"crf", "38"}},
         {{"preset", "8"}, {"crf", "30"}},
         {{"preset", "5"}, {"crf", "22"}}}}},
      {"libaom-av1",
       VideoCodec::av1,
       "yuv420p",
       false,
       "",
       {{{{"cpu-used", "8"}, {"usage", "realtime"}, {"crf", "38"}, {"b", "0"}},
         {{"cpu-used", "6"}, {"row-mt", "1"}, {"crf", "30"}, {"b", "0"}},
         {{"cpu-used", "4"}, {"row-mt", "1"}, {"crf", "22"}, {"b", "0"}}}}},
      {"libvpx-vp9",
       VideoCodec::vp9,
       "yuv420p",
       false,
       "",
       {{{{"deadline", "realtime"}, {"cpu-used", "8"}, {"row-mt", "1"}, {"crf", "36"}, {"b", "0"}},
         {{"deadline", "good"}, {"cpu-used", "4"}, {"row-mt", "1"}, {"crf", "30"}, {"b", "0"}},
         {{"deadline", "good"}, {"cpu-used", "2"}, {"row-mt", "1"}, {"crf", "22"}, {"b", "0"}}}}},
      {"prores_ks",
       VideoCodec::prores,
       "yuv422p10le",
       false,
       "",
       {{{{"profile", "proxy"}}, {{"profile", "standard"}}, {{"profile", "hq"}}}}},
  };
  return all;
}

std::string_view codec_name(VideoCodec codec) {
  switch (codec) {
    case VideoCodec::h264: return "h264";
    case VideoCodec::hevc: return "hevc";
    case VideoCodec::av1: return "av1";
    case VideoCodec::vp9: return "vp9";
    case VideoCodec::prores: return "prores";
    case VideoCodec::automatic: break;
  }
  return "";
}

VideoCodec codec_from(std::string_view name) {
  for (VideoCodec codec :
       {VideoCodec::h264, VideoCodec::hevc, VideoCodec::av1, VideoCodec::vp9, VideoCodec::prores})
    if (codec_name(codec) == name) return codec;
  return VideoCodec::automatic;
}

// What a file name asks for, what fits into it, and the sound that its players expect.
struct Container {
  std::string_view extension, muxer;
  std::vector<std::string_view> codecs;  // the first is used when none is asked for
  std::string_view audio;
};

const std::vector<Container>& containers() {
  static const std::vector<Container> all = {
      {"mp4", "mp4", {"h264", "hevc", "av1", "vp9"}, "aac"},
      {"m4v", "mp4", {"h264", "hevc", "av1"}, "aac"},
      {"mov", "mov", {"h264", "hevc", "prores"}, "aac"},
      {"mkv", "matroska", {"h264", "hevc", "av1", "vp9", "prores"}, "aac"},
      {"webm", "webm", {"vp9", "av1"}, "libopus"},
      {"ts", "mpegts", {"h264", "hevc"}, "aac"},
      {"m2ts", "mpegts", {"h264", "hevc"}, "aac"},
      {"avi", "avi", {"h264"}, "libmp3lame"},
  };
  return all;
}

Result<const Container*> container_of(const Path& output) {
  std::string extension = output.extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  std::vector<std::string_view> known;
  for (const Container& container : containers()) {
    if (container.extension == extension) return &container;
    known.push_back(container.extension);
  }
  return fail(ErrorKind::wrong_usage,
              extension.empty()
                  ? fmt::format("choose a container for {}: the name has no extension", output.string())
                  : fmt::format("choose a container for {}: .{} is not known", output.string(), extension),
              fmt::format("end the name with one of: .{}", fmt::join(known, ", .")));
}

std::vector<std::string> available_names() {
  std::vector<std::string> names;
  for (const EncoderInfo& info : encoder_catalog())
    if (info.available) names.push_back(info.name);
  return names;
}

std::unexpected<Error> no_encoder(std::string message) {
  return fail(ErrorKind::unsupported, std::move(message),
              fmt::format("available here: {}", fmt::join(available_names(), ", ")));
}

Result<void> try_preset(const Preset& preset, Quality quality, int width, int height, Rational rate) {
  const std::string format = preset.pixel_format;
  return try_encoder(preset.encoder, format, preset.quality[static_cast<int>(quality)], preset.device, width,
                     height, rate);
}

// The best preset for a codec: hardware when asked for and really there, else software.
Result<const Preset*> preset_for(VideoCodec codec, const RenderSettings& settings, int width, int height,
                                 Rational rate, std::vector<std::string>& warnings) {
  if (settings.hardware) {
    std::string reasons;
    for (const Preset& preset : presets()) {
      if (preset.codec != codec || !preset.hardware) continue;
      if (auto opened = try_preset(preset, settings.quality, width, height, rate); opened)
        return &preset;
      else
        reasons += (reasons.empty() ? "" : "; ") + opened.error().message;
    }
    warnings.push_back(fmt::format("no hardware encoder for {} works here ({}): software is used",
                                   codec_name(codec), reasons.empty() ? "none is known" : reasons));
  }
  for (const Preset& preset : presets())
    if (preset.codec == codec && !preset.hardware && encoder_traits(preset.encoder).exists) return &preset;
  return no_encoder(fmt::format("encode {}: this FFmpeg has no encoder for it", codec_name(codec)));
}

// An encoder that the person named: one of the presets, or any other that FFmpeg has.
Result<Preset> preset_named(const RenderSettings& settings, int width, int height, Rational rate) {
  const EncoderTraits traits = encoder_traits(settings.encoder);
  if (!traits.exists)
    return no_encoder(fmt::format("encode with {}: this FFmpeg has no such encoder", settings.encoder));
  Preset preset{settings.encoder, codec_from(traits.codec), "yuv420p", false, "", {}};
  for (const Preset& known : presets())
    if (known.encoder == settings.encoder) preset = known;
  const auto& formats = traits.pixel_formats;
  if (!formats.empty() && std::ranges::find(formats, preset.pixel_format) == formats.end() &&
      preset.device.empty())
    preset.pixel_format = formats.front();
  if (auto opened = try_preset(preset, settings.quality, width, height, rate); !opened)
    return no_encoder(opened.error().message);
  return preset;
}

Result<VideoCodec> codec_for(const Container& container, VideoCodec wanted) {
  if (wanted == VideoCodec::automatic) return codec_from(container.codecs.front());
  if (std::ranges::find(container.codecs, codec_name(wanted)) != container.codecs.end()) return wanted;
  std::vector<std::string> fitting;
  for (const Container& other : containers())
    if (std::ranges::find(other.codecs, codec_name(wanted)) != other.codecs.end())
      fitting.push_back(fmt::format(".{}", other.extension));
  return fail(ErrorKind::wrong_usage,
              fmt::format("put {} into .{}: it cannot hold that", codec_name(wanted), container.extension),
              fmt::format("use {} there, or name the output {}", fmt::join(container.codecs, ", "),
                          fmt::join(fitting, ", ")));
}

void choose_sound(EncodingPlan& plan, const Container& container) {
  plan.audio_encoder = container.audio;
  if (plan.codec == VideoCodec::prores) plan.audio_encoder = "pcm_s16le";
  if (plan.audio_encoder == "libopus" && !audio_encoder_exists("libopus")) plan.audio_encoder = "libvorbis";
  if (plan.audio_encoder == "aac") plan.sample_format = "fltp";
  if (plan.audio_encoder == "libopus") plan.sample_format = "flt";
  if (plan.audio_encoder == "libvorbis" || plan.audio_encoder == "libmp3lame") plan.sample_format = "fltp";
  if (plan.audio_encoder == "pcm_s16le") plan.sample_format = "s16";
  if (plan.audio_encoder == "libopus") plan.sample_rate = 48000;
}

}  // namespace

Result<EncodingPlan> plan_encoding(const RenderSettings& settings, const Path& output, int width, int height,
                                   Rational frame_rate) {
  TRY_ASSIGN(const Container* container, container_of(output));
  EncodingPlan plan;
  Preset preset;
  if (!settings.encoder.empty()) {
    TRY_ASSIGN(preset, preset_named(settings, width, height, frame_rate));
    if (const std::string codec = encoder_traits(preset.encoder).codec;
        !container_takes(std::string(container->muxer), codec))
      return fail(ErrorKind::wrong_usage,
                  fmt::format("put {} into .{}: it cannot hold that", codec, container->extension),
                  "name the output .mkv");
  } else {
    TRY_ASSIGN(const VideoCodec codec, codec_for(*container, settings.codec));
    TRY_ASSIGN(const Preset* found, preset_for(codec, settings, width, height, frame_rate, plan.warnings));
    preset = *found;
  }
  const bool subsampled_formats = preset.pixel_format == "yuv420p" || preset.pixel_format == "nv12";
  if ((subsampled_formats && (width % 2 || height % 2)) || (preset.codec == VideoCodec::prores && width % 2))
    return fail(ErrorKind::wrong_usage,
                fmt::format("encode {}x{} with {}: its sides must be even", width, height, preset.encoder),
                fmt::format("render at {}x{}", width / 2 * 2, height / 2 * 2));
  plan.container = container->muxer;
  if (plan.container == "mp4" || plan.container == "mov")
    plan.container_options = {{"movflags", "+faststart"}};
  plan.video_encoder = preset.encoder;
  plan.codec = preset.codec;
  plan.pixel_format = preset.pixel_format;
  plan.hardware_device = preset.device;
  plan.video_options = preset.quality[static_cast<int>(settings.quality)];
  // Apple's players know HEVC in mp4 and mov only as hvc1 (parameter sets outside the samples).
  if (plan.codec == VideoCodec::hevc && (plan.container == "mp4" || plan.container == "mov"))
    plan.video_tag = "hvc1";
  plan.gop_s = plan.codec == VideoCodec::prores ? 0 : 10;
  // AVI has no presentation times: reordered pictures are a guess of each player.
  if (plan.container == "avi") plan.video_options.emplace_back("bf", "0");
  plan.global_header = plan.container != "mpegts" && plan.container != "avi";
  choose_sound(plan, *container);
  const std::array<int, 3> bit_rates = {128'000, 192'000, 256'000};
  if (plan.audio_encoder != "pcm_s16le") plan.audio_bit_rate = bit_rates[static_cast<int>(settings.quality)];
  return plan;
}

std::vector<EncoderInfo> encoder_catalog() {
  std::vector<EncoderInfo> catalog;
  for (const Preset& preset : presets()) {
    const EncoderTraits traits = encoder_traits(preset.encoder);
    EncoderInfo info;
    info.name = preset.encoder;
    info.codec = codec_name(preset.codec);
    info.description = traits.exists ? traits.description : "not in this FFmpeg";
    info.hardware = preset.hardware;
    info.available =
        traits.exists && (!preset.hardware || try_preset(preset, Quality::standard, 640, 360, {25, 1}));
    catalog.push_back(info);
  }
  return catalog;
}

}  // namespace studio
