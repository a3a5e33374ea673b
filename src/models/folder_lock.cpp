// flock(2) on a file in the folder.
#include "models/folder_lock.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace studio {

using namespace std::chrono_literals;

Result<std::optional<FolderLock>> FolderLock::try_take(const Path& folder) {
  const Path file = folder / ".lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    return fail(ErrorKind::io, fmt::format("open {}: {}", file.string(), std::strerror(errno)),
                "choose a place you may write to");
  FolderLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return std::optional<FolderLock>();
  return std::optional<FolderLock>(std::move(lock));
}

Result<FolderLock> FolderLock::take(const Path& folder, const std::string& model, const Job& job) {
  while (true) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);  // `rm` may have taken it away meanwhile
    TRY_ASSIGN(auto lock, try_take(folder));
    struct stat held{}, found{};
    const bool ours = lock && ::fstat(lock->fd_, &held) == 0 &&
                      ::stat((folder / ".lock").c_str(), &found) == 0 && held.st_ino == found.st_ino;
    if (ours) return *std::move(lock);
    if (job.cancelled())
      return fail(ErrorKind::interrupted,
                  fmt::format("wait for another command that gets the model {}", model));
    job.report({"wait for another command that gets " + model, 0, 0, ""});
    std::this_thread::sleep_for(200ms);
  }
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace studio
