// What all engines reached by URL have in common: address, key, readiness, the models they list.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/engine_kind.h"
#include "net/http.h"

namespace studio {

class RemoteServed : public ServedModel {
 public:
  RemoteServed(Endpoint api, std::string upstream, std::string api_key)
      : api_(std::move(api)), upstream_(std::move(upstream)), api_key_(std::move(api_key)) {}
  Endpoint endpoint() const override { return api_; }
  std::string upstream_model() const override { return upstream_; }
  std::string api_key() const override { return api_key_; }
  Result<void> end() override { return {}; }

 private:
  const Endpoint api_;
  const std::string upstream_, api_key_;
};

// "http://host:8000" means its usual prefix: "http://host:8000/v1". wrong_usage as Endpoint::parse.
Result<Endpoint> api_endpoint(const RemoteEngine& remote);
// The same without a last "/v1": where /health and an engine's own paths are.
Endpoint root_of(Endpoint api);
std::string api_key_of(const RemoteEngine& remote);
EngineCapabilities remote_capabilities(const EngineStart& start);

// GET with the engine's key, any status.
Result<HttpResponse> ask_engine(const RemoteEngine& remote, const Endpoint& endpoint, std::string_view method,
                                std::string_view path, std::chrono::milliseconds timeout,
                                std::stop_token stop);
// Asks for its models until it answers or `patience` is over. engine_failed, timeout, interrupted.
Result<std::vector<std::string>> wait_for_models(const RemoteEngine& remote, const Endpoint& api,
                                                 std::chrono::milliseconds patience, std::stop_token stop);
// The name to send: `upstream`, else the first of the list.
Result<std::string> upstream_name(const EngineStart& start, const std::vector<std::string>& listed);

}  // namespace studio
