// POST /embeddings, in batches.
#include "llm/embeddings.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "llm/exchange.h"
#include "llm/model_access.h"
#include "llm/openai_protocol.h"

namespace studio {
namespace {

// Large enough to fill the engine's slots, small enough that one answer stays some megabytes.
constexpr std::size_t kTextsInABatch = 64;

class AccessedEmbeddings : public EmbeddingModel {
 public:
  explicit AccessedEmbeddings(std::unique_ptr<ModelAccess> access) : access_(std::move(access)) {}

  Result<std::vector<std::vector<float>>> embed(const EmbeddingRequest& request) override {
    std::vector<std::vector<float>> vectors;
    for (std::size_t at = 0; at < request.texts.size(); at += kTextsInABatch) {
      const auto batch =
          std::span(request.texts).subspan(at, std::min(kTextsInABatch, request.texts.size() - at));
      TRY_ASSIGN(auto some, embed_batch(batch, request));
      if (!vectors.empty() && some.front().size() != vectors.front().size())
        return fail(ErrorKind::engine_failed, "embed texts: the engine changed the length of its vectors");
      std::ranges::move(some, std::back_inserter(vectors));
    }
    return vectors;
  }
  ModelIdentity identity() const override { return access_->identity(); }
  std::optional<EngineStatus> engine() const override { return access_->engine(); }

 private:
  Result<std::vector<std::vector<float>>> embed_batch(std::span<const std::string> texts,
                                                      const EmbeddingRequest& request) {
    while (true) {
      TRY_ASSIGN(const Access access, access_->open(request.stop));
      const auto body = post_json(access, "/embeddings", to_text(embeddings_body(texts, access.model), -1),
                                  request.timeout, request.stop);
      if (body) return read_embeddings(*body, texts.size(), access.name);
      if (body.error().kind != ErrorKind::engine_failed || !access_->worth_again(access))
        return std::unexpected(body.error());
    }
  }

  const std::unique_ptr<ModelAccess> access_;
};

}  // namespace

Result<std::unique_ptr<EmbeddingModel>> open_embedding_model(ChatModelOptions options) {
  options.task = "embedding";
  TRY_ASSIGN(auto access, open_access(options));
  return std::make_unique<AccessedEmbeddings>(std::move(access));
}

}  // namespace studio
