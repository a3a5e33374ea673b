// What was wished for the sound, against what is heard.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/constraint_checks.h"
#include "editing/plan_cuts.h"

namespace studio::checks {
namespace {

double level_db(const SoundPrint& sound, double from_s, double to_s, bool loudest) {
  double squares = 0, most = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < sound.steps.size(); ++i) {
    const double t = sound.start_s + static_cast<double>(i) * kSoundStep_s;
    if (t < from_s || t >= to_s) continue;
    squares += static_cast<double>(sound.steps[i].rms) * sound.steps[i].rms;
    most = std::max(most, static_cast<double>(sound.steps[i].rms));
    ++count;
  }
  if (count == 0) return -120;
  const double rms = loudest ? most : std::sqrt(squares / static_cast<double>(count));
  return 20 * std::log10(std::max(rms, 1e-6));
}

// How well the file's sound is that of the plan's reference around a time, 0..1.
double sound_agreement(const Measured& m, double from, double to) {
  if (!m.comparison->reference || m.comparison->kind != ComparedWith::plan) return 0;
  std::vector<double> all;
  for (double t = from; t + 0.5 <= to; t += 0.5)
    if (const auto lag = sound_lag(m.file->sound, m.comparison->reference->sound, t, 0, 0.5, 0.03))
      all.push_back(lag->correlation);
  if (all.empty()) return 0;
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

bool plan_has_audio(const Measured& m, std::string_view action) {
  return m.plan && std::any_of(m.plan->decisions.begin(), m.plan->decisions.end(), [&](const Decision& d) {
           return d.type == DecisionType::audio && d.params.value("action", "") == action;
         });
}

// The level of the bed in the file. Film that sounds like its bed (music under music) biases the measurement:
// with a plan it is taken of the plan's own mix as well, and only the difference counts.
std::optional<double> bed_level_db(const Measured& m, const std::string& path) {
  if (!m.file->has_audio) return {};
  const auto heard = bed_gain_db(m.file->sound, path);
  if (!heard || !m.plan || m.comparison->kind != ComparedWith::plan || !m.comparison->reference) return heard;
  const auto planned = bed_gain_db(m.comparison->reference->sound, path);
  if (!planned) return {};
  for (const Decision& d : m.plan->decisions)
    if (d.type == DecisionType::audio && text_param(d, "action") == "music")
      return number_param(d, "gain_db", 0) + *heard - *planned;
  return {};
}

void check_by_plan_sound(const Measured& m, ConstraintCheck& check, std::string_view action, double from,
                         double to) {
  if (!m.plan) {
    check.measured = "which sound it is cannot be told without the plan";
    return;
  }
  const double agreement = sound_agreement(m, from, to);
  check.measured = fmt::format("{} in the plan; the sound agrees with it by {:.2f}",
                               plan_has_audio(m, action) ? "is" : "is not", agreement);
  check.met = plan_has_audio(m, action) && agreement > 0.6;
}

}  // namespace

std::pair<double, double> stretch_of(const Json& w, const Fingerprint& file) {
  const double end = file.duration_s, from = number(w, "from_s", 0), to = number(w, "to_s", end);
  return {from < 0 ? std::max(0.0, end + from) : from, to <= 0 ? end : to};
}

void check_silence(const Json& w, const Measured& m, ConstraintCheck& check) {
  const auto [from, to] = stretch_of(w, *m.file);
  check.wanted = has(w, "from_s") || has(w, "to_s")
                     ? fmt::format("no sound from {:.2f} to {:.2f} s", from, to)
                     : "no sound";
  if (!m.file->has_audio) {
    check.measured = "no sound track";
    check.met = true;
    return;
  }
  const double loudest = level_db(m.file->sound, from + 0.06, to - 0.06, true);
  check.measured = fmt::format("at most {:.0f} dBFS", loudest);
  check.met = loudest < -50;
  check.suggestion = "mute that part";
}

void check_sound(const Json&, const Measured& m, ConstraintCheck& check) {
  check.wanted = "sound";
  std::size_t audible = 0;
  for (const SoundStep& s : m.file->sound.steps) audible += s.rms > 0.002f;
  const double share = static_cast<double>(audible) * kSoundStep_s / std::max(0.1, m.file->duration_s);
  check.measured =
      m.file->has_audio ? fmt::format("audible for {:.0f} % of the film", 100 * share) : "no sound track";
  check.met = share > 0.05;
}

void check_music(const Json& w, const Measured& m, ConstraintCheck& check) {
  check.wanted = "music from " + text_of(w, "path");
  if (m.plan)
    check_by_plan_sound(m, check, "music", 0, m.file->duration_s);
  else
    check_music_unplanned(w, m, check);
  if (!has(w, "db") || check.met == false) return;
  const double db = number(w, "db", 0);
  check.wanted += fmt::format(" at {:+.0f} dB", db);
  // A loudness target moves every level of the film by one gain.
  if (m.plan && plan_has_audio(m, "normalize")) {
    check.measured += "; its level was moved with the whole film's";
    return;
  }
  const auto gain = bed_level_db(m, text_of(w, "path"));
  if (!gain) {
    check.measured += "; its level cannot be told under what else is heard";
    return;
  }
  check.measured += fmt::format("; at {:+.1f} dB", *gain);
  constexpr double kSameLevel_dB = 3;
  if (std::abs(*gain - db) > kSameLevel_dB) {
    check.met = false;
    check.suggestion = fmt::format("set the music to {:+.0f} dB", db);
  }
}

void check_sound_effect(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double at = number(w, "at_s", 0);
  check.wanted = "the sound of " + text_of(w, "name");
  if (w.value("at_cuts", false) && m.plan) {
    check.wanted += " at every cut";
    double last = -1;
    for (const Piece& piece : m.pieces) {
      if (piece.freeze || piece.output_start_s < 0.05 || piece.output_start_s - last < 0.05) continue;
      last = piece.output_start_s;
      const bool there = std::ranges::any_of(m.plan->decisions, [&](const Decision& d) {
        return text_param(d, "sound") == text_of(w, "name") &&
               std::abs(number_param(d, "at_s", -1) - piece.output_start_s) < 0.25;
      });
      if (there) continue;
      check.measured = fmt::format("none at the cut at {:.2f} s", piece.output_start_s);
      check.met = false;
      return;
    }
  }
  check_by_plan_sound(m, check, "sound", has(w, "at_s") ? at : 0,
                      has(w, "at_s") ? at + 1.5 : m.file->duration_s);
}

void check_volume(const Json& w, const Measured& m, ConstraintCheck& check) {
  const auto [from, to] = stretch_of(w, *m.file);
  check.wanted = fmt::format("volume {:+g} dB", number(w, "db", 0));
  if (has(w, "from_s")) check.wanted += fmt::format(" from {:.2f} to {:.2f} s", from, to);
  if (!m.plan) return check_volume_unplanned(w, m, check);
  check_by_plan_sound(m, check, "volume", from, to);
  // Likeness says nothing of the level: that is held against the sources, where nothing else changed it.
  const bool mixed =
      plan_has_audio(m, "music") || plan_has_audio(m, "sound") || plan_has_audio(m, "normalize");
  if (check.met != true || mixed || m.prints.empty()) return;
  ConstraintCheck level = check;
  level.met.reset();
  check_volume_unplanned(w, m, level);
  if (!level.met) return;
  check.measured = level.measured;
  check.met = level.met;
}

void check_loudness(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double lufs = number(w, "lufs", -16);
  check.wanted = fmt::format("{:g} LUFS", lufs);
  if (!m.analysis || !m.analysis->audio) {
    check.measured = "no sound";
    check.met = false;
    return;
  }
  check.measured = fmt::format("{:.1f} LUFS, true peak {:.1f} dBTP", m.analysis->audio->integrated_lufs,
                               m.analysis->audio->true_peak_dbtp);
  // A gain that the true-peak ceiling limits is the honest nearest: softer than asked is met at the ceiling.
  const double off = m.analysis->audio->integrated_lufs - lufs;
  check.met = std::abs(off) <= 1 || (off < 0 && m.analysis->audio->true_peak_dbtp > -2);
}

void check_sound_fade(const Json& w, const Measured& m, ConstraintCheck& check, bool in) {
  const double length = number(w, "duration_s", 1), end = m.file->duration_s;
  check.wanted = fmt::format("{} of the sound over {:.2f} s", in ? "fade in" : "fade out", length);
  const double near = in ? level_db(m.file->sound, 0, length * 0.2, false)
                         : level_db(m.file->sound, end - length * 0.2, end, false);
  const double far = in ? level_db(m.file->sound, length * 0.8, length * 1.6, false)
                        : level_db(m.file->sound, end - length * 1.6, end - length * 0.8, false);
  check.measured = fmt::format("{:.0f} dB at the edge, {:.0f} dB inside", near, far);
  if (far > -55) check.met = near < far - 6;
}

}  // namespace studio::checks
