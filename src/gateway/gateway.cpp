// The gateway's life: starts its parts, gives each request to its path, reloads, drains.
#include "gateway/gateway.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/core.h"
#include "gateway/event_feed.h"
#include "gateway/inference.h"
#include "gateway/route_targets.h"
#include "gateway/survey.h"

namespace studio {
namespace {

constexpr auto kFlushLogEvery = std::chrono::milliseconds(500);
constexpr auto kSurveyEvery = std::chrono::seconds(3);
constexpr auto kFirstLook = std::chrono::milliseconds(500), kLook = std::chrono::milliseconds(2000);
// A load that blocks must not keep the cache's store waiting.
constexpr int kBlockingThreads = 16;

KeyStoreOptions key_options(const GatewayConfig& config) {
  KeyStoreOptions options;
  options.file = config.keys.file.empty() ? data_folder() / "keys.db" : config.keys.file;
  options.defaults = {config.keys.requests_per_minute, config.keys.tokens_per_minute};
  for (const std::string& variable : config.keys.env) {
    const char* secret = std::getenv(variable.c_str());
    if (secret == nullptr || *secret == '\0') continue;
    NewKey key;
    key.name = variable;
    key.scopes = {"*"};
    options.fixed.emplace_back(secret, std::move(key));
  }
  return options;
}

Result<std::unique_ptr<ResponseCache>> make_cache(const CacheConfig& config) {
  if (!config.enabled) return std::unique_ptr<ResponseCache>();
  std::unique_ptr<CacheStore> store;
  if (config.store == "sqlite") {
    SqliteStoreOptions options;
    options.file = config.file.empty() ? cache_folder() / "responses.db" : config.file;
    options.max_bytes = config.max_bytes;
    TRY_ASSIGN(store, open_sqlite_store(options));
  } else if (config.store != "memory") {
    RedisStoreOptions options;
    options.url = config.store;
    TRY_ASSIGN(store, open_redis_store(options));
  }
  ResponseCacheOptions options;
  options.memory_bytes = config.memory_bytes;
  options.max_response_bytes = config.max_response_bytes;
  options.max_age = config.max_age;
  return std::make_unique<ResponseCache>(std::move(options), std::move(store));
}

HttpServerOptions server_options(const GatewayConfig& config) {
  HttpServerOptions options;
  options.host = config.listen.host;
  options.port = config.listen.port;
  options.unix_socket = config.listen.unix_socket.string();
  options.max_body_bytes = config.limits.body_bytes;
  options.max_header_bytes = static_cast<std::uint32_t>(config.limits.header_bytes);
  options.max_connections = static_cast<std::size_t>(config.limits.connections);
  options.header_timeout = config.limits.header_time;
  options.body_timeout = config.limits.body_time;
  options.idle_timeout = config.limits.idle_time;
  options.write_timeout = config.limits.write_time;
  options.drain_timeout = config.limits.drain_time;
  options.error_body = [](int status, std::string_view message) {
    ApiError error;
    error.status = status;
    error.type = status < 500 ? "invalid_request_error" : "server_error";
    if (status == 413) error.code = "request_too_large";
    error.message = message;
    return error_json(error);
  };
  return options;
}

// What is kept of answers is written by a thread of the pool, one at a time, when there is something.
void write_cache_when_pending(GatewayCore& core) {
  core.cache->on_pending([&core] {
    if (core.writing_cache.exchange(true)) return;
    Loop& loop = core.loops->at(0);
    const auto write = [](GatewayCore& all, Loop& on) -> Task<void> {
      all.writing_cache = false;
      const auto work = [&all] { all.cache->write_pending(); };
      co_await on.run_blocking(work);
    };
    loop.spawn(write(core, loop));
  });
}

Task<void> flush_log(GatewayCore& core, Loop& loop, std::stop_token stop) {
  while (!stop.stop_requested()) {
    co_await loop.sleep(kFlushLogEvery, stop);
    core.log.flush();
  }
}

Task<void> list_models(GatewayCore& core, HttpExchange& exchange, const GatewaySettings& settings) {
  Caller caller;
  if (const auto failure = find_caller(core, exchange, settings, "inference", caller)) {
    co_await respond_error(exchange, *failure);
    co_return;
  }
  const auto entry = [](std::string_view name) -> Json {
    return {{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "animation-studio"}};
  };
  const std::string_view path = exchange.path();
  std::string_view wanted;
  if (path.size() > std::string_view("/v1/models/").size())
    wanted = path.substr(std::string_view("/v1/models/").size());
  Json data = Json::array();
  for (const std::string& name : settings.names) {
    if (!caller.may_use(name)) continue;
    if (!wanted.empty() && name == wanted) {
      const Json one = entry(name);
      co_await respond_json(exchange, 200, one);
      co_return;
    }
    data.push_back(entry(name));
  }
  if (!wanted.empty()) {
    const ApiError unknown = unknown_model(wanted);
    co_await respond_error(exchange, unknown);
    co_return;
  }
  const Json list = {{"object", "list"}, {"data", std::move(data)}};
  co_await respond_json(exchange, 200, list);
}

Task<void> show_metrics(GatewayCore& core, HttpExchange& exchange, const GatewaySettings& settings) {
  Caller caller;
  if (const auto failure = find_caller(core, exchange, settings, "metrics", caller)) {
    co_await respond_error(exchange, *failure);
    co_return;
  }
  const auto router = settings.router;
  const std::string& kept_in = settings.config.cache.store;
  const std::string store_kind = kept_in == "sqlite" || kept_in == "memory" ? kept_in : "redis";
  const auto collect = [&core, router, store_kind] {
    if (core.options.manager) set_gauges(core.metrics, *core.options.manager);
    core.metrics.gauge("studio_connections").set(static_cast<double>(core.server->counts().connections));
    if (core.cache) {
      const CacheFigures figures = core.cache->figures();
      core.metrics.gauge("studio_cache_bytes").set(static_cast<double>(figures.memory_bytes));
      core.metrics.gauge("studio_cache_entries").set(static_cast<double>(figures.entries));
      const std::string_view kind[] = {store_kind};
      Counter& failures = core.metrics.counter("studio_cache_store_failures_total", kind);
      if (figures.store_failures > failures.value()) failures.add(figures.store_failures - failures.value());
    }
    for (const auto& state : router->states()) {
      const std::string_view labels[] = {state.target.model, state.target.engine};
      core.metrics.gauge("studio_breaker_open", labels).set(state.breaker == "closed" ? 0 : 1);
    }
    return core.metrics.to_text();
  };
  const std::string text = co_await exchange.loop().run_blocking(collect);
  co_await exchange.respond(200, "text/plain; version=0.0.4; charset=utf-8", text);
}

}  // namespace

Task<void> GatewayCore::handle(HttpExchange& exchange) {
  if (!exchange.header("origin").empty()) {
    const bool asked_only = co_await answer_pages(exchange);
    if (asked_only) co_return;
  }
  const std::string_view path = exchange.path();
  if (const InferencePath* inference = inference_path(path)) {
    InferenceRequest request(*this, exchange, *inference);
    co_await request.run();
    co_return;
  }
  const std::shared_ptr<const GatewaySettings> now = settings_of(exchange.loop());
  const bool reading = exchange.method() == "GET" || exchange.method() == "HEAD";
  if (path.starts_with("/admin/")) {
    const bool answered = co_await answer_admin(*this, exchange, *now);
    if (answered) co_return;
  } else if (reading && path == "/health") {
    co_await exchange.respond(200, "application/json", R"({"status":"ok"})");
    co_return;
  } else if (reading && path == "/ready") {
    const bool ready = can_answer && !draining;
    co_await exchange.respond(ready ? 200 : 503, "application/json",
                              ready ? R"({"status":"ready"})" : R"({"status":"no model is ready"})");
    co_return;
  } else if (reading && path == "/metrics") {
    co_await show_metrics(*this, exchange, *now);
    co_return;
  } else if (reading && (path == "/v1/models" || path.starts_with("/v1/models/"))) {
    co_await list_models(*this, exchange, *now);
    co_return;
  }
  const ApiError unknown = unknown_url(exchange.method(), path);
  co_await respond_error(exchange, unknown);
}

namespace {

// For /v1/models: what is not on this machine cannot be asked, and neither can its other names.
std::vector<std::string> names_to_list(const RouterOptions& routes, const std::vector<std::string>& absent) {
  const auto here = [&](const std::string& model) {
    return std::ranges::find(absent, model) == absent.end();
  };
  std::vector<std::string> names;
  for (const RouteTarget& target : routes.targets)
    if (here(target.model) && std::ranges::find(names, target.model) == names.end())
      names.push_back(target.model);
  for (const auto& [alias, meant] : routes.aliases)
    if (here(meant)) names.push_back(alias);
  return names;
}

}  // namespace

class Gateway::Core : public GatewayCore {
 public:
  using GatewayCore::GatewayCore;
  Result<void> start();
  Result<void> reload(const GatewayConfig& config, std::optional<ModelCatalog> catalog);
  void stop();
  std::string url() const;

 private:
  Result<void> apply(const GatewayConfig& config);
  std::vector<RouteTarget> targets(const GatewayConfig& config) const;
  std::vector<std::string> absent_models() const;
  void survey(std::chrono::milliseconds patience);
  Task<void> survey_now_and_then(Loop& loop, std::stop_token stop);
  Task<void> preload(Loop& loop, std::stop_token stop);

  std::mutex mutex_;  // guards the five below: reloads come from several threads
  GatewayConfig config_;
  std::shared_ptr<const Router> router_;
  ListedModels listed_;
  std::vector<std::string> absent_;
  ModelManager::Subscription subscription_;
  std::stop_source ending_;
  std::once_flag stopped_;
};

std::vector<RouteTarget> Gateway::Core::targets(const GatewayConfig& config) const {
  if (options.targets) return options.targets(config);
  std::vector<RouteTarget> all;
  if (options.manager && options.catalog) all = own_targets(*options.catalog);
  for (RouteTarget& target : remote_targets(config, listed_)) all.push_back(std::move(target));
  return all;
}

std::vector<std::string> Gateway::Core::absent_models() const {
  std::vector<std::string> absent;
  if (!options.manager) return absent;
  for (const ModelStatus& model : options.manager->models())
    if (model.state == ModelState::absent) absent.push_back(model.id);
  return absent;
}

// The caller holds mutex_. A new reading for all loops. Nothing changes unless all of it is sound.
Result<void> Gateway::Core::apply(const GatewayConfig& config) {
  TRY(check_gateway_config(config, !keys->empty()));
  const std::vector<std::string> absent = absent_models();
  const ModelCatalog* catalog = options.catalog ? &*options.catalog : nullptr;
  RouterOptions routes = router_options(config, targets(config), catalog, absent);
  std::vector<std::string> names = names_to_list(routes, absent);
  TRY_ASSIGN(std::shared_ptr<const Router> router, Router::create(std::move(routes), router_.get()));
  const bool required = config.keys.required == "always" || !is_loopback(config.listen.host) ||
                        (config.keys.required == "auto" && !keys->empty());
  auto made = std::make_shared<GatewaySettings>();
  made->config = config;
  made->router = router;
  made->keys_required = required;
  made->names = std::move(names);
  const std::shared_ptr<const GatewaySettings> reading = std::move(made);
  config_ = config;
  router_ = std::move(router);
  absent_ = absent;
  for (std::size_t i = 0; i < loops->size(); ++i)
    loops->at(i).post([this, self = shared_from_this(), i, reading] { settings[i] = reading; });
  return {};
}

Result<void> Gateway::Core::reload(const GatewayConfig& config, std::optional<ModelCatalog> catalog) {
  TRY(keys->reload({config.keys.requests_per_minute, config.keys.tokens_per_minute}));
  const std::lock_guard lock(mutex_);
  if (options.manager) {
    ManagerOptions wishes = manager_options(config);
    wishes.catalog = catalog;
    TRY(options.manager->reconfigure(wishes));
  }
  if (catalog) options.catalog = std::move(catalog);
  return apply(config);
}

// Blocks. Routes to engines that do not say their models need the list those give, and it may change.
void Gateway::Core::survey(std::chrono::milliseconds patience) {
  GatewayConfig config;
  {
    const std::lock_guard lock(mutex_);
    config = config_;
  }
  bool answer = false;
  ListedModels listed;
  for (EngineView& view : look_at_engines(config, patience)) {
    answer = answer || view.answers;
    if (view.answers && !view.engine.contains('@')) listed.emplace_back(view.engine, std::move(view.models));
  }
  if (!options.manager && options.places) answer = true;
  if (options.manager) {
    bool preloading = false;
    for (const ModelStatus& model : options.manager->models()) {
      const bool remote = model.id.contains('/');
      const bool can = model.state == ModelState::ready ||
                       (!remote && (model.state == ModelState::cold || model.state == ModelState::draining));
      answer = answer || can;
      preloading = preloading || model.state == ModelState::loading;
    }
    if (preloading && !options.manager->any_ready()) answer = false;
  }
  const std::lock_guard lock(mutex_);
  can_answer = answer;
  // An engine that is away for a while keeps its routes: its breaker knows better.
  for (const auto& [engine, models] : listed_)
    if (std::ranges::find(listed, engine, [](const auto& pair) { return pair.first; }) == listed.end())
      listed.emplace_back(engine, models);
  std::ranges::sort(listed);
  if (listed == listed_ && absent_models() == absent_) return;
  ListedModels before = std::exchange(listed_, std::move(listed));
  if (!apply(config_)) listed_ = std::move(before);
}

Task<void> Gateway::Core::survey_now_and_then(Loop& loop, std::stop_token stop) {
  while (!stop.stop_requested()) {
    co_await loop.sleep(kSurveyEvery, stop);
    if (stop.stop_requested()) break;
    const auto look = [this] { survey(kLook); };
    co_await loop.run_blocking(look);
  }
}

Task<void> Gateway::Core::preload(Loop& loop, std::stop_token stop) {
  for (const std::string& model : options.config.models.preload) {
    const auto load = [this, model, stop] { return options.manager->load(model, stop); };
    const auto loaded = co_await loop.run_blocking(load);
    if (loaded || stop.stop_requested()) continue;
    AccessLine line;
    line.model = model;
    line.error = loaded.error().message;
    log.add(line);
  }
}

Result<void> Gateway::Core::start() {
  const GatewayConfig& config = options.config;
  places = options.places ? options.places : options.manager ? places_of(options.manager) : nullptr;
  if (!places) return fail(ErrorKind::internal, "start the gateway: neither a manager nor places are given");
  TRY_ASSIGN(keys, KeyStore::open(key_options(config)));
  LoopsOptions threads;
  threads.threads = config.listen.threads;
  threads.most_threads = 4;
  threads.blocking_threads = kBlockingThreads;
  TRY_ASSIGN(loops, Loops::create(threads));
  settings.resize(loops->size());
  started_at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  keys_changed = [this] {
    const std::lock_guard lock(mutex_);
    // Only whether keys are required can change; what was sound stays sound.
    [[maybe_unused]] const auto applied = apply(config_);
  };
  {
    const std::lock_guard lock(mutex_);
    TRY(apply(config));
  }
  survey(kFirstLook);
  TRY_ASSIGN(upstreams, HttpUpstreams::create(*loops));
  TRY_ASSIGN(cache, make_cache(config.cache));
  if (cache) write_cache_when_pending(*this);
  metrics.gauge("studio_start_time_seconds").set(static_cast<double>(started_at));
  const std::string_view version[] = {options.version};
  metrics.gauge("studio_build_info", version).set(1);
  if (options.manager) {
    events = std::make_shared<EventFeed>();
    subscription_ = options.manager->subscribe([this, feed = events](const ModelEvent& event) {
      feed->add(event);
      count_event(metrics, event);
    });
  }
  TRY_ASSIGN(server, HttpServer::start(*loops, server_options(config),
                                       [this](HttpExchange& exchange) { return handle(exchange); }));
  loops->at(0).spawn(flush_log(*this, loops->at(0), ending_.get_token()));
  loops->at(0).spawn(survey_now_and_then(loops->at(0), ending_.get_token()));
  if (options.manager) loops->at(0).spawn(preload(loops->at(0), ending_.get_token()));
  return {};
}

void Gateway::Core::stop() {
  std::call_once(stopped_, [this] {
    draining = true;
    if (events) events->end();
    if (server) server->stop();
    ending_.request_stop();
    subscription_.reset();
    upstreams.reset();
    loops.reset();
    if (cache) cache->write_pending();
    log.flush();
  });
}

std::string Gateway::Core::url() const {
  const std::string& host = options.config.listen.host;
  const bool any = host == "0.0.0.0" || host == "::" || host.empty();
  return fmt::format("http://{}:{}",
                     any                  ? "127.0.0.1"
                     : host.contains(':') ? "[" + host + "]"
                                          : host,
                     server->port());
}

Gateway::Gateway(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Gateway::~Gateway() {
  stop();
}

Result<std::unique_ptr<Gateway>> Gateway::start(GatewayOptions options) {
  auto core = std::make_shared<Core>(std::move(options));
  std::unique_ptr<Gateway> gateway(new Gateway(core));  // ends what had begun when a later part fails
  TRY(core->start());
  return gateway;
}

int Gateway::port() const {
  return core_->server->port();
}
std::string Gateway::url() const {
  return core_->url();
}
Result<void> Gateway::reload(const GatewayConfig& config, std::optional<ModelCatalog> catalog) {
  return core_->reload(config, std::move(catalog));
}
void Gateway::stop() {
  core_->stop();
}

}  // namespace studio
