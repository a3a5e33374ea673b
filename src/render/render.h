// Timeline in, file out: the only room that writes media for the person.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "timeline/timeline.h"

namespace studio {

enum class Quality { draft, standard, high };
enum class VideoCodec { automatic, h264, hevc, av1, vp9, prores };

struct RenderSettings {
  Quality quality = Quality::standard;
  VideoCodec codec = VideoCodec::automatic;  // automatic: H.264, or what the extension asks for
  std::string encoder;                       // an FFmpeg encoder name; overrides codec
  bool hardware = false;                     // NVENC or VAAPI when present; said in RenderedFile
  std::optional<double> loudness_lufs;       // bring the mix to this integrated loudness
  double true_peak_ceiling_dbtp = -1;
  bool smart_cut = true;  // copy packets where the timeline allows it
  int threads = 0;        // 0: all
};

struct RenderedFile {
  Path path;
  std::int64_t frames = 0;
  Time duration;
  int width = 0, height = 0;
  Rational frame_rate;
  std::string encoder;
  bool smart_cut = false;
  std::int64_t reencoded_frames = 0;  // equals frames unless smart_cut
  std::string not_copied;             // unless smart_cut: what stood in the way of copying packets
  double seconds = 0;                 // wall time
  std::vector<std::string> warnings;  // missing glyphs, replaced fonts, clipped gain, ...
};

// Renders to `output` (written beside and renamed; nothing is left there on failure or stop).
// Errors: invalid_input (validate() failed, output equals an input), not_found, unsupported
// (HDR transfer, encoder missing), no_space, limit_exceeded, interrupted.
Result<RenderedFile> render(const Timeline& timeline, const Path& output, const RenderSettings& settings = {},
                            const Job& job = {});

// What the effect registry knows; `studio list effects` and the plan's schema are made from it.
struct EffectParameter {
  std::string name, unit, description;
  double minimum = 0, maximum = 1, fallback = 0;
  bool text = false;  // a string, one of `choices` when not empty
  std::vector<std::string> choices;
  bool animatable = false;
  std::string fallback_text;  // of a text parameter
};

struct EffectInfo {
  std::string id, description;
  enum class On { picture, sound, both } on = On::picture;
  std::vector<EffectParameter> params;
  // "retime" (becomes Clip::retime: not an Effect of a timeline), "framing", "placing", "picture",
  // "sound"; empty for generators.
  std::string step;
};

const std::vector<EffectInfo>& effect_catalog();
const std::vector<std::string>& transition_catalog();
const std::vector<EffectInfo>& generator_catalog();

struct EncoderInfo {
  std::string name, codec, description;
  bool hardware = false, available = false;
};
std::vector<EncoderInfo> encoder_catalog();
std::vector<std::string> font_catalog();  // family names that can be used in titles

}  // namespace studio
