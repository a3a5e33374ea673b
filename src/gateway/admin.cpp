// /admin: models, leases, keys, cache, routes and events, for people and scripts with the scope "admin".
//
//   GET    /admin/status                    all of it at a glance
//   GET    /admin/models                    {models, memory};  /admin/models/ID: one of them
//   POST   /admin/models/ID/load | unload | pin | unpin
//   POST   /admin/switch {model}            {from, to, seconds, parts}
//   GET    /admin/leases                    POST {model, seconds, holder, pid}: hold one
//   POST   /admin/leases/ID {seconds}       renew;  DELETE: give it back
//   GET    /admin/keys                      POST {name, scopes, models, ...}: the secret is shown once;
//   DELETE /admin/keys/ID GET    /admin/cache                     DELETE: forget all answers GET
//   /admin/routes                    targets and their breakers GET    /admin/events server-sent events of
//   models; Last-Event-ID goes on behind it
#include <charconv>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/core.h"
#include "gateway/event_feed.h"

namespace studio {
namespace {

constexpr auto kHeartbeat = std::chrono::seconds(15);
constexpr double kLeaseSeconds = 300, kLongestLeaseSeconds = 86400;

std::string time_text(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

Json status_json(const ModelStatus& model) {
  Json json = {{"id", model.id},
               {"state", name_of(model.state)},
               {"engine", model.engine},
               {"pid", model.pid > 0 ? Json(model.pid) : Json(nullptr)},
               {"bytes", model.bytes},
               {"leases", model.leases},
               {"last_used", model.last_used ? Json(time_text(*model.last_used)) : Json(nullptr)},
               {"task", model.task},
               {"waiting", model.waiting},
               {"places", model.places},
               {"pinned", model.pinned},
               {"restarts", model.restarts},
               {"load_seconds", model.load_seconds}};
  if (!model.failure.empty()) json["failure"] = model.failure;
  if (!model.log.empty()) json["log"] = model.log.string();
  return json;
}

Json memory_json(const ManagerMemory& memory) {
  return {{"total_bytes", memory.reading.total_bytes}, {"used_bytes", memory.reading.used_bytes},
          {"ours_bytes", memory.reading.ours_bytes},   {"others_bytes", memory.reading.others_bytes},
          {"peak_bytes", memory.reading.peak_bytes},   {"budget_bytes", memory.budget_bytes},
          {"source", memory.reading.source},           {"device", memory.reading.device}};
}

Json models_json(const ModelManager& manager) {
  Json models = Json::array();
  for (const ModelStatus& model : manager.models()) models.push_back(status_json(model));
  return {{"models", std::move(models)}, {"memory", memory_json(manager.memory())}};
}

Json lease_json(const HeldLease& lease) {
  return {{"id", lease.id},
          {"model", lease.model},
          {"holder", lease.holder},
          {"since", time_text(lease.since)},
          {"expires", time_text(lease.expires)},
          {"pid", lease.pid > 0 ? Json(lease.pid) : Json(nullptr)}};
}

Json switch_json(const SwitchReport& report) {
  Json parts = Json::object();
  for (const auto& [name, seconds] : report.parts) parts[name] = seconds;
  return {{"from", report.from.empty() ? Json(nullptr) : Json(report.from)},
          {"to", report.to},
          {"seconds", report.seconds},
          {"parts", std::move(parts)}};
}

Json routes_json(const Router& router) {
  Json targets = Json::array();
  for (const auto& state : router.states())
    targets.push_back({{"model", state.target.model},
                       {"engine", state.target.engine},
                       {"tasks", state.target.tasks},
                       {"weight", state.target.weight},
                       {"breaker", state.breaker},
                       {"failures", state.failures},
                       {"opens_in_ms", state.opens_in.count()}});
  return {{"targets", std::move(targets)}};
}

Json cache_json(const ResponseCache& cache) {
  const CacheFigures figures = cache.figures();
  return {{"hits", figures.hits},
          {"misses", figures.misses},
          {"joined", figures.joined},
          {"stored", figures.stored},
          {"evicted", figures.evicted},
          {"store_failures", figures.store_failures},
          {"memory_bytes", figures.memory_bytes},
          {"entries", figures.entries}};
}

// "a%2Fb" as "a/b"; ids of engines by URL have a slash.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// One request below /admin: where it goes, and what it says.
class AdminRequest {
 public:
  AdminRequest(GatewayCore& core, HttpExchange& exchange, const GatewaySettings& settings)
      : core_(core), exchange_(exchange), settings_(settings), manager_(core.options.manager) {
    path_ = exchange.path().substr(std::string_view("/admin/").size());
  }

  Task<bool> run();

 private:
  bool is(std::string_view method, std::string_view path) const {
    return exchange_.method() == method && path_ == path;
  }
  // What follows `prefix`, when it is a request of this method below it.
  std::optional<std::string> below(std::string_view method, std::string_view prefix) const {
    if (exchange_.method() != method || !path_.starts_with(prefix) || path_.size() == prefix.size())
      return std::nullopt;
    return decoded(path_.substr(prefix.size()));
  }

  Task<bool> models();
  Task<bool> leases();
  Task<bool> keys();
  Task<bool> cache();
  Task<void> events();
  Task<void> act_on_model(std::string target);
  Task<void> answer(Result<Json> result, int status = 200);
  Result<Json> body() const;
  Json status() const;

  GatewayCore& core_;
  HttpExchange& exchange_;
  const GatewaySettings& settings_;
  std::shared_ptr<ModelManager> manager_;
  std::string_view path_;
};

Result<Json> AdminRequest::body() const {
  if (exchange_.body().empty()) return Json::object();
  TRY_ASSIGN(Json json, parse_json(exchange_.body(), "the request's body"));
  if (!json.is_object())
    return fail(ErrorKind::invalid_input, "read the request's body: expected a JSON object");
  return json;
}

Task<void> AdminRequest::answer(Result<Json> result, int status) {
  if (result) {
    co_await respond_json(exchange_, status, *result);
    co_return;
  }
  const ApiError error = api_error(result.error());
  co_await respond_error(exchange_, error);
}

Task<bool> AdminRequest::run() {
  Caller caller;
  if (const auto failure = find_caller(core_, exchange_, settings_, "admin", caller)) {
    co_await respond_error(exchange_, *failure);
    co_return true;
  }
  if (is("GET", "status")) {
    const auto look = [this] { return status(); };
    const Json json = co_await exchange_.loop().run_blocking(look);
    co_await respond_json(exchange_, 200, json);
    co_return true;
  }
  if (is("GET", "routes")) {
    const Json json = routes_json(*settings_.router);
    co_await respond_json(exchange_, 200, json);
    co_return true;
  }
  if (is("GET", "events") && core_.events) {
    co_await events();
    co_return true;
  }
  if (path_.starts_with("keys")) co_return co_await keys();
  if (path_.starts_with("cache")) co_return co_await cache();
  if (!manager_) co_return false;
  if (path_.starts_with("models") || path_ == "switch") co_return co_await models();
  if (path_.starts_with("leases")) co_return co_await leases();
  co_return false;
}

Json AdminRequest::status() const {
  const HttpServerCounts counts = core_.server->counts();
  Json json = {{"version", core_.options.version},  {"pid", ::getpid()},
               {"draining", core_.draining.load()}, {"ready", core_.can_answer.load()},
               {"connections", counts.connections}, {"requests_at_work", counts.requests_at_work},
               {"started_at", core_.started_at}};
  if (manager_) json.update(models_json(*manager_));
  if (core_.cache) json["cache"] = cache_json(*core_.cache);
  json["routes"] = routes_json(*settings_.router)["targets"];
  return json;
}

Task<bool> AdminRequest::models() {
  if (is("GET", "models")) {
    const auto look = [this] { return models_json(*manager_); };
    const Json json = co_await exchange_.loop().run_blocking(look);
    co_await respond_json(exchange_, 200, json);
    co_return true;
  }
  if (const auto id = below("GET", "models/")) {
    const auto look = [this] { return manager_->models(); };
    const auto all = co_await exchange_.loop().run_blocking(look);
    for (const ModelStatus& model : all)
      if (model.id == *id) {
        const Json json = status_json(model);
        co_await respond_json(exchange_, 200, json);
        co_return true;
      }
    const ApiError unknown = unknown_model(*id);
    co_await respond_error(exchange_, unknown);
    co_return true;
  }
  if (auto target = below("POST", "models/")) {
    co_await act_on_model(*std::move(target));
    co_return true;
  }
  if (!is("POST", "switch")) co_return false;
  const auto asked = body();
  std::string model;
  if (asked && asked->contains("model") && asked->at("model").is_string())
    model = asked->at("model").get<std::string>();
  if (model.empty()) {
    const ApiError error = invalid_request("switch needs a model: {\"model\": \"ID\"}", "model");
    co_await respond_error(exchange_, error);
    co_return true;
  }
  // Not stopped when the client goes: a model that is half loaded serves nobody.
  const auto work = [this, model] { return manager_->switch_to(model); };
  const auto report = co_await exchange_.loop().run_blocking(work);
  Result<Json> result = std::unexpected(Error{});
  if (report) {
    const std::string_view to[] = {report->to};
    core_.metrics.histogram("studio_model_switch_seconds", to).observe(report->seconds);
    result = switch_json(*report);
  } else {
    result = std::unexpected(report.error());
  }
  co_await answer(std::move(result));
  co_return true;
}

Task<void> AdminRequest::act_on_model(std::string target) {
  const std::size_t slash = target.rfind('/');
  const std::string action = slash == std::string::npos ? "" : target.substr(slash + 1);
  const std::string id = target.substr(0, slash);
  const auto work = [this, id, action]() -> Result<Json> {
    if (action == "load") {
      TRY(manager_->load(id));
    } else if (action == "unload") {
      TRY(manager_->unload(id));
    } else if (action == "pin" || action == "unpin") {
      TRY(manager_->pin(id, action == "pin"));
    } else {
      return fail(ErrorKind::invalid_input, fmt::format("do \"{}\" with a model: not known", action),
                  "POST /admin/models/ID/load, unload, pin or unpin");
    }
    for (const ModelStatus& model : manager_->models())
      if (model.id == id) return status_json(model);
    return Json{{"id", id}};
  };
  auto result = co_await exchange_.loop().run_blocking(work);
  co_await answer(std::move(result));
}

Task<bool> AdminRequest::leases() {
  if (is("GET", "leases")) {
    Json all = Json::array();
    for (const HeldLease& lease : manager_->held()) all.push_back(lease_json(lease));
    const Json json = {{"leases", std::move(all)}};
    co_await respond_json(exchange_, 200, json);
    co_return true;
  }
  const auto asked = body();
  if (!asked) {
    const ApiError error = api_error(asked.error());
    co_await respond_error(exchange_, error);
    co_return true;
  }
  JsonReader reader(*asked, "the request's body");
  const double seconds = reader.number("seconds", kLeaseSeconds);
  if (!(seconds > 0) || seconds > kLongestLeaseSeconds)
    reader.reject("seconds", "more than 0, at most 86400");
  const auto time = std::chrono::milliseconds(static_cast<long long>(seconds * 1e3));
  if (is("POST", "leases")) {
    const std::string model = reader.required_string("model");
    const std::string holder = reader.string("holder", "http");
    const auto pid = static_cast<pid_t>(reader.integer("pid", -1));
    const bool batch = reader.boolean("batch", false);
    Result<Json> result = Json();
    if (const auto sound = reader.result(); !sound) {
      result = std::unexpected(sound.error());
    } else {
      const std::stop_token stop = exchange_.stop();
      const auto work = [this, model, time, holder, pid, batch, stop]() -> Result<Json> {
        LeaseOptions options;
        options.holder = holder;
        options.batch = batch;
        options.stop = stop;
        TRY_ASSIGN(const HeldLease lease, manager_->hold(model, time, std::move(options), pid));
        return lease_json(lease);
      };
      result = co_await exchange_.loop().run_blocking(work);
    }
    co_await answer(std::move(result), 201);
    co_return true;
  }
  if (const auto id = below("POST", "leases/")) {
    Result<Json> result = Json();
    if (const auto sound = reader.result(); !sound) {
      result = std::unexpected(sound.error());
    } else if (const auto renewed = manager_->renew(*id, time)) {
      result = lease_json(*renewed);
    } else {
      result = std::unexpected(renewed.error());
    }
    co_await answer(std::move(result));
    co_return true;
  }
  if (const auto id = below("DELETE", "leases/")) {
    const auto released = manager_->release(*id);
    Result<Json> result = Json{{"id", *id}, {"released", true}};
    if (!released) result = std::unexpected(released.error());
    co_await answer(std::move(result));
    co_return true;
  }
  co_return false;
}

Task<bool> AdminRequest::keys() {
  if (is("GET", "keys")) {
    Json all = Json::array();
    for (const ApiKey& key : core_.keys->list()) all.push_back(key_json(key));
    const Json json = {{"keys", std::move(all)}};
    co_await respond_json(exchange_, 200, json);
    co_return true;
  }
  if (is("POST", "keys")) {
    const auto asked = body();
    const auto make = [this, &asked]() -> Result<Json> {
      if (!asked) return std::unexpected(asked.error());
      JsonReader reader(*asked, "the request's body");
      NewKey wish;
      wish.name = reader.required_string("name");
      if (reader.has("scopes")) wish.scopes = reader.strings("scopes");
      wish.models = reader.strings("models");
      wish.limits.requests_per_minute = reader.number("requests_per_minute", 0);
      wish.limits.tokens_per_minute = reader.number("tokens_per_minute", 0);
      wish.lifetime = std::chrono::seconds(reader.integer("lifetime_s", 0));
      TRY(reader.result());
      TRY_ASSIGN(const KeyStore::Made made, core_.keys->make(wish));
      Json json = key_json(made.key);
      json["secret"] = made.secret;
      return json;
    };
    auto result = co_await exchange_.loop().run_blocking(make);
    if (result) core_.keys_changed();
    co_await answer(std::move(result), 201);
    co_return true;
  }
  if (const auto id = below("DELETE", "keys/")) {
    const auto revoke = [this, &id]() -> Result<Json> {
      TRY(core_.keys->revoke(*id));
      return Json{{"id", *id}, {"revoked", true}};
    };
    auto result = co_await exchange_.loop().run_blocking(revoke);
    if (result) core_.keys_changed();
    co_await answer(std::move(result));
    co_return true;
  }
  co_return false;
}

Task<bool> AdminRequest::cache() {
  if (path_ != "cache") co_return false;
  if (!core_.cache) {
    const Json json = {{"enabled", false}};
    co_await respond_json(exchange_, 200, json);
    co_return true;
  }
  if (exchange_.method() == "DELETE") {
    const auto clear = [this]() -> Result<Json> {
      TRY(core_.cache->clear());
      return Json{{"cleared", true}};
    };
    auto result = co_await exchange_.loop().run_blocking(clear);
    co_await answer(std::move(result));
    co_return true;
  }
  if (exchange_.method() != "GET") co_return false;
  const Json json = cache_json(*core_.cache);
  co_await respond_json(exchange_, 200, json);
  co_return true;
}

// Comments in between keep proxies and readers from taking a quiet feed for a dead one.
Task<void> AdminRequest::events() {
  EventFeed& feed = *core_.events;
  std::uint64_t number = feed.last();
  if (const std::string_view last = exchange_.header("last-event-id"); !last.empty())
    std::from_chars(last.data(), last.data() + last.size(), number);
  const HeaderView headers[] = {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}};
  exchange_.begin(200, headers);
  auto written = co_await exchange_.write(": events of models\n\n");
  while (written && !exchange_.stop().stop_requested() && !feed.ended()) {
    std::string text;
    for (const EventFeed::Line& line : feed.after(number)) {
      text += fmt::format("id: {}\nevent: model\ndata: {}\n\n", line.number, line.json);
      number = line.number;
    }
    if (text.empty()) {
      const Completion<bool> more;
      feed.when_more(number, [more] { more.set(true); });
      const std::stop_callback gone(exchange_.stop(), [more] { more.set(true); });
      std::stop_source quiet;
      const auto beat = [](Loop& loop, Completion<bool> until, std::stop_token stop) -> Task<void> {
        co_await loop.sleep(kHeartbeat, stop);
        until.set(false);
      };
      exchange_.loop().spawn(beat(exchange_.loop(), more, quiet.get_token()));
      const bool something = co_await more.wait(exchange_.loop());
      quiet.request_stop();
      if (something) continue;
      text = ": still here\n\n";
    }
    written = co_await exchange_.write(text);
  }
  co_await exchange_.end();
}

}  // namespace

Task<bool> answer_admin(GatewayCore& core, HttpExchange& exchange, const GatewaySettings& settings) {
  AdminRequest request(core, exchange, settings);
  co_return co_await request.run();
}

}  // namespace studio
