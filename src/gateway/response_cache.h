// Answers kept under their canonical request, streams as pieces; equal requests in flight share one answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace studio {

// SHA-256 of what decides an answer.
struct CacheKey {
  std::string bytes;  // 32
  bool operator==(const CacheKey&) const = default;
};

enum class CacheWish {
  by_request,  // no header: kept only when the request is deterministic
  always,      // x-cache: use — also with a temperature
  refresh,     // cache-control: no-cache — answered anew and kept
  never,       // cache-control: no-store
};
// Reads `x-cache` and `cache-control` of a request (values, empty when absent).
CacheWish cache_wish(std::string_view x_cache, std::string_view cache_control);

// The key, or nothing when the request may not be kept: temperature 0 or a seed (embeddings, rerank: always),
// unless the wish says otherwise. Two requests have one key when they ask the same: order of fields in
// objects, defaults that are written out, `user`, `metadata`, 1 and 1.0 make no difference; everything else
// does, `stream` included (its pieces are kept). `path` is the endpoint, `model` the resolved name, `owner`
// separates API keys (their id; empty where answers are shared).
std::optional<CacheKey> cache_key(const Json& request, std::string_view path, std::string_view model,
                                  std::string_view owner, CacheWish wish = CacheWish::by_request);

struct CachedResponse {
  int status = 200;
  std::string content_type;
  std::vector<std::string> pieces;  // of the body as they were sent; one when it was no stream
  std::int64_t made_at = 0;         // Unix seconds
  std::uint64_t bytes() const;
};

// Where answers outlive the process. Blocking; called from a pool, several threads at a time.
class CacheStore {
 public:
  virtual ~CacheStore() = default;
  virtual Result<std::optional<std::string>> get(std::string_view key) = 0;
  virtual Result<void> put(std::string_view key, std::string_view value, std::chrono::seconds max_age) = 0;
  virtual Result<void> clear() = 0;
  // False: certainly not there, without asking (the embedded store knows its keys). Never blocks.
  virtual bool may_have(std::string_view key) const = 0;
  virtual std::string_view kind() const = 0;  // "sqlite", "redis"
};

struct SqliteStoreOptions {
  Path file;  // empty: in memory
  std::uint64_t max_bytes = 1ULL << 30;
};
Result<std::unique_ptr<CacheStore>> open_sqlite_store(const SqliteStoreOptions& options);

struct RedisStoreOptions {
  std::string url;  // "redis://[:password@]host[:port][/database]", "unix:/path.sock"
  std::string prefix = "studio:cache:";
  std::chrono::milliseconds connect_timeout{200}, timeout{200};
  // After a failure nothing is asked for this long: down means at most one slow request in a while.
  std::chrono::milliseconds retry_after{2000};
  int connections = 4;
};
// Connects at first use, so a Redis that is down is no error here; wrong_usage for a URL it cannot read.
Result<std::unique_ptr<CacheStore>> open_redis_store(const RedisStoreOptions& options);

// An answer being made, read by those who joined while its producer still writes.
class Flight {
 public:
  enum class State { running, done, failed };
  struct Look {
    State state;
    std::optional<std::string> piece;  // number `index`, when it is there
  };
  // Never blocks.
  Look look(std::size_t index) const;
  // Set by the first piece.
  int status() const;
  std::string content_type() const;
  // Calls `wake` once (from the producer's thread, or now) when more than `index` pieces are there or it
  // ended.
  void when_more(std::size_t index, std::function<void()> wake);
  ~Flight();
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  struct Shared;

 private:
  friend class Producer;
  friend class ResponseCache;
  explicit Flight(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
};

// The right and the duty to make one answer. Destroyed without finish(): those who joined see `failed` and
// ask for themselves; nothing is kept.
class Producer {
 public:
  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  ~Producer();

  // Before the first piece. Any thread, one at a time.
  void begin(int status, std::string content_type);
  void add(std::string_view piece);
  // Ends the flight and keeps the answer, unless its status is not 200 or it is too large. `complete` false:
  // the stream ended early (error event, cut): joined ones have seen the same, nothing is kept.
  void finish(bool complete = true);
  // Is anybody reading besides the producer? A client that goes does not end an answer others wait for.
  bool shared() const;

 private:
  friend class ResponseCache;
  struct State;
  explicit Producer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct CacheHit {
  std::shared_ptr<const CachedResponse> response;
};
struct CacheJoin {
  std::shared_ptr<Flight> flight;
};
struct CacheMiss {
  Producer producer;
  bool ask_store = false;  // the store may have it: call load() on a pool first
};
using CacheAnswer = std::variant<CacheHit, CacheJoin, CacheMiss>;

struct ResponseCacheOptions {
  std::uint64_t memory_bytes = 64u << 20;       // of the answers kept in memory; the longest unused go first
  std::uint64_t max_response_bytes = 4u << 20;  // larger ones are not kept
  std::chrono::seconds max_age{86400};
  std::function<std::chrono::system_clock::time_point()> clock;  // tests give their own
};

struct CacheFigures {
  std::uint64_t hits = 0, misses = 0, joined = 0, stored = 0, evicted = 0, store_failures = 0;
  std::uint64_t memory_bytes = 0, entries = 0;
};

// Memory in front of a store (may be null). Sharded locks held for a lookup only (under a microsecond).
class ResponseCache {
 public:
  ResponseCache(ResponseCacheOptions options, std::unique_ptr<CacheStore> store);
  ~ResponseCache();

  // Never blocks. `refresh` skips what is kept, but still joins a flight.
  CacheAnswer begin(const CacheKey& key, bool refresh = false);
  // Blocks on the store. What is found becomes the producer's answer (kept in memory, joined ones get it).
  // A store that fails is counted and gives nothing.
  std::shared_ptr<const CachedResponse> load(Producer& producer);
  // Writes answers that were finished since the last call to the store. Blocks: call it from a pool or a
  // thread of its own; `on_pending` is told when there is something.
  void write_pending();
  void on_pending(std::function<void()> tell);
  Result<void> clear();
  CacheFigures figures() const;

 private:
  friend class Producer;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace studio
