// Models of some kilobytes with random weights that the real engine loads: what they answer means nothing,
// that they are asked rightly does.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/gguf_file.h"

namespace studio::testing {

constexpr std::int32_t kNormalToken = 1, kControlToken = 3;  // llama_token_type

// Tensors of 32-bit floats, the same each time.
class TinyModel {
 public:
  GgufFile file;

  void random(const std::string& name, std::vector<std::uint64_t> dimensions) {
    std::normal_distribution<float> normal(0, 0.3f);
    add(name, std::move(dimensions), [&] { return normal(random_); });
  }
  void linear(const std::string& name, std::uint64_t from, std::uint64_t to) {
    random(name + ".weight", {from, to});
    random(name + ".bias", {to});
  }
  // One times what comes in.
  void norm(const std::string& name, std::uint64_t width, bool with_bias) {
    add(name + ".weight", {width}, [] { return 1.0f; });
    if (with_bias) add(name + ".bias", {width}, [] { return 0.0f; });
  }

 private:
  template <typename Value>
  void add(const std::string& name, std::vector<std::uint64_t> dimensions, Value value) {
    std::uint64_t values = 1;
    for (const std::uint64_t size : dimensions) values *= size;
    std::string raw;
    for (std::uint64_t i = 0; i < values; ++i) {
      const float number = value();
      raw.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    file.tensor(name, 0, std::move(dimensions), raw);
  }
  std::mt19937 random_{7};
};

// A BERT with a head that gives one number for a pair of texts (pooling type 4).
inline std::string tiny_reranker() {
  constexpr std::uint64_t kWidth = 32, kFeedForward = 64, kPositions = 128;
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  std::vector<std::int32_t> types(tokens.size(), kControlToken);
  for (const char* word :
       {"how", "to", "cut", "a", "film", "into", "shots", "bake", "bread", "at", "home", "weather"}) {
    tokens.push_back(std::string("\xe2\x96\x81") + word);
    types.push_back(kNormalToken);
  }
  TinyModel model;
  model.file.text("general.architecture", "bert")
      .text("general.name", "Tiny reranker")
      .u32("general.file_type", 0)
      .u32("bert.block_count", 2)
      .u32("bert.context_length", kPositions)
      .u32("bert.embedding_length", kWidth)
      .u32("bert.feed_forward_length", kFeedForward)
      .u32("bert.attention.head_count", 2)
      .f32("bert.attention.layer_norm_epsilon", 1e-12f)
      .flag("bert.attention.causal", false)
      .u32("bert.pooling_type", 4)
      .text("tokenizer.ggml.model", "bert")
      .text("tokenizer.ggml.pre", "default")
      .u32("tokenizer.ggml.token_type_count", 2)
      .u32("tokenizer.ggml.padding_token_id", 0)
      .u32("tokenizer.ggml.unknown_token_id", 1)
      .u32("tokenizer.ggml.cls_token_id", 2)
      .u32("tokenizer.ggml.seperator_token_id", 3)  // spelled so in the format
      .u32("tokenizer.ggml.mask_token_id", 4)
      .u32("tokenizer.ggml.bos_token_id", 2)
      .texts("tokenizer.ggml.tokens", tokens)
      .i32s("tokenizer.ggml.token_type", types);
  model.random("token_embd.weight", {kWidth, tokens.size()});
  model.random("position_embd.weight", {kWidth, kPositions});
  model.random("token_types.weight", {kWidth, 2});
  model.norm("token_embd_norm", kWidth, true);
  for (const std::string block : {"blk.0.", "blk.1."}) {
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"})
      model.linear(block + part, kWidth, kWidth);
    model.norm(block + "attn_output_norm", kWidth, true);
    model.linear(block + "ffn_up", kWidth, kFeedForward);
    model.linear(block + "ffn_down", kFeedForward, kWidth);
    model.norm(block + "layer_output_norm", kWidth, true);
  }
  model.linear("cls", kWidth, kWidth);
  model.linear("cls.output", kWidth, 1);
  return model.file.bytes();
}

// GPT-2's letters for the 256 bytes: those that print stand for themselves, the others are moved to U+0100.
inline std::vector<std::string> byte_tokens() {
  std::vector<std::string> tokens;
  unsigned moved = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const unsigned letter = prints ? byte : moved++;
    std::string text;
    if (letter < 0x80)
      text += static_cast<char>(letter);
    else
      text = {static_cast<char>(0xc0 | letter >> 6), static_cast<char>(0x80 | (letter & 0x3f))};
    tokens.push_back(text);
  }
  return tokens;
}

constexpr std::uint64_t kChatWidth = 32;

// A Llama that knows bytes.
inline std::string tiny_chat_model() {
  constexpr std::uint64_t kFeedForward = 64;
  std::vector<std::string> tokens = byte_tokens();
  std::vector<std::int32_t> types(tokens.size(), kNormalToken);
  tokens.insert(tokens.end(), {"ab", "<|im_start|>", "<|im_end|>"});
  types.insert(types.end(), {kNormalToken, kControlToken, kControlToken});
  const auto end = static_cast<std::uint32_t>(tokens.size() - 1);
  TinyModel model;
  model.file.text("general.architecture", "llama")
      .text("general.name", "Tiny chat")
      .u32("general.file_type", 0)
      .u32("llama.block_count", 2)
      .u32("llama.context_length", 2048)
      .u32("llama.embedding_length", kChatWidth)
      .u32("llama.feed_forward_length", kFeedForward)
      .u32("llama.attention.head_count", 2)
      .u32("llama.attention.head_count_kv", 2)
      .f32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "gpt-2")
      .u32("tokenizer.ggml.bos_token_id", end - 1)
      .u32("tokenizer.ggml.eos_token_id", end)
      .texts("tokenizer.ggml.tokens", tokens)
      .i32s("tokenizer.ggml.token_type", types)
      .texts("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  model.random("token_embd.weight", {kChatWidth, tokens.size()});
  model.norm("output_norm", kChatWidth, false);
  model.random("output.weight", {kChatWidth, tokens.size()});
  for (const std::string block : {"blk.0.", "blk.1."}) {
    model.norm(block + "attn_norm", kChatWidth, false);
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"})
      model.random(block + part + ".weight", {kChatWidth, kChatWidth});
    model.norm(block + "ffn_norm", kChatWidth, false);
    model.random(block + "ffn_gate.weight", {kChatWidth, kFeedForward});
    model.random(block + "ffn_up.weight", {kChatWidth, kFeedForward});
    model.random(block + "ffn_down.weight", {kFeedForward, kChatWidth});
  }
  return model.file.bytes();
}

// A CLIP of pictures of 28 x 28 points in four patches, and LLaVA's projector into tiny_chat_model().
inline std::string tiny_projector() {
  constexpr std::uint64_t kWidth = 32, kPatch = 14, kPatches = 4;
  TinyModel model;
  model.file.text("general.architecture", "clip")
      .text("general.name", "Tiny projector")
      .u32("general.file_type", 0)
      .flag("clip.has_vision_encoder", true)
      .text("clip.projector_type", "mlp")
      .u32("clip.vision.image_size", 28)
      .u32("clip.vision.patch_size", kPatch)
      .u32("clip.vision.embedding_length", kWidth)
      .u32("clip.vision.feed_forward_length", kWidth)
      .u32("clip.vision.projection_dim", kChatWidth)
      .u32("clip.vision.attention.head_count", 2)
      .f32("clip.vision.attention.layer_norm_epsilon", 1e-5f)
      .u32("clip.vision.block_count", 2)
      .f32s("clip.vision.image_mean", {0.5f, 0.5f, 0.5f})
      .f32s("clip.vision.image_std", {0.25f, 0.25f, 0.25f})
      .flag("clip.use_gelu", true);
  model.random("v.class_embd", {kWidth});
  model.random("v.patch_embd.weight", {kPatch, kPatch, 3, kWidth});
  model.random("v.position_embd.weight", {kWidth, kPatches + 1});
  model.norm("v.pre_ln", kWidth, true);
  for (const std::string block : {"v.blk.0.", "v.blk.1."}) {
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_out", "ffn_up", "ffn_down"})
      model.linear(block + part, kWidth, kWidth);
    model.norm(block + "ln1", kWidth, true);
    model.norm(block + "ln2", kWidth, true);
  }
  model.linear("mm.0", kWidth, kChatWidth);
  model.linear("mm.2", kChatWidth, kChatWidth);
  return model.file.bytes();
}

}  // namespace studio::testing
