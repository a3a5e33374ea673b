// Which source frame each frame of the file shows: told by the plan and checked by picture, or found.
#include <algorithm>
#include <cmath>

#include "editing/alignment.h"
#include "editing/constraints.h"

namespace studio {
namespace {

int index_of(std::span<const EditSource> sources, const std::string& path) {
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i].media.path == path) return static_cast<int>(i);
  return -1;
}

// A clip of a source and when it plays.
struct Placed {
  const Clip* clip = nullptr;
  int source = -1;
  Time available;  // start of the file's own time
  double start_s = 0, end_s = 0;
};

std::vector<Placed> placed_clips(const Timeline& timeline, std::span<const EditSource> sources) {
  std::vector<Placed> placed;
  for (const Track& track : timeline.tracks) {
    if (track.kind != TrackKind::video) continue;
    Time at;
    for (const Item& item : track.items) {
      const Time length = duration_of(item);
      if (const auto* clip = std::get_if<Clip>(&item))
        if (const auto* media = std::get_if<MediaFile>(&clip->source); media && clip->picture)
          placed.push_back({clip, index_of(sources, media->path), media->available.start, at.seconds(),
                            (at + length).seconds()});
      at += length;
    }
    break;  // what lies above are overlays
  }
  return placed;
}

bool shows(const Fingerprint& file, std::size_t frame, const Fingerprint& print, double source_s) {
  const std::size_t k = print.frame_at(source_s + 0.25 / std::max(1.0, print.frame_rate));
  for (std::size_t n = k > 0 ? k - 1 : 0; n <= std::min(k + 1, print.frames.size() - 1); ++n)
    if (picture_distance(file.thumb(frame), print.thumb(n)) < 0.2f) return true;
  return false;
}

}  // namespace

std::vector<SeenFrame> seen_by_plan(const Fingerprint& file, const Comparison& with_plan,
                                    const Timeline& timeline, std::span<const EditSource> sources,
                                    const std::vector<Fingerprint>& prints) {
  std::vector<SeenFrame> seen(file.frames.size());
  const auto placed = placed_clips(timeline, sources);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const FrameMatch& match = with_plan.alignment.frames[i];
    if (!match.matched) continue;  // shows something else than any of the plan's frames
    const double t = file.frames[i].time_s + match.offset_s;
    for (const Placed& p : placed) {
      if (p.source < 0 || t < p.start_s - 1e-6 || t >= p.end_s - 1e-6) continue;
      seen[i].source = p.source;
      seen[i].source_s =
          (source_time_at(*p.clip, Time::from_seconds(std::max(0.0, t - p.start_s))) - p.available).seconds();
      // Effects change pictures, so a frame that differs is not held against the plan: it is only not proved.
      const auto source = static_cast<std::size_t>(p.source);
      if (source < prints.size() && !prints[source].frames.empty())
        seen[i].by_picture = shows(file, i, prints[source], seen[i].source_s);
      break;
    }
  }
  return seen;
}

std::vector<SeenFrame> seen_by_picture(const Fingerprint& file, const Comparison& c) {
  std::vector<SeenFrame> seen(file.frames.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const FrameMatch& match = c.alignment.frames[i];
    // A flat picture (black, white) is as like any other flat one: it tells nothing about its place.
    if (match.distance > 0.4f || file.frames[i].spread < 8) continue;
    const double t = file.frames[i].time_s + match.offset_s;
    for (std::size_t s = 0; s < c.sources.size(); ++s)
      if (t >= c.sources[s].start_s - 0.05 && t < c.sources[s].end_s + 0.05) {
        seen[i].source = static_cast<int>(s);
        seen[i].source_s = t - c.sources[s].start_s;
        seen[i].by_picture = true;
        break;
      }
  }
  return seen;
}

}  // namespace studio
