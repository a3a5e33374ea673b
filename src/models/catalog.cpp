// Reads configs/models.yaml, the person's own list over it, and the lock of package parts.
#include "models/catalog.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {
namespace {

std::unexpected<Error> reject(const Path& file, std::string_view what) {
  return fail(ErrorKind::invalid_input, fmt::format("read the model catalog {}: {}", file.string(), what),
              "configs/models.yaml documents each key");
}

// yaml-cpp throws; nothing of that leaves this file.
Result<YAML::Node> read_yaml(const Path& file) {
  TRY_ASSIGN(const std::string text, read_file(file, 4u << 20));
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return reject(file, error.what());
  }
}

struct LockedModel {
  std::string id;
  std::vector<ModelPart> parts;
};

Result<std::vector<LockedModel>> read_lock(const Path& file) {
  TRY_ASSIGN(const Json lock, read_json_file(file));
  TRY(check_schema(lock, "studio.lock", 1, file.string()));
  std::vector<LockedModel> models;
  JsonReader root(lock, file.string());
  for (const Json& item : root.array("models")) {
    JsonReader reader(item, "models");
    LockedModel model{reader.required_string("id"), {}};
    for (const Json& part : reader.array("parts")) {
      JsonReader r(part, model.id + ".parts");
      model.parts.push_back({r.required_string("package"), r.required_string("package_version"),
                             r.required_string("file"), r.required_string("member"),
                             r.required_string("sha256"),
                             static_cast<std::uint64_t>(std::max<std::int64_t>(0, r.integer("bytes", 0)))});
      TRY(r.result());
    }
    TRY(reader.result());
    models.push_back(std::move(model));
  }
  TRY(root.result());
  return models;
}

// A name that becomes part of a path or of a log's name.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 120 && !name.starts_with('.') &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '-' || c == '_';
         });
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

template <typename T>
void read_field(const YAML::Node& node, const char* key, T& into) {
  if (node[key]) into = node[key].as<T>();
}

Result<ModelSource> read_source(const YAML::Node& node, const std::vector<LockedModel>& locked,
                                const Path& file, std::string_view id) {
  ModelSource source;
  read_field(node, "url", source.url);
  read_field(node, "path", source.path);
  read_field(node, "sha256", source.sha256);
  read_field(node, "convert", source.convert);
  if (const YAML::Node lock = node["lock"]) {
    const auto name = lock.as<std::string>();
    const auto found = std::ranges::find(locked, name, &LockedModel::id);
    if (found == locked.end())
      return reject(file, fmt::format("{}: setup/lock.json has no model {}", id, name));
    source.parts = found->parts;
  }
  const int kinds = !source.url.empty() + !source.path.empty() + !source.parts.empty();
  if (kinds != 1)
    return reject(file, fmt::format("{}: a source needs exactly one of url, lock and path", id));
  if (!source.convert.empty() && source.convert != "bert-safetensors")
    return reject(file, fmt::format("{}: convert is bert-safetensors, not {}", id, source.convert));
  if (!source.convert.empty() && !source.url.empty() && !source.url.ends_with('/'))
    return reject(file, fmt::format("{}: the url of a source to convert is a folder and ends in /", id));
  if (!source.sha256.empty() && source.sha256 != "hub" && !is_sha256(source.sha256))
    return reject(file, fmt::format("{}: a source's sha256 is 64 lowercase hex digits, or hub", id));
  return source;
}

// What the entry's first file and each of its other ones have in common.
Result<void> merge_file(ModelFile& into, const YAML::Node& node, const std::vector<LockedModel>& locked,
                        const Path& file, std::string_view id) {
  read_field(node, "file", into.name);
  read_field(node, "bytes", into.bytes);
  read_field(node, "sha256", into.sha256);
  if (node["sources"]) into.sources.clear();
  for (const YAML::Node& item : node["sources"]) {
    TRY_ASSIGN(ModelSource source, read_source(item, locked, file, id));
    // A file that lies where the person says needs no name of its own in the cache.
    if (!source.path.empty() && into.name.empty()) into.name = Path(source.path).filename().string();
    into.sources.push_back(std::move(source));
  }
  if (into.name.empty()) return reject(file, fmt::format("{}: task, engine and file are needed", id));
  const bool own = std::ranges::any_of(into.sources, [](const ModelSource& s) { return !s.path.empty(); });
  if (!own && !is_plain_name(into.name))
    return reject(file, fmt::format("{}: file is a plain name, not a path: {}", id, into.name));
  if (!into.sha256.empty() && !is_sha256(into.sha256))
    return reject(file, fmt::format("{}: sha256 is 64 lowercase hex digits", id));
  return {};
}

Result<void> merge_companions(ModelEntry& entry, const YAML::Node& node,
                              const std::vector<LockedModel>& locked, const Path& file) {
  if (!node["files"]) return {};
  entry.companions.clear();
  for (const YAML::Node& item : node["files"]) {
    ModelFile companion;
    read_field(item, "role", companion.role);
    if (companion.role != "part" && companion.role != "mmproj" && companion.role != "draft")
      return reject(file, fmt::format("{}: the role of a further file is part, mmproj or draft", entry.id));
    TRY(merge_file(companion, item, locked, file, entry.id));
    for (const ModelFile& other : entry.files())
      if (other.name == companion.name)
        return reject(file, fmt::format("{}: two files have the name {}", entry.id, companion.name));
    entry.companions.push_back(std::move(companion));
  }
  return {};
}

// Fields given in `node` replace those of `entry`; the others stay.
Result<void> merge_entry(ModelEntry& entry, const YAML::Node& node, const std::vector<LockedModel>& locked,
                         const Path& file) {
  read_field(node, "aliases", entry.aliases);
  read_field(node, "task", entry.task);
  read_field(node, "engine", entry.engine);
  read_field(node, "description", entry.description);
  read_field(node, "licence", entry.licence);
  read_field(node, "languages", entry.languages);
  read_field(node, "context", entry.context);
  read_field(node, "dimensions", entry.dimensions);
  read_field(node, "memory_bytes", entry.memory_bytes);
  read_field(node, "names", entry.names);
  read_field(node, "imported", entry.imported);
  ModelFile first{"model", entry.file, entry.bytes, entry.sha256, std::move(entry.sources)};
  TRY(merge_file(first, node, locked, file, entry.id));
  entry.file = std::move(first.name);
  entry.bytes = first.bytes;
  entry.sha256 = std::move(first.sha256);
  entry.sources = std::move(first.sources);
  if (entry.task.empty() || entry.engine.empty())
    return reject(file, fmt::format("{}: task, engine and file are needed", entry.id));
  return merge_companions(entry, node, locked, file);
}

Result<void> merge_catalog(std::vector<ModelEntry>& entries, std::map<std::string, std::string>& defaults,
                           const Path& file, const std::vector<LockedModel>& locked) {
  TRY_ASSIGN(const YAML::Node root, read_yaml(file));
  try {
    if (root.IsNull()) return {};
    if (!root.IsMap()) return reject(file, "a mapping with the key models is expected");
    const auto schema = root["schema"] ? root["schema"].as<std::string>() : "studio.models/1";
    TRY(check_schema(Json{{"schema", schema}}, "studio.models", 1, file.string()));
    for (const YAML::Node& node : root["models"]) {
      if (!node.IsMap() || !node["id"]) return reject(file, "each model needs an id");
      const auto id = node["id"].as<std::string>();
      if (!is_plain_name(id))
        return reject(file, fmt::format("the id {} has other than letters, digits and .-_ in it", id));
      auto found = std::ranges::find(entries, id, &ModelEntry::id);
      if (found == entries.end()) {
        entries.emplace_back().id = id;
        found = std::prev(entries.end());
      }
      TRY(merge_entry(*found, node, locked, file));
    }
    if (const YAML::Node given = root["defaults"])
      for (const auto& item : given) defaults[item.first.as<std::string>()] = item.second.as<std::string>();
  } catch (const YAML::Exception& error) {
    return reject(file, error.what());
  }
  return {};
}

// Each imported model is a file of its own, so that the person's own list is never rewritten.
Result<void> merge_imports(std::vector<ModelEntry>& entries, std::map<std::string, std::string>& defaults,
                           const Path& folder, const std::vector<LockedModel>& locked) {
  std::vector<Path> files;
  std::error_code ec;
  for (const auto& item : std::filesystem::directory_iterator(folder, ec))
    if (item.path().extension() == ".yaml") files.push_back(item.path());
  std::ranges::sort(files);
  for (const Path& file : files) TRY(merge_catalog(entries, defaults, file, locked));
  return {};
}

// In the tree the lock lies in setup/, installed it lies beside the catalog.
Result<Path> find_lock() {
  if (auto installed = shipped_config("lock.json")) return installed;
  return shipped_config("../setup/lock.json");
}

}  // namespace

Result<ModelCatalog> ModelCatalog::load(const CatalogOptions& options) {
  Path shipped = options.shipped;
  Path lock = options.lock;
  if (shipped.empty()) {
    TRY_ASSIGN(shipped, shipped_config("models.yaml"));
  }
  if (lock.empty()) {
    TRY_ASSIGN(lock, find_lock());
  }
  TRY_ASSIGN(const auto locked, read_lock(lock));
  ModelCatalog catalog;
  TRY(merge_catalog(catalog.entries_, catalog.defaults_, shipped, locked));
  const Path own = options.own.empty() ? config_folder() / "models.yaml" : options.own;
  std::error_code ec;
  if (std::filesystem::exists(own, ec)) TRY(merge_catalog(catalog.entries_, catalog.defaults_, own, locked));
  // An `own` given by a caller stands alone unless its imports are given too.
  if (!options.imports.empty())
    catalog.imports_ = options.imports;
  else if (options.own.empty())
    catalog.imports_ = config_folder() / "models.d";
  if (!catalog.imports_.empty())
    TRY(merge_imports(catalog.entries_, catalog.defaults_, catalog.imports_, locked));
  catalog.models_ = options.models.empty() ? cache_folder() / "models" : options.models;
  const char* offline = std::getenv("HF_HUB_OFFLINE");
  catalog.offline_ = options.offline || (offline != nullptr && std::string_view(offline) == "1");
  catalog.connections_ = options.connections;
  return catalog;
}

std::vector<ModelFile> ModelEntry::files() const {
  std::vector<ModelFile> all{{"model", file, bytes, sha256, sources}};
  all.insert(all.end(), companions.begin(), companions.end());
  return all;
}

std::uint64_t ModelEntry::total_bytes() const {
  std::uint64_t total = bytes;
  for (const ModelFile& companion : companions) {
    if (companion.bytes == 0) return 0;
    total += companion.bytes;
  }
  return bytes == 0 ? 0 : total;
}

std::string_view ModelCatalog::default_model(std::string_view task) const {
  const auto found = defaults_.find(std::string(task));
  return found == defaults_.end() ? std::string_view() : std::string_view(found->second);
}

const ModelEntry* ModelCatalog::find(std::string_view id_or_alias) const {
  for (const ModelEntry& entry : entries_)
    if (entry.id == id_or_alias) return &entry;
  for (const ModelEntry& entry : entries_)
    if (std::ranges::find(entry.aliases, id_or_alias) != entry.aliases.end()) return &entry;
  return nullptr;
}

Result<ModelEntry> ModelCatalog::entry(std::string_view id_or_alias) const {
  if (const ModelEntry* found = find(id_or_alias)) return *found;
  std::vector<std::string_view> ids;
  for (const ModelEntry& entry : entries_) ids.push_back(entry.id);
  return fail(ErrorKind::not_found, fmt::format("find the model {}: it is not in the catalog", id_or_alias),
              fmt::format("known are {}; your own go into {}", fmt::join(ids, ", "),
                          (config_folder() / "models.yaml").string()));
}

}  // namespace studio
