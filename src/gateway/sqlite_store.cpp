// Kept answers in one SQLite file: bounded in bytes, the longest unused go first; a broken file is begun
// anew.
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>

#include "gateway/response_cache.h"
#include "store/database.h"

namespace studio {
namespace {

const char* kTable =
    "CREATE TABLE responses(key BLOB PRIMARY KEY, used INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " size INTEGER NOT NULL, value BLOB NOT NULL); CREATE INDEX by_use ON responses(used);";

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class SqliteStore : public CacheStore {
 public:
  SqliteStore(Database database, std::uint64_t max_bytes)
      : database_(std::move(database)), max_bytes_(max_bytes) {}

  Result<void> read_keys() {
    TRY(database_.execute("DELETE FROM responses WHERE expires <= " + std::to_string(now())));
    TRY_ASSIGN(auto rows, database_.prepare("SELECT key, size FROM responses"));
    for (;;) {
      TRY_ASSIGN(const bool more, rows.step());
      if (!more) return {};
      keys_.insert(rows.blob(0));
      bytes_ += static_cast<std::uint64_t>(rows.integer(1));
    }
  }

  Result<std::optional<std::string>> get(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(auto row, database_.prepare("SELECT value, used, expires FROM responses WHERE key=?"));
    TRY_ASSIGN(const bool found, row.bind_blob(key).step());
    const std::int64_t at = now();
    if (!found || row.integer(2) <= at) return std::optional<std::string>();
    std::optional<std::string> value = row.blob(0);
    // Written once a minute at most: a read should not cost a write.
    if (row.integer(1) < at - 60) {
      row.reset();
      TRY_ASSIGN(auto mark, database_.prepare("UPDATE responses SET used=? WHERE key=?"));
      TRY(mark.bind(at).bind_blob(key).run());
    }
    return value;
  }

  Result<void> put(std::string_view key, std::string_view value, std::chrono::seconds max_age) override {
    if (value.size() > max_bytes_ / 2) return {};
    const std::lock_guard lock(mutex_);
    TRY(database_.transaction([&]() -> Result<void> {
      TRY(remove(key));
      TRY_ASSIGN(auto insert, database_.prepare("INSERT INTO responses VALUES(?,?,?,?,?)"));
      const std::int64_t at = now();
      TRY(insert.bind_blob(key)
              .bind(at)
              .bind(at + max_age.count())
              .bind(static_cast<std::int64_t>(value.size()))
              .bind_blob(value)
              .run());
      bytes_ += value.size();
      return evict();
    }));
    const std::unique_lock keys_lock(keys_mutex_);
    keys_.insert(std::string(key));
    return {};
  }

  Result<void> clear() override {
    const std::lock_guard lock(mutex_);
    TRY(database_.execute("DELETE FROM responses"));
    bytes_ = 0;
    const std::unique_lock keys_lock(keys_mutex_);
    keys_.clear();
    return {};
  }

  bool may_have(std::string_view key) const override {
    const std::shared_lock lock(keys_mutex_);
    return keys_.contains(std::string(key));
  }
  std::string_view kind() const override { return "sqlite"; }

 private:
  Result<void> remove(std::string_view key) {
    TRY_ASSIGN(auto row, database_.prepare("DELETE FROM responses WHERE key=? RETURNING size"));
    TRY_ASSIGN(const bool found, row.bind_blob(key).step());
    if (found) bytes_ -= std::min(bytes_, static_cast<std::uint64_t>(row.integer(0)));
    const std::unique_lock keys_lock(keys_mutex_);
    keys_.erase(std::string(key));
    return {};
  }

  Result<void> evict() {
    while (bytes_ > max_bytes_) {
      TRY_ASSIGN(auto oldest, database_.prepare("SELECT key FROM responses ORDER BY used, rowid LIMIT 1"));
      TRY_ASSIGN(const bool found, oldest.step());
      if (!found) return {};
      const std::string key = oldest.blob(0);
      oldest.reset();
      TRY(remove(key));
    }
    return {};
  }

  std::mutex mutex_;  // of the database and bytes_
  Database database_;
  std::uint64_t max_bytes_, bytes_ = 0;
  mutable std::shared_mutex keys_mutex_;
  std::unordered_set<std::string> keys_;  // all there are, so that a miss asks nothing
};

}  // namespace

Result<std::unique_ptr<CacheStore>> open_sqlite_store(const SqliteStoreOptions& options) {
  TRY_ASSIGN(auto database, Database::open({options.file, "the response cache", {kTable}, false, true}));
  auto store = std::make_unique<SqliteStore>(std::move(database), options.max_bytes);
  TRY(store->read_keys());
  return std::unique_ptr<CacheStore>(std::move(store));
}

}  // namespace studio
