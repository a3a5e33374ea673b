// The formulae of a model's memory need. Sources: llama.cpp's llama-kv-cache.cpp (cells, types, windows),
// ggml-cpu/repack.cpp (which matrices are kept twice), and for the work buffers what llama-server
// printed for the small models over contexts, slots, batches and cache types.
#include "models/memory_need.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace studio {
namespace {

// The server without a model in it: code, threads' stacks, HTTP, chat templates.
constexpr std::uint64_t kProcessBytes = 30u << 20;
// Of each vocabulary entry: its text, its hash-map node and its merge rule in the tokenizer.
constexpr std::uint64_t kVocabularyEntryBytes = 250;
// What a GPU's driver keeps for a process that computes on it (context, kernels, cuBLAS handles).
constexpr std::uint64_t kGpuContextBytes = 400u << 20;

// The deepest models have some 130; a header that claims more lies.
constexpr std::uint32_t kMostLayers = 1024;

// llama.cpp pads each sequence's cells to this (llama_context: GGML_PAD(n_ctx / n_seq, 256)).
constexpr std::uint64_t kCellPadding = 256;

std::uint64_t padded(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) / to * to;
}

struct CacheTypeEntry {
  CacheType type;
  std::string_view name;
  std::uint32_t ggml;
};

constexpr CacheTypeEntry kCacheTypes[] = {
    {CacheType::f32, "f32", 0},   {CacheType::f16, "f16", 1},   {CacheType::bf16, "bf16", 30},
    {CacheType::q8_0, "q8_0", 8}, {CacheType::q5_1, "q5_1", 7}, {CacheType::q5_0, "q5_0", 6},
    {CacheType::q4_1, "q4_1", 3}, {CacheType::q4_0, "q4_0", 2}, {CacheType::iq4_nl, "iq4_nl", 20},
};

const CacheTypeEntry& entry_of(CacheType type) {
  return *std::ranges::find(kCacheTypes, type, &CacheTypeEntry::type);
}

// ---- from the header to the shape

bool is_repacked(const GgufTensor& tensor) {
  constexpr std::array<std::uint32_t, 4> kTypes{2, 12, 20, 39};  // Q4_0, Q4_K, IQ4_NL, MXFP4
  return tensor.dimensions.size() >= 2 && tensor.dimensions[1] % 8 == 0 &&
         std::ranges::find(kTypes, tensor.type) != kTypes.end();
}

std::optional<std::size_t> layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  std::size_t index = 0, at = 4;
  for (; at < name.size() && name[at] >= '0' && name[at] <= '9' && at < 10; ++at)
    index = index * 10 + static_cast<std::size_t>(name[at] - '0');
  return at > 4 && at < name.size() && name[at] == '.' ? std::optional(index) : std::nullopt;
}

// Keys are read as <architecture>.<key>; some are one number, some one a layer.
class Keys {
 public:
  Keys(const GgufHeader& header, std::string architecture)
      : header_(header), prefix_(std::move(architecture) + ".") {}

  std::uint32_t get(std::string_view key, std::uint32_t fallback = 0) const {
    return bounded(header_.integer(prefix_ + std::string(key)), fallback);
  }
  std::uint32_t of_layer(std::string_view key, std::size_t layer, std::uint32_t fallback) const {
    const GgufArray* array = header_.array(prefix_ + std::string(key));
    if (array == nullptr) return get(key, fallback);
    if (layer >= array->numbers.size()) return fallback;
    const double value = array->numbers[layer];
    return value >= 0 && value < 1e9 ? static_cast<std::uint32_t>(value) : fallback;
  }
  const GgufArray* array(std::string_view key) const { return header_.array(prefix_ + std::string(key)); }
  std::optional<bool> flag(std::string_view key) const { return header_.boolean(prefix_ + std::string(key)); }

 private:
  // A hostile header must not overflow what follows: no real value comes near 2^24.
  static std::uint32_t bounded(std::optional<std::uint64_t> value, std::uint32_t fallback) {
    return value && *value < (1u << 24) ? static_cast<std::uint32_t>(*value) : fallback;
  }
  const GgufHeader& header_;
  std::string prefix_;
};

// Which layers look back only over a window. Where the header says nothing, the architecture's own
// period (llama.cpp's src/models/<architecture>.cpp): all but each last of the period are windowed.
bool is_windowed(const Keys& keys, const std::string& architecture, std::size_t layer) {
  if (const GgufArray* pattern = keys.array("attention.sliding_window_pattern"))
    return layer < pattern->numbers.size() && pattern->numbers[layer] != 0;
  std::uint32_t period = keys.get("attention.sliding_window_pattern");
  if (period == 0) {
    if (architecture == "gemma2" || architecture == "gpt-oss") period = 2;
    if (architecture == "gemma3" || architecture == "gemma3n") period = architecture == "gemma3" ? 6 : 5;
    if (architecture == "cohere2") period = 4;
  }
  return period > 1 && layer % period < period - 1;
}

// Mamba's and gated delta nets' states, one sequence, 32 bit (llama_hparams::n_embd_r, n_embd_s);
// RWKV keeps shifted tokens and a head-sized matrix row for each channel.
std::uint64_t recurrent_bytes(const Keys& keys, std::uint64_t embedding) {
  const std::uint64_t inner = keys.get("ssm.inner_size"), state = keys.get("ssm.state_size");
  const std::uint64_t convolution = std::max(1u, keys.get("ssm.conv_kernel")) - 1;
  if (inner > 0)
    return 4 * (convolution * (inner + 2ull * keys.get("ssm.group_count") * state) + state * inner);
  const std::uint64_t head = keys.get("wkv.head_size");
  return 4 * (2 * embedding + embedding * head);
}

struct LayerParts {
  bool attention = false, recurrent = false;
  bool joined = false;  // one tensor holds q, k and v
};

void shape_caches(ModelShape& shape, const Keys& keys, const std::vector<LayerParts>& parts) {
  const std::uint32_t window = keys.get("attention.sliding_window");
  const std::uint32_t latent = keys.get("attention.kv_lora_rank");
  for (std::size_t i = 0; i < shape.layers.size(); ++i) {
    LayerShape& layer = shape.layers[i];
    if (parts[i].recurrent) layer.recurrent_bytes = recurrent_bytes(keys, shape.embedding_length);
    if (!parts[i].attention || !shape.causal) continue;  // an encoder keeps no cache
    const std::uint32_t heads = keys.of_layer("attention.head_count", i, shape.heads);
    const std::uint32_t kv_heads = keys.of_layer("attention.head_count_kv", i, heads);
    const std::uint32_t head = heads > 0 ? shape.embedding_length / heads : 0;
    layer.key_values = kv_heads * keys.get("attention.key_length", head);
    layer.value_values = kv_heads * keys.get("attention.value_length", head);
    // Multi-head latent attention keeps one compressed vector and the rotated part instead.
    if (latent > 0 && keys.get("attention.key_length_mla") > 0) {
      layer.key_values = latent + keys.get("rope.dimension_count");
      layer.value_values = 0;
    }
    if (window > 0 && is_windowed(keys, shape.architecture, i)) layer.window = window;
  }
}

void add_tensor(ModelShape& shape, const GgufTensor& tensor, std::vector<LayerParts>& parts) {
  shape.weight_bytes += tensor.bytes;
  const std::uint64_t again = is_repacked(tensor) ? tensor.bytes : 0;
  if (const auto index = layer_of(tensor.name); index && *index < shape.layers.size()) {
    LayerShape& layer = shape.layers[*index];
    layer.weight_bytes += tensor.bytes;
    layer.repacked_bytes += again;
    const std::string_view part = std::string_view(tensor.name).substr(tensor.name.find('.', 4) + 1);
    const bool state = part.starts_with("ssm_") || part.starts_with("time_mix");
    parts[*index].recurrent |= state;
    parts[*index].attention |= part.starts_with("attn_k.") || part.starts_with("attn_kv_a") ||
                               part.starts_with("attn_k_b") || part.starts_with("attn_qkv.");
    parts[*index].joined |= part == "attn_qkv.weight";
    return;
  }
  if (tensor.name == "token_embd.weight") {
    shape.embedding_bytes += tensor.bytes;
    if (shape.vocabulary == 0 && tensor.dimensions.size() == 2)
      shape.vocabulary = static_cast<std::uint32_t>(std::min<std::uint64_t>(tensor.dimensions[1], 1u << 24));
  } else if (tensor.name.starts_with("output")) {
    shape.output_bytes += tensor.bytes;
    shape.repacked_output_bytes += again;
  } else {
    shape.other_bytes += tensor.bytes;
  }
}

// What the model is for, as far as the header tells.
std::string guess_task(const GgufHeader& header, const ModelShape& shape, const Keys& keys) {
  if (shape.architecture == "clip" || header.text("general.type") == "mmproj") return "projector";
  constexpr std::uint32_t kNoPooling = 0, kRankPooling = 4;  // llama_pooling_type
  const std::uint32_t pooling = keys.get("pooling_type", kNoPooling);
  if (pooling == kRankPooling) return "rerank";
  if (std::ranges::any_of(header.tensors, [](const GgufTensor& t) { return t.name.starts_with("cls."); }))
    return "rerank";
  if (!shape.causal || pooling != kNoPooling) return "embedding";
  return "chat";
}

// ---- from the shape to bytes

std::uint64_t cells(const NeedOptions& options) {
  return padded(static_cast<std::uint64_t>(std::max(1, options.context)), kCellPadding);
}

std::uint64_t tokens_at_once(const NeedOptions& options) {
  const auto slots = static_cast<std::uint64_t>(std::max(1, options.slots));
  return std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max(1, options.batch)),
                                 cells(options) * slots);
}

std::uint64_t cache_bytes(const LayerShape& layer, const NeedOptions& options) {
  const auto slots = static_cast<std::uint64_t>(std::max(1, options.slots));
  std::uint64_t each = cells(options);
  // A windowed layer keeps the window and one batch (llama_kv_cache_iswa).
  if (layer.window > 0) each = std::min(each, padded(layer.window + tokens_at_once(options), kCellPadding));
  const auto of = [&](std::uint32_t values, CacheType type) {
    return ggml_bytes(entry_of(type).ggml, values).value_or(0) * each * slots;
  };
  return of(layer.key_values, options.cache_k) + of(layer.value_values, options.cache_v) +
         layer.recurrent_bytes * slots;
}

// Of one batch of T tokens, flash attention on (the engine's default): three feed-forward rows and
// four embedding rows a token, 32 bit, live at the same time, and the mask of 16 bit, context x T; then
// one row of logits for each slot, or for each token where vectors are asked for. Found exact to 0.1%
// for contexts 256..32768, slots 1..4, batches 128..2048 of the 0.5B.
std::uint64_t generator_bytes(const ModelShape& shape, const NeedOptions& options, std::uint64_t tokens) {
  const auto slots = static_cast<std::uint64_t>(std::max(1, options.slots));
  const std::uint64_t active = std::max(1u, shape.experts > 0 ? shape.experts_used : 1u);
  const std::uint64_t row = 3ull * shape.feed_forward_length * active + 4ull * shape.embedding_length;
  const std::uint64_t layers = tokens * row * 4 + cells(options) * tokens * 2;
  const std::uint64_t rows = options.embeddings ? tokens : slots;
  const std::uint64_t output = rows * shape.vocabulary * 4 + tokens * shape.embedding_length * 8;
  return std::max(layers, output) + 2 * slots * shape.vocabulary * 4;
}

// An encoder attends over the batch alone: one feed-forward and three embedding rows a token, the mask,
// and beside the engine's own buffer the scores of all heads (measured with all-MiniLM-L6-v2 at
// batches of 512 and 2048).
std::uint64_t encoder_bytes(const ModelShape& shape, std::uint64_t tokens) {
  return tokens * (shape.feed_forward_length + 3ull * shape.embedding_length) * 4 +
         tokens * tokens * (2 + 4ull * shape.heads);
}

std::uint64_t compute_bytes(const ModelShape& shape, const NeedOptions& options) {
  const std::uint64_t tokens = tokens_at_once(options);
  const std::uint64_t buffers =
      shape.causal ? generator_bytes(shape, options, tokens) : encoder_bytes(shape, tokens);
  // The matrix kernels' copy of their input, quantized to 8 bit with scales.
  return buffers + tokens * shape.feed_forward_length * 5 / 4;
}

// A picture's patches through the projector; measured need is close to its weights' order, and
// llama.cpp reserves for the largest picture: 4 activations of 32 bit for 4096 patches.
std::uint64_t projector_compute_bytes(const ModelShape& projector) {
  return 4096ull * 4 * (4ull * projector.embedding_length + 2ull * projector.feed_forward_length);
}

bool all_on_gpu(const ModelShape& shape, int gpu_layers) {
  return gpu_layers < 0 || static_cast<std::size_t>(gpu_layers) > shape.layers.size();
}

MemoryNeed need_of_one(const ModelShape& shape, const NeedOptions& options) {
  MemoryNeed need;
  const auto count = shape.layers.size();
  const bool whole = all_on_gpu(shape, options.gpu_layers);
  const std::size_t on_gpu = whole ? count : static_cast<std::size_t>(options.gpu_layers);
  std::uint64_t gpu = 0, host = shape.embedding_bytes + shape.other_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const LayerShape& layer = shape.layers[i];
    const bool here = i >= count - on_gpu;
    const std::uint64_t cache = cache_bytes(layer, options);
    need.kv_cache += cache;
    (here ? gpu : host) += layer.weight_bytes + cache;
    if (!here && options.repack) need.repacked += layer.repacked_bytes;
  }
  // The output stays with the embeddings on the host; tied, it is a second copy on the GPU only.
  const std::uint64_t tied_copy = shape.tied_embeddings ? shape.embedding_bytes : 0;
  if (whole)
    gpu += shape.output_bytes + tied_copy;
  else
    host += shape.output_bytes;
  if (!whole && options.repack) need.repacked += shape.repacked_output_bytes;
  need.weights = shape.weight_bytes + (whole ? tied_copy : 0);
  const std::uint64_t compute = compute_bytes(shape, options);
  need.compute = compute;
  (on_gpu > 0 ? gpu : host) += compute;
  if (on_gpu > 0 && !whole) {  // both sides compute their layers
    need.compute += compute;
    host += compute;
  }
  need.on_gpu = gpu;
  need.on_host = host + need.repacked;
  return need;
}

void add(MemoryNeed& sum, const MemoryNeed& more) {
  sum.weights += more.weights;
  sum.repacked += more.repacked;
  sum.kv_cache += more.kv_cache;
  sum.compute += more.compute;
  sum.on_gpu += more.on_gpu;
  sum.on_host += more.on_host;
}

std::string gigabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace

std::string_view name_of(CacheType type) {
  return entry_of(type).name;
}

std::optional<CacheType> cache_type_of(std::string_view name) {
  const auto* found = std::ranges::find(kCacheTypes, name, &CacheTypeEntry::name);
  return found == std::end(kCacheTypes) ? std::nullopt : std::optional(found->type);
}

Result<ModelShape> gguf_shape(const GgufHeader& header, std::string_view origin) {
  ModelShape shape;
  shape.architecture = header.text("general.architecture");
  shape.name = header.text("general.name");
  shape.file_bytes = header.file_bytes;
  const bool projector = shape.architecture == "clip";
  const Keys keys(header, projector ? "clip.vision" : shape.architecture);
  const std::uint32_t blocks = keys.get("block_count");
  if (shape.architecture.empty() || blocks == 0 || blocks > kMostLayers || header.tensors.empty())
    return fail(ErrorKind::invalid_input,
                fmt::format("read the model file {}: its header names no architecture with layers", origin),
                "a file of weights is needed, not a vocabulary or an adapter");
  shape.embedding_length = keys.get("embedding_length");
  shape.feed_forward_length = keys.get("feed_forward_length");
  if (const GgufArray* lengths = keys.array("feed_forward_length"); lengths != nullptr)
    for (const double length : lengths->numbers)
      if (length > 0 && length < 1e8)
        shape.feed_forward_length = std::max(shape.feed_forward_length, static_cast<std::uint32_t>(length));
  shape.experts = keys.get("expert_count");
  shape.experts_used = keys.get("expert_used_count");
  // Experts have a length of their own.
  if (const std::uint32_t expert = keys.get("expert_feed_forward_length"); expert > 0 && shape.experts > 0)
    shape.feed_forward_length = expert;
  shape.heads = keys.of_layer("attention.head_count", 0, 0);
  shape.context = keys.get("context_length");
  shape.causal = keys.flag("attention.causal").value_or(true) && !projector;
  if (const GgufArray* tokens = header.array("tokenizer.ggml.tokens"))
    shape.vocabulary = static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens->count, 1u << 24));
  shape.layers.resize(blocks);
  std::vector<LayerParts> parts(blocks);
  for (const GgufTensor& tensor : header.tensors) add_tensor(shape, tensor, parts);
  // With a state beside it, one tensor for q, k and v is a linear layer's, which keeps no cache.
  for (LayerParts& part : parts) part.attention &= !(part.recurrent && part.joined);
  shape.tied_embeddings =
      std::ranges::none_of(header.tensors, [](const GgufTensor& t) { return t.name == "output.weight"; }) &&
      shape.causal;
  shape_caches(shape, keys, parts);
  shape.task = guess_task(header, shape, keys);
  if (shape.task == "embedding") shape.embedding_dimensions = shape.embedding_length;
  return shape;
}

Result<ModelShape> read_gguf_shape(const Path& file) {
  const std::vector<Path> files = gguf_split_files(file);
  TRY_ASSIGN(GgufHeader header, read_gguf_header(files.front()));
  // The first file of a split has the metadata; the tensors of the others join its own.
  for (std::size_t i = 1; i < files.size(); ++i) {
    TRY_ASSIGN(GgufHeader more, read_gguf_header(files[i]));
    header.file_bytes += more.file_bytes;
    std::ranges::move(more.tensors, std::back_inserter(header.tensors));
  }
  return gguf_shape(header, file.string());
}

NeedOptions usual_need(std::string_view task, std::uint32_t trained_context, bool card) {
  constexpr int kSentence = 512, kPage = 1024, kConversation = 8192;
  constexpr int kWholeText = 2048;                           // of one batch, see llama_server_spec
  constexpr std::uint64_t kPromptCacheBytes = 256ull << 20;  // LlamaServerOptions::prompt_cache_mib
  const bool embedding = task == "embedding", rerank = task == "rerank";
  NeedOptions options;
  options.embeddings = embedding || rerank;
  options.context = embedding ? kSentence : rerank ? kPage : kConversation;
  if (trained_context > 0 && trained_context < static_cast<std::uint32_t>(options.context))
    options.context = static_cast<int>(trained_context);
  options.slots = embedding ? 8 : rerank || card ? 4 : 2;
  if (options.embeddings)
    options.batch = kWholeText;
  else
    options.prompt_cache_bytes = kPromptCacheBytes;
  options.gpu_layers = card ? -1 : 0;
  return options;
}

MemoryNeed memory_need(const ModelShape& shape, const NeedOptions& options) {
  MemoryNeed need = need_of_one(shape, options);
  const bool uses_gpu = options.gpu_layers != 0;
  if (options.draft != nullptr) {
    NeedOptions draft = options;
    if (options.gpu_layers > 0) draft.gpu_layers = -1;
    draft.cache_k = draft.cache_v = CacheType::f16;  // a type of its own, which we leave as it is
    add(need, need_of_one(*options.draft, draft));
  }
  if (options.projector != nullptr) {
    MemoryNeed projector;
    projector.weights = options.projector->weight_bytes;
    projector.compute = projector_compute_bytes(*options.projector);
    (uses_gpu ? projector.on_gpu : projector.on_host) = projector.weights + projector.compute;
    add(need, projector);
  }
  need.kv_cache += options.prompt_cache_bytes;
  need.on_host += options.prompt_cache_bytes;
  const std::uint64_t process = kProcessBytes + kVocabularyEntryBytes * shape.vocabulary;
  need.runtime = process + (uses_gpu ? kGpuContextBytes : 0);
  need.on_host += process;
  need.on_gpu += uses_gpu ? kGpuContextBytes : 0;
  need.total = need.on_gpu + need.on_host;
  return need;
}

std::optional<int> layers_that_fit(const ModelShape& shape, NeedOptions options,
                                   std::uint64_t gpu_budget_bytes, std::uint64_t host_budget_bytes) {
  for (int layers = static_cast<int>(shape.layers.size()) + 1; layers >= 0; --layers) {
    options.gpu_layers = layers;
    const MemoryNeed need = memory_need(shape, options);
    if (need.on_gpu > gpu_budget_bytes) continue;
    if (need.on_host <= host_budget_bytes) return layers;
    return std::nullopt;  // fewer layers on the GPU would only need more of the host
  }
  return std::nullopt;
}

std::string explain(const MemoryNeed& need, const ModelShape& shape, const NeedOptions& options) {
  std::string text = fmt::format(
      "{} needs {}: weights {}, KV cache {} ({} tokens x {}, {}/{}), work buffers {}, runtime {}",
      shape.name.empty() ? shape.architecture : shape.name, gigabytes(need.total), gigabytes(need.weights),
      gigabytes(need.kv_cache - options.prompt_cache_bytes), options.context, options.slots,
      name_of(options.cache_k), name_of(options.cache_v), gigabytes(need.compute), gigabytes(need.runtime));
  if (options.prompt_cache_bytes > 0)
    text += fmt::format(", prompts kept beside it {}", gigabytes(options.prompt_cache_bytes));
  if (need.repacked > 0) text += fmt::format(", repacked for the CPU {}", gigabytes(need.repacked));
  if (need.on_gpu > 0)
    text += fmt::format("; {} on the GPU, {} on the host", gigabytes(need.on_gpu), gigabytes(need.on_host));
  return text;
}

}  // namespace studio
