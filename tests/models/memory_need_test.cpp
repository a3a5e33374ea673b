// The need of a model: counted by hand on a small one, compared with the engine's own figures on real ones.
#include "models/memory_need.h"

#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/gguf_file.h"

namespace studio {
namespace {

using testing::GgufFile;
using ::testing::HasSubstr;
using testing::small_model;

ModelShape shape_of(const GgufFile& file) {
  const std::string bytes = file.bytes();
  const auto shape = gguf_shape(*parse_gguf_header(bytes, bytes.size(), "x.gguf"), "x.gguf");
  EXPECT_TRUE(shape) << shape.error().message;
  return *shape;
}

// The file of a model in this machine's cache, where set-up has put one.
std::optional<ModelShape> cached(const std::string& id, const std::string& file) {
  auto shape = read_gguf_shape(cache_folder() / "models" / id / file);
  return shape ? std::optional(*std::move(shape)) : std::nullopt;
}

TEST(ModelShape, CountsTheWeightsByPlace) {
  const ModelShape shape = shape_of(small_model(4));
  EXPECT_EQ(shape.architecture, "llama");
  EXPECT_EQ(shape.task, "chat");
  EXPECT_EQ(shape.layers.size(), 4u);
  EXPECT_EQ(shape.embedding_bytes, 128'000u);
  EXPECT_EQ(shape.output_bytes, 128'256u);
  EXPECT_EQ(shape.layers[0].weight_bytes, 49'152u);
  EXPECT_EQ(shape.weight_bytes, 128'000u + 128'256u + 4 * 49'152u);
  EXPECT_FALSE(shape.tied_embeddings);
  EXPECT_EQ(shape.layers[3].key_values, 32u);  // two heads of sixteen
  EXPECT_EQ(shape.vocabulary, 1000u);
  EXPECT_EQ(shape.context, 4096u);
}

TEST(ModelShape, KnowsAnEmbedderAndARerankerByTheirHeaders) {
  GgufFile embedder = small_model(2, "bert");
  embedder.flag("bert.attention.causal", false).u32("bert.pooling_type", 1);
  EXPECT_EQ(shape_of(embedder).task, "embedding");
  EXPECT_EQ(shape_of(embedder).embedding_dimensions, 64u);
  EXPECT_EQ(memory_need(shape_of(embedder)).kv_cache, 0u);
  GgufFile reranker = small_model(2, "bert");
  reranker.flag("bert.attention.causal", false).u32("bert.pooling_type", 4);
  EXPECT_EQ(shape_of(reranker).task, "rerank");
}

TEST(ModelShape, RefusesAFileWithoutLayers) {
  GgufFile file;
  file.text("general.architecture", "llama").u32("llama.block_count", 0);
  const std::string bytes = file.bytes();
  const auto shape = gguf_shape(*parse_gguf_header(bytes, bytes.size(), "x.gguf"), "x.gguf");
  ASSERT_FALSE(shape);
  EXPECT_EQ(shape.error().kind, ErrorKind::invalid_input);
}

TEST(MemoryNeed, CacheGrowsWithContextSlotsAndType) {
  const ModelShape shape = shape_of(small_model(4));
  // layers * (keys + values) * 2 bytes * cells
  EXPECT_EQ(memory_need(shape, {.context = 1024}).kv_cache, 4u * 64 * 2 * 1024);
  EXPECT_EQ(memory_need(shape, {.context = 1024, .slots = 3}).kv_cache, 3u * 4 * 64 * 2 * 1024);
  EXPECT_EQ(memory_need(shape, {.context = 1}).kv_cache, 4u * 64 * 2 * 256) << "cells come in 256";
  const auto small =
      memory_need(shape, {.context = 1024, .cache_k = CacheType::q8_0, .cache_v = CacheType::q8_0});
  EXPECT_EQ(small.kv_cache, 4u * 2 * 34 * 1024);
}

TEST(MemoryNeed, WindowedLayersStopGrowing) {
  GgufFile file = small_model(6, "gemma3");
  file.u32("gemma3.attention.sliding_window", 1024);
  const ModelShape shape = shape_of(file);
  EXPECT_EQ(shape.layers[0].window, 1024u);
  EXPECT_EQ(shape.layers[5].window, 0u) << "each sixth looks over all";
  const auto far = memory_need(shape, {.context = 65'536});
  EXPECT_EQ(far.kv_cache, 64u * 2 * (65'536 + 5 * (1024 + 512)));
}

// One matrix for both ends: on the card it is there a second time, because the embeddings stay on the host.
TEST(MemoryNeed, TiedEmbeddingsAreCountedTwiceOnTheCardOnly) {
  GgufFile file;
  file.text("general.architecture", "llama")
      .u32("llama.block_count", 1)
      .u32("llama.embedding_length", 64)
      .u32("llama.attention.head_count", 4)
      .tensor("token_embd.weight", 1, {64, 1000}, 128'000)
      .tensor("blk.0.attn_k.weight", 1, {64, 64}, 8192);
  const ModelShape shape = shape_of(file);
  EXPECT_TRUE(shape.tied_embeddings);
  EXPECT_EQ(memory_need(shape).weights, 136'192u);
  EXPECT_EQ(memory_need(shape, {.gpu_layers = -1}).weights, 136'192u + 128'000u);
}

// A hybrid: the first layer keeps a state of a sequence, whatever the context; the second a cache.
TEST(MemoryNeed, RecurrentLayersKeepAStateInsteadOfACache) {
  GgufFile file;
  file.text("general.architecture", "hybrid")
      .u32("hybrid.block_count", 2)
      .u32("hybrid.embedding_length", 64)
      .u32("hybrid.attention.head_count", 4)
      .u32("hybrid.ssm.inner_size", 128)
      .u32("hybrid.ssm.state_size", 16)
      .u32("hybrid.ssm.conv_kernel", 4)
      .u32("hybrid.ssm.group_count", 2)
      .tensor("token_embd.weight", 1, {64, 100}, 12'800)
      .tensor("output.weight", 1, {64, 100}, 12'800)
      .tensor("blk.0.attn_qkv.weight", 1, {64, 192}, 24'576)
      .tensor("blk.0.ssm_conv1d.weight", 0, {4, 192}, 3072)
      .tensor("blk.1.attn_k.weight", 1, {64, 64}, 8192);
  const ModelShape shape = shape_of(file);
  // (kernel - 1) * (inner + 2 * groups * state) + state * inner values of 32 bit
  EXPECT_EQ(shape.layers[0].recurrent_bytes, 4u * (3 * (128 + 2 * 2 * 16) + 16 * 128));
  EXPECT_EQ(shape.layers[0].key_values, 0u);
  EXPECT_EQ(shape.layers[1].key_values, 64u);
  const auto near = memory_need(shape, {.context = 1024}), far = memory_need(shape, {.context = 2048});
  EXPECT_EQ(far.kv_cache - near.kv_cache, 1024u * 2 * 64 * 2);
}

TEST(MemoryNeed, SumsToTheTotal) {
  const ModelShape shape = shape_of(small_model(4));
  for (const int layers : {-1, 0, 1, 4, 5, 99}) {
    const MemoryNeed need =
        memory_need(shape, {.slots = 2, .gpu_layers = layers, .prompt_cache_bytes = 1000});
    EXPECT_EQ(need.total, need.on_gpu + need.on_host);
    EXPECT_EQ(need.total, need.weights + need.repacked + need.kv_cache + need.compute + need.runtime)
        << layers;
    EXPECT_EQ(need.on_gpu == 0, layers == 0);
  }
}

TEST(MemoryNeed, ProjectorAndDraftAreAdded) {
  const ModelShape shape = shape_of(small_model(4)), draft = shape_of(small_model(1));
  const MemoryNeed alone = memory_need(shape);
  const MemoryNeed both = memory_need(shape, {.draft = &draft});
  EXPECT_GT(both.weights, alone.weights);
  EXPECT_EQ(both.weights - alone.weights, draft.weight_bytes);
}

TEST(LayersThatFit, TakesAsManyAsTheBudgetHolds) {
  const ModelShape shape = shape_of(small_model(8));
  const std::uint64_t plenty = 1ull << 40;
  EXPECT_EQ(layers_that_fit(shape, {}, plenty, plenty), 9);
  const MemoryNeed three = memory_need(shape, {.gpu_layers = 3});
  EXPECT_EQ(layers_that_fit(shape, {}, three.on_gpu, plenty), 3);
  EXPECT_EQ(layers_that_fit(shape, {}, three.on_gpu - 1, plenty), 2);
  EXPECT_EQ(layers_that_fit(shape, {}, 0, plenty), 0);
  EXPECT_EQ(layers_that_fit(shape, {}, 0, 1000), std::nullopt);
}

TEST(MemoryNeed, IsExplainedWithItsParts) {
  const ModelShape shape = shape_of(small_model(4));
  EXPECT_THAT(explain(memory_need(shape), shape, {}), HasSubstr("KV cache"));
}

// The engine's own figures, printed by llama-server -v for these very files (MiB).
TEST(MemoryNeed, AgreesWithTheEngineOnTheSmallModel) {
  const auto shape = cached("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf");
  if (!shape) GTEST_SKIP() << "qwen2.5-coder-0.5b is not in the cache";
  const auto mib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  EXPECT_EQ(shape->layers.size(), 24u);
  EXPECT_NEAR(mib(shape->weight_bytes), 462.96, 0.5);
  EXPECT_NEAR(mib(memory_need(*shape, {.context = 8192}).repacked), 28.05, 0.1);
  struct Case {
    int context, slots, batch;
    CacheType type;
    double kv, compute;
  };
  for (const Case& c :
       {Case{256, 1, 512, CacheType::f16, 3.0, 17.88}, Case{2048, 1, 512, CacheType::f16, 24, 37.51},
        Case{8192, 1, 512, CacheType::f16, 96, 43.51}, Case{32'768, 1, 512, CacheType::f16, 384, 67.51},
        Case{2048, 4, 512, CacheType::f16, 96, 37.51}, Case{4096, 4, 512, CacheType::f16, 192, 39.51},
        Case{8192, 1, 128, CacheType::f16, 96, 10.88}, Case{8192, 1, 1024, CacheType::f16, 96, 87.02},
        Case{8192, 1, 512, CacheType::q8_0, 51, 41.79}}) {
    const MemoryNeed need = memory_need(
        *shape,
        {.context = c.context, .slots = c.slots, .cache_k = c.type, .cache_v = c.type, .batch = c.batch});
    EXPECT_NEAR(mib(need.kv_cache), c.kv, 0.01 * c.kv) << c.context << " x " << c.slots;
    EXPECT_NEAR(mib(need.compute), c.compute, 0.2 * c.compute + 2) << c.context << " x " << c.slots;
  }
}

// What the kernel counted for the real llama-server (VmRSS, MiB) after a request that filled its batch, on
// a machine with AVX2, two threads, no prompt cache. The engine's buffers are computed; what it needs for
// itself is not, so that a change of the engine is seen here first.
TEST(MemoryNeed, IsWithinFivePercentOfTheResidentSizeThatWasMeasured) {
  struct Case {
    const char *id, *file;
    int context, slots, batch;
    CacheType type;
    double resident;
  };
  const char* small = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
  const char* larger = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf";
  const char* encoder = "all-minilm-l6-v2-f16.gguf";
  int tried = 0;
  for (const Case& c : {Case{"qwen2.5-coder-0.5b", small, 2048, 1, 512, CacheType::f16, 620},
                        Case{"qwen2.5-coder-0.5b", small, 8192, 1, 512, CacheType::f16, 692},
                        Case{"qwen2.5-coder-0.5b", small, 8192, 4, 512, CacheType::f16, 982},
                        Case{"qwen2.5-coder-0.5b", small, 32'768, 1, 512, CacheType::f16, 981},
                        Case{"qwen2.5-coder-0.5b", small, 8192, 1, 512, CacheType::q8_0, 647},
                        Case{"qwen2.5-coder-0.5b", small, 8192, 2, 512, CacheType::q4_0, 651},
                        Case{"qwen2.5-coder-1.5b", larger, 2048, 1, 512, CacheType::f16, 1847},
                        Case{"qwen2.5-coder-1.5b", larger, 8192, 2, 512, CacheType::q8_0, 2033},
                        Case{"all-minilm-l6-v2", encoder, 512, 1, 512, CacheType::f16, 98},
                        Case{"all-minilm-l6-v2", encoder, 512, 8, 2048, CacheType::f16, 312}}) {
    const auto shape = cached(c.id, c.file);
    if (!shape) continue;
    ++tried;
    const MemoryNeed need = memory_need(*shape, {.context = c.context,
                                                 .slots = c.slots,
                                                 .cache_k = c.type,
                                                 .cache_v = c.type,
                                                 .batch = c.batch,
                                                 .embeddings = c.batch == 2048});
    const double computed = static_cast<double>(need.total) / (1 << 20);
    std::printf("%s %d x %d %s: computed %.0f MiB, resident %.0f MiB, %+.1f%%\n", c.id, c.context, c.slots,
                std::string(name_of(c.type)).c_str(), computed, c.resident,
                100 * (computed - c.resident) / c.resident);
    EXPECT_NEAR(computed, c.resident, 0.05 * c.resident) << c.id << " " << c.context << " x " << c.slots;
  }
  if (tried == 0) GTEST_SKIP() << "none of the small models is in the cache";
}

}  // namespace
}  // namespace studio
