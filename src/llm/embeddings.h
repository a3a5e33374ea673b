// Texts to vectors: by an embedding model of ours, the running studio server, or any OpenAI-compatible URL.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "llm/chat.h"

namespace studio {

struct EmbeddingRequest {
  std::vector<std::string> texts;
  std::chrono::milliseconds timeout = std::chrono::seconds(120);  // of each batch
  std::stop_token stop{};
};

// May be used from several threads.
class EmbeddingModel {
 public:
  virtual ~EmbeddingModel() = default;
  // One vector for each text, in their order, all of the same length (of length 1 when the model
  // normalises, as sentence embedders do). Errors as a chat's; limit_exceeded when a text is too long.
  virtual Result<std::vector<std::vector<float>>> embed(const EmbeddingRequest& request) = 0;
  virtual ModelIdentity identity() const = 0;
  virtual std::optional<EngineStatus> engine() const { return std::nullopt; }
};

// Options as for a chat model; `task` is "embedding" whatever it says.
Result<std::unique_ptr<EmbeddingModel>> open_embedding_model(ChatModelOptions options);

}  // namespace studio
