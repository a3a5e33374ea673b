// Where model files lie in the cache, what is recorded beside them, and whether they are right.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/catalog.h"
#include "models/file_record.h"

namespace studio {
namespace {

std::string pull_hint(const ModelEntry& entry, bool is_default) {
  return is_default ? fmt::format("get it with: setup/setup.sh (or: studio models pull {})", entry.id)
                    : fmt::format("get it with: studio models pull {}", entry.id);
}

// The person's own file, when a source names one that is there.
std::optional<Path> own_file(const ModelEntry& entry) {
  std::error_code ec;
  for (const ModelSource& source : entry.sources)
    if (!source.path.empty() && std::filesystem::is_regular_file(source.path, ec)) return Path(source.path);
  return std::nullopt;
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"bytes", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} bytes", bytes)
                   : fmt::format("{:.{}f} {}", value,
                                 value < 10    ? 2
                                 : value < 100 ? 1
                                               : 0,
                                 kUnits[unit]);
}

Path record_path(const Path& file) {
  return Path(file.string() + ".json");
}

std::optional<FileRecord> read_file_record(const Path& file) {
  const auto json = read_json_file(record_path(file));
  if (!json || !check_schema(*json, "studio.model_file", 1, "record")) return std::nullopt;
  JsonReader reader(*json, "record");
  FileRecord record{reader.required_string("sha256"), static_cast<std::uint64_t>(reader.integer("bytes", 0)),
                    reader.string("source", "")};
  if (!reader.result()) return std::nullopt;
  return record;
}

Result<void> write_file_record(const Path& file, const FileRecord& record) {
  return write_json_file(record_path(file), Json{{"schema", "studio.model_file/1"},
                                                 {"sha256", record.sha256},
                                                 {"bytes", record.bytes},
                                                 {"source", record.source}});
}

Path ModelCatalog::path_of(const ModelEntry& entry) const {
  if (auto own = own_file(entry)) return *std::move(own);
  return models_ / entry.id / entry.file;
}

Result<Path> ModelCatalog::local_path(const ModelEntry& entry) const {
  const Path path = path_of(entry);
  std::error_code ec;
  const auto size = std::filesystem::file_size(path, ec);
  const std::string hint = pull_hint(entry, entry.id == default_chat_);
  if (ec)
    return fail(ErrorKind::missing_part,
                fmt::format("open the model {}: it is not on this machine ({} to download)", entry.id,
                            entry.bytes > 0 ? human_bytes(entry.bytes) : "size not known"),
                hint);
  const auto record = read_file_record(path);
  const std::uint64_t expected = record ? record->bytes : entry.bytes;
  if (expected > 0 && size != expected)
    return fail(ErrorKind::invalid_input,
                fmt::format("open the model {}: {} has {} bytes instead of {}", entry.id, path.string(), size,
                            expected),
                fmt::format("the file is damaged; remove it and {}", hint));
  return path;
}

Result<void> ModelCatalog::verify(const ModelEntry& entry, const Job& job) const {
  TRY_ASSIGN(const Path path, local_path(entry));
  const auto record = read_file_record(path);
  const std::string& expected = record ? record->sha256 : entry.sha256;
  if (expected.empty()) return {};
  job.report({"verify " + entry.id, 0, static_cast<double>(entry.bytes), "bytes"});
  TRY_ASSIGN(const std::string found, sha256_of_file(path));
  if (found == expected) return {};
  return fail(
      ErrorKind::invalid_input,
      fmt::format("verify the model {}: the SHA-256 of {} is {} instead of {}", entry.id, path.string(),
                  found, expected),
      fmt::format("the file is damaged; remove it and {}", pull_hint(entry, entry.id == default_chat_)));
}

Result<void> ModelCatalog::remove(const ModelEntry& entry) const {
  std::error_code ec;
  std::filesystem::remove_all(models_ / entry.id, ec);
  if (ec)
    return fail(ErrorKind::io, fmt::format("remove {}: {}", (models_ / entry.id).string(), ec.message()));
  return {};
}

}  // namespace studio
