// Published sentence encoders to GGUF: values, names, and every way the published files can be damaged.
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "models/convert_bert.h"
#include "models/gguf.h"
#include "models/memory_need.h"
#include "models/safetensors.h"

namespace studio {
namespace {

using ::testing::HasSubstr;

TEST(Half, RoundsToTheNearestAndToEvenOnATie) {
  EXPECT_EQ(half_of(0.0f), 0x0000);
  EXPECT_EQ(half_of(-0.0f), 0x8000);
  EXPECT_EQ(half_of(1.0f), 0x3c00);
  EXPECT_EQ(half_of(-2.0f), 0xc000);
  EXPECT_EQ(half_of(65504.0f), 0x7bff);  // the largest
  EXPECT_EQ(half_of(65519.0f), 0x7bff);  // still nearer to it
  EXPECT_EQ(half_of(65520.0f), 0x7c00);  // the tie goes to infinity
  EXPECT_EQ(half_of(1e30f), 0x7c00);
  EXPECT_EQ(half_of(std::ldexp(1.0f, -24)), 0x0001);             // the smallest
  EXPECT_EQ(half_of(std::ldexp(1.0f, -25)), 0x0000);             // a tie, to even
  EXPECT_EQ(half_of(std::ldexp(1.5f, -24)), 0x0002);             // a tie, to even
  EXPECT_EQ(half_of(std::ldexp(1.0f, -14)), 0x0400);             // the smallest normal
  EXPECT_EQ(half_of(1.0f + std::ldexp(1.0f, -11)), 0x3c00);      // a tie, to even
  EXPECT_EQ(half_of(1.0f + 3 * std::ldexp(1.0f, -11)), 0x3c02);  // a tie, to even
  EXPECT_EQ(half_of(1.0f + 1.01f * std::ldexp(1.0f, -11)), 0x3c01);
  EXPECT_EQ(half_of(std::nanf("")) & 0x7e00, 0x7e00);
}

TEST(Half, EveryHalfComesBackAsItWas) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = float_of_half(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(half_of(value), bits) << value;
  }
}

// A published encoder: one layer, 4 wide, feed-forward 8, two heads, six words.
struct ConvertTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  Json config = {{"model_type", "bert"},          {"hidden_act", "gelu"},
                 {"num_hidden_layers", 1},        {"hidden_size", 4},
                 {"intermediate_size", 8},        {"num_attention_heads", 2},
                 {"max_position_embeddings", 16}, {"type_vocab_size", 2},
                 {"layer_norm_eps", 1e-12}};
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfilm\n##s\n";
  Json table = Json::object();
  std::string data;

  void SetUp() override {
    add("embeddings.word_embeddings.weight", {7, 4});
    add("embeddings.position_embeddings.weight", {16, 4});
    add("embeddings.token_type_embeddings.weight", {2, 4});
    add("embeddings.LayerNorm.weight", {4});
    add("embeddings.LayerNorm.bias", {4});
    const std::string layer = "encoder.layer.0.";
    for (const char* name :
         {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"}) {
      add(layer + name + ".weight", {4, 4});
      add(layer + name + ".bias", {4});
    }
    for (const char* name : {"attention.output.LayerNorm", "output.LayerNorm"}) {
      add(layer + name + ".weight", {4});
      add(layer + name + ".bias", {4});
    }
    add(layer + "intermediate.dense.weight", {8, 4});
    add(layer + "intermediate.dense.bias", {8});
    add(layer + "output.dense.weight", {4, 8});
    add(layer + "output.dense.bias", {4});
    add("pooler.dense.weight", {4, 4});  // published, but not part of a sentence's vector
  }
  void add(const std::string& name, std::vector<std::uint64_t> shape, const char* type = "F32") {
    std::uint64_t values = 1;
    for (const std::uint64_t size : shape) values *= size;
    const std::size_t begin = data.size();
    for (std::uint64_t i = 0; i < values; ++i) {
      const float value = 0.25f * static_cast<float>(i) - 1;
      data.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    table[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string tensors() const {
    const std::string text = to_text(table, -1);
    const std::uint64_t size = text.size();
    return std::string(reinterpret_cast<const char*>(&size), sizeof size) + text + data;
  }
  Result<GgufHeader> convert() { return convert(tensors()); }
  Result<GgufHeader> convert(const std::string& safetensors) {
    // Not flushed to the disk each time, as write_file_atomic would.
    const auto write = [this](const char* name, const std::string& text) {
      std::ofstream(folder.path() / name, std::ios::binary) << text;
    };
    write("config.json", to_text(config));
    write("vocab.txt", vocabulary);
    write("model.safetensors", safetensors);
    TRY(convert_bert_to_gguf(folder.path(), folder.path() / "out.gguf", "tiny"));
    return read_gguf_header(folder.path() / "out.gguf");
  }
};

TEST_F(ConvertTest, WritesWhatTheEngineReads) {
  const auto header = convert();
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->text("general.architecture"), "bert");
  EXPECT_EQ(header->integer("bert.pooling_type"), 1u);
  EXPECT_EQ(header->boolean("bert.attention.causal"), false);
  EXPECT_EQ(header->integer("tokenizer.ggml.cls_token_id"), 2u);
  EXPECT_EQ(header->array("tokenizer.ggml.tokens")->count, 7u);
  EXPECT_EQ(header->tensors.size(), 21u) << "five tables and sixteen tensors of the layer, no pooler";
  const auto shape = gguf_shape(*header, "out.gguf");
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->task, "embedding");
  EXPECT_EQ(shape->embedding_dimensions, 4u);
  const std::string bytes = *read_file(folder.path() / "out.gguf");
  EXPECT_THAT(bytes, HasSubstr("\xe2\x96\x81"
                               "film"));
  for (const GgufTensor& tensor : header->tensors)
    if (tensor.name == "blk.0.ffn_up.weight") {
      EXPECT_EQ(tensor.type, 1u);
      EXPECT_THAT(tensor.dimensions, ::testing::ElementsAre(4, 8)) << "columns first";
      std::uint16_t third = 0;
      std::memcpy(&third, bytes.data() + header->data_offset + tensor.offset + 4, sizeof third);
      EXPECT_EQ(float_of_half(third), -0.5f);
    }
}

TEST_F(ConvertTest, TheSameFilesGiveTheSameBytes) {
  ASSERT_TRUE(convert());
  const std::string first = *read_file(folder.path() / "out.gguf");
  ASSERT_TRUE(convert());
  EXPECT_EQ(*read_file(folder.path() / "out.gguf"), first);
}

TEST_F(ConvertTest, OtherArchitecturesAreNotTaken) {
  config["model_type"] = "roberta";
  EXPECT_EQ(convert().error().kind, ErrorKind::unsupported);
}

TEST_F(ConvertTest, WhatDoesNotFitTogetherIsNamed) {
  config["hidden_size"] = 8;
  EXPECT_THAT(convert().error().message, HasSubstr("embeddings.word_embeddings.weight"));
  config["hidden_size"] = 4;
  config["num_hidden_layers"] = 2;
  EXPECT_THAT(convert().error().message, HasSubstr("21 tensors"));
  config["num_hidden_layers"] = -1;
  EXPECT_THAT(convert().error().message, HasSubstr("num_hidden_layers"));
  config["num_hidden_layers"] = 1;
  vocabulary += "more\n";
  EXPECT_THAT(convert().error().message, HasSubstr("word_embeddings"));
  vocabulary = "film\n";
  EXPECT_THAT(convert().error().message, HasSubstr("vocab.txt"));
}

TEST_F(ConvertTest, IntegersAreNoWeights) {
  table["encoder.layer.0.output.dense.bias"]["dtype"] = "I32";
  const auto header = convert();
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().kind, ErrorKind::unsupported);
}

TEST_F(ConvertTest, DamagedTensorFilesAreRefused) {
  const std::string whole = tensors();
  for (std::size_t size = 0; size < whole.size(); size += size < 100 ? 1 : 131)
    EXPECT_FALSE(convert(whole.substr(0, size))) << size;
  std::string lie = whole;
  lie.replace(0, 8, 8, '\xff');
  EXPECT_THAT(convert(lie).error().message, HasSubstr("table"));
  table["embeddings.LayerNorm.bias"]["data_offsets"] = {0, 1ull << 62};
  EXPECT_THAT(convert().error().message, HasSubstr("outside"));
  table["embeddings.LayerNorm.bias"]["data_offsets"] = {4, 0};
  EXPECT_THAT(convert().error().message, HasSubstr("outside"));
  table["embeddings.LayerNorm.bias"]["shape"] = {1ull << 62, 4};
  EXPECT_THAT(convert().error().message, HasSubstr("outside"));
  table["embeddings.LayerNorm.bias"] = 5;
  EXPECT_FALSE(convert());
}

TEST_F(ConvertTest, SurvivesRandomDamage) {
  const std::string whole = tensors();
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string damaged = whole;
    for (int i = 0; i < 3; ++i) damaged[random() % 1500] = static_cast<char>(random());
    (void)convert(damaged);
  }
}

}  // namespace
}  // namespace studio
