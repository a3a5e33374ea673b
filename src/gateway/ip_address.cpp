// Which addresses are anybody's to reach, by the registries of special-purpose addresses.
#include <algorithm>
#include <cstdint>
#include <span>

#include <arpa/inet.h>

#include <fmt/format.h>

#include "gateway/image_urls.h"

namespace studio {
namespace {

struct Range {
  std::string_view prefix;
  int bits;
};

// IANA IPv4 Special-Purpose Address Registry, with multicast and class E.
constexpr Range kIpv4[] = {
    {"0.0.0.0", 8},       {"10.0.0.0", 8},      {"100.64.0.0", 10},   {"127.0.0.0", 8},
    {"169.254.0.0", 16},  {"172.16.0.0", 12},   {"192.0.0.0", 24},    {"192.0.2.0", 24},
    {"192.31.196.0", 24}, {"192.52.193.0", 24}, {"192.88.99.0", 24},  {"192.168.0.0", 16},
    {"192.175.48.0", 24}, {"198.18.0.0", 15},   {"198.51.100.0", 24}, {"203.0.113.0", 24},
    {"224.0.0.0", 4},     {"240.0.0.0", 4},
};
// Of IPv6 only 2000::/3 is handed out; inside it these are special (Teredo and 6to4 carry IPv4 addresses).
constexpr Range kIpv6[] = {
    {"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20}, {"2620:4f:8000::", 48},
};

bool within(const IpAddress& address, std::span<const std::uint8_t> prefix, int bits) {
  const auto* bytes = address.bytes.data() + (16 - prefix.size());
  for (int bit = 0; bit < bits; bit += 8) {
    const int left = std::min(8, bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - left));
    if ((bytes[bit / 8] & mask) != (prefix[static_cast<std::size_t>(bit / 8)] & mask)) return false;
  }
  return true;
}

bool is_mapped(const IpAddress& address) {
  return std::all_of(address.bytes.begin(), address.bytes.begin() + 10,
                     [](auto byte) { return byte == 0; }) &&
         address.bytes[10] == 0xff && address.bytes[11] == 0xff;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  IpAddress address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data() + 12) == 1) {
    address.bytes[10] = address.bytes[11] = 0xff;
    return address;
  }
  address = {};
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return fail(ErrorKind::invalid_input, fmt::format("read the address {}", text));
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_mapped(*this))
    ::inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  else
    ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

bool is_public(const IpAddress& address) {
  if (is_mapped(address))
    return std::ranges::none_of(kIpv4, [&](const Range& range) {
      std::uint8_t prefix[4];
      ::inet_pton(AF_INET, range.prefix.data(), prefix);
      return within(address, prefix, range.bits);
    });
  if ((address.bytes[0] & 0xe0) != 0x20) return false;
  return std::ranges::none_of(kIpv6, [&](const Range& range) {
    std::uint8_t prefix[16];
    ::inet_pton(AF_INET6, range.prefix.data(), prefix);
    return within(address, prefix, range.bits);
  });
}

}  // namespace studio
