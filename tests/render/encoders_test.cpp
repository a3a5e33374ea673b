// Presets and containers.
#include "render/encoders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace studio {
namespace {

Result<EncodingPlan> plan(const std::string& name, RenderSettings settings = {}) {
  return plan_encoding(settings, name, 1280, 720, {25, 1});
}

TEST(Encoders, TheNameDecidesWhatIsNotAskedFor) {
  EXPECT_EQ(plan("a.mp4")->video_encoder, "libx264");
  EXPECT_EQ(plan("a.MKV")->container, "matroska");
  EXPECT_EQ(plan("a.webm")->video_encoder, "libvpx-vp9");
  EXPECT_EQ(plan("a.webm")->audio_encoder, "libopus");
  EXPECT_EQ(plan("a.webm")->sample_rate, 48000);
  EXPECT_EQ(plan("a.mov")->audio_encoder, "aac");
}

TEST(Encoders, EachCodecHasThreeQualities) {
  for (const auto& [codec, name] : {std::pair{VideoCodec::h264, "a.mp4"},
                                    {VideoCodec::hevc, "a.mp4"},
                                    {VideoCodec::av1, "a.mkv"},
                                    {VideoCodec::vp9, "a.webm"},
                                    {VideoCodec::prores, "a.mov"}}) {
    std::vector<std::pair<std::string, std::string>> before;
    for (Quality quality : {Quality::draft, Quality::standard, Quality::high}) {
      RenderSettings settings;
      settings.codec = codec;
      settings.quality = quality;
      auto made = plan(name, settings);
      ASSERT_TRUE(made) << made.error().message;
      EXPECT_EQ(made->codec, codec);
      EXPECT_NE(made->video_options, before);
      before = made->video_options;
    }
  }
  RenderSettings prores;
  prores.codec = VideoCodec::prores;
  EXPECT_EQ(plan("a.mov", prores)->pixel_format, "yuv422p10le");
  RenderSettings hevc;
  hevc.codec = VideoCodec::hevc;
  EXPECT_EQ(plan("a.mp4", hevc)->video_tag, "hvc1");
}

TEST(Encoders, RefusalsNameWhatThereIs) {
  RenderSettings settings;
  settings.codec = VideoCodec::prores;
  auto in_mp4 = plan("a.mp4", settings);
  ASSERT_FALSE(in_mp4);
  EXPECT_EQ(in_mp4.error().kind, ErrorKind::wrong_usage);
  EXPECT_THAT(in_mp4.error().hint, testing::HasSubstr(".mov"));
  EXPECT_THAT(plan("noextension").error().hint, testing::HasSubstr(".mp4"));
  EXPECT_FALSE(plan("a.txt"));
  settings = {};
  settings.encoder = "libx999";
  auto unknown = plan("a.mp4", settings);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::unsupported);
  EXPECT_THAT(unknown.error().hint, testing::HasSubstr("libx264"));
  EXPECT_FALSE(plan_encoding({}, "a.mp4", 641, 360, {25, 1}));
}

TEST(Encoders, AnyEncoderThatFfmpegHasCanBeNamed) {
  RenderSettings settings;
  settings.encoder = "ffv1";
  auto made = plan("a.mkv", settings);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->video_encoder, "ffv1");
  settings.encoder = "mpeg4";
  EXPECT_TRUE(plan("a.avi", settings));
  EXPECT_FALSE(plan("a.webm", settings));
}

TEST(Encoders, MissingHardwareIsToldAndSoftwareUsed) {
  RenderSettings settings;
  settings.hardware = true;
  auto made = plan("a.mp4", settings);
  ASSERT_TRUE(made);
  const bool hardware = made->video_encoder != "libx264";
  EXPECT_EQ(made->warnings.empty(), hardware);
}

TEST(Encoders, TheCatalogSaysWhatWorks) {
  bool x264 = false;
  for (const EncoderInfo& info : encoder_catalog()) {
    EXPECT_FALSE(info.description.empty());
    x264 |= info.name == "libx264" && info.available;
  }
  EXPECT_TRUE(x264);
}

}  // namespace
}  // namespace studio
