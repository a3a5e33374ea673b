// What was wished for the sound, against what is heard.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/constraint_checks.h"

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

void check_silence(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double from = number(w, "from_s", 0), to = number(w, "to_s", m.file->duration_s);
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
  if (!m.plan) return check_music_unplanned(w, m, check);
  check_by_plan_sound(m, check, "music", 0, m.file->duration_s);
}

void check_sound_effect(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double at = number(w, "at_s", 0);
  check.wanted = "the sound of " + text_of(w, "name");
  check_by_plan_sound(m, check, "sound", has(w, "at_s") ? at : 0,
                      has(w, "at_s") ? at + 1.5 : m.file->duration_s);
}

void check_volume(const Json& w, const Measured& m, ConstraintCheck& check) {
  check.wanted = fmt::format("volume {:+g} dB", number(w, "db", 0));
  if (!m.plan) return check_volume_unplanned(w, m, check);
  check_by_plan_sound(m, check, "volume", number(w, "from_s", 0), number(w, "to_s", m.file->duration_s));
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
