// What a model will take: computed from its header, offloaded in part, corrected by what was measured.
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/model_roster.h"
#include "support/gguf_file.h"

namespace studio {
namespace {

struct NeedEstimateTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  MeasuredPeaks peaks{folder.path() / "peaks.db"};
  ShapeCache shapes;
  RosterModel model;

  NeedEstimateTest() {
    model.id = "small";
    model.task = "chat";
    model.start.file = folder.path() / "small.gguf";
    std::ofstream(model.start.file, std::ios::binary) << testing::small_model(8).bytes();
  }
  NeedEstimate estimate(const MemoryRoom& room) { return estimate_need(model, room, peaks, shapes); }
};

constexpr std::uint64_t kPlenty = 1ull << 40;

TEST_F(NeedEstimateTest, WithoutACardAllIsOnTheHost) {
  const NeedEstimate need = estimate({false, {0, kPlenty}});
  EXPECT_EQ(need.need.gpu, 0u);
  EXPECT_GT(need.need.host, 0u);
  EXPECT_FALSE(need.gpu_layers.has_value());
}

TEST_F(NeedEstimateTest, WhatDoesNotFitOntoTheCardWholeGetsTheLayersThatFit) {
  const NeedEstimate whole = estimate({true, {kPlenty, kPlenty}});
  ASSERT_GT(whole.need.gpu, 0u);
  EXPECT_FALSE(whole.gpu_layers.has_value()) << "all of it is the engine's default";
  const NeedEstimate part = estimate({true, {whole.need.gpu - 1, kPlenty}});
  ASSERT_TRUE(part.gpu_layers.has_value());
  EXPECT_LE(part.need.gpu, whole.need.gpu - 1);
  EXPECT_GT(part.need.host, whole.need.host);
  EXPECT_NE(part.settings, whole.settings) << "its peaks are another's";
  const NeedEstimate nowhere = estimate({true, {whole.need.gpu - 1, 0}});
  EXPECT_EQ(nowhere.need, whole.need) << "the refusal tells the whole need";
}

TEST_F(NeedEstimateTest, WhatWasMeasuredCorrectsWhatIsComputed) {
  const MemoryRoom room{false, {0, kPlenty}};
  const NeedEstimate computed = estimate(room);
  const std::uint64_t host = computed.need.host;
  peaks.note("small", computed.settings, {0, host * 2}, 1.5);
  EXPECT_EQ(estimate(room).need.host, host * 2 + host / 10) << "more than computed: a twentieth on top";
  for (int life = 0; life < 60; ++life) peaks.note("small", computed.settings, {0, 1000}, 1.5);
  EXPECT_EQ(estimate(room).need.host, host - host * 3 / 10) << "idle lives do not make it small";
  EXPECT_EQ(peaks.find("small", computed.settings)->lives, 61);
  model.start.context = 100;
  EXPECT_FALSE(peaks.find("small", estimate(room).settings).has_value()) << "other settings, other needs";
}

TEST_F(NeedEstimateTest, PeaksOutliveTheProgramAndABrokenFileIsBegunAnew) {
  const Path file = folder.path() / "kept.db";
  {
    MeasuredPeaks(file).note("m", "s", {5, 7}, 2);
  }
  {
    MeasuredPeaks again(file);
    ASSERT_TRUE(again.find("m", "s").has_value());
    EXPECT_EQ(again.find("m", "s")->bytes, (MemoryAmount{5, 7}));
  }
  ASSERT_TRUE(write_file_atomic(file, std::string(8192, 'x')).has_value());
  MeasuredPeaks broken(file);
  EXPECT_FALSE(broken.find("m", "s").has_value());
  broken.note("m", "s", {1, 1}, 1);
  EXPECT_TRUE(broken.find("m", "s").has_value());
  MeasuredPeaks nowhere("/proc/none/models.db");
  nowhere.note("m", "s", {1, 1}, 1);
  EXPECT_FALSE(nowhere.find("m", "s").has_value());
}

TEST_F(NeedEstimateTest, AFileWhoseHeaderCannotBeReadIsTakenByItsSize) {
  std::ofstream(model.start.file, std::ios::binary) << "GGUF" << std::string(1u << 20, 'x');
  EXPECT_GT(estimate({false, {0, kPlenty}}).need.host, 1u << 20);
  model.known_bytes = 750'000'000;
  EXPECT_EQ(estimate({false, {0, kPlenty}}).need.host, 750'000'000u);
}

TEST(Roster, TheCacheTypeIsOfModelsThatChat) {
  ManagerOptions options;
  options.files = {{"talks", "talks.gguf", {}, "chat"}, {"embeds", "embeds.gguf", {}, "embedding"}};
  options.cache_type = "q8_0";
  const auto roster = Roster::create(options, false);
  ASSERT_TRUE(roster) << roster.error().message;
  EXPECT_EQ(roster->find("talks")->start.cache_type_k, "q8_0");
  EXPECT_EQ(roster->find("talks")->start.cache_type_v, "q8_0");
  EXPECT_EQ(roster->find("embeds")->start.cache_type_k, "");
}

TEST(Roster, OnlyASmallerModelDrafts) {
  const auto folder = *ScratchFolder::create();
  std::string yaml = "models:\n";
  for (const auto& [id, bytes] : {std::pair("small", 10), std::pair("large", 1000)}) {
    const std::string file = (folder.path() / id).string() + ".gguf";
    std::ofstream(file) << std::string(static_cast<std::size_t>(bytes), 'x');
    yaml += fmt::format(
        "  - {{id: {0}, task: chat, engine: llama-server, file: {0}.gguf, sources: [{{path: {1}}}]}}\n", id,
        file);
  }
  ASSERT_TRUE(write_file_atomic(folder.path() / "models.yaml", yaml).has_value());
  ASSERT_TRUE(write_file_atomic(folder.path() / "lock.json", R"({"schema": "studio.lock/1", "models": []})")
                  .has_value());
  ManagerOptions options;
  options.catalog = *ModelCatalog::load({.shipped = folder.path() / "models.yaml",
                                         .lock = folder.path() / "lock.json",
                                         .own = folder.path() / "none.yaml",
                                         .models = folder.path()});
  const auto draft_of = [&](const char* id) {
    const Roster roster = *Roster::create(options, false);
    RosterModel model = *roster.find(id);
    EXPECT_TRUE(roster.locate(model).has_value());
    return model.start.draft.filename().string();
  };
  options.draft = "small";
  EXPECT_EQ(draft_of("large"), "small.gguf");
  EXPECT_EQ(draft_of("small"), "");
  options.draft = "large";
  EXPECT_EQ(draft_of("small"), "");
}

}  // namespace
}  // namespace studio
