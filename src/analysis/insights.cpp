// What an editor would say after watching: strengths, weaknesses, advice, each with its numbers and frames.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "analysis/coherence.h"
#include "analysis/issue_rules.h"
#include "analysis/judgements.h"

namespace studio {
namespace {

constexpr double kWorthSaying = 0.3;  // severity of an issue from which it hurts a clip

class Notes {
 public:
  void strength(double weight, std::string text, std::string evidence) {
    add(weight, "strength", text, evidence);
  }
  void weakness(double weight, std::string text, std::string evidence) {
    add(weight, "weakness", text, evidence);
  }
  void advice(double weight, std::string text, std::string evidence) {
    add(weight, "recommendation", text, evidence);
  }

  std::vector<Insight> sorted() {
    std::ranges::stable_sort(notes_, std::greater{}, &Note::weight);
    std::vector<Insight> out;
    for (const char* kind : {"strength", "weakness", "recommendation"})
      for (const Note& n : notes_)
        if (n.insight.kind == kind) out.push_back(n.insight);
    return out;
  }

 private:
  struct Note {
    double weight = 0;
    Insight insight;
  };
  void add(double weight, const char* kind, std::string& text, std::string& evidence) {
    notes_.push_back({weight, {kind, std::move(text), std::move(evidence)}});
  }
  std::vector<Note> notes_;
};

double seconds(const Shot& shot) {
  return (shot.end - shot.start).seconds();
}

// "shot2 (0:03.200 to 0:07.000), shot5 ...": at most three, then a count.
std::string list_of(const Analysis& a, const std::vector<const Shot*>& shots) {
  const Time origin = a.shots.front().start;
  std::string text;
  for (std::size_t i = 0; i < shots.size() && i < 3; ++i)
    text += fmt::format("{}{} ({} to {})", i == 0 ? "" : ", ", shots[i]->id,
                        to_clock(shots[i]->start - origin), to_clock(shots[i]->end - origin));
  if (shots.size() > 3) text += fmt::format(" and {} more", shots.size() - 3);
  return text;
}

template <typename Wanted>
std::vector<const Shot*> shots_that(const Analysis& a, Wanted wanted) {
  std::vector<const Shot*> found;
  for (const Shot& s : a.shots)
    if (wanted(s)) found.push_back(&s);
  return found;
}

double share_of(const Analysis& a, const std::vector<const Shot*>& shots) {
  double part = 0, all = 0;
  for (const Shot* s : shots) part += seconds(*s);
  for (const Shot& s : a.shots) all += seconds(s);
  return all > 0 ? part / all : 0;
}

// The liveliest two seconds (or the whole, when it is shorter) by the motion curve.
void say_where_the_action_is(const Analysis& a, Notes& notes) {
  const auto& m = a.curves.motion;
  const auto& t = a.curves.time_s;
  if (m.size() < 8 || t.size() != m.size()) return;
  const double mean = std::accumulate(m.begin(), m.end(), 0.0) / static_cast<double>(m.size());
  double best = 0, sum = 0;
  std::size_t begin = 0, best_begin = 0, best_end = 0;
  for (std::size_t end = 0; end < m.size(); ++end) {
    sum += m[end];
    while (t[end] - t[begin] > 2.0) sum -= m[begin++];
    const double here = sum / static_cast<double>(end - begin + 1);
    if (t[end] - t[begin] > 1.0 && here > best) best = here, best_begin = begin, best_end = end;
  }
  if (best > 0.03 && best > 1.6 * mean)
    notes.strength(0.6,
                   fmt::format("The action peaks around {}: the place for a highlight or a trailer beat.",
                               to_clock(Time::from_seconds((t[best_begin] + t[best_end]) / 2 - t[0]))),
                   fmt::format("motion {:.2f} widths/s there, {:.2f} on average (frames {} to {})", best,
                               mean, best_begin, best_end));
  else if (mean < 0.01)
    notes.weakness(0.5, "Hardly anything moves: it will feel long.",
                   fmt::format("mean motion {:.3f} widths/s", mean));
}

void say_about_camera(const Analysis& a, Notes& notes) {
  const auto handheld = shots_that(a, [](const Shot& s) { return s.camera.style == CameraStyle::handheld; });
  const auto still = shots_that(a, [](const Shot& s) { return s.camera.style == CameraStyle::still; });
  const auto smooth = shots_that(a, [](const Shot& s) { return s.camera.style == CameraStyle::smooth; });
  if (share_of(a, handheld) > 0.3) {
    notes.weakness(0.5, "The camera shakes.", fmt::format("handheld: {}", list_of(a, handheld)));
    notes.advice(0.5, "Stabilise the handheld shots, or cut them shorter than the steady ones.",
                 list_of(a, handheld));
  }
  if (share_of(a, smooth) > 0.3) {
    std::map<MoveKind, int> kinds;
    for (const Shot* s : smooth)
      for (const CameraMove& m : s->camera.moves) ++kinds[m.kind];
    const auto commonest = std::ranges::max_element(kinds, {}, [](const auto& k) { return k.second; });
    std::string name(kinds.empty() ? "move" : name_of(commonest->first));
    std::ranges::replace(name, '_', ' ');
    notes.strength(0.5, fmt::format("Controlled camera moves ({}): good for openings and transitions.", name),
                   list_of(a, smooth));
  }
  if (share_of(a, still) > 0.6)
    notes.strength(0.35, "A steady camera: cuts, titles and slow zooms can be laid over it freely.",
                   list_of(a, still));
}

void say_about_composition(const Analysis& a, Notes& notes) {
  const auto sampled = shots_that(a, [](const Shot& s) { return s.composition.score > 0; });
  if (sampled.empty()) return;
  const Shot& best =
      **std::ranges::max_element(sampled, {}, [](const Shot* s) { return s->composition.score; });
  if (best.composition.score > 0.6)
    notes.strength(
        0.55,
        fmt::format("{} is the best composed picture: a good thumbnail at frame {}.", best.id, best.keyframe),
        fmt::format("composition {:.2f}, rule of thirds {:.2f}, exposure {:.2f}", best.composition.score,
                    best.composition.rule_of_thirds, best.composition.exposure));
  const auto dim = shots_that(a, [](const Shot& s) {
    return s.composition.score > 0 && s.composition.exposure < 0.4 && s.composition.brightness < 0.25;
  });
  if (share_of(a, dim) > 0.2) {
    notes.weakness(0.6, "Large parts are dark.", fmt::format("exposure below 0.4 in {}", list_of(a, dim)));
    notes.advice(0.55, "Lift gamma in the dark shots before grading.", list_of(a, dim));
  }
  const auto busy = shots_that(a, [](const Shot& s) { return s.composition.clutter > 0.55; });
  if (share_of(a, busy) > 0.4) {
    notes.weakness(0.4, "The backgrounds are busy: text will be hard to read on them.",
                   fmt::format("clutter above 0.55 in {}", list_of(a, busy)));
    notes.advice(0.35, "Put titles on a plate or a blurred band, or over another shot.", list_of(a, busy));
  }
  const auto tight = shots_that(a, [](const Shot& s) {
    return s.composition.subject_confidence > 0.3 && s.composition.headroom < 0.3;
  });
  if (share_of(a, tight) > 0.3)
    notes.weakness(0.3, "Heads touch the upper edge, or sink below the middle.",
                   fmt::format("headroom below 0.3 in {}", list_of(a, tight)));
  double x = 0, weight = 0;
  for (const Shot* s : sampled)
    if (s->composition.subject_confidence > 0.25)
      x += std::abs(s->composition.subject.center_x() - 0.5) * seconds(*s), weight += seconds(*s);
  if (weight > 0 && x / weight < 0.12 && a.source.width > a.source.height)
    notes.strength(0.4, "The subject stays near the middle: it survives a crop to 9:16 or 1:1.",
                   fmt::format("{:.2f} of the width from the middle on average", x / weight));
}

void say_about_rhythm(const Analysis& a, Notes& notes) {
  if (a.shots.size() < 2) {
    if (a.shots.size() == 1 && seconds(a.shots[0]) > 20)
      notes.advice(0.3, "One long take: cut it by its movement, or cover joins with a zoom punch.",
                   fmt::format("1 shot of {:.1f} s", seconds(a.shots[0])));
    return;
  }
  double total = 0, squares = 0;
  for (const Shot& s : a.shots) total += seconds(s), squares += seconds(s) * seconds(s);
  const double n = static_cast<double>(a.shots.size()), mean = total / n;
  const double spread = std::sqrt(std::max(0.0, squares / n - mean * mean)) / mean;
  const std::string evidence = fmt::format("{} shots, {:.1f} s on average, lengths vary by {:.0f} %",
                                           a.shots.size(), mean, spread * 100);
  if (mean < 2.5)
    notes.strength(0.45, "Cut fast: suits a trailer or social clip as it is.", evidence);
  else if (mean > 8)
    notes.weakness(0.4, "Long shots: a fast edit has to cut inside them.", evidence);
  else
    notes.strength(0.25, "An even, medium pace.", evidence);
}

void say_about_sound(const Analysis& a, Notes& notes) {
  if (!a.audio) {
    notes.advice(0.45, "There is no sound: add music or room tone.", "no audio stream");
    return;
  }
  const AudioJudgement& s = *a.audio;
  const std::string level = fmt::format("{:.1f} LUFS integrated, {:.1f} LU range, peak {:.1f} dBTP",
                                        s.integrated_lufs, s.loudness_range_lu, s.true_peak_dbtp);
  if (s.integrated_lufs < -60)
    notes.weakness(0.5, "The sound track is silent.", level);
  else if (s.integrated_lufs < -27) {
    notes.weakness(0.4, "The sound is quiet.", level);
    notes.advice(0.4, "Bring it to -14 LUFS for the web or -23 LUFS for broadcast.", level);
  } else if (s.integrated_lufs > -10) {
    notes.weakness(0.4, "The sound is very loud.", level);
  }
  if (s.speech > 0.6)
    notes.strength(0.5, "Clear speech: subtitles and cuts between sentences will work.",
                   fmt::format("speech likelihood {:.2f}, {} spans", s.speech, s.speech_spans.size()));
  if (s.tempo_bpm > 0 && s.music > 0.5)
    notes.strength(0.5, fmt::format("Music with a beat of {:.0f} bpm: cuts can fall on it.", s.tempo_bpm),
                   fmt::format("{} beats found", s.beats_s.size()));
}

std::string in_words(const std::string& kind) {
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"flicker", "The light flickers."},
      {"jump", "The picture jumps inside a shot."},
      {"freeze", "The picture stands still."},
      {"black", "There is a black gap."},
      {"duplicate", "Frames are repeated: it stutters."},
      {"dropped", "Frames are missing: it jerks."},
      {"blur", "Part of it is out of focus."},
      {"dark", "Part of it is too dark to read."},
      {"overexposed", "Highlights are burnt out."},
      {"silence", "The sound stops in between."},
      {"clipping", "The sound is over its ceiling."},
      {"truncated", "The file breaks off."},
  };
  for (const auto& [name, text] : words)
    if (name == kind) return std::string(text);
  return fmt::format("Defect: {}.", kind);
}

std::string as_sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text + ".";
}

// What was looked for and is not there; black inside a fade is meant, but it is black all the same.
std::string absent_defects(const ClipFeatures& clip, const Analysis& a) {
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"flicker", "flicker"}, {"freeze", "freezes"},         {"duplicate", "repeats"},
      {"jump", "jumps"},      {"dropped", "missing frames"}, {"black", "black frames"},
  };
  std::vector<std::string_view> absent;
  for (const auto& [kind, text] : words) {
    const bool named = std::ranges::any_of(a.issues, [&](const Issue& i) { return i.kind == kind; });
    const bool faded = kind == "black" && std::ranges::any_of(clip.frames, is_black);
    if (!named && !faded) absent.push_back(text);
  }
  std::string list;
  for (std::size_t i = 0; i < absent.size(); ++i)
    list += fmt::format("{}{}", i == 0 ? "" : i + 1 == absent.size() ? " or " : ", ", absent[i]);
  return list;
}

void say_about_defects(const ClipFeatures& clip, const Analysis& a, Notes& notes) {
  std::map<std::string, std::vector<const Issue*>> by_kind;
  for (const Issue& i : a.issues) by_kind[i.kind].push_back(&i);
  for (const auto& [kind, issues] : by_kind) {
    const Issue& worst = **std::ranges::max_element(issues, {}, [](const Issue* i) { return i->severity; });
    if (worst.severity < kWorthSaying) continue;
    const std::string evidence =
        fmt::format("{} (frames {} to {}{})", worst.message, worst.first_frame, worst.last_frame,
                    issues.size() > 1 ? fmt::format(", {} in all", issues.size()) : "");
    notes.weakness(0.3 + worst.severity, in_words(kind), evidence);
    notes.advice(0.3 + worst.severity, as_sentence(worst.suggestion), evidence);
  }
  const bool clean = std::ranges::all_of(a.issues, [](const Issue& i) { return i.severity < kWorthSaying; });
  const std::string absent = absent_defects(clip, a);
  if (!clean || a.shots.empty() || absent.empty()) return;
  std::string evidence = fmt::format("{} frames checked", a.source.frames);
  for (std::size_t i = 0; i < std::min<std::size_t>(3, a.issues.size()); ++i)
    evidence += fmt::format("; small: {}", a.issues[i].message);
  notes.strength(0.5,
                 fmt::format("{}: no {}.", a.issues.empty() ? "Technically clean" : "Nearly clean", absent),
                 evidence);
}

void say_how_it_was_made(const ClipFeatures& clip, const Analysis& a, Notes& notes) {
  double drawn = 0, total = 0, held = 0;
  Cadence kind = Cadence::each_frame;
  for (std::size_t i = 0; i < a.shots.size(); ++i) {
    const FrameSpan span = clear_part(a.shots, i);
    if (span.first < 0 || span.last >= static_cast<std::int64_t>(clip.frames.size())) continue;
    const auto frames =
        std::span(clip.frames)
            .subspan(static_cast<std::size_t>(span.first), static_cast<std::size_t>(span.count()));
    const CadenceFound c = find_cadence(frames, span.first);
    total += static_cast<double>(span.count());
    if (!c.drawn()) continue;
    drawn += static_cast<double>(span.count());
    held += c.held_share * static_cast<double>(span.count());
    kind = c.cadence;
  }
  if (total <= 0 || drawn < 0.3 * total) return;
  const char* rhythm = kind == Cadence::on_twos     ? "on twos"
                       : kind == Cadence::on_threes ? "on threes"
                                                    : "with held drawings";
  notes.strength(0.45, fmt::format("Animated {}: repeated frames are its style, not a defect.", rhythm),
                 fmt::format("{:.0f} % of the moving frames repeat the one before", 100 * held / drawn));
}

}  // namespace

std::vector<Insight> insights_of(const ClipFeatures& clip, const Analysis& analysis) {
  Notes notes;
  say_where_the_action_is(analysis, notes);
  say_about_camera(analysis, notes);
  say_about_composition(analysis, notes);
  say_about_rhythm(analysis, notes);
  say_about_sound(analysis, notes);
  say_about_defects(clip, analysis, notes);
  say_how_it_was_made(clip, analysis, notes);
  return notes.sorted();
}

}  // namespace studio
