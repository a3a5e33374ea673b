// What the render tests share: a scratch folder, clips on it, timelines over them, numbers read back.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "media/probe.h"
#include "render/render.h"
#include "support/generated.h"

namespace studio {

using namespace generated;

#define ASSERT_OK(expr)                                          \
  do {                                                           \
    const auto& result_ = (expr);                                \
    ASSERT_TRUE(result_.has_value()) << result_.error().message; \
  } while (false)

inline constexpr Rational k25{25, 1};

inline Time frames(std::int64_t n, Rational rate = k25) {
  return Time::frames(n, rate);
}

class RenderFixture : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = ScratchFolder::create();
    ASSERT_TRUE(folder.has_value());
    folder_.emplace(*std::move(folder));
  }
  Path file(const std::string& name) const { return folder_->path() / name; }

  // A numbered clip with a beep at every flash-free second, made once a test.
  Path numbered_clip(const std::string& name, int count = 100, ClipSpec spec = {}) {
    spec.frames = count;
    const auto written = write_clip(file(name), spec, numbered());
    EXPECT_TRUE(written.has_value()) << (written ? "" : written.error().message);
    return file(name);
  }

  static Clip clip_of(const Path& path, std::int64_t first, std::int64_t count, Rational rate = k25) {
    const auto facts = probe(path);
    EXPECT_TRUE(facts.has_value());
    static int serial = 0;
    Clip clip;
    clip.id = "c" + std::to_string(++serial);
    MediaFile media;
    media.path = path.string();
    const Time start = facts->video ? facts->video->start.value_or(Time{}) : Time{};
    media.available = {start, facts->duration.value_or(frames(count + first, rate))};
    media.frame_rate = facts->video ? facts->video->frame_rate : Rational{0, 1};
    media.has_video = facts->video.has_value();
    media.has_audio = facts->audio.has_value();
    clip.source = media;
    clip.source_range = {start + frames(first, rate), frames(count, rate)};
    return clip;
  }

  static Timeline timeline_of(std::vector<Item> items, int width = 320, int height = 180) {
    Timeline timeline;
    timeline.width = width;
    timeline.height = height;
    timeline.tracks.push_back({"v1", TrackKind::video, std::move(items), {}});
    return timeline;
  }

  Result<RenderedFile> rendered(const Timeline& timeline, const std::string& name = "out.mp4") {
    RenderSettings settings;
    settings.quality = Quality::draft;
    settings.smart_cut = false;
    return render(timeline, file(name), settings);
  }

  std::vector<int> numbers_after(const Timeline& timeline, const CodeBox& box = {}) {
    const auto result = rendered(timeline);
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().message);
    if (!result) return {};
    auto numbers = read_numbers(file("out.mp4"), box);
    EXPECT_EQ(static_cast<std::int64_t>(numbers.size()), result->frames);
    return numbers;
  }

 private:
  std::optional<ScratchFolder> folder_;
};

inline std::vector<int> row(int first, int count, int step = 1) {
  std::vector<int> out;
  for (int i = 0; i < count; ++i) out.push_back(first + i * step);
  return out;
}

inline std::vector<int> operator+(std::vector<int> a, const std::vector<int>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace studio
