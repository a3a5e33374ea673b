// open_chat_model: questions to wherever the access leads, counted, and asked again after an engine's death.
#include <mutex>

#include <fmt/format.h>

#include "base/locked.h"
#include "llm/chat.h"
#include "llm/exchange.h"
#include "llm/model_access.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;

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
  void add_retry() {
    const std::lock_guard lock(mutex_);
    ++usage_.retries;
  }
  ChatUsage total() const { return copy_locked(mutex_, usage_); }

 private:
  mutable std::mutex mutex_;
  ChatUsage usage_;
};

class AccessedChat : public ChatModel {
 public:
  explicit AccessedChat(std::unique_ptr<ModelAccess> access) : access_(std::move(access)) {}

  Result<ChatAnswer> chat(const ChatRequest& request) override {
    return counted(request, [&](const Access& access, bool&) { return exchange_chat(access, request); });
  }
  Result<ChatAnswer> stream(const ChatRequest& request,
                            const std::function<bool(std::string_view)>& piece) override {
    return counted(request, [&](const Access& access, bool& told) {
      return exchange_stream(access, request, piece, told);
    });
  }
  ModelIdentity identity() const override { return access_->identity(); }
  ChatUsage usage() const override { return usage_.total(); }
  void count_retry() override { usage_.add_retry(); }
  std::optional<EngineStatus> engine() const override { return access_->engine(); }
  std::string where() const override { return access_->where(); }

 private:
  template <typename Exchange>
  Result<ChatAnswer> counted(const ChatRequest& request, Exchange exchange) {
    const auto start = Clock::now();
    auto answer = ask(request, exchange);
    if (answer) answer->seconds = seconds_since(start);
    answer ? usage_.add(*answer) : usage_.add_failure(seconds_since(start));
    return answer;
  }

  // A broken connection is asked again only when nothing of the answer was told and the engine is known
  // to have died (or the server to have ended).
  template <typename Exchange>
  Result<ChatAnswer> ask(const ChatRequest& request, Exchange exchange) {
    while (true) {
      TRY_ASSIGN(const Access access, access_->open(request.stop));
      bool told = false;
      auto answer = exchange(access, told);
      if (answer || told || answer.error().kind != ErrorKind::engine_failed) return answer;
      if (!access_->worth_again(access)) return answer;
    }
  }

  const std::unique_ptr<ModelAccess> access_;
  UsageMeter usage_;
};

}  // namespace

Result<ChatAnswer> ChatModel::stream(const ChatRequest& request,
                                     const std::function<bool(std::string_view)>& piece) {
  TRY_ASSIGN(ChatAnswer answer, chat(request));
  if (!answer.content.empty() && !piece(answer.content))
    return fail(ErrorKind::interrupted, "the reader ended the answer");
  return answer;
}

Result<std::unique_ptr<ChatModel>> open_chat_model(const ChatModelOptions& options) {
  TRY_ASSIGN(auto access, open_access(options));
  return std::make_unique<AccessedChat>(std::move(access));
}

}  // namespace studio
