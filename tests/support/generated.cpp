// Writing generated clips and reading their truth back.
#include "support/generated.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "media/audio_reader.h"
#include "media/video_reader.h"

namespace studio::generated {

void RgbImage::rectangle(int x, int y, int w, int h, Rgb color) {
  const int x0 = std::clamp(x, 0, width), x1 = std::clamp(x + w, 0, width);
  const int y0 = std::clamp(y, 0, height), y1 = std::clamp(y + h, 0, height);
  for (int row = y0; row < y1; ++row) {
    std::uint8_t* p = at(x0, row);
    for (int column = x0; column < x1; ++column, p += 3) {
      p[0] = color.r;
      p[1] = color.g;
      p[2] = color.b;
    }
  }
}

namespace {

Frame frame_of(const RgbImage& image) {
  Frame frame = Frame::make_picture(image.width, image.height, "rgb24");
  int stride = 0;
  std::uint8_t* data = frame.writable_plane(0, &stride);
  for (int y = 0; y < image.height; ++y)
    std::copy_n(image.rgb.data() + static_cast<std::size_t>(y) * image.width * 3, image.width * 3,
                data + static_cast<std::ptrdiff_t>(y) * stride);
  return frame;
}

std::vector<float> sound_block(const Sounder& sounder, std::int64_t first, int count, int rate,
                               int channels) {
  std::vector<float> samples(static_cast<std::size_t>(count) * channels);
  for (int i = 0; i < count; ++i)
    for (int c = 0; c < channels; ++c)
      samples[static_cast<std::size_t>(i) * channels + c] = sounder(static_cast<double>(first + i) / rate, c);
  return samples;
}

}  // namespace

Result<void> write_clip(const Path& path, const ClipSpec& spec, const Painter& painter,
                        const Sounder& sounder) {
  MediaWriterOptions options;
  options.container = spec.container;
  options.metadata = spec.metadata;
  VideoEncoding video;
  video.encoder = spec.encoder;
  if (spec.encoder.starts_with("libx264")) video.options = spec.options;
  if (spec.encoder == "libx265") video.options = {{"x265-params", "log-level=none"}};  // it talks on stderr
  video.width = spec.width;
  video.height = spec.height;
  video.frame_rate = spec.frame_rate;
  video.time_base = spec.time_base;
  video.pixel_format = spec.pixel_format;
  video.sample_aspect = spec.sample_aspect;
  video.rotation = spec.rotation;
  video.gop = spec.gop;
  video.threads = 2;
  video.color_range = spec.color_range;
  video.color_matrix = spec.color_matrix;
  video.color_transfer = spec.color_transfer;
  video.color_primaries = spec.color_primaries;
  video.interlaced_top_first = spec.interlaced_top_first;
  options.video = video;
  if (sounder) {
    AudioEncoding audio;
    audio.encoder = spec.audio_encoder;
    audio.sample_rate = spec.sample_rate;
    audio.channels = spec.channels;
    options.audio = audio;
  }
  TRY_ASSIGN(auto pending, PendingFile::create(path));
  TRY_ASSIGN(auto writer, MediaWriter::create(pending.temporary(), options));
  const Rational base = spec.time_base.positive()
                            ? spec.time_base
                            : Rational::reduced(spec.frame_rate.den, spec.frame_rate.num);
  RgbImage image(spec.width, spec.height);
  const double sound_seconds = spec.sound_seconds.value_or(spec.seconds());
  const auto sound_total = static_cast<std::int64_t>(std::llround(sound_seconds * spec.sample_rate));
  std::int64_t sound_done = 0;
  for (int frame = 0; frame < spec.frames; ++frame) {
    painter(frame, image);
    TRY(writer.write_video(frame_of(image), spec.time_at(frame).to_ticks(base)));
    if (!sounder) continue;
    const std::int64_t until =
        frame + 1 == spec.frames
            ? sound_total
            : std::min(sound_total, spec.time_at(frame + 1).to_ticks({1, spec.sample_rate}));
    while (sound_done < until) {
      const int count = static_cast<int>(std::min<std::int64_t>(until - sound_done, 4096));
      TRY(writer.write_audio(sound_block(sounder, sound_done, count, spec.sample_rate, spec.channels)));
      sound_done += count;
    }
  }
  TRY(writer.finish());
  return pending.commit();
}

Result<void> write_sound(const Path& path, double seconds, const Sounder& sounder, int sample_rate,
                         int channels, const std::string& encoder) {
  MediaWriterOptions options;
  AudioEncoding audio;
  audio.encoder = encoder;
  audio.sample_rate = sample_rate;
  audio.channels = channels;
  options.audio = audio;
  TRY_ASSIGN(auto pending, PendingFile::create(path));
  TRY_ASSIGN(auto writer, MediaWriter::create(pending.temporary(), options));
  const auto total = static_cast<std::int64_t>(std::llround(seconds * sample_rate));
  for (std::int64_t done = 0; done < total;) {
    const int count = static_cast<int>(std::min<std::int64_t>(total - done, 4096));
    TRY(writer.write_audio(sound_block(sounder, done, count, sample_rate, channels)));
    done += count;
  }
  TRY(writer.finish());
  return pending.commit();
}

// --- Numbers ------------------------------------------------------------------------------

namespace {

constexpr int kColumns = 8, kRows = 3;

std::array<int, 3> bytes_of(int number) {
  const int low = number & 0xff, high = (number >> 8) & 0xff;
  return {low, high, (low * 7 + high * 13 + 0x5a) & 0xff};
}

}  // namespace

void paint_number(RgbImage& image, int number, const CodeBox& box) {
  const auto bytes = bytes_of(number);
  const double w = box.width * image.width / kColumns, h = box.height * image.height / kRows;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      const bool on = ((bytes[static_cast<std::size_t>(row)] >> column) & 1) != 0;
      const int x = static_cast<int>(std::lround(box.x * image.width + column * w));
      const int y = static_cast<int>(std::lround(box.y * image.height + row * h));
      const std::uint8_t value = on ? 255 : 0;
      image.rectangle(x, y, static_cast<int>(std::ceil(w)), static_cast<int>(std::ceil(h)),
                      {value, value, value});
    }
  }
}

std::optional<int> read_number(const FramePlanes& picture, const CodeBox& box) {
  const PlaneView& plane = picture.plane[0];
  if (plane.data == nullptr) return std::nullopt;
  const bool deep = picture.bit_depth > 8;
  const double w = box.width * picture.width / kColumns, h = box.height * picture.height / kRows;
  std::array<int, 3> bytes{};
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      const int x0 = static_cast<int>(box.x * picture.width + (column + 0.3) * w);
      const int x1 = static_cast<int>(box.x * picture.width + (column + 0.7) * w);
      const int y0 = static_cast<int>(box.y * picture.height + (row + 0.3) * h);
      const int y1 = static_cast<int>(box.y * picture.height + (row + 0.7) * h);
      double sum = 0;
      int count = 0;
      for (int y = std::max(0, y0); y <= y1 && y < plane.height; ++y) {
        for (int x = std::max(0, x0); x <= x1 && x < plane.width; ++x, ++count) {
          const std::uint8_t* p = plane.data + static_cast<std::ptrdiff_t>(y) * plane.stride;
          sum += deep ? reinterpret_cast<const std::uint16_t*>(p)[x] /
                            static_cast<double>(1 << (picture.bit_depth - 8))
                      : p[x];
        }
      }
      if (count > 0 && sum / count > 128) bytes[static_cast<std::size_t>(row)] |= 1 << column;
    }
  }
  const int number = bytes[0] | (bytes[1] << 8);
  if (bytes_of(number)[2] != bytes[2]) return std::nullopt;
  return number;
}

std::vector<int> read_numbers(const Path& path, const CodeBox& box) {
  std::vector<int> numbers;
  auto reader = VideoReader::open(path, {.format = "gray"});
  if (!reader) return numbers;
  for (auto frame = reader->next(); frame && *frame; frame = reader->next())
    numbers.push_back(read_number((*frame)->picture, box).value_or(-1));
  return numbers;
}

Painter numbered(int offset, Rgb background) {
  return [=](int frame, RgbImage& image) {
    image.fill(background);
    const int bar = image.width / 10;
    image.rectangle((frame * 7) % std::max(1, image.width - bar), image.height * 2 / 3, bar, image.height / 4,
                    {220, 60, 40});
    paint_number(image, frame + offset);
  };
}

// --- Flash and beep -----------------------------------------------------------------------

namespace {

bool inside_flash(double t, const FlashBeep& what) {
  const double since = t - what.first_s + 1e-9;
  return since >= 0 && std::fmod(since, what.every_s) < what.length_s;
}

std::vector<double> flash_onsets(VideoReader& reader) {
  std::vector<double> onsets;
  bool bright = false;
  for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
    const PlaneView& plane = (*frame)->picture.plane[0];
    // The middle of the picture: letterboxing must not hide a flash.
    double sum = 0;
    int count = 0;
    for (int y = plane.height * 2 / 5; y < plane.height * 3 / 5; ++y)
      for (int x = plane.width * 2 / 5; x < plane.width * 3 / 5; ++x, ++count)
        sum += plane.data[y * plane.stride + x];
    const bool now = count > 0 && sum / count > 200;
    if (now && !bright) onsets.push_back((*frame)->pts.seconds());
    bright = now;
  }
  return onsets;
}

Result<std::vector<double>> beep_onsets(const Path& path) {
  TRY_ASSIGN(auto reader, AudioReader::open(path, {.channels = 1}));
  std::vector<double> onsets;
  double quiet_since = -1;
  bool first = true;
  while (true) {
    TRY_ASSIGN(const auto block, reader.next());
    if (!block) return onsets;
    for (std::size_t i = 0; i < block->samples.size(); ++i) {
      const double t = block->start.seconds() + static_cast<double>(i) / block->sample_rate;
      if (std::abs(block->samples[i]) > 0.1F) {
        if (first || t - quiet_since > 0.05) onsets.push_back(t);
        first = false;
        quiet_since = t;
      }
    }
  }
}

}  // namespace

Painter flashes(const ClipSpec& spec, const FlashBeep& what) {
  return [spec, what, base = numbered()](int frame, RgbImage& image) {
    if (inside_flash(spec.time_at(frame).seconds(), what))
      image.fill({255, 255, 255});
    else
      base(frame, image);
  };
}

Sounder beeps(const FlashBeep& what) {
  return [what](double t, int) {
    return inside_flash(t, what)
               ? static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * 1000 * (t - what.first_s) + 0.6))
               : 0.0F;
  };
}

Result<Sync> measure_sync(const Path& path) {
  Sync sync;
  TRY_ASSIGN(auto reader, VideoReader::open(path, {.width = 64, .format = "gray"}));
  sync.flashes_s = flash_onsets(reader);
  TRY_ASSIGN(sync.beeps_s, beep_onsets(path));
  if (sync.flashes_s.empty() || sync.beeps_s.empty())
    return fail(ErrorKind::invalid_input, "measure sync: " + std::to_string(sync.flashes_s.size()) +
                                              " flashes and " + std::to_string(sync.beeps_s.size()) +
                                              " beeps in " + path.string());
  for (const double beep : sync.beeps_s) {
    double nearest = 1e9;
    for (const double flash : sync.flashes_s)
      if (std::abs(beep - flash) < std::abs(nearest)) nearest = beep - flash;
    if (std::abs(nearest) > std::abs(sync.worst_offset_s)) sync.worst_offset_s = nearest;
  }
  sync.worst_offset_s = std::abs(sync.worst_offset_s);
  return sync;
}

Sounder tone(double hz, double amplitude) {
  return
      [=](double t, int) { return static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * hz * t)); };
}

Sounder silence() {
  return [](double, int) { return 0.0F; };
}

}  // namespace studio::generated
