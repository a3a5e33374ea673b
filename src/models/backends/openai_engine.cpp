// Any OpenAI-compatible server by URL: nothing is started or ended, only looked at.
#include "models/backends/openai_engine.h"

#include <cstdlib>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/backends/kinds.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::vector<std::string> model_ids(const std::string& body) {
  std::vector<std::string> ids;
  const auto json = parse_json(body, "the list of models");
  if (!json || !json->is_object() || !json->contains("data") || !(*json)["data"].is_array()) return ids;
  for (const Json& model : (*json)["data"])
    if (model.is_object() && model.contains("id") && model["id"].is_string()) ids.push_back(model["id"]);
  return ids;
}

class OpenAiKind : public EngineKind {
 public:
  std::string_view name() const override { return "openai"; }
  EngineCapabilities capabilities(const EngineStart& start) const override {
    return remote_capabilities(start);
  }
  Result<std::unique_ptr<ServedModel>> serve(const EngineStart& start,
                                             std::function<void(EngineChange, const Error&)>) const override {
    TRY_ASSIGN(const Endpoint api, api_endpoint(start.remote));
    TRY_ASSIGN(const auto listed, wait_for_models(start.remote, api, 0ms, start.stop));
    TRY_ASSIGN(std::string upstream, upstream_name(start, listed));
    return std::make_unique<RemoteServed>(api, std::move(upstream), api_key_of(start.remote));
  }
};

}  // namespace

Result<Endpoint> api_endpoint(const RemoteEngine& remote) {
  TRY_ASSIGN(Endpoint endpoint, Endpoint::parse(remote.url));
  endpoint.ca_file = remote.ca_file;
  const std::string& base = endpoint.base_url;
  if (base.find('/', base.find("://") + 3) == std::string::npos) endpoint.base_url += "/v1";
  return endpoint;
}

Endpoint root_of(Endpoint api) {
  if (api.base_url.ends_with("/v1")) api.base_url.resize(api.base_url.size() - 3);
  return api;
}

std::string api_key_of(const RemoteEngine& remote) {
  if (remote.api_key_env.empty()) return {};
  const char* key = std::getenv(remote.api_key_env.c_str());
  return key != nullptr ? key : "";
}

EngineCapabilities remote_capabilities(const EngineStart& start) {
  EngineCapabilities can;
  can.embeddings = start.remote.embeddings || start.task == "embedding";
  can.rerank = start.remote.rerank || start.task == "rerank";
  can.chat = can.completions = start.task != "embedding" && start.task != "rerank";
  can.vision = start.remote.vision || start.task == "vision";
  can.native_tools = start.remote.native_tools;
  can.responses = start.remote.responses;
  can.messages = start.remote.messages;
  return can;
}

Result<HttpResponse> ask_engine(const RemoteEngine& remote, const Endpoint& endpoint, std::string_view method,
                                std::string_view path, std::chrono::milliseconds timeout,
                                std::stop_token stop) {
  HttpRequest request;
  request.method = method;
  request.endpoint = endpoint;
  request.path = path;
  request.connect_timeout = std::min<std::chrono::milliseconds>(timeout, 3s);
  request.timeout = timeout;
  request.stop = std::move(stop);
  if (const std::string key = api_key_of(remote); !key.empty())
    request.headers.emplace_back("Authorization", "Bearer " + key);
  return send_http(request);
}

Result<std::vector<std::string>> wait_for_models(const RemoteEngine& remote, const Endpoint& api,
                                                 std::chrono::milliseconds patience, std::stop_token stop) {
  const auto begun = Clock::now();
  while (true) {
    const auto answer = ask_engine(remote, api, "GET", "/models", 5s, stop);
    if (answer && answer->status == 200) return model_ids(answer->body);
    // A server without that list is up all the same.
    if (answer && (answer->status == 404 || answer->status == 405)) return std::vector<std::string>{};
    if (stop.stop_requested())
      return fail(ErrorKind::interrupted, fmt::format("reach the engine {}: interrupted", remote.name));
    if (Clock::now() - begun >= patience) {
      if (!answer)
        return fail(ErrorKind::engine_failed,
                    fmt::format("reach the engine {} at {}: {}", remote.name, api.to_string(),
                                answer.error().message),
                    "start it, or correct its url");
      return fail(
          ErrorKind::engine_failed,
          fmt::format("ask the engine {} at {} for its models: status {}", remote.name, api.to_string(),
                      answer->status),
          answer->status == 401 || answer->status == 403
              ? fmt::format("check the key in {}",
                            remote.api_key_env.empty() ? "api_key_env (none is set)" : remote.api_key_env)
              : "look into its log");
    }
    std::this_thread::sleep_for(Clock::now() - begun < 5s ? 50ms : 500ms);
  }
}

Result<std::string> upstream_name(const EngineStart& start, const std::vector<std::string>& listed) {
  if (!start.upstream.empty()) return start.upstream;
  if (!listed.empty()) return listed.front();
  return fail(ErrorKind::engine_failed,
              fmt::format("ask the engine {} for its models: it lists none", start.remote.name),
              "name them in its `models`");
}

const EngineKind& openai_kind() {
  static const OpenAiKind kind;
  return kind;
}

}  // namespace studio
