// Reads where a server is from what a person typed.
#include <fmt/format.h>

#include "net/http.h"

namespace studio {
namespace {

constexpr std::string_view kHint = "write http://host:port/v1, https://host/v1 or unix:/path/to/engine.sock";

// sockaddr_un holds 108 bytes with its closing zero.
constexpr std::size_t kLongestSocketPath = 107;

Result<Endpoint> parse_unix(std::string_view rest, std::string_view whole) {
  const std::size_t colon = rest.find(":/");
  const std::string_view path = rest.substr(0, colon);
  std::string_view prefix = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!path.starts_with('/') || path.size() > kLongestSocketPath)
    return fail(ErrorKind::wrong_usage,
                fmt::format("read the address {}: a socket is an absolute path of at most {} bytes", whole,
                            kLongestSocketPath),
                std::string(kHint));
  return Endpoint{"http://localhost" + std::string(prefix), std::string(path), {}};
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return fail(ErrorKind::wrong_usage, "read an address: it has a space or a control character in it",
                  std::string(kHint));
  if (text.starts_with("unix:")) return parse_unix(text.substr(5), text);
  const std::size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
  if (scheme == 0)
    return fail(ErrorKind::wrong_usage, fmt::format("read the address {}", text), std::string(kHint));
  const std::string_view host = text.substr(scheme, text.find_first_of("/?#", scheme) - scheme);
  if (host.contains('@'))
    return fail(ErrorKind::wrong_usage, "read an address: it carries a user or a password",
                "give the key as an option or in the environment, not in the address");
  if (host.empty() || host.starts_with(':') || text.find_first_of("?#") != std::string_view::npos)
    return fail(ErrorKind::wrong_usage, fmt::format("read the address {}", text), std::string(kHint));
  while (text.ends_with('/')) text.remove_suffix(1);
  return Endpoint{std::string(text), {}, {}};
}

std::string Endpoint::to_string() const {
  if (unix_socket.empty()) return base_url;
  const std::string prefix = base_url.substr(std::string_view("http://localhost").size());
  return "unix:" + unix_socket + (prefix.empty() ? "" : ":" + prefix);
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").contains(c);
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace studio
