// Cuts one piece out of a film: cut_clip IN START END OUT (times as seconds or m:ss.mmm).
#include <cstdio>
#include <string>
#include <vector>

#include "media/probe.h"
#include "render/render.h"
#include "timeline/verbs.h"

namespace {

using namespace studio;

MediaFile media_file_of(const MediaFacts& facts) {
  MediaFile file;
  file.path = facts.path.string();
  const auto& video = *facts.video;
  // As the studio counts: the file's own time starts where its picture does.
  file.available = {video.start.value_or(Time{}), video.duration.value_or(facts.duration.value_or(Time{}))};
  file.frame_rate = video.frame_rate;
  file.width = video.width;
  file.height = video.height;
  file.has_video = true;
  file.has_audio = facts.audio.has_value();
  return file;
}

Result<RenderedFile> cut_clip(const std::string& in, const std::string& start, const std::string& end,
                              const std::string& out) {
  TRY_ASSIGN(const Time from, parse_clock(start));
  TRY_ASSIGN(const Time to, parse_clock(end));
  TRY_ASSIGN(const MediaFacts facts, probe(in));
  if (!facts.video) return fail(ErrorKind::unsupported, "cut " + in + ": it has no picture");
  const MediaFile file = media_file_of(facts);
  // The nearest frames: a cut at frame n gives frame n.
  const auto snapped = [&](Time t) {
    return file.available.start + Time::frames(t.to_frames(file.frame_rate), file.frame_rate);
  };
  TRY_ASSIGN(Clip clip, cut(file, TimeRange::between(snapped(from), snapped(to)), "piece"));

  Timeline timeline;
  timeline.frame_rate = file.frame_rate;
  timeline.width = file.width;
  timeline.height = file.height;
  timeline.tracks.push_back({"V1", TrackKind::video, {}, {}});
  TRY_ASSIGN(timeline, append(std::move(timeline), "V1", std::move(clip)));
  return render(timeline, out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: cut_clip IN START END OUT\n");
    return 2;
  }
  const auto file = cut_clip(argv[1], argv[2], argv[3], argv[4]);
  if (!file) {
    std::fprintf(stderr, "cut_clip: %s\n  %s\n", file.error().message.c_str(), file.error().hint.c_str());
    return studio::exit_code(file.error().kind);
  }
  std::printf("%s: %lld frames, %.3f s\n", file->path.c_str(), static_cast<long long>(file->frames),
              file->duration.seconds());
}
