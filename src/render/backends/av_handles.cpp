// FFmpeg's inputs, outputs and errors in the terms of the house.
#include "render/backends/av_handles.h"

#include <cerrno>

#include <fmt/format.h>

namespace studio::av {

void CloseMuxer::operator()(AVFormatContext* muxer) const {
  if (muxer->pb && !(muxer->oformat->flags & AVFMT_NOFILE)) avio_closep(&muxer->pb);
  avformat_free_context(muxer);
}

std::string text_of(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  if (av_strerror(code, text, sizeof text) < 0) return fmt::format("FFmpeg error {}", code);
  return text;
}

std::unexpected<Error> fail_with(int code, const std::string& what, std::string hint) {
  ErrorKind kind = ErrorKind::invalid_input;
  if (code == AVERROR(ENOSPC) || code == AVERROR(EDQUOT)) {
    kind = ErrorKind::no_space;
    if (hint.empty()) hint = "free some disk space and run the command again";
  } else if (code == AVERROR(EACCES) || code == AVERROR(EPERM) || code == AVERROR(EROFS) ||
             code == AVERROR(EIO) || code == AVERROR(EFBIG)) {
    kind = ErrorKind::io;
  } else if (code == AVERROR(ENOENT)) {
    kind = ErrorKind::not_found;
  } else if (code == AVERROR(ENOMEM)) {
    kind = ErrorKind::limit_exceeded;
  }
  return fail(kind, fmt::format("{}: {}", what, text_of(code)), std::move(hint));
}

Owned<AVPacket> make_packet() {
  return Owned<AVPacket>(av_packet_alloc());
}

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

}  // namespace studio::av
