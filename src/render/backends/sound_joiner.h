// The sound of a smart cut: packets copied, placed on one clock with the pictures.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "render/backends/packet_stream.h"
#include "render/smart_cut_plan.h"

namespace studio {

struct TimedSound {
  ffmpeg::Owned<AVPacket> packet;
  std::int64_t at = 0, duration = 0;  // samples of the output
};

// A packet lasts some 21 ms (AAC) and cannot be divided, so a piece's sound begins up to half of
// that early or late; each piece is placed anew, so this never adds up. Where two pieces meet the
// decoder's own overlapping windows fade one into the other.
class SoundJoiner {
 public:
  // preroll: one packet before the start, at negative time, for decoders to warm up on.
  // Errors: unsupported (codecs that cannot be cut at packets, sources that differ).
  static Result<SoundJoiner> create(const SmartCutPlan& plan, bool preroll);
  Result<TimedSound*> peek();
  void pop() { ready_.pop_front(); }
  const AVCodecParameters& parameters() const { return sources_.front()->parameters(); }

 private:
  SoundJoiner() = default;
  Result<void> begin_piece();
  Result<void> read_one();
  std::int64_t samples_of(Time t) const { return t.to_ticks({1, parameters().sample_rate}); }

  SmartCutPlan plan_;
  std::vector<std::unique_ptr<PacketStream>> sources_;
  bool preroll_ = false;
  bool adts_ = false;  // each packet has a header that mp4 and Matroska do not want
  std::size_t piece_ = 0;
  bool begun_ = false;
  Time shift_;                         // output time = source time + shift
  std::int64_t cursor_ = 0, end_ = 0;  // samples: where the next packet goes, where the piece ends
  TimedSound before_;                  // the packet before the first one, for the preroll
  std::deque<TimedSound> ready_;
};

}  // namespace studio
