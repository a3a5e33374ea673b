// vLLM by URL: woken before use and put to sleep to give the card back, when it offers that
// (VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode; docs.vllm.ai, "Sleep Mode").
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/backends/kinds.h"
#include "models/backends/openai_engine.h"

namespace studio {
namespace {

using namespace std::chrono_literals;

enum class Sleep { not_offered, awake, asleep };

Result<Sleep> look(const RemoteEngine& remote, const Endpoint& root, const std::stop_token& stop) {
  TRY_ASSIGN(const HttpResponse answer, ask_engine(remote, root, "GET", "/is_sleeping", 5s, stop));
  if (answer.status != 200) return Sleep::not_offered;
  const auto json = parse_json(answer.body, "is_sleeping");
  if (!json || !json->is_object() || !json->contains("is_sleeping") || !(*json)["is_sleeping"].is_boolean())
    return Sleep::not_offered;
  return (*json)["is_sleeping"].get<bool>() ? Sleep::asleep : Sleep::awake;
}

class VllmServed : public RemoteServed {
 public:
  VllmServed(Endpoint api, std::string upstream, RemoteEngine remote, bool sleeps)
      : RemoteServed(api, std::move(upstream), api_key_of(remote)),
        root_(root_of(std::move(api))),
        remote_(std::move(remote)),
        sleeps_(sleeps) {}

  // Level 1 keeps the weights in host memory, from where waking takes about a second.
  Result<void> end() override {
    if (!sleeps_) return {};
    TRY_ASSIGN(const HttpResponse answer, ask_engine(remote_, root_, "POST", "/sleep?level=1", 60s, {}));
    if (answer.status / 100 == 2) return {};
    return fail(ErrorKind::engine_failed,
                fmt::format("put the engine {} to sleep: status {}", remote_.name, answer.status),
                "look into its log");
  }

 private:
  const Endpoint root_;
  const RemoteEngine remote_;
  const bool sleeps_;
};

class VllmKind : public EngineKind {
 public:
  std::string_view name() const override { return "vllm"; }
  EngineCapabilities capabilities(const EngineStart& start) const override {
    return remote_capabilities(start);
  }

  Result<std::unique_ptr<ServedModel>> serve(const EngineStart& start,
                                             std::function<void(EngineChange, const Error&)>) const override {
    TRY_ASSIGN(const Endpoint api, api_endpoint(start.remote));
    const Endpoint root = root_of(api);
    TRY_ASSIGN(const Sleep sleep, look(start.remote, root, start.stop));
    if (sleep == Sleep::asleep) {
      TRY_ASSIGN(const HttpResponse answer,
                 ask_engine(start.remote, root, "POST", "/wake_up", start.ready_timeout, start.stop));
      if (answer.status / 100 != 2)
        return fail(ErrorKind::engine_failed,
                    fmt::format("wake the engine {}: status {}", start.remote.name, answer.status),
                    "look into its log");
    }
    TRY_ASSIGN(const auto listed,
               wait_for_models(start.remote, api, sleep == Sleep::asleep ? 30s : 0s, start.stop));
    TRY_ASSIGN(std::string upstream, upstream_name(start, listed));
    return std::make_unique<VllmServed>(api, std::move(upstream), start.remote, sleep != Sleep::not_offered);
  }
};

}  // namespace

const EngineKind& vllm_kind() {
  static const VllmKind kind;
  return kind;
}

}  // namespace studio
