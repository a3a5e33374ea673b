// One command at a time on a model's folder, whatever the number of studios.
#pragma once

#include <optional>
#include <string>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace studio {

// Held by an open file, so that a killed command lets it go.
class FolderLock {
 public:
  // Waits for whoever has it, and says so. io; interrupted.
  static Result<FolderLock> take(const Path& folder, const std::string& model, const Job& job);
  // Nothing when somebody has it.
  static Result<std::optional<FolderLock>> try_take(const Path& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace studio
