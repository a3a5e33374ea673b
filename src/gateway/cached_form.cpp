// Little-endian numbers and texts with their length before them.
#include "gateway/cached_form.h"

#include <cstring>

namespace studio {
namespace {

constexpr std::string_view kMark = "studio.response/1\n";

void put_number(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size());
  out += text;
}

bool take_number(std::string_view& in, std::uint64_t& value) {
  if (in.size() < 8) return false;
  value = 0;
  for (std::size_t i = 0; i < 8; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  in.remove_prefix(8);
  return true;
}

bool take_text(std::string_view& in, std::string& text) {
  std::uint64_t size = 0;
  if (!take_number(in, size) || size > in.size()) return false;
  text = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

}  // namespace

std::string write_cached(const CachedResponse& response) {
  std::string out(kMark);
  put_number(out, static_cast<std::uint64_t>(response.status));
  put_number(out, static_cast<std::uint64_t>(response.made_at));
  put_text(out, response.content_type);
  put_number(out, response.pieces.size());
  for (const std::string& piece : response.pieces) put_text(out, piece);
  return out;
}

std::optional<CachedResponse> read_cached(std::string_view bytes) {
  if (!bytes.starts_with(kMark)) return std::nullopt;
  bytes.remove_prefix(kMark.size());
  CachedResponse response;
  std::uint64_t status = 0, made_at = 0, pieces = 0;
  if (!take_number(bytes, status) || !take_number(bytes, made_at) ||
      !take_text(bytes, response.content_type) || !take_number(bytes, pieces) || status < 100 || status > 599)
    return std::nullopt;
  response.status = static_cast<int>(status);
  response.made_at = static_cast<std::int64_t>(made_at);
  for (std::uint64_t i = 0; i < pieces; ++i)
    if (!take_text(bytes, response.pieces.emplace_back())) return std::nullopt;
  if (!bytes.empty()) return std::nullopt;
  return response;
}

}  // namespace studio
