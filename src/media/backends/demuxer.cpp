// Opening files, reading their facts, and the limits on what is opened at all.
#include "media/backends/demuxer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

extern "C" {
#include <libavutil/display.h>
#include <libavutil/timecode.h>
}

namespace studio::ffmpeg {
namespace {

constexpr std::string_view kBrokenHint =
    "the file is damaged or not media: play it elsewhere to check, or convert it again";

Result<void> check_regular_file(const Path& path) {
  std::error_code ec;
  const auto status = std::filesystem::status(path, ec);
  if (status.type() == std::filesystem::file_type::not_found)
    return fail(ErrorKind::not_found, fmt::format("open {}: no such file", path.string()),
                "check the spelling of the path");
  if (ec) return fail(ErrorKind::io, fmt::format("open {}: {}", path.string(), ec.message()));
  if (std::filesystem::is_directory(status))
    return fail(ErrorKind::invalid_input, fmt::format("open {}: it is a folder", path.string()),
                "give a media file");
  if (!std::filesystem::is_regular_file(status))
    return fail(ErrorKind::invalid_input, fmt::format("open {}: it is not a regular file", path.string()),
                "give a media file on disk");
  if (std::filesystem::file_size(path, ec) == 0 && !ec)
    return fail(ErrorKind::invalid_input, fmt::format("open {}: the file is empty", path.string()),
                "give a file that holds media");
  return {};
}

bool is_text_art(const AVInputFormat* format) {
  // These take any text file for a picture.
  constexpr std::array<std::string_view, 5> kinds{"tty", "bin", "xbin", "adf", "idf"};
  return std::ranges::find(kinds, std::string_view(format->name)) != kinds.end();
}

Result<void> check_picture_size(const Path& path, int width, int height) {
  if (width > kMaxPictureSide || height > kMaxPictureSide ||
      static_cast<std::int64_t>(width) * height > kMaxPictureArea)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("open {}: the picture is {}x{}, the limit is {} on a side and {} pixels in all",
                            path.string(), width, height, kMaxPictureSide, kMaxPictureArea),
                "scale the file down first");
  return {};
}

int rotation_of(const AVStream* stream) {
  const std::int32_t* matrix = nullptr;
#if LIBAVCODEC_VERSION_MAJOR >= 61
  const AVPacketSideData* side = av_packet_side_data_get(
      stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  if (side != nullptr && side->size >= 9 * sizeof(std::int32_t))
    matrix = reinterpret_cast<const std::int32_t*>(side->data);
#else
  std::size_t size = 0;
  const std::uint8_t* data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (data != nullptr && size >= 9 * sizeof(std::int32_t))
    matrix = reinterpret_cast<const std::int32_t*>(data);
#endif
  if (matrix == nullptr) return 0;
  const double counterclockwise = av_display_rotation_get(matrix);
  if (std::isnan(counterclockwise)) return 0;
  const int clockwise = static_cast<int>(std::lround(-counterclockwise / 90.0)) * 90;
  return ((clockwise % 360) + 360) % 360;
}

// Matroska keeps milliseconds, so the average of a constant 30000/1001 comes out as 19001/634:
// the guessed rate is taken when it agrees with the average, the average when it does not
// (variable frame rate, where the guess is the finest grid that fits all times).
Rational frame_rate_of(AVFormatContext* context, AVStream* stream) {
  const Rational guess = rational(av_guess_frame_rate(context, stream, nullptr));
  const Rational average = rational(stream->avg_frame_rate);
  if (!guess.positive()) return average.positive() ? average : Rational{0, 1};
  if (!average.positive()) return guess;
  const double ratio = average.to_double() / guess.to_double();
  return ratio > 0.99 && ratio < 1.01 ? guess : average;
}

const char* tag(const AVDictionary* metadata, const char* key) {
  const AVDictionaryEntry* entry = av_dict_get(metadata, key, nullptr, 0);
  return entry == nullptr ? nullptr : entry->value;
}

std::optional<Time> timecode_of(const AVFormatContext* context, const AVStream* video, Rational rate) {
  const char* text = tag(video->metadata, "timecode");
  if (text == nullptr) text = tag(context->metadata, "timecode");
  for (unsigned i = 0; text == nullptr && i < context->nb_streams; ++i)
    text = tag(context->streams[i]->metadata, "timecode");
  if (text == nullptr || !rate.positive()) return std::nullopt;
  AVTimecode timecode{};
  if (av_timecode_init_from_string(&timecode, av_rational(rate), text, nullptr) < 0) return std::nullopt;
  return Time::frames(timecode.start, rate);
}

std::string name_or_empty(const char* name) {
  return name == nullptr || std::strcmp(name, "unknown") == 0 ? std::string{} : std::string{name};
}

VideoStream video_facts(AVFormatContext* context, AVStream* stream) {
  const AVCodecParameters* par = stream->codecpar;
  VideoStream video;
  video.index = stream->index;
  video.codec = avcodec_get_name(par->codec_id);
  const auto format = static_cast<AVPixelFormat>(par->format);
  video.pixel_format = name_or_empty(av_get_pix_fmt_name(format));
  if (const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(format)) {
    video.bit_depth = desc->comp[0].depth;
    video.has_alpha = (desc->flags & AV_PIX_FMT_FLAG_ALPHA) != 0 && format != AV_PIX_FMT_PAL8;
  }
  if (const char* alpha = tag(stream->metadata, "alpha_mode"); alpha != nullptr && alpha[0] == '1')
    video.has_alpha = true;
  video.coded_width = par->width;
  video.coded_height = par->height;
  const Rational aspect = rational(av_guess_sample_aspect_ratio(context, stream, nullptr));
  if (aspect.positive() && aspect.to_double() > 0.1 && aspect.to_double() < 10) video.sample_aspect = aspect;
  video.rotation = rotation_of(stream);
  // Pixel aspect widens (or narrows) the picture, lines are kept: what players do.
  video.width = std::max(1, static_cast<int>(std::lround(par->width * video.sample_aspect.to_double())));
  video.height = par->height;
  if (video.rotation % 180 == 90) std::swap(video.width, video.height);
  video.frame_rate = frame_rate_of(context, stream);
  video.time_base = rational(stream->time_base);
  video.start = time_of(stream->start_time, stream->time_base);
  if (stream->duration > 0) video.duration = time_of(stream->duration, stream->time_base);
  video.frames = std::max<std::int64_t>(0, stream->nb_frames);
  video.interlaced = par->field_order == AV_FIELD_TT || par->field_order == AV_FIELD_BB ||
                     par->field_order == AV_FIELD_TB || par->field_order == AV_FIELD_BT;
  video.attached_picture = (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
  video.hdr = par->color_trc == AVCOL_TRC_SMPTE2084 || par->color_trc == AVCOL_TRC_ARIB_STD_B67;
  video.color_range = name_or_empty(av_color_range_name(par->color_range));
  video.color_matrix = name_or_empty(av_color_space_name(par->color_space));
  video.color_transfer = name_or_empty(av_color_transfer_name(par->color_trc));
  video.color_primaries = name_or_empty(av_color_primaries_name(par->color_primaries));
  video.timecode = timecode_of(context, stream, video.frame_rate);
  return video;
}

AudioStream audio_facts(const AVStream* stream) {
  AudioStream audio;
  audio.index = stream->index;
  audio.codec = avcodec_get_name(stream->codecpar->codec_id);
  audio.sample_rate = stream->codecpar->sample_rate;
  audio.channels = stream->codecpar->ch_layout.nb_channels;
  audio.time_base = rational(stream->time_base);
  audio.start = time_of(stream->start_time, stream->time_base);
  if (stream->duration > 0) audio.duration = time_of(stream->duration, stream->time_base);
  return audio;
}

int best_moving_picture(AVFormatContext* context) {
  const int best = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (best >= 0 && (context->streams[best]->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0) return best;
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    const AVStream* stream = context->streams[i];
    if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
        (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0)
      return static_cast<int>(i);
  }
  return -1;
}

// AVI knows when a picture is decoded only; with reordered pictures it is shown later. The delay is
// not meant: frame n belongs to n / rate there.
Time decoding_delay(const AVFormatContext* context, const VideoStream& video) {
  const int delay = context->streams[video.index]->codecpar->video_delay;
  if (std::strcmp(context->iformat->name, "avi") != 0 || delay <= 0 || !video.frame_rate.positive())
    return Time{};
  return Time::frames(delay, video.frame_rate);
}

MediaFacts facts_of(AVFormatContext* context, const Path& path) {
  MediaFacts facts;
  facts.path = path;
  facts.format = context->iformat->name;
  facts.start = time_of(context->start_time, AV_TIME_BASE_Q);
  if (context->duration > 0) facts.duration = time_of(context->duration, AV_TIME_BASE_Q);
  if (const int index = best_moving_picture(context); index >= 0)
    facts.video = video_facts(context, context->streams[index]);
  const Time zero = facts.video ? facts.video->start.value_or(Time{}) : Time{};
  if (facts.video) {
    facts.video->origin = zero + decoding_delay(context, *facts.video);
    if (facts.video->start) facts.video->start = Time{};
  }
  if (facts.start) *facts.start -= zero;
  if (const int index = av_find_best_stream(context, AVMEDIA_TYPE_AUDIO, -1,
                                            facts.video ? facts.video->index : -1, nullptr, 0);
      index >= 0 && context->streams[index]->codecpar->sample_rate > 0)
    facts.audio = audio_facts(context->streams[index]);
  if (facts.audio) {
    facts.audio->origin = zero;
    if (facts.audio->start) *facts.audio->start -= zero;
  }
  for (unsigned i = 0; i < context->nb_streams; ++i)
    if (context->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE) ++facts.subtitle_streams;
  const char* reel = facts.video ? tag(context->streams[facts.video->index]->metadata, "reel_name") : nullptr;
  if (reel == nullptr) reel = tag(context->metadata, "reel_name");
  if (reel != nullptr) facts.reel = reel;
  return facts;
}

Result<Owned<AVFormatContext>> open_context(const Path& path) {
  keep_quiet();
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  AVFormatContext* raw = nullptr;
  const int opened = avformat_open_input(&raw, ("file:" + path.string()).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) return fail_with(opened, fmt::format("open {}", path.string()), std::string(kBrokenHint));
  Owned<AVFormatContext> context(raw);
  if (is_text_art(context->iformat))
    return fail(ErrorKind::invalid_input, fmt::format("open {}: it is a text file, not media", path.string()),
                "give a film, a sound or a picture");

  // The decoders that avformat opens to guess parameters get the limit too.
  std::vector<AVDictionary*> per_stream(context->nb_streams, nullptr);
  for (AVDictionary*& dictionary : per_stream) {
    av_dict_set_int(&dictionary, "max_pixels", kMaxPictureArea, 0);
    av_dict_set_int(&dictionary, "threads", 1, 0);
  }
  const int found =
      avformat_find_stream_info(context.get(), per_stream.empty() ? nullptr : per_stream.data());
  for (AVDictionary*& dictionary : per_stream) av_dict_free(&dictionary);
  if (found < 0)
    return fail_with(found, fmt::format("read the streams of {}", path.string()), std::string(kBrokenHint));
  return context;
}

}  // namespace

Result<Demuxer> Demuxer::open(const Path& path) {
  TRY(check_regular_file(path));
  TRY_ASSIGN(auto context, open_context(path));
  MediaFacts facts = facts_of(context.get(), path);
  if (!facts.video && !facts.audio)
    return fail(ErrorKind::invalid_input,
                fmt::format("open {}: it holds neither picture nor sound", path.string()),
                std::string(kBrokenHint));
  if (facts.video) {
    TRY(check_picture_size(path, facts.video->coded_width, facts.video->coded_height));
    if (facts.video->coded_width <= 0 || facts.video->coded_height <= 0)
      return fail(ErrorKind::invalid_input, fmt::format("open {}: its picture has no size", path.string()),
                  std::string(kBrokenHint));
  }
  Demuxer demuxer(std::move(context));
  demuxer.facts_ = std::move(facts);
  return demuxer;
}

void Demuxer::select(int index) {
  selected_ = index;
  for (unsigned i = 0; i < context_->nb_streams; ++i)
    context_->streams[i]->discard = static_cast<int>(i) == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

Time Demuxer::origin_of(int index) const {
  if (facts_.video && facts_.video->index == index) return facts_.video->origin;
  if (facts_.audio && facts_.audio->index == index) return facts_.audio->origin;
  return {};
}

int Demuxer::read(AVPacket& packet) const {
  const int code = av_read_frame(context_.get(), &packet);
  if (code < 0) return code;
  const Rational base = rational(stream(packet.stream_index)->time_base);
  const std::int64_t shift = origin_of(packet.stream_index).to_ticks(base);
  if (packet.pts != AV_NOPTS_VALUE) packet.pts -= shift;
  if (packet.dts != AV_NOPTS_VALUE) packet.dts -= shift;
  return code;
}

int Demuxer::read(AVPacket& packet, int index) const {
  int code = 0;
  do {
    av_packet_unref(&packet);
    code = read(packet);
  } while (code >= 0 && packet.stream_index != index);
  return code;
}

bool Demuxer::seek(int index, Time t) {
  const std::int64_t ts = (t + origin_of(index)).to_ticks(rational(stream(index)->time_base), Rounding::down);
  return av_seek_frame(context_.get(), index, ts, AVSEEK_FLAG_BACKWARD) >= 0;
}

Result<void> Demuxer::rewind() {
  TRY_ASSIGN(context_, open_context(facts_.path));
  if (selected_ >= 0) select(selected_);
  return {};
}

Result<Owned<AVCodecContext>> open_decoder(const Demuxer& demuxer, int index, int threads) {
  const AVStream* stream = demuxer.stream(index);
  const std::string what =
      fmt::format("decode {} ({})", demuxer.path().string(), avcodec_get_name(stream->codecpar->codec_id));
  const AVCodec* codec = avcodec_find_decoder(stream->codecpar->codec_id);
  if (codec == nullptr)
    return fail(ErrorKind::unsupported, fmt::format("{}: this FFmpeg has no decoder for it", what),
                "convert the file to H.264 and AAC first");
  Owned<AVCodecContext> context(avcodec_alloc_context3(codec));
  if (!context) return fail(ErrorKind::limit_exceeded, fmt::format("{}: out of memory", what));
  if (const int code = avcodec_parameters_to_context(context.get(), stream->codecpar); code < 0)
    return fail_with(code, what);
  context->pkt_timebase = stream->time_base;
  context->thread_count = threads;
  context->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
  context->max_pixels = kMaxPictureArea;
  if (const int code = avcodec_open2(context.get(), codec, nullptr); code < 0) return fail_with(code, what);
  return context;
}

}  // namespace studio::ffmpeg
