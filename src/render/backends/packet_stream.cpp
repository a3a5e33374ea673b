// Reading packets of one stream; the other streams are skipped, not read.
#include "render/backends/packet_stream.h"

#include <fmt/format.h>

namespace studio {

Result<PacketStream> PacketStream::open(const Path& path, AVMediaType kind) {
  TRY_ASSIGN(auto demuxer, ffmpeg::Demuxer::open(path));
  const MediaFacts& facts = demuxer.facts();
  const int index = kind == AVMEDIA_TYPE_VIDEO ? (facts.video ? facts.video->index : -1)
                                               : (facts.audio ? facts.audio->index : -1);
  if (index < 0)
    return fail(ErrorKind::unsupported, fmt::format("read packets of {}: it has no {}", path.string(),
                                                    kind == AVMEDIA_TYPE_VIDEO ? "picture" : "sound"));
  demuxer.select(index);
  PacketStream stream(std::move(demuxer), index);
  if (!stream.parameters_) return fail(ErrorKind::internal, "read packets: out of memory");
  return stream;
}

PacketStream::PacketStream(ffmpeg::Demuxer demuxer, int index)
    : demuxer_(std::move(demuxer)), index_(index), parameters_(avcodec_parameters_alloc()) {
  if (parameters_) avcodec_parameters_copy(parameters_.get(), demuxer_.stream(index)->codecpar);
}

Result<ffmpeg::Owned<AVPacket>> PacketStream::next() {
  auto packet = ffmpeg::make_packet();
  while (true) {
    const int code = av_read_frame(demuxer_.context(), packet.get());
    if (code == AVERROR_EOF) return ffmpeg::Owned<AVPacket>{};
    if (code < 0) return ffmpeg::fail_with(code, fmt::format("read packets of {}", demuxer_.path().string()));
    if (packet->stream_index == index_) return packet;
    av_packet_unref(packet.get());
  }
}

Result<void> PacketStream::seek_before(Time t) {
  if (t <= Time{} || !demuxer_.seek(index_, t)) {
    TRY(demuxer_.rewind());
    demuxer_.select(index_);
  }
  return {};
}

}  // namespace studio
