// SQLite with its handles owned and its codes turned into errors. Only store/ includes this.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "base/files.h"
#include "base/result.h"

namespace studio::sqlite {

// What SQLite says of a broken file, apart from the code: such a file is rebuilt, others are not.
bool is_broken(int code);

class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Statement(Statement&& other) noexcept
      : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& bind(std::int64_t value);
  Statement& bind_text(std::string_view value);  // must outlive step()
  Statement& bind_blob(std::string_view value);  // must outlive step()
  // SQLITE_ROW, SQLITE_DONE or an error code.
  int step() { return sqlite3_step(statement_); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string blob(int column) const;

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

class Database {
 public:
  // Creates the file when it is missing; waits up to ten seconds for other processes.
  static Result<Database> open(const Path& file);
  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  Result<void> execute(const char* sql);
  Result<Statement> prepare(const char* sql);
  // The error for a code that step() gave.
  Error error(int code, std::string_view doing) const;
  int last_code() const { return last_code_; }
  int changes() const { return sqlite3_changes(handle_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  Database(std::unique_ptr<sqlite3, Close> handle, Path file)
      : handle_(std::move(handle)), file_(std::move(file)) {}
  std::unique_ptr<sqlite3, Close> handle_;
  Path file_;
  int last_code_ = SQLITE_OK;
};

}  // namespace studio::sqlite
