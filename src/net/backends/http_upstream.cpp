// The pools of upstream connections: one a loop, touched on that loop only.
#include "net/http_upstream.h"

#include <algorithm>
#include <semaphore>

#include <fmt/format.h>

#include "net/backends/upstream_connection.h"

namespace studio {
namespace {

// May run on any thread: the one that requests the stop.
struct CancelOnStop {
  Loop* loop;
  std::weak_ptr<UpstreamConnection> connection;
  void operator()() const {
    if (loop->is_current()) {
      if (const auto alive = connection.lock()) alive->cancel();
      return;
    }
    loop->post([weak = connection] {
      if (const auto alive = weak.lock()) alive->cancel();
    });
  }
};

}  // namespace

class HttpUpstreams::Pool {
 public:
  explicit Pool(const UpstreamOptions& options) : options_(options) {}

  struct Place {
    UpstreamAddress address;
    std::unique_ptr<asio::ssl::context> tls;                // null: plain
    std::vector<std::shared_ptr<UpstreamConnection>> idle;  // the last used at the end
  };

  Result<Place*> place_of(const Endpoint& endpoint) {
    for (auto& place : places_)
      if (place->address.endpoint.base_url == endpoint.base_url &&
          place->address.endpoint.unix_socket == endpoint.unix_socket &&
          place->address.endpoint.ca_file == endpoint.ca_file)
        return place.get();
    TRY_ASSIGN(auto address, UpstreamAddress::of(endpoint));
    auto place = std::make_unique<Place>(Place{std::move(address), nullptr, {}});
    if (place->address.tls) {
      TRY_ASSIGN(place->tls, trusting(endpoint));
    }
    places_.push_back(std::move(place));
    return places_.back().get();
  }

  std::shared_ptr<UpstreamConnection> take_idle(Place& place) {
    if (place.idle.empty()) return nullptr;
    auto connection = std::move(place.idle.back());
    place.idle.pop_back();
    connection->leave_idle();
    return connection;
  }

  void give_back(Place& place, std::shared_ptr<UpstreamConnection> connection) {
    if (closed_ || !connection->reusable() || place.idle.size() >= options_.idle_per_endpoint) {
      connection->close();
      return;
    }
    connection->wait_idle(options_.idle_timeout, [&place](UpstreamConnection& ended) {
      const auto at = std::find_if(place.idle.begin(), place.idle.end(),
                                   [&](const auto& each) { return each.get() == &ended; });
      if (at == place.idle.end()) return;
      const auto keep = std::move(*at);
      place.idle.erase(at);
      keep->close();
    });
    place.idle.push_back(std::move(connection));
  }

  void close() {
    closed_ = true;
    for (auto& place : places_) {
      const auto idle = std::move(place->idle);
      place->idle.clear();
      for (auto& each : idle) {
        each->leave_idle();
        each->close();
      }
    }
  }

  const UpstreamOptions& options() const { return options_; }

 private:
  // The machine's authorities, and those of the endpoint's own file.
  static Result<std::unique_ptr<asio::ssl::context>> trusting(const Endpoint& endpoint) {
    auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
    boost::system::error_code failed;
    context->set_default_verify_paths(failed);  // without any, https is refused at its handshake
    if (endpoint.ca_file.empty()) return context;
    context->load_verify_file(endpoint.ca_file, failed);
    if (failed)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("read the authorities to trust for {} from {}: {}", endpoint.to_string(),
                              endpoint.ca_file, failed.message()),
                  "ca_file is a text file with one or several PEM certificates");
    return context;
  }

  UpstreamOptions options_;
  bool closed_ = false;
  std::vector<std::unique_ptr<Place>> places_;
};

// Public to this file through UpstreamResponse::Impl.
struct UpstreamResponse::Impl {
  std::shared_ptr<UpstreamConnection> connection;
  std::function<void(std::shared_ptr<UpstreamConnection>)> give_back;
  std::optional<std::stop_callback<CancelOnStop>> on_stop;
  std::chrono::milliseconds idle_timeout{0};

  ~Impl() {
    on_stop.reset();
    if (give_back)
      give_back(std::move(connection));
    else if (connection)
      connection->close();
  }
};

UpstreamResponse::UpstreamResponse(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UpstreamResponse::UpstreamResponse(UpstreamResponse&&) noexcept = default;
UpstreamResponse& UpstreamResponse::operator=(UpstreamResponse&&) noexcept = default;
UpstreamResponse::~UpstreamResponse() = default;

int UpstreamResponse::status() const {
  return impl_->connection->status();
}
std::span<const HeaderView> UpstreamResponse::headers() const {
  return impl_->connection->headers();
}
bool UpstreamResponse::done() const {
  return impl_->connection->done();
}
bool UpstreamResponse::has_piece() const {
  return impl_->connection->has_piece();
}

std::string_view UpstreamResponse::header(std::string_view name) const {
  for (const HeaderView& field : headers())
    if (same_header_name(field.name, name)) return field.value;
  return {};
}

Task<Result<std::span<const std::string_view>>> UpstreamResponse::read() {
  return impl_->connection->read_body(impl_->idle_timeout);
}

Task<Result<std::string>> UpstreamResponse::read_all(std::size_t max_bytes) {
  std::string all;
  for (;;) {
    auto pieces = co_await read();
    if (!pieces) co_return std::unexpected(pieces.error());
    if (pieces->empty()) co_return all;
    for (const auto piece : *pieces) all += piece;
    if (all.size() > max_bytes)
      co_return fail(ErrorKind::limit_exceeded,
                     fmt::format("read an answer: it is larger than {} bytes", max_bytes));
  }
}

Result<std::unique_ptr<HttpUpstreams>> HttpUpstreams::create(Loops& loops, const UpstreamOptions& options) {
  std::vector<std::unique_ptr<Pool>> pools;
  for (std::size_t i = 0; i < loops.size(); ++i) pools.push_back(std::make_unique<Pool>(options));
  return std::unique_ptr<HttpUpstreams>(new HttpUpstreams(loops, std::move(pools)));
}

HttpUpstreams::HttpUpstreams(Loops& loops, std::vector<std::unique_ptr<Pool>> pools)
    : loops_(&loops), pools_(std::move(pools)) {}

HttpUpstreams::~HttpUpstreams() {
  // Twice through each loop: closing ends reads whose handlers still hold connections.
  for (int round = 0; round < 2; ++round) {
    std::counting_semaphore<256> closed{0};
    for (std::size_t i = 0; i < pools_.size(); ++i)
      loops_->at(i).post([&, i] {
        pools_[i]->close();
        closed.release();
      });
    for (std::size_t i = 0; i < pools_.size(); ++i) closed.acquire();
  }
}

Task<Result<UpstreamResponse>> HttpUpstreams::open(Loop& loop, const UpstreamRequest& request) {
  Pool& pool = *pools_[loop.index()];
  UpstreamTrace unwatched;
  UpstreamTrace& trace = request.trace ? *request.trace : unwatched;
  trace = {};
  if (request.stop.stop_requested())
    co_return fail(ErrorKind::interrupted, "send a request: stopped before it was sent");
  auto place = pool.place_of(*request.endpoint);
  if (!place) co_return std::unexpected(place.error());

  auto response = std::make_unique<UpstreamResponse::Impl>();
  response->idle_timeout = request.idle_timeout;
  for (;;) {
    auto connection = pool.take_idle(**place);
    trace.reused = connection != nullptr;
    if (!connection)
      connection =
          std::make_shared<UpstreamConnection>(loop, (*place)->address, pool.options().max_header_bytes);
    response->on_stop.reset();
    response->connection = connection;
    if (request.stop.stop_possible())
      response->on_stop.emplace(request.stop, CancelOnStop{&loop, connection});
    if (!trace.reused) {
      const auto connected = co_await connection->connect(request.connect_timeout, (*place)->tls.get());
      if (!connected) co_return std::unexpected(connected.error());
    }
    trace.connected = true;
    const auto sent = co_await connection->send(request, trace);
    // A pooled connection that was closed meanwhile took nothing: the next one may.
    if (!sent && trace.reused && !trace.sent && !request.stop.stop_requested()) {
      connection->close();
      continue;
    }
    if (!sent) co_return std::unexpected(sent.error());
    break;
  }
  const auto answered = co_await response->connection->read_head(request, trace);
  if (!answered) co_return std::unexpected(answered.error());
  response->give_back = [&pool, where = *place](std::shared_ptr<UpstreamConnection> connection) {
    pool.give_back(*where, std::move(connection));
  };
  co_return UpstreamResponse(std::move(response));
}

}  // namespace studio
