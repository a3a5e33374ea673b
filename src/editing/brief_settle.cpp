// What the sources make impossible, and wishes that exclude each other: said in `unmet`, with the
// nearest that can be done left in the brief.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "editing/brief.h"

namespace studio {
namespace {

double film_length(const Brief& brief, std::span<const EditSource> sources) {
  double total = 0;
  for (const EditSource& source : sources) {
    double length = source.analysis.source.duration_s;
    // Union of what is to be left out.
    std::vector<std::pair<double, double>> out;
    for (const SpanWish& span : brief.avoid)
      if (span.source == source.id) out.emplace_back(span.start_s, span.end_s);
    std::ranges::sort(out);
    double covered = 0, at = 0;
    for (auto [start, end] : out) {
      start = std::max(start, at);
      if (end > start) covered += end - start, at = end;
    }
    total += std::max(0.0, length - covered);
  }
  return total;
}

bool overlap(const SpanWish& a, const SpanWish& b) {
  return a.source == b.source && a.start_s < b.end_s - 0.02 && b.start_s < a.end_s - 0.02;
}

void settle_film(Brief& brief) {
  // A piece that is to be kept and left out: the wish that stands first in the brief's order, keep, wins,
  // unless it is the complement of "only".
  std::vector<SpanWish> avoid;
  for (const SpanWish& out : brief.avoid) {
    auto clash = std::ranges::find_if(brief.keep, [&](const SpanWish& keep) { return overlap(keep, out); });
    bool first = brief.opening && overlap(*brief.opening, out),
         last = brief.ending && overlap(*brief.ending, out);
    if (clash == brief.keep.end() && !first && !last) {
      avoid.push_back(out);
      continue;
    }
    const SpanWish& keep = clash != brief.keep.end() ? *clash : first ? *brief.opening : *brief.ending;
    if (out.words != "only")
      brief.unmet.push_back({fmt::format("avoid \"{}\"", out.words),
                             fmt::format("\"{}\" is to be kept and overlaps it", keep.words)});
    for (auto [start, end] : {std::pair{out.start_s, keep.start_s}, std::pair{keep.end_s, out.end_s}}) {
      if (end - start < 0.04) continue;
      SpanWish part = out;
      part.start_s = start;
      part.end_s = end;
      part.shot.clear();
      avoid.push_back(part);
    }
  }
  brief.avoid = std::move(avoid);
}

// The longest output the wishes about speed allow.
double stretch(const Brief& brief) {
  for (const SpeedWish& wish : brief.speeds)
    if (wish.kind == "factor" && !wish.span && !wish.first_s && !wish.last_s && wish.factor > 0)
      return 1 / wish.factor;
  return 1;
}

// What wishes about a part add: slow motion of a span, a freeze.
double added(const Brief& brief) {
  double more = 0;
  for (const SpeedWish& wish : brief.speeds) {
    if (wish.kind == "freeze") more += wish.hold_s;
    if (wish.kind == "factor" && wish.span && wish.factor > 0)
      more += (wish.span->end_s - wish.span->start_s) * (1 / wish.factor - 1);
  }
  return more;
}

void settle_length(Brief& brief, std::span<const EditSource> sources) {
  if (!brief.length || sources.empty()) return;
  double film = film_length(brief, sources), most = std::max(0.0, film * stretch(brief) + added(brief));
  LengthWish& length = *brief.length;
  if (length.min_s > most + 0.05) {
    bool under = length.min_s <= 0;
    if (!under)
      brief.unmet.push_back(
          {fmt::format("{:g} s long", length.target_s),
           fmt::format("there are only {:.2f} s of film to use; it is {:.2f} s instead", film, most)});
    length.target_s = most;
    length.min_s = std::max(0.0, most - 0.25);
    length.max_s = most + 0.25;
  }
  length.target_s = std::min(length.target_s, std::max(most, 0.0));
  double shortest = 0.2;
  if (length.target_s < shortest) {
    brief.unmet.push_back(
        {fmt::format("{:g} s long", length.target_s), "that is too short to be seen; 0.2 s is the least"});
    length = {shortest, 0, shortest + 0.25};
  }
  double kept = 0;
  for (const SpanWish& span : brief.keep) kept += (span.end_s - span.start_s) * stretch(brief);
  bool only = std::ranges::any_of(brief.avoid, [](const SpanWish& s) { return s.words == "only"; });
  // "Use shots 1 and 3" asks to see them, not to see all of them.
  bool shots = std::ranges::all_of(brief.keep, [](const SpanWish& s) { return !s.shot.empty(); });
  if (kept > length.max_s + 0.05 && !brief.keep.empty() && !only && !shots) {
    brief.unmet.push_back({fmt::format("keep all of \"{}\"", brief.keep.front().words),
                           fmt::format("{:.2f} s are to be kept, but the edit may be {:.2f} s long; the most "
                                       "telling part of each is kept",
                                       kept, length.max_s)});
  }
  for (auto it = brief.texts.begin(); it != brief.texts.end();) {
    if (it->anchor == Anchor::at && it->at_s && *it->at_s >= length.max_s) {
      brief.unmet.push_back({fmt::format("\"{}\" at {:g} s", it->text, *it->at_s),
                             fmt::format("the edit ends at {:g} s; it stands at the end", length.target_s)});
      it->anchor = Anchor::end;
      it->at_s.reset();
    }
    ++it;
  }
  if (brief.clips && *brief.clips > 0 && length.target_s / *brief.clips < 0.2) {
    int most_clips = std::max(1, static_cast<int>(length.target_s / 0.2));
    brief.unmet.push_back({fmt::format("{} pieces", *brief.clips),
                           fmt::format("in {:g} s at most {} can be seen", length.target_s, most_clips)});
    brief.clips = most_clips;
  }
}

void settle_audio(Brief& brief, std::span<const EditSource> sources) {
  bool has_sound = std::ranges::any_of(sources, [](const EditSource& s) { return s.media.has_audio; });
  bool muted =
      std::ranges::any_of(brief.audio, [](const AudioWish& w) { return w.action == "mute" && !w.from_s; });
  bool music = std::ranges::any_of(brief.audio, [](const AudioWish& w) { return w.action == "music"; });
  std::vector<AudioWish> kept;
  bool have_music = false;
  for (AudioWish& wish : brief.audio) {
    std::string what = wish.action;
    if (wish.action == "music") {
      std::error_code ignored;
      if (!std::filesystem::is_regular_file(wish.path, ignored)) {
        brief.unmet.push_back({"music " + wish.path, "the file does not exist"});
        music = false;
        continue;
      }
      if (have_music) {
        brief.unmet.push_back({"music " + wish.path, "other music was named before it"});
        continue;
      }
      have_music = true;
    }
    bool needs_sound =
        what == "keep" || what == "volume" || what == "normalize" || what == "fade_in" || what == "fade_out";
    if (needs_sound && !has_sound && !music && !sources.empty()) {
      if (what == "keep" || what == "volume" || what == "normalize")
        brief.unmet.push_back({what == "keep"     ? "keep the sound"
                               : what == "volume" ? "change the volume"
                                                  : "bring the loudness",
                               "the film has no sound"});
      continue;
    }
    if (needs_sound && muted && !music) {
      if (what != "fade_in" && what != "fade_out")
        brief.unmet.push_back({what == "keep"     ? "keep the sound"
                               : what == "volume" ? "change the volume"
                                                  : "bring the loudness",
                               "the edit is to be silent"});
      continue;
    }
    if (wish.action == "normalize" && (wish.value < -40 || wish.value > -5)) {
      brief.unmet.push_back(
          {fmt::format("{:g} LUFS", wish.value), "loudness from -40 to -5 LUFS can be made"});
      continue;
    }
    kept.push_back(wish);
  }
  brief.audio = std::move(kept);
}

void settle_rest(Brief& brief, std::span<const EditSource> sources) {
  std::error_code ignored;
  if (!brief.subtitles.empty() && !std::filesystem::is_regular_file(brief.subtitles, ignored)) {
    brief.unmet.push_back({"subtitles " + brief.subtitles, "the file does not exist"});
    brief.subtitles.clear();
  }
  if (brief.opening && brief.ending && overlap(*brief.opening, *brief.ending) &&
      brief.opening->shot == brief.ending->shot && brief.opening->start_s == brief.ending->start_s) {
    brief.unmet.push_back(
        {fmt::format("end with \"{}\"", brief.ending->words), "it opens the edit and is not shown twice"});
    brief.ending.reset();
  }
  if (brief.no_cuts && brief.clips && *brief.clips > 1) {
    brief.unmet.push_back({fmt::format("{} pieces", *brief.clips), "one continuous take was asked for"});
    brief.clips = 1;
  }
  if (brief.clips == 1) brief.no_cuts = true;
  if (sources.size() < 2) brief.every_source = false;
  if (brief.frame && brief.frame->width > 0 && brief.frame->aspect_w > 0) {
    double size = static_cast<double>(brief.frame->width) / brief.frame->height;
    double asked = static_cast<double>(brief.frame->aspect_w) / brief.frame->aspect_h;
    if (std::abs(size / asked - 1) > 0.02) {
      brief.unmet.push_back(
          {fmt::format("{}:{}", brief.frame->aspect_w, brief.frame->aspect_h),
           fmt::format("{}x{} pixels have another shape", brief.frame->width, brief.frame->height)});
      brief.frame->aspect_w = brief.frame->aspect_h = 0;
    }
  }
}

}  // namespace

void settle_contradictions(Brief& brief, std::span<const EditSource> sources) {
  settle_film(brief);
  settle_length(brief, sources);
  settle_audio(brief, sources);
  settle_rest(brief, sources);
}

}  // namespace studio
