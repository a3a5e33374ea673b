// Taking H.264 and HEVC packets apart and putting them together again.
#include "render/nal_units.h"

#include <algorithm>
#include <optional>

namespace studio {
namespace {

// Reads bits of an RBSP: the 03 of each 00 00 03 is skipped (H.264 7.3.1).
class BitReader {
 public:
  explicit BitReader(ByteView unit) {
    for (std::size_t i = 0; i < unit.size() && bytes_.size() < 64; ++i) {
      const bool escape = unit[i] == 3 && i >= 2 && unit[i - 1] == 0 && unit[i - 2] == 0;
      if (!escape) bytes_.push_back(unit[i]);
    }
  }
  int bit() {
    if (position_ >= bytes_.size() * 8) {
      ended_ = true;
      return 0;
    }
    const int value = bytes_[position_ / 8] >> (7 - position_ % 8) & 1;
    ++position_;
    return value;
  }
  void skip(int bits) { position_ += static_cast<std::size_t>(bits); }
  // Exp-Golomb (9.1).
  int ue() {
    int zeros = 0;
    while (!ended_ && zeros < 30 && bit() == 0) ++zeros;
    int value = 0;
    for (int i = 0; i < zeros; ++i) value = value << 1 | bit();
    return ended_ ? -1 : (1 << zeros) - 1 + value;
  }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
  bool ended_ = false;
};

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}
  std::optional<int> number(int count) {
    if (bytes_.size() < static_cast<std::size_t>(count)) return std::nullopt;
    int value = 0;
    for (int i = 0; i < count; ++i) value = value << 8 | bytes_[i];
    bytes_ = bytes_.subspan(count);
    return value;
  }
  std::optional<ByteView> block(std::size_t size) {
    if (bytes_.size() < size) return std::nullopt;
    const ByteView part = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return part;
  }

 private:
  ByteView bytes_;
};

std::unexpected<Error> truncated() {
  return fail(ErrorKind::invalid_input, "read the stream's parameter sets: they are cut short");
}

void sort_in(NalCodec codec, ByteView unit, ParameterSets& sets) {
  const int type = unit_type(codec, unit);
  Bytes copy(unit.begin(), unit.end());
  if (codec == NalCodec::h264) {
    if (type == 7) sets.sps.push_back(std::move(copy));
    if (type == 8) sets.pps.push_back(std::move(copy));
  } else {
    if (type == 32) sets.vps.push_back(std::move(copy));
    if (type == 33) sets.sps.push_back(std::move(copy));
    if (type == 34) sets.pps.push_back(std::move(copy));
  }
}

Result<ParameterSets> read_avcc(ByteView extradata) {
  ParameterSets sets;
  ByteReader reader(extradata);
  reader.block(4);
  const auto length = reader.number(1), sps_count = reader.number(1);
  if (!length || !sps_count) return truncated();
  sets.length_size = (*length & 3) + 1;
  auto read_units = [&](int count, std::vector<Bytes>& into) {
    for (int i = 0; i < count; ++i) {
      const auto size = reader.number(2);
      const auto unit = size ? reader.block(static_cast<std::size_t>(*size)) : std::nullopt;
      if (!unit) return false;
      into.emplace_back(unit->begin(), unit->end());
    }
    return true;
  };
  if (!read_units(*sps_count & 31, sets.sps)) return truncated();
  const auto pps_count = reader.number(1);
  if (!pps_count || !read_units(*pps_count, sets.pps)) return truncated();
  return sets;
}

Result<ParameterSets> read_hvcc(ByteView extradata) {
  ParameterSets sets;
  ByteReader reader(extradata);
  reader.block(21);
  const auto length = reader.number(1), arrays = reader.number(1);
  if (!length || !arrays) return truncated();
  sets.length_size = (*length & 3) + 1;
  for (int a = 0; a < *arrays; ++a) {
    const auto type = reader.number(1), count = reader.number(2);
    if (!type || !count) return truncated();
    for (int i = 0; i < *count; ++i) {
      const auto size = reader.number(2);
      const auto unit = size ? reader.block(static_cast<std::size_t>(*size)) : std::nullopt;
      if (!unit) return truncated();
      sort_in(NalCodec::hevc, *unit, sets);
    }
  }
  return sets;
}

std::vector<ByteView> split_annex_b(ByteView packet) {
  std::vector<ByteView> units;
  std::optional<std::size_t> start;
  for (std::size_t i = 0; i + 2 < packet.size(); ++i) {
    if (packet[i] != 0 || packet[i + 1] != 0 || packet[i + 2] != 1) continue;
    if (start) units.push_back(packet.subspan(*start, i - *start));
    start = i + 3;
    i += 2;
  }
  if (start) units.push_back(packet.subspan(*start));
  for (ByteView& unit : units)
    while (!unit.empty() && unit.back() == 0) unit = unit.first(unit.size() - 1);
  std::erase_if(units, [](ByteView unit) { return unit.empty(); });
  return units;
}

}  // namespace

Result<ParameterSets> read_parameter_sets(NalCodec codec, ByteView extradata) {
  Result<ParameterSets> sets = ParameterSets{};
  if (extradata.size() > 6 && extradata[0] == 1) {
    sets = codec == NalCodec::h264 ? read_avcc(extradata) : read_hvcc(extradata);
  } else {
    sets->length_size = 0;
    for (const ByteView unit : split_annex_b(extradata)) sort_in(codec, unit, *sets);
  }
  if (sets && (sets->sps.empty() || sets->pps.empty()))
    return fail(ErrorKind::invalid_input, "read the stream's parameter sets: there are none in its header");
  return sets;
}

std::vector<ByteView> split_packet(ByteView packet, int length_size) {
  if (length_size == 0) return split_annex_b(packet);
  std::vector<ByteView> units;
  ByteReader reader(packet);
  while (const auto size = reader.number(length_size)) {
    const auto unit = *size > 0 ? reader.block(static_cast<std::size_t>(*size)) : std::nullopt;
    if (!unit) break;
    units.push_back(*unit);
  }
  return units;
}

Bytes join_units(const std::vector<ByteView>& units) {
  Bytes packet;
  std::size_t size = 0;
  for (const ByteView unit : units) size += unit.size() + 4;
  packet.reserve(size);
  for (const ByteView unit : units) {
    for (int shift = 24; shift >= 0; shift -= 8)
      packet.push_back(static_cast<std::uint8_t>(unit.size() >> shift));
    packet.insert(packet.end(), unit.begin(), unit.end());
  }
  return packet;
}

int unit_type(NalCodec codec, ByteView unit) {
  if (unit.empty()) return -1;
  return codec == NalCodec::h264 ? unit[0] & 31 : unit[0] >> 1 & 63;
}

bool is_parameter_set(NalCodec codec, ByteView unit) {
  const int type = unit_type(codec, unit);
  return codec == NalCodec::h264 ? type == 7 || type == 8 : type >= 32 && type <= 34;
}

RandomAccess random_access_of(NalCodec codec, const std::vector<ByteView>& units) {
  for (const ByteView unit : units) {
    const int type = unit_type(codec, unit);
    if (codec == NalCodec::h264) {
      if (type == 5) return RandomAccess::closed;
      if (type >= 1 && type <= 4) return RandomAccess::none;
    } else {
      if (type == 19 || type == 20) return RandomAccess::closed;  // IDR_W_RADL, IDR_N_LP
      if (type >= 16 && type <= 21) return RandomAccess::open;    // BLA, CRA
      if (type <= 9) return RandomAccess::none;
    }
  }
  return RandomAccess::none;
}

void make_broken_link(Bytes& packet) {
  constexpr int kCra = 21, kBlaNoLeading = 18;
  for (std::size_t at = 0; at + 6 <= packet.size();) {
    const std::size_t size = static_cast<std::size_t>(packet[at]) << 24 |
                             static_cast<std::size_t>(packet[at + 1]) << 16 |
                             static_cast<std::size_t>(packet[at + 2]) << 8 | packet[at + 3];
    std::uint8_t& header = packet[at + 4];
    if ((header >> 1 & 63) == kCra) header = static_cast<std::uint8_t>((header & 0x81) | kBlaNoLeading << 1);
    at += 4 + size;
  }
}

int sps_id_of(ByteView sps) {
  if (sps.size() < 5) return -1;
  BitReader reader(sps);
  reader.skip(32);  // NAL header, profile_idc, constraints, level_idc
  return reader.ue();
}

int pps_id_of(ByteView pps) {
  if (pps.size() < 2) return -1;
  BitReader reader(pps);
  reader.skip(8);
  return reader.ue();
}

Bytes make_avcc(const std::vector<Bytes>& sps, const std::vector<Bytes>& pps, int chroma_format,
                int bit_depth) {
  const Bytes& first = sps.front();
  std::uint8_t level = 0;
  for (const Bytes& set : sps) level = std::max(level, set[3]);
  Bytes avcc = {1, first[1], first[2], level, 0xff, static_cast<std::uint8_t>(0xe0 | sps.size())};
  auto add = [&](const Bytes& unit) {
    avcc.push_back(static_cast<std::uint8_t>(unit.size() >> 8));
    avcc.push_back(static_cast<std::uint8_t>(unit.size()));
    avcc.insert(avcc.end(), unit.begin(), unit.end());
  };
  for (const Bytes& set : sps) add(set);
  avcc.push_back(static_cast<std::uint8_t>(pps.size()));
  for (const Bytes& set : pps) add(set);
  const int profile = first[1];
  if (profile != 66 && profile != 77 && profile != 88) {
    avcc.push_back(static_cast<std::uint8_t>(0xfc | chroma_format));
    avcc.push_back(static_cast<std::uint8_t>(0xf8 | (bit_depth - 8)));
    avcc.push_back(static_cast<std::uint8_t>(0xf8 | (bit_depth - 8)));
    avcc.push_back(0);
  }
  return avcc;
}

}  // namespace studio
