// The way of a request up to the engine: who asks, what for, where, and whether the answer is known already.
#include "gateway/inference.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/request_shape.h"

namespace studio {
namespace {

constexpr InferencePath kPaths[] = {
    {"/v1/chat/completions", "chat"},
    {"/v1/completions", "chat"},
    {"/v1/embeddings", "embedding"},
    {"/v1/rerank", "rerank"},
    {"/v1/responses", "chat"},
    {"/v1/messages", "chat", true},
    {"/v1/messages/count_tokens", "chat", true},
};

// A chat model is also one that sees or writes code.
bool does(const RouteTarget& target, std::string_view task) {
  if (target.tasks.empty()) return true;
  for (const std::string& each : target.tasks)
    if (each == task || (task == "chat" && (each == "vision" || each == "code"))) return true;
  return false;
}

long long figure_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return -1;
  const char* from = text.data() + at + name.size();
  const char* end = text.data() + text.size();
  while (from < end && (*from == ' ' || *from == ':')) ++from;
  long long value = -1;
  std::from_chars(from, end, value);
  return value;
}

std::chrono::nanoseconds at_most(std::chrono::nanoseconds a, std::chrono::nanoseconds b) {
  return a < b ? a : b;
}

}  // namespace

const InferencePath* inference_path(std::string_view path) {
  for (const InferencePath& each : kPaths)
    if (each.path == path) return &each;
  return nullptr;
}

void read_usage(std::string_view text, TokenUsage& usage) {
  const std::size_t at = text.rfind("\"usage\"");
  if (at == std::string_view::npos) return;
  const std::string_view figures = text.substr(at, 600);
  const auto take = [&](long long& figure, std::string_view name, std::string_view other) {
    long long found = figure_after(figures, name);
    if (found < 0) found = figure_after(figures, other);
    if (found >= 0) figure = found;
  };
  take(usage.prompt, "\"prompt_tokens\"", "\"input_tokens\"");
  take(usage.completion, "\"completion_tokens\"", "\"output_tokens\"");
  take(usage.cached, "\"cached_tokens\"", "\"cache_read_input_tokens\"");
}

InferenceRequest::InferenceRequest(GatewayCore& core, HttpExchange& exchange, const InferencePath& path)
    : core_(core), exchange_(exchange), path_(path), settings_(core.settings_of(exchange.loop())) {}

Task<void> InferenceRequest::run() {
  id_ = request_id_of(exchange_);
  exchange_.add_header("x-request-id", id_);
  const std::string_view label[] = {path_.path};
  Gauge& in_flight = core_.metrics.gauge("studio_requests_in_flight", label);
  in_flight.add(1);
  Failure failure = admit();
  admitted_ = !failure;
  if (!failure) failure = co_await serve();
  if (failure) co_await tell(*failure);
  in_flight.add(-1);
  account();
}

InferenceRequest::Failure InferenceRequest::admit() {
  if (exchange_.method() != "POST") {
    ApiError error = unknown_url(exchange_.method(), exchange_.path());
    error.status = 405;
    return error;
  }
  if (auto failure = find_caller(core_, exchange_, *settings_, "inference", caller_)) return failure;
  if (!caller_.key) return std::nullopt;
  KeyState& key = *caller_.key;
  const auto seconds = [](std::chrono::nanoseconds wait) {
    return std::chrono::ceil<std::chrono::seconds>(at_most(wait, std::chrono::hours(1)));
  };
  if (const auto wait = key.requests.take(1, started_); wait.count() > 0)
    return too_many_requests("this key's limit of requests per minute is reached", seconds(wait));
  // What an answer costs is known when it is over; a key in debt waits until it is paid.
  if (!key.tokens.unlimited() && key.tokens.left(started_) < 1)
    return too_many_requests("this key's limit of tokens per minute is reached",
                             seconds(key.tokens.take(1, started_)), "tokens_exceeded");
  return std::nullopt;
}

InferenceRequest::Failure InferenceRequest::find_route() {
  auto scanned = scan_request(exchange_.body());
  if (!scanned) return api_error(scanned.error());
  scan_ = std::move(*scanned);
  if (auto wrong = wrong_shape(path_.path, scan_, exchange_.body())) return wrong;
  const std::string_view name = scan_.model;
  std::string_view task = path_.task;
  if (name == "auto" && scan_.images && task == "chat") task = "vision";
  auto route = settings_->router->resolve(name, task);
  if (!route && task == "vision") route = settings_->router->resolve(name, path_.task);
  if (!route) return api_error(route.error());
  route_ = std::move(*route);
  if (!caller_.may_use(route_.model)) {
    ApiError error = not_permitted("model " + route_.model);
    error.code = "model_not_permitted";
    return error;
  }
  if (!route_.steps.empty() && !does(*route_.steps.front().target, path_.task))
    return invalid_request(fmt::format("the model {} does not do what {} asks for", route_.model, path_.path),
                           "model", "model_not_supported");
  if (route_.steps.size() > 1) prefer_the_last_engine();
  return std::nullopt;
}

// Several equal engines: the one that has this conversation's beginning in its cache comes first.
void InferenceRequest::prefer_the_last_engine() {
  conversation_ = conversation_of(exchange_.body(), scan_);
  if (!conversation_ || !conversation_->goes_on || route_.steps.front().trial) return;
  const auto slot = settings_->conversations->slot_of(conversation_->hash);
  if (!slot) return;
  const auto known = std::ranges::find(route_.steps, *slot, &RouteStep::slot);
  if (known != route_.steps.end() && known->target->model == route_.steps.front().target->model)
    std::rotate(route_.steps.begin(), known, known + 1);
}

Task<InferenceRequest::Failure> InferenceRequest::serve() {
  if (auto failure = find_route()) co_return failure;
  const std::string_view wish_header = exchange_.header("x-cache");
  const CacheWish wish = cache_wish(wish_header, exchange_.header("cache-control"));
  const bool always_same = path_.task == "embedding" || path_.task == "rerank";
  const bool worth_a_look =
      scan_.deterministic || always_same || wish == CacheWish::always || wish == CacheWish::refresh;
  if (core_.cache && settings_->config.cache.enabled && worth_a_look && wish != CacheWish::never &&
      path_.path != "/v1/messages/count_tokens") {
    const auto document = co_await this->document();
    if (!document) co_return api_error(document.error());
    const std::string_view owner = settings_->config.cache.shared ? std::string_view() : caller_.id();
    const auto key = cache_key(*document, path_.path, route_.model, owner, wish);
    if (key) co_return co_await serve_cached(*key, wish == CacheWish::refresh);
  }
  co_return co_await ask_engines(nullptr);
}

// A body with pictures takes a tenth of a second to read: not on the loop, where streams wait.
Task<Result<Json>> InferenceRequest::document() const {
  constexpr std::size_t kReadHere = 256u << 10;
  const std::string_view text = exchange_.body();
  if (text.size() <= kReadHere) co_return parse_json(text, "the request");
  const auto read = [text] { return parse_json(text, "the request"); };
  co_return co_await exchange_.loop().run_blocking(read);
}

// ---- the cache

Task<InferenceRequest::Failure> InferenceRequest::serve_cached(const CacheKey& key, bool refresh) {
  CacheAnswer answer = core_.cache->begin(key, refresh);
  const auto count = [this](std::string_view state) {
    cache_state_ = state;
    const std::string_view label[] = {state};
    core_.metrics.counter("studio_cache_total", label).add();
  };
  if (auto* hit = std::get_if<CacheHit>(&answer)) {
    count("hit");
    co_return co_await replay(*hit->response);
  }
  if (auto* join = std::get_if<CacheJoin>(&answer)) {
    count("joined");
    if (co_await follow(*join->flight)) co_return std::nullopt;
    // Its maker gave up before the first piece: this request asks for itself.
    co_return co_await ask_engines(nullptr);
  }
  auto& miss = std::get<CacheMiss>(answer);
  if (miss.ask_store) {
    const auto ask_store = [&] { return core_.cache->load(miss.producer); };
    const std::shared_ptr<const CachedResponse> found = co_await exchange_.loop().run_blocking(ask_store);
    if (found) {
      count("hit");
      co_return co_await replay(*found);
    }
  }
  count("miss");
  exchange_.add_header("x-cache", "miss");
  co_return co_await ask_engines(&miss.producer);
}

Task<InferenceRequest::Failure> InferenceRequest::replay(const CachedResponse& response) {
  exchange_.add_header("x-cache", "hit");
  status_ = response.status;
  first_piece();
  views_.assign(response.pieces.begin(), response.pieces.end());
  if (!views_.empty()) read_usage(views_.back(), usage_);
  const HeaderView type{"Content-Type", response.content_type};
  if (response.content_type.starts_with("text/event-stream")) {
    exchange_.begin(response.status, std::span(&type, 1));
    co_await exchange_.end(views_);
  } else {
    co_await exchange_.respond(response.status, std::span(&type, 1), views_);
  }
  co_return std::nullopt;
}

// Reads along with the request that makes the same answer. False: it ended before its first piece.
Task<bool> InferenceRequest::follow(Flight& flight) {
  std::size_t index = 0;
  for (;;) {
    Flight::Look look = flight.look(index);
    if (look.piece) {
      if (index++ == 0) {
        exchange_.add_header("x-cache", "joined");
        status_ = flight.status();
        first_piece();
        joined_ = flight.content_type();
        const HeaderView type{"Content-Type", joined_};
        exchange_.begin(status_, std::span(&type, 1));
      }
      read_usage(*look.piece, usage_);
      const auto written = co_await exchange_.write(*look.piece);
      if (!written) co_return true;
      continue;
    }
    if (look.state == Flight::State::done) break;
    if (look.state == Flight::State::failed) {
      if (index == 0) co_return false;
      break;  // the piece before said why
    }
    const Completion<bool> more;
    flight.when_more(index, [more] { more.set(true); });
    const std::stop_callback gone(exchange_.stop(), [more] { more.set(false); });
    if (!co_await more.wait(exchange_.loop())) co_return true;
  }
  if (index == 0) co_return false;
  co_await exchange_.end();
  co_return true;
}

// ---- the end

void InferenceRequest::first_piece() {
  if (!first_piece_) first_piece_ = Clock::now();
}

std::string InferenceRequest::error_text(const ApiError& failure, bool as_event) const {
  if (!path_.anthropic) return as_event ? error_event(failure) : error_json(failure);
  std::string_view type = "api_error";
  if (failure.status == 400) type = "invalid_request_error";
  if (failure.status == 401) type = "authentication_error";
  if (failure.status == 403) type = "permission_error";
  if (failure.status == 404) type = "not_found_error";
  if (failure.status == 413) type = "request_too_large";
  if (failure.status == 429) type = "rate_limit_error";
  if (failure.status == 503) type = "overloaded_error";
  const Json body = {{"type", "error"}, {"error", {{"type", type}, {"message", failure.message}}}};
  const std::string text = to_text(body, -1);
  return as_event ? "event: error\ndata: " + text + "\n\n" : text;
}

Task<void> InferenceRequest::tell(const ApiError& failure) {
  error_code_ = failure.code.empty() ? failure.type : failure.code;
  status_ = client_gone() ? 499 : failure.status;
  if (status_ == 429 || status_ == 413) {
    const std::string_view reason[] = {status_ == 413                     ? "body"
                                       : admitted_                        ? "queue"
                                       : error_code_ == "tokens_exceeded" ? "tokens"
                                                                          : "rate"};
    core_.metrics.counter("studio_refused_total", reason).add();
  }
  if (client_gone()) co_return;
  if (exchange_.begun()) {
    const std::string event = error_text(failure, true);
    const std::string_view last = event;
    (void)co_await exchange_.end(std::span(&last, 1));
    co_return;
  }
  const std::string text = error_text(failure, false);
  std::array<HeaderView, 2> headers{HeaderView{"Content-Type", "application/json"}, HeaderView{}};
  std::string seconds;
  std::size_t count = 1;
  if (failure.retry_after) {
    seconds = std::to_string(failure.retry_after->count());
    headers[count++] = {"Retry-After", seconds};
  }
  const std::string_view body = text;
  co_await exchange_.respond(failure.status, std::span(headers.data(), count), std::span(&body, 1));
}

void InferenceRequest::account() {
  const auto now = Clock::now();
  const auto seconds_since = [](Clock::time_point later, Clock::time_point earlier) {
    return std::chrono::duration<double>(later - earlier).count();
  };
  const double seconds = seconds_since(now, started_);
  if (client_gone() && status_ == 0) status_ = 499;
  char digits[8];
  const std::string_view status(
      digits, static_cast<std::size_t>(std::to_chars(digits, digits + 8, status_).ptr - digits));
  const std::string_view path = path_.path, model = route_.model;
  const std::string_view by_status[] = {path, model, status}, by_path_and_model[] = {path, model},
                         by_model[] = {model}, by_path[] = {path};
  Metrics& metrics = core_.metrics;
  metrics.counter("studio_requests_total", by_status).add();
  metrics.histogram("studio_request_seconds", by_path_and_model).observe(seconds);
  if (status_ == 499) metrics.counter("studio_cancelled_total", by_path).add();
  if (asked_) metrics.histogram("studio_gateway_overhead_seconds").observe(seconds_since(*asked_, started_));
  const long long completion = usage_.completion >= 0 ? usage_.completion : events_seen_;
  if (first_piece_ && cache_state_ != "hit" && cache_state_ != "joined") {
    metrics.histogram("studio_time_to_first_token_seconds", by_model)
        .observe(seconds_since(*first_piece_, started_));
    const double writing = scan_.stream ? seconds_since(now, *first_piece_) : seconds_since(now, started_);
    if (completion > 1 && writing > 0)
      metrics.histogram("studio_tokens_per_second", by_model)
          .observe(static_cast<double>(completion) / writing);
    if (tool_calls_ > 0) {
      const std::string_view by_parser[] = {model, tools_ ? "schema" : "engine"};
      metrics.counter("studio_tool_calls_total", by_parser).add(static_cast<std::uint64_t>(tool_calls_));
    }
    if (usage_.prompt > 0)
      metrics.counter("studio_prompt_tokens_total", by_model).add(static_cast<std::uint64_t>(usage_.prompt));
    if (usage_.cached > 0)
      metrics.counter("studio_cached_prompt_tokens_total", by_model)
          .add(static_cast<std::uint64_t>(usage_.cached));
    if (completion > 0)
      metrics.counter("studio_completion_tokens_total", by_model).add(static_cast<std::uint64_t>(completion));
    if (caller_.key && !caller_.key->tokens.unlimited())
      caller_.key->tokens.charge(static_cast<double>(std::max(0LL, usage_.prompt) + completion), now);
  }
  if (!settings_->config.log_requests) return;
  AccessLine line;
  line.id = id_;
  line.remote = exchange_.remote();
  line.method = exchange_.method();
  line.path = path;
  line.model = model;
  line.engine = engine_;
  line.key = caller_.id();
  line.cache = cache_state_;
  line.status = status_;
  line.seconds = seconds;
  line.first_piece_s = first_piece_ ? seconds_since(*first_piece_, started_) : 0;
  line.prompt_tokens = usage_.prompt;
  line.completion_tokens = completion > 0 ? completion : -1;
  line.error = error_code_;
  core_.log.add(line);
}

}  // namespace studio
