// Copying packets of sound, piece after piece.
#include "render/backends/sound_joiner.h"

#include <fmt/format.h>

#include <algorithm>

namespace studio {
namespace {

std::unexpected<Error> no(std::string why) {
  return fail(ErrorKind::unsupported, "copy packets of sound: " + std::move(why), "render it in full");
}

// Codecs whose packets stand alone, or nearly (AAC, MP2 and AC-3 overlap with one neighbour). MP3 packets
// borrow bits from earlier ones, Vorbis blocks change their length: not these.
bool cuts_at_packets(AVCodecID id) {
  return id == AV_CODEC_ID_AAC || id == AV_CODEC_ID_MP2 || id == AV_CODEC_ID_AC3 || id == AV_CODEC_ID_EAC3 ||
         id == AV_CODEC_ID_OPUS || id == AV_CODEC_ID_FLAC || id == AV_CODEC_ID_ALAC ||
         id == AV_CODEC_ID_PCM_S16LE || id == AV_CODEC_ID_PCM_S24LE || id == AV_CODEC_ID_PCM_S16BE ||
         id == AV_CODEC_ID_PCM_F32LE;
}

// ADTS, as transport streams carry AAC (ISO 14496-3, 1.A.2.2): a header of 7 bytes, 9 with a checksum,
// before each frame.
std::size_t adts_header_size(const AVPacket& packet) {
  if (packet.size < 9 || packet.data[0] != 0xff || (packet.data[1] & 0xf6) != 0xf0) return 0;
  return (packet.data[1] & 1) != 0 ? 7 : 9;
}

// The AudioSpecificConfig (ISO 14496-3, 1.6.2.1) that says the same for all frames. Empty: the
// channels are described inside the frames, or one packet holds several.
std::vector<std::uint8_t> config_of_adts(const AVPacket& packet) {
  if (adts_header_size(packet) == 0) return {};
  const std::uint8_t* h = packet.data;
  const int object = (h[2] >> 6) + 1, rate = h[2] >> 2 & 15, channels = (h[2] & 1) << 2 | h[3] >> 6;
  const int length = (h[3] & 3) << 11 | h[4] << 3 | h[5] >> 5, blocks = h[6] & 3;
  if (channels == 0 || rate > 12 || blocks != 0 || length != packet.size) return {};
  return {static_cast<std::uint8_t>(object << 3 | rate >> 1),
          static_cast<std::uint8_t>((rate & 1) << 7 | channels << 3)};
}

bool alike(const AVCodecParameters& a, const AVCodecParameters& b) {
  return a.codec_id == b.codec_id && a.sample_rate == b.sample_rate && a.extradata_size == b.extradata_size &&
         std::equal(a.extradata, a.extradata + a.extradata_size, b.extradata);
}

}  // namespace

Result<SoundJoiner> SoundJoiner::create(const SmartCutPlan& plan, bool preroll) {
  SoundJoiner joiner;
  joiner.plan_ = plan;
  for (const MediaFacts& facts : plan.sources) {
    TRY_ASSIGN(auto stream, PacketStream::open(facts.path, AVMEDIA_TYPE_AUDIO));
    joiner.sources_.push_back(std::make_unique<PacketStream>(std::move(stream)));
    const AVCodecParameters& p = joiner.sources_.back()->parameters();
    if (!cuts_at_packets(p.codec_id))
      return no(fmt::format("{} cannot be cut at packets", avcodec_get_name(p.codec_id)));
    if (p.codec_id == AV_CODEC_ID_AAC && p.extradata_size == 0) {
      TRY_ASSIGN(const auto packet, joiner.sources_.back()->next());
      const auto config = packet ? config_of_adts(*packet) : std::vector<std::uint8_t>{};
      if (config.empty()) return no("its AAC describes itself in a way that is not read (ADTS)");
      TRY(joiner.sources_.back()->set_extradata(config));
      joiner.adts_ = true;
    }
    if (p.sample_rate <= 0) return no("its sample rate is not known");
    if (!alike(joiner.parameters(), p)) return no("the sources' sound is coded differently");
  }
  joiner.preroll_ = preroll && joiner.parameters().codec_id == AV_CODEC_ID_AAC;
  return joiner;
}

Result<TimedSound*> SoundJoiner::peek() {
  while (ready_.empty()) {
    if (piece_ == plan_.pieces.size()) return nullptr;
    if (!begun_) TRY(begin_piece());
    TRY(read_one());
  }
  return &ready_.front();
}

Result<void> SoundJoiner::begin_piece() {
  const SmartCutPiece& piece = plan_.pieces[piece_];
  const Time picture_start = plan_.sources[piece.source].video->start.value_or(Time{});
  const Time from = picture_start + Time::frames(piece.first, plan_.frame_rate);
  const Time to = Time::frames(piece.output_first, plan_.frame_rate);
  shift_ = to - from;
  end_ = samples_of(to + Time::frames(piece.end - piece.first, plan_.frame_rate));
  begun_ = true;
  before_ = {};
  return sources_[piece.source]->seek_before(from - Time::from_seconds(0.25));
}

Result<void> SoundJoiner::read_one() {
  PacketStream& stream = *sources_[plan_.pieces[piece_].source];
  TRY_ASSIGN(auto packet, stream.next());
  auto end_piece = [&] {
    ++piece_;
    begun_ = false;
  };
  if (!packet) {
    end_piece();
    return {};
  }
  if (packet->pts == AV_NOPTS_VALUE || packet->duration <= 0) return no("its packets carry no times");
  if (adts_) {
    const std::size_t header = adts_header_size(*packet);
    if (header == 0) return no("its AAC changes its form on the way");
    packet->data += header;
    packet->size -= static_cast<int>(header);
  }
  TimedSound sound;
  sound.at = samples_of(Time::ticks(packet->pts, stream.time_base()) + shift_);
  sound.duration = std::max<std::int64_t>(1, samples_of(Time::ticks(packet->duration, stream.time_base())));
  sound.packet = std::move(packet);
  const std::int64_t half = sound.duration / 2;
  if (sound.at < cursor_ - half) {
    before_ = std::move(sound);
    return {};
  }
  if (sound.at >= end_ - half) {
    end_piece();
    return {};
  }
  if (sound.at - cursor_ <= half) {
    sound.at = cursor_;
  } else if (sound.at - cursor_ > 2 * parameters().sample_rate && cursor_ > 0) {
    return no("its sound has a hole");
  }
  if (cursor_ == 0 && sound.at == 0 && preroll_ && before_.packet) {
    before_.at = -before_.duration;
    ready_.push_back(std::move(before_));
  }
  cursor_ = sound.at + sound.duration;
  ready_.push_back(std::move(sound));
  return {};
}

}  // namespace studio
