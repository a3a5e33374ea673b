// Timelines as text, for tests that read as statements, and one timeline that has everything.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "timeline/timelines.h"

namespace studio {

std::string shape_of(const Timeline& timeline, std::size_t track) {
  std::string out;
  for (const Item& item : timeline.tracks.at(track).items) {
    if (!out.empty()) out += " ";
    if (const auto* gap = std::get_if<Gap>(&item)) {
      out += fmt::format("gap({:g})", gap->duration.seconds());
    } else if (const auto* transition = std::get_if<Transition>(&item)) {
      out += fmt::format("x({:g},{:g})", transition->in.seconds(), transition->out.seconds());
    } else {
      const Clip& clip = std::get<Clip>(item);
      out += fmt::format("{}[{:g},{:g})", clip.id, clip.source_range.start.seconds(),
                         clip.source_range.end().seconds());
    }
  }
  return out;
}

Timeline full_timeline() {
  Clip a = clip_of("a", 1, 4);
  a.source_range.start = Time::ticks(1001, {1, 30000});
  a.retime.ramp = {{seconds(0), 1}, {seconds(2), 2.5}};
  a.effects = {{"zoom_punch",
                {{"amount", std::vector<Keyframe>{{seconds(0), 1, Easing::ease_in}, {seconds(1), 2}}},
                 {"on", std::string("subject")}},
                TimeRange{seconds(0.5), seconds(1)}}};
  a.gain_db = -3.5;
  a.audio_lead = seconds(-0.25);
  a.audio_tail = seconds(0.5);
  a.metadata = {{"decision", "d1"}, {"shot", "3"}};
  Clip b = clip_of("b", 10, 14);
  b.retime.reverse = true;
  b.retime.keep_pitch = false;
  std::get<MediaFile>(b.source).start_timecode = seconds(3600);
  std::get<MediaFile>(b.source).reel = "A001";
  std::get<MediaFile>(b.source).sha256 = std::string(64, 'a');
  Clip frozen = clip_of("c", 20, 21);
  frozen.retime.freeze = true;
  frozen.retime.freeze_duration = seconds(2);
  Clip title;
  title.id = "t";
  title.source = Generator{"title", {{"text", std::string("Naïve “quotes” \\ %{pts}")}, {"size", 48.0}}};
  title.source_range = {{}, seconds(3)};
  Timeline timeline = timeline_of({a, Transition{"wipeleft", seconds(0.25), seconds(0.5)}, b, frozen});
  timeline.frame_rate = {30000, 1001};
  timeline.tracks[0].effects = {{"volume", {{"gain_db", -6.0}}, {}}};
  timeline.tracks.push_back({"V2", TrackKind::video, {Gap{seconds(1)}, title}, {}});
  timeline.tracks.push_back({"A1", TrackKind::audio, {}, {{"duck", {}, {}}}});
  timeline.markers = {{seconds(2), "beat", "red", "drop"}};
  timeline.effects = {{"vignette", {}, {}}};
  return timeline;
}

std::string text_of(const Timeline& timeline) {
  return to_text(to_json(timeline));
}

}  // namespace studio
