// What all requests of a gateway share, and who calls: for the request paths of this room only.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/access_log.h"
#include "gateway/config.h"
#include "gateway/gateway.h"
#include "gateway/keys.h"
#include "gateway/metrics.h"
#include "gateway/openai_errors.h"
#include "gateway/places.h"
#include "gateway/response_cache.h"
#include "gateway/router.h"
#include "net/http_server.h"
#include "net/http_upstream.h"

namespace studio {

// Which engine answered a conversation last, so that its next request finds the engine's prefix cache. A
// table of atomics: what is pushed out of it is only slower.
class Conversations {
 public:
  std::optional<std::size_t> slot_of(std::uint64_t hash) const {
    const std::uint64_t entry = entries_[hash % kEntries].load(std::memory_order_relaxed);
    if (entry >> 16 != hash >> 16) return std::nullopt;
    return entry & 0xffff;
  }
  void remember(std::uint64_t hash, std::size_t slot) {
    entries_[hash % kEntries].store((hash & ~std::uint64_t{0xffff}) | (slot & 0xffff),
                                    std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kEntries = 8192;
  std::unique_ptr<std::atomic<std::uint64_t>[]> entries_ =
      std::make_unique<std::atomic<std::uint64_t>[]>(kEntries);
};

// One reading of the configuration. Requests keep the one they began with.
struct GatewaySettings {
  GatewayConfig config;
  std::shared_ptr<const Router> router;
  bool keys_required = false;
  std::vector<std::string> names;  // for /v1/models: what can be asked here
  std::shared_ptr<Conversations> conversations = std::make_shared<Conversations>();
};

class EventFeed;

struct GatewayCore : std::enable_shared_from_this<GatewayCore> {
  explicit GatewayCore(GatewayOptions given) : options(std::move(given)), log(options.log_fd) {}

  GatewayOptions options;
  std::shared_ptr<EnginePlaces> places;
  std::unique_ptr<Loops> loops;
  std::unique_ptr<HttpUpstreams> upstreams;
  std::unique_ptr<KeyStore> keys;
  std::unique_ptr<ResponseCache> cache;  // null: switched off
  std::shared_ptr<EventFeed> events;     // null without a manager
  Metrics metrics;
  AccessLog log;
  std::unique_ptr<HttpServer> server;
  std::atomic<bool> draining{false};
  std::atomic<bool> can_answer{false};
  std::int64_t started_at = 0;  // Unix seconds
  // After a key was made or revoked: whether keys are required may have changed.
  std::function<void()> keys_changed;
  std::atomic<bool> writing_cache{false};

  // One a loop, read and replaced on that loop only: no request takes a lock for it.
  std::vector<std::shared_ptr<const GatewaySettings>> settings;
  const std::shared_ptr<const GatewaySettings>& settings_of(const Loop& loop) const {
    return settings[loop.index()];
  }

  Task<void> handle(HttpExchange& exchange);
};

// Who asks. Without a key: somebody on this machine, who may do everything.
struct Caller {
  std::shared_ptr<KeyState> key;
  std::string_view id() const { return key ? std::string_view(key->key.id) : std::string_view(); }
  bool may_use(std::string_view model) const { return !key || key->may_use(model); }
};

// Checks key, scope and that no web page of elsewhere asks (Origin); the error to answer with otherwise.
std::optional<ApiError> find_caller(GatewayCore& core, const HttpExchange& exchange,
                                    const GatewaySettings& settings, std::string_view scope, Caller& caller);
// A browser's question whether a page may ask (CORS, Fetch standard 3.2), and the header that lets it read
// the answer: for pages served from this machine. True when the question is answered.
Task<bool> answer_pages(HttpExchange& exchange);
// The client's x-request-id when it is plain, else a new one.
std::string request_id_of(const HttpExchange& exchange);
// With Retry-After when the error has one.
Task<void> respond_error(HttpExchange& exchange, const ApiError& error);
Task<void> respond_json(HttpExchange& exchange, int status, const Json& body);

// The paths outside inference. True when the path was theirs and is answered.
Task<bool> answer_admin(GatewayCore& core, HttpExchange& exchange, const GatewaySettings& settings);
}  // namespace studio
