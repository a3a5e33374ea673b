// The three ways to a model, and the choice between them.
#include "llm/model_access.h"

#include <cstdlib>
#include <fstream>
#include <mutex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/locked.h"
#include "llm/openai_protocol.h"
#include "models/file_record.h"
#include "models/llama_server.h"
#include "models/server_state.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

// An address without a path means the protocol's usual prefix.
Endpoint with_prefix(Endpoint endpoint) {
  const std::string& base = endpoint.base_url;
  if (base.find('/', base.find("://") + 3) == std::string::npos) endpoint.base_url += "/v1";
  return endpoint;
}

// A server somebody else runs.
class UrlAccess : public ModelAccess {
 public:
  UrlAccess(const Endpoint& endpoint, std::string api_key, std::string model)
      : name_(endpoint.to_string()),
        endpoint_(with_prefix(endpoint)),
        api_key_(std::move(api_key)),
        model_(std::move(model)) {}

  Result<Access> open(std::stop_token stop) override {
    std::lock_guard lock(mutex_);
    if (model_.empty()) {
      TRY_ASSIGN(model_, first_listed(std::move(stop)));
    }
    return Access{endpoint_, model_, api_key_, name_};
  }
  std::string where() const override { return name_; }
  ModelIdentity identity() const override {
    std::lock_guard lock(mutex_);
    return {model_.empty() ? name_ : model_, {}};
  }

 private:
  // Without a name asked for, the first model that the server lists.
  Result<std::string> first_listed(std::stop_token stop) const {
    HttpRequest http;
    http.endpoint = endpoint_;
    http.path = "/models";
    http.timeout = 15s;
    http.stop = std::move(stop);
    if (!api_key_.empty()) http.headers.emplace_back("Authorization", "Bearer " + api_key_);
    TRY_ASSIGN(const HttpResponse response, send_http(http));
    if (response.status != 200)
      return std::unexpected(read_chat_error(response.status, response.body, name_));
    const auto json = parse_json(response.body, name_);
    if (json && json->is_object() && json->contains("data") && (*json)["data"].is_array() &&
        !(*json)["data"].empty()) {
      const Json& first = (*json)["data"][0];
      if (first.is_object() && first.contains("id") && first["id"].is_string())
        return first["id"].get<std::string>();
    }
    return fail(ErrorKind::engine_failed, fmt::format("ask {} for its models: it lists none", name_),
                "name the model to use");
  }

  const std::string name_;
  const Endpoint endpoint_;
  const std::string api_key_;
  mutable std::mutex mutex_;  // guards model_
  std::string model_;
};

struct LocalModel {
  std::string id, sha256;
  Path file;                // empty for one of the catalog that is not here, when a server may have it
  bool plain_file = false;  // given by its path, not of the catalog
  std::optional<Error> missing;
};

// Engines of our own, through leases.
class LeaseAccess : public ModelAccess {
 public:
  LeaseAccess(ChatModelOptions options, LocalModel model, std::optional<ModelCatalog> catalog)
      : options_(std::move(options)), model_(std::move(model)), catalog_(std::move(catalog)) {
    if (options_.manager) manager_ = options_.manager;
  }

  Result<Access> open(std::stop_token stop) override {
    TRY_ASSIGN(const auto manager, this->manager());
    TRY_ASSIGN(ModelLease lease, manager->lease(model_.id, {.holder = "studio", .stop = std::move(stop)}));
    Access access{lease.endpoint(), lease.upstream_model(), lease.api_key(), model_.id};
    access.lease.emplace(std::move(lease));
    return access;
  }

  // Nothing of the answer was used yet, and the restarted engine gets the question once more.
  bool worth_again(const Access& access) override { return access.lease && access.lease->lost(500ms); }

  std::optional<EngineStatus> engine() const override {
    const auto manager = copy_locked(mutex_, manager_);
    if (!manager) return std::nullopt;
    for (const ModelStatus& status : manager->models())
      if (status.id == model_.id && status.load_seconds > 0)
        return EngineStatus{status.pid, status.restarts, status.log, status.load_seconds};
    return std::nullopt;
  }
  std::string where() const override { return "this process"; }

  ModelIdentity identity() const override {
    std::lock_guard lock(mutex_);
    if (model_.sha256.empty() && !model_.file.empty())
      if (auto hash = sha256_of_file(model_.file)) model_.sha256 = *std::move(hash);
    return {model_.id, model_.sha256};
  }

 private:
  Result<std::shared_ptr<ModelManager>> manager() {
    std::lock_guard lock(mutex_);
    if (manager_) return manager_;
    if (model_.missing) return std::unexpected(*model_.missing);
    ManagerOptions manager;
    manager.catalog = catalog_ ? *catalog_ : ModelCatalog();
    if (model_.plain_file) manager.files.push_back({model_.id, model_.file, {}, options_.task});
    manager.context = options_.context;
    manager.threads = options_.threads;
    // One question after the other: a second place would only cost memory. The engine stays as long as
    // this value, and one that dies twice over one question would do so a third time.
    manager.slots = 1;
    manager.restarts = 1;
    manager.restart_window = 0s;
    manager.residency.idle_unload = 0ms;
    manager.warm_page_cache = false;
    TRY_ASSIGN(manager_, ModelManager::create(std::move(manager)));
    return manager_;
  }

  const ChatModelOptions options_;
  mutable std::mutex mutex_;  // guards manager_ until it is set, and the model's hash
  mutable LocalModel model_;
  std::optional<ModelCatalog> catalog_;
  std::shared_ptr<ModelManager> manager_;
};

// The running server, and an engine of our own once it is gone.
class ServerAccess : public ModelAccess {
 public:
  ServerAccess(ServerState server, Endpoint endpoint, std::string model, std::unique_ptr<LeaseAccess> own)
      : server_(std::move(server)),
        endpoint_(with_prefix(std::move(endpoint))),
        model_(std::move(model)),
        own_(std::move(own)) {
    const char* key = std::getenv("STUDIO_API_KEY");
    if (key != nullptr) api_key_ = key;
  }

  Result<Access> open(std::stop_token stop) override {
    if (gone()) return own_->open(std::move(stop));
    return Access{endpoint_, model_, api_key_, "studio serve at " + server_.url};
  }

  bool worth_again(const Access& access) override {
    if (access.lease) return own_->worth_again(access);
    if (running_server(2s)) return false;
    std::lock_guard lock(mutex_);
    return !std::exchange(gone_, true);
  }
  std::optional<EngineStatus> engine() const override { return gone() ? own_->engine() : std::nullopt; }
  std::string where() const override { return gone() ? own_->where() : server_.url + " (studio serve)"; }
  ModelIdentity identity() const override { return own_->identity(); }

 private:
  bool gone() const { return copy_locked(mutex_, gone_); }

  const ServerState server_;
  const Endpoint endpoint_;
  const std::string model_;
  std::string api_key_;
  const std::unique_ptr<LeaseAccess> own_;
  mutable std::mutex mutex_;  // guards gone_
  bool gone_ = false;
};

// Bytes 0..3 of every GGUF file; llama-server would say only "failed to load model".
Result<void> require_gguf(const Path& file) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec))
    return fail(ErrorKind::not_found, fmt::format("open the model file {}: it does not exist", file.string()),
                "check the spelling of the path");
  if (!std::filesystem::is_regular_file(file, ec))
    return fail(ErrorKind::invalid_input,
                fmt::format("open the model file {}: it is not a file", file.string()));
  std::ifstream stream(file, std::ios::binary);
  std::string start(4, '\0');
  stream.read(start.data(), 4);
  if (stream.gcount() < 4)
    return fail(ErrorKind::invalid_input,
                fmt::format("open the model file {}: it cannot be read or is empty", file.string()));
  if (start == "GGUF") return {};
  return fail(ErrorKind::invalid_input,
              fmt::format("open the model file {}: it is not a GGUF file", file.string()),
              "give a model converted for llama.cpp (*.gguf)");
}

Result<std::unique_ptr<ModelAccess>> open_file(const ChatModelOptions& options) {
  TRY(require_gguf(options.file));
  TRY(find_llama_server());
  LocalModel model{Path(options.file).stem().string(), {}, options.file, true, {}};
  return std::make_unique<LeaseAccess>(options, std::move(model), std::nullopt);
}

}  // namespace

Result<std::unique_ptr<ModelAccess>> open_access(const ChatModelOptions& options) {
  if (!options.url.empty()) {
    TRY_ASSIGN(Endpoint endpoint, Endpoint::parse(options.url));
    return std::make_unique<UrlAccess>(endpoint, options.api_key, options.model);
  }
  if (!options.file.empty()) return open_file(options);
  TRY_ASSIGN(ModelCatalog catalog, ModelCatalog::load());
  const std::string name =
      options.model.empty() ? std::string(catalog.default_model(options.task)) : options.model;
  const auto server = options.through_server && !options.manager ? running_server() : std::nullopt;
  auto entry = catalog.entry(name);
  // The server may know models, by URL, that this machine's catalog does not.
  if (!entry && !(server && !name.empty())) return std::unexpected(entry.error());
  LocalModel model{entry ? entry->id : name, {}, {}, false, {}};
  if (!entry) {
    model.missing = entry.error();
  } else if (auto path = catalog.local_path(*entry)) {
    model.file = *std::move(path);
    const auto record = read_file_record(model.file);
    model.sha256 = record ? record->sha256 : entry->sha256;
  } else {
    model.missing = path.error();
  }
  if (!model.missing && !options.manager) {
    if (entry->engine != "llama-server")
      model.missing = Error{ErrorKind::unsupported,
                            fmt::format("open the model {}: it runs on {}, which this studio cannot start",
                                        entry->id, entry->engine),
                            {}};
    else if (auto program = find_llama_server(); !program)
      model.missing = program.error();
  }
  if (model.missing && !server && !options.manager) return std::unexpected(*model.missing);
  const std::string id = model.id;
  auto own = std::make_unique<LeaseAccess>(options, std::move(model), std::move(catalog));
  if (!server) return own;
  TRY_ASSIGN(Endpoint endpoint, Endpoint::parse(server->url));
  return std::make_unique<ServerAccess>(*server, std::move(endpoint), id, std::move(own));
}

}  // namespace studio
