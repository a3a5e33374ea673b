// One connection to an upstream: connects, sends a request, reads the answer, waits idle for the next.
#pragma once

#include <memory>
#include <optional>

#include <sys/uio.h>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "net/backends/asio_loop.h"
#include "net/backends/http_parsers.h"
#include "net/backends/read_buffer.h"
#include "net/http_upstream.h"

namespace studio {

// An endpoint's address, taken apart once.
struct UpstreamAddress {
  Endpoint endpoint;
  bool tls = false;
  std::string host, port;   // of TCP
  std::string tls_name;     // that the certificate must be for
  std::string host_header;  // with the port when it is not the scheme's own
  std::string prefix;       // of every path

  static Result<UpstreamAddress> of(const Endpoint& endpoint);
};

class UpstreamConnection final : public Timed, public std::enable_shared_from_this<UpstreamConnection> {
 public:
  // Called, at most once, when the other side ends an idle connection or it has waited too long.
  using WhenIdleEnds = std::function<void(UpstreamConnection&)>;

  UpstreamConnection(Loop& loop, const UpstreamAddress& address, std::uint32_t max_header_bytes);
  ~UpstreamConnection() override;

  Task<Result<void>> connect(std::chrono::milliseconds timeout, asio::ssl::context* tls);
  Task<Result<void>> send(const UpstreamRequest& request, UpstreamTrace& trace);
  Task<Result<void>> read_head(const UpstreamRequest& request, UpstreamTrace& trace);
  Task<Result<std::span<const std::string_view>>> read_body(std::chrono::milliseconds idle_timeout);

  int status() const { return parser_->status; }
  std::span<const HeaderView> headers() const { return headers_; }
  bool done() const { return parser_ && parser_->is_done(); }
  bool has_piece() const { return !done() && buffer_.unused() > 0; }
  bool reusable() const;
  void wait_idle(std::chrono::milliseconds timeout, WhenIdleEnds when_idle_ends);
  void leave_idle();
  void cancel();  // by the request's stop
  void close();
  Loop& loop() const { return loop_; }

 private:
  Task<Result<void>> connect_to(int family, const void* address, std::size_t length);
  Task<Result<void>> handshake(asio::ssl::context& tls);
  Task<Result<void>> send_plain(UpstreamTrace& trace);
  Task<Result<void>> send_tls(UpstreamTrace& trace);
  void start_read();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  void on_deadline() override;
  std::unexpected<Error> failure(std::string_view what) const;

  struct More {
    UpstreamConnection& self;
    bool await_ready() const noexcept { return !self.reading_; }
    void await_suspend(std::coroutine_handle<> waiter) const noexcept { self.reader_ = waiter; }
    void await_resume() const noexcept {}
  };

  Loop& loop_;
  const UpstreamAddress& address_;
  std::uint32_t max_header_bytes_;
  StreamSocket socket_;
  std::unique_ptr<asio::ssl::stream<StreamSocket&>> tls_;

  ReadBuffer buffer_;
  std::size_t body_from_ = 0;  // the head before it is viewed and stays
  bool reading_ = false;
  std::coroutine_handle<> reader_;
  boost::system::error_code end_;  // why no more comes
  bool timed_out_ = false;
  bool cancelled_ = false;

  std::optional<ResponseParser> parser_;
  std::vector<HeaderView> headers_;
  std::vector<std::string_view> pieces_;
  std::string head_;
  std::vector<iovec> out_;
  std::chrono::seconds keep_alive_for_{0};  // as the other side says
  WhenIdleEnds when_idle_ends_;
};

}  // namespace studio
