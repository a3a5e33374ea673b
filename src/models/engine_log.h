// The log of an engine: where it lies, how it stays small, what its last words were.
#pragma once

#include <cstdint>
#include <string>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// cache_folder()/logs, made when it is missing.
Result<Path> engine_log_folder();
// <folder>/<name>.log; a large one of an earlier run becomes <name>.log.1.
Result<Path> open_engine_log(const std::string& name);
// Called now and then while the engine runs and appends: past `limit` bytes its content moves to
// <log>.1 (that one to <log>.2) and the file starts anew. What is written during the copy may be lost.
void rotate_engine_log(const Path& log, std::uintmax_t limit = 4u << 20);
// The last `lines` lines after byte `from`, at most 4000 bytes.
std::string last_log_lines(const Path& log, std::uintmax_t from, std::size_t lines);
std::uintmax_t log_size(const Path& log);

}  // namespace studio
