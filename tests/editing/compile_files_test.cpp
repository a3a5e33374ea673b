// Compiling from files: the same edit as after watching them, and no watching where none is needed.
#include <gtest/gtest.h>

#include <fstream>

#include "editing/compile.h"
#include "media/frame_clock.h"
#include "media/video_reader.h"
#include "render/render.h"
#include "support/generated.h"

namespace studio {
namespace {

class CompileFiles : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = ScratchFolder::create();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<ScratchFolder>(std::move(*folder));
  }
  Path file(const std::string& name) const { return folder_->path() / name; }

  Path clip(const std::string& name, generated::ClipSpec spec = {}) {
    spec.frames = std::max(spec.frames, 100);
    const auto written = generated::write_clip(file(name), spec, generated::numbered());
    EXPECT_TRUE(written) << (written ? "" : written.error().message);
    return file(name);
  }

  static EditPlan plan_of(const Path& path, std::vector<std::pair<double, double>> cuts) {
    EditPlan plan;
    plan.goal = "pieces";
    plan.origin = "person";
    plan.sources.push_back({"s1", path.string(), "", nullptr});
    for (const auto& [start, end] : cuts) {
      Decision cut;
      cut.id = "c" + std::to_string(plan.decisions.size() + 1);
      cut.params = {{"source", "s1"}, {"start_s", start}, {"end_s", end}};
      plan.decisions.push_back(cut);
    }
    return plan;
  }

  static void add(EditPlan& plan, DecisionType type, Json params) {
    Decision decision;
    decision.id = "d" + std::to_string(plan.decisions.size() + 1);
    decision.type = type;
    decision.params = std::move(params);
    plan.decisions.push_back(std::move(decision));
  }

  // Both ways, which must agree; gives the one from the files.
  static CompiledEdit both_ways(const EditPlan& plan) {
    AnalysisOptions fresh;
    fresh.use_cache = false;
    const auto seen = watch_sources(plan, fresh);
    EXPECT_TRUE(seen) << (seen ? "" : seen.error().message);
    const auto after_watching = compile_plan(plan, *seen);
    EXPECT_TRUE(after_watching) << (after_watching ? "" : after_watching.error().message);
    auto from_files = compile_from_files(plan, {}, fresh);
    EXPECT_TRUE(from_files) << (from_files ? "" : from_files.error().message);
    if (!after_watching || !from_files) return {};
    Json a = to_json(after_watching->timeline), b = to_json(from_files->timeline);
    // A hash is taken only when there is one to compare with.
    for (Json* timeline : {&a, &b})
      for (Json& track : (*timeline)["tracks"])
        for (Json& item : track["items"])
          if (item.contains("source")) item["source"].erase("sha256");
    EXPECT_EQ(a.dump(1), b.dump(1));
    return *std::move(from_files);
  }

 private:
  std::unique_ptr<ScratchFolder> folder_;
};

const std::vector<std::pair<double, double>> kPieces{{0.31, 1.5}, {2.02, 3.3}, {1.0, 2.0}};

TEST_F(CompileFiles, PiecesOfAnUnseenClipAreCutWithoutWatchingIt) {
  generated::ClipSpec spec;
  spec.gop = 25;
  const EditPlan plan = plan_of(clip("in.mp4", spec), {{0.28, 2.0}, {1.0, 2.2}});
  const CompiledEdit edit = both_ways(plan);
  EXPECT_TRUE(edit.watched.empty());
  const auto made = render(edit.timeline, file("out.mp4"));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->smart_cut);
  // Key frames at 0, 25, 50, 75: frames 7..24 before the first and 50..54 behind the last of them.
  EXPECT_EQ(made->frames, 43 + 30);
  EXPECT_EQ(made->reencoded_frames, 18);
  std::vector<int> expected;
  for (int n = 7; n < 50; ++n) expected.push_back(n);
  for (int n = 25; n < 55; ++n) expected.push_back(n);
  EXPECT_EQ(generated::read_numbers(file("out.mp4")), expected);
}

TEST_F(CompileFiles, EveryContainerGivesTheSameTimelineAsWatching) {
  generated::ClipSpec ntsc;
  ntsc.frame_rate = {30000, 1001};
  generated::ClipSpec reordered;
  reordered.options = {{"preset", "medium"}, {"crf", "20"}};
  for (const char* name : {"in.mp4", "in.mkv", "in.ts", "in.mov", "in.avi"}) {
    EXPECT_TRUE(both_ways(plan_of(clip(name), kPieces)).watched.empty()) << name;
    EXPECT_TRUE(both_ways(plan_of(clip(name, ntsc), kPieces)).watched.empty()) << name;
    EXPECT_TRUE(both_ways(plan_of(clip(name, reordered), kPieces)).watched.empty()) << name;
  }
}

TEST_F(CompileFiles, VariableFrameRateIsCutAtTheFramesOwnTimes) {
  generated::ClipSpec spec;
  spec.time_base = {1, 1000};
  spec.time_of = [](int frame) { return Time::ticks(frame * 40 + (frame % 3) * 13, {1, 1000}); };
  for (const char* name : {"in.mp4", "in.mkv"}) {
    const EditPlan plan = plan_of(clip(name, spec), kPieces);
    EXPECT_TRUE(both_ways(plan).watched.empty()) << name;
    const auto clock = frame_clock(file(name));
    ASSERT_TRUE(clock) << clock.error().message;
    EXPECT_TRUE(clock->variable);
    auto reader = VideoReader::open(file(name));
    ASSERT_TRUE(reader);
    for (const Time t : clock->times) {
      auto frame = reader->next();
      ASSERT_TRUE(frame && *frame);
      EXPECT_EQ((*frame)->pts, t);
    }
  }
}

TEST_F(CompileFiles, OnlyWhatFollowsTheSubjectIsWatched) {
  const Path path = clip("in.mp4");
  EditPlan plain = plan_of(path, kPieces);
  add(plain, DecisionType::speed, {{"target", "c1"}, {"factor", 2}});
  add(plain, DecisionType::text_overlay, {{"text", "A title"}, {"at_s", 0.5}, {"duration_s", 1}});
  add(plain, DecisionType::transition, {{"after", "c2"}, {"kind", "crossfade"}, {"duration_s", 0.3}});
  add(plain, DecisionType::effect, {{"target", "c2"}, {"effect", "zoom_punch"}, {"x", 0.2}, {"y", 0.4}});
  EXPECT_TRUE(both_ways(plain).watched.empty());
  EditPlan zoomed = plan_of(path, kPieces);
  add(zoomed, DecisionType::effect, {{"target", "c2"}, {"effect", "zoom_punch"}});
  EXPECT_EQ(both_ways(zoomed).watched, std::set<std::string>{"s1"});
  EditPlan upright = plan_of(path, kPieces);
  add(upright, DecisionType::composite, {{"layout", "frame"}, {"aspect", "9:16"}});
  EXPECT_EQ(both_ways(upright).watched, std::set<std::string>{"s1"});
  EditPlan centred = plan_of(path, kPieces);
  add(centred, DecisionType::composite, {{"layout", "frame"}, {"aspect", "9:16"}, {"reframe", "center"}});
  EXPECT_TRUE(both_ways(centred).watched.empty());
}

TEST_F(CompileFiles, ShotsAreCheckedByWatchingUnlessTheHashVouchesForThem) {
  const Path path = clip("in.mp4");
  EditPlan plan = plan_of(path, {{0.4, 2}});
  plan.decisions[0].params["shot"] = "shot9";
  const auto refused = compile_from_files(plan);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("shot9"), std::string::npos) << refused.error().message;
  plan.decisions[0].params["shot"] = "shot1";
  auto hash = sha256_of_file(path);
  ASSERT_TRUE(hash);
  plan.sources[0].sha256 = *hash;
  const auto known = compile_from_files(plan);
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_TRUE(known->watched.empty());
  std::ofstream(path, std::ios::app) << "changed";
  const auto changed = compile_from_files(plan);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().kind, ErrorKind::invalid_input);
  EXPECT_NE(changed.error().message.find("hash"), std::string::npos);
}

TEST_F(CompileFiles, AFileCutOffInTheMiddleOffersOnlyWhatIsThere) {
  generated::ClipSpec spec;
  spec.frames = 200;
  const Path path = clip("in.mkv", spec);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const auto refused = compile_from_files(plan_of(path, {{6, 7.5}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid_input);
  EXPECT_TRUE(compile_from_files(plan_of(path, {{0.5, 1.5}})));
  // The header of an mp4 that was written front first still promises all of it.
  spec.metadata = {};
  const Path whole = clip("whole.mp4", spec);
  const auto clock = frame_clock(whole);
  ASSERT_TRUE(clock);
  EXPECT_EQ(clock->frames, 200);
  EXPECT_FALSE(clock->variable);
  EXPECT_EQ(clock->shown.duration, Time::ticks(8, {1, 1}));
}

}  // namespace
}  // namespace studio
