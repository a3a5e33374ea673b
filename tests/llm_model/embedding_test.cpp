// all-MiniLM-L6-v2, converted by us, on a real llama-server: vectors whose nearness means something, and
// the memory that was computed for it and for the default model.
#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ask_engine.h"
#include "base/json.h"
#include "models/catalog.h"
#include "models/llama_server.h"
#include "models/memory_need.h"
#include "net/http.h"

namespace studio {
namespace {

using Vector = std::vector<double>;

struct Running {
  std::unique_ptr<Engine> engine;
  ModelShape shape;
};

// The model on an engine of its own; a skip, by name, where its file is not here.
Result<Running> start(const std::string& id, LlamaServerOptions options) {
  TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load());
  TRY_ASSIGN(const ModelEntry entry, catalog.entry(id));
  TRY_ASSIGN(options.model, catalog.local_path(entry));
  TRY_ASSIGN(options.program, find_llama_server());
  options.id = "test-" + id;
  Running running;
  TRY_ASSIGN(running.shape, read_gguf_shape(options.model));
  TRY_ASSIGN(running.engine, Engine::start(llama_server_spec(options)));
  return running;
}

Result<Json> post(const Engine& engine, const std::string& path, const Json& body) {
  return testing::post(engine.endpoint(), path, body);
}

std::vector<Vector> embed(const Engine& engine, const std::vector<std::string>& texts) {
  const auto answer = post(engine, "/v1/embeddings", {{"input", texts}, {"model", "m"}});
  if (!answer) {
    ADD_FAILURE() << answer.error().message;
    return {};
  }
  std::vector<Vector> vectors;
  for (const Json& item : (*answer)["data"]) vectors.push_back(item["embedding"].get<Vector>());
  return vectors;
}

double cosine(const Vector& a, const Vector& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

// VmRSS in bytes; 0 when the process is gone.
double resident(pid_t pid) {
  return testing::memory_of(pid, "VmRSS");
}

struct MiniLm : ::testing::Test {
  void SetUp() override {
    LlamaServerOptions options;
    options.context = 512;
    options.slots = 4;
    options.task = LlamaServerOptions::Task::embeddings;
    auto running = start("all-minilm-l6-v2", options);
    if (!running && running.error().kind == ErrorKind::missing_part) GTEST_SKIP() << running.error().message;
    ASSERT_TRUE(running) << running.error().message;
    minilm = std::move(*running);
  }
  Running minilm;
};

TEST_F(MiniLm, TextsOfOneMeaningAreNearerThanOthers) {
  // Each first is nearer to its second than to every other sentence here.
  const std::vector<std::string> texts = {
      "A cat is sitting on the mat.",         "A kitten rests on a rug.",
      "Share prices fell sharply today.",     "The stock market dropped this afternoon.",
      "How do I cut a video into shots?",     "Splitting footage at scene changes.",
      "It will rain heavily tomorrow.",       "The forecast says a storm is coming.",
      "She plays the violin beautifully.",    "Her performance on the strings was wonderful.",
      "The recipe needs flour and two eggs.", "Mix eggs into the dough before baking."};
  const auto vectors = embed(*minilm.engine, texts);
  ASSERT_EQ(vectors.size(), texts.size());
  EXPECT_EQ(vectors[0].size(), 384u);
  for (std::size_t i = 0; i < texts.size(); i += 2)
    for (std::size_t j = 0; j < texts.size(); ++j)
      if (j != i && j != i + 1) {
        EXPECT_GT(cosine(vectors[i], vectors[i + 1]), cosine(vectors[i], vectors[j]))
            << texts[i] << " / " << texts[j];
      }
}

// The vocabulary is lower-cased and without accents, and positions count.
TEST_F(MiniLm, CasesAndAccentsAreNotSeenAndOrderIs) {
  const auto vectors = embed(*minilm.engine, {"The Eiffel Tower is in Paris", "the eiffel tower is in paris",
                                              "Paris is in the Eiffel Tower", "cafe", "caf\xc3\xa9"});
  ASSERT_EQ(vectors.size(), 5u);
  EXPECT_GT(cosine(vectors[0], vectors[1]), 0.9999);
  EXPECT_LT(cosine(vectors[0], vectors[2]), 0.9999);
  EXPECT_GT(cosine(vectors[3], vectors[4]), 0.9999);
}

TEST_F(MiniLm, ALongTextIsTakenWholeAndATooLongOneIsRefused) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "word ";
  EXPECT_EQ(embed(*minilm.engine, {text}).size(), 1u);
  for (int i = 0; i < 600; ++i) text += "word ";
  const auto answer = post(*minilm.engine, "/v1/embeddings", {{"input", text}, {"model", "m"}});
  EXPECT_FALSE(answer.has_value()) << "more than the 512 tokens of the model";
}

TEST_F(MiniLm, TakesNoMoreMemoryThanWasComputed) {
  std::vector<std::string> texts(32, "");
  for (std::string& text : texts)
    for (int i = 0; i < 200; ++i) text += "word ";
  ASSERT_EQ(embed(*minilm.engine, texts).size(), texts.size());
  const auto need =
      memory_need(minilm.shape, {.context = 512, .slots = 4, .batch = 2048, .embeddings = true});
  EXPECT_LT(resident(minilm.engine->pid()), 1.1 * static_cast<double>(need.total));
}

// What the kernel counted at most (VmHWM), in bytes.
double peak(pid_t pid) {
  return testing::memory_of(pid, "VmHWM");
}

struct NeedCase {
  const char* model;
  int context, slots;
  const char* cache_type;
};

class ChatModelNeed : public ::testing::TestWithParam<NeedCase> {};

// Never less than it takes, and at most a tenth more.
TEST_P(ChatModelNeed, IsWhatItTakesAtMost) {
  const NeedCase& c = GetParam();
  LlamaServerOptions options;
  options.context = c.context;
  options.slots = c.slots;
  options.cache_type_k = options.cache_type_v = c.cache_type;
  options.prompt_cache_mib = 0;
  auto running = start(c.model, options);
  if (!running && running.error().kind == ErrorKind::missing_part) GTEST_SKIP() << running.error().message;
  ASSERT_TRUE(running) << running.error().message;
  std::string text;
  for (int i = 0; i < 560; ++i) text += "word ";  // fills a batch of 512
  ASSERT_TRUE(post(*running->engine, "/v1/chat/completions",
                   {{"messages", {{{"role", "user"}, {"content", text}}}}, {"max_tokens", 2}}));
  NeedOptions need{.context = c.context, .slots = c.slots};
  need.cache_k = need.cache_v = cache_type_of(c.cache_type).value();
  const auto computed = static_cast<double>(memory_need(running->shape, need).total);
  const double measured = peak(running->engine->pid());
  std::printf("%s %d x %d %s: computed %.0f MiB, taken %.0f MiB, %+.1f%%\n", c.model, c.context, c.slots,
              c.cache_type, computed / (1 << 20), measured / (1 << 20), 100 * (computed / measured - 1));
  EXPECT_GE(computed, measured);
  EXPECT_LE(computed, 1.1 * measured);
}

INSTANTIATE_TEST_SUITE_P(Settings, ChatModelNeed,
                         ::testing::Values(NeedCase{"qwen2.5-coder-0.5b", 4096, 2, "f16"},
                                           NeedCase{"qwen2.5-coder-0.5b", 32'768, 1, "f16"},
                                           NeedCase{"qwen2.5-coder-0.5b", 8192, 2, "q8_0"},
                                           NeedCase{"qwen2.5-coder-1.5b", 2048, 1, "f16"},
                                           NeedCase{"qwen2.5-coder-1.5b", 16'384, 1, "q8_0"}),
                         [](const ::testing::TestParamInfo<NeedCase>& at) {
                           std::string name = fmt::format("{}_{}_x_{}_{}", at.param.model, at.param.context,
                                                          at.param.slots, at.param.cache_type);
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

}  // namespace
}  // namespace studio
