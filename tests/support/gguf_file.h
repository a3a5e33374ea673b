// Writes GGUF files byte by byte, right and wrong ones: for readers that must survive any of them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace studio::testing {

class GgufFile {
 public:
  GgufFile& text(std::string_view key, std::string_view value) {
    add_key(key, 8);
    add_string(metadata_, value);
    return *this;
  }
  GgufFile& u32(std::string_view key, std::uint32_t value) {
    add_key(key, 4);
    add(metadata_, value);
    return *this;
  }
  GgufFile& f32(std::string_view key, float value) {
    add_key(key, 6);
    add(metadata_, value);
    return *this;
  }
  GgufFile& flag(std::string_view key, bool value) {
    add_key(key, 7);
    metadata_ += value ? '\1' : '\0';
    return *this;
  }
  GgufFile& texts(std::string_view key, std::size_t count) {
    add_key(key, 9);
    add(metadata_, std::uint32_t{8});
    add(metadata_, std::uint64_t{count});
    for (std::size_t i = 0; i < count; ++i) add_string(metadata_, "token" + std::to_string(i));
    return *this;
  }
  GgufFile& texts(std::string_view key, const std::vector<std::string>& values) {
    add_key(key, 9);
    add(metadata_, std::uint32_t{8});
    add(metadata_, std::uint64_t{values.size()});
    for (const std::string& value : values) add_string(metadata_, value);
    return *this;
  }
  GgufFile& i32s(std::string_view key, const std::vector<std::int32_t>& values) {
    return numbers(key, 5, values);
  }
  GgufFile& f32s(std::string_view key, const std::vector<float>& values) { return numbers(key, 6, values); }
  GgufFile& u32s(std::string_view key, const std::vector<std::uint32_t>& values) {
    return numbers(key, 4, values);
  }
  // `bytes` of zeros as its data, which must be what the type takes.
  GgufFile& tensor(std::string_view name, std::uint32_t type, std::vector<std::uint64_t> dimensions,
                   std::uint64_t bytes) {
    return tensor(name, type, std::move(dimensions), std::string(static_cast<std::size_t>(bytes), '\0'));
  }
  GgufFile& tensor(std::string_view name, std::uint32_t type, std::vector<std::uint64_t> dimensions,
                   const std::string& data) {
    ++tensors_;
    add_string(table_, name);
    add(table_, static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t size : dimensions) add(table_, size);
    add(table_, type);
    add(table_, std::uint64_t{data_.size()});
    data_ += data;
    data_.append((32 - data_.size() % 32) % 32, '\0');
    return *this;
  }
  std::string bytes() const {
    std::string out = "GGUF";
    add(out, std::uint32_t{3});
    add(out, std::uint64_t{tensors_});
    add(out, std::uint64_t{pairs_});
    out += metadata_ + table_;
    out.append((32 - out.size() % 32) % 32, '\0');
    return out + data_;
  }

 private:
  template <typename T>
  static void add(std::string& to, T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof value);
    to.append(raw, sizeof raw);
  }
  template <typename T>
  GgufFile& numbers(std::string_view key, std::uint32_t type, const std::vector<T>& values) {
    add_key(key, 9);
    add(metadata_, type);
    add(metadata_, std::uint64_t{values.size()});
    for (const T value : values) add(metadata_, value);
    return *this;
  }
  static void add_string(std::string& to, std::string_view value) {
    add(to, std::uint64_t{value.size()});
    to += value;
  }
  void add_key(std::string_view key, std::uint32_t type) {
    ++pairs_;
    add_string(metadata_, key);
    add(metadata_, type);
  }

  std::uint64_t tensors_ = 0, pairs_ = 0;
  std::string metadata_, table_, data_;
};

// A chat model of `layers` small layers whose sizes are easily counted: 64 wide, 2 of 4 heads for
// keys and values, feed-forward 256, F16 throughout.
inline GgufFile small_model(std::uint32_t layers = 4, std::string_view architecture = "llama") {
  const std::string prefix = std::string(architecture) + ".";
  GgufFile file;
  file.text("general.architecture", architecture)
      .text("general.name", "Small")
      .u32(prefix + "block_count", layers)
      .u32(prefix + "context_length", 4096)
      .u32(prefix + "embedding_length", 64)
      .u32(prefix + "feed_forward_length", 256)
      .u32(prefix + "attention.head_count", 4)
      .u32(prefix + "attention.head_count_kv", 2)
      .texts("tokenizer.ggml.tokens", 1000)
      .tensor("token_embd.weight", 1, {64, 1000}, 128'000)
      .tensor("output.weight", 1, {64, 1000}, 128'000)
      .tensor("output_norm.weight", 0, {64}, 256);
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    file.tensor(block + "attn_q.weight", 1, {64, 64}, 8192)
        .tensor(block + "attn_k.weight", 1, {64, 32}, 4096)
        .tensor(block + "attn_v.weight", 1, {64, 32}, 4096)
        .tensor(block + "ffn_up.weight", 1, {64, 256}, 32'768);
  }
  return file;
}

}  // namespace studio::testing
