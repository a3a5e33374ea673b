// The whole loop on small real files, with rules and with a model that only speaks JSON.
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/json_schema.h"
#include "base/process.h"
#include "editing/auto_edit.h"
#include "media/probe.h"

namespace studio {
namespace {

class AutoEditTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = ScratchFolder::create("studio-loop");
    ASSERT_TRUE(made);
    scratch = std::make_unique<ScratchFolder>(*std::move(made));
    setenv("XDG_CACHE_HOME", (scratch->path() / "cache").c_str(), 1);
    clip = scratch->path() / "in.mp4";
    const auto result = run_process({"ffmpeg",
                                     "-y",
                                     "-v",
                                     "error",
                                     "-f",
                                     "lavfi",
                                     "-i",
                                     "testsrc2=s=320x180:r=25:d=4",
                                     "-f",
                                     "lavfi",
                                     "-i",
                                     "mandelbrot=s=320x180:r=25:end_scale=0.2",
                                     "-f",
                                     "lavfi",
                                     "-i",
                                     "aevalsrc='0.2*sin(2*PI*(300+40*sin(t*2.7))*t)':d=8",
                                     "-filter_complex",
                                     "[1:v]trim=0:4,setpts=PTS-STARTPTS[b];[0:v][b]concat=n=2:v=1:a=0[v]",
                                     "-map",
                                     "[v]",
                                     "-map",
                                     "2:a",
                                     "-c:v",
                                     "libx264",
                                     "-preset",
                                     "ultrafast",
                                     "-pix_fmt",
                                     "yuv420p",
                                     "-c:a",
                                     "aac",
                                     clip.string()});
    ASSERT_TRUE(result && result->exit_code == 0) << (result ? result->err : result.error().message);
  }

  AutoEditOptions options(const std::string& goal) {
    AutoEditOptions o;
    o.inputs = {clip};
    o.goal = goal;
    o.output = scratch->path() / "out.mp4";
    o.planner = PlannerMode::rules;
    o.render.quality = Quality::draft;
    o.max_iterations = 2;
    return o;
  }

  std::unique_ptr<ScratchFolder> scratch;
  Path clip;
};

TEST_F(AutoEditTest, DeliversTheBestFileWithEveryIterationKept) {
  const auto run = auto_edit(options("a 4 second edit with the title \"Hello\""));
  ASSERT_TRUE(run) << run.error().message;
  ASSERT_FALSE(run->iterations.empty());
  EXPECT_TRUE(std::filesystem::exists(run->output));
  const auto facts = probe(run->output);
  ASSERT_TRUE(facts);
  EXPECT_NEAR(facts->video->duration.value_or(Time{}).seconds(), 4, 0.25);
  for (const Iteration& i : run->iterations) {
    EXPECT_TRUE(std::filesystem::exists(i.plan_file));
    EXPECT_TRUE(std::filesystem::exists(i.output));
    EXPECT_TRUE(std::filesystem::exists(i.evaluation_file));
    EXPECT_LE(i.evaluation.score, run->score + 1e-9);
  }
  EXPECT_TRUE(std::filesystem::exists(run->report));
  EXPECT_TRUE(std::filesystem::exists(run->run_folder / "run.json"));
  const auto schema = read_json_file(Path(STUDIO_SOURCE_DIR) / "schemas/run.schema.json");
  ASSERT_TRUE(schema);
  for (const auto& violation : schema_violations(to_json(*run), *schema))
    ADD_FAILURE() << violation.path << ": " << violation.message;
  std::printf("%s", summary_of(run->iterations[run->best].evaluation).c_str());
  EXPECT_TRUE(run->passed) << run->score;
}

TEST_F(AutoEditTest, AWishThatCannotBeMetIsSaidAndTheNearestIsDelivered) {
  const auto run = auto_edit(options("a 90 second film"));
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_FALSE(run->passed);
  EXPECT_FALSE(run->unmet.empty());
  EXPECT_LT(run->score, run->threshold);
  EXPECT_TRUE(std::filesystem::exists(run->output));
}

TEST_F(AutoEditTest, ADryRunPlansAndWritesNothing) {
  auto o = options("a 4 second edit");
  o.dry_run = true;
  const auto run = auto_edit(o);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_FALSE(run->plan.decisions.empty());
  EXPECT_FALSE(std::filesystem::exists(scratch->path() / "out.mp4"));
  EXPECT_FALSE(std::filesystem::exists(scratch->path() / "out.mp4.studio"));
}

TEST_F(AutoEditTest, OutputEqualToAnInputIsRefused) {
  auto o = options("a 4 second edit");
  o.output = clip;
  const auto before = sha256_of_file(clip).value_or("before");
  const auto run = auto_edit(o);
  ASSERT_FALSE(run);
  EXPECT_EQ(sha256_of_file(clip).value_or("after"), before);
}

TEST_F(AutoEditTest, StoppedItLeavesNoFileAtTheOutput) {
  for (const int milliseconds : {0, 30, 200}) {
    std::stop_source stop;
    Job job;
    job.stop = stop.get_token();
    std::jthread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      stop.request_stop();
    });
    const auto o = options("a 6 second edit");
    const auto run = auto_edit(o, job);
    if (run) continue;  // quicker than the stop
    EXPECT_EQ(run.error().kind, ErrorKind::interrupted) << run.error().message;
    EXPECT_FALSE(std::filesystem::exists(o.output));
    for (const auto& entry : std::filesystem::directory_iterator(scratch->path()))
      EXPECT_TRUE(entry.path().filename() == "in.mp4" || entry.path().filename() == "cache" ||
                  entry.path().filename() == "out.mp4.studio")
          << entry.path();
  }
}

TEST_F(AutoEditTest, ParodyGoesThroughTheSameLoop) {
  ParodyRunOptions o;
  o.inputs = {clip};
  o.output = scratch->path() / "parody.mp4";
  o.style = "dramatic";
  o.render.quality = Quality::draft;
  o.max_iterations = 1;
  o.seed = 7;
  const auto run = parody(o);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->iterations.size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(o.output));
  std::printf("%s", summary_of(run->iterations[0].evaluation).c_str());
}

}  // namespace
}  // namespace studio
