// What the manager starts is the real engine: a reranker, a model that looks at pictures, a draft that
// guesses ahead for a larger model.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ask_engine.h"
#include "base/json.h"
#include "models/llama_server.h"
#include "models/memory_need.h"
#include "models/model_manager.h"
#include "tiny_models.h"

namespace studio {
namespace {

struct RealEngines : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  ManagerOptions options;

  void SetUp() override {
    if (const auto program = find_llama_server(); !program) GTEST_SKIP() << program.error().message;
    options.peaks = folder.path() / "peaks.db";
    options.context = 1024;
    options.slots = 1;
    options.restarts = 0;
  }
  Path file(const char* name, const std::string& bytes) const {
    std::ofstream(folder.path() / name, std::ios::binary) << bytes;
    return folder.path() / name;
  }
  static Result<Json> post(const ModelLease& lease, const std::string& path, Json body) {
    body["model"] = lease.upstream_model();
    return testing::post(lease.endpoint(), path, body);
  }
  // VmHWM of the only engine, in bytes.
  static double peak(const std::vector<ModelStatus>& models) {
    for (const ModelStatus& model : models)
      if (model.pid > 0) return testing::memory_of(model.pid, "VmHWM");
    return 0;
  }
};

TEST_F(RealEngines, ARerankerRanksTextsOfOneRequest) {
  options.files = {{"tiny-reranker", file("reranker.gguf", testing::tiny_reranker()), {}, "rerank"}};
  const auto manager = ModelManager::create(options);
  ASSERT_TRUE(manager) << manager.error().message;
  const auto lease = (*manager)->lease("tiny-reranker", {});
  ASSERT_TRUE(lease) << lease.error().message;
  const std::vector<std::string> texts{"cut a film into shots", "bake bread at home", "weather at home"};
  const auto ranked = post(*lease, "/rerank", {{"query", "how to cut a film"}, {"documents", texts}});
  ASSERT_TRUE(ranked) << ranked.error().message;
  std::vector<double> scores(texts.size(), -1e9);
  for (const Json& item : (*ranked)["results"])
    scores.at(item["index"].get<std::size_t>()) = item["relevance_score"].get<double>();
  // Random weights: the order means nothing, but each text has a score of its own, whatever is beside it.
  EXPECT_NE(scores[0], scores[1]);
  EXPECT_NE(scores[1], scores[2]);
  const auto alone = post(*lease, "/rerank", {{"query", "how to cut a film"}, {"documents", {texts[1]}}});
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_NEAR((*alone)["results"][0]["relevance_score"].get<double>(), scores[1], 1e-3);
  EXPECT_FALSE(post(*lease, "/chat/completions", {{"messages", Json::array()}})) << "it does not chat";
}

// PNG, one point: red, blue.
constexpr const char* kRed =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
constexpr const char* kBlue =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC";

TEST_F(RealEngines, PicturesReachAModelThroughItsProjector) {
  options.files = {{"tiny-vision", file("chat.gguf", testing::tiny_chat_model()),
                    file("mmproj.gguf", testing::tiny_projector()), "vision"}};
  const auto manager = ModelManager::create(options);
  ASSERT_TRUE(manager) << manager.error().message;
  const auto lease = (*manager)->lease("tiny-vision", {});
  ASSERT_TRUE(lease) << lease.error().message;
  const auto look = [&](const char* picture) {
    Json parts = Json::array({{{"type", "text"}, {"text", "What is it?"}}});
    if (picture != nullptr)
      parts.push_back(
          {{"type", "image_url"}, {"image_url", {{"url", std::string("data:image/png;base64,") + picture}}}});
    return post(*lease, "/chat/completions",
                {{"messages", {{{"role", "user"}, {"content", parts}}}},
                 {"max_tokens", 8},
                 {"temperature", 0},
                 {"logprobs", true}});
  };
  const auto nothing = look(nullptr), red = look(kRed), blue = look(kBlue);
  ASSERT_TRUE(nothing) << nothing.error().message;
  ASSERT_TRUE(red) << red.error().message;
  ASSERT_TRUE(blue) << blue.error().message;
  const auto tokens = [](const Json& answer) { return answer["usage"]["prompt_tokens"].get<int>(); };
  EXPECT_GE(tokens(*red) - tokens(*nothing), 4) << "a token for each patch";
  EXPECT_EQ(tokens(*red), tokens(*blue));
  const auto first = [](const Json& answer) {
    return answer["choices"][0]["logprobs"]["content"][0]["logprob"].get<double>();
  };
  EXPECT_NE(first(*red), first(*blue)) << "what is in the picture counts";
}

TEST_F(RealEngines, ADraftGuessesAheadAndChangesNothing) {
  const auto catalog = ModelCatalog::load();
  ASSERT_TRUE(catalog) << catalog.error().message;
  for (const char* id : {"qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"})
    if (const auto entry = catalog->entry(id); !entry || !catalog->local_path(*entry))
      GTEST_SKIP() << id << " is not in the cache";
  options.catalog = *catalog;
  struct Run {
    Json answer;
    double peak = 0;  // VmHWM, bytes
  };
  const auto count_to_ten = [&](const std::string& draft) -> Result<Run> {
    options.draft = draft;
    TRY_ASSIGN(const auto manager, ModelManager::create(options));
    TRY_ASSIGN(const auto lease, manager->lease("qwen2.5-coder-1.5b", {}));
    TRY_ASSIGN(Json answer,
               post(lease, "/chat/completions",
                    {{"messages", {{{"role", "user"}, {"content", "Count from one to ten in words."}}}},
                     {"max_tokens", 24},
                     {"temperature", 0}}));
    return Run{std::move(answer), peak(manager->models())};
  };
  const auto plain = count_to_ten(""), guessed = count_to_ten("qwen2.5-coder-0.5b");
  ASSERT_TRUE(plain) << plain.error().message;
  ASSERT_TRUE(guessed) << guessed.error().message;
  EXPECT_EQ(guessed->answer["choices"][0]["message"], plain->answer["choices"][0]["message"]);
  const Json timings = guessed->answer.value("timings", Json::object());
  ASSERT_TRUE(timings.contains("draft_n")) << "it was loaded and never asked: " << timings.dump();
  EXPECT_GT(timings["draft_n"].get<int>(), 0);
  EXPECT_GT(timings["draft_n_accepted"].get<int>(), 0);
  // Both are counted.
  const auto shape_of = [&](const char* id) {
    return *read_gguf_shape(*catalog->local_path(*catalog->entry(id)));
  };
  const ModelShape shape = shape_of("qwen2.5-coder-1.5b"), draft = shape_of("qwen2.5-coder-0.5b");
  NeedOptions need = usual_need("chat", shape.context);
  need.context = options.context;
  need.slots = options.slots;
  EXPECT_GE(static_cast<double>(memory_need(shape, need).total), plain->peak);
  need.draft = &draft;
  const auto computed = static_cast<double>(memory_need(shape, need).total);
  std::printf("with a draft: computed %.0f MiB, taken %.0f MiB, without %.0f MiB; %d of %d guesses right\n",
              computed / (1 << 20), guessed->peak / (1 << 20), plain->peak / (1 << 20),
              timings["draft_n_accepted"].get<int>(), timings["draft_n"].get<int>());
  EXPECT_GE(computed, guessed->peak);
  EXPECT_LE(computed - static_cast<double>(need.prompt_cache_bytes), 1.1 * guessed->peak);
}

}  // namespace
}  // namespace studio
