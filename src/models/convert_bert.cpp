// BERT to GGUF. Names of keys and tensors: llama.cpp's gguf-py/gguf/constants.py (architecture "bert").
#include "models/convert_bert.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/gguf_writer.h"
#include "models/safetensors.h"

namespace studio {
namespace {

constexpr std::uint32_t kF32 = 0, kF16 = 1;
constexpr std::uint32_t kMeanPooling = 1;
constexpr std::int32_t kNormalToken = 1, kControlToken = 3;  // llama_token_type

struct Shape {
  std::uint32_t layers = 0, width = 0, feed_forward = 0, heads = 0, positions = 0, token_types = 0;
  float epsilon = 0;
};

std::unexpected<Error> reject(const Path& file, std::string_view what) {
  return fail(ErrorKind::invalid_input, fmt::format("convert {}: {}", file.string(), what),
              "get the file again");
}

Result<Shape> read_config(const Path& file) {
  TRY_ASSIGN(const Json config, read_json_file(file));
  JsonReader reader(config, file.string());
  if (reader.string("model_type", "") != "bert" || reader.string("hidden_act", "gelu") != "gelu" ||
      reader.string("position_embedding_type", "absolute") != "absolute")
    return fail(
        ErrorKind::unsupported,
        fmt::format("convert {}: only BERT with GELU and absolute positions is known", file.string()));
  const auto size = [&](const char* key) {
    const std::int64_t value = reader.integer(key, 0);
    if (value < 1 || value > 1'000'000) reader.reject(key, "a number from 1 to 1000000 is expected");
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, 1'000'000));
  };
  Shape shape;
  shape.layers = size("num_hidden_layers");
  shape.width = size("hidden_size");
  shape.feed_forward = size("intermediate_size");
  shape.heads = size("num_attention_heads");
  shape.positions = size("max_position_embeddings");
  shape.token_types = size("type_vocab_size");
  shape.epsilon = static_cast<float>(reader.number("layer_norm_eps", 1e-12));
  TRY(reader.result());
  return shape;
}

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
};

// WordPiece marks what continues a word ("##ing"); llama.cpp marks what begins one (U+2581), as
// SentencePiece does.
Result<Vocabulary> read_vocabulary(const Path& file, GgufWriter& out) {
  TRY_ASSIGN(const std::string text, read_file(file, 64u << 20));
  static const std::pair<std::string_view, std::string_view> kSpecial[] = {
      {"[UNK]", "tokenizer.ggml.unknown_token_id"},
      {"[SEP]", "tokenizer.ggml.seperator_token_id"},  // spelled so in the format
      {"[PAD]", "tokenizer.ggml.padding_token_id"},
      {"[CLS]", "tokenizer.ggml.cls_token_id"},
      {"[MASK]", "tokenizer.ggml.mask_token_id"}};
  Vocabulary vocabulary;
  std::size_t special = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const auto* found = std::ranges::find(kSpecial, std::string_view(line),
                                          &std::pair<std::string_view, std::string_view>::first);
    if (found != std::end(kSpecial)) {
      ++special;
      out.u32(found->second, static_cast<std::uint32_t>(vocabulary.tokens.size()));
      vocabulary.tokens.push_back(line);
      vocabulary.types.push_back(kControlToken);
    } else {
      vocabulary.tokens.push_back(line.starts_with("##") ? line.substr(2) : "\xe2\x96\x81" + line);
      vocabulary.types.push_back(kNormalToken);
    }
  }
  if (special != std::size(kSpecial))
    return reject(file, "one of [UNK] [SEP] [PAD] [CLS] [MASK] is missing or double");
  return vocabulary;
}

// The GGUF name of a published tensor; nothing for what a sentence's vector does not need (the pooler,
// position numbers).
std::optional<std::string> gguf_name(std::string_view name) {
  if (name.starts_with("bert.")) name.remove_prefix(5);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view part = name.substr(0, dot), suffix = name.substr(dot);
  static const std::pair<std::string_view, std::string_view> kOutside[] = {
      {"embeddings.word_embeddings", "token_embd"},
      {"embeddings.position_embeddings", "position_embd"},
      {"embeddings.token_type_embeddings", "token_types"},
      {"embeddings.LayerNorm", "token_embd_norm"}};
  static const std::pair<std::string_view, std::string_view> kInLayer[] = {
      {"attention.self.query", "attn_q"},
      {"attention.self.key", "attn_k"},
      {"attention.self.value", "attn_v"},
      {"attention.output.dense", "attn_output"},
      {"attention.output.LayerNorm", "attn_output_norm"},
      {"intermediate.dense", "ffn_up"},
      {"output.dense", "ffn_down"},
      {"output.LayerNorm", "layer_output_norm"}};
  for (const auto& [from, to] : kOutside)
    if (part == from) return fmt::format("{}{}", to, suffix);
  constexpr std::string_view kLayer = "encoder.layer.";
  if (!part.starts_with(kLayer)) return std::nullopt;
  const std::string_view rest = part.substr(kLayer.size());
  const std::size_t after = rest.find('.');
  if (after == std::string_view::npos) return std::nullopt;
  for (const auto& [from, to] : kInLayer)
    if (rest.substr(after + 1) == from) return fmt::format("blk.{}.{}{}", rest.substr(0, after), to, suffix);
  return std::nullopt;
}

// Matrices that are multiplied are halved; the small tables that are added stay exact.
bool is_halved(std::string_view name, const SafeTensor& tensor) {
  return tensor.shape.size() == 2 && !name.starts_with("token_types") && !name.starts_with("position_embd");
}

void add_tensor(GgufWriter& out, const SafeTensors& weights, const std::string& name,
                const SafeTensor& tensor) {
  const bool halved = is_halved(name, tensor);
  const std::vector<std::uint64_t> dimensions(tensor.shape.rbegin(), tensor.shape.rend());
  out.tensor(name, halved ? kF16 : kF32, dimensions, tensor.values * (halved ? 2 : 4),
             [&weights, tensor, halved](std::ostream& stream) -> Result<void> {
               TRY_ASSIGN(const std::vector<float> values, weights.floats(tensor));
               if (halved) {
                 std::vector<std::uint16_t> halves(values.size());
                 std::ranges::transform(values, halves.begin(), half_of);
                 stream.write(reinterpret_cast<const char*>(halves.data()),
                              static_cast<std::streamsize>(halves.size() * sizeof(std::uint16_t)));
               } else {
                 stream.write(reinterpret_cast<const char*>(values.data()),
                              static_cast<std::streamsize>(values.size() * sizeof(float)));
               }
               return {};
             });
}

// Word, position and type tables with their norm, and sixteen tensors a layer.
Result<void> require_all(const std::vector<std::pair<std::string, SafeTensor>>& tensors, const Shape& shape,
                         std::size_t tokens, const Path& file) {
  const std::size_t expected = 5 + 16 * std::size_t{shape.layers};
  if (tensors.size() != expected)
    return reject(file,
                  fmt::format("{} tensors of an encoder are in it instead of {}", tensors.size(), expected));
  const auto require = [&](std::string_view name, std::vector<std::uint64_t> size) -> Result<void> {
    for (const auto& [found, tensor] : tensors)
      if (found == name) {
        if (tensor.shape == size) return {};
        return reject(file, fmt::format("the tensor {} has another size than config.json says", tensor.name));
      }
    return reject(file, fmt::format("the tensor for {} is missing", name));
  };
  TRY(require("token_embd.weight", {tokens, shape.width}));
  TRY(require("position_embd.weight", {shape.positions, shape.width}));
  TRY(require("token_types.weight", {shape.token_types, shape.width}));
  for (std::uint32_t i = 0; i < shape.layers; ++i) {
    TRY(require(fmt::format("blk.{}.attn_q.weight", i), {shape.width, shape.width}));
    TRY(require(fmt::format("blk.{}.ffn_up.weight", i), {shape.feed_forward, shape.width}));
    TRY(require(fmt::format("blk.{}.ffn_down.weight", i), {shape.width, shape.feed_forward}));
  }
  return {};
}

}  // namespace

Result<void> convert_bert_to_gguf(const Path& folder, const Path& target, std::string_view name) {
  TRY_ASSIGN(const Shape shape, read_config(folder / "config.json"));
  const Path weights_file = folder / "model.safetensors";
  TRY_ASSIGN(const SafeTensors weights, SafeTensors::open(weights_file));
  GgufWriter out;
  out.text("general.architecture", "bert");
  out.text("general.type", "model");
  out.text("general.name", name);
  out.u32("general.file_type", kF16);
  out.u32("bert.block_count", shape.layers);
  out.u32("bert.context_length", shape.positions);
  out.u32("bert.embedding_length", shape.width);
  out.u32("bert.feed_forward_length", shape.feed_forward);
  out.u32("bert.attention.head_count", shape.heads);
  out.f32("bert.attention.layer_norm_epsilon", shape.epsilon);
  out.flag("bert.attention.causal", false);
  out.u32("bert.pooling_type", kMeanPooling);
  out.text("tokenizer.ggml.model", "bert");
  out.text("tokenizer.ggml.pre", "default");
  out.u32("tokenizer.ggml.token_type_count", shape.token_types);
  TRY_ASSIGN(const Vocabulary vocabulary, read_vocabulary(folder / "vocab.txt", out));
  out.texts("tokenizer.ggml.tokens", vocabulary.tokens);
  out.i32s("tokenizer.ggml.token_type", vocabulary.types);
  std::vector<std::pair<std::string, SafeTensor>> tensors;
  for (const SafeTensor& tensor : weights.tensors())
    if (auto to = gguf_name(tensor.name)) tensors.emplace_back(*std::move(to), tensor);
  TRY(require_all(tensors, shape, vocabulary.tokens.size(), weights_file));
  for (const auto& [to, tensor] : tensors) add_tensor(out, weights, to, tensor);
  return out.write(target);
}

}  // namespace studio
