// Range requests side by side: each worker takes the next piece that is not there yet.
#include "net/segmented_download.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio::download {
namespace {

constexpr std::uint64_t kSmallestSegment = 1u << 20, kLargestSegment = 256u << 20;
// How much a killed program may have to fetch again, in time.
constexpr std::chrono::seconds kMapInterval{2};

// Each segment costs a redirect and a TLS handshake, so that a large file gets large ones.
std::uint64_t segment_size(const DownloadRequest& request) {
  if (request.segment_bytes > 0) return request.segment_bytes;
  const auto pieces = static_cast<std::uint64_t>(std::max(1, request.connections)) * 4;
  return std::clamp(request.bytes / pieces, kSmallestSegment, kLargestSegment);
}

Path map_path(const Path& part) {
  return Path(part.string() + ".map");
}

struct Segment {
  std::uint64_t begin = 0, size = 0, done = 0;
  bool taken = false;
  bool whole() const { return done == size; }
};

std::vector<Segment> cut(std::uint64_t bytes, std::uint64_t size) {
  std::vector<Segment> segments;
  for (std::uint64_t at = 0; at < bytes; at += size) segments.push_back({at, std::min(size, bytes - at)});
  return segments;
}

// What an earlier run left: a map, or a stream's beginning.
std::vector<Segment> recall(const DownloadRequest& request, const Path& part) {
  std::vector<Segment> segments = cut(request.bytes, segment_size(request));
  std::error_code ec;
  const std::uint64_t there = std::filesystem::file_size(part, ec);
  if (ec) return segments;
  if (const auto map = read_json_file(map_path(part));
      map && check_schema(*map, "studio.download", 1, "map")) {
    JsonReader reader(*map, "map");
    const Json& done = reader.array("done");
    const bool same = static_cast<std::uint64_t>(reader.integer("bytes", 0)) == request.bytes &&
                      reader.string("sha256", "") == request.sha256;
    const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, reader.integer("segment", 0)));
    if (!same || size == 0) return segments;
    std::vector<Segment> known = cut(request.bytes, size);
    if (done.size() != known.size()) return segments;
    for (std::size_t i = 0; i < known.size(); ++i) {
      const auto bytes = done[i].is_number_unsigned() ? done[i].get<std::uint64_t>() : 0;
      // No more than the file really holds: the map may have outlived it.
      const std::uint64_t held = there > known[i].begin ? there - known[i].begin : 0;
      known[i].done = std::min({bytes, known[i].size, held});
    }
    return known;
  }
  std::uint64_t left = std::min(there, request.bytes);
  for (Segment& segment : segments) {
    segment.done = std::min(segment.size, left);
    left -= segment.done;
  }
  return segments;
}

// One download in several pieces. Lives as long as its workers.
class Download {
 public:
  using Clock = std::chrono::steady_clock;
  Download(const DownloadRequest& request, const Path& part, const Job& job, std::vector<Segment> segments,
           int fd)
      : request_(request), part_(part), job_(job), segments_(std::move(segments)), fd_(fd) {
    for (const Segment& segment : segments_) done_ += segment.done;
  }
  ~Download() { ::close(fd_); }

  // False when the server knows no ranges.
  Result<bool> run() {
    // Before the first byte: without a map a part is taken for one stream's beginning, and this one
    // has holes.
    TRY(write_map());
    {
      const std::stop_callback passed_on(job_.stop, [this] { stop_.request_stop(); });
      std::vector<std::jthread> workers;
      for (int i = 0; i < request_.connections; ++i) workers.emplace_back([this] { work(); });
    }
    if (::fsync(fd_) != 0 && errno != EINVAL) return fail_write(part_, errno);
    if (no_ranges_) return false;
    TRY(remember());
    if (error_) return std::unexpected(*error_);
    if (job_.cancelled())
      return fail(ErrorKind::interrupted, fmt::format("download {}: interrupted", request_.name),
                  "run the command again: it goes on where it stopped");
    return true;
  }

 private:
  void work() {
    while (Segment* segment = take()) {
      auto pause = request_.retry_pause;
      for (int failures = 0; !segment->whole();) {
        const std::uint64_t before = segment->done;
        const auto fetched = fetch(*segment);
        if (fetched) continue;
        if (segment->done > before) {
          failures = 0;
          pause = request_.retry_pause;
        }
        if (!is_worth_a_retry(fetched.error()) || ++failures > request_.retries)
          return give_up(fetched.error());
        if (!wait(pause, stop_.get_token())) return;
        pause *= 2;
      }
      const std::lock_guard lock(mutex_);
      (void)write_map();
    }
  }

  Segment* take() {
    const std::lock_guard lock(mutex_);
    if (stop_.stop_requested()) return nullptr;
    for (Segment& segment : segments_)
      if (!segment.taken && !segment.whole()) {
        segment.taken = true;
        return &segment;
      }
    return nullptr;
  }

  void give_up(const Error& error) {
    const std::lock_guard lock(mutex_);
    // The others end because of this one: the first error is the cause.
    if (!error_ && !no_ranges_ && !stop_.stop_requested()) error_ = error;
    stop_.request_stop();
  }

  Result<void> fetch(Segment& segment) {
    HttpRequest http = get_request(request_, stop_.get_token());
    const std::uint64_t from = segment.begin + segment.done, end = segment.begin + segment.size;
    http.headers.emplace_back("Range", fmt::format("bytes={}-{}", from, end - 1));
    http.max_response_bytes = end - from + (1u << 20);
    std::optional<Error> failure;
    http.on_status = [&](int status) {
      if (status == 206) return true;
      const std::lock_guard lock(mutex_);
      no_ranges_ = status == 200;
      return false;
    };
    http.on_body = [&](std::string_view piece) {
      if (piece.size() > segment.size - segment.done) {
        failure =
            Error{ErrorKind::engine_failed,
                  fmt::format("download {}: the server sent more than was asked for", request_.name), ""};
        return false;
      }
      auto written = write(segment, piece);
      if (!written) failure = written.error();
      return written.has_value();
    };
    const auto answer = send_http(http);
    if (failure) return std::unexpected(*failure);
    if (!answer) {
      if (no_ranges())
        return fail(ErrorKind::unsupported, fmt::format("download {}: no ranges", request_.name));
      return std::unexpected(answer.error());
    }
    if (answer->status == 416)
      return fail(ErrorKind::invalid_input,
                  fmt::format("download {}: the server has a file of another size than {} bytes",
                              request_.name, request_.bytes),
                  "it changed at the source; run the command again");
    if (answer->status != 206) return std::unexpected(status_error(request_, answer->status));
    // A proxy that answers ranges with other ranges is as good as one without.
    if (!answer->header("content-range").starts_with(fmt::format("bytes {}-", from))) {
      const std::lock_guard lock(mutex_);
      no_ranges_ = true;
      return fail(ErrorKind::unsupported, fmt::format("download {}: another range came", request_.name));
    }
    if (segment.whole()) return {};
    return fail(ErrorKind::engine_failed,
                fmt::format("download {}: {} bytes of a piece came, {} were asked for", request_.name,
                            segment.done, segment.size),
                "run the command again: it goes on where it stopped");
  }

  Result<void> write(Segment& segment, std::string_view piece) {
    while (!piece.empty()) {
      const auto at = static_cast<off_t>(segment.begin + segment.done);
      const ssize_t n = ::pwrite(fd_, piece.data(), piece.size(), at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_write(part_, errno);
      piece.remove_prefix(static_cast<std::size_t>(n));
      const std::lock_guard lock(mutex_);
      segment.done += static_cast<std::uint64_t>(n);
      done_ += static_cast<std::uint64_t>(n);
      job_.report({stage_, static_cast<double>(done_), static_cast<double>(request_.bytes), "bytes"});
      if (const auto now = Clock::now(); now - mapped_ > kMapInterval) {
        mapped_ = now;
        TRY(write_map());
      }
    }
    return {};
  }

  bool no_ranges() {
    const std::lock_guard lock(mutex_);
    return no_ranges_;
  }

  Result<void> remember() {
    const std::lock_guard lock(mutex_);
    if (std::ranges::all_of(segments_, &Segment::whole)) {
      std::error_code ec;
      std::filesystem::remove(map_path(part_), ec);
      return {};
    }
    // On a full disk there may be no room for the map either: the cause is told, not this.
    if (auto written = write_map(); !written && !error_) return written;
    return {};
  }

  Result<void> write_map() {
    Json done = Json::array();
    for (const Segment& segment : segments_) done.push_back(segment.done);
    return write_json_file(map_path(part_), Json{{"schema", "studio.download/1"},
                                                 {"bytes", request_.bytes},
                                                 {"sha256", request_.sha256},
                                                 {"segment", segments_.front().size},
                                                 {"done", std::move(done)}});
  }

  const DownloadRequest& request_;
  const std::string stage_ = "download " + request_.name;
  const Path& part_;
  const Job& job_;
  std::mutex mutex_;  // guards all below but the bytes of the file; each segment belongs to one worker
  std::vector<Segment> segments_;
  std::uint64_t done_ = 0;
  Clock::time_point mapped_ = Clock::now();
  bool no_ranges_ = false;
  std::optional<Error> error_;
  std::stop_source stop_;
  const int fd_;
};

// Bytes of the disk that the part takes up already; of a sparse file less than its size.
std::uint64_t allocated(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

}  // namespace

HttpRequest get_request(const DownloadRequest& request, std::stop_token stop) {
  HttpRequest http;
  http.endpoint = request.endpoint;
  http.path = request.path;
  http.headers = request.headers;
  http.timeout = std::chrono::hours(24);  // a stall ends it, not its length
  http.stall_timeout = request.stall_timeout;
  http.max_redirects = 5;
  http.stop = std::move(stop);
  return http;
}

std::unexpected<Error> fail_write(const Path& path, int code) {
  return fail(
      code == ENOSPC || code == EDQUOT ? ErrorKind::no_space : ErrorKind::io,
      fmt::format("write {}: {}", path.string(), std::strerror(code)),
      code == ENOSPC ? "free some disk space and run the command again" : "choose a place you may write to");
}

Error status_error(const DownloadRequest& request, int status) {
  const std::string what = fmt::format("download {}: the server answered {}", request.name, status);
  if (status == 401 || status == 403)
    return {ErrorKind::unsupported, what, "the model may need a licence accepted and a token: set HF_TOKEN"};
  if (status == 404 || status == 410)
    return {ErrorKind::not_found, what, "the file is no longer there; another source may have it"};
  return {ErrorKind::engine_failed, what, "run the command again later: it goes on where it stopped"};
}

bool is_worth_a_retry(const Error& error) {
  return error.kind == ErrorKind::engine_failed || error.kind == ErrorKind::timeout;
}

Result<void> wait(std::chrono::milliseconds pause, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  if (!changed.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); })) return {};
  return fail(ErrorKind::interrupted, "wait before another try: interrupted",
              "run the command again: it goes on where it stopped");
}

Result<bool> fetch_segments(const DownloadRequest& request, const Path& part, const Job& job) {
  std::error_code ec;
  const bool begun = std::filesystem::exists(map_path(part), ec);
  const bool fits = request.connections > 1 && request.bytes >= 2 * segment_size(request);
  if (!begun && !fits) return false;
  std::vector<Segment> segments = recall(request, part);
  const auto drop = [&] {
    std::filesystem::remove(map_path(part), ec);
    std::filesystem::remove(part, ec);
    return false;
  };
  if (segments.empty()) return drop();
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return fail_write(part, errno);
  const std::uint64_t there = allocated(fd);
  Download pieces(request, part, job, std::move(segments), fd);
  if (request.bytes > there)
    TRY(require_space(request.target.parent_path(), request.bytes - there, "download " + request.name));
  const auto size = std::filesystem::file_size(part, ec);
  if (!ec && size > request.bytes && ::ftruncate(fd, static_cast<off_t>(request.bytes)) != 0)
    return fail_write(part, errno);
  TRY_ASSIGN(const bool whole, pieces.run());
  return whole ? Result<bool>(true) : drop();
}

}  // namespace studio::download
