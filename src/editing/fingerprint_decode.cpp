// Decodes a file once for its fingerprint: pictures on one thread, sound on another.
#include <algorithm>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "editing/fingerprint.h"
#include "media/audio_reader.h"
#include "media/probe.h"
#include "media/video_reader.h"

namespace studio {
namespace {

// Planar 8-bit YUV is measured where the decoder left it; all else is converted first.
bool measured_as_decoded(const VideoStream& stream) {
  return stream.bit_depth == 8 && stream.pixel_format.starts_with("yuv") &&
         stream.pixel_format.find("444") == std::string::npos;
}

FingerprintBuilder::Picture planes_of(const FramePlanes& view, int rotation) {
  FingerprintBuilder::Picture picture;
  picture.width = view.width;
  picture.height = view.height;
  picture.luma = view.plane[0].data;
  picture.luma_stride = view.plane[0].stride;
  picture.full_range = view.full_range;
  picture.rotation = rotation;
  if (view.planes >= 3) {
    picture.cb = view.plane[1].data;
    picture.cr = view.plane[2].data;
    picture.chroma_stride = view.plane[1].stride;
    picture.chroma_width = view.plane[1].width;
    picture.chroma_height = view.plane[1].height;
  }
  return picture;
}

Result<void> read_sound(const Path& file, Time start, FingerprintBuilder& builder, const Job& job) {
  TRY_ASSIGN(auto reader, AudioReader::open(file));
  bool first = true;
  for (;;) {
    if (job.cancelled()) return fail(ErrorKind::interrupted, "listen to the file: stopped");
    TRY_ASSIGN(auto block, reader.next());
    if (!block) return {};
    if (first) builder.set_sound_start((block->start - start).seconds());
    first = false;
    builder.add_sound(block->samples, block->channels, block->sample_rate);
  }
}

}  // namespace

Result<StillPicture> still_at(const Path& file, double time_s) {
  TRY_ASSIGN(const MediaFacts facts, probe(file));
  if (!facts.video)
    return fail(ErrorKind::unsupported, fmt::format("look at {}: it has no picture", file.string()));
  VideoReaderOptions reading;
  if (!measured_as_decoded(*facts.video)) {
    reading.width = std::min(kPrintWidth, facts.video->width);
    reading.format = "yuv420p";
  }
  TRY_ASSIGN(auto reader, VideoReader::open(file, reading));
  TRY(reader.seek(facts.video->start.value_or(Time{}) + Time::from_seconds(time_s)));
  TRY_ASSIGN(auto frame, reader.next());
  if (!frame)
    return fail(ErrorKind::invalid_input,
                fmt::format("look at {}: no picture at {:.2f} s", file.string(), time_s));
  FingerprintBuilder builder;
  builder.add(planes_of(frame->picture, facts.video->rotation), time_s);
  return builder.last_picture(time_s);
}

Result<FingerprintedFile> fingerprint(const Path& file, const FingerprintOptions& options, const Job& job) {
  TRY_ASSIGN(const MediaFacts facts, probe(file));
  if (!facts.video)
    return fail(ErrorKind::unsupported, fmt::format("judge {}: it has no picture", file.string()),
                "give a video file");
  VideoReaderOptions reading;
  if (!measured_as_decoded(*facts.video)) {
    reading.width = std::min(kPrintWidth, facts.video->width);
    reading.format = "yuv420p";
  }
  TRY_ASSIGN(auto reader, VideoReader::open(file, reading));

  Time start = facts.video->start.value_or(Time{});
  // Sound that really starts earlier moves the clock; the priming samples of a codec do not.
  if (facts.audio && facts.audio->start && *facts.audio->start < start - Time::from_seconds(0.1))
    start = *facts.audio->start;

  FingerprintBuilder sound;
  std::optional<Error> sound_error;
  std::jthread listener;
  if (options.sound && facts.audio)
    listener = std::jthread([&] {
      if (auto heard = read_sound(file, start, sound, job); !heard) sound_error = heard.error();
    });

  FingerprintedFile out;
  FingerprintBuilder pictures;
  std::size_t asked = 0;
  Time end;
  for (;;) {
    if (job.cancelled()) {
      if (listener.joinable()) listener.join();
      return fail(ErrorKind::interrupted, fmt::format("measure {}: stopped", file.string()));
    }
    auto next = reader.next();
    if (!next) {
      if (listener.joinable()) listener.join();
      return std::unexpected(next.error());
    }
    if (!*next) break;
    const VideoFrame& frame = **next;
    const double t = (frame.pts - start).seconds();
    end = frame.pts + frame.duration - start;
    // Decoding to another size also turns the picture's sides only with packed formats, so we turn it.
    pictures.add(planes_of(frame.picture, facts.video->rotation), t);
    const double shown_until = end.seconds() - 1e-6;
    while (asked < options.stills_at_s.size() && options.stills_at_s[asked] < shown_until) {
      out.stills.push_back(pictures.last_picture(options.stills_at_s[asked]));
      ++asked;
    }
  }
  if (listener.joinable()) listener.join();
  if (sound_error && sound_error->kind == ErrorKind::interrupted) return std::unexpected(*sound_error);

  out.print = pictures.finish(end.seconds());
  if (out.print.frames.empty())
    return fail(ErrorKind::invalid_input, fmt::format("judge {}: no picture could be decoded", file.string()),
                "check that the file is whole");
  Fingerprint heard = sound.finish(0);
  out.print.has_audio = heard.has_audio;
  out.print.sound = std::move(heard.sound);
  out.print.width = facts.video->width;
  out.print.height = facts.video->height;
  return out;
}

}  // namespace studio
