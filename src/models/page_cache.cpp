// readahead(2) by pieces, and mincore(2) to look at the result.
#include "models/page_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace studio {
namespace {

constexpr std::size_t kStep = 8u << 20;

class OpenFile {
 public:
  explicit OpenFile(const Path& file) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status{};
    if (fd_ >= 0 && ::fstat(fd_, &status) == 0) size_ = static_cast<std::size_t>(status.st_size);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  std::size_t size() const { return size_; }

 private:
  int fd_;
  std::size_t size_ = 0;
};

std::unexpected<Error> failed(std::string_view what, const Path& file) {
  return fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::io,
              fmt::format("{} {}: {}", what, file.string(), std::strerror(errno)));
}

}  // namespace

Result<void> warm_file(const Path& path, std::stop_token stop) {
  const OpenFile file(path);
  if (file.fd() < 0) return failed("read ahead", path);
  std::vector<char> buffer;
  for (std::size_t at = 0; at < file.size() && !stop.stop_requested(); at += kStep) {
    const std::size_t step = std::min(kStep, file.size() - at);
    if (::readahead(file.fd(), static_cast<off64_t>(at), step) == 0) continue;
    // Some file systems know no readahead: reading does the same at the price of a copy.
    buffer.resize(step);
    if (::pread(file.fd(), buffer.data(), step, static_cast<off_t>(at)) < 0)
      return failed("read ahead", path);
  }
  return {};
}

Result<double> cached_share(const Path& path) {
  const OpenFile file(path);
  if (file.fd() < 0) return failed("look for the cached pages of", path);
  if (file.size() == 0) return 1.0;
  void* mapped = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (mapped == MAP_FAILED) return failed("look for the cached pages of", path);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((file.size() + page - 1) / page);
  const int told = ::mincore(mapped, file.size(), resident.data());
  ::munmap(mapped, file.size());
  if (told != 0) return failed("look for the cached pages of", path);
  const auto there = std::ranges::count_if(resident, [](unsigned char state) { return (state & 1) != 0; });
  return static_cast<double>(there) / static_cast<double>(resident.size());
}

}  // namespace studio
