// Keys in one small table; requests read an immutable copy of it and take from buckets that are atomics.
#include "gateway/keys.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <map>
#include <mutex>
#include <unordered_map>

#include <sys/random.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "store/database.h"

namespace studio {

TokenBucket::TokenBucket(double per_minute, double burst) {
  if (per_minute <= 0) return;
  interval_ns_ = 60e9 / per_minute;
  burst_ = burst > 0 ? burst : std::max(1.0, per_minute);
}

// GCRA: the bucket is told by one instant, the one at which it would be full again. Taking moves it on by the
// price; it may be at most a whole bucket in the future.
std::chrono::nanoseconds TokenBucket::take(double n, Clock::time_point now) noexcept {
  if (unlimited()) return {};
  const auto at = now.time_since_epoch().count();
  const auto whole = static_cast<std::int64_t>(interval_ns_ * burst_);
  // More than a bucket holds can only ever be had when it is full.
  const auto price = std::min(whole, static_cast<std::int64_t>(interval_ns_ * n));
  auto full_at = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const auto next = std::max(full_at, at) + price;
    if (next - at > whole) return std::chrono::nanoseconds(next - at - whole);
    if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return {};
  }
}

void TokenBucket::charge(double n, Clock::time_point now) noexcept {
  if (unlimited() || n <= 0) return;
  const auto at = now.time_since_epoch().count();
  auto full_at = full_at_.load(std::memory_order_relaxed);
  while (!full_at_.compare_exchange_weak(full_at,
                                         std::max(full_at, at) + static_cast<std::int64_t>(interval_ns_ * n),
                                         std::memory_order_relaxed)) {
  }
}

double TokenBucket::left(Clock::time_point now) const noexcept {
  if (unlimited()) return INFINITY;
  const auto missing =
      static_cast<double>(full_at_.load(std::memory_order_relaxed) - now.time_since_epoch().count());
  return std::clamp(burst_ - missing / interval_ns_, 0.0, burst_);
}

Json key_json(const ApiKey& key) {
  return {{"id", key.id},
          {"name", key.name},
          {"hint", key.hint},
          {"scopes", key.scopes},
          {"models", key.models},
          {"requests_per_minute", key.limits.requests_per_minute},
          {"tokens_per_minute", key.limits.tokens_per_minute},
          {"made_at", key.made_at},
          {"expires_at", key.expires_at},
          {"revoked", key.revoked}};
}

KeyState::KeyState(ApiKey wanted, const KeyLimits& defaults)
    : key(std::move(wanted)),
      requests(key.limits.requests_per_minute > 0 ? key.limits.requests_per_minute
                                                  : defaults.requests_per_minute),
      tokens(key.limits.tokens_per_minute > 0 ? key.limits.tokens_per_minute : defaults.tokens_per_minute) {}

bool KeyState::may(std::string_view scope) const {
  return std::ranges::any_of(key.scopes, [&](const std::string& has) { return has == "*" || has == scope; });
}

bool KeyState::may_use(std::string_view model) const {
  return key.models.empty() || std::ranges::find(key.models, model) != key.models.end();
}

namespace {

const std::vector<std::string> kMigrations{
    "CREATE TABLE keys(id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, hint TEXT NOT "
    "NULL,"
    " scopes TEXT NOT NULL, models TEXT NOT NULL, requests_per_minute REAL NOT NULL,"
    " tokens_per_minute REAL NOT NULL, made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL)",
};
constexpr std::string_view kScopes[] = {"inference", "admin", "metrics", "*"};

Result<std::string> random_hex(std::size_t bytes) {
  std::array<unsigned char, 64> raw{};
  if (getrandom(raw.data(), bytes, 0) != static_cast<ssize_t>(bytes))
    return fail(ErrorKind::io, "make an API key: the system gives no random numbers");
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) out += fmt::format("{:02x}", raw[i]);
  return out;
}

std::string list_text(const std::vector<std::string>& list) {
  return to_text(Json(list), -1);
}

std::vector<std::string> text_list(const std::string& text) {
  std::vector<std::string> out;
  const auto json = parse_json(text, "a list of the API keys");
  if (json && json->is_array())
    for (const Json& item : *json)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

ApiKey read_row(const Statement& row) {
  return {row.text(0),
          row.text(1),
          row.text(3),
          text_list(row.text(4)),
          text_list(row.text(5)),
          {row.number(6), row.number(7)},
          row.integer(8),
          row.integer(9),
          row.integer(10) != 0};
}

Result<void> check(const NewKey& wish) {
  const auto reject = [&](std::string why) {
    return fail(ErrorKind::wrong_usage, fmt::format("make the API key \"{}\": {}", wish.name, why),
                fmt::format("scopes are {}", fmt::join(kScopes, ", ")));
  };
  if (wish.name.empty() || wish.name.size() > 100) return reject("its name must have 1 to 100 letters");
  if (wish.scopes.empty()) return reject("it has no scope");
  for (const std::string& scope : wish.scopes)
    if (std::ranges::find(kScopes, scope) == std::end(kScopes))
      return reject(fmt::format("there is no scope \"{}\"", scope));
  if (wish.limits.requests_per_minute < 0 || wish.limits.tokens_per_minute < 0)
    return reject("a limit is below 0");
  return {};
}

}  // namespace

struct KeyStore::State {
  using Table = std::unordered_map<std::string, std::shared_ptr<KeyState>>;  // by the key's SHA-256
  KeyStoreOptions options;
  std::mutex mutex;  // of `database` and of making a new table
  std::optional<Database> database;
  // Held for the copy of the pointer only. (std::atomic<std::shared_ptr> of GCC 12 is a lock too, and one
  // that the thread sanitizer finds wanting.)
  mutable std::mutex table_mutex;
  std::shared_ptr<const Table> table;
  KeyLimits counted;  // the defaults that the buckets of `table` were made with

  std::shared_ptr<const Table> current() const {
    const std::lock_guard lock(table_mutex);
    return table;
  }
  Result<void> read();
};

// Buckets of keys that stay are kept: a reload must not hand out a fresh minute.
Result<void> KeyStore::State::read() {
  const auto old = current();
  std::unordered_map<std::string_view, std::shared_ptr<KeyState>> by_id;
  if (old)
    for (const auto& [hash, state] : *old) by_id.emplace(state->key.id, state);
  const auto state_of = [&](ApiKey key) {
    const auto found = by_id.find(key.id);
    if (found == by_id.end() || found->second->key.limits != key.limits || counted != options.defaults)
      return std::make_shared<KeyState>(std::move(key), options.defaults);
    const ApiKey& before = found->second->key;
    if (before.scopes == key.scopes && before.models == key.models && before.revoked == key.revoked &&
        before.expires_at == key.expires_at)
      return found->second;
    return std::make_shared<KeyState>(std::move(key), options.defaults);
  };
  auto next = std::make_shared<Table>();
  TRY_ASSIGN(auto rows, database->prepare("SELECT id, name, hash, hint, scopes, models, requests_per_minute,"
                                          " tokens_per_minute, made_at, expires_at, revoked FROM keys"));
  for (;;) {
    TRY_ASSIGN(const bool more, rows.step());
    if (!more) break;
    next->emplace(rows.text(2), state_of(read_row(rows)));
  }
  for (const auto& [secret, wish] : options.fixed) {
    if (secret.empty()) continue;
    const std::string hash = sha256_of(secret);
    next->emplace(hash, state_of({"key_" + hash.substr(0, 12), wish.name,
                                  secret.substr(secret.size() - std::min<std::size_t>(4, secret.size() / 4)),
                                  wish.scopes, wish.models, wish.limits, 0, 0, false}));
  }
  {
    const std::lock_guard lock(table_mutex);
    table = std::move(next);
  }
  counted = options.defaults;
  return {};
}

Result<std::unique_ptr<KeyStore>> KeyStore::open(const KeyStoreOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  TRY_ASSIGN(auto database, Database::open({options.file, "the API keys", kMigrations, true, false}));
  state->database = std::move(database);
  if (!options.file.empty()) {
    std::error_code ignored;
    std::filesystem::permissions(
        options.file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
  }
  TRY(state->read());
  return std::unique_ptr<KeyStore>(new KeyStore(std::move(state)));
}

KeyStore::KeyStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyStore::~KeyStore() = default;

std::shared_ptr<KeyState> KeyStore::find(std::string_view secret, std::int64_t now_unix_s) const {
  if (secret.empty() || secret.size() > 512) return nullptr;
  const auto table = state_->current();
  // What is looked up is the hash of what was sent, so the time it takes tells nothing of a key.
  const auto found = table->find(sha256_of(secret));
  if (found == table->end()) return nullptr;
  const auto& state = found->second;
  if (state->key.revoked || (state->key.expires_at != 0 && now_unix_s >= state->key.expires_at))
    return nullptr;
  state->used_at.store(now_unix_s, std::memory_order_relaxed);
  return state;
}

bool KeyStore::empty() const {
  const auto table = state_->current();
  return std::ranges::all_of(*table, [](const auto& entry) { return entry.second->key.revoked; });
}

Result<KeyStore::Made> KeyStore::make(const NewKey& wish) {
  TRY(check(wish));
  TRY_ASSIGN(const std::string letters, random_hex(32));
  TRY_ASSIGN(const std::string id, random_hex(6));
  Made made;
  made.secret = "sk-studio-" + letters;
  const std::int64_t now = std::time(nullptr);
  made.key = {"key_" + id,
              wish.name,
              letters.substr(letters.size() - 4),
              wish.scopes,
              wish.models,
              wish.limits,
              now,
              wish.lifetime.count() > 0 ? now + wish.lifetime.count() : 0,
              false};
  const std::lock_guard lock(state_->mutex);
  for (const auto& [hash, state] : *state_->current())
    if (state->key.name == wish.name && !state->key.revoked)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("make the API key \"{}\": there is one of that name", wish.name),
                  "choose another name, or revoke that one first");
  TRY_ASSIGN(auto insert, state_->database->prepare("INSERT INTO keys VALUES(?,?,?,?,?,?,?,?,?,?,0)"));
  insert.bind(std::string_view(made.key.id)).bind(std::string_view(made.key.name));
  insert.bind(std::string_view(sha256_of(made.secret))).bind(std::string_view(made.key.hint));
  insert.bind(std::string_view(list_text(wish.scopes))).bind(std::string_view(list_text(wish.models)));
  insert.bind(wish.limits.requests_per_minute).bind(wish.limits.tokens_per_minute);
  TRY(insert.bind(made.key.made_at).bind(made.key.expires_at).run());
  TRY(state_->read());
  return made;
}

Result<void> KeyStore::revoke(std::string_view id_or_name) {
  const std::lock_guard lock(state_->mutex);
  TRY_ASSIGN(auto update,
             state_->database->prepare("UPDATE keys SET revoked=1 WHERE (id=? OR name=?) AND revoked=0"));
  TRY(update.bind(id_or_name).bind(id_or_name).run());
  if (state_->database->changes() == 0)
    return fail(ErrorKind::not_found, fmt::format("revoke the API key \"{}\": there is none", id_or_name),
                "`studio keys list` shows them");
  return state_->read();
}

std::vector<ApiKey> KeyStore::list() const {
  std::map<std::pair<std::int64_t, std::string>, ApiKey> sorted;
  for (const auto& [hash, state] : *state_->current())
    sorted.emplace(std::pair(state->key.made_at, state->key.id), state->key);
  std::vector<ApiKey> out;
  for (auto& [order, key] : sorted) out.push_back(std::move(key));
  return out;
}

Result<void> KeyStore::reload() {
  const std::lock_guard lock(state_->mutex);
  return state_->read();
}

Result<void> KeyStore::reload(const KeyLimits& defaults) {
  const std::lock_guard lock(state_->mutex);
  state_->options.defaults = defaults;
  return state_->read();
}

std::string_view bearer_token(std::string_view authorization, std::string_view x_api_key) {
  // The scheme's name is not case-sensitive (RFC 9110, 11.1).
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() > kScheme.size() &&
      std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme,
                         [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; })) {
    auto token = authorization.substr(kScheme.size());
    while (token.starts_with(' ')) token.remove_prefix(1);
    while (token.ends_with(' ')) token.remove_suffix(1);
    return token;
  }
  return x_api_key;
}

}  // namespace studio
