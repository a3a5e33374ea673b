// How much memory a model needs, computed from its file's header: weights, KV cache, work buffers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/gguf.h"

namespace studio {

// One transformer block.
struct LayerShape {
  std::uint64_t weight_bytes = 0;
  // Of these, what the CPU engine keeps a second time, interleaved for its wide registers
  // (ggml-cpu "repack": Q4_0, Q4_K, IQ4_NL and MXFP4 matrices with rows divisible by 8).
  std::uint64_t repacked_bytes = 0;
  std::uint32_t key_values = 0;       // of one token in the K cache: kv heads * head length; 0: no attention
  std::uint32_t value_values = 0;     // the same for V
  std::uint32_t window = 0;           // sliding attention looks back this many tokens; 0: over all
  std::uint64_t recurrent_bytes = 0;  // state of one sequence (Mamba, RWKV and hybrids)
};

// What of a GGUF header decides about memory and about what the model is for.
struct ModelShape {
  std::string architecture;  // "qwen2", "bert", "clip", ...
  std::string name;          // general.name
  std::string task;          // "chat", "embedding", "rerank", "projector" (mmproj); a guess by the header
  std::uint64_t file_bytes = 0;
  std::uint64_t weight_bytes = 0;     // all tensors
  std::uint64_t embedding_bytes = 0;  // token embeddings, always on the host
  std::uint64_t output_bytes = 0;     // what is after the last layer; tied embeddings count here again
  bool tied_embeddings = false;
  std::uint64_t other_bytes = 0;  // neither embedding, layer nor output
  std::uint64_t repacked_output_bytes = 0;
  std::vector<LayerShape> layers;
  std::uint32_t embedding_length = 0;
  std::uint32_t feed_forward_length = 0;
  std::uint32_t heads = 0;
  std::uint32_t vocabulary = 0;
  std::uint32_t context = 0;  // trained for, tokens
  std::uint32_t experts = 0, experts_used = 0;
  std::uint32_t embedding_dimensions = 0;  // of an embedder's vectors; 0 when it is none
  bool causal = true;
};

// invalid_input, not_found, io as read_gguf_header. Every file of a split model is read.
Result<ModelShape> read_gguf_shape(const Path& file);
// invalid_input when the header lacks what a model must have.
Result<ModelShape> gguf_shape(const GgufHeader& header, std::string_view origin);

enum class CacheType { f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl };
std::string_view name_of(CacheType type);  // as llama-server's --cache-type-k takes it
std::optional<CacheType> cache_type_of(std::string_view name);

struct NeedOptions {
  int context = 8192;  // tokens of one slot
  int slots = 1;       // requests answered at the same time
  CacheType cache_k = CacheType::f16, cache_v = CacheType::f16;
  int batch = 512;  // tokens computed at once (llama-server's --ubatch-size)
  // Layers on the GPU, counted from the last; one more than the layers puts the output there too.
  // Negative: all of it. 0: none.
  int gpu_layers = 0;
  // The CPU engine keeps repacked copies beside the mapped file (--no-repack turns it off).
  bool repack = true;
  // Vectors or ranks are asked for, not text: a generating model then has a row of its vocabulary for
  // each token of a batch.
  bool embeddings = false;
  // Prompts kept beside the slots (--cache-ram); filled as conversations come, host memory.
  std::uint64_t prompt_cache_bytes = 0;
  // Beside the model, borrowed for the call: a projector of pictures, a draft for speculation.
  const ModelShape* projector = nullptr;
  const ModelShape* draft = nullptr;
};

// How the manager runs a model of `task` ("chat", "vision", "embedding", "rerank") that was trained for
// `trained_context` tokens (0: unknown): embedders and rerankers read a page, not a conversation, several at
// once and whole; who chats keeps prompts beside the slots. Two slots on the host, four on a card.
NeedOptions usual_need(std::string_view task, std::uint32_t trained_context, bool card = false);

// All in bytes. total = on_gpu + on_host = weights + repacked + kv_cache + compute + runtime.
struct MemoryNeed {
  std::uint64_t weights = 0;   // of the model, its projector and its draft
  std::uint64_t repacked = 0;  // second copies for the CPU's matrix kernels
  std::uint64_t kv_cache = 0;  // with recurrent states and the prompt cache
  std::uint64_t compute = 0;   // activations, masks, logits
  std::uint64_t runtime = 0;   // the process itself: code, vocabulary, GPU context
  std::uint64_t total = 0;
  std::uint64_t on_gpu = 0;
  std::uint64_t on_host = 0;
};

// Pure. The formulae stand in memory_need.cpp with their sources; how far they are from the real
// resident size was measured for the small models over contexts, slots and cache types: within 5%
// (tests/models/memory_need_test.cpp has the figures).
MemoryNeed memory_need(const ModelShape& shape, const NeedOptions& options = {});

// The largest gpu_layers whose need on the GPU stays within `gpu_budget_bytes`
// (layers.size() + 1: all of it); 0: only on the CPU. Nothing when with that many layers the rest
// does not fit into `host_budget_bytes` either.
std::optional<int> layers_that_fit(const ModelShape& shape, NeedOptions options,
                                   std::uint64_t gpu_budget_bytes, std::uint64_t host_budget_bytes);

// "Qwen2.5-14B needs 10.2 GB: weights 8.99 GB, KV cache 0.81 GB (8192 tokens x 1, f16), ..."
std::string explain(const MemoryNeed& need, const ModelShape& shape, const NeedOptions& options);

}  // namespace studio
