// Opened files whose packets are copied.
#include "render/backends/packet_files.h"

#include <fmt/format.h>

namespace studio::ffmpeg {

Result<Owned<AVFormatContext>> open_input(const Path& file) {
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  AVFormatContext* raw = nullptr;
  const int opened = avformat_open_input(&raw, ("file:" + file.string()).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) return fail_with(opened, fmt::format("open {}", file.string()));
  Owned<AVFormatContext> input(raw);
  if (const int code = avformat_find_stream_info(input.get(), nullptr); code < 0)
    return fail_with(code, fmt::format("read the streams of {}", file.string()));
  return input;
}

Result<Muxer> open_output(const Path& file) {
  AVFormatContext* raw = nullptr;
  if (const int code = avformat_alloc_output_context2(&raw, nullptr, nullptr, file.c_str()); code < 0)
    return fail(ErrorKind::unsupported,
                fmt::format("write {}: no container has this extension", file.string()),
                "name the output .mp4, .mov or .mkv");
  Muxer muxer(raw);
  if (const int code = avio_open(&raw->pb, ("file:" + file.string()).c_str(), AVIO_FLAG_WRITE); code < 0)
    return fail_with(code, fmt::format("write {}", file.string()));
  return muxer;
}

Result<void> finish(AVFormatContext& muxer) {
  if (const int code = av_write_trailer(&muxer); code < 0) return fail_with(code, "finish the file");
  avio_flush(muxer.pb);
  if (muxer.pb->error < 0) return fail_with(muxer.pb->error, "finish the file");
  return {};
}

}  // namespace studio::ffmpeg
