// A judge must be able to say no: pairs of a clean edit and the same edit damaged in one way.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/process.h"
#include "editing/compile.h"
#include "editing/evaluate.h"
#include "editing/evidence.h"
#include "media/probe.h"
#include "render/render.h"

namespace studio {
namespace {

// Sanitized builds run ten times as long: one clip, held against its plan, walks the same code.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kFull = false;
#else
constexpr bool kFull = true;
#endif

const Path kExamples = "/usr/share/doc/opencv-doc/examples/data";

bool ffmpeg(std::vector<std::string> arguments) {
  std::vector<std::string> command{"ffmpeg", "-y", "-v", "error"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const auto result = run_process(command);
  if (!result || result->exit_code != 0)
    ADD_FAILURE() << "ffmpeg failed: " << (result ? result->err : result.error().message);
  return result && result->exit_code == 0;
}

const std::vector<std::string> kEncode{"-c:v",     "libx264", "-preset", "ultrafast", "-crf", "20",
                                       "-pix_fmt", "yuv420p", "-c:a",    "aac",       "-b:a", "128k"};

using Words = std::vector<std::string>;

Words joined(Words a, const Words& b, const Words& c = {}) {
  a.insert(a.end(), b.begin(), b.end());
  a.insert(a.end(), c.begin(), c.end());
  return a;
}

struct Clip {
  std::string name;
  Path source;
  double frame_rate = 25;
  std::vector<std::pair<double, double>> cuts;
  double length() const {
    double sum = 0;
    for (const auto& [a, b] : cuts) sum += b - a;
    return sum;
  }
};

// One way to spoil a file, and the stretch it spoils.
struct Damage {
  std::string kind;
  std::vector<std::string> arguments;  // of ffmpeg, between input and encoder
  double from_s = 0, to_s = 0;
};

std::vector<Damage> damages(const Clip& clip) {
  const double end = clip.length();
  const std::string rate = fmt::format("{:.5f}", clip.frame_rate);
  const auto filter = [](std::string v) { return std::vector<std::string>{"-vf", std::move(v)}; };
  const auto sound = [](std::string a) { return std::vector<std::string>{"-af", std::move(a)}; };
  const auto graph = [](std::string f, bool with_sound) {
    return std::vector<std::string>{"-filter_complex",         std::move(f), "-map", "[v]", "-map",
                                    with_sound ? "[a]" : "0:a"};
  };
  return {
      {"dropped_audio", sound("volume=0:enable='between(t,3,4.4)'"), 3, 4.4},
      {"black", filter("drawbox=c=black:t=fill:enable='between(t,4,4.9)'"), 4, 4.9},
      {"freeze",
       graph("[0:v]split[x][y];[x]trim=0:4,setpts=PTS-STARTPTS,tpad=stop_mode=clone:stop_duration=1.2[p];"
             "[y]trim=5.2,setpts=PTS-STARTPTS[q];[p][q]concat=n=2:v=1:a=0,fps=" +
                 rate + "[v]",
             false),
       4, 5.2},
      {"flicker", filter("eq=brightness='0.1*(2*mod(n,2)-1)':eval=frame:enable='between(t,3,5)'"), 3, 5},
      {"length", {"-t", fmt::format("{}", end - 1.3)}, end - 2, end},
      {"order",
       graph("[0:v]split=3[x][y][z];[x]trim=0:2,setpts=PTS-STARTPTS[p];[y]trim=2:4,setpts=PTS-STARTPTS[q];"
             "[z]trim=4,setpts=PTS-STARTPTS[r];[0:a]asplit=3[ax][ay][az];[ax]atrim=0:2,asetpts=PTS-STARTPTS["
             "ap];"
             "[ay]atrim=2:4,asetpts=PTS-STARTPTS[aq];[az]atrim=4,asetpts=PTS-STARTPTS[ar];"
             "[p][ap][r][ar][q][aq]concat=n=3:v=1:a=1[v][a]",
             true),
       2, end},
      {"clipping", sound("aformat=sample_fmts=s16,volume=38dB:precision=fixed:enable='between(t,3,5.5)'"), 3,
       5.5},
      {"desync", joined(sound("adelay=320:all=1"), {"-shortest"}), 1, end},
      {"dark", filter("eq=brightness=-0.22:enable='between(t,3,6)'"), 3, 6},
      {"stutter", filter(fmt::format("fps={:.5f},fps={}", clip.frame_rate / 4, rate)), 0, end},
      {"speed",
       graph("[0:v]split=3[x][y][z];[x]trim=0:3,setpts=PTS-STARTPTS[p];[y]trim=3:5,setpts=(PTS-STARTPTS)*1.5["
             "q];"
             "[z]trim=5,setpts=PTS-STARTPTS[r];[p][q][r]concat=n=3:v=1:a=0,fps=" +
                 rate +
                 "[v];"
                 "[0:a]asplit=3[ax][ay][az];[ax]atrim=0:3,asetpts=PTS-STARTPTS[ap];"
                 "[ay]atrim=3:5,asetpts=PTS-STARTPTS,atempo=0.66667[aq];[az]atrim=5,asetpts=PTS-STARTPTS[ar];"
                 "[ap][aq][ar]concat=n=3:v=0:a=1[a]",
             true),
       3, 6},
  };
}

class DamageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = ScratchFolder::create("studio-damage");
    ASSERT_TRUE(made);
    scratch = new ScratchFolder(*std::move(made));
    setenv("XDG_CACHE_HOME", (scratch->path() / "cache").c_str(), 1);
  }
  static void TearDownTestSuite() {
    delete scratch;
    scratch = nullptr;
  }

  // The sources: animated film with its sound, a fixed camera with people walking, generated movement.
  static std::vector<Clip> clips() {
    const Path folder = scratch->path();
    std::vector<Clip> all;
    const std::string mega = (kExamples / "Megamind.avi").string(), walk = (kExamples / "vtest.avi").string();
    if (kFull && std::filesystem::exists(mega)) {
      all.push_back({"Megamind", folder / "mega.mp4", 23.976, {{1, 3.5}, {5, 8}, {8.4, 10.9}}});
      ffmpeg(joined({"-i", mega, "-vf", "scale=480:352"}, kEncode, {all.back().source.string()}));
      all.push_back({"vtest", folder / "walk.mp4", 10, {{2, 5}, {9, 12}, {14, 17}}});
      ffmpeg(joined({"-i", walk, "-stream_loop", "2", "-i", mega, "-t", "20", "-map", "0:v", "-map", "1:a",
                     "-vf", "scale=480:360"},
                    kEncode, {all.back().source.string()}));
    }
    all.push_back({"generated", folder / "made.mp4", 25, {{0.5, 3}, {4, 7}, {8, 11}}});
    ffmpeg(joined(
        {"-f", "lavfi", "-i", "testsrc2=s=480x270:r=25:d=12", "-f", "lavfi", "-i",
         "aevalsrc='0.3*sin(2*PI*(300+40*sin(t*2.7))*t)*(0.4+0.4*sin(2*PI*2.3*t))+0.05*random(0)':d=12"},
        kEncode, {all.back().source.string()}));
    return all;
  }

  static inline ScratchFolder* scratch = nullptr;
};

EditPlan plan_of(const Clip& clip, std::span<const EditSource> sources, bool with_title) {
  EditPlan plan;
  plan.goal = fmt::format("an edit of {:.1f} seconds in order with the title \"The big day\"", clip.length());
  plan.origin = "person";
  plan.sources = plan_sources(sources);
  int n = 0;
  for (const auto& [a, b] : clip.cuts) {
    Decision cut;
    cut.id = fmt::format("c{}", ++n);
    cut.type = DecisionType::cut;
    cut.params = {{"source", "s1"}, {"start_s", a}, {"end_s", b}};
    plan.decisions.push_back(cut);
  }
  if (with_title) {
    Decision title;
    title.id = "t1";
    title.type = DecisionType::text_overlay;
    title.params = {{"text", "The big day"}, {"kind", "title"}, {"at_s", 0.4}, {"duration_s", 2.2}};
    plan.decisions.push_back(title);
  }
  return plan;
}

struct Row {
  std::string clip, damage, against;
  double clean = 0, damaged = 0;
  std::string named;  // kinds at the right frames
  bool lower = false, right = false;
};

bool overlaps(const Issue& issue, double from_s, double to_s, double rate) {
  return static_cast<double>(issue.first_frame) /
         rate<to_s&& static_cast<double>(issue.last_frame + 1) / rate> from_s;
}

Evaluation judge(const Path& file, const EditPlan* plan, const std::string& goal,
                 std::span<const EditSource> sources) {
  EvaluationRequest request;
  request.file = file;
  request.plan = plan;
  request.goal = plan ? "" : goal;
  request.sources = sources;
  auto result = evaluate_edit_quality(request);
  if (!result) {
    ADD_FAILURE() << file << ": " << result.error().message;
    return {};
  }
  return *std::move(result);
}

TEST_F(DamageTest, EveryDamageLowersTheScoreAndIsNamedAtItsFrames) {
  std::vector<Row> rows;
  for (const Clip& clip : clips()) {
    const std::vector<Path> paths{clip.source};
    const auto sources = watch_sources(paths);
    ASSERT_TRUE(sources) << sources.error().message;
    const EditPlan plan = plan_of(clip, *sources, true), bare = plan_of(clip, *sources, false);
    const Path clean = scratch->path() / (clip.name + "_clean.mp4"),
               untitled = scratch->path() / (clip.name + "_untitled.mp4");
    for (const auto& [p, file] : {std::pair(&plan, clean), std::pair(&bare, untitled)}) {
      const auto edit = compile_plan(*p, *sources);
      ASSERT_TRUE(edit) << edit.error().message;
      RenderSettings settings = edit->settings;
      settings.quality = Quality::draft;
      const auto rendered = render(edit->timeline, file, settings);
      ASSERT_TRUE(rendered) << rendered.error().message;
    }
    std::vector<std::tuple<std::string, Path, double, double>> files{{"missing_title", untitled, 0.4, 2.6}};
    for (const Damage& damage : damages(clip)) {
      const Path file = scratch->path() / fmt::format("{}_{}.mp4", clip.name, damage.kind);
      ASSERT_TRUE(ffmpeg(joined(joined({"-i", clean.string()}, damage.arguments, kEncode), {file.string()})));
      files.emplace_back(damage.kind, file, damage.from_s, damage.to_s);
    }
    for (const bool with_plan : {true, false}) {
      if (!kFull && !with_plan) continue;
      const EditPlan* held = with_plan ? &plan : nullptr;
      const Evaluation best = judge(clean, held, plan.goal, *sources);
      std::printf("%s", summary_of(best).c_str());
      for (const auto& [kind, file, from, to] : files) {
        const Evaluation e = judge(file, held, plan.goal, *sources);
        Row row{clip.name, kind, with_plan ? "plan" : "goal and source", best.score, e.score, "",
                false,     false};
        row.lower = best.score - e.score >= 0.05;
        for (const EvaluationIssue& i : e.issues) {
          if (!overlaps(i.issue, from, to, e.frame_rate)) continue;
          row.named += (row.named.empty() ? "" : " ") + i.issue.kind;
          row.right |= i.issue.kind == kind;
        }
        rows.push_back(row);
      }
    }
  }
  std::size_t with_plan = 0, plan_right = 0, right = 0;
  std::printf("%-10s %-14s %-16s %6s %8s  %s\n", "clip", "damage", "held against", "clean", "damaged",
              "named at its frames");
  for (const Row& row : rows) {
    const bool fine = row.lower && row.right;
    right += fine;
    if (row.against == "plan") ++with_plan, plan_right += fine;
    std::printf("%-10s %-14s %-16s %6.3f %8.3f  %s%s\n", row.clip.c_str(), row.damage.c_str(),
                row.against.c_str(), row.clean, row.damaged, fine ? "" : "MISSED ", row.named.c_str());
  }
  std::printf("%zu of %zu pairs told apart and named; with the plan %zu of %zu\n", right, rows.size(),
              plan_right, with_plan);
  EXPECT_GE(static_cast<double>(plan_right), 0.95 * static_cast<double>(with_plan));
  EXPECT_GE(static_cast<double>(right), 0.95 * static_cast<double>(rows.size()));
}

}  // namespace
}  // namespace studio
