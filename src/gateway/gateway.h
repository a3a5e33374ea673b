// The gateway: one OpenAI-compatible address in front of every model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/config.h"
#include "gateway/places.h"
#include "gateway/router.h"

namespace studio {

struct GatewayOptions {
  GatewayConfig config;
  // Both or neither: without a manager there is no /admin/models and no /admin/leases.
  std::shared_ptr<ModelManager> manager;
  std::shared_ptr<EnginePlaces> places;  // null: places_of(manager)
  // With a manager: whose models are routed to. None: only the engines by URL.
  std::optional<ModelCatalog> catalog;
  // For tests: what there is to route to, instead of catalog and configuration.
  std::function<std::vector<RouteTarget>(const GatewayConfig&)> targets;
  std::string version;
  int log_fd = 2;
};

// Serves from start() to stop(). Requests at work when a configuration is replaced end with the one they
// began with.
class Gateway {
 public:
  // Listens before it returns. wrong_usage: an address that may not be (beyond loopback without keys);
  // io: in use; invalid_input: routes that lead nowhere.
  static Result<std::unique_ptr<Gateway>> start(GatewayOptions options);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway();

  int port() const;
  std::string url() const;  // "http://127.0.0.1:8420"
  // SIGHUP: configuration and keys anew. On an error everything stays as it is. Addresses, threads and
  // connection limits need a restart.
  // With a `catalog` its models take the place of those known so far.
  Result<void> reload(const GatewayConfig& config, std::optional<ModelCatalog> catalog = std::nullopt);
  // SIGTERM: no new connections; what was accepted is answered, for at most limits.drain_time.
  void stop();

 private:
  class Core;
  explicit Gateway(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace studio
