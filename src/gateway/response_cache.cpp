// Answers in memory, in shards by their key; answers being made beside them; a store behind both.
#include "gateway/response_cache.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>

#include "gateway/cached_form.h"

namespace studio {

std::uint64_t CachedResponse::bytes() const {
  std::uint64_t sum = content_type.size() + 64;
  for (const std::string& piece : pieces) sum += piece.size() + 32;
  return sum;
}

struct Flight::Shared {
  mutable std::mutex mutex;  // of everything below but the counters
  State state = State::running;
  int status = 0;
  std::string content_type;
  std::vector<std::string> pieces;
  std::uint64_t bytes = 0;
  bool too_large = false;  // nobody may join any more, and without readers nothing is kept
  std::vector<std::pair<std::size_t, std::function<void()>>> waiting;
  std::atomic<int> readers{0};

  // Takes those out who have something to see; they are called without the lock.
  std::vector<std::function<void()>> take_woken() {
    std::vector<std::function<void()>> woken;
    std::erase_if(waiting, [&](auto& entry) {
      if (state == State::running && pieces.size() <= entry.first) return false;
      woken.push_back(std::move(entry.second));
      return true;
    });
    return woken;
  }
};

Flight::Flight(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {
  shared_->readers.fetch_add(1, std::memory_order_relaxed);
}

Flight::~Flight() {
  shared_->readers.fetch_sub(1, std::memory_order_relaxed);
}

Flight::Look Flight::look(std::size_t index) const {
  const std::lock_guard lock(shared_->mutex);
  if (index < shared_->pieces.size()) return {shared_->state, shared_->pieces[index]};
  return {shared_->state, std::nullopt};
}

int Flight::status() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->status;
}

std::string Flight::content_type() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->content_type;
}

void Flight::when_more(std::size_t index, std::function<void()> wake) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->state == State::running && shared_->pieces.size() <= index) {
      shared_->waiting.emplace_back(index, std::move(wake));
      return;
    }
  }
  wake();
}

namespace {

struct KeyHash {
  std::size_t operator()(const std::string& key) const {
    std::size_t value = 0;
    std::memcpy(&value, key.data(), std::min(key.size(), sizeof value));
    return value;
  }
};

struct Entry {
  std::string key;
  std::shared_ptr<const CachedResponse> response;
  std::uint64_t bytes = 0;
};

struct Shard {
  std::mutex mutex;          // of everything below
  std::list<Entry> entries;  // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator, KeyHash> by_key;
  std::unordered_map<std::string, std::shared_ptr<Flight::Shared>, KeyHash> flights;
  std::uint64_t bytes = 0;
};

constexpr std::size_t kShards = 8;
// Writes to the store that wait; past it the oldest is dropped: a store that cannot follow costs hits, not
// memory.
constexpr std::size_t kMostPending = 1024;

}  // namespace

struct ResponseCache::State {
  ResponseCacheOptions options;
  std::unique_ptr<CacheStore> store;
  std::array<Shard, kShards> shards;
  std::atomic<std::uint64_t> hits{0}, misses{0}, joined{0}, stored{0}, evicted{0}, store_failures{0};
  std::mutex pending_mutex;  // of the two below
  std::deque<std::pair<std::string, std::shared_ptr<const CachedResponse>>> pending;
  std::function<void()> tell;

  Shard& shard(const std::string& key) { return shards[static_cast<unsigned char>(key.back()) % kShards]; }
  std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(options.clock().time_since_epoch()).count();
  }
  bool fresh(const CachedResponse& response) const {
    return now() - response.made_at < options.max_age.count();
  }
  void keep(const std::string& key, std::shared_ptr<const CachedResponse> response, bool write);
  void end(const std::string& key, const std::shared_ptr<Flight::Shared>& flight, Flight::State how);
};

struct Producer::State {
  std::shared_ptr<ResponseCache::State> cache;
  std::string key;
  std::shared_ptr<Flight::Shared> flight;
  bool ended = false;
};

void ResponseCache::State::keep(const std::string& key, std::shared_ptr<const CachedResponse> response,
                                bool write) {
  const std::uint64_t bytes = response->bytes();
  {
    Shard& s = shard(key);
    const std::lock_guard lock(s.mutex);
    if (const auto old = s.by_key.find(key); old != s.by_key.end()) {
      s.bytes -= old->second->bytes;
      s.entries.erase(old->second);
      s.by_key.erase(old);
    }
    if (bytes <= options.memory_bytes / kShards) {
      s.entries.push_front({key, response, bytes});
      s.by_key.emplace(key, s.entries.begin());
      s.bytes += bytes;
    }
    while (s.bytes > options.memory_bytes / kShards) {
      s.bytes -= s.entries.back().bytes;
      s.by_key.erase(s.entries.back().key);
      s.entries.pop_back();
      evicted.fetch_add(1, std::memory_order_relaxed);
    }
  }
  stored.fetch_add(1, std::memory_order_relaxed);
  if (!store || !write) return;
  std::function<void()> wake;
  {
    const std::lock_guard lock(pending_mutex);
    pending.emplace_back(key, std::move(response));
    if (pending.size() > kMostPending) pending.pop_front();
    wake = tell;
  }
  if (wake) wake();
}

void ResponseCache::State::end(const std::string& key, const std::shared_ptr<Flight::Shared>& flight,
                               Flight::State how) {
  {
    Shard& s = shard(key);
    const std::lock_guard lock(s.mutex);
    if (const auto found = s.flights.find(key); found != s.flights.end() && found->second == flight)
      s.flights.erase(found);
  }
  std::vector<std::function<void()>> woken;
  {
    const std::lock_guard lock(flight->mutex);
    flight->state = how;
    woken = flight->take_woken();
  }
  for (const auto& wake : woken) wake();
}

Producer::Producer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&& other) noexcept {
  Producer old(std::move(*this));  // its joined ones are told
  state_ = std::move(other.state_);
  return *this;
}
Producer::~Producer() {
  if (state_ && !state_->ended) state_->cache->end(state_->key, state_->flight, Flight::State::failed);
}

void Producer::begin(int status, std::string content_type) {
  const std::lock_guard lock(state_->flight->mutex);
  state_->flight->status = status;
  state_->flight->content_type = std::move(content_type);
}

void Producer::add(std::string_view piece) {
  Flight::Shared& flight = *state_->flight;
  std::vector<std::function<void()>> woken;
  bool grown_too_large = false;
  {
    const std::lock_guard lock(flight.mutex);
    flight.bytes += piece.size() + 32;
    if (flight.bytes > state_->cache->options.max_response_bytes && !flight.too_large)
      flight.too_large = grown_too_large = true;
    // Readers still get what is too large to keep; without any, it is not even collected.
    if (!flight.too_large || flight.readers.load(std::memory_order_relaxed) > 0) {
      flight.pieces.emplace_back(piece);
      woken = flight.take_woken();
    } else {
      flight.pieces.clear();
    }
  }
  if (grown_too_large) {
    Shard& shard = state_->cache->shard(state_->key);
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.flights.find(state_->key);
        found != shard.flights.end() && found->second == state_->flight)
      shard.flights.erase(found);
  }
  for (const auto& wake : woken) wake();
}

void Producer::finish(bool complete) {
  if (state_->ended) return;
  state_->ended = true;
  Flight::Shared& flight = *state_->flight;
  std::shared_ptr<CachedResponse> response;
  {
    const std::lock_guard lock(flight.mutex);
    if (complete && flight.status == 200 && !flight.too_large)
      response = std::make_shared<CachedResponse>(flight.status, flight.content_type, flight.pieces, 0);
  }
  if (response) {
    response->made_at = state_->cache->now();
    state_->cache->keep(state_->key, std::move(response), true);
  }
  state_->cache->end(state_->key, state_->flight, Flight::State::done);
}

bool Producer::shared() const {
  return state_->flight->readers.load(std::memory_order_relaxed) > 0;
}

ResponseCache::ResponseCache(ResponseCacheOptions options, std::unique_ptr<CacheStore> store)
    : state_(std::make_shared<State>()) {
  if (!options.clock) options.clock = [] { return std::chrono::system_clock::now(); };
  state_->options = std::move(options);
  state_->store = std::move(store);
}

ResponseCache::~ResponseCache() = default;

CacheAnswer ResponseCache::begin(const CacheKey& key, bool refresh) {
  Shard& shard = state_->shard(key.bytes);
  auto producer = std::make_unique<Producer::State>();
  {
    const std::lock_guard lock(shard.mutex);
    if (const auto found = shard.by_key.find(key.bytes); !refresh && found != shard.by_key.end()) {
      if (state_->fresh(*found->second->response)) {
        shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
        state_->hits.fetch_add(1, std::memory_order_relaxed);
        return CacheHit{found->second->response};
      }
      shard.bytes -= found->second->bytes;
      shard.entries.erase(found->second);
      shard.by_key.erase(found);
    }
    if (const auto found = shard.flights.find(key.bytes); found != shard.flights.end()) {
      state_->joined.fetch_add(1, std::memory_order_relaxed);
      return CacheJoin{std::shared_ptr<Flight>(new Flight(found->second))};
    }
    producer->cache = state_;
    producer->key = key.bytes;
    producer->flight = std::make_shared<Flight::Shared>();
    shard.flights.emplace(key.bytes, producer->flight);
  }
  const bool ask_store = !refresh && state_->store && state_->store->may_have(key.bytes);
  if (!ask_store) state_->misses.fetch_add(1, std::memory_order_relaxed);
  return CacheMiss{Producer(std::move(producer)), ask_store};
}

std::shared_ptr<const CachedResponse> ResponseCache::load(Producer& producer) {
  Producer::State& p = *producer.state_;
  const auto missed = [&]() -> std::shared_ptr<const CachedResponse> {
    state_->misses.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  };
  if (!state_->store) return missed();
  auto found = state_->store->get(p.key);
  if (!found) {
    state_->store_failures.fetch_add(1, std::memory_order_relaxed);
    return missed();
  }
  if (!*found) return missed();
  auto decoded = read_cached(**found);
  if (!decoded || !state_->fresh(*decoded)) return missed();
  const auto response = std::make_shared<const CachedResponse>(*std::move(decoded));
  {
    const std::lock_guard lock(p.flight->mutex);
    p.flight->status = response->status;
    p.flight->content_type = response->content_type;
    p.flight->pieces = response->pieces;
  }
  p.ended = true;
  state_->hits.fetch_add(1, std::memory_order_relaxed);
  state_->keep(p.key, response, false);
  state_->end(p.key, p.flight, Flight::State::done);
  return response;
}

void ResponseCache::write_pending() {
  for (;;) {
    std::pair<std::string, std::shared_ptr<const CachedResponse>> next;
    {
      const std::lock_guard lock(state_->pending_mutex);
      if (state_->pending.empty()) return;
      next = std::move(state_->pending.front());
      state_->pending.pop_front();
    }
    if (!state_->store->put(next.first, write_cached(*next.second), state_->options.max_age))
      state_->store_failures.fetch_add(1, std::memory_order_relaxed);
  }
}

void ResponseCache::on_pending(std::function<void()> tell) {
  const std::lock_guard lock(state_->pending_mutex);
  state_->tell = std::move(tell);
}

Result<void> ResponseCache::clear() {
  for (Shard& shard : state_->shards) {
    const std::lock_guard lock(shard.mutex);
    shard.entries.clear();
    shard.by_key.clear();
    shard.bytes = 0;
  }
  {
    const std::lock_guard lock(state_->pending_mutex);
    state_->pending.clear();
  }
  return state_->store ? state_->store->clear() : Result<void>{};
}

CacheFigures ResponseCache::figures() const {
  CacheFigures out;
  out.hits = state_->hits;
  out.misses = state_->misses;
  out.joined = state_->joined;
  out.stored = state_->stored;
  out.evicted = state_->evicted;
  out.store_failures = state_->store_failures;
  for (Shard& shard : state_->shards) {
    const std::lock_guard lock(shard.mutex);
    out.memory_bytes += shard.bytes;
    out.entries += shard.entries.size();
  }
  return out;
}

}  // namespace studio
