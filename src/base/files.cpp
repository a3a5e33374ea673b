// POSIX file work behind files.h.
#include "base/files.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace studio {
namespace {

std::unexpected<Error> fail_errno(std::string what, int code) {
  const ErrorKind kind = code == ENOENT || code == ENOTDIR  ? ErrorKind::not_found
                         : code == ENOSPC || code == EDQUOT ? ErrorKind::no_space
                                                            : ErrorKind::io;
  std::string hint = kind == ErrorKind::not_found      ? "check the spelling of the path"
                     : kind == ErrorKind::no_space     ? "free some disk space and run the command again"
                     : code == EACCES || code == EROFS ? "choose a place you may write to"
                                                       : "";
  return fail(kind, fmt::format("{}: {}", what, std::strerror(code)), std::move(hint));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Path sibling_of(const Path& target) {
  static std::atomic<unsigned> counter{0};
  return target.parent_path() / fmt::format(".{}.{}-{}.part{}", target.stem().string(), ::getpid(),
                                            counter.fetch_add(1), target.extension().string());
}

Path xdg_folder(const char* variable, const char* fallback) {
  const char* base = std::getenv(variable);
  if (base != nullptr && base[0] == '/') return Path(base) / "animation-studio";
  const char* home = std::getenv("HOME");
  return Path(home != nullptr && home[0] == '/' ? home : "/tmp") / fallback / "animation-studio";
}

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  ~Digest() { EVP_MD_CTX_free(context_); }
  void add(const void* data, std::size_t size) { EVP_DigestUpdate(context_, data, size); }
  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    EVP_DigestFinal_ex(context_, out.data(), &size);
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", out[i]);
    return text;
  }

 private:
  EVP_MD_CTX* context_;
};

}  // namespace

Result<std::string> read_file(const Path& path, std::uint64_t max_bytes) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail_errno(fmt::format("open {}", path.string()), errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return fail_errno(fmt::format("stat {}", path.string()), errno);
  if (S_ISDIR(info.st_mode))
    return fail(ErrorKind::invalid_input, fmt::format("read {}: it is a folder", path.string()),
                "give a file");
  std::string content;
  std::vector<char> buffer(1u << 16);
  while (true) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("read {}", path.string()), errno);
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > max_bytes)
      return fail(ErrorKind::limit_exceeded,
                  fmt::format("read {}: larger than the limit of {} bytes", path.string(), max_bytes));
  }
}

namespace {

Result<void> write_through(const Path& opened, int flags, const Path& path, std::string_view content) {
  const FileDescriptor file(::open(opened.c_str(), flags, 0666));
  if (file.get() < 0) return fail_errno(fmt::format("write {}", path.string()), errno);
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("write {}", path.string()), errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(file.get()) != 0 && errno != EINVAL)
    return fail_errno(fmt::format("flush {}", path.string()), errno);
  return {};
}

// /dev/null, /dev/stdout, a named pipe, <(...): renaming a file over it would take it from everybody else
// (as root even /dev/null).
bool is_stream(const Path& path) {
  std::error_code ec;
  const auto status = std::filesystem::status(path, ec);
  return std::filesystem::is_character_file(status) || std::filesystem::is_fifo(status) ||
         std::filesystem::is_socket(status) || std::filesystem::is_block_file(status);
}

}  // namespace

Result<void> write_file_atomic(const Path& path, std::string_view content) {
  if (is_stream(path)) return write_through(path, O_WRONLY | O_CLOEXEC, path, content);
  TRY_ASSIGN(PendingFile pending, PendingFile::create(path));
  TRY(write_through(pending.temporary(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, path, content));
  return pending.commit();
}

PendingFile::PendingFile(Path target, Path temporary)
    : target_(std::move(target)), temporary_(std::move(temporary)) {}

PendingFile::PendingFile(PendingFile&& other) noexcept
    : target_(std::move(other.target_)), temporary_(std::exchange(other.temporary_, {})) {}

PendingFile::~PendingFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<PendingFile> PendingFile::create(const Path& target) {
  std::error_code ec;
  if (target.filename().empty() || std::filesystem::is_directory(target, ec))
    return fail(ErrorKind::invalid_input, fmt::format("write {}: it is a folder", target.string()),
                "give a file name");
  if (is_stream(target))
    return fail(ErrorKind::invalid_input,
                fmt::format("write {}: it is a device or pipe, not a file", target.string()),
                "give a file name");
  const Path parent = target.parent_path().empty() ? Path(".") : target.parent_path();
  if (!std::filesystem::is_directory(parent, ec))
    return fail(ErrorKind::not_found,
                fmt::format("write {}: the folder {} does not exist", target.string(), parent.string()),
                fmt::format("make it first: mkdir -p {}", parent.string()));
  if (::access(parent.c_str(), W_OK) != 0) return fail_errno(fmt::format("write {}", target.string()), errno);
  return PendingFile(target, sibling_of(target));
}

Result<void> PendingFile::commit() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    return fail_errno(fmt::format("rename {} to {}", temporary_.string(), target_.string()), errno);
  temporary_.clear();
  return {};
}

ScratchFolder::ScratchFolder(Path path) : path_(std::move(path)) {}
ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ec;
  if (!path_.empty()) std::filesystem::remove_all(path_, ec);
}

Result<ScratchFolder> ScratchFolder::create(std::string_view prefix) {
  std::error_code ec;
  const Path base = std::filesystem::temp_directory_path(ec);
  std::string pattern = ((ec ? Path("/tmp") : base) / fmt::format("{}-XXXXXX", prefix)).string();
  if (::mkdtemp(pattern.data()) == nullptr)
    return fail_errno(fmt::format("make a scratch folder {}", pattern), errno);
  return ScratchFolder(Path(pattern));
}

Path cache_folder() {
  return xdg_folder("XDG_CACHE_HOME", ".cache");
}
Path data_folder() {
  return xdg_folder("XDG_DATA_HOME", ".local/share");
}
Path config_folder() {
  return xdg_folder("XDG_CONFIG_HOME", ".config");
}

Result<Path> shipped_config(std::string_view file) {
  std::vector<Path> places;
  if (const char* set = std::getenv("STUDIO_CONFIG_DIR")) places.emplace_back(set);
  std::error_code ec;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", ec);
  if (!ec) places.push_back(program.parent_path().parent_path() / "share/animation-studio/configs");
#ifdef STUDIO_SOURCE_CONFIG_DIR
  places.emplace_back(STUDIO_SOURCE_CONFIG_DIR);
#endif
  for (const Path& place : places)
    if (std::filesystem::exists(place / file, ec)) return place / file;
  return fail(ErrorKind::not_found, fmt::format("find the shipped configuration {}", file),
              "set STUDIO_CONFIG_DIR to the configs/ folder of the studio");
}

bool same_file(const Path& a, const Path& b) {
  std::error_code ec;
  return std::filesystem::equivalent(a, b, ec) && !ec;
}

std::string sha256_of(std::string_view bytes) {
  Digest digest;
  digest.add(bytes.data(), bytes.size());
  return digest.hex();
}

Result<std::string> sha256_of_file(const Path& path, std::stop_token stop) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail_errno(fmt::format("open {}", path.string()), errno);
  Digest digest;
  std::vector<char> buffer(1u << 20);
  while (true) {
    if (stop.stop_requested())
      return fail(ErrorKind::interrupted, fmt::format("hash {}: stopped as asked", path.string()));
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(fmt::format("read {}", path.string()), errno);
    if (n == 0) return digest.hex();
    digest.add(buffer.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace studio
