// API keys: stored as hashes, with scopes, rate and token limits.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace studio {

// A bucket that fills evenly, as one atomic: the theoretical arrival time (GCRA, ITU-T I.371). No lock, ~20
// ns.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;
  // `per_minute` 0 or less: no limit. `burst` is how many may come at once; 0: a minute's worth.
  TokenBucket(double per_minute, double burst = 0);
  // Takes `n` and gives zero, or takes nothing and gives how long until `n` would be there.
  std::chrono::nanoseconds take(double n, Clock::time_point now) noexcept;
  // Takes `n` afterwards, also more than is there: tokens are known when the answer is over.
  void charge(double n, Clock::time_point now) noexcept;
  double left(Clock::time_point now) const noexcept;
  double limit() const noexcept { return burst_; }
  bool unlimited() const noexcept { return interval_ns_ <= 0; }

 private:
  double interval_ns_ = 0, burst_ = 0;
  std::atomic<std::int64_t> full_at_{0};  // when the bucket is full again, in ns of the clock
};

struct KeyLimits {
  double requests_per_minute = 0;  // 0: none
  double tokens_per_minute = 0;    // prompt and completion tokens
  bool operator==(const KeyLimits&) const = default;
};

struct ApiKey {
  std::string id;                   // "key_3fa9…": names it in logs, caches and /admin
  std::string name;                 // what the person calls it
  std::string hint;                 // the last four characters
  std::vector<std::string> scopes;  // "inference", "admin", "metrics"; "*": all
  std::vector<std::string> models;  // allowed names; empty: all
  KeyLimits limits;
  std::int64_t made_at = 0, expires_at = 0;  // Unix seconds; 0: never
  bool revoked = false;
};
// As `studio keys` and /admin/keys tell it: never the secret.
Json key_json(const ApiKey& key);

// An authenticated key with its buckets; shared by all requests of the key.
struct KeyState {
  // `defaults` count where the key has no limit of its own.
  explicit KeyState(ApiKey key, const KeyLimits& defaults = {});
  ApiKey key;
  TokenBucket requests, tokens;
  std::atomic<std::int64_t> used_at{0};
  bool may(std::string_view scope) const;
  bool may_use(std::string_view model) const;
};

struct NewKey {
  std::string name;
  std::vector<std::string> scopes{"inference"};
  std::vector<std::string> models;
  KeyLimits limits;
  std::chrono::seconds lifetime{0};  // 0: for ever
};

struct KeyStoreOptions {
  Path file;  // empty: in memory
  // Keys given by configuration or environment, beside those of the file; never written.
  std::vector<std::pair<std::string, NewKey>> fixed;
  KeyLimits defaults;  // of keys without limits of their own
};

// Only the SHA-256 of a key is kept. A plain hash is enough here: our keys carry 256 random bits, so nothing
// can be guessed, and a slow hash would cost each request milliseconds.
class KeyStore {
 public:
  static Result<std::unique_ptr<KeyStore>> open(const KeyStoreOptions& options);
  ~KeyStore();

  // The key's state, or nothing when it is unknown, revoked or expired. A hash and one lookup in an immutable
  // table: about a microsecond, any thread.
  std::shared_ptr<KeyState> find(std::string_view secret, std::int64_t now_unix_s) const;
  // No key at all: a gateway that only listens on loopback then asks for none.
  bool empty() const;

  struct Made {
    ApiKey key;
    std::string secret;  // "sk-studio-…": shown once, kept nowhere
  };
  Result<Made> make(const NewKey& wish);
  Result<void> revoke(std::string_view id_or_name);
  std::vector<ApiKey> list() const;
  // Another process (`studio keys add`) may have written: reads the file again.
  Result<void> reload();
  // The same with other default limits.
  Result<void> reload(const KeyLimits& defaults);

 private:
  struct State;
  explicit KeyStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The token of "Bearer sk-…" (RFC 6750) or of Anthropic's x-api-key; empty when neither is there.
std::string_view bearer_token(std::string_view authorization, std::string_view x_api_key);

}  // namespace studio
