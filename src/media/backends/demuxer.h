// An opened media file: packets of chosen streams, and the facts of its header.
#pragma once

#include "base/files.h"
#include "media/backends/ffmpeg.h"
#include "media/probe.h"

namespace studio::ffmpeg {

class Demuxer {
 public:
  // Opens a regular file only. Names are never taken as URLs, and playlists cannot reach
  // beyond local files.
  static Result<Demuxer> open(const Path& path);

  const MediaFacts& facts() const { return facts_; }
  const Path& path() const { return facts_.path; }
  AVFormatContext* context() const { return context_.get(); }
  AVStream* stream(int index) const { return context_->streams[index]; }

  // Only packets of this stream are read from now on.
  void select(int index);
  // The next packet, its times counted from the stream's origin; FFmpeg's error code at the end.
  int read(AVPacket& packet) const;
  // The next one of stream `index`.
  int read(AVPacket& packet, int index) const;
  // Seeks to a keyframe at or before `t` of stream `index`; false when the format cannot.
  bool seek(int index, Time t);
  // Back to the very beginning, by opening the file again if nothing else works.
  Result<void> rewind();

 private:
  explicit Demuxer(Owned<AVFormatContext> context) : context_(std::move(context)) {}
  Time origin_of(int index) const;
  Owned<AVFormatContext> context_;
  MediaFacts facts_;
  int selected_ = -1;
};

// A decoder for one stream, opened with the house's limits. threads 0: one per core.
Result<Owned<AVCodecContext>> open_decoder(const Demuxer& demuxer, int index, int threads);

}  // namespace studio::ffmpeg
