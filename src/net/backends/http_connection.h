// One client's connection to the server: reads requests, runs the handler, writes answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>

#include <sys/uio.h>

#include "net/backends/asio_loop.h"
#include "net/backends/http_parsers.h"
#include "net/backends/read_buffer.h"
#include "net/http_server.h"

namespace studio {

class HttpConnection;

// What the connections of one loop share. Touched on that loop only.
struct HttpConnections {
  Loop* loop = nullptr;
  std::unordered_set<HttpConnection*> all;  // that are open
};

// What all connections of a server share.
struct HttpShared {
  HttpServerOptions options;
  HttpHandler handler;
  std::vector<HttpConnections> loops;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> at_work{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> buffered_bytes{0};

  std::mutex mutex;  // for all_closed only
  std::condition_variable all_closed;

  // Under the lock, so that stop() cannot have returned and freed it all in between.
  void connection_ended() {
    const std::lock_guard lock(mutex);
    if (connections.fetch_sub(1) == 1) all_closed.notify_all();
  }
};

class HttpConnection final : public HttpExchange,
                             public Timed,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  // Takes the descriptor. On the loop of `side`.
  static void start(HttpShared& shared, HttpConnections& side, int family, int fd, std::string remote,
                    bool loopback);
  ~HttpConnection() override;

  bool waits_for_request() const { return phase_ == Phase::idle || phase_ == Phase::head; }
  SteadyTime waiting_since() const { return since_; }
  void drain();         // closes soon if no request comes
  void request_stop();  // of the handler
  void close();

  std::string_view method() const override { return parser_->method; }
  std::string_view target() const override { return parser_->target; }
  std::span<const HeaderView> headers() const override { return headers_; }
  std::string_view body() const override { return body_view_; }
  std::string_view remote() const override { return remote_; }
  bool remote_is_loopback() const override { return loopback_; }
  std::stop_token stop() const override { return stop_.get_token(); }
  Loop& loop() const override { return *side_.loop; }
  void add_header(std::string_view name, std::string_view value) override;
  Task<Result<void>> respond(int status, std::span<const HeaderView> headers,
                             std::span<const std::string_view> body) override;
  void begin(int status, std::span<const HeaderView> headers) override;
  Task<Result<void>> flush() override;
  Task<Result<void>> write(std::span<const std::string_view> pieces) override;
  Task<Result<void>> end(std::span<const std::string_view> pieces) override;
  using HttpExchange::end;
  using HttpExchange::respond;
  using HttpExchange::write;
  void cut() override;
  bool begun() const override { return answer_ != Answer::none; }

 private:
  enum class Phase { idle, head, body, handling, closing };
  enum class Answer { none, streaming, done };

  HttpConnection(HttpShared& shared, HttpConnections& side, int family, int fd, std::string remote,
                 bool loopback);
  Task<void> run();
  Task<bool> read_head();
  Task<bool> read_body();
  Task<bool> read_sized_body(std::uint64_t length);
  Task<bool> read_chunked_body();
  Task<void> handle();
  Task<void> refuse(int status, std::string_view message);
  Task<void> linger();
  std::string too_large() const;

  // Reading. At most one read is under way; while the handler works it watches for the client's end.
  void start_read(char* at, std::size_t room);
  void read_ahead();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  // Waits for the read under way; false when the client is gone.
  struct More {
    HttpConnection& self;
    bool await_ready() const noexcept { return !self.reading_; }
    void await_suspend(std::coroutine_handle<> waiter) const noexcept { self.reader_ = waiter; }
    bool await_resume() const noexcept { return !self.gone_; }
  };
  More more() { return More{*this}; }
  bool claim(std::uint64_t bytes);

  void head_of_answer(int status, std::span<const HeaderView> headers);
  void add_to_write(std::string_view piece);
  void add_chunk(std::span<const std::string_view> pieces);
  std::optional<Result<void>> write_now();  // nothing: the kernel takes no more for now
  Task<Result<void>> write_all();
  void set_deadline(std::chrono::milliseconds from_now);
  void on_deadline() override;

  HttpShared& shared_;
  HttpConnections& side_;
  StreamSocket socket_;
  std::string remote_;
  bool loopback_;
  std::stop_source stop_;

  Phase phase_ = Phase::idle;
  SteadyTime since_;
  bool timed_out_ = false;
  bool keep_alive_ = true;

  ReadBuffer buffer_;
  bool reading_ = false;
  bool into_buffer_ = false;
  bool gone_ = false;    // the client's end came
  std::size_t got_ = 0;  // bytes of the last read
  std::coroutine_handle<> reader_;

  std::optional<RequestParser> parser_;
  std::vector<HeaderView> headers_;
  std::vector<std::string_view> pieces_;
  std::string body_;
  std::string_view body_view_;
  std::uint64_t claimed_ = 0;  // of shared_.buffered_bytes

  Answer answer_ = Answer::none;
  bool http11_ = true;
  bool chunked_ = false;
  bool head_waits_ = false;  // the answer's head is in head_, not written yet
  bool head_only_ = false;   // HEAD
  std::string extra_headers_;
  std::string head_;
  char chunk_size_[20];
  std::vector<iovec> out_;
  std::size_t out_first_ = 0;
};

}  // namespace studio
