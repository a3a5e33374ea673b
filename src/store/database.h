// One SQLite file with tables of our own: opened in WAL mode, migrated step by step, asked by statements.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// One prepared question. Bind in the order of the ?s, then step() until it gives false.
// It must not outlive its Database. Texts and blobs are copied.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  Statement& bind(std::string_view text);
  Statement& bind_blob(std::string_view bytes);
  Statement& bind_null();

  // True: a row can be read. False: no (more) rows. Errors: io, no_space, limit_exceeded (a constraint).
  Result<bool> step();
  // For statements that give no rows.
  Result<void> run();
  // Ready to be bound and stepped again.
  void reset();

  std::int64_t integer(int column) const;
  double number(int column) const;
  std::string text(int column) const;
  std::string blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  struct State;
  explicit Statement(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct DatabaseOptions {
  Path file;         // its folder is made when it is missing; empty: in memory, for tests
  std::string name;  // for messages: "the API keys"
  // SQL of each step; the file's user_version counts those done. Never change one, add another.
  std::vector<std::string> migrations;
  // False: a commit survives a crash of the program but perhaps not a power cut, and costs no fsync.
  bool durable = true;
  // True: a file that is no database (any more) is thrown away and begun anew. For what can be lost.
  bool rebuild_broken = false;
  // True: what is deleted makes the file smaller, by `PRAGMA incremental_vacuum`. Only for new files.
  bool gives_back_space = false;
};

// One value is used by one thread at a time; several processes may each open the file (busy ones wait 10 s).
class Database {
 public:
  // Errors: io (folder not writable, not a database), newer_schema (more steps done than we know),
  // no_space. A migration that fails leaves the file at the step before.
  static Result<Database> open(const DatabaseOptions& options);
  // Throws away the file that may be there, whatever other processes do with it, and begins anew.
  static Result<Database> rebuild(const DatabaseOptions& options);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Several statements separated by ; without values.
  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  // All of `work` or nothing of it.
  Result<void> transaction(const std::function<Result<void>()>& work);
  std::int64_t last_insert_id() const;
  // Rows that the last statement changed.
  std::int64_t changes() const;
  // Whether what failed last failed because the file is damaged inside. (Opening does not read all of it.)
  bool found_damage() const;

 private:
  struct State;
  explicit Database(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace studio
