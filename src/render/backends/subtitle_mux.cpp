// Copies a file and puts a text stream beside its picture and sound.
#include "render/subtitle_mux.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "render/backends/packet_files.h"

namespace studio {
namespace {

constexpr AVRational kMillis = {1, 1000};

struct Shown {
  std::int64_t start = 0, end = 0;  // ms
  std::string text;                 // empty between cues
};

// One text at a time: where cues overlap their lines stand together, where none is there is nothing.
std::vector<Shown> one_at_a_time(const std::vector<Cue>& cues) {
  std::set<std::int64_t> edges;
  auto ms = [](Time t) { return t.to_ticks({1, 1000}); };
  for (const Cue& cue : cues) {
    edges.insert(ms(cue.range.start));
    edges.insert(ms(cue.range.end()));
  }
  std::vector<Shown> shown;
  std::size_t first = 0;
  for (auto edge = edges.begin(); edge != edges.end() && std::next(edge) != edges.end(); ++edge) {
    Shown part{*edge, *std::next(edge), {}};
    while (first < cues.size() && ms(cues[first].range.end()) <= part.start) ++first;
    for (std::size_t i = first; i < cues.size() && ms(cues[i].range.start) < part.end; ++i)
      if (ms(cues[i].range.end()) > part.start) part.text += (part.text.empty() ? "" : "\n") + cues[i].text;
    shown.push_back(std::move(part));
  }
  return shown;
}

// The sample description of 3GPP timed text (3GPP TS 26.245, 5.16): white 18 point text, centred at
// the bottom, no background.
std::vector<std::uint8_t> timed_text_header() {
  return {0,   0,    0,   0,                       // display flags
          1,   0xff,                               // justified to the middle, at the bottom
          0,   0,    0,   0,                       // background
          0,   0,    0,   0,   0,   0,   0,   0,   // box: all of the track
          0,   0,    0,   0,   0,   1,   0,   18,  // style: characters, font 1, plain, size
          255, 255,  255, 255,                     // white
          0,   0,    0,   18,  'f', 't', 'a', 'b', 0, 1, 0, 1, 5, 'S', 'e', 'r', 'i', 'f'};
}

AVCodecID text_codec_of(const AVOutputFormat& format) {
  const std::string name = format.name;
  if (name == "mp4" || name == "mov") return AV_CODEC_ID_MOV_TEXT;
  if (name == "matroska") return AV_CODEC_ID_SUBRIP;
  return name == "webm" ? AV_CODEC_ID_WEBVTT : AV_CODEC_ID_NONE;
}

std::vector<std::uint8_t> sample_of(const std::string& text, AVCodecID codec) {
  std::vector<std::uint8_t> sample;
  if (codec == AV_CODEC_ID_MOV_TEXT) {
    const std::size_t size = std::min<std::size_t>(text.size(), 65535);
    sample = {static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  }
  sample.insert(sample.end(), text.begin(), text.end());
  return sample;
}

Result<AVStream*> copy_stream(AVFormatContext* to, const AVStream& from) {
  AVStream* stream = avformat_new_stream(to, nullptr);
  if (!stream || avcodec_parameters_copy(stream->codecpar, from.codecpar) < 0)
    return fail(ErrorKind::internal, "add subtitles: out of memory");
  const AVOutputFormat& format = *to->oformat;
  // A tag like hvc1 says how the samples are written: kept where the container knows it.
  if (format.codec_tag &&
      av_codec_get_id(format.codec_tag, from.codecpar->codec_tag) != from.codecpar->codec_id)
    stream->codecpar->codec_tag = 0;
  stream->time_base = from.time_base;
  stream->avg_frame_rate = from.avg_frame_rate;
  stream->disposition = from.disposition;
  return stream;
}

Result<AVStream*> add_text_stream(AVFormatContext* to, AVCodecID codec) {
  AVStream* stream = avformat_new_stream(to, nullptr);
  if (!stream) return fail(ErrorKind::internal, "add subtitles: out of memory");
  stream->codecpar->codec_type = AVMEDIA_TYPE_SUBTITLE;
  stream->codecpar->codec_id = codec;
  stream->time_base = kMillis;
  if (codec == AV_CODEC_ID_MOV_TEXT) {
    const auto header = timed_text_header();
    stream->codecpar->extradata =
        static_cast<std::uint8_t*>(av_mallocz(header.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    if (!stream->codecpar->extradata) return fail(ErrorKind::internal, "add subtitles: out of memory");
    std::ranges::copy(header, stream->codecpar->extradata);
    stream->codecpar->extradata_size = static_cast<int>(header.size());
  }
  return stream;
}

Result<void> write_text(AVFormatContext* muxer, const AVStream& stream, const Shown& part) {
  const AVCodecID codec = stream.codecpar->codec_id;
  // mov_text samples last until the next one, so emptiness has to be written too.
  if (part.text.empty() && codec != AV_CODEC_ID_MOV_TEXT) return {};
  const auto sample = sample_of(part.text, codec);
  auto packet = ffmpeg::make_packet();
  if (av_new_packet(packet.get(), static_cast<int>(sample.size())) < 0)
    return fail(ErrorKind::internal, "add subtitles: out of memory");
  std::ranges::copy(sample, packet->data);
  packet->stream_index = stream.index;
  packet->pts = packet->dts = part.start;
  packet->duration = part.end - part.start;
  packet->flags |= AV_PKT_FLAG_KEY;
  av_packet_rescale_ts(packet.get(), kMillis, stream.time_base);
  if (const int code = av_interleaved_write_frame(muxer, packet.get()); code < 0)
    return ffmpeg::fail_with(code, "add subtitles");
  return {};
}

Result<void> copy_with_text(const Path& from, const Path& to, const std::vector<Cue>& cues) {
  TRY_ASSIGN(const auto input, ffmpeg::open_input(from));
  TRY_ASSIGN(const auto output, ffmpeg::open_output(to));
  const AVCodecID codec = text_codec_of(*output->oformat);
  if (codec == AV_CODEC_ID_NONE)
    return fail(ErrorKind::unsupported,
                fmt::format("keep subtitles as a stream: {} files hold none", output->oformat->name),
                "name the output .mp4, .mov, .mkv or .webm, or burn the subtitles in");
  std::vector<AVStream*> streams;
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    TRY_ASSIGN(AVStream * stream, copy_stream(output.get(), *input->streams[i]));
    streams.push_back(stream);
  }
  TRY_ASSIGN(AVStream * text, add_text_stream(output.get(), codec));
  av_dict_copy(&output->metadata, input->metadata, 0);
  AVDictionary* options = nullptr;
  if (codec == AV_CODEC_ID_MOV_TEXT) av_dict_set(&options, "movflags", "+faststart", 0);
  const int begun = avformat_write_header(output.get(), &options);
  av_dict_free(&options);
  if (begun < 0) return ffmpeg::fail_with(begun, fmt::format("write {}", to.string()));

  const std::vector<Shown> parts = one_at_a_time(cues);
  std::size_t next_part = 0;
  auto packet = ffmpeg::make_packet();
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    const auto index = static_cast<std::size_t>(packet->stream_index);
    if (index >= streams.size()) {
      av_packet_unref(packet.get());
      continue;
    }
    const AVRational from_base = input->streams[index]->time_base;
    const std::int64_t now =
        packet->dts == AV_NOPTS_VALUE ? 0 : av_rescale_q(packet->dts, from_base, kMillis);
    while (next_part < parts.size() && parts[next_part].start <= now)
      TRY(write_text(output.get(), *text, parts[next_part++]));
    av_packet_rescale_ts(packet.get(), from_base, streams[index]->time_base);
    packet->pos = -1;
    if (const int code = av_interleaved_write_frame(output.get(), packet.get()); code < 0)
      return ffmpeg::fail_with(code, fmt::format("write {}", to.string()));
  }
  while (next_part < parts.size()) TRY(write_text(output.get(), *text, parts[next_part++]));
  return ffmpeg::finish(*output);
}

}  // namespace

Result<void> mux_subtitles(const Path& file, const std::vector<Cue>& cues) {
  if (cues.empty()) return {};
  TRY_ASSIGN(auto pending, PendingFile::create(file));
  TRY(copy_with_text(file, pending.temporary(), cues));
  return pending.commit();
}

}  // namespace studio
