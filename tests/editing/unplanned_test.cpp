// A file of which no plan is known: what its pictures and sound show, is decided; the rest stays open, with a
// reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/process.h"
#include "editing/evaluate.h"
#include "editing/evidence.h"
#include "editing/reference.h"

namespace studio {
namespace {

class Unplanned : public testing::Test {
 protected:
  void SetUp() override {
    auto made = ScratchFolder::create("studio-unplanned");
    ASSERT_TRUE(made);
    scratch_.emplace(*std::move(made));
    setenv("XDG_CACHE_HOME", (scratch_->path() / "cache").c_str(), 1);
    source_ = scratch_->path() / "source.mp4";
    ASSERT_TRUE(ffmpeg({"-f", "lavfi", "-i", "testsrc2=s=480x270:r=25", "-f", "lavfi", "-i",
                        "aevalsrc='0.2*sin(2*PI*(300+40*sin(t*2.7))*t)*(0.4+0.4*sin(2*PI*2.3*t))':d=6", "-t",
                        "6", "-vf", "hue=s=0.4,noise=alls=8:allf=t"},
                       source_));
    auto watched = watch_sources(std::vector<Path>{source_});
    ASSERT_TRUE(watched) << watched.error().message;
    sources_ = *std::move(watched);
  }

  static bool ffmpeg(std::vector<std::string> arguments, const Path& output) {
    std::vector<std::string> command{"ffmpeg", "-nostdin", "-y", "-v", "error"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    for (const char* word : {"-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-pix_fmt", "yuv420p",
                             "-c:a", "aac", "-b:a", "128k"})
      command.push_back(word);
    command.push_back(output.string());
    const auto result = run_process(command);
    if (!result || result->exit_code != 0)
      ADD_FAILURE() << "ffmpeg failed: " << (result ? result->err : result.error().message);
    return result && result->exit_code == 0;
  }

  Path filtered(const std::string& name, std::vector<std::string> words) const {
    const Path file = scratch_->path() / (name + ".mp4");
    words.insert(words.begin(), {"-i", source_.string()});
    EXPECT_TRUE(ffmpeg(words, file));
    return file;
  }

  ConstraintCheck judge(const Path& file, const Brief& brief, const std::string& kind,
                        bool with_source = true) const {
    EvaluationRequest request;
    request.file = file;
    request.brief = &brief;
    if (with_source) request.sources = sources_;
    const auto evaluation = evaluate_edit_quality(request);
    EXPECT_TRUE(evaluation) << (evaluation ? "" : evaluation.error().message);
    if (evaluation)
      for (const ConstraintCheck& c : evaluation->constraints)
        if (c.kind == kind) return c;
    ADD_FAILURE() << "no check of kind " << kind;
    return {};
  }

  static Brief effect(const std::string& id, Json params = Json::object()) {
    Brief brief;
    EffectWish wish;
    wish.id = id;
    wish.params = std::move(params);
    brief.effects.push_back(wish);
    return brief;
  }

  std::optional<ScratchFolder> scratch_;
  Path source_;
  std::vector<EditSource> sources_;
};

TEST_F(Unplanned, LooksAreMeasuredAgainstTheSource) {
  const Path plain = filtered("plain", {"-vf", "null"});
  const std::vector<std::tuple<std::string, Json, std::string>> looks = {
      {"black_and_white", Json::object(), "hue=s=0"},
      {"letterbox", Json::object(), "drawbox=0:0:iw:ih/8:black:fill,drawbox=0:ih*7/8:iw:ih/8+1:black:fill"},
      {"vignette", Json::object(), "vignette=PI/3.5"},
      {"blur", Json::object(), "gblur=sigma=5"},
      {"saturation", {{"amount", 1.6}}, "eq=saturation=1.6"},
      {"saturation", {{"amount", 0.4}}, "eq=saturation=0.4"},
      {"flash", Json::object(), "eq=brightness=0.5:enable='between(t,3,3.2)'"},
      {"mirror", Json::object(), "hflip"},
  };
  for (const auto& [id, params, filter] : looks) {
    const ConstraintCheck kept = judge(filtered(id, {"-vf", filter}), effect(id, params), "effect");
    EXPECT_EQ(kept.met, std::optional(true)) << id << ": " << kept.measured;
    const ConstraintCheck broken = judge(plain, effect(id, params), "effect");
    EXPECT_EQ(broken.met, std::optional(false)) << id << ": " << broken.measured;
  }
  // What was there before the edit nobody can tell without the source; some effects not even with it.
  for (const char* id : {"vignette", "blur", "saturation", "mirror"})
    EXPECT_FALSE(judge(plain, effect(id), "effect", false).met.has_value()) << id;
  const ConstraintCheck shake = judge(plain, effect("shake"), "effect");
  EXPECT_FALSE(shake.met.has_value());
  EXPECT_FALSE(shake.measured.empty());
}

TEST_F(Unplanned, SoundIsMeasuredAgainstTheSourceAndTheMusic) {
  Brief softer;
  AudioWish volume;
  volume.action = "volume";
  volume.value = -6;
  softer.audio.push_back(volume);
  const Path soft = filtered("soft", {"-af", "volume=-6dB"}), plain = filtered("plain", {"-vf", "null"});
  EXPECT_EQ(judge(soft, softer, "volume").met, std::optional(true));
  EXPECT_EQ(judge(plain, softer, "volume").met, std::optional(false));
  EXPECT_FALSE(judge(soft, softer, "volume", false).met.has_value());

  const Path music = scratch_->path() / "music.wav";
  const auto made = run_process({"ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "lavfi", "-i",
                                 "anoisesrc=d=8:a=0.3:c=pink:seed=7", music.string()});
  ASSERT_TRUE(made && made->exit_code == 0);
  Brief bed;
  AudioWish from_file;
  from_file.action = "music";
  from_file.path = music.string();
  bed.audio.push_back(from_file);
  const Path scored = scratch_->path() / "scored.mp4";
  ASSERT_TRUE(ffmpeg({"-i", source_.string(), "-i", music.string(), "-filter_complex",
                      "[0:a]volume=0.5[x];[x][1:a]amix=inputs=2:duration=first:normalize=0[a]", "-map", "0:v",
                      "-map", "[a]"},
                     scored));
  EXPECT_EQ(judge(scored, bed, "music").met, std::optional(true));
  // It lies there as it was recorded.
  Brief level = bed;
  level.audio.front().level_db = 0;
  EXPECT_EQ(judge(scored, level, "music").met, std::optional(true)) << judge(scored, level, "music").measured;
  level.audio.front().level_db = -20;
  EXPECT_EQ(judge(scored, level, "music").met, std::optional(false))
      << judge(scored, level, "music").measured;
  const ConstraintCheck without = judge(plain, bed, "music");
  EXPECT_EQ(without.met, std::optional(false)) << without.measured;
}

TEST_F(Unplanned, TransitionsAreTheShotsOwn) {
  const auto joined = [&](const std::string& name, const std::string& graph) {
    const Path file = scratch_->path() / (name + ".mp4");
    EXPECT_TRUE(ffmpeg({"-f", "lavfi", "-i", "testsrc2=s=480x270:r=25:d=4", "-f", "lavfi", "-i",
                        "testsrc=s=480x270:r=25", "-t", "7", "-filter_complex", graph, "-map", "[v]"},
                       file));
    return file;
  };
  Brief brief;
  brief.transitions.push_back({"crossfade", "between", 1.0});
  const Path faded =
      joined("faded", "[1:v]trim=0:4,setpts=PTS-STARTPTS,fps=25[b];[0:v][b]xfade=duration=1:offset=3[v]");
  const Path cut = joined("cut", "[1:v]trim=0:4,setpts=PTS-STARTPTS[b];[0:v][b]concat=n=2:v=1:a=0[v]");
  const ConstraintCheck kept = judge(faded, brief, "transition", false);
  EXPECT_EQ(kept.met, std::optional(true)) << kept.measured;
  const ConstraintCheck broken = judge(cut, brief, "transition", false);
  EXPECT_EQ(broken.met, std::optional(false)) << broken.measured;
}

TEST_F(Unplanned, FingerprintsAreKeptInOneBoundedFile) {
  const Path copy = scratch_->path() / "copy.mp4";
  std::filesystem::copy_file(source_, copy);
  const auto first = cached_fingerprint(copy, "name", true, {});
  ASSERT_TRUE(first) << first.error().message;
  std::filesystem::remove(copy);
  const auto again = cached_fingerprint(copy, "name", true, {});
  ASSERT_TRUE(again) << "was not kept: " << again.error().message;
  EXPECT_EQ(to_bytes(*again), to_bytes(*first));
  EXPECT_TRUE(std::filesystem::exists(cache_folder() / "fingerprints.db"));
  EXPECT_FALSE(std::filesystem::exists(cache_folder() / "fingerprints"));
  EXPECT_FALSE(cached_fingerprint(copy, "name", false, {}));
}

}  // namespace
}  // namespace studio
