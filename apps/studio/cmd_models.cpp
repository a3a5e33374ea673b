// studio models: which models there are, and getting, checking and removing their files.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "models/catalog.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string id;
  bool offline = false;
};

using Action = Result<Outcome> (*)(const ModelCatalog&, const Options&, const Job&);

Json entry_json(const ModelCatalog& catalog, const ModelEntry& model) {
  return {{"id", model.id},
          {"aliases", model.aliases},
          {"task", model.task},
          {"engine", model.engine},
          {"bytes", model.bytes},
          {"sha256", model.sha256},
          {"licence", model.licence},
          {"description", model.description},
          {"languages", model.languages},
          {"context", model.context},
          {"memory_bytes", model.memory_bytes},
          {"path", catalog.path_of(model).string()},
          {"present", catalog.present(model)}};
}

Result<Outcome> list(const ModelCatalog& catalog, const Options& options, const Job&) {
  Json models = Json::array();
  for (const ModelEntry& model : catalog.entries()) {
    models.push_back(entry_json(catalog, model));
    print(options.common,
          fmt::format("{:<28} {:<10} {:>8}  {:<12} {}{}\n", model.id, model.task, human_bytes(model.bytes),
                      model.licence, catalog.present(model) ? "here" : "not here",
                      model.id == catalog.default_chat_model() ? "  (default)" : ""));
  }
  return Outcome::with({{"schema", "studio.models/1"}, {"models", std::move(models)}});
}

Result<Outcome> show(const ModelCatalog& catalog, const Options& options, const Job&) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  const Json document = entry_json(catalog, model);
  for (const auto& [key, value] : document.items())
    print(options.common,
          fmt::format("{:<13} {}\n", key, value.is_string() ? value.get<std::string>() : to_text(value, -1)));
  return Outcome::with(document);
}

Result<Outcome> pull(const ModelCatalog& catalog, const Options& options, const Job& job) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY_ASSIGN(const Path path, catalog.pull(model, job));
  print(options.common, fmt::format("{}\n", path.string()));
  return Outcome::with(entry_json(catalog, model));
}

Result<Outcome> verify(const ModelCatalog& catalog, const Options& options, const Job& job) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY(catalog.verify(model, job));
  print(options.common, fmt::format("{}: the file is whole and right\n", model.id));
  return Outcome::with(entry_json(catalog, model));
}

Result<Outcome> remove(const ModelCatalog& catalog, const Options& options, const Job&) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY(catalog.remove(model));
  return Outcome::with(entry_json(catalog, model));
}

Result<Outcome> path(const ModelCatalog& catalog, const Options& options, const Job&) {
  TRY_ASSIGN(const ModelEntry model, catalog.entry(options.id));
  TRY_ASSIGN(const Path file, catalog.local_path(model));
  print(options.common, fmt::format("{}\n", file.string()));
  return Outcome::with(entry_json(catalog, model));
}

void add_action(CLI::App& models, Chosen& chosen, const char* name, const char* description, bool takes_id,
                Action action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = models.add_subcommand(name, description);
  if (takes_id) command->add_option("id", options->id, "A model's id or alias")->required()->type_name("ID");
  command->add_flag("--offline", options->offline, "Use no network");
  add_common_options(*command, options->common);
  command->callback([options, action, &chosen] {
    chosen.run = [options, action](std::stop_token stop) {
      return conclude(options->common, [&]() -> Result<Outcome> {
        CatalogOptions where;
        where.offline = options->offline;
        TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load(where));
        return action(catalog, *options, make_job(options->common, stop));
      });
    };
  });
}

}  // namespace

void add_models(CLI::App& program, Chosen& chosen) {
  CLI::App* models = program.add_subcommand("models", "Models: list, show, pull, verify, rm, path");
  models->require_subcommand(1);
  add_action(*models, chosen, "list", "Every model of the catalog", false, list);
  add_action(*models, chosen, "show", "All that is known of one model", true, show);
  add_action(*models, chosen, "pull", "Get a model's file: resumed, verified, then put in place", true, pull);
  add_action(*models, chosen, "verify", "Read a model's file and compare its SHA-256", true, verify);
  add_action(*models, chosen, "rm", "Remove a model's file", true, remove);
  add_action(*models, chosen, "path", "Print where a model's file is", true, path);
  models->footer("Example: studio models pull qwen2.5-coder-1.5b");
}

}  // namespace studio::cli
