// One connection to an upstream, plain or with TLS.
#include "net/backends/upstream_connection.h"

#include <charconv>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>

namespace studio {
namespace {

constexpr std::size_t kFirstBuffer = 16u << 10;
constexpr std::size_t kBodyRoom = 4096;  // at least, behind the answer's head

// Resumes with the error code of an asynchronous operation started by `start(handler)`.
template <typename Start>
struct Operation {
  explicit Operation(Start starter) : start(std::move(starter)) {}
  Start start;
  boost::system::error_code error;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    start([this, waiter](const boost::system::error_code& result, auto&&...) {
      error = result;
      waiter.resume();
    });
  }
  boost::system::error_code await_resume() const noexcept { return error; }
};

struct Address {
  int family;
  std::vector<char> bytes;
};

Result<std::vector<Address>> look_up(const std::string& host, const std::string& port, int flags) {
  addrinfo wish{};
  wish.ai_socktype = SOCK_STREAM;
  wish.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &wish, &found); error != 0)
    return fail(ErrorKind::engine_failed, fmt::format("look up {}: {}", host, gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
  std::vector<Address> all;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    const char* at = reinterpret_cast<const char*>(each->ai_addr);
    all.push_back({each->ai_family, std::vector<char>(at, at + each->ai_addrlen)});
  }
  return all;
}

// "Keep-Alive: timeout=5, max=100": how long the other side keeps an idle connection.
std::chrono::seconds keep_alive_timeout(std::string_view value) {
  const std::size_t at = value.find("timeout=");
  if (at == std::string_view::npos) return std::chrono::seconds(0);
  int seconds = 0;
  std::from_chars(value.data() + at + 8, value.data() + value.size(), seconds);
  return std::chrono::seconds(std::max(0, seconds));
}

}  // namespace

Result<UpstreamAddress> UpstreamAddress::of(const Endpoint& endpoint) {
  UpstreamAddress address;
  address.endpoint = endpoint;
  std::string_view rest = endpoint.base_url;
  address.tls = rest.starts_with("https://");
  if (!address.tls && !rest.starts_with("http://"))
    return fail(ErrorKind::wrong_usage, fmt::format("read the address {}", endpoint.to_string()),
                "write http://host:port/v1, https://host/v1 or unix:/path/to/engine.sock");
  rest.remove_prefix(address.tls ? 8 : 7);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  address.prefix = rest.substr(authority.size());
  while (address.prefix.ends_with('/')) address.prefix.pop_back();
  address.host_header = authority;
  std::string_view host = authority, port = address.tls ? "443" : "80";
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  address.tls_name = host;
  address.host = host == "localhost" ? "127.0.0.1" : host;
  address.port = port;
  return address;
}

UpstreamConnection::UpstreamConnection(Loop& loop, const UpstreamAddress& address,
                                       std::uint32_t max_header_bytes)
    : loop_(loop),
      address_(address),
      max_header_bytes_(max_header_bytes),
      socket_(loop.impl().io),
      buffer_(kFirstBuffer) {
  loop_.impl().watch(*this);
}

UpstreamConnection::~UpstreamConnection() = default;

std::unexpected<Error> UpstreamConnection::failure(std::string_view what) const {
  const std::string where = address_.endpoint.to_string();
  if (cancelled_) return fail(ErrorKind::interrupted, fmt::format("{} {}: stopped on request", what, where));
  if (timed_out_) return fail(ErrorKind::timeout, fmt::format("{} {}: no answer in time", what, where));
  return fail(ErrorKind::engine_failed,
              fmt::format("{} {}: {}", what, where,
                          end_ == asio::error::eof ? "the other side closed the connection" : end_.message()),
              "check that the server at this address runs");
}

// ---- connecting

Task<Result<void>> UpstreamConnection::connect(std::chrono::milliseconds timeout, asio::ssl::context* tls) {
  const auto self = shared_from_this();
  deadline = std::chrono::steady_clock::now() + timeout;
  if (!address_.endpoint.unix_socket.empty()) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    address_.endpoint.unix_socket.copy(to.sun_path, sizeof to.sun_path - 1);
    co_return co_await connect_to(AF_UNIX, &to, sizeof to);
  }
  // Most are numbers already, and those need no thread.
  auto found = look_up(address_.host, address_.port, AI_NUMERICHOST | AI_NUMERICSERV);
  if (!found) {
    const auto ask = [host = address_.host, port = address_.port] {
      return look_up(host, port, AI_ADDRCONFIG);
    };
    found = co_await loop_.run_blocking(ask);
  }
  if (!found) co_return std::unexpected(found.error());
  Result<void> connected;
  for (const Address& address : *found) {
    connected = co_await connect_to(address.family, address.bytes.data(), address.bytes.size());
    if (connected || cancelled_ || timed_out_) break;
  }
  if (connected && address_.tls) connected = co_await handshake(*tls);
  co_return connected;
}

Task<Result<void>> UpstreamConnection::connect_to(int family, const void* address, std::size_t length) {
  if (cancelled_ || timed_out_) co_return failure("connect to");
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.close(ignored);
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    end_ = boost::system::error_code(errno, boost::system::system_category());
    co_return failure("connect to");
  }
  if (family != AF_UNIX) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  socket_.assign(asio::generic::stream_protocol(family, 0), fd, end_);
  if (end_) {
    ::close(fd);
    co_return failure("connect to");
  }
  const asio::generic::stream_protocol::endpoint to(address, length);
  Operation connecting([&](auto handler) { socket_.async_connect(to, std::move(handler)); });
  end_ = co_await connecting;
  if (end_ || cancelled_ || timed_out_) co_return failure("connect to");
  co_return Result<void>{};
}

Task<Result<void>> UpstreamConnection::handshake(asio::ssl::context& context) {
  tls_ = std::make_unique<asio::ssl::stream<StreamSocket&>>(socket_, context);
  tls_->set_verify_mode(asio::ssl::verify_peer, end_);
  tls_->set_verify_callback(asio::ssl::host_name_verification(address_.tls_name), end_);
  // No address stands in a server name indication (RFC 6066, section 3).
  boost::system::error_code is_name;
  asio::ip::make_address(address_.tls_name, is_name);
  if (is_name) SSL_set_tlsext_host_name(tls_->native_handle(), address_.tls_name.c_str());
  Operation shaking(
      [&](auto handler) { tls_->async_handshake(asio::ssl::stream_base::client, std::move(handler)); });
  end_ = co_await shaking;
  if (const long verdict = SSL_get_verify_result(tls_->native_handle());
      end_ && !cancelled_ && !timed_out_ && verdict != X509_V_OK)
    co_return fail(ErrorKind::engine_failed,
                   fmt::format("trust {}: its certificate is refused: {}", address_.endpoint.to_string(),
                               X509_verify_cert_error_string(verdict)),
                   "for an authority of your own name its PEM file as ca_file of the engine in gateway.yaml");
  if (end_ || cancelled_ || timed_out_) co_return failure("make a TLS connection to");
  co_return Result<void>{};
}

// ---- sending

Task<Result<void>> UpstreamConnection::send(const UpstreamRequest& request, UpstreamTrace& trace) {
  std::size_t length = 0;
  for (const auto piece : request.body) length += piece.size();
  head_.clear();
  head_.append(request.method).append(" ").append(address_.prefix).append(request.path);
  head_.append(" HTTP/1.1\r\nHost: ").append(address_.host_header).append("\r\n");
  for (const HeaderView& field : request.headers)
    head_.append(field.name).append(": ").append(field.value).append("\r\n");
  if (length > 0 || (request.method != "GET" && request.method != "HEAD")) {
    char digits[24];
    head_.append("Content-Length: ")
        .append(digits, std::to_chars(digits, digits + sizeof digits, length).ptr)
        .append("\r\n");
  }
  head_ += "\r\n";
  out_.clear();
  out_.push_back({head_.data(), head_.size()});
  for (const auto piece : request.body)
    if (!piece.empty()) out_.push_back({const_cast<char*>(piece.data()), piece.size()});
  deadline = std::chrono::steady_clock::now() + request.first_byte_timeout;
  if (tls_) co_return co_await send_tls(trace);
  co_return co_await send_plain(trace);
}

Task<Result<void>> UpstreamConnection::send_plain(UpstreamTrace& trace) {
  std::size_t first = 0;
  while (first < out_.size()) {
    if (!socket_.is_open()) co_return failure("send a request to");
    msghdr message{};
    message.msg_iov = out_.data() + first;
    message.msg_iovlen = std::min<std::size_t>(64, out_.size() - first);
    ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      Operation writable(
          [&](auto handler) { socket_.async_wait(StreamSocket::wait_write, std::move(handler)); });
      co_await writable;
      continue;
    }
    if (sent < 0) {
      end_ = boost::system::error_code(errno, boost::system::system_category());
      // A server that refuses a large body answers before it has read it all.
      if (trace.sent) co_return Result<void>{};
      co_return failure("send a request to");
    }
    trace.sent = trace.sent || sent > 0;
    for (; sent > 0 && first < out_.size(); ++first) {
      const std::size_t taken = std::min(static_cast<std::size_t>(sent), out_[first].iov_len);
      out_[first].iov_base = static_cast<char*>(out_[first].iov_base) + taken;
      out_[first].iov_len -= taken;
      sent -= static_cast<ssize_t>(taken);
      if (out_[first].iov_len > 0) break;
    }
  }
  co_return Result<void>{};
}

Task<Result<void>> UpstreamConnection::send_tls(UpstreamTrace& trace) {
  std::vector<asio::const_buffer> buffers;
  for (const iovec& piece : out_) buffers.emplace_back(piece.iov_base, piece.iov_len);
  trace.sent = true;
  Operation writing([&](auto handler) { asio::async_write(*tls_, buffers, std::move(handler)); });
  end_ = co_await writing;
  if (end_) co_return failure("send a request to");
  co_return Result<void>{};
}

// ---- reading

void UpstreamConnection::start_read() {
  reading_ = true;
  const auto room = asio::buffer(buffer_.space(), buffer_.room());
  auto handler = [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
    self->on_read(error, bytes);
  };
  if (tls_)
    tls_->async_read_some(room, std::move(handler));
  else
    socket_.async_read_some(room, std::move(handler));
}

void UpstreamConnection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  buffer_.arrived(bytes);
  if (error) end_ = error;
  if (reader_)
    std::exchange(reader_, nullptr).resume();
  else if (when_idle_ends_)
    std::exchange(when_idle_ends_, nullptr)(*this);
}

Task<Result<void>> UpstreamConnection::read_head(const UpstreamRequest& request, UpstreamTrace& trace) {
  const auto self = shared_from_this();
  std::size_t searched = 0;
  for (;;) {
    std::size_t head_end = std::string_view::npos;
    for (;;) {
      const std::size_t at = buffer_.from(searched).find("\r\n\r\n");
      if (at != std::string_view::npos) {
        head_end = searched + at + 4;
        break;
      }
      if (buffer_.unused() > max_header_bytes_) {
        co_return fail(ErrorKind::limit_exceeded,
                       fmt::format("read the answer of {}: its head is larger than {} bytes",
                                   address_.endpoint.to_string(), max_header_bytes_));
      }
      searched = std::max(buffer_.next(), buffer_.size() < 3 ? 0 : buffer_.size() - 3);
      if (!reading_ && (end_ || cancelled_ || timed_out_)) co_return failure("read the answer of");
      if (!reading_) {
        buffer_.make_room(kBodyRoom);
        start_read();
      }
      More more{*this};
      co_await more;
      trace.received = trace.received || buffer_.size() > 0;
    }
    if (!reading_) buffer_.make_room(kBodyRoom);
    parser_.emplace(headers_, pieces_);
    parser_->body_limit(boost::none);
    parser_->header_limit(max_header_bytes_);
    parser_->eager(false);
    if (request.method == "HEAD") parser_->skip(true);
    const std::span<const char> head(buffer_.rest().substr(0, head_end - buffer_.next()));
    parser_->set_buffer(head);
    beast::error_code error;
    parser_->put(asio::const_buffer(head.data(), head.size()), error);
    if (error || !parser_->is_header_done()) {
      const std::string why = error.message();
      close();
      co_return fail(ErrorKind::engine_failed, fmt::format("read the answer of {}: it is no HTTP/1.1: {}",
                                                           address_.endpoint.to_string(), why));
    }
    buffer_.use(head.size());
    body_from_ = searched = head_end;
    if (parser_->status / 100 != 1) break;  // 100 Continue and the like precede the answer
  }
  keep_alive_for_ = std::chrono::seconds(0);
  for (const HeaderView& field : headers_)
    if (same_header_name(field.name, "keep-alive")) keep_alive_for_ = keep_alive_timeout(field.value);
  parser_->eager(true);
  deadline = kNever;
  co_return Result<void>{};
}

Task<Result<std::span<const std::string_view>>> UpstreamConnection::read_body(
    std::chrono::milliseconds idle_timeout) {
  using Pieces = std::span<const std::string_view>;
  const auto self = shared_from_this();
  pieces_.clear();
  for (;;) {
    if (parser_->is_done()) co_return Pieces{};
    if (buffer_.unused() > 0) {
      beast::error_code error;
      buffer_.use(parser_->put(asio::buffer(buffer_.rest()), error));
      if (error && error != beast::http::error::need_more) {
        const std::string why = error.message();
        close();
        co_return fail(ErrorKind::engine_failed,
                       fmt::format("read the answer of {}: its body is malformed: {}",
                                   address_.endpoint.to_string(), why));
      }
      if (!pieces_.empty()) co_return Pieces(pieces_);
      if (parser_->is_done()) co_return Pieces{};
    }
    if (!reading_ && end_ == asio::error::eof && parser_->need_eof() && !cancelled_ && !timed_out_) {
      beast::error_code error;
      parser_->put_eof(error);
      co_return Pieces{};
    }
    if (!reading_ && (end_ || cancelled_ || timed_out_)) co_return failure("read the answer of");
    if (!reading_) {
      buffer_.close_up(body_from_);
      if (buffer_.room() == 0) {
        close();
        co_return fail(
            ErrorKind::engine_failed,
            fmt::format("read the answer of {}: a chunk's head is too long", address_.endpoint.to_string()));
      }
      start_read();
    }
    deadline = std::chrono::steady_clock::now() + idle_timeout;
    More more{*this};
    co_await more;
    deadline = kNever;
  }
}

// ---- between requests and the end

bool UpstreamConnection::reusable() const {
  return done() && parser_->keep_alive() && !end_ && !cancelled_ && !timed_out_ && buffer_.unused() == 0 &&
         !reading_ && socket_.is_open();
}

void UpstreamConnection::wait_idle(std::chrono::milliseconds timeout, WhenIdleEnds when_idle_ends) {
  // Closed before the other side closes it, or a request may be on its way just then.
  if (keep_alive_for_.count() > 0)
    timeout = std::min(timeout, std::chrono::milliseconds(keep_alive_for_) - std::chrono::milliseconds(750));
  buffer_.clear();
  body_from_ = 0;
  when_idle_ends_ = std::move(when_idle_ends);
  deadline = std::chrono::steady_clock::now() + timeout;
  start_read();
}

void UpstreamConnection::leave_idle() {
  when_idle_ends_ = nullptr;
  deadline = kNever;
}

void UpstreamConnection::cancel() {
  cancelled_ = true;
  close();
}

void UpstreamConnection::close() {
  deadline = kNever;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void UpstreamConnection::on_deadline() {
  const auto self = shared_from_this();
  timed_out_ = true;
  close();
}

}  // namespace studio
