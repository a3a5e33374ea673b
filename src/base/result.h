// The one error type of the house, and how a failure travels: Result<T>.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace studio {

// What kind of failure it was. The kind alone decides the exit code (exit_code below)
// and, once there is a server, the HTTP status.
enum class ErrorKind {
  invalid_input,    // unreadable, corrupt, or contradictory input
  not_found,        // a file, id or name that does not exist
  unsupported,      // understood, but this build or version cannot do it
  newer_schema,     // a file written by a newer studio
  wrong_usage,      // options that do not fit together
  missing_part,     // a model or program that must be installed first
  io,               // reading or writing failed
  no_space,         // the disk is full
  limit_exceeded,   // a stated limit on size, time or memory was hit
  timeout,          // an engine did not answer in time
  engine_failed,    // a child process or remote endpoint failed
  interrupted,      // the person or the system asked to stop
  below_threshold,  // done, but the measured quality is under the threshold
  internal,         // a broken invariant: our bug
};

// One failure, told where it happened.
struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;  // what was tried, on what, and why it failed
  std::string hint;     // what the person can do now; may be empty
};

template <typename T>
using Result = std::expected<T, Error>;

// The name used in JSON ("invalid_input", ...).
std::string_view name_of(ErrorKind kind);

// 1 failed, 2 wrong use, 3 missing model or part, 4 threshold not reached, 130 interrupted.
int exit_code(ErrorKind kind);

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, std::string hint = {}) {
  return std::unexpected(Error{kind, std::move(message), std::move(hint)});
}

// Puts the caller's view in front of the callee's: "render the plan: open clip.mp4: no such file".
inline Error with_context(Error error, std::string_view context) {
  error.message = std::string(context) + ": " + error.message;
  return error;
}

}  // namespace studio

#define STUDIO_CONCAT_(a, b) a##b
#define STUDIO_CONCAT(a, b) STUDIO_CONCAT_(a, b)

// TRY(expr): for a Result<void>; returns the error to the caller.
#define TRY(expr)                                                               \
  do {                                                                          \
    auto STUDIO_CONCAT(try_, __LINE__) = (expr);                                \
    if (!STUDIO_CONCAT(try_, __LINE__))                                         \
      return std::unexpected(std::move(STUDIO_CONCAT(try_, __LINE__)).error()); \
  } while (false)

// TRY_ASSIGN(auto value, expr): the value, or the error to the caller.
#define TRY_ASSIGN(declaration, ...)                                          \
  auto STUDIO_CONCAT(try_, __LINE__) = (__VA_ARGS__);                         \
  if (!STUDIO_CONCAT(try_, __LINE__))                                         \
    return std::unexpected(std::move(STUDIO_CONCAT(try_, __LINE__)).error()); \
  declaration = *std::move(STUDIO_CONCAT(try_, __LINE__))
