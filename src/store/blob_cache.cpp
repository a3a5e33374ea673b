// A table of blobs with their last use; broken files are rebuilt, full ones lose the oldest.
#include "store/blob_cache.h"

#include <chrono>

#include <fmt/format.h>

#include "store/database.h"

namespace studio {
namespace {

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

DatabaseOptions table_of_blobs(const Path& file) {
  return {.file = file,
          .name = "a cache of results",
          .migrations = {"CREATE TABLE blobs(key TEXT PRIMARY KEY, used INTEGER NOT NULL, size INTEGER NOT "
                         "NULL, bytes BLOB NOT NULL);"
                         "CREATE INDEX blobs_by_use ON blobs(used);"},
          .durable = false,
          .rebuild_broken = true,
          .gives_back_space = true};
}

Result<std::uint64_t> sum_of_sizes(Database& database) {
  TRY_ASSIGN(auto sum, database.prepare("SELECT coalesce(sum(size), 0) FROM blobs"));
  TRY(sum.step());
  return static_cast<std::uint64_t>(sum.integer(0));
}

Result<std::optional<std::string>> bytes_of(Database& database, std::string_view key) {
  TRY_ASSIGN(auto select, database.prepare("SELECT bytes FROM blobs WHERE key = ?"));
  TRY_ASSIGN(const bool found, select.bind(key).step());
  return found ? std::optional(select.blob(0)) : std::nullopt;
}

// Only a hint for eviction: a reader of a read-only or busy file goes on without it.
void mark_as_used(Database& database, std::string_view key) {
  if (auto touch = database.prepare("UPDATE blobs SET used = ? WHERE key = ?"))
    (void)touch->bind(now()).bind(key).run();
}

Result<void> insert(Database& database, std::string_view key, std::string_view bytes) {
  TRY_ASSIGN(auto statement,
             database.prepare("INSERT OR REPLACE INTO blobs(key, used, size, bytes) VALUES(?, ?, ?, ?)"));
  return statement.bind(key).bind(now()).bind(static_cast<std::int64_t>(bytes.size())).bind_blob(bytes).run();
}

Result<void> evict(Database& database, std::uint64_t max_bytes) {
  while (true) {
    TRY_ASSIGN(const auto total, sum_of_sizes(database));
    if (total <= max_bytes) break;
    TRY(database.execute("DELETE FROM blobs WHERE key = (SELECT key FROM blobs ORDER BY used LIMIT 1)"));
    if (database.changes() == 0) break;
    TRY(database.execute("PRAGMA incremental_vacuum"));
  }
  return {};
}

}  // namespace

struct BlobCache::State {
  BlobCacheOptions options;
  Database database;

  // A file that turns out to be broken inside costs what was in it, not the run.
  Result<void> rebuild() {
    TRY_ASSIGN(database, Database::rebuild(table_of_blobs(options.file)));
    return {};
  }
};

BlobCache::BlobCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobCache::BlobCache(BlobCache&&) noexcept = default;
BlobCache& BlobCache::operator=(BlobCache&&) noexcept = default;
BlobCache::~BlobCache() = default;

Result<BlobCache> BlobCache::open(const BlobCacheOptions& options) {
  TRY_ASSIGN(auto database, Database::open(table_of_blobs(options.file)));
  return BlobCache(std::make_unique<State>(State{options, std::move(database)}));
}

Result<std::optional<std::string>> BlobCache::get(std::string_view key) {
  auto& database = state_->database;
  auto found = bytes_of(database, key);
  if (!found && database.found_damage()) {
    TRY(state_->rebuild());
    return std::optional<std::string>{};
  }
  if (found && *found) mark_as_used(database, key);
  return found;
}

Result<void> BlobCache::put(std::string_view key, std::string_view bytes) {
  // SQLite itself ends at 1 GB for one value.
  if (bytes.size() > state_->options.max_bytes / 2 || bytes.size() > 900'000'000) return {};
  auto& database = state_->database;
  auto written = insert(database, key, bytes);
  if (written) written = evict(database, state_->options.max_bytes);
  if (!written && database.found_damage()) return state_->rebuild();
  return written;
}

Result<void> BlobCache::remove(std::string_view key) {
  TRY_ASSIGN(auto statement, state_->database.prepare("DELETE FROM blobs WHERE key = ?"));
  return statement.bind(key).run();
}

Result<std::uint64_t> BlobCache::size() {
  return sum_of_sizes(state_->database);
}

Path default_feature_cache() {
  return cache_folder() / "features.db";
}

}  // namespace studio
