// The server: listens on TCP and Unix sockets, spreads connections over the loops, drains.
#include "net/http_server.h"

#include <cstring>
#include <semaphore>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/backends/http_connection.h"

namespace studio {
namespace {

constexpr int kBacklog = 4096;
constexpr auto kOutOfDescriptors = std::chrono::milliseconds(100);
constexpr auto kAfterStop = std::chrono::seconds(5);

struct Listener {
  int fd;
  int family;
  int port = 0;
};

std::unexpected<Error> cannot_listen(const std::string& where, std::string_view hint) {
  return fail(errno == EADDRNOTAVAIL ? ErrorKind::wrong_usage : ErrorKind::io,
              fmt::format("listen on {}: {}", where, std::strerror(errno)), std::string(hint));
}

std::string host_and_port(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return fmt::format("{}:{}", text, ntohs(v4.sin_port));
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  if (address.ss_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24 == 127;
  return true;
}

Result<Listener> listen_on_tcp(const std::string& host, int port) {
  const std::string where = fmt::format("{} port {}", host, port);
  if (port < 0 || port > 65535)
    return fail(ErrorKind::wrong_usage, fmt::format("listen on {}: a port is 0 to 65535", where));
  addrinfo wish{};
  wish.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  wish.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string name = host == "localhost" ? "127.0.0.1" : host;
  if (const int error = getaddrinfo(name.c_str(), std::to_string(port).c_str(), &wish, &found); error != 0)
    return fail(ErrorKind::wrong_usage, fmt::format("listen on {}: {}", where, gai_strerror(error)),
                "give an address of this machine, such as 127.0.0.1 or 0.0.0.0");
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
  Listener listener{::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                    found->ai_family};
  const int yes = 1;
  ::setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (listener.fd < 0 || ::bind(listener.fd, found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(listener.fd, kBacklog) != 0) {
    const auto failure = cannot_listen(
        where, "another program may have the port: choose one with --port, or 0 for any free one");
    ::close(listener.fd);
    return failure;
  }
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(listener.fd, reinterpret_cast<sockaddr*>(&address), &length);
  listener.port = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                                      : reinterpret_cast<sockaddr_in&>(address).sin_port);
  return listener;
}

// A socket file that nobody listens on is left over from a killed server and is replaced.
Result<void> remove_stale_socket(const std::string& path, const sockaddr_un& address) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode))
    return fail(ErrorKind::io, fmt::format("listen on {}: a file that is no socket is there", path),
                "choose another path for the socket");
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool living = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  if (living)
    return fail(ErrorKind::io, fmt::format("listen on {}: another server listens there", path),
                "stop it first, or choose another path for the socket");
  ::unlink(path.c_str());
  return {};
}

Result<Listener> listen_on_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::wrong_usage, fmt::format("listen on {}: a socket's path has at most {} bytes",
                                                    path, sizeof address.sun_path - 1));
  path.copy(address.sun_path, path.size());
  TRY(remove_stale_socket(path, address));
  Listener listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), AF_UNIX};
  if (listener.fd < 0 || ::bind(listener.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(listener.fd, kBacklog) != 0) {
    const auto failure = cannot_listen(path, "check that its folder exists and is yours");
    ::close(listener.fd);
    return failure;
  }
  return listener;
}

}  // namespace

class HttpServer::Impl : public HttpShared, public std::enable_shared_from_this<HttpServer::Impl> {
 public:
  Result<void> listen(Loops& loops_to_use);
  void start();
  void stop();
  int port() const { return port_; }

 private:
  struct Acceptor {
    Listener listener;
    asio::posix::stream_descriptor descriptor;
  };
  void wait(Acceptor& acceptor);
  void accept_all(Acceptor& acceptor);
  void take(int fd, int family, const sockaddr_storage& address);
  void admit(HttpConnections& side, int family, int fd, std::string remote, bool loopback);
  void turn_away(int fd);
  template <typename F>
  void on_each_loop(F what);

  std::vector<std::unique_ptr<Acceptor>> acceptors_;  // on loop 0
  std::size_t next_loop_ = 0;
  int port_ = 0;
  std::once_flag stopped_;
};

Result<void> HttpServer::Impl::listen(Loops& loops_to_use) {
  loops.resize(loops_to_use.size());
  for (std::size_t i = 0; i < loops.size(); ++i) loops[i].loop = &loops_to_use.at(i);
  std::vector<Listener> listeners;
  const auto add = [&](Result<Listener> listener) -> Result<void> {
    if (!listener) return std::unexpected(listener.error());
    auto& io = loops[0].loop->impl().io;
    acceptors_.push_back(
        std::make_unique<Acceptor>(Acceptor{*listener, asio::posix::stream_descriptor(io, listener->fd)}));
    return {};
  };
  if (options.host.empty() && options.unix_socket.empty())
    return fail(ErrorKind::wrong_usage,
                "start a server: neither an address nor a socket to listen on is given");
  if (!options.host.empty()) {
    TRY(add(listen_on_tcp(options.host, options.port)));
    port_ = acceptors_.back()->listener.port;
  }
  if (!options.unix_socket.empty()) TRY(add(listen_on_unix(options.unix_socket)));
  return {};
}

void HttpServer::Impl::start() {
  loops[0].loop->post([self = shared_from_this()] {
    for (auto& acceptor : self->acceptors_) self->wait(*acceptor);
  });
}

void HttpServer::Impl::wait(Acceptor& acceptor) {
  acceptor.descriptor.async_wait(
      asio::posix::stream_descriptor::wait_read,
      [self = shared_from_this(), &acceptor](const boost::system::error_code& error) {
        if (error || self->draining) return;
        self->accept_all(acceptor);
      });
}

void HttpServer::Impl::accept_all(Acceptor& acceptor) {
  for (;;) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int fd = ::accept4(acceptor.listener.fd, reinterpret_cast<sockaddr*>(&address), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      if (acceptor.listener.family == AF_UNIX) address.ss_family = AF_UNIX;
      take(fd, acceptor.listener.family, address);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (draining) return;
    if (errno == EAGAIN) return wait(acceptor);
    // Out of descriptors or memory: what is connected goes on, new ones wait in the backlog.
    auto timer = std::make_shared<asio::steady_timer>(loops[0].loop->impl().io, kOutOfDescriptors);
    timer->async_wait([timer, self = shared_from_this(), &acceptor](const boost::system::error_code&) {
      if (!self->draining) self->accept_all(acceptor);
    });
    return;
  }
}

// Each to the next loop in turn: evenly, also for the few long-lived connections of a busy client,
// which SO_REUSEPORT would spread by hash.
void HttpServer::Impl::take(int fd, int family, const sockaddr_storage& address) {
  ++accepted;
  ++connections;
  if (family != AF_UNIX) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  HttpConnections& side = loops[next_loop_++ % loops.size()];
  std::string remote = family == AF_UNIX ? "unix" : host_and_port(address);
  const bool loopback = is_loopback(address);
  side.loop->post([self = shared_from_this(), &side, family, fd, remote = std::move(remote),
                   loopback]() mutable { self->admit(side, family, fd, std::move(remote), loopback); });
}

// At its share of the limit a loop closes the connection that has waited longest without a whole request.
void HttpServer::Impl::admit(HttpConnections& side, int family, int fd, std::string remote, bool loopback) {
  if (side.all.size() >= std::max<std::size_t>(1, options.max_connections / loops.size())) {
    HttpConnection* longest = nullptr;
    for (HttpConnection* each : side.all)
      if (each->waits_for_request() && (!longest || each->waiting_since() < longest->waiting_since()))
        longest = each;
    if (!longest) return turn_away(fd);
    longest->close();
  }
  HttpConnection::start(*this, side, family, fd, std::move(remote), loopback);
}

void HttpServer::Impl::turn_away(int fd) {
  ++refused;
  const std::string body = options.error_body ? options.error_body(503, "too many connections") : "";
  const std::string text = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {}\r\nContent-Length: {}\r\nRetry-After: 1\r\n"
      "Connection: close\r\n\r\n{}",
      options.error_content_type, body.size(), body);
  [[maybe_unused]] const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::close(fd);
  connection_ended();
}

template <typename F>
void HttpServer::Impl::on_each_loop(F what) {
  for (auto& side : loops)
    side.loop->post([self = shared_from_this(), &side, what] {
      // What is done to one may end others, so all are kept alive meanwhile.
      std::vector<std::shared_ptr<HttpConnection>> all;
      for (HttpConnection* each : side.all)
        if (auto alive = each->weak_from_this().lock()) all.push_back(std::move(alive));
      for (auto& each : all) what(*each);
    });
}

void HttpServer::Impl::stop() {
  std::call_once(stopped_, [this] {
    std::binary_semaphore listening_ended{0};
    loops[0].loop->post([this, &listening_ended] {
      draining = true;
      // Who has connected before this moment is served.
      for (auto& acceptor : acceptors_) {
        accept_all(*acceptor);
        boost::system::error_code ignored;
        acceptor->descriptor.close(ignored);
        if (acceptor->listener.family == AF_UNIX) ::unlink(options.unix_socket.c_str());
      }
      listening_ended.release();
    });
    listening_ended.acquire();
    on_each_loop([](HttpConnection& each) { each.drain(); });
    const auto none_left = [this] { return connections == 0; };
    std::unique_lock lock(mutex);
    if (all_closed.wait_for(lock, options.drain_timeout, none_left)) return;
    lock.unlock();
    on_each_loop([](HttpConnection& each) { each.request_stop(); });
    lock.lock();
    if (all_closed.wait_for(lock, kAfterStop, none_left)) return;
    lock.unlock();
    on_each_loop([](HttpConnection& each) { each.close(); });
    lock.lock();
    all_closed.wait(lock, none_left);
  });
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  stop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(Loops& loops, HttpServerOptions options,
                                                      HttpHandler handler) {
  auto impl = std::make_shared<Impl>();
  impl->options = std::move(options);
  impl->handler = std::move(handler);
  TRY(impl->listen(loops));
  impl->start();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const {
  return impl_->port();
}

HttpServerCounts HttpServer::counts() const {
  return {impl_->connections, impl_->at_work, impl_->accepted, impl_->refused};
}

void HttpServer::stop() {
  impl_->stop();
}

}  // namespace studio
