// Images in messages: found, fetched under guard, and put in as data.
#include "gateway/image_urls.h"

#include <algorithm>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "net/http.h"

namespace studio {
namespace {

struct Target {
  bool tls = false;
  std::string host, port, path;  // the port as written; empty: the scheme's own
  std::string origin() const {
    const bool v6 = host.contains(':');
    return fmt::format("{}://{}{}{}{}{}", tls ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                       port.empty() ? "" : ":", port);
  }
};

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorKind::invalid_input, "the image's URL " + std::move(why));
}

Result<Target> parse_url(std::string_view url) {
  if (url.size() > 4096) return refuse("is longer than 4096 letters");
  for (const char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '\\')
      return refuse("has a space or control character in it");
  Target target;
  if (url.starts_with("https://"))
    target.tls = true;
  else if (!url.starts_with("http://"))
    return refuse("must begin with https://, http:// or data:");
  url.remove_prefix(target.tls ? 8 : 7);
  std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  std::string_view rest = url.substr(authority.size());
  rest = rest.substr(0, rest.find('#'));
  target.path = rest.starts_with('/') ? std::string(rest) : fmt::format("/{}", rest);
  if (authority.contains('@')) return refuse("must not carry a user or password");
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return refuse("has a broken address");
    target.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
    if (!authority.empty() && !authority.starts_with(':')) return refuse("has a broken address");
    if (!authority.empty()) target.port = authority.substr(1);
  } else {
    const auto colon = authority.find(':');
    target.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) target.port = authority.substr(colon + 1);
  }
  if (target.port.size() > 5 || target.port.find_first_not_of("0123456789") != std::string::npos)
    return refuse("has a broken port");
  std::ranges::transform(target.host, target.host.begin(), [](unsigned char c) { return std::tolower(c); });
  while (target.host.ends_with('.')) target.host.pop_back();
  if (target.host.empty()) return refuse("has no host");
  return target;
}

// "example.org", "*.example.org" (every name below, not itself), either with ":port". Without a port only the
// schemes' own ports: an allowed host's other services are not meant.
bool is_allowed(const Target& target, const std::vector<std::string>& allowed) {
  return std::ranges::any_of(allowed, [&](std::string entry) {
    std::ranges::transform(entry, entry.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string port;
    if (const auto colon = entry.rfind(':'); colon != std::string::npos && entry.find(':') == colon) {
      port = entry.substr(colon + 1);
      entry.erase(colon);
    }
    const std::string asked = target.port.empty() ? (target.tls ? "443" : "80") : target.port;
    if (port.empty() ? asked != "80" && asked != "443" : asked != port) return false;
    if (entry.starts_with("*."))
      return target.host.size() > entry.size() - 1 && target.host.ends_with(entry.substr(1));
    return target.host == entry;
  });
}

Result<std::vector<IpAddress>> resolve_by_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); code != 0)
    return fail(ErrorKind::engine_failed, fmt::format("resolve {}: {}", host, ::gai_strerror(code)));
  std::vector<IpAddress> out;
  for (const addrinfo* at = list; at; at = at->ai_next) {
    IpAddress address;
    if (at->ai_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(at->ai_addr);
      std::ranges::copy(v6->sin6_addr.s6_addr, address.bytes.begin());
    } else if (at->ai_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(at->ai_addr);
      address.bytes[10] = address.bytes[11] = 0xff;
      std::copy_n(reinterpret_cast<const std::uint8_t*>(&v4->sin_addr.s_addr), 4, address.bytes.begin() + 12);
    } else {
      continue;
    }
    out.push_back(address);
  }
  ::freeaddrinfo(list);
  return out;
}

bool is_loopback_address(const IpAddress& address) {
  return address.to_string() == "::1" || address.to_string().starts_with("127.");
}

// Every address the name has, for the next call may be given another of them.
Result<IpAddress> checked_address(const Target& target, const ImageFetchOptions& options) {
  std::vector<IpAddress> addresses;
  if (const auto literal = IpAddress::parse(target.host)) {
    addresses.push_back(*literal);
  } else {
    TRY_ASSIGN(addresses, options.resolve ? options.resolve(target.host) : resolve_by_system(target.host));
  }
  if (addresses.empty()) return refuse("has a host without an address");
  for (const IpAddress& address : addresses)
    if (!is_public(address) && !(options.allow_loopback && is_loopback_address(address)))
      return refuse(fmt::format("leads to {}, which is no public address", address.to_string()));
  // IPv4 first: many machines have IPv6 names and no IPv6 way out.
  const auto v4 =
      std::ranges::find_if(addresses, [](const IpAddress& a) { return !a.to_string().contains(':'); });
  return v4 == addresses.end() ? addresses.front() : *v4;
}

std::string_view type_by_bytes(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff"sv)) return "image/jpeg";
  if (bytes.starts_with("GIF87a"sv) || bytes.starts_with("GIF89a"sv)) return "image/gif";
  if (bytes.starts_with("RIFF"sv) && bytes.substr(0, 12).ends_with("WEBP"sv)) return "image/webp";
  if (bytes.starts_with("BM"sv) && bytes.size() > 26) return "image/bmp";
  return {};
}

Result<std::string> next_url(const Target& target, std::string_view location) {
  if (location.empty()) return refuse("is redirected to nowhere");
  if (location.starts_with("http://") || location.starts_with("https://")) {
    if (target.tls && location.starts_with("http://")) return refuse("is redirected from https to http");
    return std::string(location);
  }
  if (location.starts_with("//")) return fmt::format("{}:{}", target.tls ? "https" : "http", location);
  if (location.starts_with('/')) return target.origin() + std::string(location);
  if (location.contains(':') && location.find(':') < location.find('/'))
    return refuse("is redirected to another scheme");
  return target.origin() + target.path.substr(0, target.path.find_last_of('/') + 1) + std::string(location);
}

// Every place in the messages that may hold an image: the object with the URL, the key of it, and where it
// is.
template <typename Visit>
void each_image(auto& request, Visit&& visit) {
  if (!request.is_object()) return;
  for (const char* list : {"messages", "input"}) {
    const auto messages = request.find(list);
    if (messages == request.end() || !messages->is_array()) continue;
    for (std::size_t m = 0; m < messages->size(); ++m) {
      auto& message = (*messages)[m];
      if (!message.is_object() || !message.contains("content") || !message["content"].is_array()) continue;
      for (std::size_t p = 0; p < message["content"].size(); ++p) {
        auto& part = message["content"][p];
        if (!part.is_object() || !part.contains("image_url")) continue;
        auto& image = part["image_url"];
        const std::string field = fmt::format("{}[{}].content[{}].image_url", list, m, p);
        if (image.is_string())
          visit(image, field);
        else if (image.is_object() && image.contains("url") && image["url"].is_string())
          visit(image["url"], field + ".url");
      }
    }
  }
}

Result<void> check_data_url(std::string_view url, const ImageFetchOptions& options) {
  const auto comma = url.find(',');
  const std::string_view head = url.substr(0, comma);
  if (comma == std::string_view::npos || !head.starts_with("data:image/") || !head.ends_with(";base64"))
    return fail(ErrorKind::invalid_input, "expected data:image/...;base64,...");
  if ((url.size() - comma) / 4 * 3 > options.max_bytes)
    return fail(ErrorKind::invalid_input,
                fmt::format("the image is larger than the limit of {} bytes", options.max_bytes));
  return {};
}

}  // namespace

Result<FetchedImage> fetch_image(std::string_view url, const ImageFetchOptions& options) {
  if (options.allowed_hosts.empty())
    return fail(ErrorKind::invalid_input, "images by URL are not allowed here",
                "send the image as data:image/...;base64, or name its host in images.allowed_hosts");
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  std::string at(url);
  for (int hop = 0; hop <= options.max_redirects; ++hop) {
    TRY_ASSIGN(const Target target, parse_url(at));
    if (!is_allowed(target, options.allowed_hosts))
      return fail(ErrorKind::invalid_input,
                  fmt::format("the image's host {} is not among those allowed", target.host),
                  "images.allowed_hosts in gateway.yaml lists them");
    TRY_ASSIGN(const IpAddress address, checked_address(target, options));
    HttpRequest request;
    request.endpoint.base_url = target.origin();
    request.path = target.path;
    request.headers = {{"Accept", "image/*"}, {"User-Agent", "animation-studio"}};
    request.connect_address = address.to_string();
    request.timeout =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    request.connect_timeout = std::min(request.timeout, std::chrono::milliseconds(5000));
    request.max_response_bytes = options.max_bytes + 65536;  // headers count too
    request.stop = options.stop;
    TRY_ASSIGN(HttpResponse response, send_http(request));
    if (response.status >= 300 && response.status < 400) {
      TRY_ASSIGN(at, next_url(target, response.header("location")));
      continue;
    }
    if (response.status != 200)
      return fail(ErrorKind::invalid_input, fmt::format("the image's server answered {}", response.status));
    if (response.body.size() > options.max_bytes)
      return fail(ErrorKind::limit_exceeded,
                  fmt::format("the image is larger than the limit of {} bytes", options.max_bytes));
    const std::string_view type = type_by_bytes(response.body);
    if (type.empty())
      return fail(ErrorKind::invalid_input, "what the image's URL gives is no PNG, JPEG, GIF, WebP or BMP");
    return FetchedImage{std::string(type), std::move(response.body)};
  }
  return refuse(fmt::format("is redirected more than {} times", options.max_redirects));
}

ImageUse image_use(const Json& request) {
  ImageUse use;
  each_image(request, [&](const Json& url, const std::string&) {
    ++use.images;
    use.by_url += !url.get_ref<const std::string&>().starts_with("data:");
  });
  return use;
}

Result<void> inline_images(Json& request, const ImageFetchOptions& options) {
  Result<void> done;
  each_image(request, [&](Json& place, const std::string& field) {
    if (!done) return;
    const std::string url = place.get<std::string>();
    if (url.starts_with("data:")) {
      done = check_data_url(url, options);
    } else if (auto image = fetch_image(url, options)) {
      place = fmt::format("data:{};base64,{}", image->media_type, base64_encode(image->bytes));
    } else {
      done = std::unexpected(std::move(image).error());
    }
    if (!done) done = std::unexpected(with_context(std::move(done).error(), field));
  });
  return done;
}

}  // namespace studio
