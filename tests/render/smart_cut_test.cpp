// Smart cut: every frame read back from its pixels, the encoded ones counted, sound in step.
#include "render/smart_cut.h"

#include <gtest/gtest.h>

#include <numeric>

#include "media/probe.h"
#include "support/generated.h"

namespace studio {
namespace {

struct Cut {
  Path file;
  int first, end;
};

Timeline timeline_of(const std::vector<Cut>& cuts, bool sound = false) {
  Timeline timeline;
  timeline.tracks.emplace_back();
  timeline.tracks[0].id = "v1";
  for (const Cut& cut : cuts) {
    const auto facts = probe(cut.file);
    EXPECT_TRUE(facts) << facts.error().message;
    const VideoStream& v = *facts->video;
    timeline.frame_rate = v.frame_rate;
    timeline.width = v.width;
    timeline.height = v.height;
    Clip clip;
    clip.id = "c" + std::to_string(timeline.tracks[0].items.size());
    MediaFile file;
    file.path = cut.file;
    file.available = {v.start.value_or(Time{}), *facts->duration};
    file.frame_rate = v.frame_rate;
    file.has_video = true;
    file.has_audio = facts->audio.has_value();
    clip.source = file;
    const Time start = v.start.value_or(Time{});
    clip.source_range = TimeRange::between(start + Time::frames(cut.first, v.frame_rate),
                                           start + Time::frames(cut.end, v.frame_rate));
    clip.sound = sound;
    timeline.tracks[0].items.emplace_back(clip);
  }
  return timeline;
}

std::vector<int> numbers_of(const std::vector<Cut>& cuts) {
  std::vector<int> numbers;
  for (const Cut& cut : cuts)
    for (int n = cut.first; n < cut.end; ++n) numbers.push_back(n);
  return numbers;
}

class SmartCut : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = ScratchFolder::create();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<ScratchFolder>(std::move(*folder));
  }
  Path file(const std::string& name) const { return folder_->path() / name; }

  // Real H.264: B frames, pyramid, several references.
  generated::ClipSpec spec(int frames = 200, int gop = 30) const {
    generated::ClipSpec s;
    s.frames = frames;
    s.gop = gop;
    s.options = {{"preset", "medium"}, {"crf", "18"}};
    return s;
  }

  RenderedFile cut(const std::vector<Cut>& cuts, const Path& output, bool sound = false) {
    auto rendered = smart_cut(timeline_of(cuts, sound), output, {}, {});
    EXPECT_TRUE(rendered) << rendered.error().message;
    return rendered.value_or(RenderedFile{});
  }

 private:
  std::unique_ptr<ScratchFolder> folder_;
};

TEST_F(SmartCut, EveryFrameIsTheOneThatWasAskedFor) {
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), spec(), generated::numbered()));
  const std::vector<Cut> cuts = {
      {file("in.mp4"), 7, 95}, {file("in.mp4"), 120, 181}, {file("in.mp4"), 0, 31}, {file("in.mp4"), 62, 70}};
  for (const char* name : {"out.mp4", "out.mov", "out.mkv"}) {
    const RenderedFile rendered = cut(cuts, file(name));
    EXPECT_EQ(rendered.frames, 88 + 61 + 31 + 8);
    EXPECT_EQ(generated::read_numbers(file(name)), numbers_of(cuts)) << name;
    // Key frames lie at 0, 30, 60, ...: heads 7..29 and 62..69 have to be encoded, and at the
    // ends only what cannot be cut off a group.
    EXPECT_GE(rendered.reencoded_frames, 23 + 8);
    EXPECT_LE(rendered.reencoded_frames, 23 + 8 + 4 * 4);
  }
}

TEST_F(SmartCut, CutsAtKeyFramesEncodeNothing) {
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), spec(), generated::numbered()));
  const std::vector<Cut> cuts = {{file("in.mp4"), 60, 120}, {file("in.mp4"), 0, 30}};
  const RenderedFile rendered = cut(cuts, file("out.mp4"));
  EXPECT_EQ(rendered.reencoded_frames, 0);
  EXPECT_EQ(rendered.encoder, "copy");
  EXPECT_EQ(generated::read_numbers(file("out.mp4")), numbers_of(cuts));
}

TEST_F(SmartCut, EveryPossibleCutOfAShortClipIsExact) {
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), spec(26, 12), generated::numbered()));
  for (int first = 0; first < 26; first += 3)
    for (int end = first + 1; end <= 26; end += 4) {
      const std::vector<Cut> cuts = {{file("in.mp4"), first, end}, {file("in.mp4"), 3, 20}};
      cut(cuts, file("out.mp4"));
      ASSERT_EQ(generated::read_numbers(file("out.mp4")), numbers_of(cuts)) << first << ".." << end;
    }
}

TEST_F(SmartCut, SoundStaysInStepOverManyCuts) {
  generated::ClipSpec s = spec(500, 25);
  const generated::FlashBeep flash;
  ASSERT_TRUE(
      generated::write_clip(file("in.mp4"), s, generated::flashes(s, flash), generated::beeps(flash)));
  std::vector<Cut> cuts;
  // Each piece holds one whole flash and beep, seven frames after its start.
  for (int i = 0; i < 9; ++i) cuts.push_back({file("in.mp4"), 3 + i * 50, 3 + i * 50 + 31});
  for (const char* name : {"out.mp4", "out.mkv"}) {
    cut(cuts, file(name), true);
    const auto sync = generated::measure_sync(file(name));
    ASSERT_TRUE(sync) << sync.error().message;
    EXPECT_LT(sync->worst_offset_s, 0.04) << name;
  }
}

TEST_F(SmartCut, SoundOfATransportStreamIsCopiedToo) {
  generated::ClipSpec s = spec(250, 25);
  const generated::FlashBeep flash;
  ASSERT_TRUE(generated::write_clip(file("in.ts"), s, generated::flashes(s, flash), generated::beeps(flash)));
  std::vector<Cut> cuts;
  for (int i = 0; i < 4; ++i) cuts.push_back({file("in.ts"), 3 + i * 50, 3 + i * 50 + 31});
  for (const char* name : {"out.mp4", "out.mkv"}) {
    cut(cuts, file(name), true);
    const auto facts = probe(file(name));
    ASSERT_TRUE(facts && facts->audio);
    EXPECT_EQ(facts->audio->codec, "aac");
    EXPECT_EQ(facts->audio->channels, 2);
    const auto sync = generated::measure_sync(file(name));
    ASSERT_TRUE(sync) << sync.error().message;
    EXPECT_EQ(sync->flashes_s.size(), 4U);
    EXPECT_LT(sync->worst_offset_s, 0.04) << name;
  }
}

TEST_F(SmartCut, TwoFilesWithDifferentParameterSetsJoin) {
  generated::ClipSpec one = spec(60, 30), two = spec(60, 30);
  two.options = {{"preset", "veryfast"}, {"crf", "22"}};
  ASSERT_TRUE(generated::write_clip(file("a.mp4"), one, generated::numbered()));
  ASSERT_TRUE(generated::write_clip(file("b.mp4"), two, generated::numbered(1000)));
  const std::vector<Cut> cuts = {{file("a.mp4"), 5, 50}, {file("b.mp4"), 10, 55}, {file("a.mp4"), 30, 40}};
  for (const char* name : {"out.mp4", "out.mkv"}) {
    cut(cuts, file(name));
    std::vector<int> expected = numbers_of(cuts);
    for (int i = 45; i < 90; ++i) expected[i] += 1000;
    EXPECT_EQ(generated::read_numbers(file(name)), expected) << name;
  }
}

TEST_F(SmartCut, HevcWithOpenGroupsJoins) {
  generated::ClipSpec s = spec(100, 25);
  s.encoder = "libx265";
  s.options = {{"preset", "fast"}, {"crf", "18"}, {"x265-params", "log-level=none:open-gop=1:keyint=25"}};
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), s, generated::numbered()));
  const std::vector<Cut> cuts = {{file("in.mp4"), 7, 80}, {file("in.mp4"), 30, 95}};
  const RenderedFile rendered = cut(cuts, file("out.mp4"));
  EXPECT_EQ(generated::read_numbers(file("out.mp4")), numbers_of(cuts));
  EXPECT_LT(rendered.reencoded_frames, 60);
}

TEST_F(SmartCut, OtherCodecsJoinWithTheirHeadersInTheStream) {
  struct Kind {
    const char *source, *encoder, *sound;
    CodecOptions options;
    std::vector<const char*> outputs;
  };
  const CodecOptions mpeg{{"q", "3"}, {"bf", "2"}},
      vpx{{"deadline", "realtime"}, {"cpu-used", "8"}, {"b", "2M"}};
  const Kind kinds[] = {{"a.mp4", "mpeg4", "aac", mpeg, {"out.mp4", "out.mkv"}},
                        {"a.ts", "mpeg2video", "mp2", mpeg, {"out.mkv", "out.mp4"}},
                        {"a.mkv", "mpeg2video", "mp2", mpeg, {"out.mkv"}},
                        {"a.webm", "libvpx-vp9", "libopus", vpx, {"out.webm", "out.mp4", "out.mkv"}},
                        {"b.webm", "libvpx", "libopus", vpx, {"out.webm", "out.mkv"}},
                        {"b.mkv",
                         "libsvtav1",
                         "libopus",
                         {{"preset", "12"}, {"crf", "35"}},
                         {"out.mkv", "out.webm", "out.mp4"}}};
  for (const Kind& kind : kinds) {
    generated::ClipSpec s = spec(100, 25);
    s.encoder = kind.encoder;
    s.options = kind.options;
    s.audio_encoder = kind.sound;
    const auto written =
        generated::write_clip(file(kind.source), s, generated::numbered(), generated::beeps());
    if (!written && written.error().kind == ErrorKind::unsupported) continue;  // an FFmpeg without it
    ASSERT_TRUE(written) << written.error().message;
    const std::vector<Cut> cuts = {{file(kind.source), 7, 62},
                                   {file(kind.source), 30, 95},
                                   {file(kind.source), 50, 58},
                                   {file(kind.source), 40, 49}};
    for (const char* output : kind.outputs) {
      const RenderedFile rendered = cut(cuts, file(output), true);
      const std::string what = std::string(kind.source) + " " + kind.encoder + " to " + output;
      EXPECT_EQ(generated::read_numbers(file(output)), numbers_of(cuts)) << what;
      // Heads 7..24, 30..49 and all of 40..48; at the ends and starts up to a few reordered ones.
      EXPECT_GE(rendered.reencoded_frames, 18 + 20 + 9) << what;
      EXPECT_LE(rendered.reencoded_frames, 18 + 20 + 9 + 4 * 4) << what;
    }
  }
}

TEST_F(SmartCut, NtscRatesAndMatroskaClocksWork) {
  generated::ClipSpec s = spec(120, 24);
  s.frame_rate = {30000, 1001};
  for (const char* name : {"in.mkv", "in.mp4", "in.mov"}) {
    ASSERT_TRUE(generated::write_clip(file(name), s, generated::numbered()));
    const std::vector<Cut> cuts = {{file(name), 11, 77}, {file(name), 40, 119}};
    cut(cuts, file("out.mp4"));
    EXPECT_EQ(generated::read_numbers(file("out.mp4")), numbers_of(cuts)) << name;
  }
}

TEST_F(SmartCut, WhatItCannotDoItSays) {
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), spec(60, 30), generated::numbered()));
  Timeline timeline = timeline_of({{file("in.mp4"), 5, 50}});
  EXPECT_TRUE(can_smart_cut(timeline, {}, file("out.mp4")).possible);
  EXPECT_FALSE(can_smart_cut(timeline, {}, file("out.webm")).possible);
  Timeline changed = timeline;
  std::get<Clip>(changed.tracks[0].items[0]).effects.push_back({"vignette", {}, {}});
  const SmartCutVerdict verdict = can_smart_cut(changed, {}, file("out.mp4"));
  EXPECT_FALSE(verdict.possible);
  EXPECT_NE(verdict.reason.find("vignette"), std::string::npos);
  changed = timeline;
  changed.width = 640;
  EXPECT_FALSE(can_smart_cut(changed, {}, file("out.mp4")).possible);
  changed = timeline;
  std::get<Clip>(changed.tracks[0].items[0]).retime.speed = {2, 1};
  EXPECT_FALSE(can_smart_cut(changed, {}, file("out.mp4")).possible);
  generated::ClipSpec hdr = spec(30, 15);
  hdr.pixel_format = "yuv420p10le";
  hdr.color_matrix = "bt2020nc";
  hdr.color_transfer = "smpte2084";
  hdr.color_primaries = "bt2020";
  ASSERT_TRUE(generated::write_clip(file("hdr.mp4"), hdr, generated::numbered()));
  const SmartCutVerdict bright = can_smart_cut(timeline_of({{file("hdr.mp4"), 0, 15}}), {}, file("out.mp4"));
  EXPECT_FALSE(bright.possible);
  EXPECT_NE(bright.reason.find("HDR"), std::string::npos) << bright.reason;
  RenderSettings loud;
  loud.loudness_lufs = -14;
  EXPECT_FALSE(can_smart_cut(timeline, loud, file("out.mp4")).possible);
  const auto over_itself = smart_cut(timeline, file("in.mp4"), {}, {});
  ASSERT_FALSE(over_itself);
  EXPECT_EQ(generated::read_numbers(file("in.mp4")).size(), 60U);
}

TEST_F(SmartCut, VariableFrameRateIsRefusedAndLeavesNothingBehind) {
  generated::ClipSpec s = spec(60, 30);
  s.time_base = {1, 1000};
  s.time_of = [](int frame) { return Time::ticks(frame * 40 + (frame % 3) * 13, {1, 1000}); };
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), s, generated::numbered()));
  Timeline timeline = timeline_of({{file("in.mp4"), 5, 50}});
  auto rendered = smart_cut(timeline, file("out.mp4"), {}, {});
  ASSERT_FALSE(rendered);
  EXPECT_EQ(rendered.error().kind, ErrorKind::unsupported);
  EXPECT_FALSE(std::filesystem::exists(file("out.mp4")));
}

TEST_F(SmartCut, OpenGroupsOfPicturesAreRefusedByName) {
  generated::ClipSpec s = spec(700, 50);
  s.width = 160;
  s.height = 90;
  s.options = {{"preset", "veryfast"}, {"x264-params", "open-gop=1:bframes=3"}};
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), s, generated::numbered()));
  auto rendered = smart_cut(timeline_of({{file("in.mp4"), 5, 690}}), file("out.mp4"), {}, {});
  ASSERT_FALSE(rendered);
  EXPECT_EQ(rendered.error().kind, ErrorKind::unsupported);
  EXPECT_NE(rendered.error().message.find("closed group"), std::string::npos) << rendered.error().message;
  // render() then does it in full.
  auto full = render(timeline_of({{file("in.mp4"), 5, 690}}), file("out.mp4"), {}, {});
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_FALSE(full->smart_cut);
  EXPECT_NE(full->not_copied.find("closed group"), std::string::npos) << full->not_copied;
  EXPECT_EQ(full->frames, 685);
}

TEST_F(SmartCut, FullRenderingShowsTheSameFrames) {
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), spec(90, 30), generated::numbered()));
  Timeline timeline = timeline_of({{file("in.mp4"), 7, 40}, {file("in.mp4"), 33, 90}});
  RenderSettings full;
  full.smart_cut = false;
  auto slow = render(timeline, file("slow.mp4"), full, {});
  auto fast = render(timeline, file("fast.mp4"), {}, {});
  ASSERT_TRUE(slow && fast);
  EXPECT_FALSE(slow->smart_cut);
  EXPECT_TRUE(fast->smart_cut);
  EXPECT_EQ(generated::read_numbers(file("slow.mp4")), generated::read_numbers(file("fast.mp4")));
}

TEST_F(SmartCut, TransportStreamsAndIntraCodecsAreCopied) {
  ASSERT_TRUE(generated::write_clip(file("in.ts"), spec(90, 30), generated::numbered()));
  const std::vector<Cut> cuts = {{file("in.ts"), 7, 80}, {file("in.ts"), 30, 60}};
  cut(cuts, file("out.mp4"));
  EXPECT_EQ(generated::read_numbers(file("out.mp4")), numbers_of(cuts));
  generated::ClipSpec s = spec(50);
  s.encoder = "mjpeg";
  s.pixel_format = "yuvj420p";
  s.color_range = "pc";
  ASSERT_TRUE(generated::write_clip(file("in.mov"), s, generated::numbered()));
  const std::vector<Cut> intra = {{file("in.mov"), 7, 40}, {file("in.mov"), 3, 9}};
  EXPECT_EQ(cut(intra, file("out.mov")).reencoded_frames, 0);
  EXPECT_EQ(generated::read_numbers(file("out.mov")), numbers_of(intra));
}

TEST_F(SmartCut, StopsWhenAsked) {
  ASSERT_TRUE(generated::write_clip(file("in.mp4"), spec(60, 30), generated::numbered()));
  std::stop_source stop;
  stop.request_stop();
  Job job;
  job.stop = stop.get_token();
  auto rendered = smart_cut(timeline_of({{file("in.mp4"), 5, 50}}), file("out.mp4"), {}, job);
  ASSERT_FALSE(rendered);
  EXPECT_EQ(rendered.error().kind, ErrorKind::interrupted);
  EXPECT_FALSE(std::filesystem::exists(file("out.mp4")));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(file("").parent_path()))
    ++files;
  EXPECT_EQ(files, 1);
}

}  // namespace
}  // namespace studio
