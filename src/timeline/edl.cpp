// A picture track as a CMX 3600 edit decision list.
#include "timeline/edl.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/files.h"
#include "timeline/surgery.h"
#include "timeline/timecode.h"

namespace studio {
namespace {

constexpr std::size_t kReelLetters = 8;
constexpr std::size_t kMostEvents = 999;

// One line of the list, with the lines that belong to it.
struct Event {
  std::string reel, channel, kind = "C";
  std::int64_t length = 0;  // of a dissolve or wipe, in frames
  std::int64_t source_in = 0, source_out = 0, record_in = 0, record_out = 0;
  std::vector<std::string> notes;
  bool continues = false;  // second line of a transition: same number as the one before
};

std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 32; }, ' ');
  return text;
}

class List {
 public:
  List(const Timeline& timeline, const Track& track, const EdlOptions& options)
      : timeline_(timeline), track_(track), options_(options) {}

  EditDecisionList write();

 private:
  void add_picture(std::size_t item, const TimeRange& place);
  void add_sound(std::size_t item, const TimeRange& place);
  Event event_of(const Item& item, Time from, Time to, Time at, std::string channel);
  void add_speed(Event& event, const Clip& clip, std::int64_t source_in);
  std::string reel_of(const Clip& clip);
  const Transition* transition_at(std::ptrdiff_t item) const;
  std::string kind_of(const Transition& transition);
  bool sounds(const Clip& clip) const;
  void lose(std::string what) {
    if (std::find(losses_.begin(), losses_.end(), what) == losses_.end()) losses_.push_back(std::move(what));
  }
  std::int64_t frame(Time time) const { return time.to_frames(timeline_.frame_rate); }
  std::string code(std::int64_t frames) const {
    return timecode_of(frames, timeline_.frame_rate, options_.drop_frame);
  }

  const Timeline& timeline_;
  const Track& track_;
  const EdlOptions& options_;
  std::vector<std::vector<Event>> events_;    // each one or two lines
  std::map<std::string, std::string> reels_;  // by what they stand for
  std::set<std::string> taken_reels_;
  std::vector<std::string> losses_;
};

const Transition* List::transition_at(std::ptrdiff_t item) const {
  return item >= 0 && item < std::ssize(track_.items)
             ? std::get_if<Transition>(&track_.items[static_cast<std::size_t>(item)])
             : nullptr;
}

bool List::sounds(const Clip& clip) const {
  const auto* file = std::get_if<MediaFile>(&clip.source);
  return file != nullptr && file->has_audio && clip.sound && !clip.retime.freeze;
}

// Reels are what the tape or card was called; systems agree on eight letters of A-Z, 0-9 and _.
std::string List::reel_of(const Clip& clip) {
  const auto* file = std::get_if<MediaFile>(&clip.source);
  if (file == nullptr) return "AX";  // auxiliary: what no tape holds
  const std::string meant =
      file->reel.empty() ? std::filesystem::path(file->path).stem().string() : file->reel;
  const std::string key = file->reel.empty() ? file->path : "reel " + file->reel;
  if (const auto known = reels_.find(key); known != reels_.end()) return known->second;
  std::string reel;
  for (const char c : meant)
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_')
      reel += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (reel.empty() || reel == "AX" || reel == "BL") reel = "TAPE";
  const std::string whole = reel;
  reel = reel.substr(0, kReelLetters);
  for (int n = 2; !taken_reels_.insert(reel).second; ++n) {
    const std::string number = std::to_string(n);
    reel = whole.substr(0, kReelLetters - number.size()) + number;
  }
  if (!file->reel.empty() && reel != file->reel)
    lose(fmt::format("the reel '{}' is called {}", one_line(meant), reel));
  return reels_[key] = reel;
}

std::string List::kind_of(const Transition& transition) {
  if (transition.kind == "crossfade") return "D";
  lose(fmt::format("the transition '{}' is a {}", transition.kind,
                   transition.kind.starts_with("wipe") ? "plain wipe" : "dissolve"));
  return transition.kind.starts_with("wipe") ? "W001" : "D";
}

void List::add_speed(Event& event, const Clip& clip, std::int64_t source_in) {
  const Retime& retime = clip.retime;
  if (!retime.freeze && retime.ramp.empty() && retime.speed == Rational{1, 1} && !retime.reverse) return;
  double speed = retime.freeze ? 0 : clip.source_range.duration.seconds() / duration_of(clip).seconds();
  if (!retime.ramp.empty() && !retime.freeze)
    lose(fmt::format("the speed ramp of '{}' is its mean speed", one_line(clip.name)));
  if (retime.reverse) speed = -speed;
  const double per_second = speed * static_cast<double>(timecode_base(timeline_.frame_rate));
  event.notes.push_back(fmt::format("M2   {:<8} {}{:05.1f}                {}", event.reel,
                                    per_second < 0 ? "-" : "", std::abs(per_second), code(source_in)));
}

// The event of an item from `from` to `to` of its own playing time, recorded at `at`.
Event List::event_of(const Item& item, Time from, Time to, Time at, std::string channel) {
  Event event;
  event.channel = std::move(channel);
  event.record_in = frame(at);
  event.record_out = frame(at + (to - from));
  const std::int64_t length = event.record_out - event.record_in;
  const auto* clip = std::get_if<Clip>(&item);
  if (clip == nullptr) {
    event.reel = "BL";
    event.source_out = length;
    return event;
  }
  event.reel = reel_of(*clip);
  const auto* file = std::get_if<MediaFile>(&clip->source);
  const Time offset =
      file != nullptr ? file->start_timecode.value_or(file->available.start) - file->available.start : Time{};
  const Time a = source_edge_at(*clip, from);
  const Time b = source_edge_at(*clip, to);
  event.source_in = frame(std::min(a, b) + offset);
  // At normal speed both lengths agree to the frame, whatever the rounding did.
  const bool plain =
      clip->retime.ramp.empty() && clip->retime.speed == Rational{1, 1} && !clip->retime.freeze;
  event.source_out =
      plain ? event.source_in + length : std::max(event.source_in + 1, frame(std::max(a, b) + offset));
  add_speed(event, *clip, event.source_in);
  event.notes.push_back("* FROM CLIP NAME: " + one_line(clip->name.empty() ? clip->id : clip->name));
  if (file != nullptr) event.notes.push_back("* SOURCE FILE: " + one_line(file->path));
  return event;
}

void List::add_picture(std::size_t item, const TimeRange& place) {
  const auto here = static_cast<std::ptrdiff_t>(item);
  const Transition* before = transition_at(here - 1);
  const Transition* after = transition_at(here + 1);
  const auto* clip = std::get_if<Clip>(&track_.items[item]);
  if (clip == nullptr && before == nullptr) return;  // black needs no event of its own
  // The incoming side of a transition is recorded from the transition's start on.
  const Time from = before != nullptr ? -before->in : Time{};
  const Time to = place.duration - (after != nullptr ? after->in : Time{});
  const bool split_sound = clip != nullptr && (clip->audio_lead != Time{} || clip->audio_tail != Time{});
  const bool with_sound = clip != nullptr && sounds(*clip);
  const std::string channel = with_sound && !split_sound ? (clip->picture ? "AA/V" : "AA") : "V";
  std::vector<Event> lines;
  Event event = event_of(track_.items[item], from, to, place.start + from, channel);
  if (before != nullptr) {
    const std::size_t previous = item - 2;
    const Time cut = duration_of(track_.items[previous]) - before->in;
    Event out = event_of(track_.items[previous], cut, cut, place.start - before->in, channel);
    const auto* from_clip = std::get_if<Clip>(&track_.items[previous]);
    out.source_out = out.source_in;
    out.notes.clear();
    event.kind = kind_of(*before);
    event.length = frame(place.start + before->out) - frame(place.start - before->in);
    std::erase_if(event.notes, [](const std::string& note) { return note.starts_with("* FROM CLIP NAME"); });
    const auto name = [](const Clip& c) { return one_line(c.name.empty() ? c.id : c.name); };
    if (from_clip != nullptr) event.notes.push_back("* FROM CLIP NAME: " + name(*from_clip));
    if (clip != nullptr) event.notes.push_back("* TO CLIP NAME: " + name(*clip));
    event.continues = true;
    lines.push_back(std::move(out));
  }
  if (clip == nullptr || clip->picture || with_sound) {
    lines.push_back(std::move(event));
    events_.push_back(std::move(lines));
  }
  if (with_sound && split_sound) add_sound(item, place);
}

void List::add_sound(std::size_t item, const TimeRange& place) {
  const Clip& clip = std::get<Clip>(track_.items[item]);
  Event event =
      event_of(clip, clip.audio_lead, place.duration + clip.audio_tail, place.start + clip.audio_lead, "AA");
  if (event.record_out > event.record_in) events_.push_back({std::move(event)});
}

EditDecisionList List::write() {
  for (const Track& other : timeline_.tracks)
    if (&other != &track_ && !other.items.empty())
      lose(fmt::format("the track '{}' is not in the list", other.id));
  Time at;  // kept along: asking for each item's start anew takes the square of their number
  for (std::size_t i = 0; i < track_.items.size(); ++i) {
    const TimeRange place{at, duration_of(track_.items[i])};
    at = place.end();
    if (const auto* clip = std::get_if<Clip>(&track_.items[i]))
      for (const Effect& effect : clip->effects) lose(fmt::format("the effect '{}'", effect.id));
    if (!std::holds_alternative<Transition>(track_.items[i])) add_picture(i, place);
  }
  std::stable_sort(events_.begin(), events_.end(),
                   [](const auto& a, const auto& b) { return a.front().record_in < b.front().record_in; });
  if (events_.size() > kMostEvents)
    lose(fmt::format("{} events; CMX 3600 systems read {} at most", events_.size(), kMostEvents));

  const std::int64_t start = frames_of_timecode(fmt::format("{:02}:00:00{}00", options_.record_start_hours,
                                                            options_.drop_frame ? ';' : ':'),
                                                timeline_.frame_rate)
                                 .value_or(0);
  std::string text = fmt::format("TITLE: {}\nFCM: {}\n\n", one_line(timeline_.name),
                                 options_.drop_frame ? "DROP FRAME" : "NON-DROP FRAME");
  for (std::size_t n = 0; n < events_.size(); ++n)
    for (const Event& event : events_[n]) {
      text += fmt::format("{:03}  {:<8} {:<5} {:<4} {:<3} {} {} {} {}\n", n + 1, event.reel, event.channel,
                          event.kind, event.length > 0 ? fmt::format("{:03}", event.length) : "",
                          code(event.source_in), code(event.source_out), code(start + event.record_in),
                          code(start + event.record_out));
      for (const std::string& note : event.notes) text += note + "\n";
    }
  return {std::move(text), std::move(losses_)};
}

}  // namespace

Result<EditDecisionList> to_edl(const Timeline& timeline, const EdlOptions& options) {
  TRY(validate(timeline));
  if (options.drop_frame && !has_drop_frame(timeline.frame_rate))
    return fail(ErrorKind::invalid_input,
                fmt::format("write the list: there is no drop-frame timecode at {} frames per second",
                            timeline.frame_rate.to_string()),
                "leave drop-frame off");
  if (options.record_start_hours < 0 || options.record_start_hours > 23)
    return fail(ErrorKind::invalid_input, "write the list: its first hour is not within 0 and 23");
  std::size_t track = 0;
  if (!options.track.empty()) {
    TRY_ASSIGN(track, surgery::find_track(timeline, options.track));
  } else {
    while (track < timeline.tracks.size() && timeline.tracks[track].kind != TrackKind::video) ++track;
    if (track == timeline.tracks.size())
      return fail(ErrorKind::invalid_input, "write the list: the timeline has no picture track");
  }
  return List(timeline, timeline.tracks[track], options).write();
}

Result<std::vector<std::string>> write_edl(const std::string& path, const Timeline& timeline,
                                           const EdlOptions& options) {
  TRY_ASSIGN(EditDecisionList list, to_edl(timeline, options));
  TRY(write_file_atomic(path, list.text));
  return std::move(list.losses);
}

}  // namespace studio
