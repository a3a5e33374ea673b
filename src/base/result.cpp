// Names and exit codes of the error kinds: the one table that decides them.
#include "base/result.h"

namespace studio {

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input: return "invalid_input";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::newer_schema: return "newer_schema";
    case ErrorKind::wrong_usage: return "wrong_usage";
    case ErrorKind::missing_part: return "missing_part";
    case ErrorKind::io: return "io";
    case ErrorKind::no_space: return "no_space";
    case ErrorKind::limit_exceeded: return "limit_exceeded";
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::engine_failed: return "engine_failed";
    case ErrorKind::interrupted: return "interrupted";
    case ErrorKind::below_threshold: return "below_threshold";
    case ErrorKind::internal: return "internal";
  }
  return "internal";
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::wrong_usage: return 2;
    case ErrorKind::missing_part: return 3;
    case ErrorKind::below_threshold: return 4;
    case ErrorKind::interrupted: return 130;
    default: return 1;
  }
}

}  // namespace studio
