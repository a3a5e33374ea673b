// Results that can be computed again, kept by name within a size: on this machine, for all its processes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace studio {

struct BlobCacheOptions {
  Path file;                             // its folder is made when it is missing
  std::uint64_t max_bytes = 2ULL << 30;  // of all blobs; the longest unused go first
};

// One SQLite file in WAL mode. Several processes and threads may each open it; one value is for one
// thread at a time. What is in it may be lost at any moment: a broken file is thrown away and begun anew.
class BlobCache {
 public:
  // Errors: io (the folder cannot be written), newer_schema (a newer studio's file, left untouched).
  static Result<BlobCache> open(const BlobCacheOptions& options);
  BlobCache(BlobCache&&) noexcept;
  BlobCache& operator=(BlobCache&&) noexcept;
  ~BlobCache();

  // Nothing when the key is unknown. Marks the blob as used now. Errors: io.
  Result<std::optional<std::string>> get(std::string_view key);
  // Replaces; evicts what no longer fits. A blob of more than half of max_bytes is not kept (no error).
  // Errors: io, no_space.
  Result<void> put(std::string_view key, std::string_view bytes);
  Result<void> remove(std::string_view key);
  // Sum of the blobs' sizes.
  Result<std::uint64_t> size();

 private:
  struct State;
  explicit BlobCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Where features are kept: <cache folder>/features.db.
Path default_feature_cache();

}  // namespace studio
