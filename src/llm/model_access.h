// Where the next request goes: to a URL, to the running studio server, or to an engine we hold a lease on.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "llm/chat.h"
#include "models/model_manager.h"
#include "net/http.h"

namespace studio {

// For one request. Ends the lease with it.
struct Access {
  Endpoint endpoint;  // with the API's prefix: "/chat/completions" is appended
  std::string model;  // to send
  std::string api_key;
  std::string name;  // for messages
  std::optional<ModelLease> lease{};
};

// May be used from several threads.
class ModelAccess {
 public:
  virtual ~ModelAccess() = default;
  // Blocks while a model is loaded.
  virtual Result<Access> open(std::stop_token stop) = 0;
  // After a broken connection: whether asking again is right, because the engine died and comes back,
  // or because another can answer instead.
  virtual bool worth_again(const Access&) { return false; }
  virtual std::optional<EngineStatus> engine() const { return std::nullopt; }
  virtual std::string where() const = 0;
  // What was sent as the model's name last; the id to tell.
  virtual ModelIdentity identity() const = 0;
};

Result<std::unique_ptr<ModelAccess>> open_access(const ChatModelOptions& options);

}  // namespace studio
