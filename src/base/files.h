// Files that never end up half written: whole reads with a limit, atomic writes, scratch folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace studio {

using Path = std::filesystem::path;

Result<std::string> read_file(const Path& path, std::uint64_t max_bytes = 1u << 30);
// Written to a sibling, flushed, renamed over `path`; a device or pipe is written into. On failure untouched.
Result<void> write_file_atomic(const Path& path, std::string_view content);

// A file being made: write to temporary(), then commit() renames it over the target.
// Destroyed without commit(), the temporary is removed and the target is untouched.
// The extension is kept, so that muxers can guess the format from the name.
class PendingFile {
 public:
  static Result<PendingFile> create(const Path& target);
  PendingFile(PendingFile&& other) noexcept;
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile();

  const Path& temporary() const { return temporary_; }
  const Path& target() const { return target_; }
  Result<void> commit();

 private:
  PendingFile(Path target, Path temporary);
  Path target_;
  Path temporary_;
};

// A folder removed with everything in it when this value ends.
class ScratchFolder {
 public:
  static Result<ScratchFolder> create(std::string_view prefix = "studio");
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const Path& path() const { return path_; }

 private:
  explicit ScratchFolder(Path path);
  Path path_;
};

// ${XDG_CACHE_HOME:-~/.cache}/animation-studio: engines, models, features. May be deleted any time.
Path cache_folder();
// ${XDG_DATA_HOME:-~/.local/share}/animation-studio: what must not be lost.
Path data_folder();
// ${XDG_CONFIG_HOME:-~/.config}/animation-studio: the person's own settings.
Path config_folder();
// The shipped configs/: $STUDIO_CONFIG_DIR, else beside the program (../share/animation-studio/configs),
// else the source tree it was built from.
Result<Path> shipped_config(std::string_view file);

// True when both name the same existing file (also through links).
bool same_file(const Path& a, const Path& b);

// Lowercase hex SHA-256 (FIPS 180-4).
std::string sha256_of(std::string_view bytes);
// Also interrupted, once `stop` is requested.
Result<std::string> sha256_of_file(const Path& path, std::stop_token stop = {});

}  // namespace studio
