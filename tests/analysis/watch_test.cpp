// The decode loop on odd files: every frame once, exact times, clear refusals, nothing left running.
#include "analysis/watch.h"

#include <atomic>
#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/feature_codec.h"
#include "support/generated.h"

namespace studio {
namespace {

using generated::ClipSpec;

class Watching : public testing::Test {
 protected:
  Path clip(const ClipSpec& spec, const generated::Painter& painter = generated::numbered(),
            const generated::Sounder& sound = {}, const char* name = "clip.mp4") {
    const Path path = folder_.path() / name;
    const auto written = generated::write_clip(path, spec, painter, sound);
    EXPECT_TRUE(written) << written.error().message;
    return path;
  }
  ScratchFolder folder_ = ScratchFolder::create("watch").value();
};

TEST_F(Watching, CountsEachFrameOnceWithItsExactTime) {
  const auto found = watch(clip({.frame_rate = {30000, 1001}, .frames = 47}));
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->frames.size(), 47u);
  EXPECT_EQ(found->source.frames, 47);
  EXPECT_EQ(found->source.frame_rate, (Rational{30000, 1001}));
  EXPECT_FALSE(found->source.variable_frame_rate);
  for (int i = 0; i < 47; ++i) EXPECT_EQ(found->frames[i].pts, Time::frames(i, {30000, 1001})) << i;
  EXPECT_EQ(found->end, Time::frames(47, {30000, 1001}));
}

TEST_F(Watching, VariableFrameRateIsSeen) {
  const auto found = watch(
      clip({.frames = 40,
            .time_of = [](int n) { return Time::ticks(n < 20 ? n * 40 : 800 + (n - 20) * 100, {1, 1000}); },
            .time_base = {1, 1000}},
           generated::numbered(), {}, "clip.mkv"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->source.variable_frame_rate);
  ASSERT_EQ(found->frames.size(), 40u);
  EXPECT_EQ(found->frames[30].pts, Time::ticks(1800, {1, 1000}));
}

TEST_F(Watching, EveryPixelFormatGivesTheSameNumbers) {
  const auto painter = generated::view_of(generated::default_still().value());
  const auto plain = watch(clip({.frames = 3}, painter));
  ASSERT_TRUE(plain) << plain.error().message;
  struct Format {
    const char *encoder, *pixel_format;
  };
  for (const auto& format : {Format{"ffv1", "yuv444p"}, Format{"ffv1", "yuv420p10le"},
                             Format{"ffv1", "yuva420p"}, Format{"ffv1", "bgr0"}, Format{"ffv1", "gray"}}) {
    ClipSpec spec{.frames = 3, .encoder = format.encoder, .pixel_format = format.pixel_format};
    spec.options = {};
    if (std::string_view(format.pixel_format) == "gray") spec.color_range = "pc";
    const auto found = watch(clip(spec, painter, {}, "clip.mkv"));
    ASSERT_TRUE(found) << format.pixel_format << ": " << found.error().message;
    ASSERT_EQ(found->frames.size(), 3u);
    EXPECT_NEAR(found->frames[1].luma_mean, plain->frames[1].luma_mean, 4) << format.pixel_format;
    EXPECT_NEAR(found->frames[1].luma_deviation, plain->frames[1].luma_deviation, 4) << format.pixel_format;
    if (std::string_view(format.pixel_format) != "gray")
      EXPECT_NEAR(found->frames[1].saturation_mean, plain->frames[1].saturation_mean, 8)
          << format.pixel_format;
    else
      EXPECT_LT(found->frames[1].saturation_mean, 2);
  }
}

TEST_F(Watching, PicturesAreSeenUpright) {
  // A bright bar along the top of the stored picture stands on the right once it is turned by 90.
  const generated::Painter bar = [](int, generated::RgbImage& image) {
    image.fill({20, 20, 20});
    image.rectangle(0, 0, image.width, image.height / 4, {240, 240, 240});
  };
  const auto found = watch(clip({.frames = 3, .rotation = 90}, bar));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->source.width, 180);
  EXPECT_EQ(found->source.height, 320);
  const auto& blocks = found->frames[1].luma_blocks;
  const auto middle = static_cast<std::size_t>(kLumaRows / 2) * kLumaColumns;
  EXPECT_GT(blocks[middle + kLumaColumns - 1], 200);
  EXPECT_LT(blocks[middle], 60);
}

TEST_F(Watching, OneFrameIsEnough) {
  const auto found = watch(clip({.frames = 1}));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->frames.size(), 1u);
  EXPECT_EQ(found->composition.size(), 1u);
}

TEST_F(Watching, SoundWithoutPictureIsRefusedInClearWords) {
  const Path path = folder_.path() / "tone.wav";
  ASSERT_TRUE(generated::write_sound(path, 1, generated::tone(440)));
  const auto found = watch(path);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::unsupported);
  EXPECT_FALSE(found.error().hint.empty());
}

TEST_F(Watching, ATruncatedFileGivesWhatIsThere) {
  const Path whole = clip({.frames = 100}, generated::numbered(), {}, "clip.ts");
  std::string bytes = read_file(whole).value();
  bytes.resize(bytes.size() * 6 / 10);
  const Path path = folder_.path() / "cut.ts";
  ASSERT_TRUE(write_file_atomic(path, bytes));
  const auto found = watch(path);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_GT(found->frames.size(), 30u);
  EXPECT_LT(found->frames.size(), 100u);
}

TEST_F(Watching, TextNamedAsVideoIsRefused) {
  const Path path = folder_.path() / "text.mp4";
  ASSERT_TRUE(write_file_atomic(path, "this is no film"));
  const auto found = watch(path);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::invalid_input);
}

TEST_F(Watching, StopsWhenAsked) {
  const Path path = clip({.frames = 400});
  std::stop_source stop;
  const Job job{[&](const ProgressUpdate& update) {
                  if (update.done >= 16) stop.request_stop();
                },
                stop.get_token()};
  const auto found = watch(path, {}, job);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::interrupted);
}

TEST_F(Watching, FeaturesSurviveTheirBinaryForm) {
  auto found = watch(clip({.frames = 30}, generated::numbered(), generated::tone(440)));
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(found->audio);
  const std::string bytes = encode_features(*found);
  const auto again = decode_features(bytes);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(encode_features(*again), bytes);
  EXPECT_EQ(again->frames.size(), 30u);
  EXPECT_EQ(again->source.frame_rate, found->source.frame_rate);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{12}, bytes.size() / 2, bytes.size() - 1})
    EXPECT_FALSE(decode_features(std::string_view(bytes).substr(0, size))) << size;
  std::string altered = bytes;
  altered[bytes.size() / 2] ^= 1;
  EXPECT_FALSE(decode_features(altered));
}

class Analyzing : public Watching {
 protected:
  void SetUp() override { setenv("XDG_CACHE_HOME", (folder_.path() / "cache").c_str(), 1); }
  void TearDown() override { unsetenv("XDG_CACHE_HOME"); }
};

TEST_F(Analyzing, TheSecondLookComesFromTheCacheAndSaysTheSame) {
  const Path path = clip({.frames = 60}, generated::numbered(), generated::tone(440));
  const auto first = analyze(path);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->from_cache);
  const Path renamed = folder_.path() / "renamed.mp4";
  std::filesystem::rename(path, renamed);
  const auto second = analyze(renamed);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(second->from_cache);
  EXPECT_EQ(second->source.path, renamed.string());
  auto comparable = *second;
  comparable.source.path = first->source.path;
  comparable.from_cache = first->from_cache;
  comparable.seconds = first->seconds;
  EXPECT_EQ(to_text(to_json(comparable)), to_text(to_json(*first)));
  EXPECT_EQ(first->source.sha256, sha256_of_file(renamed).value());

  const auto afresh = analyze(renamed, {.use_cache = false});
  ASSERT_TRUE(afresh);
  EXPECT_FALSE(afresh->from_cache);
  const auto silent = analyze(renamed, {.audio = false});
  ASSERT_TRUE(silent);
  EXPECT_TRUE(silent->from_cache);
  EXPECT_FALSE(silent->audio);
}

TEST_F(Analyzing, ADamagedCacheIsNotBelieved) {
  const Path path = clip({.frames = 30});
  ASSERT_TRUE(analyze(path));
  ASSERT_TRUE(write_file_atomic(folder_.path() / "cache" / "animation-studio" / "features.db",
                                std::string(5000, '?')));
  const auto again = analyze(path);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->from_cache);
}

TEST_F(Analyzing, AMissingFileIsSaidToBeMissing) {
  const auto found = analyze(folder_.path() / "nothing.mp4");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace studio
