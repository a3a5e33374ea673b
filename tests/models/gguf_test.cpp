// The GGUF header reader: right headers, and every way a file can lie.
#include "models/gguf.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../fuzz/try_gguf.h"
#include "support/gguf_file.h"

namespace studio {
namespace {

using testing::GgufFile;
using ::testing::HasSubstr;
using testing::small_model;

Result<GgufHeader> parse(const std::string& bytes) {
  return parse_gguf_header(bytes, bytes.size(), "x.gguf");
}

std::string error_of(const std::string& bytes) {
  const auto header = parse(bytes);
  if (header) return "accepted";
  EXPECT_EQ(header.error().kind, ErrorKind::invalid_input);
  EXPECT_THAT(header.error().message, HasSubstr("x.gguf"));
  return header.error().message;
}

TEST(Gguf, ReadsMetadataAndTensors) {
  const auto header = parse(small_model(2).bytes());
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->version, 3u);
  EXPECT_EQ(header->text("general.architecture"), "llama");
  EXPECT_EQ(header->integer("llama.block_count"), 2u);
  EXPECT_EQ(header->array("tokenizer.ggml.tokens")->count, 1000u);
  EXPECT_EQ(header->tensors.size(), 11u);
  EXPECT_EQ(header->tensors[0].bytes, 128'000u);
  EXPECT_EQ(header->integer("nothing"), std::nullopt);
}

TEST(Gguf, KeepsTheNumbersOfShortArrays) {
  const auto header = parse(small_model().u32s("llama.heads", {4, 4, 2, 8}).bytes());
  ASSERT_TRUE(header);
  EXPECT_THAT(header->array("llama.heads")->numbers, ::testing::ElementsAre(4, 4, 2, 8));
}

TEST(Gguf, ReadsFilesAndMemoryAlike) {
  const auto folder = *ScratchFolder::create();
  const std::string bytes = small_model().bytes();
  ASSERT_TRUE(write_file_atomic(folder.path() / "m.gguf", bytes));
  const auto header = read_gguf_header(folder.path() / "m.gguf");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->data_offset, parse(bytes)->data_offset);
  EXPECT_EQ(read_gguf_header(folder.path() / "none.gguf").error().kind, ErrorKind::not_found);
  EXPECT_EQ(read_gguf_header(folder.path()).error().kind, ErrorKind::invalid_input);
}

TEST(Gguf, RefusesEveryCutOffFile) {
  const std::string bytes = small_model(1).bytes();
  for (std::size_t size = 0; size + 32 <= bytes.size(); size += size < 2048 ? 1 : 997)
    EXPECT_NE(error_of(bytes.substr(0, size)), "accepted") << size;
}

TEST(Gguf, SaysWhichTensorIsCutOff) {
  const std::string bytes = small_model(1).bytes();
  EXPECT_THAT(error_of(bytes.substr(0, bytes.size() - 4096)), HasSubstr("blk.0.ffn_up.weight"));
}

TEST(Gguf, RefusesOtherFiles) {
  EXPECT_THAT(error_of(""), HasSubstr("does not begin with GGUF"));
  EXPECT_THAT(error_of("<!DOCTYPE html><html>401 Unauthorized</html>"),
              HasSubstr("does not begin with GGUF"));
  std::string bytes = small_model().bytes();
  bytes[4] = 9;
  EXPECT_THAT(error_of(bytes), HasSubstr("version is 9"));
  EXPECT_THAT(error_of(std::string("GGUF\0\0\0\3", 8) + std::string(64, '\0')), HasSubstr("big-endian"));
}

TEST(Gguf, LiesAboutCountsCostNothing) {
  std::string bytes = small_model().bytes();
  for (const std::size_t at : {8u, 16u}) {  // tensors, metadata
    std::string lie = bytes;
    lie.replace(at, 8, 8, '\xff');
    EXPECT_THAT(error_of(lie), HasSubstr("claims"));
  }
  std::string lie = bytes;
  lie.replace(24, 8, 8, '\x7f');  // the first key's length
  EXPECT_THAT(error_of(lie), HasSubstr("cut off"));
}

TEST(Gguf, RefusesTheSameKeyTwice) {
  EXPECT_THAT(error_of(small_model().text("general.name", "Other").bytes()), HasSubstr("twice"));
}

TEST(Gguf, RefusesTensorsNoFileHolds) {
  EXPECT_THAT(error_of(small_model().tensor("huge", 0, {1ull << 40, 1ull << 40}, 32).bytes()),
              HasSubstr("huge"));
  EXPECT_THAT(error_of(small_model().tensor("flat", 0, {0, 5}, 32).bytes()), HasSubstr("flat"));
}

TEST(Gguf, MeasuresATypeItDoesNotKnowByItsPlace) {
  const auto header = parse(small_model().tensor("new", 200, {64, 8}, 320).tensor("end", 0, {8}, 32).bytes());
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->tensors[header->tensors.size() - 2].bytes, 320u);
}

TEST(Gguf, SurvivesDamage) {
  const std::string bytes = small_model(3).bytes();
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes.substr(0, 4096);
    for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    (void)parse_gguf_header(damaged, bytes.size(), "x.gguf");
  }
}

// What the fuzzer started from or once broke something with.
TEST(Gguf, SurvivesTheCorpus) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(Path(STUDIO_SOURCE_DIR) / "fuzz/corpus/fuzz_gguf")) {
    fuzz::try_gguf(read_file(entry.path()).value());
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST(Gguf, FindsTheFilesOfASplitModel) {
  const auto files = gguf_split_files("/m/big-q4-00002-of-00003.gguf");
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0], "/m/big-q4-00001-of-00003.gguf");
  EXPECT_EQ(gguf_split_files("/m/plain.gguf").size(), 1u);
  EXPECT_EQ(gguf_split_files("/m/odd-0000x-of-00003.gguf").size(), 1u);
}

TEST(Gguf, KnowsTheBytesOfTypes) {
  EXPECT_EQ(ggml_bytes(0, 3), 12u);
  EXPECT_EQ(ggml_bytes(12, 512), 288u);  // Q4_K
  EXPECT_EQ(ggml_bytes(4, 32), std::nullopt);
  EXPECT_EQ(ggml_bytes(999, 32), std::nullopt);
  EXPECT_EQ(ggml_type_name(12), "Q4_K");
}

}  // namespace
}  // namespace studio
