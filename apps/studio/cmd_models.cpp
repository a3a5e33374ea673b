// studio models: which models there are, and getting, checking, taking in and removing their files.
#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "models/catalog.h"
#include "models/import.h"
#include "models/memory_need.h"
#include "server_client.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string id;
  bool offline = false;
  int connections = 4;
  std::optional<int> context, slots;
  int gpu_layers = 0;
  std::string cache_type = "f16";
  ImportOptions import;
};

using Action = Result<Outcome> (*)(const ModelCatalog&, const Options&, const Job&);

std::string size_text(std::uint64_t bytes) {
  return bytes > 0 ? human_bytes(bytes) : "?";
}

Json files_json(const ModelCatalog& catalog, const ModelEntry& model) {
  Json files = Json::array();
  for (const ModelFile& file : model.files()) {
    Json sources = Json::array();
    for (const ModelSource& source : file.sources)
      sources.push_back(!source.url.empty() ? source.url
                        : !source.path.empty()
                            ? source.path
                            : fmt::format("{} {} and following", source.parts.front().package,
                                          source.parts.front().version));
    files.push_back({{"role", file.role},
                     {"file", file.name},
                     {"bytes", file.bytes},
                     {"sha256", file.sha256},
                     {"path", catalog.path_of(model, file).string()},
                     {"sources", std::move(sources)}});
  }
  return files;
}

Json entry_json(const ModelCatalog& catalog, const ModelEntry& model) {
  return {{"id", model.id},
          {"aliases", model.aliases},
          {"task", model.task},
          {"engine", model.engine},
          {"bytes", model.total_bytes()},
          {"sha256", model.sha256},
          {"licence", model.licence},
          {"description", model.description},
          {"languages", model.languages},
          {"context", model.context},
          {"dimensions", model.dimensions},
          {"memory_bytes", model.memory_bytes},
          {"names", model.names},
          {"imported", model.imported},
          {"path", catalog.path_of(model).string()},
          {"present", catalog.present(model)},
          {"files", files_json(catalog, model)}};
}

// What a command about one model hands back.
Outcome about(const ModelCatalog& catalog, const ModelEntry& model) {
  Json document = entry_json(catalog, model);
  document["schema"] = "studio.model/1";
  return Outcome::with(std::move(document));
}

struct Need {
  ModelShape shape;
  NeedOptions options;
  MemoryNeed bytes;
};

// What it would take, from the header of the file that is here; as `studio serve` runs it where the options
// say nothing else.
Result<Need> need_of(const ModelCatalog& catalog, const ModelEntry& model, const Options& options) {
  TRY_ASSIGN(const Path file, catalog.local_path(model));
  Need need;
  TRY_ASSIGN(need.shape, read_gguf_shape(file));
  need.options = usual_need(model.task, need.shape.context, options.gpu_layers != 0);
  if (options.context) need.options.context = *options.context;
  if (need.shape.context > 0)
    need.options.context = std::min(need.options.context, static_cast<int>(need.shape.context));
  if (options.slots) need.options.slots = *options.slots;
  need.options.gpu_layers = options.gpu_layers;
  need.options.cache_k = need.options.cache_v = cache_type_of(options.cache_type).value_or(CacheType::f16);
  TRY_ASSIGN(const Path mmproj, catalog.companion_path(model, "mmproj"));
  std::optional<ModelShape> projector;
  if (!mmproj.empty()) {
    TRY_ASSIGN(projector, read_gguf_shape(mmproj));
    need.options.projector = &*projector;
  }
  need.bytes = memory_need(need.shape, need.options);
  need.options.projector = nullptr;  // it lives only here
  return need;
}

Json need_json(const Need& need) {
  const MemoryNeed& bytes = need.bytes;
  return Json{{"context", need.options.context},
              {"slots", need.options.slots},
              {"cache_type", name_of(need.options.cache_k)},
              {"gpu_layers", need.options.gpu_layers},
              {"layers", need.shape.layers.size()},
              {"weights", bytes.weights},
              {"repacked", bytes.repacked},
              {"kv_cache", bytes.kv_cache},
              {"compute", bytes.compute},
              {"runtime", bytes.runtime},
              {"on_gpu", bytes.on_gpu},
              {"on_host", bytes.on_host},
              {"total", bytes.total}};
}

Result<Outcome> list(const ModelCatalog& catalog, const Options& options, const Job&) {
  Json models = Json::array();
  print(options.common, fmt::format("{:<28} {:<10} {:>8}  {:>8}  {:<12} {}\n", "MODEL", "TASK", "FILES",
                                    "MEMORY", "LICENCE", "HERE"));
  for (const ModelEntry& model : catalog.entries()) {
    Json entry = entry_json(catalog, model);
    // Computed for a file that is here, else roughly what the catalog says.
    const auto need = need_of(catalog, model, options);
    const std::uint64_t memory = need ? need->bytes.total : model.memory_bytes;
    entry["need_bytes"] = memory > 0 ? Json(memory) : Json(nullptr);
    models.push_back(std::move(entry));
    print(options.common,
          fmt::format("{:<28} {:<10} {:>8}  {:>8}  {:<12} {}{}\n", model.id, model.task,
                      size_text(model.total_bytes()), (need || memory == 0 ? "" : "~") + size_text(memory),
                      model.licence, catalog.present(model) ? "here" : "not here",
                      model.id == catalog.default_model(model.task) ? "  (default)" : ""));
  }
  return Outcome::with({{"schema", "studio.models/1"}, {"models", std::move(models)}});
}

Result<Outcome> show(const ModelCatalog& catalog, const Options& options, const Job&) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  const Outcome shown = about(catalog, model);
  Json& document = *shown.document();
  for (const auto& [key, value] : document.items())
    if (key != "files" && key != "schema")
      print(options.common, fmt::format("{:<13} {}\n", key,
                                        value.is_string() ? value.get<std::string>() : to_text(value, -1)));
  for (const Json& file : document["files"])
    print(options.common,
          fmt::format("{:<13} {}  {}\n", file["role"].get<std::string>(),
                      size_text(file["bytes"].get<std::uint64_t>()), file["path"].get<std::string>()));
  if (const auto need = need_of(catalog, model, options)) {
    document["need"] = need_json(*need);
    print(options.common,
          fmt::format("{:<13} {}\n", "need", explain(need->bytes, need->shape, need->options)));
  }
  return shown;
}

Result<Outcome> pull(const ModelCatalog& catalog, const Options& options, const Job& job) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY_ASSIGN(const Path path, catalog.pull(model, job));
  print(options.common, fmt::format("{}\n", path.string()));
  return about(catalog, model);
}

// One, or all that are here. Every damaged one is named before it ends with the first one's error.
Result<Outcome> verify(const ModelCatalog& catalog, const Options& options, const Job& job) {
  std::vector<ModelEntry> wanted;
  if (!options.id.empty()) {
    TRY_ASSIGN(ModelEntry model, catalog.entry(options.id));
    wanted.push_back(std::move(model));
  } else {
    std::ranges::copy_if(catalog.entries(), std::back_inserter(wanted), [&](const ModelEntry& model) {
      const auto path = catalog.local_path(model);
      return path || path.error().kind != ErrorKind::missing_part;
    });
  }
  Json verified = Json::array();
  std::optional<Error> first;
  for (const ModelEntry& model : wanted) {
    if (const auto whole = catalog.verify(model, job); !whole) {
      if (first) warn(whole.error().message);
      if (!first) first = whole.error();
      if (whole.error().kind == ErrorKind::interrupted) break;
      continue;
    }
    verified.push_back(entry_json(catalog, model));
    print(options.common, fmt::format("{}: the {} whole and right\n", model.id,
                                      model.companions.empty() ? "file is" : "files are"));
  }
  if (first) return std::unexpected(*first);
  if (wanted.empty()) say(options.common, "no model is here yet; get one with: studio models pull ID");
  if (!options.id.empty()) return about(catalog, wanted.front());
  return Outcome::with({{"schema", "studio.models/1"}, {"models", std::move(verified)}});
}

// Its file would stay on the disk until it is unloaded, and its engine could not be started again.
Result<void> nobody_uses(const ModelEntry& model) {
  for (const ServerState& server : server_states()) {
    const auto answer = server_models(server, {});
    if (!answer) continue;  // it asks for a key, or is ending
    for (const Json& status : (*answer)["models"]) {
      const std::string state = status.is_object() ? status.value("state", "") : "";
      if (status.value("id", "") == model.id &&
          (state == "loading" || state == "ready" || state == "draining"))
        return fail(ErrorKind::engine_failed,
                    fmt::format("remove the model {}: the server at {} (process {}) has it loaded", model.id,
                                server.url, server.pid),
                    fmt::format("end it first: studio stop --server {}; or switch to another model",
                                port_of_url(server.url)));
    }
  }
  return {};
}

Result<Outcome> remove(const ModelCatalog& catalog, const Options& options, const Job&) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY(nobody_uses(model));
  TRY_ASSIGN(const std::uint64_t freed, catalog.remove(model));
  if (model.imported) tell_servers();
  if (model.imported)
    say(options.common,
        fmt::format("{} is no longer in the catalog; its file stays where it lies", model.id));
  else if (freed == 0)
    say(options.common, fmt::format("{}: nothing of it was in the cache", model.id));
  else
    say(options.common, fmt::format("{}: {} freed", model.id, human_bytes(freed)));
  if (!model.imported && catalog.present(model))
    say(options.common, fmt::format("it is still at {}, which is not ours", catalog.path_of(model).string()));
  const Outcome removed = about(catalog, model);
  (*removed.document())["freed_bytes"] = freed;
  return removed;
}

Result<Outcome> path(const ModelCatalog& catalog, const Options& options, const Job&) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY_ASSIGN(const Path file, catalog.local_path(model));
  print(options.common, fmt::format("{}\n", file.string()));
  return about(catalog, model);
}

Result<Outcome> import(const ModelCatalog& catalog, const Options& options, const Job& job) {
  TRY_ASSIGN(const ModelEntry model, import_model(catalog, options.import, job));
  tell_servers();
  print(options.common, fmt::format("{}: {}, {} tokens of context, {}\n", model.id, model.task, model.context,
                                    human_bytes(model.total_bytes())));
  return about(catalog, model);
}

CLI::App* add_action(CLI::App& models, Chosen& chosen, const char* name, const char* description,
                     const std::shared_ptr<Options>& options, Action action) {
  CLI::App* command = models.add_subcommand(name, description);
  add_common_options(*command, options->common);
  command->callback([options, action, &chosen] {
    chosen.run = [options, action](std::stop_token stop) {
      return conclude(options->common, [&]() -> Result<Outcome> {
        CatalogOptions where;
        where.offline = options->offline;
        where.connections = options->connections;
        TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load(where));
        return action(catalog, *options, make_job(options->common, stop));
      });
    };
  });
  return command;
}

CLI::App* add_for_one(CLI::App& models, Chosen& chosen, const char* name, const char* description,
                      const std::shared_ptr<Options>& options, Action action) {
  CLI::App* command = add_action(models, chosen, name, description, options, action);
  command->add_option("id", options->id, "A model's id or alias")->required()->type_name("ID");
  return command;
}

void add_show(CLI::App& models, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_for_one(models, chosen, "show",
                                  "All that is known of one model, and the memory it needs", options, show);
  command
      ->add_option("--context", options->context, "Tokens of one slot, for the need (as serve: 8192 to chat)")
      ->check(CLI::Range(1, 10'000'000))
      ->type_name("TOKENS");
  command
      ->add_option("--slots", options->slots, "Requests at the same time, for the need (as serve: 2 to chat)")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  command->add_option("--cache-type", options->cache_type, "Of the KV cache, for the need (f16)")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"}))
      ->type_name("TYPE");
  command->add_option("--gpu-layers", options->gpu_layers, "Layers on the GPU, -1 is all, for the need (0)")
      ->check(CLI::Range(-1, 10'000))
      ->type_name("N");
}

void add_pull(CLI::App& models, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_for_one(models, chosen, "pull",
                                  "Get a model's files: resumed, verified, then put in place", options, pull);
  command->add_flag("--offline", options->offline, "Use no network");
  command->add_option("--connections", options->connections, "Range requests at the same time (4)")
      ->check(CLI::Range(1, 32))
      ->type_name("N");
}

void add_import(CLI::App& models, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      add_action(models, chosen, "import", "Take a GGUF file of your own into the catalog, where it lies",
                 options, import);
  command->add_option("file", options->import.file, "A GGUF file; of a split one any of its files")
      ->required()
      ->type_name("FILE");
  command->add_option("--id", options->import.id, "What to call it (from its header)")->type_name("ID");
  command->add_option("--task", options->import.task, "What it is for (from its header)")
      ->check(CLI::IsMember({"chat", "vision", "embedding", "rerank"}))
      ->type_name("TASK");
  command
      ->add_option("--mmproj", options->import.projector, "Its projector, for a model that looks at pictures")
      ->type_name("FILE");
  command->add_option("--licence", options->import.licence, "SPDX name (from its header)")->type_name("NAME");
}

}  // namespace

void add_models(CLI::App& program, Chosen& chosen) {
  CLI::App* models = program.add_subcommand("models", "Models: list, show, pull, verify, import, rm, path");
  models->require_subcommand(1);
  add_action(*models, chosen, "list", "Every model of the catalog", std::make_shared<Options>(), list);
  add_show(*models, chosen);
  add_pull(*models, chosen);
  auto verified = std::make_shared<Options>();
  add_action(*models, chosen, "verify", "Read a model's files and compare their SHA-256", verified, verify)
      ->add_option("id", verified->id, "A model's id or alias; nothing: all that are here")
      ->type_name("ID");
  add_import(*models, chosen);
  add_for_one(*models, chosen, "rm", "Remove a model's files from the cache", std::make_shared<Options>(),
              remove);
  add_for_one(*models, chosen, "path", "Print where a model's file is", std::make_shared<Options>(), path);
  models->footer("Example: studio models pull qwen2.5-coder-1.5b");
}

}  // namespace studio::cli
