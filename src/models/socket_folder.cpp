// Folders with a lock on themselves: flock(2) on the directory's own descriptor.
#include "models/socket_folder.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace studio {
namespace {

constexpr std::string_view kPrefix = "studio-engine.";
constexpr std::size_t kRandomLetters = 6;           // of mkdtemp
constexpr std::size_t kLongestSocketPath = 107;     // sockaddr_un
constexpr const char* kInside[] = {"engine.sock"};  // all that is ever put there

Path temporary_folder() {
  std::error_code ec;
  Path folder = std::filesystem::temp_directory_path(ec);
  return ec ? Path("/tmp") : folder;
}

bool is_our_name(std::string_view name) {
  return name.size() == kPrefix.size() + kRandomLetters && name.starts_with(kPrefix) &&
         std::ranges::all_of(name.substr(kPrefix.size()),
                             [](unsigned char c) { return std::isalnum(c) != 0; });
}

// -1 when somebody holds it, or it is no folder of ours, or the file system knows no locks.
int lock_folder(const Path& folder, int wait_or_not) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat found{};
  if (::fstat(fd, &found) == 0 && found.st_uid == ::geteuid() && ::flock(fd, LOCK_EX | wait_or_not) == 0)
    return fd;
  ::close(fd);
  return -1;
}

bool is_still_there(int fd, const Path& folder) {
  struct stat held{}, found{};
  return ::fstat(fd, &held) == 0 && ::lstat(folder.c_str(), &found) == 0 && held.st_ino == found.st_ino &&
         held.st_dev == found.st_dev;
}

// Only what engines put there: a folder with anything else in it is not removed.
bool remove_folder(int fd, const Path& folder) {
  for (const char* name : kInside) ::unlinkat(fd, name, 0);
  return ::rmdir(folder.c_str()) == 0;
}

}  // namespace

int remove_stale_socket_folders() {
  const Path base = temporary_folder();
  DIR* entries = ::opendir(base.c_str());
  if (entries == nullptr) return 0;
  int removed = 0;
  while (const dirent* entry = ::readdir(entries)) {
    if (!is_our_name(entry->d_name)) continue;
    const Path folder = base / entry->d_name;
    const int lock = lock_folder(folder, LOCK_NB);
    if (lock < 0) continue;
    if (remove_folder(lock, folder)) ++removed;
    ::close(lock);
  }
  ::closedir(entries);
  return removed;
}

Result<SocketFolder> SocketFolder::create() {
  remove_stale_socket_folders();
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    std::string pattern = (temporary_folder() / fmt::format("{}XXXXXX", kPrefix)).string();
    if (::mkdtemp(pattern.data()) == nullptr)
      return fail(ErrorKind::io, fmt::format("make a folder {}: {}", pattern, std::strerror(errno)),
                  "set TMPDIR to a folder you may write to");
    SocketFolder folder(pattern, lock_folder(pattern, 0));
    if (folder.socket().size() > kLongestSocketPath)
      return fail(ErrorKind::io, fmt::format("make a socket in {}: the path is too long", pattern),
                  "set TMPDIR to a shorter folder, such as /tmp");
    // Where nothing can be locked, nothing is taken for stale either.
    if (folder.lock_ < 0 || is_still_there(folder.lock_, folder.path_)) return folder;
    // Another studio took it for a stale one before it was locked.
  }
  return fail(ErrorKind::io,
              fmt::format("make a folder for a socket in {}: others remove it", temporary_folder().string()),
              "set TMPDIR to a folder of your own");
}

SocketFolder::SocketFolder(Path path, int lock) : path_(std::move(path)), lock_(lock) {}
SocketFolder::SocketFolder(SocketFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}

SocketFolder::~SocketFolder() {
  if (path_.empty()) return;
  if (lock_ >= 0) {
    remove_folder(lock_, path_);
    ::close(lock_);
  } else {
    ::rmdir(path_.c_str());
  }
}

}  // namespace studio
