// Copying groups of pictures and encoding the broken ones, as one stream in decoding order.
#include "render/backends/picture_joiner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace studio {
namespace {

// Pictures that wait for one shown before them: no codec reorders by more than 16.
constexpr std::size_t kLargestGroup = 64;

// Groups of pictures longer than this are rare; that many frames without one mean open groups, and
// encoding them all is what full rendering does better.
constexpr std::int64_t kLongestEdge = 600;

std::unexpected<Error> no(std::string why) {
  return fail(ErrorKind::unsupported, "copy packets: " + std::move(why), "render it in full");
}

ByteView bytes_of(const AVPacket& packet) {
  return {packet.data, static_cast<std::size_t>(packet.size)};
}

std::vector<ByteView> views_of(const ParameterSets& sets) {
  std::vector<ByteView> units;
  for (const auto* list : {&sets.vps, &sets.sps, &sets.pps})
    for (const Bytes& unit : *list) units.emplace_back(unit);
  return units;
}

void unite(std::vector<Bytes>& all, const std::vector<Bytes>& more) {
  for (const Bytes& unit : more)
    if (std::ranges::find(all, unit) == all.end()) all.push_back(unit);
}

bool ids_differ(const std::vector<Bytes>& units, int (*id_of)(ByteView)) {
  std::set<int> ids;
  return std::ranges::all_of(units, [&](const Bytes& unit) { return ids.insert(id_of(unit)).second; });
}

bool has_start_code(ByteView bytes, std::uint8_t first, std::uint8_t last) {
  for (std::size_t i = 0; i + 3 < bytes.size(); ++i)
    if (bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 1 && bytes[i + 3] >= first &&
        bytes[i + 3] <= last)
      return true;
  return false;
}

// AV1 5.3: units with a type and, in the files that are read here, a size each.
bool has_sequence_header_obu(ByteView bytes) {
  constexpr int kSequenceHeader = 1;
  while (!bytes.empty()) {
    const int type = bytes[0] >> 3 & 15;
    const bool extended = bytes[0] & 4, sized = bytes[0] & 2;
    if (type == kSequenceHeader) return true;
    std::size_t at = extended ? 2 : 1, size = 0;
    for (int shift = 0; sized && at < bytes.size() && shift < 56; shift += 7) {
      size |= static_cast<std::size_t>(bytes[at] & 127) << shift;
      if ((bytes[at++] & 128) == 0) break;
    }
    if (!sized || size >= bytes.size() - std::min(at, bytes.size())) return false;
    bytes = bytes.subspan(at + size);
  }
  return false;
}

// Frames encoded at a cut change the stream's headers; where copying begins again the source's own
// have to stand. MPEG-2 (ISO 13818-2, 6.2.2): sequence header; MPEG-4 (ISO 14496-2, 6.2.3): video
// object layer; AV1: sequence header. VP8 and VP9 key frames tell everything themselves.
bool carries_header(AVCodecID codec, ByteView key_frame) {
  switch (codec) {
    case AV_CODEC_ID_MPEG2VIDEO: return has_start_code(key_frame, 0xb3, 0xb3);
    case AV_CODEC_ID_MPEG4: return has_start_code(key_frame, 0x20, 0x2f);
    case AV_CODEC_ID_AV1: return has_sequence_header_obu(key_frame);
    default: return true;
  }
}

// As it stands before a key frame: from the container's header (av1C has 4 bytes of its own).
Bytes stream_header(const AVCodecParameters& p) {
  const int skip = p.codec_id == AV_CODEC_ID_AV1 ? 4 : 0;
  if (p.extradata_size <= skip) return {};
  return {p.extradata + skip, p.extradata + p.extradata_size};
}

int free_sps_id(const ParameterSets& sets) {
  std::set<int> used;
  for (const Bytes& unit : sets.sps) used.insert(sps_id_of(unit));
  for (const Bytes& unit : sets.pps) used.insert(pps_id_of(unit));
  for (int id = 1; id < 32; ++id)
    if (!used.contains(id)) return id;
  return -1;
}

}  // namespace

Result<PictureJoiner> PictureJoiner::create(const SmartCutPlan& plan) {
  PictureJoiner joiner;
  joiner.plan_ = plan;
  for (const MediaFacts& facts : plan.sources) {
    TRY_ASSIGN(auto stream, PacketStream::open(facts.path, AVMEDIA_TYPE_VIDEO));
    Source source;
    source.stream = std::make_unique<PacketStream>(std::move(stream));
    source.start = facts.video->start.value_or(Time{});
    joiner.sources_.push_back(std::move(source));
  }
  const AVCodecParameters& first = joiner.parameters();
  joiner.nal_ = nal_codec_of(first.codec_id);
  joiner.can_encode_ = can_encode_edges(first.codec_id);
  int reorder = 0;
  for (Source& source : joiner.sources_) {
    const AVCodecParameters& p = source.stream->parameters();
    reorder = std::max(reorder, p.video_delay);
    if (p.width != first.width || p.height != first.height || p.format != first.format ||
        p.profile != first.profile)
      return no("its sources are coded differently");
    if (!joiner.nal_) continue;
    auto sets = read_parameter_sets(*joiner.nal_, {p.extradata, static_cast<std::size_t>(p.extradata_size)});
    if (!sets) return no(sets.error().message);
    source.sets = std::move(*sets);
  }
  joiner.edge_.like = &first;
  joiner.edge_.frame_rate = plan.frame_rate;
  joiner.edge_.reorder = reorder;
  TRY(joiner.choose_parameter_sets());
  for (int i = -reorder; i < 0; ++i) joiner.decode_times_.push_back(i);
  return joiner;
}

// H.264: source and edges take different ids, so all their sets stand in the header side by side
// and the stream stays plain "avc1". HEVC encoders cannot choose their ids, and two sources may
// use the same id for different sets: then the sets stand in the stream wherever they change.
Result<void> PictureJoiner::choose_parameter_sets() {
  const AVCodecParameters& first = parameters();
  extradata_.assign(first.extradata, first.extradata + first.extradata_size);
  if (!nal_) return {};
  sets_in_stream_ = true;
  if (*nal_ == NalCodec::hevc) return {};
  ParameterSets all;
  for (const Source& source : sources_) {
    unite(all.sps, source.sets.sps);
    unite(all.pps, source.sets.pps);
  }
  sets_in_stream_ = !ids_differ(all.sps, sps_id_of) || !ids_differ(all.pps, pps_id_of);
  const ParameterSets& header = sets_in_stream_ ? sources_.front().sets : all;
  ParameterSets listed = header;
  const int id = free_sps_id(all);
  if (id < 0) return no("its stream uses every parameter set id");
  edge_.sps_id = id;
  if (!sets_in_stream_)
    if (auto encoder = EdgeEncoder::create(edge_)) {
      unite(listed.sps, encoder->parameter_sets().sps);
      unite(listed.pps, encoder->parameter_sets().pps);
    }
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(first.format));
  if (!format) return no("its pixel format is not known");
  const int chroma = format->nb_components < 3    ? 0
                     : format->log2_chroma_w == 0 ? 3
                     : format->log2_chroma_h == 0 ? 2
                                                  : 1;
  extradata_ = make_avcc(listed.sps, listed.pps, chroma, format->comp[0].depth);
  return {};
}

Result<TimedPicture*> PictureJoiner::peek() {
  while (ready_.empty()) {
    if (piece_ == plan_.pieces.size()) return nullptr;
    TRY(step());
  }
  return &ready_.front();
}

Result<void> PictureJoiner::step() {
  switch (phase_) {
    case Phase::begin: return begin_piece();
    case Phase::head:
    case Phase::tail: return encode_one();
    case Phase::copy: return copy_one();
  }
  return {};
}

// Looks for the first picture at or after the cut that a decoder can start at.
Result<void> PictureJoiner::begin_piece() {
  group_.clear();
  group_first_ = piece().output_first;
  first_copied_.reset();
  stream_ended_ = false;
  const Time back = Time::frames(edge_.reorder + 2, plan_.frame_rate);
  TRY(source().stream->seek_before(source().start + Time::frames(piece().first, plan_.frame_rate) - back));
  while (true) {
    TRY_ASSIGN(auto read, read_packet());
    if (!read) break;
    const bool start = read->access != RandomAccess::none && read->frame >= piece().first;
    if (read->frame >= piece().end) break;
    if (!start) continue;
    first_copied_ = std::move(read);
    break;
  }
  copied_from_ = copied_to_ = first_copied_ ? first_copied_->frame : piece().end;
  if (!first_copied_ && !can_encode_) return no("its key frames are not where it is cut");
  if (copied_from_ > piece().first) return start_encoding(piece().first, copied_from_, Phase::head);
  phase_ = Phase::copy;
  return {};
}

Result<void> PictureJoiner::start_encoding(std::int64_t from, std::int64_t to, Phase phase) {
  if (!can_encode_) return no("its key frames are not where it is cut");
  if (to - from > kLongestEdge)
    return no(fmt::format("for {} frames there is no closed group of pictures to start at", to - from));
  phase_ = phase;
  encode_next_ = from;
  encode_end_ = to;
  if (!source().reader) {
    TRY_ASSIGN(auto reader, VideoReader::open(plan_.sources[piece().source].path));
    source().reader = std::make_unique<VideoReader>(std::move(reader));
  }
  TRY(source().reader->seek(source().start + Time::frames(from, plan_.frame_rate)));
  TRY_ASSIGN(auto encoder, EdgeEncoder::create(edge_));
  encoder_name_ = encoder.name();
  encoder_ = std::move(encoder);
  return {};
}

Result<void> PictureJoiner::encode_one() {
  TRY_ASSIGN(auto picture, source().reader->next());
  if (!picture) return no("a source ends before its clip does");
  const std::int64_t frame = (picture->pts - source().start).to_frames(plan_.frame_rate);
  if (frame != encode_next_) return no("its frame rate varies");
  const std::int64_t shown = piece().output_first + frame - piece().first;
  TRY_ASSIGN(auto coded, encoder_->add(picture->frame, shown));
  ++encoded_;
  TRY(take(std::move(coded)));
  if (++encode_next_ < encode_end_) return {};
  TRY_ASSIGN(auto last, encoder_->finish());
  TRY(take(std::move(last)));
  encoder_.reset();
  if (!group_.empty()) return fail(ErrorKind::internal, "copy packets: the encoder lost a frame");
  if (phase_ == Phase::head && first_copied_) {
    phase_ = Phase::copy;
  } else {
    ++piece_;
    phase_ = Phase::begin;
  }
  return {};
}

Result<void> PictureJoiner::take(std::vector<CodedPicture> pictures) {
  for (CodedPicture& picture : pictures) {
    add(std::move(picture), encoder_->parameter_sets());
    TRY(close_group());
  }
  return {};
}

// Copies one packet. What is kept has to be the start of the decoding order, for later packets
// may need earlier ones, and has to leave no hole in what is shown: so packets wait in the group
// until all that are shown before them have come, and those waiting at the cut are dropped.
Result<void> PictureJoiner::copy_one() {
  std::optional<Read> read;
  if (first_copied_ && first_copied_->packet) {
    read = std::move(first_copied_);
    first_copied_.emplace();
  } else {
    TRY_ASSIGN(read, read_packet());
  }
  if (!read || read->frame >= piece().end) {
    group_.clear();
    if (copied_to_ < piece().end) return start_encoding(copied_to_, piece().end, Phase::tail);
    ++piece_;
    phase_ = Phase::begin;
    return {};
  }
  // Leading pictures of an open group look back to what is not there any more; they were encoded.
  if (read->frame < copied_from_) return {};
  if (!can_encode_ && read->access == RandomAccess::none) return no("its key frames are not where it is cut");
  CodedPicture picture;
  picture.frame = piece().output_first + read->frame - piece().first;
  picture.key = read->access != RandomAccess::none;
  const ByteView bytes = bytes_of(*read->packet);
  if (!nal_) {
    const AVCodecParameters& p = source().stream->parameters();
    if (picture.key && !carries_header(p.codec_id, bytes)) picture.data = stream_header(p);
    picture.data.insert(picture.data.end(), bytes.begin(), bytes.end());
  } else if (source().sets.length_size == 4) {
    picture.data.assign(bytes.begin(), bytes.end());
  } else {
    picture.data = join_units(split_packet(bytes, source().sets.length_size));
  }
  if (read->access == RandomAccess::open && read->frame == copied_from_) make_broken_link(picture.data);
  add(std::move(picture), source().sets);
  TRY(close_group());
  if (group_.empty()) copied_to_ = piece().first + group_first_ - piece().output_first;
  return {};
}

Result<std::optional<PictureJoiner::Read>> PictureJoiner::read_packet() {
  TRY_ASSIGN(auto packet, source().stream->next());
  if (!packet) return std::nullopt;
  if (packet->pts == AV_NOPTS_VALUE) return no("its packets carry no times");
  Read read;
  const Time time = Time::ticks(packet->pts, source().stream->time_base()) - source().start;
  read.frame = time.to_frames(plan_.frame_rate);
  const double off = std::abs((time - Time::frames(read.frame, plan_.frame_rate)).seconds());
  if (off * plan_.frame_rate.to_double() > 0.25) return no("its frame rate varies");
  if (!nal_) {
    read.access = packet->flags & AV_PKT_FLAG_KEY ? RandomAccess::closed : RandomAccess::none;
  } else if (packet->flags & AV_PKT_FLAG_KEY) {
    read.access = random_access_of(*nal_, split_packet(bytes_of(*packet), source().sets.length_size));
  }
  read.packet = std::move(packet);
  return read;
}

void PictureJoiner::add(CodedPicture picture, const ParameterSets& sets) {
  if (sets_in_stream_ && picture.key && sets_now_ != sets) {
    Bytes with_sets = join_units(views_of(sets));
    with_sets.insert(with_sets.end(), picture.data.begin(), picture.data.end());
    picture.data = std::move(with_sets);
    sets_now_ = sets;
  }
  group_last_ = group_.empty() ? picture.frame : std::max(group_last_, picture.frame);
  group_.push_back({std::move(picture.data), picture.frame, 0, picture.key});
}

// When the group has no hole its times are known, and with them the decoding times: the shown
// times in order, `reorder` frames earlier, as all muxers count them.
Result<void> PictureJoiner::close_group() {
  if (group_.size() > kLargestGroup) return no("its frame rate varies");
  if (group_last_ - group_first_ + 1 != static_cast<std::int64_t>(group_.size())) return {};
  for (std::int64_t t = group_first_; t <= group_last_; ++t) decode_times_.push_back(t);
  for (TimedPicture& picture : group_) {
    picture.decoded = decode_times_.front();
    decode_times_.pop_front();
    if (picture.decoded > picture.shown) return no("its pictures are reordered by more than its header says");
    ready_.push_back(std::move(picture));
  }
  group_first_ = group_last_ + 1;
  group_.clear();
  return {};
}

}  // namespace studio
