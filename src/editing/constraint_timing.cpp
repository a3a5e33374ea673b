// Holds, beats, sequences and fades of the picture, read from the file's own frames.
#include "editing/constraint_checks.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "render/effect_registry.h"

namespace studio::checks {
namespace {

// Frames first..last show one picture: a coder's noise is below 2 in its worst block.
struct Still {
  std::size_t first = 0, last = 0;
};

std::vector<Still> stills(const Fingerprint& file) {
  std::vector<Still> out;
  for (std::size_t i = 1; i < file.frames.size(); ++i) {
    const FramePrint& f = file.frames[i];
    if (f.change >= 2.f && f.mean_change >= 0.4f) continue;
    if (!out.empty() && out.back().last == i - 1)
      out.back().last = i;
    else
      out.push_back({i - 1, i});
  }
  return out;
}

struct Reach {
  std::size_t first = 0, last = 0;
  bool seen = false;
};

// First and last frame of the file that show some of a span, its very edges aside.
Reach reach_of(const Measured& m, const Json& span) {
  const int source = source_index(m, text_of(span, "source"));
  const double edge = 1.1 * frame_s(*m.file);
  const double start = number(span, "start_s", 0) + edge, end = number(span, "end_s", 0) - edge;
  Reach reach;
  for (std::size_t i = 0; i < m.seen.size(); ++i) {
    if (m.seen[i].source != source || m.seen[i].source_s < start || m.seen[i].source_s > end) continue;
    if (!reach.seen) reach.first = i;
    reach.last = i;
    reach.seen = true;
  }
  return reach;
}

bool near_any(const std::vector<double>& beats, double t, double reach) {
  const auto after = std::lower_bound(beats.begin(), beats.end(), t);
  return (after != beats.end() && *after - t <= reach) ||
         (after != beats.begin() && t - *std::prev(after) <= reach);
}

}  // namespace

void check_freeze(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double hold = number(w, "hold_s", 1), frame = frame_s(*m.file);
  const std::string anchor = text_of(w, "anchor");
  check.wanted = fmt::format("the picture held for {:.2f} s{}", hold,
                             anchor == "end"      ? " at the end"
                             : anchor == "start"  ? " at the start"
                             : w.contains("at_s") ? fmt::format(" at {:.2f} s", number(w, "at_s", 0))
                                                  : "");
  const std::size_t count = m.file->frames.size();
  double longest = 0, longest_at = 0;
  for (const Still& still : stills(*m.file)) {
    const double from = m.file->frames[still.first].time_s,
                 held = static_cast<double>(still.last - still.first + 1) * frame;
    bool here = true;
    if (anchor == "end") here = still.last + 2 >= count;
    if (anchor == "start") here = still.first <= 1;
    // Film that stands still already may make the hold begin early.
    if (anchor == "at" && w.contains("at_s"))
      here = from < number(w, "at_s", 0) + 0.35 && from + held > number(w, "at_s", 0) + hold - 0.35;
    if (here && held > longest) longest = held, longest_at = from;
  }
  check.measured = longest > 0 ? fmt::format("held for {:.2f} s from {:.2f} s", longest, longest_at)
                               : "the picture is held nowhere there";
  check.met = longest > hold - std::max(2.5 * frame, 0.05 * hold);
  check.suggestion = "hold that picture";
}

void check_before(const Json& w, const Measured& m, ConstraintCheck& check) {
  const Json first = w.value("first", Json::object()), second = w.value("second", Json::object());
  const auto name = [](const Json& span) {
    return fmt::format("{:.2f} to {:.2f} s of {}", number(span, "start_s", 0), number(span, "end_s", 0),
                       text_of(span, "source"));
  };
  check.wanted = name(first) + " before " + name(second);
  const Reach one = reach_of(m, first), two = reach_of(m, second);
  if (!one.seen || !two.seen) {
    check.measured = "nothing is seen of " + name(one.seen ? second : first);
    check.met = false;
    return;
  }
  check.measured = fmt::format("the first is seen until {:.2f} s, the second from {:.2f} s",
                               m.file->frames[one.last].time_s, m.file->frames[two.first].time_s);
  check.met = one.last < two.first;
  check.suggestion = "put the pieces in the asked order";
}

void check_beats(const Json& w, const Measured& m, ConstraintCheck& check) {
  check.wanted = "cuts within a frame of a beat";
  if (!m.plan || m.plan_agreement < 0.6 || m.pieces.empty()) {
    check.measured = "cannot be told without the plan";
    return;
  }
  std::vector<double> music;
  if (const auto it = w.find("beats_s"); it != w.end() && it->is_array())
    for (const Json& beat : *it)
      if (beat.is_number()) music.push_back(beat.get<double>());
  const double reach = 1.05 * frame_s(*m.file);
  std::size_t cuts = 0, right = 0;
  for (std::size_t i = 1; i < m.pieces.size(); ++i) {
    const Piece& piece = m.pieces[i];
    if (piece.decision == m.pieces[i - 1].decision) continue;
    ++cuts;
    if (!music.empty()) {
      right += near_any(music, piece.output_start_s, reach);
      continue;
    }
    // The film's own sound begins anew with each piece: on a beat of it.
    const int source = source_index(m, piece.source);
    if (source < 0 || !m.sources[static_cast<std::size_t>(source)].analysis.audio) continue;
    const auto& beats = m.sources[static_cast<std::size_t>(source)].analysis.audio->beats_s;
    right +=
        near_any(beats, piece.reverse ? piece.end_s : piece.start_s, reach * std::max(1.0, piece.factor));
  }
  check.measured = fmt::format("{} of {} cuts", right, cuts);
  check.met = cuts > 0 && right == cuts;
  check.suggestion = "move the cuts onto the beats";
}

void check_picture_fade(const Json& w, const Measured& m, ConstraintCheck& check, bool in) {
  const double length = number(w, "duration_s", 1), end = m.file->duration_s;
  const std::string color = text_of(w, "color").empty() ? "black" : text_of(w, "color");
  check.wanted = fmt::format("{} of the picture {} {} over {:.2f} s", in ? "fade in" : "fade out",
                             in ? "from" : "to", color, length);
  const auto parsed = parse_color(color);
  const Rgba rgb = parsed ? *parsed : Rgba{0, 0, 0, 255};
  // BT.709; near enough for BT.601 film, whose greys are the same.
  const double wanted_luma = 0.2126 * rgb.r + 0.7152 * rgb.g + 0.0722 * rgb.b;
  const double wanted_cb = (rgb.b - wanted_luma) / 1.8556, wanted_cr = (rgb.r - wanted_luma) / 1.5748;
  const auto frame = [&](double t) -> const FramePrint& {
    return m.file->frames[m.file->frame_at(std::clamp(t, 0.0, end))];
  };
  const FramePrint& edge = in ? m.file->frames.front() : m.file->frames.back();
  const FramePrint& middle = in ? frame(length * 0.5) : frame(end - length * 0.5);
  const FramePrint& inside = in ? frame(length * 1.05) : frame(end - length * 1.05);
  check.measured = fmt::format("brightness {:.0f} at the edge, {:.0f} half way, {:.0f} inside; {:.0f} is {}",
                               edge.luma, middle.luma, inside.luma, wanted_luma, color);
  const auto off = [&](const FramePrint& f) {
    return std::abs(f.luma - wanted_luma) + std::hypot(f.cb - wanted_cb, f.cr - wanted_cr);
  };
  // The last frame of a fade is all colour but for one step; the picture itself must be something else.
  const double step = 255.0 / std::max(2.0, length * m.file->frame_rate);
  const bool at_edge = off(edge) < 24 + step && edge.spread < 16 + step;
  const bool comes_back = off(middle) > off(edge) + 4 || off(inside) < 20;
  check.met = at_edge && comes_back;
  check.suggestion = fmt::format("fade {} {}", in ? "from" : "to", color);
}

}  // namespace studio::checks
