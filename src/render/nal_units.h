// H.264 and HEVC bitstreams as far as joining needs them: NAL units, parameter sets, random access.
// Sources: ITU-T H.264 (7.3, 7.4), ITU-T H.265 (7.3, 7.4), ISO/IEC 14496-15 (avcC, hvcC).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace studio {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

enum class NalCodec { h264, hevc };

struct ParameterSets {
  std::vector<Bytes> vps, sps, pps;  // NAL units without start codes
  int length_size = 4;               // of the samples they belong to; 0: samples are Annex B
  friend bool operator==(const ParameterSets& a, const ParameterSets& b) {
    return a.vps == b.vps && a.sps == b.sps && a.pps == b.pps;
  }
};

// From a stream's extradata: avcC, hvcC, or Annex B. Errors: invalid_input (truncated, none in it).
Result<ParameterSets> read_parameter_sets(NalCodec codec, ByteView extradata);

// The NAL units of one packet. length_size 0: Annex B. Broken lengths end the list.
std::vector<ByteView> split_packet(ByteView packet, int length_size);

// With 4-byte lengths, as mp4, mov and Matroska want them.
Bytes join_units(const std::vector<ByteView>& units);

int unit_type(NalCodec codec, ByteView unit);
bool is_parameter_set(NalCodec codec, ByteView unit);

// How a packet lets a decoder start at it.
enum class RandomAccess {
  none,
  closed,  // IDR: nothing after it looks back
  open,    // HEVC CRA: pictures shown before it may look back and have to be left out
};
RandomAccess random_access_of(NalCodec codec, const std::vector<ByteView>& units);

// A HEVC CRA picture after a splice has to be called "broken link" (BLA_N_LP), or a decoder would
// count its picture order from the pictures before it. The header byte is changed in `packet`.
void make_broken_link(Bytes& packet);

// Ids in an H.264 SPS or PPS; -1 when it is too short.
int sps_id_of(ByteView sps);
int pps_id_of(ByteView pps);

// avcC with all these sets. They must be of one profile family; the first SPS gives profile and level.
Bytes make_avcc(const std::vector<Bytes>& sps, const std::vector<Bytes>& pps, int chroma_format,
                int bit_depth);

}  // namespace studio
