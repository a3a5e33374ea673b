// An imported model is one small YAML file, written here and read by the catalog.
#include "models/import.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/memory_need.h"

namespace studio {
namespace {

// "Qwen2.5 Coder 0.5B Instruct" -> "qwen2.5-coder-0.5b-instruct"
std::string slug(std::string_view text) {
  std::string id;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
    if (plain)
      id += c;
    else if (!id.empty() && id.back() != '-')
      id += '-';
  }
  while (!id.empty() && (id.back() == '-' || id.back() == '.')) id.pop_back();
  while (!id.empty() && (id.front() == '.' || id.front() == '-')) id.erase(0, 1);
  return id.substr(0, 100);
}

// The type that holds most of the weights: "q4_k".
std::string main_type(const GgufHeader& header) {
  std::map<std::uint32_t, std::uint64_t> bytes;
  for (const GgufTensor& tensor : header.tensors)
    if (tensor.dimensions.size() > 1) bytes[tensor.type] += tensor.bytes;
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& item) { return item.second; });
  return most == bytes.end() ? "gguf" : slug(ggml_type_name(most->first));
}

bool is_entry_of(const ModelEntry& entry, const Path& file) {
  return std::ranges::any_of(entry.sources, [&](const ModelSource& source) {
    return !source.path.empty() && same_file(source.path, file);
  });
}

// An id that is free, or that this file has already.
Result<std::string> choose_id(const ModelCatalog& catalog, const ImportOptions& options,
                              const GgufHeader& header, const Path& file) {
  const auto is_free = [&](const std::string& id) {
    const ModelEntry* taken = catalog.find(id);
    return taken == nullptr || (taken->imported && is_entry_of(*taken, file));
  };
  if (!options.id.empty()) {
    if (slug(options.id) != options.id)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("import {} as {}: an id has small letters, digits and .-_ only", file.string(),
                              options.id),
                  fmt::format("try --id {}", slug(options.id)));
    if (is_free(options.id)) return options.id;
    return fail(ErrorKind::wrong_usage,
                fmt::format("import {} as {}: another model has that id", file.string(), options.id),
                "choose another --id");
  }
  const std::string name = slug(header.text("general.name")), stem = slug(file.stem().string());
  for (const std::string& id : {name, name.empty() ? name : name + "-" + main_type(header), stem})
    if (!id.empty() && is_free(id)) return id;
  return fail(
      ErrorKind::wrong_usage,
      fmt::format("import {}: the catalog has a model {} already", file.string(), name.empty() ? stem : name),
      "give it an id of its own: --id NAME");
}

Result<std::string> choose_task(const ImportOptions& options, const ModelShape& shape, const Path& file) {
  if (!options.task.empty()) return options.task;
  if (shape.task == "projector")
    return fail(
        ErrorKind::wrong_usage,
        fmt::format("import {}: it turns pictures into tokens and is no model of its own", file.string()),
        "give it as --mmproj beside the model it belongs to");
  return options.projector.empty() ? shape.task : std::string("vision");
}

// JSON is YAML too, and its strings are quoted safely.
std::string quoted(const std::string& text) {
  return to_text(Json(text), -1);
}

std::string yaml_of(const ModelEntry& entry) {
  std::string text = fmt::format(
      "# Written by `studio models import`; `studio models rm {0}` takes it out again.\n"
      "schema: studio.models/1\nmodels:\n  - id: {0}\n    imported: true\n    task: {1}\n    engine: {2}\n"
      "    description: {3}\n    file: {4}\n    bytes: {5}\n    sha256: {6}\n    licence: {7}\n    context: "
      "{8}\n",
      entry.id, quoted(entry.task), quoted(entry.engine), quoted(entry.description), quoted(entry.file),
      entry.bytes, entry.sha256, quoted(entry.licence), entry.context);
  if (entry.dimensions > 0) text += fmt::format("    dimensions: {}\n", entry.dimensions);
  text += fmt::format("    memory_bytes: {}\n    sources:\n      - path: {}\n", entry.memory_bytes,
                      quoted(entry.sources.front().path));
  if (!entry.companions.empty()) text += "    files:\n";
  for (const ModelFile& file : entry.companions)
    text += fmt::format(
        "      - role: {}\n        file: {}\n        bytes: {}\n        sha256: {}\n        sources:\n       "
        "   - path: {}\n",
        file.role, quoted(file.name), file.bytes, file.sha256, quoted(file.sources.front().path));
  return text;
}

Result<ModelFile> file_at(std::string role, const Path& path, const Job& job) {
  std::error_code ec;
  ModelFile file;
  TRY_ASSIGN(file.sha256, sha256_of_file(path, job.stop));
  file.role = std::move(role);
  file.name = path.filename().string();
  file.bytes = std::filesystem::file_size(path, ec);
  file.sources.emplace_back().path = path.string();
  return file;
}

}  // namespace

Result<ModelEntry> import_model(const ModelCatalog& catalog, const ImportOptions& options, const Job& job) {
  std::error_code ec;
  const std::vector<Path> files = gguf_split_files(std::filesystem::absolute(options.file, ec));
  TRY_ASSIGN(const ModelShape shape, read_gguf_shape(files.front()));
  TRY_ASSIGN(const GgufHeader header, read_gguf_header(files.front()));
  ModelEntry entry;
  entry.imported = true;
  entry.engine = "llama-server";
  TRY_ASSIGN(entry.id, choose_id(catalog, options, header, files.front()));
  TRY_ASSIGN(entry.task, choose_task(options, shape, files.front()));
  job.report(
      {"read " + files.front().filename().string(), 0, static_cast<double>(shape.file_bytes), "bytes"});
  TRY_ASSIGN(ModelFile first, file_at("model", files.front(), job));
  entry.file = first.name;
  entry.bytes = first.bytes;
  entry.sources = std::move(first.sources);
  entry.sha256 = first.sha256;
  for (std::size_t i = 1; i < files.size(); ++i) {
    TRY_ASSIGN(ModelFile part, file_at("part", files[i], job));
    entry.companions.push_back(std::move(part));
  }
  NeedOptions need = usual_need(entry.task, shape.context);
  std::optional<ModelShape> projector;
  if (!options.projector.empty()) {
    TRY_ASSIGN(projector, read_gguf_shape(options.projector));
    if (projector->task != "projector")
      return fail(ErrorKind::wrong_usage,
                  fmt::format("import {}: it is no projector of pictures", options.projector.string()),
                  "--mmproj takes the mmproj-....gguf file that belongs to the model");
    need.projector = &*projector;
    TRY_ASSIGN(ModelFile pictures, file_at("mmproj", std::filesystem::absolute(options.projector, ec), job));
    entry.companions.push_back(std::move(pictures));
  }
  entry.licence = !options.licence.empty() ? options.licence : header.text("general.license");
  if (entry.licence.empty()) entry.licence = "unknown";
  entry.context = static_cast<int>(shape.context);
  entry.dimensions = static_cast<int>(shape.embedding_dimensions);
  entry.description = fmt::format("{}, {}", shape.name.empty() ? files.front().stem().string() : shape.name,
                                  main_type(header));
  entry.memory_bytes = memory_need(shape, need).total;
  if (catalog.imports_folder().empty())
    return fail(ErrorKind::internal, fmt::format("import {}: this catalog takes no imports", entry.id));
  std::filesystem::create_directories(catalog.imports_folder(), ec);
  TRY(write_file_atomic(catalog.imports_folder() / (entry.id + ".yaml"), yaml_of(entry)));
  return entry;
}

}  // namespace studio
