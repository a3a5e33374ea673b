// An OpenAI-compatible engine that thinks of nothing.
#include "support/mock_engine.h"

#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio::testing {
namespace {

constexpr std::string_view kJsonType = "application/json";

struct Script {
  int tokens = 16;
  double rate = 0;
  int delay_ms = 0;
  int status = 200;
  int cut_after = -1;
  std::string text, raw;
  bool timed = false;
  bool stream = false;
  bool usage = false;
  int choices = 1;
};

long long clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Script read_script(const Json& body) {
  Script script;
  script.stream = body.value("stream", false);
  script.choices = body.value("n", 1);
  if (const auto options = body.find("stream_options"); options != body.end() && options->is_object())
    script.usage = options->value("include_usage", false);
  const auto mock = body.find("mock");
  if (mock == body.end() || !mock->is_object()) return script;
  script.tokens = mock->value("tokens", script.tokens);
  script.rate = mock->value("rate", script.rate);
  script.delay_ms = mock->value("delay_ms", 0);
  script.status = mock->value("status", 200);
  script.cut_after = mock->value("cut_after", -1);
  script.text = mock->value("text", "");
  script.raw = mock->value("raw", "");
  script.timed = mock->value("timed", false);
  return script;
}

std::string usage_json(const Script& script) {
  return fmt::format(
      R"({{"prompt_tokens":8,"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":4}}}})",
      script.tokens, script.tokens + 8);
}

std::string piece_text(const Script& script, int index) {
  if (script.text.empty()) return fmt::format("word{} ", index);
  const std::size_t each = (script.text.size() + static_cast<std::size_t>(script.tokens) - 1) /
                           static_cast<std::size_t>(script.tokens);
  const std::size_t at = each * static_cast<std::size_t>(index);
  return at < script.text.size() ? script.text.substr(at, each) : std::string();
}

// A clock goes into the words: proxies that write each chunk anew drop fields they do not know.
std::string chunk(const Script& script, std::string_view model, int index) {
  const Json text = script.timed ? fmt::format("@t={} ", clock_ns()) : piece_text(script, index);
  return fmt::format(
      "data: "
      "{{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"{}"
      "\","
      "\"choices\":[{{\"index\":0,\"delta\":{{{}\"content\":{}}},\"finish_reason\":null}}]}}\n\n",
      model, index == 0 ? "\"role\":\"assistant\"," : "", to_text(text, -1));
}

std::string whole_answer(const Script& script, std::string_view model) {
  std::string words;
  for (int i = 0; i < script.tokens; ++i) words += piece_text(script, i);
  Json choices = Json::array();
  for (int i = 0; i < script.choices; ++i)
    choices.push_back(
        {{"index", i}, {"message", {{"role", "assistant"}, {"content", words}}}, {"finish_reason", "stop"}});
  const Json answer = {{"id", "chatcmpl-mock"}, {"object", "chat.completion"},
                       {"created", 1700000000}, {"model", model},
                       {"choices", choices},    {"usage", Json::parse(usage_json(script))}};
  return to_text(answer, -1);
}

std::string embeddings_answer(const Json& body, std::string_view model) {
  Json data = Json::array();
  const Json& input = body.at("input");
  const std::size_t count = input.is_array() ? input.size() : 1;
  for (std::size_t i = 0; i < count; ++i)
    data.push_back({{"object", "embedding"}, {"index", i}, {"embedding", {0.6, 0.8, 0.0}}});
  return to_text(Json{{"object", "list"},
                      {"data", data},
                      {"model", model},
                      {"usage", {{"prompt_tokens", 4}, {"total_tokens", 4}}}},
                 -1);
}

std::string rerank_answer(const Json& body, std::string_view model) {
  Json results = Json::array();
  for (std::size_t i = 0; i < body.at("documents").size(); ++i)
    results.push_back({{"index", i}, {"relevance_score", 1.0 / static_cast<double>(i + 1)}});
  return to_text(Json{{"model", model},
                      {"object", "list"},
                      {"results", results},
                      {"usage", {{"prompt_tokens", 4}, {"total_tokens", 4}}}},
                 -1);
}

}  // namespace

MockEngine::MockEngine(const MockEngineOptions& options) : options_(options) {
  plain_answer_ = whole_answer(Script{}, options_.model);
  loops_ = Loops::create({.threads = options.threads, .blocking_threads = 1}).value();
  HttpServerOptions server;
  server.host = options.host;
  server.port = options.port;
  server.unix_socket = options.unix_socket;
  server.max_connections = 65536;
  server.drain_timeout = std::chrono::milliseconds(50);
  server_ =
      HttpServer::start(*loops_, server, [this](HttpExchange& exchange) { return handle(exchange); }).value();
}

MockEngine::~MockEngine() {
  server_->stop();
}

std::string MockEngine::url() const {
  return options_.host.empty() ? "unix:" + options_.unix_socket
                               : fmt::format("http://{}:{}", options_.host, server_->port());
}

Endpoint MockEngine::endpoint() const {
  return Endpoint::parse(url()).value();
}

std::vector<std::string> MockEngine::bodies() const {
  const std::lock_guard lock(mutex_);
  return bodies_;
}

std::string MockEngine::last_header(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, value] : last_headers_)
    if (same_header_name(key, name)) return value;
  return {};
}

Task<void> MockEngine::handle(HttpExchange& exchange) {
  if (exchange.method() == "POST") {
    ++requests;
    // The commonest request of a benchmark costs nothing but its bytes.
    const std::string_view body = exchange.body();
    if (!body.contains("\"mock\"") && !body.contains("\"stream\"") &&
        exchange.path().ends_with("/chat/completions") &&
        !body.contains("\"messages\":[{\"role\":\"user\",\"content\":\"record")) {
      co_await exchange.respond(200, kJsonType, plain_answer_);
      co_return;
    }
    ++at_work;
    co_await generate(exchange);
    --at_work;
    co_return;
  }
  if (exchange.path() == "/health") {
    co_await exchange.respond(ready ? 200 : 503, kJsonType,
                              ready ? R"({"status":"ok"})" : R"({"status":"loading model"})");
  } else if (exchange.path().ends_with("/models")) {
    const std::string list =
        to_text(Json{{"object", "list"}, {"data", {{{"id", options_.model}, {"object", "model"}}}}}, -1);
    co_await exchange.respond(200, kJsonType, list);
  } else if (exchange.path() == "/mock/stats") {
    const std::string stats = fmt::format(R"({{"requests":{},"at_work":{},"cancelled":{}}})", requests.load(),
                                          at_work.load(), cancelled.load());
    co_await exchange.respond(200, kJsonType, stats);
  } else {
    co_await exchange.respond(404, kJsonType, R"({"error":{"message":"no such path"}})");
  }
}

Task<void> MockEngine::generate(HttpExchange& exchange) {
  const auto body = parse_json(exchange.body(), "the request");
  if (!body || !body->is_object()) {
    co_await exchange.respond(
        400, kJsonType, R"({"error":{"code":400,"message":"parse error","type":"invalid_request_error"}})");
    co_return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (bodies_.size() < 1000) bodies_.emplace_back(exchange.body());
    last_headers_.clear();
    for (const HeaderView& field : exchange.headers()) last_headers_.emplace_back(field.name, field.value);
  }
  const Script script = read_script(*body);
  if (script.delay_ms > 0)
    co_await exchange.loop().sleep(std::chrono::milliseconds(script.delay_ms), exchange.stop());
  if (exchange.stop().stop_requested()) {
    ++cancelled;
    co_return;
  }
  if (script.cut_after == 0) {
    exchange.cut();
    co_return;
  }
  if (script.status != 200) {
    const std::string error = fmt::format(
        R"({{"error":{{"code":{},"message":"scripted failure","type":"server_error"}}}})", script.status);
    co_await exchange.respond(script.status, kJsonType, error);
    co_return;
  }
  std::string model = body->value("model", options_.model);
  if (!script.stream) {
    std::string answer;
    if (!script.raw.empty())
      answer = script.raw;
    else if (exchange.path().ends_with("/embeddings"))
      answer = embeddings_answer(*body, model);
    else if (exchange.path().ends_with("/rerank"))
      answer = rerank_answer(*body, model);
    else
      answer = whole_answer(script, model);
    co_await exchange.respond(200, kJsonType, answer);
    co_return;
  }
  const HeaderView type{"Content-Type", "text/event-stream"};
  exchange.begin(200, std::span(&type, 1));
  auto next = std::chrono::steady_clock::now();
  for (int i = 0; i < script.tokens; ++i) {
    if (i == script.cut_after) {
      exchange.cut();
      co_return;
    }
    const std::string event = chunk(script, model, i);
    const auto written = co_await exchange.write(event);
    if (!written || exchange.stop().stop_requested()) {
      ++cancelled;
      co_return;
    }
    if (script.rate > 0) {
      next += std::chrono::nanoseconds(static_cast<long long>(1e9 / script.rate));
      const auto pause = next - std::chrono::steady_clock::now();
      if (pause.count() > 0) co_await exchange.loop().sleep(pause, exchange.stop());
    }
    if (exchange.stop().stop_requested()) {
      ++cancelled;
      co_return;
    }
  }
  std::string end = fmt::format(
      "data: "
      "{{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"{}"
      "\","
      "\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n",
      model);
  if (script.usage)
    end += fmt::format(
        "data: "
        "{{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"{"
        "}\","
        "\"choices\":[],\"usage\":{}}}\n\n",
        model, usage_json(script));
  end += "data: [DONE]\n\n";
  const std::string_view last = end;
  co_await exchange.end(std::span(&last, 1));
}

}  // namespace studio::testing
