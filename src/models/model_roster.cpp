// From catalog entries, files and configured engines to one list.
#include "models/model_roster.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace studio {
namespace {

void set_start(RosterModel& model, const ManagerOptions& options, int trained_context, bool card) {
  model.start.model_id = model.id;
  model.start.task = model.task;
  model.start.threads = options.threads;
  const auto trained = static_cast<std::uint32_t>(std::max(0, trained_context));
  const NeedOptions usual = usual_need(model.task, trained, card);
  model.start.slots = options.slots > 0 && !usual.embeddings ? options.slots : usual.slots;
  model.start.context = usual.embeddings      ? usual.context
                        : trained_context > 0 ? std::min(options.context, trained_context)
                                              : options.context;
  // An encoder keeps no cache.
  if (!usual.embeddings && options.cache_type != "f16")
    model.start.cache_type_k = model.start.cache_type_v = options.cache_type;
  model.start.restarts = options.restarts;
  model.start.restart_window = options.restart_window;
  model.start.ready_timeout = options.ready_timeout;
  model.places = model.start.slots;
  if (model.kind != nullptr) model.capabilities = model.kind->capabilities(model.start);
}

RosterModel of_engine(const RemoteEngine& engine, const std::string& name, const ManagerOptions* options) {
  RosterModel model;
  model.id = name.empty() ? engine.name : fmt::format("{}/{}", engine.name, name);
  model.task = engine.embeddings ? "embedding" : engine.rerank ? "rerank" : engine.vision ? "vision" : "chat";
  model.engine = engine.name;
  model.kind = engine_kind(engine.kind == "llama-server" ? "openai" : engine.kind);
  model.remote = true;
  model.weight = engine.weight;
  model.places = engine.concurrency > 0 ? engine.concurrency : 1 << 20;
  model.known_bytes = engine.memory_bytes;
  model.start.model_id = model.id;
  model.start.task = model.task;
  model.start.remote = engine;
  model.start.upstream = name;
  if (options != nullptr) model.start.ready_timeout = options->ready_timeout;
  if (model.kind != nullptr) model.capabilities = model.kind->capabilities(model.start);
  return model;
}

}  // namespace

Result<Roster> Roster::create(const ManagerOptions& options, bool card) {
  Roster roster;
  if (options.catalog) {
    roster.catalog_ = *options.catalog;
  } else {
    TRY_ASSIGN(roster.catalog_, ModelCatalog::load());
  }
  roster.draft_ = options.draft;
  for (const RemoteEngine& engine : options.engines) {
    if (engine_kind(engine.kind) == nullptr)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("use the engine {}: there is no kind {}", engine.name, engine.kind),
                  fmt::format("kinds are {}", fmt::join(engine_kinds(), ", ")));
    TRY(Endpoint::parse(engine.url));
  }
  roster.add_files(options, card);
  roster.add_catalog(options, card);
  roster.add_engines(options);
  return roster;
}

void Roster::add_files(const ManagerOptions& options, bool card) {
  for (const FileModel& file : options.files) {
    RosterModel model;
    model.id = file.id;
    model.task = file.task;
    model.engine = "llama-server";
    model.kind = engine_kind(model.engine);
    model.start.file = file.file;
    model.start.mmproj = file.mmproj;
    set_start(model, options, 0, card);
    models_.push_back(std::move(model));
  }
}

void Roster::add_catalog(const ManagerOptions& options, bool card) {
  for (const ModelEntry& entry : catalog_.entries()) {
    if (std::ranges::find(models_, entry.id, &RosterModel::id) != models_.end()) continue;
    RosterModel model;
    model.id = entry.id;
    model.task = entry.task;
    model.engine = entry.engine;
    model.aliases = entry.aliases;
    model.kind = engine_kind(entry.engine);
    model.known_bytes = entry.memory_bytes;
    set_start(model, options, entry.context, card);
    models_.push_back(std::move(model));
  }
}

void Roster::add_engines(const ManagerOptions& options) {
  engines_ = options.engines;
  for (const RemoteEngine& engine : options.engines)
    for (const std::string& name : engine.models) models_.push_back(of_engine(engine, name, &options));
}

Result<RosterModel> Roster::find(std::string_view name) const {
  for (const RosterModel& model : models_)
    if (model.id == name) return model;
  for (const RosterModel& model : models_)
    if (std::ranges::find(model.aliases, name) != model.aliases.end()) return model;
  std::vector<const RosterModel*> named;
  for (const RosterModel& model : models_)
    if (model.remote && model.start.upstream == name) named.push_back(&model);
  if (named.size() == 1) return *named.front();
  if (named.size() > 1) {
    std::vector<std::string> ids;
    for (const RosterModel* model : named) ids.push_back(model->id);
    return fail(ErrorKind::not_found, fmt::format("use the model {}: several engines have it", name),
                fmt::format("name one of {}", fmt::join(ids, ", ")));
  }
  for (const RemoteEngine& engine : engines_) {
    if (!engine.models.empty()) continue;
    if (name == engine.name) return of_engine(engine, {}, nullptr);
    if (name.starts_with(engine.name + "/"))
      return of_engine(engine, std::string(name.substr(engine.name.size() + 1)), nullptr);
  }
  std::vector<std::string_view> ids;
  for (const RosterModel& model : models_) ids.push_back(model.id);
  return fail(ErrorKind::not_found, fmt::format("use the model {}: it is not known", name),
              fmt::format("known are {}", fmt::join(ids, ", ")));
}

Result<void> Roster::locate(RosterModel& model) const {
  if (model.kind == nullptr)
    return fail(ErrorKind::unsupported,
                fmt::format("use the model {}: it runs on {}, which this studio cannot start", model.id,
                            model.engine),
                "choose another model: studio models list");
  if (model.remote) return {};
  const ModelEntry* entry = catalog_.find(model.id);
  if (model.start.file.empty() || entry != nullptr) {
    TRY_ASSIGN(const ModelEntry known, catalog_.entry(model.id));
    TRY_ASSIGN(model.start.file, catalog_.local_path(known));
    TRY_ASSIGN(model.start.mmproj, catalog_.companion_path(known, "mmproj"));
    TRY_ASSIGN(model.start.draft, catalog_.companion_path(known, "draft"));
  }
  std::error_code ec;
  if (!std::filesystem::is_regular_file(model.start.file, ec))
    return fail(ErrorKind::not_found,
                fmt::format("open the model file {}: it does not exist", model.start.file.string()),
                "check the spelling of the path");
  // Speculation needs the same vocabulary, and a draft much smaller than the model: the person's choice.
  // One that is no smaller could only slow it down, so a model is left without.
  if (!draft_.empty() && model.task == "chat") {
    TRY_ASSIGN(const ModelEntry draft, catalog_.entry(draft_));
    if (draft.id != model.id) {
      TRY_ASSIGN(const Path file, catalog_.local_path(draft));
      if (std::filesystem::file_size(file, ec) < std::filesystem::file_size(model.start.file, ec))
        model.start.draft = file;
    }
  }
  model.capabilities = model.kind->capabilities(model.start);
  return {};
}

bool Roster::present(const RosterModel& model) const {
  if (model.remote) return true;
  RosterModel copy = model;
  return locate(copy).has_value();
}

}  // namespace studio
