// The pictures of a smart cut as one coded stream: copied where possible, encoded at the edges.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "media/video_reader.h"
#include "render/backends/edge_encoder.h"
#include "render/backends/packet_stream.h"
#include "render/smart_cut_plan.h"

namespace studio {

// A coded picture with both of its times, in frames of the output.
struct TimedPicture {
  Bytes data;
  std::int64_t shown = 0, decoded = 0;  // decoded may be negative at the start
  bool key = false;
};

class PictureJoiner {
 public:
  // Opens all sources. Errors: unsupported, with what stands in the way.
  static Result<PictureJoiner> create(const SmartCutPlan& plan);

  // The next picture in decoding order, null at the end; pop() goes on behind it.
  // Errors: unsupported (variable frame rate, a source that ends early, deeper reordering than the
  // header says), io.
  Result<TimedPicture*> peek();
  void pop() { ready_.pop_front(); }

  std::int64_t encoded() const { return encoded_; }
  std::string encoder() const { return encoder_name_; }
  const AVCodecParameters& parameters() const { return sources_.front().stream->parameters(); }
  // What goes into the container's header, and whether parameter sets also stand in the stream
  // (then mp4 has to call it avc3 or hev1).
  const Bytes& extradata() const { return extradata_; }
  bool sets_in_stream() const { return sets_in_stream_; }

 private:
  struct Source {
    std::unique_ptr<PacketStream> stream;
    std::unique_ptr<VideoReader> reader;  // opened when frames have to be encoded
    ParameterSets sets;
    Time start;
  };
  // A packet of the source that is being copied.
  struct Read {
    ffmpeg::Owned<AVPacket> packet;
    std::int64_t frame = 0;
    RandomAccess access = RandomAccess::none;
  };
  enum class Phase { begin, head, copy, tail };

  PictureJoiner() = default;
  Result<void> choose_parameter_sets();
  Result<void> step();
  Result<void> begin_piece();
  Result<void> encode_one();
  Result<void> copy_one();
  Result<std::optional<Read>> read_packet();
  Result<void> take(std::vector<CodedPicture> pictures);
  void add(CodedPicture picture, const ParameterSets& sets);
  Result<void> close_group();
  Result<void> start_encoding(std::int64_t from, std::int64_t to, Phase phase);

  const SmartCutPiece& piece() const { return plan_.pieces[piece_]; }
  Source& source() { return sources_[piece().source]; }

  SmartCutPlan plan_;
  std::vector<Source> sources_;
  std::optional<NalCodec> nal_;  // H.264 and HEVC
  bool can_encode_ = false;      // false: a codec of key frames only, cut anywhere
  EdgeFormat edge_;
  Bytes extradata_;
  bool sets_in_stream_ = false;
  std::optional<ParameterSets> sets_now_;  // the ones last put into the stream
  std::string encoder_name_;

  std::size_t piece_ = 0;
  Phase phase_ = Phase::begin;
  std::optional<EdgeEncoder> encoder_;
  std::int64_t encode_next_ = 0, encode_end_ = 0;
  std::optional<Read> first_copied_;  // where copying starts
  std::int64_t copied_from_ = 0, copied_to_ = 0;
  bool stream_ended_ = false;

  // Pictures of a group that is not complete yet: shown times with holes.
  std::vector<TimedPicture> group_;
  std::int64_t group_first_ = 0, group_last_ = 0;
  std::deque<std::int64_t> decode_times_;
  std::deque<TimedPicture> ready_;
  std::int64_t encoded_ = 0;
};

}  // namespace studio
