// The generated clips say what they claim, and the readers find it: numbers, sync, odd formats.
#include "support/generated.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "media/audio_reader.h"
#include "media/media_writer.h"
#include "media/probe.h"
#include "media/video_reader.h"

namespace studio {
namespace {

using namespace generated;

class Generated : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = ScratchFolder::create();
    ASSERT_TRUE(folder.has_value());
    folder_.emplace(*std::move(folder));
  }
  Path file(const char* name) const { return folder_->path() / name; }

 private:
  std::optional<ScratchFolder> folder_;
};

std::vector<int> counting(int count, int first = 0) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

#define ASSERT_OK(expr)                                          \
  do {                                                           \
    const auto& result_ = (expr);                                \
    ASSERT_TRUE(result_.has_value()) << result_.error().message; \
  } while (false)

TEST_F(Generated, NumbersSurviveEveryEncoding) {
  struct Case {
    const char* name;
    const char* encoder;
    const char* format;
  };
  for (const Case& c : {Case{"a.mp4", "libx264", "yuv420p"}, Case{"b.mkv", "libx264", "yuv420p10le"},
                        Case{"c.avi", "mpeg4", "yuv420p"}, Case{"d.mov", "prores_ks", "yuv422p10le"},
                        Case{"e.ts", "mpeg2video", "yuv420p"}, Case{"f.mov", "qtrle", "argb"}}) {
    ASSERT_OK(write_clip(file(c.name), {.frames = 30, .encoder = c.encoder, .pixel_format = c.format},
                         numbered(300)));
    EXPECT_EQ(read_numbers(file(c.name)), counting(30, 300)) << c.name;
  }
  EXPECT_EQ(probe(file("b.mkv"))->video->bit_depth, 10);
  EXPECT_TRUE(probe(file("f.mov"))->video->has_alpha);
}

TEST_F(Generated, SeekIsFrameExactInEveryContainer) {
  for (const char* name : {"a.mp4", "a.mkv", "a.ts", "a.avi", "a.mov"}) {
    ClipSpec spec{.frames = 90, .gop = 30};
    spec.options = {{"preset", "veryfast"},
                    {"crf", "18"},
                    {"bf", name[2] == 'a' ? "0" : "3"}};  // AVI has no place for B-frames
    ASSERT_OK(write_clip(file(name), spec, numbered()));
    auto reader = VideoReader::open(file(name), {.format = "gray"});
    ASSERT_OK(reader);
    const Time start = reader->stream().start.value_or(Time{});
    for (const int n : {0, 1, 29, 30, 31, 32, 35, 59, 89, 60, 45, 46, 44, 2, 0}) {
      ASSERT_OK(reader->seek(start + Time::frames(n, {25, 1})));
      auto frame = reader->next();
      ASSERT_TRUE(frame && *frame) << name << " " << n;
      EXPECT_EQ(read_number((*frame)->picture).value_or(-1), n) << name;
    }
    ASSERT_OK(reader->seek(start + Time::from_seconds(100)));
    auto last = reader->next();
    ASSERT_TRUE(last && *last);
    EXPECT_EQ(read_number((*last)->picture).value_or(-1), 89) << name;
    auto none = reader->next();
    EXPECT_TRUE(none && !*none);
  }
}

TEST_F(Generated, VariableRateKeepsItsTimes) {
  ClipSpec spec{.frames = 40};
  spec.time_base = {1, 1000};
  spec.time_of = [](int n) { return Time::ticks(n * 40 + (n % 3) * 11 + (n >= 20 ? 500 : 0), {1, 1000}); };
  ASSERT_OK(write_clip(file("v.mp4"), spec, numbered()));
  auto reader = VideoReader::open(file("v.mp4"), {.format = "gray"});
  ASSERT_OK(reader);
  for (int n = 0; n < 40; ++n) {
    auto frame = reader->next();
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->pts, spec.time_of(n));
    EXPECT_EQ(read_number((*frame)->picture).value_or(-1), n);
  }
  ASSERT_OK(reader->seek(Time::from_seconds(1.2)));  // inside the long hold of frame 19
  auto held = reader->next();
  ASSERT_TRUE(held && *held);
  EXPECT_EQ(read_number((*held)->picture).value_or(-1), 19);
}

TEST_F(Generated, RotationAndPixelAspectAreHonoured) {
  for (const int rotation : {90, 180, 270}) {
    ClipSpec spec{.frames = 3};
    spec.rotation = rotation;
    ASSERT_OK(write_clip(file("r.mp4"), spec, [](int, RgbImage& image) {
      image.fill({0, 0, 0});
      image.rectangle(0, 0, image.width / 2, image.height / 2, {255, 255, 255});  // top left, before turning
    }));
    auto reader = VideoReader::open(file("r.mp4"), {.format = "gray"});
    ASSERT_OK(reader);
    EXPECT_EQ(reader->stream().rotation, rotation);
    EXPECT_EQ(reader->stream().width, rotation == 180 ? 320 : 180);
    auto frame = reader->next();
    ASSERT_TRUE(frame && *frame);
    const FramePlanes& p = (*frame)->picture;
    EXPECT_EQ(p.width, rotation == 180 ? 320 : 180);
    const auto bright = [&](bool right, bool bottom) {
      return p.plane[0].data[(bottom ? p.height * 3 / 4 : p.height / 4) * p.plane[0].stride +
                             (right ? p.width * 3 / 4 : p.width / 4)] > 128;
    };
    // Clockwise: top left goes to top right, bottom right, bottom left.
    EXPECT_TRUE(bright(rotation != 270, rotation != 90)) << rotation;
  }
  ClipSpec wide{.frames = 2};
  wide.sample_aspect = {4, 3};
  ASSERT_OK(write_clip(file("p.mp4"), wide, numbered()));
  EXPECT_EQ(probe(file("p.mp4"))->video->width, 427);
  auto reader = VideoReader::open(file("p.mp4"), {.height = 90, .format = "gray"});
  ASSERT_OK(reader);
  auto frame = reader->next();
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->picture.width, 214);
}

TEST_F(Generated, FlashAndBeepMeasureInSync) {
  for (const char* name : {"s.mp4", "s.mkv", "s.mov"}) {
    ClipSpec spec{.frames = 100};
    ASSERT_OK(write_clip(file(name), spec, flashes(spec), beeps()));
    auto sync = measure_sync(file(name));
    ASSERT_OK(sync);
    EXPECT_EQ(sync->flashes_s.size(), 4u);
    EXPECT_EQ(sync->beeps_s.size(), 4u);
    EXPECT_LT(sync->worst_offset_s, 0.003) << name;
  }
}

TEST_F(Generated, SoundSeekIsSampleAccurate) {
  // The time in the sample: a ramp of 1/65536 a sample wraps every 0.68 s.
  const Sounder ramp = [](double t, int) {
    return static_cast<float>(std::fmod(t * 48000, 32768) / 32768 - 0.5);
  };
  ASSERT_OK(write_sound(file("ramp.wav"), 5, ramp));
  auto reader = AudioReader::open(file("ramp.wav"));
  ASSERT_OK(reader);
  for (const int first : {0, 1, 1000, 47999, 100000, 30000, 200000}) {
    ASSERT_OK(reader->seek(Time::ticks(first, {1, 48000})));
    auto block = reader->next();
    ASSERT_TRUE(block && *block);
    EXPECT_EQ((*block)->start, Time::ticks(first, {1, 48000}));
    EXPECT_NEAR((*block)->samples[0], ramp(first / 48000.0, 0), 2.0 / 32768);
  }
  ASSERT_OK(reader->seek(Time::from_seconds(9)));
  auto none = reader->next();
  EXPECT_TRUE(none && !*none);
}

TEST_F(Generated, SoundIsResampledAndMixedInPlace) {
  ASSERT_OK(write_sound(file("t.wav"), 2, [](double t, int) { return t >= 1 ? 0.5F : 0.0F; }, 44100, 1));
  auto reader = AudioReader::open(file("t.wav"), {.sample_rate = 48000, .channels = 2});
  ASSERT_OK(reader);
  std::int64_t total = 0;
  std::int64_t first_loud = -1;
  for (auto block = reader->next(); block && *block; block = reader->next()) {
    EXPECT_EQ((*block)->channels, 2);
    for (std::int64_t i = 0; i < (*block)->frames(); ++i)
      if (first_loud < 0 && (*block)->samples[static_cast<std::size_t>(2 * i)] > 0.2F) first_loud = total + i;
    total += (*block)->frames();
  }
  EXPECT_NEAR(static_cast<double>(total), 96000, 2);
  EXPECT_NEAR(static_cast<double>(first_loud), 48000, 3);
}

TEST_F(Generated, MonoSpreadsAndStereoMeansAtTheSameLevel) {
  const auto peak = [](const Path& path, int channels) {
    auto reader = AudioReader::open(path, {.channels = channels});
    float highest = 0;
    for (auto block = reader->next(); block && *block; block = reader->next())
      for (const float sample : (*block)->samples) highest = std::max(highest, sample);
    return highest;
  };
  ASSERT_OK(write_sound(file("mono.wav"), 1, tone(440, 0.5), 48000, 1));
  ASSERT_OK(write_sound(file("stereo.wav"), 1, tone(440, 0.5), 48000, 2));
  EXPECT_NEAR(peak(file("mono.wav"), 2), 0.5, 0.01);
  EXPECT_NEAR(peak(file("stereo.wav"), 1), 0.5, 0.01);
}

TEST_F(Generated, AudioOnlyIsRefusedAsPicture) {
  ASSERT_OK(write_sound(file("only.wav"), 1, tone(440)));
  const auto reader = VideoReader::open(file("only.wav"));
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().kind, ErrorKind::unsupported);
}

TEST_F(Generated, OneFrameAndTruncatedFiles) {
  ASSERT_OK(write_clip(file("one.mp4"), {.frames = 1}, numbered(7)));
  EXPECT_EQ(read_numbers(file("one.mp4")), counting(1, 7));
  EXPECT_GT(probe(file("one.mp4"))->duration.value_or(Time{}), Time{});

  ASSERT_OK(write_clip(file("whole.mkv"), {.frames = 60}, numbered()));
  const auto content = read_file(file("whole.mkv"));
  ASSERT_OK(write_file_atomic(file("cut.mkv"), std::string_view(*content).substr(0, content->size() / 2)));
  const auto numbers = read_numbers(file("cut.mkv"));
  EXPECT_GT(numbers.size(), 10u);
  EXPECT_LT(numbers.size(), 60u);
  ASSERT_OK(write_clip(file("whole.mp4"), {.frames = 60}, numbered()));
  const auto mp4 = read_file(file("whole.mp4"));
  ASSERT_OK(write_file_atomic(file("cut.mp4"), std::string_view(*mp4).substr(0, mp4->size() / 2)));
  EXPECT_FALSE(probe(file("cut.mp4")).has_value());  // its index stood at the end
}

// --- What is broken ----------------------------------------------------------------------

// Reads everything; what comes back must be pictures or an error, never a crash or a hang.
void read_all(const Path& path) {
  if (auto reader = VideoReader::open(path, {.width = 64, .format = "gray"}))
    for (int n = 0; n < 2000; ++n) {
      const auto frame = reader->next();
      if (!frame || !*frame) break;
    }
  if (auto reader = VideoReader::open(path)) {
    if (reader->seek(Time::from_seconds(1))) (void)reader->next();
  }
  if (auto reader = AudioReader::open(path, {.sample_rate = 16000, .channels = 1})) {
    for (int n = 0; n < 2000; ++n) {
      const auto block = reader->next();
      if (!block || !*block) break;
    }
    if (reader->seek(Time::from_seconds(0.7))) (void)reader->next();
  }
}

TEST_F(Generated, DamagedFilesNeverCrash) {
  std::uint32_t random = 12345;
  const auto next_random = [&] { return random = random * 1664525U + 1013904223U; };
  for (const char* name : {"x.mp4", "x.mkv", "x.avi", "x.ts"}) {
    ClipSpec spec{.frames = 40};
    if (name[2] == 'a') spec.encoder = "mpeg4";
    ASSERT_OK(write_clip(file(name), spec, numbered(), tone(440)));
    const auto whole = read_file(file(name));
    ASSERT_OK(whole);
    for (int round = 0; round < 25; ++round) {
      std::string bytes = *whole;
      const std::size_t flips = 1 + next_random() % 60;
      for (std::size_t i = 0; i < flips; ++i) {
        // Mostly in the header, where the sizes and counts are.
        const std::size_t range =
            next_random() % 2 == 0 ? std::min<std::size_t>(4096, bytes.size()) : bytes.size();
        bytes[(next_random() >> 4) % range] = static_cast<char>(next_random() >> 9);
      }
      if (round % 5 == 0) bytes.resize(bytes.size() / 3);
      const Path broken = file("broken").replace_extension(Path(name).extension());
      ASSERT_OK(write_file_atomic(broken, bytes));
      read_all(broken);
    }
  }
}

TEST_F(Generated, FewBrokenPacketsAreToleratedAndCounted) {
  ASSERT_OK(write_clip(file("a.mkv"), {.frames = 60}, numbered()));
  auto bytes = *read_file(file("a.mkv"));
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 400; ++i)
    bytes[i] = static_cast<char>(i * 31);
  ASSERT_OK(write_file_atomic(file("b.mkv"), bytes));
  const auto numbers = read_numbers(file("b.mkv"));
  EXPECT_GT(numbers.size(), 30u);
}

TEST_F(Generated, HugePicturesAreRefused) {
  // A PPM header tells any size for a few bytes.
  for (const char* size : {"100000 1", "20000 20000", "1 100000"}) {
    ASSERT_OK(
        write_file_atomic(file("huge.ppm"), std::string("P6\n") + size + "\n255\n" + std::string(1000, 'x')));
    const auto facts = probe(file("huge.ppm"));
    ASSERT_FALSE(facts.has_value()) << size;
    EXPECT_TRUE(facts.error().kind == ErrorKind::limit_exceeded ||
                facts.error().kind == ErrorKind::invalid_input)
        << facts.error().message;
  }
}

TEST_F(Generated, AFullDiskIsNamed) {
  MediaWriterOptions options;
  options.container = "matroska";
  VideoEncoding video;
  video.encoder = "rawvideo";
  video.width = 320;
  video.height = 180;
  options.video = video;
  auto writer = MediaWriter::create("/dev/full", options);
  Result<void> result;
  if (!writer) {
    result = std::unexpected(writer.error());
  } else {
    const Frame frame = Frame::make_picture(320, 180, "yuv420p");
    for (int n = 0; n < 100 && result; ++n) result = writer->write_video(frame, n);
    if (result) result = writer->finish();
  }
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::no_space) << result.error().message;
}

TEST_F(Generated, WriterRefusesByName) {
  MediaWriterOptions options;
  options.video = VideoEncoding{};
  options.video->width = 320;
  options.video->height = 180;
  options.video->encoder = "no_such_encoder";
  const auto kind = [](const Result<MediaWriter>& writer) {
    return writer ? ErrorKind::below_threshold : writer.error().kind;
  };
  EXPECT_EQ(kind(MediaWriter::create(file("a.mp4"), options)), ErrorKind::unsupported);
  options.video->encoder = "libx264";
  options.video->options = {{"preset", "no_such_preset"}};
  EXPECT_NE(kind(MediaWriter::create(file("a.mp4"), options)), ErrorKind::below_threshold);
  options.video->options = {{"no_such_option", "1"}};
  EXPECT_EQ(kind(MediaWriter::create(file("a.mp4"), options)), ErrorKind::wrong_usage);
  options.video->options = {};
  EXPECT_EQ(kind(MediaWriter::create(file("a.unknown"), options)), ErrorKind::unsupported);
}

// Transport streams begin at some hour, AVI stamps pictures when they are decoded: for the house
// frame n lies at n / rate all the same, also after a seek.
TEST_F(Generated, TimesCountFromTheFirstPictureInEveryContainer) {
  struct Kind {
    const char *name, *encoder, *sound;
    CodecOptions options;
  };
  const CodecOptions x264{{"preset", "medium"}, {"crf", "18"}}, old{{"q", "3"}, {"bf", "2"}};
  const Kind kinds[] = {{"a.mp4", "libx264", "aac", x264},     {"a.mkv", "libx264", "aac", x264},
                        {"a.ts", "libx264", "aac", x264},      {"a.avi", "libx264", "libmp3lame", x264},
                        {"b.avi", "mpeg4", "libmp3lame", old}, {"b.mp4", "mpeg4", "aac", old},
                        {"b.ts", "mpeg2video", "mp2", old},    {"b.mpg", "mpeg2video", "mp2", old}};
  for (const Kind& kind : kinds) {
    generated::ClipSpec spec;
    spec.frames = 100;
    spec.encoder = kind.encoder;
    spec.options = kind.options;
    spec.audio_encoder = kind.sound;
    const generated::FlashBeep flash;
    ASSERT_OK(generated::write_clip(file(kind.name), spec, generated::flashes(spec, flash),
                                    generated::beeps(flash)));
    const auto sync = generated::measure_sync(file(kind.name));
    ASSERT_OK(sync);
    EXPECT_LT(sync->worst_offset_s, 0.05) << kind.name;
    ASSERT_OK(generated::write_clip(file(kind.name), spec, generated::numbered()));
    auto reader = VideoReader::open(file(kind.name));
    ASSERT_OK(reader);
    EXPECT_EQ(reader->stream().start, Time{}) << kind.name;
    for (int n = 0; n < 100; ++n) {
      const auto frame = reader->next();
      ASSERT_OK(frame);
      ASSERT_TRUE(*frame) << kind.name;
      EXPECT_NEAR((*frame)->pts.seconds(), n / 25.0, 0.002) << kind.name << " frame " << n;
    }
    for (const int n : {61, 7, 99, 30}) {
      ASSERT_OK(reader->seek(Time::frames(n, {25, 1})));
      const auto frame = reader->next();
      ASSERT_OK(frame);
      ASSERT_TRUE(*frame) << kind.name;
      EXPECT_NEAR((*frame)->pts.seconds(), n / 25.0, 0.002) << kind.name << " after a seek to " << n;
    }
  }
}

}  // namespace
}  // namespace studio
