// The way of a request through an engine and back: a place, the request as the engine wants it, its answer.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "gateway/image_urls.h"
#include "gateway/inference.h"
#include "gateway/tool_decision.h"
#include "net/sse.h"

namespace studio {
namespace {

constexpr std::size_t kLargestError = 1u << 20;
constexpr std::size_t kLargestAnswer = 256u << 20;
constexpr auto kUntilKnownDead = std::chrono::milliseconds(1000);

// Where the last whole event of server-sent events ends; 0 when none does.
std::size_t end_of_events(std::string_view text) {
  const std::size_t plain = text.rfind("\n\n"), dos = text.rfind("\r\n\r\n");
  std::size_t end = 0;
  if (plain != std::string_view::npos) end = plain + 2;
  if (dos != std::string_view::npos) end = std::max(end, dos + 4);
  return end;
}

long long count_of(std::string_view text, std::string_view part) {
  long long count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

// A base address is given with or without /v1, as people have it.
std::string_view path_below(const Endpoint& endpoint, std::string_view path) {
  if (endpoint.base_url.ends_with("/v1") && path.starts_with("/v1/")) path.remove_prefix(3);
  return path;
}

// compile_tools and its like begin with the field: "tools[0].type: ...".
ApiError field_error(const Error& error) {
  ApiError out = api_error(error);
  const std::string field = error.message.substr(0, error.message.find(": "));
  if (out.status == 400 && field.find_first_of(" \"") == std::string::npos) out.param = field;
  return out;
}

// One request's answer is the work of one engine; the client's end and the others who joined decide
// together when it is of no more use.
struct StopUnlessShared {
  std::stop_source* work;
  const Producer* producer;
  void operator()() const {
    if (!producer->shared()) work->request_stop();
  }
};

}  // namespace

Task<InferenceRequest::Failure> InferenceRequest::ask_engines(Producer* producer) {
  Failure failure;
  if (route_.steps.empty())
    failure = api_error(Error{
        ErrorKind::engine_failed, fmt::format("answer with {}: no engine has it now", route_.model), {}});
  int tried = 0;
  for (const RouteStep& step : route_.steps) {
    if (tried++ > settings_->config.routes.retries) break;
    if (tried > 1) {
      const std::string_view label[] = {route_.model};
      core_.metrics.counter("studio_retries_total", label).add();
    }
    bool again = false;
    failure = co_await ask(step, producer, again);
    if (!failure || !again || client_gone()) break;
  }
  co_return failure;
}

// Without the address: where an engine listens is nothing for clients.
ApiError InferenceRequest::broken_off(const Error& error) const {
  if (error.kind != ErrorKind::engine_failed) return api_error(error);
  return api_error(Error{
      ErrorKind::engine_failed,
      fmt::format("the engine {} of {} ended before its answer did", engine_, route_.model), "ask again"});
}

// Beside a wait for a model: comments, so that neither the client nor a proxy takes the silence of a load for
// a dead server. The first commits the status to 200; what goes wrong after it is told as an error event.
Task<void> InferenceRequest::comment_on_loading(std::stop_token until, Completion<bool> ended) {
  Loop& loop = exchange_.loop();
  const auto every = settings_->config.limits.loading_comment_time;
  for (;;) {
    co_await loop.sleep(every, until);
    if (until.stop_requested() || client_gone()) break;
    begin_stream();
    const auto written = co_await exchange_.write(": loading\n\n");
    if (!written) break;
  }
  ended.set(true);
}

void InferenceRequest::begin_stream() {
  if (exchange_.begun()) return;
  const HeaderView headers[] = {{"Content-Type", "text/event-stream"},
                                {"Cache-Control", "no-cache"},
                                {"X-Accel-Buffering", "no"}};  // a proxy before us must not gather pieces
  if (cache_state_ == "joined") exchange_.add_header("x-cache", "joined");
  exchange_.begin(200, headers);
}

Task<Result<EnginePlace>> InferenceRequest::wait_for_place(const RouteTarget& target) {
  const Completion<Result<EnginePlace>> given;
  std::stop_source waited;
  const Completion<bool> commented;
  const bool comments = scan_.stream && settings_->config.limits.loading_comment_time.count() > 0;
  if (comments) exchange_.loop().spawn(comment_on_loading(waited.get_token(), commented));
  LeaseOptions wish;
  wish.holder = "gateway " + id_;
  wish.patience = settings_->config.limits.queue_time;
  wish.stop = exchange_.stop();
  core_.places->place_async(target, std::move(wish),
                            [given](Result<EnginePlace> place) { given.set(std::move(place)); });
  auto place = co_await given.wait(exchange_.loop());
  waited.request_stop();
  if (comments) co_await commented.wait(exchange_.loop());
  co_return place;
}

Task<InferenceRequest::Failure> InferenceRequest::ask(const RouteStep& step, Producer* producer,
                                                      bool& again) {
  const Router& router = *settings_->router;
  for (bool once_more = false;; once_more = true) {
    std::optional<EnginePlace> place = core_.places->try_place(*step.target, id_);
    if (!place) {
      const auto waited_from = Clock::now();
      auto given = co_await wait_for_place(*step.target);
      const std::string_view label[] = {step.target->model};
      core_.metrics.histogram("studio_queue_seconds", label)
          .observe(std::chrono::duration<double>(Clock::now() - waited_from).count());
      if (!given) {
        const Error& error = given.error();
        const bool engine_at_fault =
            error.kind == ErrorKind::engine_failed || error.kind == ErrorKind::timeout;
        router.report(step, client_gone()     ? Outcome::abandoned
                            : engine_at_fault ? Outcome::failed
                                              : Outcome::overloaded);
        again = error.kind != ErrorKind::interrupted;
        std::optional<std::chrono::seconds> retry_after;
        if (const auto busy = busy_of(error))
          retry_after =
              std::chrono::seconds(std::max(1LL, static_cast<long long>(busy->retry_after_s + 0.5)));
        co_return api_error(error, retry_after);
      }
      place = std::move(*given);
    }
    engine_ = place->engine;
    if (auto failure = co_await prepare(*place)) {
      router.report(step, Outcome::abandoned);
      co_return failure;
    }

    std::string authorization;
    std::array<HeaderView, 6> headers;
    std::size_t count = 0;
    headers[count++] = {"Content-Type", "application/json"};
    headers[count++] = {"x-request-id", id_};
    if (!place->api_key.empty()) {
      authorization = fmt::format("Bearer {}", place->api_key);
      headers[count++] = {"Authorization", authorization};
    }
    for (const std::string_view name : {"anthropic-version", "anthropic-beta", "accept"})
      if (const auto value = exchange_.header(name); !value.empty() && count < headers.size())
        headers[count++] = {name, value};

    std::optional<std::stop_callback<StopUnlessShared>> on_gone;
    UpstreamTrace trace;
    UpstreamRequest request;
    request.endpoint = place->endpoint;
    request.path = path_below(*place->endpoint, shape_ ? "/v1/chat/completions" : path_.path);
    request.headers = std::span(headers.data(), count);
    request.body = body_;
    request.stop = exchange_.stop();
    request.trace = &trace;
    const auto limit =
        std::chrono::duration_cast<std::chrono::milliseconds>(settings_->config.limits.request_time);
    request.first_byte_timeout = request.idle_timeout = limit;
    if (producer) {
      request.stop = work_.get_token();
      on_gone.emplace(exchange_.stop(), StopUnlessShared{&work_, producer});
    }
    asked_ = Clock::now();
    auto response = co_await core_.upstreams->open(exchange_.loop(), request);
    if (response) {
      const bool first_asking = without_.empty();
      auto failure = co_await relay(step, *response, producer);
      // The model only made calls again whose results it has: once more without those tools.
      if (!failure && first_asking && !without_.empty() && !client_gone()) continue;
      if (failure)
        again = may_retry(
            failure->status == 429 || failure->status == 503 ? Outcome::overloaded : Outcome::answered, true,
            true);
      if (answering_) again = false;
      co_return failure;
    }
    if (client_gone()) {
      router.report(step, Outcome::abandoned);
      co_return api_error(response.error());
    }
    // Our own engine has just died: nothing was sent, and its successor is on the way.
    if (!trace.sent && place->lost && !once_more) {
      const auto lost = place->lost;
      const auto wait = [lost] { return lost(kUntilKnownDead); };
      co_await exchange_.loop().run_blocking(wait);
      continue;
    }
    router.report(step, Outcome::failed);
    again = may_retry(Outcome::failed, trace.sent, trace.received);
    co_return broken_off(response.error());
  }
}

// The model's odds for its next step, where it may choose: one token, before the answer. Whatever goes wrong
// with it, the choice stays the model's own.
Task<void> InferenceRequest::decide_next_step(const EnginePlace& place, const Json& document,
                                              const CompiledTools& tools, ToolOptions& options) {
  const std::string question = decision_request(tools);
  if (question.empty()) co_return;
  std::string authorization;
  std::array<HeaderView, 3> headers{HeaderView{"Content-Type", "application/json"},
                                    HeaderView{"x-request-id", id_}, HeaderView{}};
  std::size_t count = 2;
  if (!place.api_key.empty()) {
    authorization = fmt::format("Bearer {}", place.api_key);
    headers[count++] = {"Authorization", authorization};
  }
  const std::string_view body = question;
  UpstreamRequest request;
  request.endpoint = place.endpoint;
  request.path = path_below(*place.endpoint, "/v1/chat/completions");
  request.headers = std::span(headers.data(), count);
  request.body = std::span(&body, 1);
  request.stop = exchange_.stop();
  request.first_byte_timeout = request.idle_timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(settings_->config.limits.request_time);
  auto response = co_await core_.upstreams->open(exchange_.loop(), request);
  if (!response) co_return;
  const auto answer = co_await response->read_all(kLargestError);
  if (!answer || response->status() != 200) co_return;
  if (const auto thought = next_tokens(tools, *answer))
    options.next = decide_next(document, tools, *thought, options.without);
}

// A request of another API with tools, as one for chat completions; `shape_` then turns the answer back.
// Without tools in it there is nothing to compile, and `shape_` stays empty.
Result<Json> InferenceRequest::as_chat(const Json& document) {
  const bool responses = path_.path == "/v1/responses";
  TRY_ASSIGN(Json chat, responses         ? chat_from_responses(document)
                        : path_.anthropic ? chat_from_messages(document)
                                          : Result<Json>(Json()));
  const auto tells_of_tools = [](const Json& message) {
    return message.contains("tool_calls") || message["role"] == "tool";
  };
  if (!chat.is_object() ||
      (!chat.contains("tools") && std::ranges::none_of(chat["messages"], tells_of_tools)))
    return chat;
  if (shape_) return chat;
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  shape_ = responses ? responses_shape(document, id_, now) : messages_shape(document, id_);
  return chat;
}

// The body as this engine wants it. Most go as they came, around the model's name.
Task<InferenceRequest::Failure> InferenceRequest::prepare(const EnginePlace& place) {
  tools_.reset();
  if (without_.empty()) shape_.reset();  // a second asking goes on with the answer that has begun
  const bool counts_only = path_.path == "/v1/messages/count_tokens";
  bool compile = scan_.tools && !place.capabilities.native_tools && path_.task == "chat" && !counts_only;
  bool fetch = false;
  std::optional<Json> document;
  if (compile || scan_.images) {
    auto parsed = co_await this->document();
    if (!parsed) co_return api_error(parsed.error());
    document = std::move(*parsed);
    if (compile && path_.path != "/v1/chat/completions") {
      auto chat = as_chat(*document);
      if (!chat) co_return field_error(chat.error());
      compile = shape_ != nullptr;
      if (compile) document = std::move(*chat);
    }
    fetch = (scan_.images || shape_) && image_use(*document).images > 0;
  }
  if (fetch) {
    ImageFetchOptions options;
    options.allowed_hosts = settings_->config.images.allowed_hosts;
    options.max_bytes = settings_->config.images.max_bytes;
    options.timeout = settings_->config.images.time;
    options.max_redirects = settings_->config.images.max_redirects;
    options.stop = exchange_.stop();
    const auto work = [&] { return inline_images(*document, options); };
    const Result<void> inlined = co_await exchange_.loop().run_blocking(work);
    if (!inlined) co_return api_error(inlined.error());
  }
  if (compile) {
    ToolOptions options;
    options.id_seed = id_;
    options.upstream_model = place.upstream_model;
    options.ask_again = without_.empty();
    options.without = without_;
    auto compiled = compile_tools(*document, options);
    if (!compiled) co_return field_error(compiled.error());
    if (*compiled && without_.empty()) {
      co_await decide_next_step(place, *document, **compiled, options);
      if (options.next != ToolOptions::Next::open) compiled = compile_tools(*document, options);
      if (!compiled) co_return field_error(compiled.error());
    }
    if (*compiled) {
      tools_ = std::make_shared<const CompiledTools>(std::move(**compiled));
      body_.assign({std::string_view(tools_->engine_request)});
      co_return std::nullopt;
    }
  }
  if (fetch) {
    (*document)["model"] = std::string(place.upstream_model);
    const auto write = [&] { return to_text(*document, -1); };
    rewritten_ = co_await exchange_.loop().run_blocking(write);
    body_.assign({std::string_view(rewritten_)});
    co_return std::nullopt;
  }
  body_ = with_model(exchange_.body(), scan_, place.upstream_model, name_json_);
  co_return std::nullopt;
}

Task<InferenceRequest::Failure> InferenceRequest::relay(const RouteStep& step, UpstreamResponse& response,
                                                        Producer* producer) {
  const Router& router = *settings_->router;
  const int status = response.status();
  if (status / 100 != 2) {
    const auto text = co_await response.read_all(kLargestError);
    ApiError error = engine_error(status, text ? std::string_view(*text) : std::string_view(), engine_);
    const bool overloaded = status == 429 || status == 503;
    router.report(step, overloaded      ? Outcome::overloaded
                        : status >= 500 ? Outcome::failed
                                        : Outcome::answered);
    if (overloaded && !error.retry_after) error.retry_after = std::chrono::seconds(1);
    co_return error;
  }
  // Before the client has its answer: its next request may come at once.
  if (conversation_) settings_->conversations->remember(conversation_->hash, step.slot);
  const bool stream = response.header("content-type").starts_with("text/event-stream");
  Failure failure;
  if (stream)
    failure = co_await relay_stream(response, producer);
  else
    failure = co_await relay_whole(response, producer);
  const bool abandoned = client_gone() && !response.done() && !stream_complete_;
  if (abandoned) status_ = 499;
  router.report(step, abandoned                         ? Outcome::abandoned
                      : error_code_.empty() && !failure ? Outcome::answered
                                                        : Outcome::failed);
  co_return failure;
}

Task<InferenceRequest::Failure> InferenceRequest::relay_whole(UpstreamResponse& response,
                                                              Producer* producer) {
  if (exchange_.begun())  // with comments on the loading: it asked for a stream
    co_return api_error(Error{
        ErrorKind::engine_failed, fmt::format("stream from {}: it answered with no stream", engine_), {}});
  std::string whole;
  auto first = co_await response.read();
  if (!first) co_return broken_off(first.error());
  first_piece();
  Pieces pieces = *first;
  if (!response.done() || tools_) {
    for (const auto piece : pieces) whole += piece;
    auto rest = co_await response.read_all(kLargestAnswer);
    if (!rest) co_return broken_off(rest.error());
    whole += *rest;
    if (tools_) {
      auto answer = answer_from(*tools_, whole, without_.empty() ? &without_ : nullptr);
      if (!answer) co_return api_error(answer.error());
      if (tools_->ask_again && !without_.empty()) co_return std::nullopt;
      whole = std::move(*answer);
      tool_calls_ += count_of(whole, R"("type":"function")");
      if (shape_) {
        auto completion = parse_json(whole, "the answer");
        if (!completion) co_return api_error(completion.error());
        whole = shape_->whole(*completion);
      }
    }
    views_.assign({std::string_view(whole)});
    pieces = views_;
  }
  if (!pieces.empty()) read_usage(pieces.back(), usage_);
  if (scan_.tools && !tools_)
    for (const auto piece : pieces) tool_calls_ += count_of(piece, R"("type":"function")");
  status_ = response.status();
  std::string_view type = response.header("content-type");
  if (type.empty()) type = "application/json";
  if (producer) {
    producer->begin(status_, std::string(type));
    for (const auto piece : pieces) producer->add(piece);
    producer->finish();
  }
  const HeaderView header{"Content-Type", type};
  co_await exchange_.respond(status_, std::span(&header, 1), pieces);
  co_return std::nullopt;
}

Task<InferenceRequest::Failure> InferenceRequest::relay_stream(UpstreamResponse& response,
                                                               Producer* producer) {
  status_ = response.status();
  if (!answering_) {
    answering_ = true;
    begin_stream();
    if (producer) producer->begin(status_, "text/event-stream");
    if (tools_) tool_stream_.emplace(tools_);
  } else if (tool_stream_) {
    tool_stream_->ask_again(tools_);
  }
  if (!response.has_piece()) co_await exchange_.flush();
  const auto latest = started_ + settings_->config.limits.request_time;
  for (;;) {
    auto got = co_await response.read();
    if (got && Clock::now() > latest && !response.done())
      got = fail(ErrorKind::timeout, fmt::format("answer within {} s: the answer is longer",
                                                 settings_->config.limits.request_time.count()));
    if (!got) {
      if (client_gone() && (stream_complete_ || !sink_gone_)) co_return std::nullopt;
      // What had begun ends with an error event: the official clients raise it.
      const ApiError error = broken_off(got.error());
      error_code_ = error.code.empty() ? error.type : error.code;
      const std::string event = error_text(error, true);
      if (producer) {
        producer->add(event);
        producer->finish(false);
      }
      const std::string_view last = event;
      if (!sink_gone_) co_await exchange_.end(std::span(&last, 1));
      co_return std::nullopt;
    }
    const bool last = got->empty() || response.done();
    if (!got->empty()) first_piece();
    if (!co_await relay_piece(*got, last, producer)) co_return std::nullopt;
    if (last) break;
  }
  if (tool_stream_ && !tool_stream_->repeated().empty()) {
    without_ = tool_stream_->repeated();
    co_return std::nullopt;
  }
  if (producer) producer->finish();
  co_return std::nullopt;
}

// False once nobody reads any more.
Task<bool> InferenceRequest::relay_piece(Pieces pieces, bool last, Producer* producer) {
  pieces = whole_events(pieces, last);
  if (tool_stream_) pieces = translated(pieces);
  for (const auto piece : pieces) {
    events_seen_ += count_of(piece, "data: {");
    if (piece.contains("\"usage\"")) read_usage(piece, usage_);
    if (scan_.tools && !shape_) tool_calls_ += count_of(piece, R"("type":"function")");
    if (producer) producer->add(piece);
    stream_complete_ = stream_complete_ || piece.ends_with("data: [DONE]\n\n");
  }
  // Clients hang up when they have read it, before the connection's own end: the answer is whole all the
  // same.
  if (stream_complete_ && producer) producer->finish();
  if (sink_gone_) co_return producer->shared();
  if (last && tool_stream_ && !tool_stream_->repeated().empty()) last = false;  // a second answer follows
  if (pieces.empty() && !last) co_return true;
  Result<void> written;
  if (last)
    written = co_await exchange_.end(pieces);
  else
    written = co_await exchange_.write(pieces);
  if (written && !client_gone()) co_return true;
  sink_gone_ = true;
  co_return producer && producer->shared();
}

// An event that has only begun waits for its end, so that an error event never lands inside it.
InferenceRequest::Pieces InferenceRequest::whole_events(Pieces pieces, bool last) {
  const bool ends_whole =
      !pieces.empty() && (pieces.back().ends_with("\n\n") || pieces.back().ends_with("\r\n\r\n"));
  if (held_back_.empty() && (ends_whole || last || pieces.empty())) return pieces;
  joined_ = std::move(held_back_);
  held_back_.clear();
  for (const auto piece : pieces) joined_ += piece;
  const std::size_t end = last ? joined_.size() : end_of_events(joined_);
  held_back_ = joined_.substr(end);
  joined_.resize(end);
  views_.clear();
  if (!joined_.empty()) views_.push_back(joined_);
  return views_;
}

// A chunk of a chat completion as events of the API that was asked.
void InferenceRequest::reshape(const std::string& data) {
  if (data == "[DONE]") return shape_->end(made_);
  const auto chunk = parse_json(data, "a chunk");
  if (!chunk || !chunk->is_object()) return;
  if (chunk->contains("error")) {
    made_.push_back(error_text(engine_error(500, data, engine_), true));
    return;
  }
  tool_calls_ += count_of(data, R"("type":"function")");
  shape_->chunk(*chunk, made_);
}

// The engine's chunks as tool calls, one event out of each.
InferenceRequest::Pieces InferenceRequest::translated(Pieces pieces) {
  made_.clear();
  SseReader reader;
  for (const auto piece : pieces) {
    auto events = reader.feed(piece);
    if (!events) continue;
    for (const SseEvent& event : *events)
      for (const std::string& data : tool_stream_->feed(event.data)) {
        if (shape_)
          reshape(data);
        else
          made_.push_back("data: " + data + "\n\n");
      }
  }
  views_.assign(made_.begin(), made_.end());
  return views_;
}

}  // namespace studio
