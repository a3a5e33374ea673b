// Upper tracks, titles, transitions of every kind, and material of every colour, on rendered files.
#include <cmath>

#include "media/video_reader.h"
#include "render/render_fixture.h"

namespace studio {
namespace {

using namespace generated;

class Layers : public RenderFixture {
 protected:
  // Luma at a fraction of the picture on frame `n` of the rendered file.
  double luma_at(int n, double x, double y) {
    auto reader = VideoReader::open(file("out.mp4"));
    EXPECT_TRUE(reader.has_value());
    for (int i = 0;; ++i) {
      auto frame = reader->next();
      if (!frame || !*frame) return -1;
      if (i < n) continue;
      const PlaneView& plane = (*frame)->picture.plane[0];
      double sum = 0;
      for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx)
          sum += plane.data[(static_cast<int>(y * plane.height) + dy) * plane.stride +
                            static_cast<int>(x * plane.width) + dx];
      return sum / 9;
    }
  }
  Path flat_clip(const std::string& name, Rgb rgb, ClipSpec spec = {}) {
    spec.frames = 60;
    const auto written = write_clip(file(name), spec, color(rgb));
    EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().message);
    return file(name);
  }
};

TEST_F(Layers, PictureInPictureShowsBoth) {
  const Path a = numbered_clip("a.mp4");
  const Path b = flat_clip("b.mp4", {255, 255, 255});
  Timeline timeline = timeline_of({clip_of(a, 5, 20)});
  Clip inset = clip_of(b, 0, 10);
  inset.effects.push_back({"picture_in_picture", {}, std::nullopt});
  timeline.tracks.push_back({"v2", TrackKind::video, {Gap{frames(5)}, inset}, {}});
  ASSERT_OK(rendered(timeline));
  const auto numbers = read_numbers(file("out.mp4"));
  int bright = 0;
  for (int i = 0; i < 20; ++i) {
    for (const auto& [x, y] :
         {std::pair{0.2, 0.8}, std::pair{0.8, 0.8}, std::pair{0.8, 0.2}, std::pair{0.2, 0.2}})
      if (luma_at(i, x, y) > 220) {
        ++bright;
        EXPECT_GE(i, 5);
        EXPECT_LT(i, 15);
        break;
      }
  }
  EXPECT_EQ(bright, 10);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], 5 + i);
  for (int i = 15; i < 20; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], 5 + i);
}

TEST_F(Layers, UpperTrackCoversExactlyItsFrames) {
  const Path a = numbered_clip("a.mp4");
  Timeline timeline = timeline_of({clip_of(a, 0, 30)});
  timeline.tracks.push_back({"v2", TrackKind::video, {Gap{frames(10)}, clip_of(a, 60, 7)}, {}});
  EXPECT_EQ(numbers_after(timeline), row(0, 10) + row(60, 7) + row(17, 13));
}

TEST_F(Layers, FadeInOnAnUpperTrackIsTransparency) {
  const Path a = flat_clip("a.mp4", {0, 0, 0});
  const Path b = flat_clip("b.mp4", {255, 255, 255});
  Timeline timeline = timeline_of({clip_of(a, 0, 20)});
  Clip over = clip_of(b, 0, 20);
  Effect fade{"fade_in", {{"duration_s", 0.8}}, std::nullopt};
  over.effects.push_back(fade);
  timeline.tracks.push_back({"v2", TrackKind::video, {over}, {}});
  ASSERT_OK(rendered(timeline));
  EXPECT_LT(luma_at(0, 0.5, 0.5), 50);
  EXPECT_NEAR(luma_at(10, 0.5, 0.5), 126, 30);
  EXPECT_GT(luma_at(19, 0.5, 0.5), 215);
}

TEST_F(Layers, TitleIsOnScreenForItsTimeOnly) {
  const Path a = flat_clip("a.mp4", {20, 30, 40});
  Timeline timeline = timeline_of({clip_of(a, 0, 30)});
  Clip title;
  title.id = "title";
  Generator generator{"title", {{"text", std::string("':%{pts}\\[x];")}}};
  title.source = generator;
  title.source_range = {Time{}, frames(10)};
  timeline.tracks.push_back({"v2", TrackKind::video, {Gap{frames(10)}, title}, {}});
  ASSERT_OK(rendered(timeline));
  auto reader = VideoReader::open(file("out.mp4"));
  ASSERT_OK(reader);
  for (int n = 0; n < 30; ++n) {
    auto frame = reader->next();
    ASSERT_TRUE(frame && *frame);
    const PlaneView& plane = (*frame)->picture.plane[0];
    int bright = 0;
    for (int y = 0; y < plane.height; ++y)
      for (int x = 0; x < plane.width; ++x) bright += plane.data[y * plane.stride + x] > 180 ? 1 : 0;
    // Its own animation may take a few frames at either end.
    if (n < 10 || n >= 20) {
      EXPECT_EQ(bright, 0) << n;
    }
    if (n == 15) {
      EXPECT_GT(bright, 100);
    }
  }
}

TEST_F(Layers, EveryTransitionGoesFromOneToTheOther) {
  const Path a = flat_clip("a.mp4", {30, 30, 30});
  const Path b = flat_clip("b.mp4", {220, 220, 220});
  ASSERT_GT(transition_catalog().size(), 10u);
  for (const std::string& kind : transition_catalog()) {
    Transition transition;
    transition.kind = kind;
    transition.in = frames(5);
    transition.out = frames(5);
    const auto made = rendered(timeline_of({clip_of(a, 10, 12), transition, clip_of(b, 10, 12)}, 160, 90));
    ASSERT_TRUE(made.has_value()) << kind << ": " << made.error().message;
    EXPECT_EQ(made->frames, 24) << kind;
    EXPECT_LT(luma_at(5, 0.5, 0.5), 60) << kind;
    EXPECT_GT(luma_at(18, 0.5, 0.5), 180) << kind;
  }
}

TEST_F(Layers, EffectsOfAWholeClipActThroughItsTransitions) {
  // 2.39:1 bars lie on both pictures from the first to the last frame; the flash waits for its clip.
  const Path a = flat_clip("a.mp4", {180, 180, 180});
  const Path b = flat_clip("b.mp4", {180, 180, 180});
  Clip first = clip_of(a, 10, 12), second = clip_of(b, 10, 12);
  second.effects.push_back({"flash", {{"decay_s", 0.1}}, {}});
  for (Clip* clip : {&first, &second}) clip->effects.push_back({"letterbox", {{"ratio", 2.39}}, {}});
  Transition transition;
  transition.in = transition.out = frames(5);
  ASSERT_OK(rendered(timeline_of({first, transition, second}, 160, 90)));
  const double plain = luma_at(2, 0.5, 0.5);
  for (int n = 0; n < 24; ++n) EXPECT_LT(luma_at(n, 0.5, 0.05), 25) << n;
  for (int n = 7; n < 12; ++n) EXPECT_NEAR(luma_at(n, 0.5, 0.5), plain, 4) << n;
  EXPECT_GT(luma_at(12, 0.5, 0.5), plain + 20);
}

TEST_F(Layers, ATransitionFromAGapIsFromBlack) {
  const Path a = flat_clip("a.mp4", {220, 220, 220});
  Transition transition;
  transition.in = transition.out = frames(5);
  ASSERT_OK(rendered(timeline_of({Gap{frames(10)}, transition, clip_of(a, 10, 10)})));
  EXPECT_LT(luma_at(4, 0.5, 0.5), 25);
  EXPECT_NEAR(luma_at(10, 0.5, 0.5), 110, 20);
  EXPECT_GT(luma_at(16, 0.5, 0.5), 195);
}

TEST_F(Layers, ColoursAreConformedToBt709Limited) {
  // The same red in every coding; what a player shows of the result must be that red.
  struct Case {
    const char *name, *range, *matrix, *format;
  };
  for (const Case& c :
       {Case{"709.mp4", "tv", "bt709", "yuv420p"}, Case{"601.mp4", "tv", "smpte170m", "yuv420p"},
        Case{"full.mp4", "pc", "bt709", "yuv420p"}, Case{"444.mkv", "tv", "bt709", "yuv444p"},
        Case{"deep.mkv", "tv", "bt709", "yuv420p10le"}}) {
    ClipSpec spec;
    spec.color_range = c.range;
    spec.color_matrix = c.matrix;
    spec.pixel_format = c.format;
    // The encoder's conversion from RGB takes BT.601 limited; so paint YUV-coded truth by matrix: a
    // grey step is enough for the range, the red for the matrix.
    spec.frames = 3;
    ASSERT_OK(write_clip(file(c.name), spec, color({200, 40, 40})));
    const auto source = [&] {
      auto reader = VideoReader::open(file(c.name), {.format = "rgb24"});
      auto frame = reader->next();
      const PlaneView& p = (*frame)->picture.plane[0];
      const std::uint8_t* pixel = p.data + 90 * p.stride + 160 * 3;
      return std::array<int, 3>{pixel[0], pixel[1], pixel[2]};
    }();
    ASSERT_OK(rendered(timeline_of({clip_of(file(c.name), 0, 3)})));
    auto reader = VideoReader::open(file("out.mp4"), {.format = "rgb24"});
    ASSERT_OK(reader);
    EXPECT_EQ(reader->stream().color_matrix, "bt709");
    EXPECT_EQ(reader->stream().color_range, "tv");
    auto frame = reader->next();
    ASSERT_TRUE(frame && *frame);
    const PlaneView& p = (*frame)->picture.plane[0];
    const std::uint8_t* pixel = p.data + 90 * p.stride + 160 * 3;
    for (int k = 0; k < 3; ++k)
      EXPECT_NEAR(pixel[k], source[static_cast<std::size_t>(k)], 5) << c.name << " " << k;
  }
}

TEST_F(Layers, InterlacedMaterialIsDeinterlaced) {
  // A bar that moves far between the two fields of a frame: combed when woven.
  ClipSpec spec{.frames = 20, .encoder = "libx264"};
  spec.interlaced_top_first = true;
  spec.options = {{"preset", "ultrafast"}, {"crf", "10"}, {"x264-params", "interlaced=1"}};
  const Painter combed = [](int n, RgbImage& image) {
    image.fill({16, 16, 16});
    for (int y = 0; y < image.height; ++y) {
      const int x = 20 + n * 8 + (y % 2) * 4;
      image.rectangle(x, y, 60, 1, {235, 235, 235});
    }
  };
  ASSERT_OK(write_clip(file("i.mp4"), spec, combed));
  ASSERT_TRUE(probe(file("i.mp4"))->video->interlaced);
  ASSERT_OK(rendered(timeline_of({clip_of(file("i.mp4"), 2, 10)})));
  auto reader = VideoReader::open(file("out.mp4"), {.format = "gray"});
  ASSERT_OK(reader);
  for (int n = 0; n < 10; ++n) {
    auto frame = reader->next();
    ASSERT_TRUE(frame && *frame);
    const PlaneView& p = (*frame)->picture.plane[0];
    double combing = 0;
    for (int y = 40; y < 140; ++y)
      for (int x = 0; x < p.width; ++x)
        combing += std::abs(2 * p.data[y * p.stride + x] - p.data[(y - 1) * p.stride + x] -
                            p.data[(y + 1) * p.stride + x]);
    EXPECT_LT(combing / (100.0 * p.width), 4) << n;  // woven: about 20
  }
}

TEST_F(Layers, HdrIsToneMapped) {
  ClipSpec spec{.frames = 4, .encoder = "libx264", .pixel_format = "yuv420p10le"};
  spec.color_transfer = "smpte2084";
  spec.color_primaries = "bt2020";
  spec.color_matrix = "bt2020nc";
  ASSERT_OK(write_clip(file("h.mkv"), spec, color({128, 128, 128})));
  ASSERT_TRUE(probe(file("h.mkv"))->video->hdr);
  const auto made = rendered(timeline_of({clip_of(file("h.mkv"), 0, 4)}));
  ASSERT_OK(made);
  const auto out = probe(file("out.mp4"));
  EXPECT_FALSE(out->video->hdr);
  EXPECT_EQ(out->video->color_transfer, "bt709");
  // PQ code 0.5 is about 92 nits: near the white of SDR, much brighter than the code says.
  const double luma = luma_at(1, 0.5, 0.5);
  EXPECT_GT(luma, 130);
  EXPECT_LT(luma, 236);
}

TEST_F(Layers, AlphaShowsWhatLiesBelow) {
  ClipSpec spec{.frames = 10, .encoder = "qtrle", .pixel_format = "argb"};
  ASSERT_OK(
      write_clip(file("alpha.mov"), spec, color({255, 255, 255})));  // opaque white: alpha 255 everywhere
  const Path a = numbered_clip("a.mp4");
  Timeline timeline = timeline_of({clip_of(a, 0, 10)});
  timeline.tracks.push_back({"v2", TrackKind::video, {clip_of(file("alpha.mov"), 0, 5)}, {}});
  ASSERT_OK(rendered(timeline));
  EXPECT_GT(luma_at(2, 0.5, 0.5), 225);
  const auto numbers = read_numbers(file("out.mp4"));
  EXPECT_EQ(std::vector<int>(numbers.begin() + 5, numbers.end()), row(5, 5));
}

TEST_F(Layers, DeepFormatsForProRes) {
  const Path a = numbered_clip("a.mp4", 20);
  RenderSettings settings;
  settings.codec = VideoCodec::prores;
  settings.smart_cut = false;
  ASSERT_OK(render(timeline_of({clip_of(a, 3, 6)}), file("out.mov"), settings));
  EXPECT_EQ(read_numbers(file("out.mov")), row(3, 6));
  EXPECT_EQ(probe(file("out.mov"))->video->bit_depth, 10);
}

TEST_F(Layers, EffectsActOnTheirFrames) {
  const Path a = flat_clip("a.mp4", {120, 120, 120});
  Clip clip = clip_of(a, 0, 30);
  clip.effects.push_back({"flash", {}, TimeRange{frames(10), frames(5)}});
  ASSERT_OK(rendered(timeline_of({clip})));
  const double before = luma_at(9, 0.5, 0.5), during = luma_at(10, 0.5, 0.5), after = luma_at(16, 0.5, 0.5);
  EXPECT_NEAR(before, after, 3);
  EXPECT_GT(during, before + 20);
}

}  // namespace
}  // namespace studio
