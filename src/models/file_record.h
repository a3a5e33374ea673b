// What is known of a model file in the cache: <file>.json beside it, written when it was verified.
// setup/ writes the same record, so a file is hashed once and not at every start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/files.h"

namespace studio {

struct FileRecord {
  std::string sha256;
  std::uint64_t bytes = 0;
  std::string source;
};

// Nothing when there is none or it cannot be read.
std::optional<FileRecord> read_file_record(const Path& file);
Result<void> write_file_record(const Path& file, const FileRecord& record);
Path record_path(const Path& file);

}  // namespace studio
