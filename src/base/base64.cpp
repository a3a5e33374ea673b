// Base64, three bytes to four letters.
#include "base/base64.h"

#include <algorithm>
#include <cstdint>

namespace studio {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : kLetters[(group >> (18 - 6 * k)) & 63];
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  const auto broken = [] { return fail(ErrorKind::invalid_input, "read base64: it is broken"); };
  if (text.size() % 4 != 0) return broken();
  std::size_t padding = 0;
  while (text.ends_with('=') && padding < 2) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  std::uint32_t group = 0;
  std::size_t letters = 0;
  for (const char c : text) {
    const auto value = kLetters.find(c);
    if (value == std::string_view::npos) return broken();
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++letters % 4 == 0) {
      for (const int shift : {16, 8, 0}) out += static_cast<char>(group >> shift & 0xff);
      group = 0;
    }
  }
  if (padding == 1) {
    out += static_cast<char>(group >> 10 & 0xff);
    out += static_cast<char>(group >> 2 & 0xff);
  }
  if (padding == 2) out += static_cast<char>(group >> 4 & 0xff);
  return out;
}

}  // namespace studio
