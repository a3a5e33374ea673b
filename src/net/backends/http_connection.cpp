// One client's connection: the life of its requests from first byte to last.
#include "net/backends/http_connection.h"

#include <charconv>

#include <fmt/format.h>
#include <sys/socket.h>

namespace studio {
namespace {

constexpr std::size_t kFirstBuffer = 4096;
// Room behind a request for the read that watches for the client's end.
constexpr std::size_t kWatchRoom = 512;
// A body that comes slower than this on the whole is an attack or a broken line.
constexpr std::uint64_t kSlowestBodyBytesPerSecond = 1024;
constexpr auto kLingerFor = std::chrono::seconds(5);
constexpr auto kDrainGrace = std::chrono::seconds(1);

struct WriteReady {
  StreamSocket& socket;
  std::shared_ptr<HttpConnection> keep;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    socket.async_wait(StreamSocket::wait_write,
                      [waiter, alive = keep](const boost::system::error_code&) { waiter.resume(); });
  }
  void await_resume() const noexcept {}
};

bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

int status_of(const beast::error_code& error) {
  if (error == beast::http::error::body_limit) return 413;
  if (error == beast::http::error::header_limit) return 431;
  return 400;
}

}  // namespace

HttpConnection::HttpConnection(HttpShared& shared, HttpConnections& side, int family, int fd,
                               std::string remote, bool loopback)
    : shared_(shared),
      side_(side),
      socket_(side.loop->impl().io),
      remote_(std::move(remote)),
      loopback_(loopback),
      buffer_(kFirstBuffer) {
  boost::system::error_code error;
  socket_.assign(asio::generic::stream_protocol(family, 0), fd, error);
  if (error) {
    ::close(fd);
    gone_ = true;
  }
  side_.all.insert(this);
  side_.loop->impl().watch(*this);
}

HttpConnection::~HttpConnection() {
  side_.all.erase(this);
  claim(0);
  shared_.connection_ended();
}

void HttpConnection::start(HttpShared& shared, HttpConnections& side, int family, int fd, std::string remote,
                           bool loopback) {
  std::shared_ptr<HttpConnection> connection(
      new HttpConnection(shared, side, family, fd, std::move(remote), loopback));
  side.loop->spawn(connection->run());
}

Task<void> HttpConnection::run() {
  const auto self = shared_from_this();
  while (!gone_) {
    if (!co_await read_head()) break;
    if (!co_await read_body()) break;
    co_await handle();
    if (!keep_alive_) {
      co_await linger();
      break;
    }
  }
  close();
}

// ---- reading

void HttpConnection::start_read(char* at, std::size_t room) {
  reading_ = true;
  into_buffer_ = at == buffer_.space();
  socket_.async_read_some(asio::buffer(at, room),
                          [self = shared_from_this()](const boost::system::error_code& error,
                                                      std::size_t bytes) { self->on_read(error, bytes); });
}

void HttpConnection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  got_ = bytes;
  if (into_buffer_) buffer_.arrived(bytes);
  if (error) {
    gone_ = true;
    stop_.request_stop();
  }
  if (reader_)
    std::exchange(reader_, nullptr).resume();
  else if (phase_ == Phase::handling)
    read_ahead();
}

void HttpConnection::read_ahead() {
  if (!reading_ && !gone_ && buffer_.room() > 0) start_read(buffer_.space(), buffer_.room());
}

// Counts what this connection's body holds against the server's bound; 0 gives all back.
bool HttpConnection::claim(std::uint64_t bytes) {
  if (bytes == claimed_) return true;
  if (bytes < claimed_) {
    shared_.buffered_bytes -= claimed_ - bytes;
  } else if (shared_.buffered_bytes.fetch_add(bytes - claimed_) + (bytes - claimed_) >
             shared_.options.max_buffered_bytes) {
    shared_.buffered_bytes -= bytes - claimed_;
    return false;
  }
  claimed_ = bytes;
  return true;
}

// Waits for a whole head and parses it. The parser only ever sees a whole one, so that its views stay.
Task<bool> HttpConnection::read_head() {
  phase_ = Phase::idle;
  since_ = std::chrono::steady_clock::now();
  deadline =
      since_ + (shared_.draining ? std::chrono::milliseconds(kDrainGrace) : shared_.options.idle_timeout);
  body_view_ = {};
  if (body_.capacity() > (64u << 10)) body_ = {};
  body_.clear();
  claim(0);
  extra_headers_.clear();
  answer_ = Answer::none;

  if (reading_ && buffer_.unused() == 0 && !co_await more())
    co_return false;  // the read that watched for the end
  // A read under way has a place in the buffer, so what is there moves only when none is.
  if (!reading_) buffer_.close_up(0);
  std::size_t searched = buffer_.next();
  for (;;) {
    // Empty lines before a request are skipped (RFC 9112, section 2.2).
    for (; buffer_.rest().starts_with("\r\n"); searched = buffer_.next()) buffer_.use(2);
    if (const auto at = buffer_.from(searched).find("\r\n\r\n"); at != std::string_view::npos) {
      searched += at + 4;
      break;
    }
    const std::size_t have = buffer_.unused();
    if (have > 0 && phase_ == Phase::idle) {
      phase_ = Phase::head;
      set_deadline(shared_.options.header_timeout);
    }
    if (have > 0) {
      // Nonsense is told so at once instead of being waited for.
      RequestParser probe(headers_, pieces_);
      const std::span<const char> bytes(buffer_.rest());
      probe.set_buffer(bytes);
      beast::error_code error;
      probe.put(asio::const_buffer(bytes.data(), bytes.size()), error);
      if (error && error != beast::http::error::need_more) {
        const std::string why = "the request is no HTTP/1.1: " + error.message();
        co_await refuse(status_of(error), why);
        co_return false;
      }
    }
    if (have >= shared_.options.max_header_bytes) {
      const std::string why =
          fmt::format("the request's head is larger than {} bytes", shared_.options.max_header_bytes);
      co_await refuse(431, why);
      co_return false;
    }
    searched = std::max(buffer_.next(), buffer_.size() < 3 ? 0 : buffer_.size() - 3);
    if (!reading_) {
      buffer_.make_room(std::min<std::size_t>(kFirstBuffer, shared_.options.max_header_bytes));
      start_read(buffer_.space(), buffer_.room());
    }
    if (!co_await more()) {
      if (timed_out_ && phase_ == Phase::head) ++shared_.refused;
      co_return false;
    }
  }
  if (!reading_) buffer_.make_room(kWatchRoom);

  parser_.emplace(headers_, pieces_);
  parser_->header_limit(shared_.options.max_header_bytes);
  parser_->body_limit(shared_.options.max_body_bytes);
  parser_->eager(false);
  const std::span<const char> head(buffer_.rest().substr(0, searched - buffer_.next()));
  parser_->set_buffer(head);
  beast::error_code error;
  parser_->put(asio::const_buffer(head.data(), head.size()), error);
  if (error || !parser_->is_header_done()) {
    const int status = status_of(error);
    std::string why = "the request is no HTTP/1.1: " + error.message();
    if (status == 413) why = too_large();
    co_await refuse(status, why);
    co_return false;
  }
  buffer_.use(head.size());
  http11_ = parser_->http11;
  keep_alive_ = parser_->keep_alive();
  head_only_ = parser_->method == "HEAD";
  if (http11_ && header("host").data() == nullptr) {
    co_await refuse(400, "the request has no Host header");
    co_return false;
  }
  co_return true;
}

Task<bool> HttpConnection::read_body() {
  if (parser_->is_done()) co_return true;
  phase_ = Phase::body;
  since_ = std::chrono::steady_clock::now();
  set_deadline(shared_.options.body_timeout);
  const std::string_view expect = header("expect");
  if (!expect.empty() && buffer_.unused() == 0) {
    add_to_write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!co_await write_all()) co_return false;
    phase_ = Phase::body;
    set_deadline(shared_.options.body_timeout);
  }
  const auto length = parser_->content_length();
  const bool whole = length ? co_await read_sized_body(*length) : co_await read_chunked_body();
  if (!whole && timed_out_ && !gone_) co_await refuse(408, "the body did not come in time");
  co_return whole;
}

Task<bool> HttpConnection::read_sized_body(std::uint64_t length) {
  // A small body stays where it arrives, a large one is read into a string of its own.
  if (length + kWatchRoom <= buffer_.unused() + buffer_.room() || buffer_.unused() >= length) {
    while (buffer_.unused() < length) {
      if (!reading_) start_read(buffer_.space(), buffer_.room());
      if (!co_await more()) co_return false;
    }
    body_view_ = buffer_.rest().substr(0, length);
    buffer_.use(length);
    co_return true;
  }
  if (reading_ && !co_await more()) co_return false;
  body_ = buffer_.rest().substr(0, length);
  buffer_.use(body_.size());
  while (body_.size() < length) {
    // Memory follows what has come, not what was announced.
    const std::size_t had = body_.size();
    const std::size_t room = std::min<std::size_t>(length - had, std::max<std::size_t>(256u << 10, had));
    if (!claim(had + room)) {
      co_await refuse(503, "too many large requests at once");
      co_return false;
    }
    body_.resize(had + room);
    std::size_t filled = had;
    while (filled < body_.size()) {
      start_read(body_.data() + filled, body_.size() - filled);
      if (!co_await more()) co_return false;
      filled += got_;
      const auto slowest =
          since_ + shared_.options.body_timeout + std::chrono::seconds(filled / kSlowestBodyBytesPerSecond);
      deadline = std::min(std::chrono::steady_clock::now() + shared_.options.body_timeout, slowest);
    }
  }
  body_view_ = body_;
  co_return true;
}

Task<bool> HttpConnection::read_chunked_body() {
  parser_->eager(true);
  const std::size_t start = buffer_.next();  // the head before it is viewed and stays
  for (;;) {
    if (!reading_ && buffer_.unused() > 0) {
      pieces_.clear();
      beast::error_code error;
      buffer_.use(parser_->put(asio::buffer(buffer_.rest()), error));
      std::uint64_t bytes = body_.size();
      for (const auto piece : pieces_) bytes += piece.size();
      if (bytes > shared_.options.max_body_bytes || error == beast::http::error::body_limit) {
        const std::string why = too_large();
        co_await refuse(413, why);
        co_return false;
      }
      if (!claim(bytes)) {
        co_await refuse(503, "too many large requests at once");
        co_return false;
      }
      for (const auto piece : pieces_) body_ += piece;
      if (error && error != beast::http::error::need_more) {
        const std::string why = "the body's chunks are malformed: " + error.message();
        co_await refuse(400, why);
        co_return false;
      }
      if (parser_->is_done()) break;
      buffer_.close_up(start);
      if (buffer_.room() == 0) {
        co_await refuse(400, "a chunk's head is too long");
        co_return false;
      }
    }
    if (!reading_) start_read(buffer_.space(), buffer_.room());
    if (!co_await more()) co_return false;
    const auto slowest = since_ + shared_.options.body_timeout +
                         std::chrono::seconds(body_.size() / kSlowestBodyBytesPerSecond);
    deadline = std::min(std::chrono::steady_clock::now() + shared_.options.body_timeout, slowest);
  }
  body_view_ = body_;
  co_return true;
}

// ---- answering

Task<void> HttpConnection::handle() {
  phase_ = Phase::handling;
  deadline = kNever;
  ++shared_.at_work;
  read_ahead();
  std::string failure;
  try {
    co_await shared_.handler(*this);
  } catch (const std::exception& error) {
    failure = error.what();
  } catch (...) {
    failure = "unknown exception";
  }
  --shared_.at_work;
  if (answer_ == Answer::none && !gone_) {
    keep_alive_ = false;
    co_await refuse(500, "the server could not answer this request");
  } else if (answer_ == Answer::streaming) {
    cut();
  }
}

void HttpConnection::add_header(std::string_view name, std::string_view value) {
  if (has_line_break(name) || has_line_break(value)) return;
  extra_headers_.append(name).append(": ").append(value).append("\r\n");
}

void HttpConnection::head_of_answer(int status, std::span<const HeaderView> headers) {
  if (shared_.draining) keep_alive_ = false;
  head_.clear();
  head_ += http11_ ? "HTTP/1.1 " : "HTTP/1.0 ";
  char digits[8];
  head_.append(digits, std::to_chars(digits, digits + sizeof digits, status).ptr);
  head_.append(" ").append(reason_phrase(status)).append("\r\nDate: ").append(side_.loop->impl().http_date());
  head_.append("\r\n").append(extra_headers_);
  for (const HeaderView& field : headers) {
    if (has_line_break(field.name) || has_line_break(field.value)) continue;
    head_.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  if (!keep_alive_)
    head_ += "Connection: close\r\n";
  else if (!http11_)
    head_ += "Connection: keep-alive\r\n";
}

Task<Result<void>> HttpConnection::respond(int status, std::span<const HeaderView> headers,
                                           std::span<const std::string_view> body) {
  head_of_answer(status, headers);
  std::size_t length = 0;
  for (const auto piece : body) length += piece.size();
  char digits[24];
  if (status != 204 && status != 304)
    head_.append("Content-Length: ")
        .append(digits, std::to_chars(digits, digits + sizeof digits, length).ptr)
        .append("\r\n");
  head_ += "\r\n";
  add_to_write(head_);
  if (!head_only_)
    for (const auto piece : body) add_to_write(piece);
  answer_ = Answer::done;
  if (auto at_once = write_now()) co_return *std::move(at_once);
  co_return co_await write_all();
}

void HttpConnection::begin(int status, std::span<const HeaderView> headers) {
  chunked_ = http11_;
  if (!http11_) keep_alive_ = false;
  head_of_answer(status, headers);
  if (chunked_) head_ += "Transfer-Encoding: chunked\r\n";
  head_ += "\r\n";
  head_waits_ = true;
  answer_ = Answer::streaming;
}

Task<Result<void>> HttpConnection::flush() {
  if (!head_waits_) co_return Result<void>{};
  head_waits_ = false;
  add_to_write(head_);
  if (auto at_once = write_now()) co_return *std::move(at_once);
  co_return co_await write_all();
}

void HttpConnection::add_chunk(std::span<const std::string_view> pieces) {
  if (std::exchange(head_waits_, false)) add_to_write(head_);
  std::size_t length = 0;
  for (const auto piece : pieces) length += piece.size();
  if (length == 0 || head_only_) return;  // an empty chunk would be the end
  if (chunked_) {
    char* end = std::to_chars(chunk_size_, chunk_size_ + 16, length, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    add_to_write({chunk_size_, static_cast<std::size_t>(end - chunk_size_)});
  }
  for (const auto piece : pieces) add_to_write(piece);
  if (chunked_) add_to_write("\r\n");
}

Task<Result<void>> HttpConnection::write(std::span<const std::string_view> pieces) {
  add_chunk(pieces);
  if (auto at_once = write_now()) co_return *std::move(at_once);
  co_return co_await write_all();
}

Task<Result<void>> HttpConnection::end(std::span<const std::string_view> pieces) {
  add_chunk(pieces);
  if (chunked_ && !head_only_) add_to_write("0\r\n\r\n");
  answer_ = Answer::done;
  if (auto at_once = write_now()) co_return *std::move(at_once);
  co_return co_await write_all();
}

void HttpConnection::cut() {
  keep_alive_ = false;
  answer_ = Answer::done;
  head_waits_ = false;
  close();
}

void HttpConnection::add_to_write(std::string_view piece) {
  if (!piece.empty()) out_.push_back({const_cast<char*>(piece.data()), piece.size()});
}

// Most answers fit into the socket's buffer: no coroutine, no round through the reactor.
std::optional<Result<void>> HttpConnection::write_now() {
  constexpr std::size_t kMostPieces = 64;
  while (out_first_ < out_.size()) {
    msghdr message{};
    message.msg_iov = out_.data() + out_first_;
    message.msg_iovlen = std::min(kMostPieces, out_.size() - out_first_);
    ssize_t sent =
        socket_.is_open() ? ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
    if (sent < 0 && socket_.is_open()) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    }
    if (sent < 0) {
      out_.clear();
      out_first_ = 0;
      gone_ = true;
      keep_alive_ = false;
      stop_.request_stop();
      return fail(timed_out_ ? ErrorKind::timeout : ErrorKind::io, "write an answer: the client is gone");
    }
    while (sent > 0) {
      iovec& first = out_[out_first_];
      const std::size_t taken = std::min(static_cast<std::size_t>(sent), first.iov_len);
      first.iov_base = static_cast<char*>(first.iov_base) + taken;
      first.iov_len -= taken;
      sent -= static_cast<ssize_t>(taken);
      if (first.iov_len == 0) ++out_first_;
    }
  }
  out_.clear();
  out_first_ = 0;
  return Result<void>{};
}

Task<Result<void>> HttpConnection::write_all() {
  for (;;) {
    if (auto done = write_now()) {
      deadline = kNever;
      co_return *std::move(done);
    }
    set_deadline(shared_.options.write_timeout);
    WriteReady ready{socket_, shared_from_this()};
    co_await ready;
  }
}

// ---- the end

std::string HttpConnection::too_large() const {
  return fmt::format("the body is larger than {} bytes", shared_.options.max_body_bytes);
}

// g++ 12 destroys temporaries of a conditional expression twice when they stand in a co_await (its bug
// 101765 and kin), so what is given to this one has a name everywhere.
Task<void> HttpConnection::refuse(int status, std::string_view message) {
  ++shared_.refused;
  keep_alive_ = head_only_ = timed_out_ = false;
  std::string body(message);
  std::string_view type = "text/plain";
  if (shared_.options.error_body) {
    body = shared_.options.error_body(status, message);
    type = shared_.options.error_content_type;
  }
  const auto written = co_await HttpExchange::respond(status, type, body);
  if (written) co_await linger();
}

// Closing while the client still sends would reset the connection and take the answer from it, so
// what comes is read and thrown away for a while.
Task<void> HttpConnection::linger() {
  phase_ = Phase::closing;
  if (gone_ || !socket_.is_open()) co_return;
  set_deadline(shared_.draining ? kDrainGrace : kLingerFor);
  boost::system::error_code ignored;
  socket_.shutdown(StreamSocket::shutdown_send, ignored);
  for (;;) {
    if (reading_ && !co_await more()) co_return;
    buffer_.clear();
    buffer_.make_room(kFirstBuffer);
    start_read(buffer_.space(), buffer_.room());
    if (!co_await more()) co_return;
  }
}

void HttpConnection::drain() {
  if (phase_ == Phase::idle) set_deadline(kDrainGrace);
}

void HttpConnection::request_stop() {
  stop_.request_stop();
}

void HttpConnection::close() {
  side_.all.erase(this);
  phase_ = Phase::closing;
  deadline = kNever;
  gone_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  stop_.request_stop();
}

void HttpConnection::set_deadline(std::chrono::milliseconds from_now) {
  deadline = std::chrono::steady_clock::now() + from_now;
}

void HttpConnection::on_deadline() {
  const auto self = shared_from_this();
  timed_out_ = true;
  if (phase_ == Phase::head || phase_ == Phase::body) {
    // One try to say why; a client that does not read learns it from the closed connection.
    const std::string body =
        shared_.options.error_body ? shared_.options.error_body(408, "the request did not come in time") : "";
    const std::string text = fmt::format(
        "HTTP/1.1 408 Request Timeout\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: "
        "close\r\n\r\n{}",
        shared_.options.error_content_type, body.size(), body);
    [[maybe_unused]] const auto sent =
        ::send(socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  close();
}

}  // namespace studio
