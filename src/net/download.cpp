// Range requests over send_http, with the partial file as the only state.
#include "net/download.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "net/segmented_download.h"

namespace studio {

using download::fail_write;
using download::get_request;
using download::status_error;

namespace {

// The partial file, open at its end.
class PartFile {
 public:
  static Result<PartFile> open(const Path& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return fail_write(path, errno);
    const auto end = ::lseek(fd, 0, SEEK_END);
    return PartFile(path, fd, static_cast<std::uint64_t>(end < 0 ? 0 : end));
  }
  PartFile(PartFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
  ~PartFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  std::uint64_t size() const { return size_; }
  Result<void> restart() {
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) return fail_write(path_, errno);
    size_ = 0;
    return {};
  }
  Result<void> append(std::string_view piece) {
    while (!piece.empty()) {
      const ssize_t n = ::write(fd_, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_write(path_, errno);
      piece.remove_prefix(static_cast<std::size_t>(n));
      size_ += static_cast<std::uint64_t>(n);
    }
    return {};
  }
  Result<void> flush() {
    if (::fsync(fd_) != 0 && errno != EINVAL) return fail_write(path_, errno);
    return {};
  }

 private:
  PartFile(Path path, int fd, std::uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}
  Path path_;
  int fd_;
  std::uint64_t size_;
};

Path part_path(const Path& target) {
  return Path(target.string() + ".part");
}

// One request from the part's end. True when the file is whole.
Result<bool> fetch_rest(const DownloadRequest& request, PartFile& part, const Job& job) {
  HttpRequest http = get_request(request, job.stop);
  http.max_response_bytes = request.bytes > 0 ? request.bytes + (1u << 20) : 1ull << 40;
  const std::uint64_t from = part.size();
  if (from > 0) http.headers.emplace_back("Range", fmt::format("bytes={}-", from));

  const std::string stage = "download " + request.name;
  std::optional<Error> write_error;
  // 200 to a range request: the server sends the whole file again.
  http.on_status = [&](int status) {
    if (status == 206 || from == 0) return true;
    auto restarted = part.restart();
    if (!restarted) write_error = restarted.error();
    return restarted.has_value();
  };
  http.on_body = [&](std::string_view piece) {
    auto written = part.append(piece);
    if (!written) write_error = written.error();
    job.report({stage, static_cast<double>(part.size()), static_cast<double>(request.bytes), "bytes"});
    return written.has_value();
  };
  const auto answer = send_http(http);
  if (write_error) return std::unexpected(*write_error);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 416) {  // the part is as long as the file, or longer
    if (request.bytes > 0 && from == request.bytes) return true;
    TRY(part.restart());
    return false;
  }
  if (answer->status != 200 && answer->status != 206)
    return std::unexpected(status_error(request, answer->status));
  return true;
}

}  // namespace

Result<void> require_space(const Path& folder, std::uint64_t bytes, std::string_view what) {
  std::error_code ec;
  const auto space = std::filesystem::space(folder, ec);
  if (ec || space.available >= bytes) return {};
  return fail(ErrorKind::no_space,
              fmt::format("{}: needs {} bytes in {}, which has {} free", what, bytes, folder.string(),
                          space.available),
              "free some disk space, or set XDG_CACHE_HOME to a larger disk");
}

namespace {

// Over one connection, from the part's end.
Result<void> download_stream(const DownloadRequest& request, const Path& part_file, const Job& job) {
  TRY_ASSIGN(PartFile part, PartFile::open(part_file));
  if (request.bytes > 0 && part.size() > request.bytes) TRY(part.restart());
  if (request.bytes > part.size())
    TRY(require_space(request.target.parent_path(), request.bytes - part.size(), "download " + request.name));
  const auto whole = [&] { return request.bytes > 0 && part.size() == request.bytes; };
  auto pause = request.retry_pause;
  for (int failures = 0; !whole();) {
    const std::uint64_t before = part.size();
    const auto done = fetch_rest(request, part, job);
    if (done && *done) break;
    if (done) continue;  // the part was too long and is begun anew
    if (part.size() > before) {
      failures = 0;
      pause = request.retry_pause;
    }
    if (!download::is_worth_a_retry(done.error()) || ++failures > request.retries)
      return std::unexpected(done.error());
    TRY(download::wait(pause, job.stop));
    pause *= 2;
  }
  TRY(part.flush());
  if (request.bytes == 0 || part.size() == request.bytes) return {};
  const std::uint64_t size = part.size();
  if (size > request.bytes) TRY(part.restart());
  return fail(ErrorKind::engine_failed,
              fmt::format("download {}: {} bytes came, {} were promised", request.name, size, request.bytes),
              "run the command again: it goes on where it stopped");
}

Result<void> verify_part(const DownloadRequest& request, const Path& part_file, const Job& job) {
  if (request.sha256.empty()) return {};
  job.report({"verify " + request.name, 0, static_cast<double>(request.bytes), "bytes"});
  TRY_ASSIGN(const std::string found, sha256_of_file(part_file, job.stop));
  if (found == request.sha256) return {};
  std::error_code ec;
  std::filesystem::remove(part_file, ec);
  return fail(
      ErrorKind::invalid_input,
      fmt::format("download {}: its SHA-256 is {} instead of {}", request.name, found, request.sha256),
      "it was damaged on the way or changed at the source; run the command again");
}

}  // namespace

Result<void> download_file(const DownloadRequest& request, const Job& job) {
  const Path part_file = part_path(request.target);
  TRY_ASSIGN(const bool whole, download::fetch_segments(request, part_file, job));
  if (!whole) TRY(download_stream(request, part_file, job));
  TRY(verify_part(request, part_file, job));
  std::error_code ec;
  std::filesystem::rename(part_file, request.target, ec);
  if (ec) return fail(ErrorKind::io, fmt::format("rename {}: {}", part_file.string(), ec.message()));
  return {};
}

}  // namespace studio
