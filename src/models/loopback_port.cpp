// Binds and lets go: what was free a moment ago.
#include "models/loopback_port.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace studio {
namespace {

std::optional<int> try_port(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return std::nullopt;
  // As servers do: a port whose last connections are only closing counts as free.
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::listen(socket, 1) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  if (!bound) return std::nullopt;
  return ntohs(address.sin_port);
}

}  // namespace

Result<int> free_loopback_port(int preferred) {
  if (preferred > 0)
    if (const auto port = try_port(preferred)) return *port;
  if (const auto port = try_port(0)) return *port;
  return fail(ErrorKind::io, fmt::format("find a free port of 127.0.0.1: {}", std::strerror(errno)));
}

}  // namespace studio
