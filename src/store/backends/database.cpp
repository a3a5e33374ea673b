// Databases with tables of our own, on SQLite: opened in WAL mode, migrated one step at a time.
#include "store/database.h"

#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

namespace studio {
namespace {

// Of a damaged file; a file that cannot be read or written for other reasons stays.
bool is_broken(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT;
}

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL: return ErrorKind::no_space;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG: return ErrorKind::limit_exceeded;
    default: return ErrorKind::io;
  }
}

const char* hint_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL: return "free some space on that disk";
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return "make the folder writable";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another program has held the file for ten seconds: end it, or try again";
    default: return is_broken(code) ? "the file is damaged: move it away, a new one is made" : "";
  }
}

void discard(const Path& file) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    std::filesystem::remove(file.string() + suffix, ignored);
}

}  // namespace

struct Statement::State {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  std::string name;
  int bound = 0;
  int bind_code = SQLITE_OK;
  ~State() { sqlite3_finalize(statement); }
  void keep(int code) {
    if (bind_code == SQLITE_OK) bind_code = code;
  }
};

Statement::Statement(std::unique_ptr<State> state) : state_(std::move(state)) {}
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

Statement& Statement::bind(std::int64_t value) {
  state_->keep(sqlite3_bind_int64(state_->statement, ++state_->bound, value));
  return *this;
}

Statement& Statement::bind(double value) {
  state_->keep(sqlite3_bind_double(state_->statement, ++state_->bound, value));
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  const char* data = text.data() ? text.data() : "";
  state_->keep(sqlite3_bind_text64(state_->statement, ++state_->bound, data, text.size(), SQLITE_TRANSIENT,
                                   SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const char* data = bytes.data() ? bytes.data() : "";
  state_->keep(sqlite3_bind_blob64(state_->statement, ++state_->bound, data, bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null() {
  state_->keep(sqlite3_bind_null(state_->statement, ++state_->bound));
  return *this;
}

Result<bool> Statement::step() {
  const int code = state_->bind_code == SQLITE_OK ? sqlite3_step(state_->statement) : state_->bind_code;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(
      kind_of(code),
      fmt::format("use {}: {}", state_->name,
                  state_->bind_code == SQLITE_OK ? sqlite3_errmsg(state_->database) : sqlite3_errstr(code)),
      hint_of(code));
}

Result<void> Statement::run() {
  for (;;) {
    TRY_ASSIGN(const bool row, step());
    if (!row) break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(state_->statement);
  sqlite3_clear_bindings(state_->statement);
  state_->bound = 0;
  state_->bind_code = SQLITE_OK;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(state_->statement, column);
}
double Statement::number(int column) const {
  return sqlite3_column_double(state_->statement, column);
}
std::string Statement::text(int column) const {
  const auto* data = sqlite3_column_text(state_->statement, column);
  const int size = sqlite3_column_bytes(state_->statement, column);
  return data ? std::string(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size))
              : std::string();
}
std::string Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(state_->statement, column);
  const int size = sqlite3_column_bytes(state_->statement, column);
  return data ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string();
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(state_->statement, column) == SQLITE_NULL;
}

struct Database::State {
  DatabaseOptions options;
  sqlite3* handle = nullptr;
  int last_code = SQLITE_OK;
  ~State() { sqlite3_close_v2(handle); }

  std::string shown() const {
    return options.file.empty() ? options.name : fmt::format("{} ({})", options.name, options.file.string());
  }
  std::unexpected<Error> failure(int code, std::string_view doing) {
    last_code = code;
    return fail(
        kind_of(code),
        fmt::format("{} {}: {}", doing, shown(), handle ? sqlite3_errmsg(handle) : sqlite3_errstr(code)),
        hint_of(code));
  }
  Result<void> execute(const std::string& sql) {
    const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code, "use");
    return {};
  }
  Result<void> migrate();
};

// All missing steps in one transaction: two programs that start together do them once.
Result<void> Database::State::migrate() {
  // It has to come before the first table.
  if (options.gives_back_space) TRY(execute("PRAGMA auto_vacuum=INCREMENTAL"));
  TRY(execute(options.durable
                  ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                  : "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"));
  TRY(execute("BEGIN IMMEDIATE"));
  const auto migrated = [&]() -> Result<void> {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(handle, "PRAGMA user_version", -1, &statement, nullptr);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    const auto done = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW) return failure(code, "open");
    const auto newest = static_cast<std::int64_t>(options.migrations.size());
    if (done > newest)
      return fail(ErrorKind::newer_schema,
                  fmt::format("open {}: it has version {}, this studio knows {}", shown(), done, newest),
                  options.rebuild_broken
                      ? "use the newer studio for it, or delete the file: what is in it can be made again"
                      : "use the newer studio for it");
    for (auto step = done; step < newest; ++step)
      TRY(execute(options.migrations[static_cast<std::size_t>(step)]));
    if (done < newest) TRY(execute(fmt::format("PRAGMA user_version={}", newest)));
    return execute("COMMIT");
  }();
  if (!migrated) (void)sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
  return migrated;
}

Result<Database> Database::open(const DatabaseOptions& options) {
  if (!options.file.empty() && options.file.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(options.file.parent_path(), error);
    if (error)
      return fail(ErrorKind::io,
                  fmt::format("make the folder {} for {}: {}", options.file.parent_path().string(),
                              options.name, error.message()),
                  "make the folder writable");
  }
  for (bool again = options.rebuild_broken;; again = false) {
    auto state = std::make_unique<State>();
    state->options = options;
    const std::string file = options.file.empty() ? ":memory:" : options.file.string();
    const int code =
        sqlite3_open_v2(file.c_str(), &state->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
    if (code != SQLITE_OK) return state->failure(code, "open");
    sqlite3_extended_result_codes(state->handle, 1);
    sqlite3_busy_timeout(state->handle, 10000);
    auto migrated = state->migrate();
    if (migrated) return Database(std::move(state));
    if (!again || !is_broken(state->last_code)) return std::unexpected(std::move(migrated).error());
    state.reset();
    discard(options.file);
  }
}

Result<Database> Database::rebuild(const DatabaseOptions& options) {
  discard(options.file);
  return open(options);
}

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<void> Database::execute(const std::string& sql) {
  return state_->execute(sql);
}

Result<Statement> Database::prepare(std::string_view sql) {
  auto state = std::make_unique<Statement::State>();
  const int code = sqlite3_prepare_v2(state_->handle, sql.data(), static_cast<int>(sql.size()),
                                      &state->statement, nullptr);
  if (code != SQLITE_OK) return state_->failure(code, "use");
  state->database = state_->handle;
  state->name = state_->shown();
  return Statement(std::move(state));
}

Result<void> Database::transaction(const std::function<Result<void>()>& work) {
  TRY(execute("BEGIN IMMEDIATE"));
  auto done = work();
  if (done) done = execute("COMMIT");
  if (!done) (void)sqlite3_exec(state_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(state_->handle);
}
std::int64_t Database::changes() const {
  return sqlite3_changes64(state_->handle);
}
bool Database::found_damage() const {
  return is_broken(sqlite3_errcode(state_->handle));
}

}  // namespace studio
