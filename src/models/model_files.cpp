// Where model files lie in the cache, what is recorded beside them, and whether they are right.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/catalog.h"
#include "models/file_record.h"
#include "models/folder_lock.h"
#include "models/gguf.h"
#include "models/hub.h"

namespace studio {
namespace {

std::string pull_hint(const ModelEntry& entry, bool is_default) {
  if (entry.imported)
    return fmt::format("take a whole one in with: studio models import FILE --id {}", entry.id);
  return is_default ? fmt::format("get it with: setup/setup.sh (or: studio models pull {})", entry.id)
                    : fmt::format("get it with: studio models pull {}", entry.id);
}

// The person's own file, when a source names one that is there.
std::optional<Path> own_file(const ModelFile& file) {
  std::error_code ec;
  for (const ModelSource& source : file.sources)
    if (!source.path.empty() && std::filesystem::is_regular_file(source.path, ec)) return Path(source.path);
  return std::nullopt;
}

// What another tool of this machine has fetched from the hub already, used where it lies.
std::optional<HubCached> hub_cached(const ModelFile& file) {
  for (const ModelSource& source : file.sources) {
    if (source.url.empty() || !source.convert.empty()) continue;
    const std::string& hash = source.sha256.empty() ? file.sha256 : source.sha256;
    auto cached = find_in_hub_cache(source.url, hash);
    if (!cached) continue;
    if (cached->sha256.empty() && hash != "hub") cached->sha256 = hash;
    return cached;
  }
  return std::nullopt;
}

// Where a file is, and what it must be.
struct Located {
  Path path;
  std::string sha256;       // empty: nobody knows it
  std::uint64_t bytes = 0;  // 0: nobody knows it
  bool ours = true;         // in our cache, not the person's nor the hub's
};

Located locate(const ModelFile& file, const Path& in_cache) {
  if (const auto own = own_file(file)) return {*own, file.sha256, file.bytes, false};
  std::error_code ec;
  if (std::filesystem::exists(in_cache, ec)) {
    const auto record = read_file_record(in_cache);
    return {in_cache, record ? record->sha256 : file.sha256, record ? record->bytes : file.bytes};
  }
  if (const auto cached = hub_cached(file))
    return {cached->file, cached->sha256, cached->sha256 == file.sha256 ? file.bytes : 0, false};
  return {in_cache, file.sha256, file.bytes};
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

Path ModelCatalog::path_of(const ModelEntry& entry, const ModelFile& file) const {
  return locate(file, models_ / entry.id / file.name).path;
}

Path ModelCatalog::path_of(const ModelEntry& entry) const {
  return path_of(entry, entry.files().front());
}

Result<Path> ModelCatalog::local_file(const ModelEntry& entry, const ModelFile& file) const {
  const Located place = locate(file, models_ / entry.id / file.name);
  std::error_code ec;
  const auto size = std::filesystem::file_size(place.path, ec);
  const std::string hint = pull_hint(entry, entry.id == default_chat_model());
  const std::string which = entry.companions.empty() ? entry.id : entry.id + " (" + file.name + ")";
  if (ec)
    return fail(ErrorKind::missing_part,
                fmt::format("open the model {}: it is not on this machine ({} to download)", which,
                            file.bytes > 0 ? human_bytes(file.bytes) : "size not known"),
                hint);
  if (place.bytes > 0 && size != place.bytes)
    return fail(ErrorKind::invalid_input,
                fmt::format("open the model {}: {} has {} bytes instead of {}", which, place.path.string(),
                            size, place.bytes),
                fmt::format("the file is damaged; remove it and {}", hint));
  return place.path;
}

Result<Path> ModelCatalog::local_path(const ModelEntry& entry) const {
  const std::vector<ModelFile> files = entry.files();
  for (const ModelFile& file : files) TRY(local_file(entry, file));
  return local_file(entry, files.front());
}

Result<Path> ModelCatalog::companion_path(const ModelEntry& entry, std::string_view role) const {
  const auto found = std::ranges::find(entry.companions, role, &ModelFile::role);
  return found == entry.companions.end() ? Result<Path>(Path()) : local_file(entry, *found);
}

Result<void> ModelCatalog::verify_file(const ModelEntry& entry, const ModelFile& file, const Job& job) const {
  TRY_ASSIGN(const Path path, local_file(entry, file));
  const std::string expected = locate(file, models_ / entry.id / file.name).sha256;
  // Says where a file is cut off, and that without reading it all.
  const auto header = [&]() -> Result<void> {
    if (path.extension() != ".gguf") return {};
    const auto read = read_gguf_header(path);
    return read ? Result<void>() : std::unexpected(read.error());
  };
  if (expected.empty() || expected == "hub") return header();
  job.report({"verify " + entry.id, 0, static_cast<double>(file.bytes), "bytes"});
  TRY_ASSIGN(const std::string found, sha256_of_file(path, job.stop));
  if (found == expected) return {};
  const auto whole = header();
  return fail(ErrorKind::invalid_input,
              fmt::format("verify the model {}: the SHA-256 of {} is {} instead of {}{}", entry.id,
                          path.string(), found, expected, whole ? "" : "; " + whole.error().message),
              fmt::format("the file is damaged; remove it and {}",
                          pull_hint(entry, entry.id == default_chat_model())));
}

Result<void> ModelCatalog::verify(const ModelEntry& entry, const Job& job) const {
  for (const ModelFile& file : entry.files()) TRY(verify_file(entry, file, job));
  return {};
}

Result<std::uint64_t> ModelCatalog::remove(const ModelEntry& entry) const {
  const Path folder = models_ / entry.id;
  std::error_code ec;
  std::uint64_t freed = 0;
  if (std::filesystem::exists(folder, ec)) {
    // Under a download's feet its next write would fail with no good reason.
    TRY_ASSIGN(const auto lock, FolderLock::try_take(folder));
    if (!lock)
      return fail(ErrorKind::io,
                  fmt::format("remove the model {}: it is being downloaded by another command", entry.id),
                  "wait for it or end it first");
    for (const auto& item : std::filesystem::recursive_directory_iterator(folder, ec))
      if (item.is_regular_file(ec) && !item.is_symlink(ec)) freed += item.file_size(ec);
    std::filesystem::remove_all(folder, ec);
  }
  if (!ec && entry.imported && !imports_.empty())
    std::filesystem::remove(imports_ / (entry.id + ".yaml"), ec);
  if (ec) return fail(ErrorKind::io, fmt::format("remove {}: {}", folder.string(), ec.message()));
  return freed;
}

}  // namespace studio
