// open_chat_model: an endpoint somebody else runs, or a llama-server of our own.
#include <fstream>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "llm/chat.h"
#include "llm/openai_protocol.h"
#include "models/catalog.h"
#include "models/engine.h"
#include "models/file_record.h"
#include "models/llama_server.h"
#include "net/http.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint64_t kMaxAnswerBytes = 16u << 20;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class UsageMeter {
 public:
  void add(const ChatAnswer& answer) {
    std::lock_guard lock(mutex_);
    ++usage_.calls;
    usage_.prompt_tokens += answer.prompt_tokens;
    usage_.cached_tokens += answer.cached_tokens;
    usage_.completion_tokens += answer.completion_tokens;
    usage_.seconds += answer.seconds;
  }
  void add_failure(double seconds) {
    std::lock_guard lock(mutex_);
    ++usage_.calls;
    usage_.seconds += seconds;
  }
  void add_retry() { (std::lock_guard(mutex_), ++usage_.retries); }
  ChatUsage total() const { return (std::lock_guard(mutex_), usage_); }

 private:
  mutable std::mutex mutex_;
  ChatUsage usage_;
};

// Waits in small steps, so that a stop request ends it.
bool wait_unless_stopped(std::chrono::milliseconds time, const std::stop_token& stop) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end && !stop.stop_requested()) std::this_thread::sleep_for(20ms);
  return !stop.stop_requested();
}

// One exchange with an endpoint. A server that says "loading" (503) is asked again until the deadline.
Result<ChatAnswer> exchange(const Endpoint& endpoint, std::string_view path, std::string_view name,
                            const std::string& api_key, std::string_view model, const ChatRequest& request) {
  const auto start = Clock::now();
  HttpRequest http;
  http.method = "POST";
  http.endpoint = endpoint;
  http.path = path;
  http.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  if (!api_key.empty()) http.headers.emplace_back("Authorization", "Bearer " + api_key);
  http.body = to_text(chat_body(request, model), -1);
  http.max_response_bytes = kMaxAnswerBytes;
  http.stop = request.stop;
  while (true) {
    http.timeout =
        request.timeout - std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    TRY_ASSIGN(const HttpResponse response, send_http(http));
    if (response.status == 200) {
      TRY_ASSIGN(ChatAnswer answer, read_chat_answer(response.body, name));
      answer.seconds = seconds_since(start);
      return answer;
    }
    if (response.status != 503) return std::unexpected(read_chat_error(response.status, response.body, name));
    if (Clock::now() - start + 300ms > request.timeout || !wait_unless_stopped(300ms, request.stop))
      return std::unexpected(read_chat_error(response.status, response.body, name));
  }
}

// A server somebody else runs.
class RemoteChat : public ChatModel {
 public:
  RemoteChat(Endpoint endpoint, std::string api_key, std::string model)
      : endpoint_(std::move(endpoint)), api_key_(std::move(api_key)), model_(std::move(model)) {}

  Result<ChatAnswer> chat(const ChatRequest& request) override {
    TRY_ASSIGN(const std::string model, model_name(request));
    const auto start = Clock::now();
    auto answer =
        exchange(endpoint_, path("/chat/completions"), endpoint_.to_string(), api_key_, model, request);
    answer ? usage_.add(*answer) : usage_.add_failure(seconds_since(start));
    return answer;
  }
  ModelIdentity identity() const override {
    std::lock_guard lock(mutex_);
    return {model_.empty() ? endpoint_.to_string() : model_, {}};
  }
  ChatUsage usage() const override { return usage_.total(); }
  void count_retry() override { usage_.add_retry(); }

 private:
  // An address without a path means the protocol's usual prefix.
  std::string path(std::string_view tail) const {
    const std::string_view base = endpoint_.base_url;
    const bool has_path = base.find('/', base.find("://") + 3) != std::string_view::npos;
    return fmt::format("{}{}", has_path ? "" : "/v1", tail);
  }

  // Without a name asked for, the first model that the server lists.
  Result<std::string> model_name(const ChatRequest& request) {
    std::lock_guard lock(mutex_);
    if (!model_.empty()) return model_;
    HttpRequest http;
    http.endpoint = endpoint_;
    http.path = path("/models");
    http.timeout = std::min<std::chrono::milliseconds>(request.timeout, 15s);
    http.stop = request.stop;
    if (!api_key_.empty()) http.headers.emplace_back("Authorization", "Bearer " + api_key_);
    TRY_ASSIGN(const HttpResponse response, send_http(http));
    if (response.status != 200)
      return std::unexpected(read_chat_error(response.status, response.body, endpoint_.to_string()));
    const auto json = parse_json(response.body, endpoint_.to_string());
    if (json && json->is_object() && json->contains("data") && (*json)["data"].is_array() &&
        !(*json)["data"].empty()) {
      const Json& first = (*json)["data"][0];
      if (first.is_object() && first.contains("id") && first["id"].is_string())
        model_ = first["id"].get<std::string>();
    }
    if (model_.empty())
      return fail(ErrorKind::engine_failed,
                  fmt::format("ask {} for its models: it lists none", endpoint_.to_string()),
                  "name the model to use");
    return model_;
  }

  const Endpoint endpoint_;
  const std::string api_key_;
  mutable std::mutex mutex_;  // guards model_
  std::string model_;
  UsageMeter usage_;
};

// A llama-server of our own, started at the first question.
class EngineChat : public ChatModel {
 public:
  EngineChat(LlamaServerOptions options, std::string sha256)
      : options_(std::move(options)), sha256_(std::move(sha256)) {}

  Result<ChatAnswer> chat(const ChatRequest& request) override {
    const auto start = Clock::now();
    auto answer = ask(request);
    if (answer) answer->seconds = seconds_since(start);
    answer ? usage_.add(*answer) : usage_.add_failure(seconds_since(start));
    return answer;
  }
  ModelIdentity identity() const override {
    std::lock_guard lock(identity_mutex_);
    if (sha256_.empty()) {
      if (auto hash = sha256_of_file(options_.model)) sha256_ = *std::move(hash);
    }
    return {options_.id, sha256_};
  }
  ChatUsage usage() const override { return usage_.total(); }
  void count_retry() override { usage_.add_retry(); }
  std::optional<EngineStatus> engine() const override {
    std::lock_guard lock(engine_mutex_);
    if (!engine_) return std::nullopt;
    return EngineStatus{engine_->pid(), engine_->restarts(), engine_->log(), start_seconds_};
  }

 private:
  // A broken connection is asked again only when it was the child's death: then nothing of the
  // answer was used, and the restarted child gets the question once more.
  Result<ChatAnswer> ask(const ChatRequest& request) {
    TRY_ASSIGN(Engine * engine, running_engine(request.stop));
    while (true) {
      TRY(engine->wait_ready(request.stop));
      const int restarts = engine->restarts();
      auto answer =
          exchange(engine->endpoint(), "/v1/chat/completions", options_.id, {}, options_.id, request);
      if (answer || answer.error().kind != ErrorKind::engine_failed) return answer;
      if (!engine->wait_for_death(restarts, 500ms)) return answer;
    }
  }

  Result<Engine*> running_engine(std::stop_token stop) {
    std::lock_guard lock(engine_mutex_);
    if (!engine_) {
      const auto start = Clock::now();
      TRY_ASSIGN(engine_, Engine::start(llama_server_spec(options_), std::move(stop)));
      start_seconds_ = seconds_since(start);
    }
    return engine_.get();
  }

  const LlamaServerOptions options_;
  mutable std::mutex identity_mutex_;
  mutable std::string sha256_;  // guarded by identity_mutex_; filled when first asked for
  mutable std::mutex engine_mutex_;
  std::unique_ptr<Engine> engine_;  // guarded by engine_mutex_ until set, then constant
  double start_seconds_ = 0;
  UsageMeter usage_;
};

Result<std::string> read_start(const Path& file, std::size_t bytes) {
  std::ifstream stream(file, std::ios::binary);
  std::string start(bytes, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(bytes));
  if (stream.gcount() < static_cast<std::streamsize>(bytes))
    return fail(ErrorKind::invalid_input,
                fmt::format("open the model file {}: it cannot be read or is empty", file.string()));
  return start;
}

// Bytes 0..3 of every GGUF file; llama-server would say only "failed to load model".
Result<void> require_gguf(const Path& file) {
  TRY_ASSIGN(const std::string start, [&]() -> Result<std::string> {
    std::error_code ec;
    if (!std::filesystem::exists(file, ec))
      return fail(ErrorKind::not_found,
                  fmt::format("open the model file {}: it does not exist", file.string()),
                  "check the spelling of the path");
    if (!std::filesystem::is_regular_file(file, ec))
      return fail(ErrorKind::invalid_input,
                  fmt::format("open the model file {}: it is not a file", file.string()));
    return read_start(file, 4);
  }());
  if (start == "GGUF") return {};
  return fail(ErrorKind::invalid_input,
              fmt::format("open the model file {}: it is not a GGUF file", file.string()),
              "give a model converted for llama.cpp (*.gguf)");
}

}  // namespace

Result<std::unique_ptr<ChatModel>> open_chat_model(const ChatModelOptions& options) {
  if (!options.url.empty()) {
    TRY_ASSIGN(Endpoint endpoint, Endpoint::parse(options.url));
    return std::make_unique<RemoteChat>(std::move(endpoint), options.api_key, options.model);
  }
  LlamaServerOptions engine;
  engine.context = options.context;
  engine.threads = options.threads;
  std::string sha256;
  if (!options.file.empty()) {
    TRY(require_gguf(options.file));
    engine.model = options.file;
    engine.id = Path(options.file).stem().string();
  } else {
    TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load());
    TRY_ASSIGN(const ModelEntry entry,
               catalog.entry(options.model.empty() ? catalog.default_chat_model() : options.model));
    if (entry.engine != "llama-server")
      return fail(ErrorKind::unsupported,
                  fmt::format("open the model {}: it runs on {}, which this studio cannot start", entry.id,
                              entry.engine));
    TRY_ASSIGN(engine.model, catalog.local_path(entry));
    engine.id = entry.id;
    const auto record = read_file_record(engine.model);
    sha256 = record ? record->sha256 : entry.sha256;
  }
  TRY_ASSIGN(engine.program, find_llama_server());
  return std::make_unique<EngineChat>(std::move(engine), std::move(sha256));
}

}  // namespace studio
