// The one place that calls SQLite.
#include "store/backends/sqlite.h"

#include <fmt/format.h>

namespace studio::sqlite {

bool is_broken(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_FORMAT;
}

Statement& Statement::bind(std::int64_t value) {
  sqlite3_bind_int64(statement_, ++bound_, value);
  return *this;
}

Statement& Statement::bind_text(std::string_view value) {
  sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(std::string_view value) {
  sqlite3_bind_blob64(statement_, ++bound_, value.data(), value.size(), SQLITE_STATIC);
  return *this;
}

std::string Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string();
}

Result<Database> Database::open(const Path& file) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Database database(std::unique_ptr<sqlite3, Close>(handle), file);
  if (code != SQLITE_OK) return std::unexpected(database.error(code, "open"));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 10000);
  return database;
}

Result<void> Database::execute(const char* sql) {
  last_code_ = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (last_code_ != SQLITE_OK) return std::unexpected(error(last_code_, "use"));
  return {};
}

Result<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  last_code_ = sqlite3_prepare_v2(handle_.get(), sql, -1, &statement, nullptr);
  if (last_code_ != SQLITE_OK) return std::unexpected(error(last_code_, "use"));
  return Statement(handle_.get(), statement);
}

Error Database::error(int code, std::string_view doing) const {
  const int primary = code & 0xff;
  const char* why = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  const auto kind = primary == SQLITE_FULL ? ErrorKind::no_space : ErrorKind::io;
  const char* hint = primary == SQLITE_FULL ? "free some space on that disk"
                     : primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY || primary == SQLITE_PERM
                         ? "make the folder writable, or set XDG_CACHE_HOME to one that is"
                     : is_broken(code) ? "delete the file; it is built anew"
                                       : "";
  return {kind, fmt::format("{} {}: {}", doing, file_.string(), why), hint};
}

}  // namespace studio::sqlite
