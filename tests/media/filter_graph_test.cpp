// Graphs wired by hand: typed options, texts taken literally, errors by name.
#include "media/filter_graph.h"

#include <gtest/gtest.h>

#include <cmath>

namespace studio {
namespace {

Frame flat(int width, int height, std::uint8_t luma) {
  Frame frame = Frame::make_picture(width, height, "yuv420p");
  for (int plane = 0; plane < 3; ++plane) {
    int stride = 0;
    std::uint8_t* data = frame.writable_plane(plane, &stride);
    const int rows = plane == 0 ? height : height / 2;
    std::fill_n(data, static_cast<std::size_t>(stride) * static_cast<std::size_t>(rows),
                plane == 0 ? luma : std::uint8_t{128});
  }
  return frame;
}

Result<Frame> through(const FilterFragment& fragment, const Frame& frame) {
  TRY_ASSIGN(auto graph, FilterGraph::create(1));
  TRY_ASSIGN(const auto source, graph.add_source_like(frame, {1, 25}, {25, 1}));
  TRY_ASSIGN(const auto last, graph.append(source, fragment));
  TRY_ASSIGN(const auto sink, graph.add_picture_sink({"yuv420p"}));
  TRY(graph.link(last, 0, sink, 0));
  TRY(graph.configure());
  TRY(graph.push(source, frame.with_pts(0)));
  TRY(graph.end(source));
  TRY_ASSIGN(auto out, graph.pull(sink));
  if (!out) return fail(ErrorKind::internal, "nothing came out");
  return *std::move(out);
}

TEST(FilterGraph, ScalesByTypedOptions) {
  const auto out =
      through(chain({{"scale", {{"w", std::int64_t{64}}, {"h", std::int64_t{48}}}}}), flat(320, 180, 100));
  ASSERT_TRUE(out.has_value()) << out.error().message;
  EXPECT_EQ(out->width(), 64);
  EXPECT_EQ(out->height(), 48);
}

TEST(FilterGraph, FragmentsWithBranchesJoin) {
  FilterFragment mirrored;  // left half as it is, right half its mirror
  mirrored.nodes = {{"split", {}}, {"hflip", {}}, {"hstack", {}}};
  mirrored.links = {{FilterFragment::kInput, 0, 0, 0},
                    {0, 0, 2, 0},
                    {0, 1, 1, 0},
                    {1, 0, 2, 1},
                    {2, 0, FilterFragment::kOutput, 0}};
  const auto out = through(joined(mirrored, chain({{"vflip", {}}})), flat(64, 48, 50));
  ASSERT_TRUE(out.has_value()) << out.error().message;
  EXPECT_EQ(out->width(), 128);
}

TEST(FilterGraph, TextIsTakenLiterally) {
  if (!has_filter("drawtext")) GTEST_SKIP() << "this FFmpeg has no drawtext";
  FilterSpec text{"drawtext",
                  {{"text", "':%{pts}\\[x];,a=b"},
                   {"expansion", "none"},
                   {"fontcolor", "white"},
                   {"fontsize", std::int64_t{24}}}};
  const auto out = through(chain({text}), flat(320, 180, 16));
  ASSERT_TRUE(out.has_value()) << out.error().message;
  const FramePlanes planes = out->picture();
  int bright = 0;
  for (int y = 0; y < planes.height; ++y)
    for (int x = 0; x < planes.width; ++x)
      bright += planes.plane[0].data[y * planes.plane[0].stride + x] > 200 ? 1 : 0;
  EXPECT_GT(bright, 100);
}

TEST(FilterGraph, ErrorsByName) {
  const auto kind = [](const FilterFragment& fragment) {
    const auto out = through(fragment, flat(32, 32, 0));
    return out ? ErrorKind::below_threshold : out.error().kind;
  };
  EXPECT_EQ(kind(chain({{"no_such_filter", {}}})), ErrorKind::unsupported);
  EXPECT_EQ(kind(chain({{"scale", {{"no_such_option", 1.0}}}})), ErrorKind::wrong_usage);
  EXPECT_EQ(kind(chain({{"hue", {{"h", "not an expression("}}}})), ErrorKind::wrong_usage);
  std::vector<FilterSpec> many(600, FilterSpec{"null", {}});
  EXPECT_EQ(kind(chain(many)), ErrorKind::limit_exceeded);
}

TEST(FilterGraph, SoundGoesThrough) {
  auto graph = FilterGraph::create(1);
  ASSERT_TRUE(graph.has_value());
  const auto source = graph->add_source(SoundStreamFormat{48000, 2});
  ASSERT_TRUE(source.has_value()) << source.error().message;
  const auto volume = graph->add({"volume", {{"volume", 0.5}}});
  ASSERT_TRUE(volume.has_value()) << volume.error().message;
  const auto sink = graph->add_sound_sink(SoundStreamFormat{48000, 2});
  ASSERT_TRUE(sink.has_value()) << sink.error().message;
  ASSERT_TRUE(graph->link(*source, 0, *volume, 0).has_value());
  ASSERT_TRUE(graph->link(*volume, 0, *sink, 0).has_value());
  ASSERT_TRUE(graph->configure().has_value());
  Frame block = Frame::make_sound(480, 2, 48000);
  for (int c = 0; c < 2; ++c) std::fill_n(block.writable_channel(c), 480, 0.8F);
  ASSERT_TRUE(graph->push(*source, block.with_pts(0)).has_value());
  auto out = graph->pull(*sink);
  ASSERT_TRUE(out && *out);
  EXPECT_EQ((*out)->samples(), 480);
  EXPECT_NEAR((*out)->writable_channel(0)[100], 0.4F, 0.001F);
}

}  // namespace
}  // namespace studio
