// Reading packets of one stream; the other streams are skipped, not read.
#include <algorithm>

#include "render/backends/packet_stream.h"

#include <fmt/format.h>

#include "media/probe.h"

namespace studio {

Result<PacketStream> PacketStream::open(const Path& path, AVMediaType kind) {
  TRY_ASSIGN(const MediaFacts facts, probe(path));
  const int index = kind == AVMEDIA_TYPE_VIDEO ? (facts.video ? facts.video->index : -1)
                                               : (facts.audio ? facts.audio->index : -1);
  if (index < 0)
    return fail(ErrorKind::unsupported, fmt::format("read packets of {}: it has no {}", path.string(),
                                                    kind == AVMEDIA_TYPE_VIDEO ? "picture" : "sound"));
  PacketStream stream(path, index, kind == AVMEDIA_TYPE_VIDEO ? facts.video->origin : facts.audio->origin);
  TRY(stream.open_again());
  stream.parameters_.reset(avcodec_parameters_alloc());
  if (!stream.parameters_ ||
      avcodec_parameters_copy(stream.parameters_.get(), stream.input_->streams[index]->codecpar) < 0)
    return fail(ErrorKind::limit_exceeded, "read packets: out of memory");
  return stream;
}

Result<void> PacketStream::set_extradata(const std::vector<std::uint8_t>& header) {
  AVCodecParameters& p = *parameters_;
  av_freep(&p.extradata);
  p.extradata_size = 0;
  p.extradata = static_cast<std::uint8_t*>(av_mallocz(header.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (!p.extradata) return fail(ErrorKind::limit_exceeded, "read packets: out of memory");
  std::copy(header.begin(), header.end(), p.extradata);
  p.extradata_size = static_cast<int>(header.size());
  return {};
}

Result<void> PacketStream::open_again() {
  TRY_ASSIGN(input_, ffmpeg::open_input(path_));
  if (index_ >= static_cast<int>(input_->nb_streams))
    return fail(ErrorKind::io, fmt::format("read packets of {}: the file has changed", path_.string()));
  for (unsigned i = 0; i < input_->nb_streams; ++i)
    input_->streams[i]->discard = static_cast<int>(i) == index_ ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  return {};
}

Result<ffmpeg::Owned<AVPacket>> PacketStream::next() {
  auto packet = ffmpeg::make_packet();
  if (!packet) return fail(ErrorKind::limit_exceeded, "read packets: out of memory");
  while (true) {
    const int code = av_read_frame(input_.get(), packet.get());
    if (code == AVERROR_EOF) return ffmpeg::Owned<AVPacket>{};
    if (code < 0) return ffmpeg::fail_with(code, fmt::format("read packets of {}", path_.string()));
    if (packet->stream_index == index_) {
      const std::int64_t shift = origin_.to_ticks(time_base());
      if (packet->pts != AV_NOPTS_VALUE) packet->pts -= shift;
      if (packet->dts != AV_NOPTS_VALUE) packet->dts -= shift;
      return packet;
    }
    av_packet_unref(packet.get());
  }
}

Result<void> PacketStream::seek_before(Time t) {
  const std::int64_t ticks = (t + origin_).to_ticks(time_base(), Rounding::down);
  if (t > Time{} && av_seek_frame(input_.get(), index_, ticks, AVSEEK_FLAG_BACKWARD) >= 0) return {};
  return open_again();
}

}  // namespace studio
