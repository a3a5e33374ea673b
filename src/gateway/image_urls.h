// Images by URL in messages: fetched only from allowed hosts, never from addresses that are not public.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace studio {

// 16 bytes in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  // Plain numbers only ("192.0.2.1", "2001:db8::1"), as inet_pton reads them: not "127.1", not "0x7f000001".
  static Result<IpAddress> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const IpAddress&) const = default;
};

// Reachable on the public Internet: not private, loopback, link-local (metadata services), CGNAT 100.64/10,
// unique local, multicast, documentation, reserved, 0/8, NAT64, 6to4, Teredo or mapped forms of those
// (IANA special-purpose registries, RFC 6890).
bool is_public(const IpAddress& address);

struct ImageFetchOptions {
  std::vector<std::string> allowed_hosts;  // "example.org", "*.example.org"; empty: none
  std::uint64_t max_bytes = 20u << 20;
  std::chrono::milliseconds timeout{10000};
  int max_redirects = 3;  // each hop is checked like the first
  std::stop_token stop;
  // Name to addresses; the system's when empty. Tests give their own.
  std::function<Result<std::vector<IpAddress>>(const std::string& host)> resolve;
  // Also loopback may be asked: for tests that start a server of their own.
  bool allow_loopback = false;
};

struct FetchedImage {
  std::string media_type;  // by the bytes: image/png, image/jpeg, image/webp, image/gif, image/bmp
  std::string bytes;
};

// Blocks. The name is resolved once, every address of it must be public, and the connection goes to that
// address: a name that answers differently the second time (DNS rebinding) changes nothing.
// invalid_input (not http(s), user:password@, host not allowed, address not public, no image),
// limit_exceeded, timeout, engine_failed. No message repeats what the server sent.
Result<FetchedImage> fetch_image(std::string_view url, const ImageFetchOptions& options);

// Does any message carry an image (image_url or input_image)? `by_url`: one that must be fetched.
struct ImageUse {
  int images = 0, by_url = 0;
};
ImageUse image_use(const Json& request);
// Every http(s) image becomes a data: URL; data: URLs are checked to be base64 images within max_bytes.
// The error's message begins with the field: "messages[0].content[1].image_url: ...".
Result<void> inline_images(Json& request, const ImageFetchOptions& options);

}  // namespace studio
