// Looks and sounds that were wished for a file of which no plan is known: what its pictures and its sound
// show by themselves, and against the sources.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "editing/alignment.h"
#include "editing/constraint_checks.h"
#include "media/audio_reader.h"

namespace studio::checks {
namespace {

// Frames a wish is about, inside its time of the output.
std::vector<std::size_t> frames_wished(const Measured& m, const Json& w) {
  std::vector<std::size_t> frames = frames_meant(m, w);
  const double at = number(w, "at_s", -1), length = number(w, "duration_s", 1e9);
  if (at >= 0)
    std::erase_if(frames, [&](std::size_t i) {
      const double t = m.file->frames[i].time_s;
      return t < at || t >= at + length;
    });
  return frames;
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The source frame that a frame of the file shows. A look changes the picture, so that far less likeness is
// asked than where film must be proved: the path through the frames around it keeps the place.
struct Shown {
  const Fingerprint* print = nullptr;
  std::size_t frame = 0;
};
std::optional<Shown> shown_by(const Measured& m, std::size_t i) {
  const Comparison& c = *m.comparison;
  if (c.kind != ComparedWith::sources || i >= c.alignment.frames.size()) return {};
  const FrameMatch& match = c.alignment.frames[i];
  if (match.distance > 0.9f || m.file->frames[i].spread < 8) return {};
  const double t = m.file->frames[i].time_s + match.offset_s;
  for (std::size_t s = 0; s < std::min(c.sources.size(), m.prints.size()); ++s) {
    if (t < c.sources[s].start_s - 0.05 || t >= c.sources[s].end_s + 0.05) continue;
    const Fingerprint& print = m.prints[s];
    return Shown{&print, print.frame_at(t - c.sources[s].start_s + 0.25 / std::max(1.0, print.frame_rate))};
  }
  return {};
}

// A measurement of the file's frames over the same of the source frames they show; nothing when too few
// frames are known.
template <typename Measure>
std::optional<double> against_source(const Measured& m, const std::vector<std::size_t>& frames,
                                     Measure measure) {
  std::vector<double> ratios;
  for (const std::size_t i : frames)
    if (const auto shown = shown_by(m, i))
      if (const auto ratio = measure(i, *shown->print, shown->frame)) ratios.push_back(*ratio);
  if (ratios.size() < std::max<std::size_t>(3, frames.size() / 5)) return {};
  return median(std::move(ratios));
}

// Whether there was something to compare; if not, says so of `what`.
bool compared(const std::optional<double>& ratio, const Measured& m, std::string_view what,
              std::string_view few, ConstraintCheck& c) {
  if (ratio) return true;
  c.measured =
      m.prints.empty() ? fmt::format("{} cannot be told without the sources", what) : std::string(few);
  return false;
}

// Rows at the top and bottom that are black in (nearly) every frame that is not black itself.
int black_rows(const Fingerprint& print, const std::vector<std::size_t>& frames, bool top) {
  int rows = 0;
  for (int row = 0; row < kThumbRows / 2; ++row) {
    const int y = top ? row : kThumbRows - 1 - row;
    std::size_t asked = 0, black = 0;
    for (const std::size_t i : frames) {
      if (print.frames[i].spread < 6) continue;
      ++asked;
      const auto thumb = print.thumb(i).subspan(static_cast<std::size_t>(y) * kThumbColumns, kThumbColumns);
      black += *std::max_element(thumb.begin(), thumb.end()) < 12;
    }
    if (asked == 0 || static_cast<double>(black) < 0.95 * static_cast<double>(asked)) break;
    ++rows;
  }
  return rows;
}

void letterbox(const Json&, const Measured& m, const std::vector<std::size_t>& frames, ConstraintCheck& c) {
  const int rows = std::min(black_rows(*m.file, frames, true), black_rows(*m.file, frames, false));
  c.measured = fmt::format("black bars of {:.0f} % of the height", 100.0 * rows / kThumbRows);
  c.met = rows >= 1;
}

void vignette(const Json&, const Measured& m, const std::vector<std::size_t>& frames, ConstraintCheck& c) {
  const auto corners = [](std::span<const std::uint8_t> t) {
    constexpr int kReach = 5;
    double sum = 0;
    for (int y = 0; y < kReach; ++y)
      for (int x = 0; x < kReach; ++x)
        for (const int row : {y, kThumbRows - 1 - y})
          for (const int column : {x, kThumbColumns - 1 - x})
            sum += t[static_cast<std::size_t>(row * kThumbColumns + column)];
    return sum / (4 * kReach * kReach);
  };
  const auto middle = [](std::span<const std::uint8_t> t) {
    double sum = 0;
    for (int y = kThumbRows / 3; y < 2 * kThumbRows / 3; ++y)
      for (int x = kThumbColumns / 3; x < 2 * kThumbColumns / 3; ++x)
        sum += t[static_cast<std::size_t>(y * kThumbColumns + x)];
    return sum / (kThumbRows / 3.0 * kThumbColumns / 3.0);
  };
  const auto ratio = against_source(
      m, frames, [&](std::size_t i, const Fingerprint& print, std::size_t k) -> std::optional<double> {
        const double was = corners(print.thumb(k)), is = corners(m.file->thumb(i));
        if (was < 20 || middle(print.thumb(k)) < 10) return {};
        return is / was / std::max(0.05, middle(m.file->thumb(i)) / middle(print.thumb(k)));
      });
  if (!compared(ratio, m, "whether the corners were darkened",
                "too few frames were found in the sources, or their corners are black", c))
    return;
  c.measured = fmt::format("the corners are at {:.0f} % of the source's, against the middle", 100 * *ratio);
  if (*ratio < 0.85) c.met = true;
  if (*ratio > 0.95) c.met = false;
}

void blur(const Json&, const Measured& m, const std::vector<std::size_t>& frames, ConstraintCheck& c) {
  const auto ratio = against_source(
      m, frames, [&](std::size_t i, const Fingerprint& print, std::size_t k) -> std::optional<double> {
        if (print.frames[k].detail < 5) return {};
        return m.file->frames[i].detail / print.frames[k].detail;
      });
  if (!compared(ratio, m, "whether the picture was softer before", "too few frames were found in the sources",
                c))
    return;
  c.measured = fmt::format("{:.0f} % of the source's fine detail", 100 * *ratio);
  if (*ratio < 0.6) c.met = true;
  if (*ratio > 0.85) c.met = false;
}

void saturation(const Json& w, const Measured& m, const std::vector<std::size_t>& frames,
                ConstraintCheck& c) {
  const auto ratio = against_source(
      m, frames, [&](std::size_t i, const Fingerprint& print, std::size_t k) -> std::optional<double> {
        if (print.frames[k].colour < 3) return {};
        return m.file->frames[i].colour / print.frames[k].colour;
      });
  if (!compared(ratio, m, "whether the colours were changed",
                "too few coloured frames were found in the sources", c))
    return;
  c.measured = fmt::format("colours at {:.0f} % of the source's", 100 * *ratio);
  const Json params = w.value("params", Json::object());
  const double amount = number(params, "amount", 1.4);
  if (amount > 1) c.met = *ratio > 1 + 0.3 * std::min(1.0, amount - 1);
  if (amount < 1) c.met = *ratio < 1 - 0.3 * (1 - amount);
}

// Bright for a few frames and back again.
void flash(const Json&, const Measured& m, const std::vector<std::size_t>& frames, ConstraintCheck& c) {
  const auto& all = m.file->frames;
  const auto reach = static_cast<std::size_t>(std::max(3.0, 0.5 * m.file->frame_rate));
  std::size_t count = 0, last = 0;
  for (const std::size_t i : frames) {
    if (i < reach || i + reach >= all.size() || (count > 0 && i < last + reach)) continue;
    const double before = all[i - reach].luma, after = all[i + reach].luma;
    if (all[i].luma > std::max(before, after) + 35) ++count, last = i;
  }
  c.measured = fmt::format("{} short rise{} of brightness", count, count == 1 ? "" : "s");
  c.met = count > 0;
}

// Turned round: the file's pictures are those of the source seen in a mirror.
void mirror(const Json& w, const Measured& m, const std::vector<std::size_t>&, ConstraintCheck& c) {
  const std::string mode = text_of(w.value("params", Json::object()), "mode");
  if (m.prints.empty() || !m.comparison->reference) {
    c.measured = "which way round the film was cannot be told without the sources";
    return;
  }
  if (!mode.empty() && mode != "horizontal" && mode != "vertical") {
    c.measured = "a doubled half is not measured without the plan";
    return;
  }
  Fingerprint turned = *m.file;
  for (std::size_t i = 0; i < turned.frames.size(); ++i) {
    const auto thumb = m.file->thumb(i);
    for (int y = 0; y < kThumbRows; ++y)
      for (int x = 0; x < kThumbColumns; ++x)
        turned.thumbs[i * kThumbSize + static_cast<std::size_t>(y * kThumbColumns + x)] =
            mode == "vertical" ? thumb[static_cast<std::size_t>((kThumbRows - 1 - y) * kThumbColumns + x)]
                               : thumb[static_cast<std::size_t>(y * kThumbColumns + kThumbColumns - 1 - x)];
  }
  const auto likeness = [](const Alignment& alignment) {
    double sum = 0;
    for (const FrameMatch& f : alignment.frames) sum += f.distance < 0.4f;
    return sum / static_cast<double>(std::max<std::size_t>(1, alignment.frames.size()));
  };
  const double as_is = likeness(m.comparison->alignment),
               round = likeness(align(turned, *m.comparison->reference));
  c.measured = fmt::format("{:.0f} % of the frames are in the sources turned round, {:.0f} % as they are",
                           100 * round, 100 * as_is);
  if (round > 0.5 && round > as_is + 0.2) c.met = true;
  if (as_is > 0.5 && as_is > round + 0.2) c.met = false;
}

using LookCheck = void (*)(const Json&, const Measured&, const std::vector<std::size_t>&, ConstraintCheck&);

// The mono waves of a file, thin as the judge's own.
std::optional<SoundPrint> listen(const Path& file) {
  auto reader = AudioReader::open(file);
  if (!reader) return {};
  FingerprintBuilder builder;
  for (;;) {
    auto block = reader->next();
    if (!block || !*block) break;
    builder.add_sound((*block)->samples, (*block)->channels, (*block)->sample_rate);
  }
  return builder.finish(0).sound;
}

}  // namespace

void check_effect_unplanned(const Json& w, const Measured& m, ConstraintCheck& check) {
  static const std::map<std::string_view, LookCheck> looks = {
      {"letterbox", letterbox},   {"vignette", vignette}, {"blur", blur},
      {"saturation", saturation}, {"flash", flash},       {"mirror", mirror}};
  const auto frames = frames_wished(m, w);
  const auto found = looks.find(text_of(w, "id"));
  if (found != looks.end() && !frames.empty())
    found->second(w, m, frames, check);
  else
    check.measured = "this effect cannot be told from what was filmed without the plan";
}

void check_transition_unplanned(const Json& w, const Measured& m, ConstraintCheck& check) {
  const std::string where = text_of(w, "where"), kind = text_of(w, "kind");
  if (where == "start" || where == "end") {
    Json fade = {{"of", "picture"}, {"duration_s", number(w, "duration_s", 1)}};
    const std::string wanted = check.wanted;
    (where == "start" ? check_fade_in : check_fade_out)(fade, m, check);
    check.wanted = wanted;
    return;
  }
  if (!m.analysis) {
    check.measured = "the file's shots are not known";
    return;
  }
  const TransitionKind meant = kind.find("fade_") == 0                     ? TransitionKind::fade
                               : kind == "crossfade" || kind == "dissolve" ? TransitionKind::dissolve
                                                                           : TransitionKind::wipe;
  std::size_t changes = 0, right = 0, cuts = 0;
  for (const Shot& shot : m.analysis->shots) {
    if (shot.transition == TransitionKind::start) continue;
    ++changes;
    right += shot.transition == meant;
    cuts += shot.transition == TransitionKind::cut;
  }
  check.measured = changes == 0 ? "no change of shot was found"
                                : fmt::format("{} of {} changes of shot are {}s, {} are cuts", right, changes,
                                              name_of(meant), cuts);
  if (changes == 0) return;
  // A few among many may have been filmed: then it stays open whether they were made.
  if (right * 2 > changes) check.met = true;
  if (right == 0 && cuts == changes) check.met = false;
}

// Gain of the bed over the music file, where nothing makes it duck: least squares of the file's wave on the
// music's, a second at a time. What else is heard has nothing to do with the music and falls out of the sum.
std::optional<double> bed_gain_db(const SoundPrint& sound, const Path& path) {
  const auto music = listen(path);
  if (!music || music->wave.empty() || sound.wave.empty()) return {};
  constexpr double kWindow_s = 1, kSearch_s = 0.03;
  std::vector<double> lags, gains;
  const double end = std::min(sound.start_s + sound.duration_s(), music->duration_s());
  std::vector<double> times;
  for (double t = std::max(0.0, sound.start_s); t + kWindow_s <= end && times.size() < 600;
       t += kWindow_s / 2)
    if (const auto lag = sound_lag(sound, *music, t, 0, kWindow_s, kSearch_s);
        lag && lag->correlation > 0.15) {
      times.push_back(t);
      lags.push_back(lag->lag_s);
    }
  const auto lag = median(lags);
  if (!lag || times.size() < 3) return {};
  const auto length = static_cast<std::size_t>(kWindow_s * kSoundRate);
  for (const double t : times) {
    const auto a = std::lround((t - sound.start_s) * kSoundRate),
               b = std::lround((t - *lag - music->start_s) * kSoundRate);
    if (a < 0 || b < 0 || static_cast<std::size_t>(a) + length > sound.wave.size() ||
        static_cast<std::size_t>(b) + length > music->wave.size())
      continue;
    double both = 0, alone = 0;
    for (std::size_t i = 0; i < length; ++i) {
      const double x = music->wave[static_cast<std::size_t>(b) + i];
      both += x * sound.wave[static_cast<std::size_t>(a) + i];
      alone += x * x;
    }
    if (alone > 1e-6 && both > 0) gains.push_back(both / alone);
  }
  if (gains.size() < 3) return {};
  std::sort(gains.begin(), gains.end());
  return 20 * std::log10(gains[gains.size() * 4 / 5]);
}

void check_music_unplanned(const Json& w, const Measured& m, ConstraintCheck& check) {
  if (!m.file->has_audio) {
    check.measured = "no sound track";
    check.met = false;
    return;
  }
  const auto music = listen(text_of(w, "path"));
  if (!music || music->steps.empty()) {
    check.measured = "the music file could not be read to compare with";
    return;
  }
  // A bed starts with the film, or a little later; its own beginning is looked for at both ends of that.
  std::vector<double> best;
  const double end = std::min(m.file->duration_s, music->duration_s());
  for (double t = 0.5; t + 1.5 <= end && best.size() < 12; t += std::max(1.5, end / 12))
    if (const auto lag = sound_lag(m.file->sound, *music, t, 0, 1.5, 1.0)) best.push_back(lag->correlation);
  const auto likeness = median(best);
  if (!likeness) {
    check.measured = "silent where the music should be";
    check.met = false;
    return;
  }
  check.measured = fmt::format("the sound correlates with the music by {:.2f}", *likeness);
  // Under speech the music is the weaker part; what has nothing to do with it stays under 0.2.
  if (*likeness > 0.35) check.met = true;
  if (*likeness < 0.2) check.met = false;
}

void check_volume_unplanned(const Json& w, const Measured& m, ConstraintCheck& check) {
  const double db = number(w, "db", 0);
  const auto [from, to] = stretch_of(w, *m.file);
  std::vector<double> steps;
  for (std::size_t i = 0; i < m.seen.size(); ++i) {
    const SeenFrame& seen = m.seen[i];
    const double t = m.file->frames[i].time_s;
    if (seen.source < 0 || t < from || t >= to || static_cast<std::size_t>(seen.source) >= m.prints.size())
      continue;
    const auto level = [](const SoundPrint& sound, double at) -> double {
      const auto n = static_cast<std::ptrdiff_t>(std::lround((at - sound.start_s) / kSoundStep_s));
      double squares = 0;
      int count = 0;
      for (std::ptrdiff_t k = n - 5; k <= n + 5; ++k)
        if (k >= 0 && k < static_cast<std::ptrdiff_t>(sound.steps.size()))
          squares += std::pow(sound.steps[static_cast<std::size_t>(k)].rms, 2), ++count;
      return count ? std::sqrt(squares / count) : 0;
    };
    const double was = level(m.prints[static_cast<std::size_t>(seen.source)].sound, seen.source_s),
                 is = level(m.file->sound, t);
    if (was > 0.003 && is > 1e-5) steps.push_back(20 * std::log10(is / was));
  }
  const auto change = steps.size() >= 5 ? median(steps) : std::nullopt;
  if (!change) {
    check.measured = m.prints.empty() ? "how loud it was before cannot be told without the sources"
                                      : "too little of the sources' sound was found";
    return;
  }
  check.measured = fmt::format("{:+.1f} dB against the sources", *change);
  check.met = std::abs(*change - db) < std::max(1.5, std::abs(db) * 0.25);
}

}  // namespace studio::checks
