// One small check for each kind of wish.
#include "editing/constraints.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include <fmt/format.h>

#include "editing/constraint_checks.h"
#include "render/effect_registry.h"

namespace studio {

namespace checks {

double number(const Json& wanted, const char* key, double fallback) {
  const auto it = wanted.find(key);
  return it != wanted.end() && it->is_number() ? it->get<double>() : fallback;
}

std::string text_of(const Json& wanted, const char* key) {
  const auto it = wanted.find(key);
  return it != wanted.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool has(const Json& wanted, const char* key) {
  const auto it = wanted.find(key);
  return it != wanted.end() && !it->is_null();
}

double frame_s(const Fingerprint& file) {
  return 1 / std::max(1.0, file.frame_rate);
}

int source_index(const Measured& m, const std::string& id) {
  for (std::size_t i = 0; i < m.sources.size(); ++i)
    if (m.sources[i].id == id) return static_cast<int>(i);
  return -1;
}

bool knows_sources(const Measured& m) {
  return !m.sources.empty();
}

// Frames of the file that show [start, end) of a source.
std::vector<std::size_t> frames_showing(const Measured& m, int source, double start, double end) {
  std::vector<std::size_t> frames;
  for (std::size_t i = 0; i < m.seen.size(); ++i)
    if (m.seen[i].source == source && m.seen[i].source_s >= start - 1e-3 && m.seen[i].source_s < end + 1e-3)
      frames.push_back(i);
  return frames;
}

// Frames of the file a wish is about: a span of a source, first or last seconds of the output, or all.
std::vector<std::size_t> frames_meant(const Measured& m, const Json& wanted) {
  if (has(wanted, "start_s")) {
    const double start = number(wanted, "start_s", 0), end = number(wanted, "end_s", 1e9);
    return frames_showing(m, std::max(0, source_index(m, text_of(wanted, "source"))), start, end);
  }
  double from = 0, to = m.file->duration_s;
  if (has(wanted, "first_s")) to = number(wanted, "first_s", to);
  if (has(wanted, "last_s")) from = m.file->duration_s - number(wanted, "last_s", to);
  std::vector<std::size_t> frames;
  for (std::size_t i = 0; i < m.file->frames.size(); ++i)
    if (m.file->frames[i].time_s >= from - 1e-3 && m.file->frames[i].time_s < to) frames.push_back(i);
  return frames;
}

}  // namespace checks

namespace {

using namespace checks;

// Source seconds per output second over neighbouring frames of one piece, as a median. Empty: nothing known.
std::optional<double> speed_over(const Measured& m, const std::vector<std::size_t>& frames,
                                 double* lowest = nullptr, double* highest = nullptr) {
  std::vector<double> speeds;
  const auto reach = static_cast<std::size_t>(std::max(3.0, std::round(m.file->frame_rate * 0.4)));
  for (std::size_t n = 0; n + reach < frames.size(); ++n) {
    const std::size_t a = frames[n], b = frames[n + reach];
    if (b - a != reach || m.seen[a].source < 0 || m.seen[a].source != m.seen[b].source) continue;
    const double dt = m.file->frames[b].time_s - m.file->frames[a].time_s;
    const double speed = (m.seen[b].source_s - m.seen[a].source_s) / dt;
    if (std::abs(speed) < 20) speeds.push_back(speed);
  }
  if (speeds.empty()) return {};
  std::sort(speeds.begin(), speeds.end());
  if (lowest) *lowest = speeds[speeds.size() / 20];
  if (highest) *highest = speeds[speeds.size() - 1 - speeds.size() / 20];
  return speeds[speeds.size() / 2];
}

// Consecutive frames that run on in one source are one piece.
struct SeenPiece {
  std::size_t first = 0, last = 0;
  int source = -1;
  double start_s = 0, end_s = 0;
};

std::vector<SeenPiece> seen_pieces(const Measured& m) {
  std::vector<SeenPiece> pieces;
  for (std::size_t i = 0; i < m.seen.size(); ++i) {
    const SeenFrame& now = m.seen[i];
    if (now.source < 0) continue;
    const bool goes_on = !pieces.empty() && pieces.back().source == now.source &&
                         std::abs(now.source_s - pieces.back().end_s) < std::max(0.35, 9 * frame_s(*m.file));
    if (goes_on)
      pieces.back().last = i, pieces.back().end_s = now.source_s;
    else
      pieces.push_back({i, i, now.source, now.source_s, now.source_s});
  }
  std::erase_if(pieces, [](const SeenPiece& p) { return p.last - p.first < 2; });
  return pieces;
}

void check_duration(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double target = number(w, "target_s", 0);
  const double slack = frame_s(*m.file) * 0.6;
  const double low = number(w, "min_s", target - 0.25) - slack,
               high = number(w, "max_s", target + 0.25) + slack;
  check.wanted = fmt::format("{:.2f} s ({:.2f} to {:.2f})", target, low + slack, high - slack);
  check.measured = fmt::format("{:.2f} s", m.file->duration_s);
  check.met = m.file->duration_s >= low && m.file->duration_s <= high;
  check.suggestion = m.file->duration_s > high ? "shorten the pieces" : "use more film";
}

void check_aspect(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double ratio = number(w, "width", 16) / std::max(1e-6, number(w, "height", 9));
  const double is = static_cast<double>(m.file->width) / std::max(1, m.file->height);
  check.wanted = fmt::format("{:g}:{:g}", number(w, "width", 16), number(w, "height", 9));
  check.measured = fmt::format("{} x {}", m.file->width, m.file->height);
  check.met = std::abs(is / ratio - 1) < 0.015;
}

void check_size(const Json& w, const Measured& m, ConstraintCheck& check) {
  const int width = static_cast<int>(number(w, "width", 0)),
            height = static_cast<int>(number(w, "height", 0));
  check.wanted = fmt::format("{} x {}", width, height);
  check.measured = fmt::format("{} x {}", m.file->width, m.file->height);
  check.met = (width == 0 || m.file->width == width) && (height == 0 || m.file->height == height);
}

void check_frame_rate(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double fps = number(w, "fps", 25);
  check.wanted = fmt::format("{:g} frames/s", fps);
  check.measured = fmt::format("{:.2f} frames/s", m.file->frame_rate);
  check.met = std::abs(m.file->frame_rate / fps - 1) < 0.01;
}

// Whether a measured colour is what people call by that name: its hue within 40 degrees and not much paler,
// or, for white, gray and black, nearly no chroma and the right brightness.
bool looks_like(const std::array<double, 3>& is, const Rgba& named) {
  struct Opponent {
    double luma = 0, cb = 0, cr = 0;
    double chroma() const { return std::hypot(cb, cr); }
  };
  const auto split = [](double r, double g, double b) {
    const double luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;  // ITU-R BT.709
    return Opponent{luma, (b - luma) / 1.8556, (r - luma) / 1.5748};
  };
  const Opponent seen = split(is[0], is[1], is[2]), meant = split(named.r, named.g, named.b);
  if (std::abs(seen.luma - meant.luma) > 60) return false;
  if (meant.chroma() < 10) return seen.chroma() < 25;
  const double turn =
      (seen.cb * meant.cb + seen.cr * meant.cr) / std::max(1e-6, seen.chroma() * meant.chroma());
  return seen.chroma() > 0.4 * meant.chroma() && turn > std::cos(40 * std::numbers::pi / 180);
}

// A colour that was asked for, on what was measured of the letters.
void check_letters(const Json& w, const std::optional<std::array<double, 3>>& letters,
                   ConstraintCheck& check) {
  const std::string color = text_of(w, "color");
  const auto named = parse_color(color);
  if (color.empty() || !named) return;
  check.wanted += ", " + color;
  if (!letters) {
    check.measured += "; the colour of its letters was not measured";
    if (check.met == true) check.met.reset();
    return;
  }
  check.measured += fmt::format("; letters of #{:02x}{:02x}{:02x}", static_cast<int>((*letters)[0]),
                                static_cast<int>((*letters)[1]), static_cast<int>((*letters)[2]));
  if (looks_like(*letters, *named)) return;
  check.met = false;
  check.suggestion = "draw the text in " + color;
}

void check_text(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string text = text_of(w, "text"), anchor = text_of(w, "anchor");
  check.wanted =
      fmt::format("\"{}\" {}", text,
                  anchor == "at" ? fmt::format("at {:.1f} s", number(w, "at_s", 0)) : "at the " + anchor);
  if (anchor.empty() || anchor == "throughout") check.wanted = fmt::format("\"{}\" {}", text, anchor);
  bool any = false, judged = false;
  double first = 1e9, last = -1;
  std::string evidence;
  std::optional<std::array<double, 3>> letters;
  for (const TextFinding& finding : m.texts) {
    if (finding.text != text) continue;
    if (finding.letters) letters = finding.letters;
    any = true;
    judged |= finding.judged;
    if (evidence.empty() || finding.visible) evidence = finding.evidence;
    if (finding.visible) first = std::min(first, finding.from_s), last = std::max(last, finding.to_s);
  }
  check.suggestion = "draw the text again, larger or with an outline";
  if (last < 0) {
    check.measured = !any      ? "not in the plan"
                     : !judged ? "could not be looked for"
                               : "not to be seen: " + evidence;
    if (any && !judged)
      check.met.reset();
    else
      check.met = false;
    return;
  }
  const double end = m.file->duration_s;
  bool in_place = true;
  if (anchor == "start") in_place = first < std::max(1.5, 0.25 * end);
  if (anchor == "end") in_place = last > end - std::max(1.5, 0.25 * end);
  if (anchor == "at")
    in_place = std::abs(first - number(w, "at_s", first)) < 0.35 ||
               (first <= number(w, "at_s", 0) && last > number(w, "at_s", 0));
  if (anchor == "throughout") in_place = last - first > 0.85 * end;
  check.met = in_place;
  check.measured = fmt::format("seen from {:.2f} to {:.2f} s: {}", first, last, evidence);
  if (!in_place) check.suggestion = "move the text to the asked time";
  check_letters(w, letters, check);
}

void check_subtitles(const Json& w, const Measured& m, ConstraintCheck& check) {
  check.wanted = "subtitles of " + text_of(w, "path");
  bool drawn = false, judged = false;
  for (const TextFinding& finding : m.texts)
    if (finding.text == text_of(w, "path")) drawn |= finding.visible, judged |= finding.judged;
  check.measured = m.subtitle_streams ? fmt::format("{} subtitle stream(s)", m.subtitle_streams)
                   : drawn            ? "burned into the picture"
                   : judged           ? "none to be seen"
                                      : "could not be looked for";
  if (m.subtitle_streams || drawn || judged) check.met = m.subtitle_streams > 0 || drawn;
}

void check_keep(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double start = number(w, "start_s", 0), end = number(w, "end_s", 0);
  const int source = source_index(m, text_of(w, "source"));
  check.wanted = fmt::format("{:.2f} to {:.2f} s of {}", start, end, text_of(w, "source"));
  // How much of the span is covered by what is seen, in slices of a tenth of a second or less.
  const double slice = std::min(0.1, (end - start) / 4);
  std::map<long, bool> slices;
  for (const std::size_t i : frames_showing(m, source, start, end))
    slices[std::lround(std::floor((m.seen[i].source_s - start) / std::max(1e-6, slice)))] = true;
  const double wanted_slices = std::max(1.0, std::floor((end - start) / std::max(1e-6, slice)));
  // Film at a low frame rate or played fast does not touch every slice.
  const auto frames = frames_showing(m, source, start, end);
  double covered = std::min(1.0, static_cast<double>(slices.size()) / wanted_slices);
  if (frames.size() >= 2) {
    const double first = m.seen[frames.front()].source_s, last = m.seen[frames.back()].source_s;
    double step = 0;
    for (std::size_t n = 1; n < frames.size(); ++n)
      step = std::max(step, std::abs(m.seen[frames[n]].source_s - m.seen[frames[n - 1]].source_s));
    if (step < 0.5) covered = std::max(covered, (std::abs(last - first) + frame_s(*m.file)) / (end - start));
  }
  check.measured = fmt::format("{:.0f} % of it seen", 100 * std::min(1.0, covered));
  // A shot that cannot be shown whole is kept when a good part of it is seen.
  const double least = number(w, "least_s", 0);
  check.met = covered >= 0.9 || (least > 0 && covered * (end - start) >= least);
  check.suggestion = "add the piece to the plan";
}

void check_avoid(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double start = number(w, "start_s", 0), end = number(w, "end_s", 0);
  check.wanted = fmt::format("nothing of {:.2f} to {:.2f} s of {}", start, end, text_of(w, "source"));
  const double edge = 1.1 * frame_s(*m.file);
  const auto frames = frames_showing(m, source_index(m, text_of(w, "source")), start + edge, end - edge);
  check.measured = fmt::format("{} frames of it seen", frames.size());
  check.met = frames.size() <= 1;
  check.suggestion = "cut that piece out";
}

void check_edge_piece(const Json& w, const Measured& m, ConstraintCheck& check, bool opening) {
  const double start = number(w, "start_s", 0), end = number(w, "end_s", 0);
  check.wanted = fmt::format("{} with {:.2f} to {:.2f} s of {}", opening ? "opens" : "ends", start, end,
                             text_of(w, "source"));
  const int source = source_index(m, text_of(w, "source"));
  // A frame or two at the very edge may be faded to black or blended: the first second decides.
  const auto span = static_cast<std::size_t>(std::max(3.0, m.file->frame_rate * 0.8));
  std::size_t known = 0, right = 0;
  double shown = 0;
  for (std::size_t n = 0; n < std::min(span, m.seen.size()); ++n) {
    const SeenFrame& f = m.seen[opening ? n : m.seen.size() - 1 - n];
    if (f.source < 0) continue;
    if (known == 0) shown = f.source_s;
    ++known;
    right += f.source == source && f.source_s >= start - 0.1 && f.source_s <= end + 0.1;
    if (known >= 5) break;
  }
  check.measured = known ? fmt::format("{} with {:.2f} s", opening ? "opens" : "ends", shown) : "not known";
  if (known) check.met = right * 2 > known;
  check.suggestion = opening ? "put that piece first" : "put that piece last";
}

void check_opening(const Json& w, const Measured& m, ConstraintCheck& c) {
  check_edge_piece(w, m, c, true);
}
void check_ending(const Json& w, const Measured& m, ConstraintCheck& c) {
  check_edge_piece(w, m, c, false);
}

void check_order(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string order = text_of(w, "order");
  check.wanted = order;
  const auto pieces = seen_pieces(m);
  std::size_t up = 0, down = 0;
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const auto key = [](const SeenPiece& p) { return std::pair(p.source, p.start_s); };
    if (key(pieces[i]) >= key(pieces[i - 1]))
      ++up;
    else
      ++down;
  }
  check.measured = fmt::format("{} pieces: {} forward, {} back", pieces.size(), up, down);
  if (order == "chronological")
    check.met = down == 0;
  else if (order == "reversed")
    check.met = pieces.size() < 2 || up == 0;
  else if (order == "shuffled")
    check.met = pieces.size() < 3 || (down > 0 && up > 0) || pieces.size() == 2;
  else if (m.plan)
    check.met = m.plan_agreement > 0.8;
  check.suggestion = "put the pieces in the asked order";
}

void check_speed(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double factor = number(w, "factor", 1);
  check.wanted = fmt::format("{:g} times", factor);
  if (has(w, "start_s"))
    check.wanted += fmt::format(" from {:.2f} to {:.2f} s", number(w, "start_s", 0), number(w, "end_s", 0));
  const auto measured = speed_over(m, frames_meant(m, w));
  check.measured = measured ? fmt::format("{:.2f} times", *measured) : "that film is not seen";
  check.met = measured && std::abs(std::abs(*measured) / factor - 1) < 0.08;
  check.suggestion = "set the speed of those pieces";
}

void check_ramp(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double factor = number(w, "factor", 1);
  double low = 1, high = 1;
  const auto measured = speed_over(m, frames_meant(m, w), &low, &high);
  check.wanted = fmt::format("a ramp to {:g} times", factor);
  check.measured = measured ? fmt::format("{:.2f} to {:.2f} times", low, high) : "not known";
  if (measured)
    check.met =
        (factor < 1 ? low < 1 - (1 - factor) * 0.6 : high > 1 + (factor - 1) * 0.6) && high - low > 0.15;
}

void check_reverse(const Json& w, const Measured& m, ConstraintCheck& check) {
  check.wanted = "backwards";
  const auto measured = speed_over(m, frames_meant(m, w));
  check.measured = measured ? fmt::format("{:.2f} times", *measured) : "not known";
  if (measured) check.met = *measured < -0.2;
}

std::size_t piece_count(const Measured& m) {
  if (!m.pieces.empty() && m.plan_agreement > 0.6) {
    std::size_t count = 0;
    for (const Piece& p : m.pieces) count += !p.freeze;
    return count;
  }
  return seen_pieces(m).size();
}

void check_clips(const Json& w, const Measured& m, ConstraintCheck& check) {
  const auto count = static_cast<std::size_t>(number(w, "count", 1));
  check.wanted = fmt::format("{} pieces", count);
  check.measured = fmt::format("{} pieces", piece_count(m));
  check.met = piece_count(m) == count;
}

// A second picture inside the first shows its source, too, when it was found in the file.
bool shown_as_inset(const Measured& m, const std::string& source) {
  if (!m.plan) return false;
  return std::ranges::any_of(m.plan->decisions, [&](const Decision& d) {
    return d.type == DecisionType::composite && d.params.value("source", "") == source &&
           std::ranges::any_of(m.changes,
                               [&](const ChangeFinding& c) { return c.decision == d.id && c.visible; });
  });
}

void check_sources(const Json&, const Measured& m, ConstraintCheck& check) {
  std::map<int, std::size_t> frames;
  for (const SeenFrame& f : m.seen) ++frames[f.source];
  std::string missing;
  for (std::size_t i = 0; i < m.sources.size(); ++i)
    if (frames[static_cast<int>(i)] < 3 && !shown_as_inset(m, m.sources[i].id))
      missing += (missing.empty() ? "" : ", ") + m.sources[i].id;
  check.wanted = fmt::format("film from each of {} sources", m.sources.size());
  check.measured = missing.empty() ? "all seen" : "nothing of " + missing;
  check.met = missing.empty();
  if (!missing.empty()) check.suggestion = "add a piece of " + missing;
}

void check_no_cuts(const Json&, const Measured& m, ConstraintCheck& check) {
  check.wanted = "one piece without cuts";
  check.measured = fmt::format("{} pieces", seen_pieces(m).size());
  check.met = seen_pieces(m).size() <= 1;
}

void check_pace(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string pace = text_of(w, "pace");
  const double minutes = std::max(0.02, m.file->duration_s / 60);
  std::size_t shots = m.analysis ? m.analysis->shots.size() : 0;
  if (shots == 0) shots = std::max<std::size_t>(1, piece_count(m));
  const double per_minute = static_cast<double>(std::max<std::size_t>(shots, piece_count(m))) / minutes;
  check.measured = fmt::format("{:.1f} shots a minute", per_minute);
  if (has(w, "cuts_per_minute")) {
    check.wanted = fmt::format("{:g} cuts a minute", number(w, "cuts_per_minute", 10));
    check.met = std::abs(per_minute / std::max(1.0, number(w, "cuts_per_minute", 10)) - 1) < 0.35;
    return;
  }
  // Average shot lengths: films of today lie at 3 to 6 s (Cutting, "Hollywood film", 2010), trailers
  // under 2.5 s.
  check.wanted = pace + " pace";
  if (pace == "fast")
    check.met = per_minute >= 15;
  else if (pace == "slow")
    check.met = per_minute <= 20;
  else
    check.met = per_minute >= 6 && per_minute <= 40;
  check.suggestion = pace == "fast" ? "use shorter pieces" : "use longer pieces";
}

const std::map<std::string_view, std::pair<Check, bool>>& check_table() {
  // name -> (check, needs to know where the frames come from)
  static const std::map<std::string_view, std::pair<Check, bool>> table = {
      {"duration", {check_duration, false}},
      {"aspect", {check_aspect, false}},
      {"size", {check_size, false}},
      {"frame_rate", {check_frame_rate, false}},
      {"text", {check_text, false}},
      {"subtitles", {check_subtitles, false}},
      {"keep", {check_keep, true}},
      {"avoid", {check_avoid, true}},
      {"opening", {check_opening, true}},
      {"ending", {check_ending, true}},
      {"order", {check_order, true}},
      {"before", {check_before, true}},
      {"beats", {check_beats, false}},
      {"speed", {check_speed, true}},
      {"ramp", {check_ramp, true}},
      {"reverse", {check_reverse, true}},
      {"freeze", {check_freeze, false}},
      {"silence", {check_silence, false}},
      {"sound", {check_sound, false}},
      {"music", {check_music, false}},
      {"volume", {check_volume, false}},
      {"loudness", {check_loudness, false}},
      {"sound_effect", {check_sound_effect, false}},
      {"fade_in", {check_fade_in, false}},
      {"fade_out", {check_fade_out, false}},
      {"effect", {check_effect, false}},
      {"transition", {check_transition, false}},
      {"composite", {check_composite, false}},
      {"clips", {check_clips, true}},
      {"sources", {check_sources, true}},
      {"no_cuts", {check_no_cuts, true}},
      {"pace", {check_pace, false}},
  };
  return table;
}

}  // namespace

std::vector<ConstraintCheck> check_constraints(const std::vector<Constraint>& wishes,
                                               const Measured& measured) {
  std::vector<ConstraintCheck> results;
  for (const Constraint& wish : wishes) {
    ConstraintCheck check;
    check.kind = wish.kind;
    const auto found = check_table().find(wish.kind);
    if (found == check_table().end()) {
      check.wanted = to_text(wish.wanted, -1);
      check.measured = "no measurement is known for this wish";
    } else if (found->second.second && !knows_sources(measured)) {
      check.wanted = to_text(wish.wanted, -1);
      check.measured = "cannot be told without the sources";
    } else {
      found->second.first(wish.wanted, measured, check);
    }
    results.push_back(std::move(check));
  }
  return results;
}

}  // namespace studio
