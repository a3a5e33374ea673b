// What the judge keeps of a file: a small picture and a few numbers per frame, thin sound.
// Two files can then be compared frame by frame without decoding either of them again.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace studio {

// Luma of the upright picture, box-averaged: enough to tell neighbouring frames of walking people apart
// (a person of vtest.avi is 3 x 6 of these), small enough for an hour (117 MB).
inline constexpr int kThumbColumns = 48, kThumbRows = 27;
inline constexpr int kThumbSize = kThumbColumns * kThumbRows;

// Frames are measured at this width; heights follow the picture.
inline constexpr int kPrintWidth = 320;

struct FramePrint {
  double time_s = 0;       // presentation time, from the file's start
  float luma = 0;          // mean, 0..255
  float spread = 0;        // standard deviation of luma
  float cb = 0, cr = 0;    // mean chroma around 0
  float colour = 0;        // mean chroma amplitude, 0..128
  float change = 0;        // largest mean difference of an 8 x 8 block to the previous frame, 0..255
  float mean_change = 0;   // mean difference to the previous frame, 0..255
  float detail = 0;        // mean absolute Laplacian of the measured picture
  float dark_share = 0;    // 0..1 of pixels under 24
  float bright_share = 0;  // 0..1 of pixels over 235
};

// Sound in steps of 10 ms, and as a thin waveform for correlation.
inline constexpr int kSoundRate = 4000;  // mono samples a second of `wave`
inline constexpr double kSoundStep_s = 0.01;

struct SoundStep {
  float rms = 0;         // 0..1 of full scale, all channels
  float peak = 0;        // largest absolute sample; over 1 is possible after lossy coding
  float flat_share = 0;  // 0..1 of samples within 2 % of the step's own peak
};

struct SoundPrint {
  double start_s = 0;  // of the first sample, from the file's start
  std::vector<SoundStep> steps;
  std::vector<float> wave;
  double duration_s() const { return static_cast<double>(steps.size()) * kSoundStep_s; }
};

struct Fingerprint {
  int width = 0, height = 0;  // of the file, as displayed
  double frame_rate = 0;      // mean
  double duration_s = 0;      // to the end of the last frame
  std::vector<FramePrint> frames;
  std::vector<std::uint8_t> thumbs;  // kThumbSize for each frame
  bool has_audio = false;
  SoundPrint sound;

  std::span<const std::uint8_t> thumb(std::size_t frame) const {
    return std::span(thumbs).subspan(frame * kThumbSize, kThumbSize);
  }
  // Index of the frame shown at `time_s`; clamped to the file. The file has at least one frame.
  std::size_t frame_at(double time_s) const;
};

// A luma picture of kPrintWidth columns, kept whole at chosen times (titles are looked for in it).
struct StillPicture {
  double time_s = 0;
  int width = 0, height = 0;
  std::vector<std::uint8_t> luma;
};

struct FingerprintOptions {
  std::vector<double> stills_at_s;  // sorted; the frame shown at each time is kept whole
  bool sound = true;
};

struct FingerprintedFile {
  Fingerprint print;
  std::vector<StillPicture> stills;  // one for each asked time that the file reaches
};

// One decode. Errors: those of the decoder, unsupported without a picture, interrupted.
Result<FingerprintedFile> fingerprint(const Path& file, const FingerprintOptions& options = {},
                                      const Job& job = {});

// One measured picture: what is on screen at `time_s`, counted from the file's first frame.
Result<StillPicture> still_at(const Path& file, double time_s);

// The same measurements on pictures that are at hand: for tests and generated references.
class FingerprintBuilder {
 public:
  // Planes of 8-bit samples; chroma may be missing (gray).
  struct Picture {
    int width = 0, height = 0;
    const std::uint8_t *luma = nullptr, *cb = nullptr, *cr = nullptr;
    int luma_stride = 0, chroma_stride = 0;
    int chroma_width = 0, chroma_height = 0;
    bool full_range = false;
    int rotation = 0;  // clockwise degrees to show it upright
  };
  void add(const Picture& picture, double time_s);
  // The measured picture of the last add(), upright.
  StillPicture last_picture(double time_s) const;
  // Interleaved samples, -1..1.
  void add_sound(std::span<const float> samples, int channels, int sample_rate);
  void set_sound_start(double start_s) { print_.sound.start_s = start_s; }
  Fingerprint finish(double end_s);

 private:
  void finish_step();

  Fingerprint print_;
  StillPicture current_, previous_;
  std::vector<float> step_samples_;  // of the sound step being filled
  std::int64_t sound_frames_ = 0;    // samples a channel seen so far
  double wave_sum_ = 0;              // of the thin wave's sample being filled
  int wave_count_ = 0;
};

}  // namespace studio
