// A table of blobs with their last use; broken files are rebuilt, full ones lose the oldest.
#include "store/blob_cache.h"

#include <chrono>
#include <system_error>

#include <fmt/format.h>

#include "store/backends/sqlite.h"

namespace studio {
namespace {

// Each step takes a file from version i to i + 1. Steps are only ever added.
constexpr const char* kMigrations[] = {
    "CREATE TABLE blobs(key TEXT PRIMARY KEY, used INTEGER NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT "
    "NULL);"
    "CREATE INDEX blobs_by_use ON blobs(used);",
};
constexpr std::int64_t kNewest = std::size(kMigrations);

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::int64_t> single_integer(sqlite::Database& database, const char* sql) {
  TRY_ASSIGN(auto statement, database.prepare(sql));
  const int code = statement.step();
  if (code != SQLITE_ROW) return std::unexpected(database.error(code, "read"));
  return statement.integer(0);
}

Result<void> migrate(sqlite::Database& database, const Path& file) {
  // auto_vacuum has to come before the first table; with it, evicted blobs give their space back.
  TRY(database.execute(
      "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"));
  TRY(database.execute("BEGIN IMMEDIATE"));
  const auto migrated = [&]() -> Result<void> {
    TRY_ASSIGN(const auto found, single_integer(database, "PRAGMA user_version"));
    if (found > kNewest)
      return fail(
          ErrorKind::newer_schema,
          fmt::format("open {}: it has version {}, this studio knows {}", file.string(), found, kNewest),
          "use the newer studio, or delete the file: it only holds what can be computed again");
    for (auto version = found; version < kNewest; ++version) TRY(database.execute(kMigrations[version]));
    if (found < kNewest) TRY(database.execute(fmt::format("PRAGMA user_version={}", kNewest).c_str()));
    return database.execute("COMMIT");
  }();
  if (!migrated) (void)database.execute("ROLLBACK");
  return migrated;
}

void discard(const Path& file) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    std::filesystem::remove(file.string() + suffix, ignored);
}

Result<sqlite::Database> open_migrated(const Path& file) {
  TRY_ASSIGN(auto database, sqlite::Database::open(file));
  TRY(migrate(database, file));
  return database;
}

// SQLite refuses what is not its own only when it reads: try that before trusting the file.
bool looks_broken(const Path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return false;
  auto database = sqlite::Database::open(file);
  if (!database) return false;  // not writable, not a matter of its content
  const auto version = single_integer(*database, "SELECT count(*) FROM sqlite_master");
  return !version && sqlite::is_broken(database->last_code());
}

}  // namespace

struct BlobCache::State {
  BlobCacheOptions options;
  sqlite::Database database;

  // A broken file costs what was in it, not the run: begin anew and report no result.
  Result<void> rebuild() {
    discard(options.file);
    TRY_ASSIGN(database, open_migrated(options.file));
    return {};
  }
  Result<void> evict();
};

Result<void> BlobCache::State::evict() {
  while (true) {
    TRY_ASSIGN(const auto total, single_integer(database, "SELECT coalesce(sum(size), 0) FROM blobs"));
    if (static_cast<std::uint64_t>(total) <= options.max_bytes) break;
    TRY(database.execute("DELETE FROM blobs WHERE key = (SELECT key FROM blobs ORDER BY used LIMIT 1)"));
    if (database.changes() == 0) break;
    TRY(database.execute("PRAGMA incremental_vacuum"));
  }
  return {};
}

BlobCache::BlobCache(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobCache::BlobCache(BlobCache&&) noexcept = default;
BlobCache& BlobCache::operator=(BlobCache&&) noexcept = default;
BlobCache::~BlobCache() = default;

Result<BlobCache> BlobCache::open(const BlobCacheOptions& options) {
  std::error_code code;
  if (options.file.has_parent_path()) std::filesystem::create_directories(options.file.parent_path(), code);
  if (code)
    return fail(ErrorKind::io,
                fmt::format("make the folder {}: {}", options.file.parent_path().string(), code.message()),
                "make it writable, or set XDG_CACHE_HOME to a folder that is");
  if (looks_broken(options.file)) discard(options.file);
  TRY_ASSIGN(auto database, open_migrated(options.file));
  return BlobCache(std::make_unique<State>(State{options, std::move(database)}));
}

Result<std::optional<std::string>> BlobCache::get(std::string_view key) {
  auto& database = state_->database;
  std::optional<std::string> found;
  int code = SQLITE_OK;
  {
    auto statement = database.prepare("SELECT bytes FROM blobs WHERE key = ?");
    code = statement ? statement->bind_text(key).step() : database.last_code();
    if (code == SQLITE_ROW) found = statement->blob(0);
  }
  if (sqlite::is_broken(code)) {
    TRY(state_->rebuild());
    return std::optional<std::string>{};
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE) return std::unexpected(database.error(code, "read"));
  if (found) {
    // Only a hint for eviction: a reader of a read-only or busy file goes on without it.
    if (auto touch = database.prepare("UPDATE blobs SET used = ? WHERE key = ?"))
      touch->bind(now()).bind_text(key).step();
  }
  return found;
}

Result<void> BlobCache::put(std::string_view key, std::string_view bytes) {
  // SQLite itself ends at 1 GB for one value.
  if (bytes.size() > state_->options.max_bytes / 2 || bytes.size() > 900'000'000) return {};
  auto& database = state_->database;
  int code = SQLITE_OK;
  {
    auto statement =
        database.prepare("INSERT OR REPLACE INTO blobs(key, used, size, bytes) VALUES(?, ?, ?, ?)");
    code = statement ? statement->bind_text(key)
                           .bind(now())
                           .bind(static_cast<std::int64_t>(bytes.size()))
                           .bind_blob(bytes)
                           .step()
                     : database.last_code();
  }
  if (sqlite::is_broken(code)) return state_->rebuild();
  if (code != SQLITE_DONE) return std::unexpected(database.error(code, "write"));
  return state_->evict();
}

Result<void> BlobCache::remove(std::string_view key) {
  TRY_ASSIGN(auto statement, state_->database.prepare("DELETE FROM blobs WHERE key = ?"));
  const int code = statement.bind_text(key).step();
  if (code != SQLITE_DONE) return std::unexpected(state_->database.error(code, "write"));
  return {};
}

Result<std::uint64_t> BlobCache::size() {
  TRY_ASSIGN(const auto total, single_integer(state_->database, "SELECT coalesce(sum(size), 0) FROM blobs"));
  return static_cast<std::uint64_t>(total);
}

Path default_feature_cache() {
  return cache_folder() / "features.db";
}

}  // namespace studio
