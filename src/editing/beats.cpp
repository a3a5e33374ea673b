// Piece lengths between beats by dynamic programming over the times a cut may have.
#include "editing/beats.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "analysis/audio.h"

namespace studio {
namespace {

constexpr double kLongestGrid_s = 3600;  // a bed that is looped: so far its beats are written out
constexpr std::size_t kFewestBeats = 4;  // fewer are no rhythm

const std::vector<double>* beats_of(const EditSource& source) {
  if (!source.analysis.audio || source.analysis.audio->beats_s.size() < kFewestBeats) return nullptr;
  return &source.analysis.audio->beats_s;
}

void give_up(Brief& brief, std::string why) {
  brief.on_beats = false;
  brief.unmet.push_back({"cuts on the beat", std::move(why)});
}

// What a piece may become: the film around it that is free, half of a gap it shares with another piece.
struct Room {
  double low_s = 0, high_s = 0;    // source
  double least_s = 0, most_s = 0;  // output
};

Room room_for(std::size_t n, const std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid,
              std::span<const EditSource> sources, const BeatOptions& options, bool inside_shot) {
  const WorkCut& cut = cuts[n];
  Bounds free = room_of(cut, cuts, avoid, sources, options.handle_s, inside_shot);
  for (const WorkCut& other : cuts) {
    if (&other == &cut || other.source != cut.source) continue;
    if (other.start_s >= cut.end_s - 1e-6 && std::abs(free.high_s - other.start_s) < 1e-6)
      free.high_s = (cut.end_s + other.start_s) / 2;
    if (other.end_s <= cut.start_s + 1e-6 && std::abs(free.low_s - other.end_s) < 1e-6)
      free.low_s = (cut.start_s + other.end_s) / 2;
  }
  Room room{free.low_s, free.high_s, options.min_piece_s,
            (free.high_s - free.low_s) / cut.factor + cut.hold_s};
  if (cut.must)
    room.least_s = std::max(room.least_s, (cut.must_end_s - cut.must_start_s) / cut.factor + cut.hold_s);
  if (cut.locked) {
    room = {cut.start_s, cut.end_s, cut.output_s(), cut.output_s()};
  }
  room.least_s = std::min(room.least_s, cut.output_s());
  room.most_s = std::max(room.most_s, cut.output_s());
  return room;
}

// The piece made `output_s` long: at its end first, then at its start; what must be seen stays.
void resize(WorkCut& cut, double output_s, const Room& room) {
  double change = (output_s - cut.output_s()) * cut.factor;
  if (change >= 0) {
    double after = std::min(change, std::max(0.0, room.high_s - cut.end_s));
    cut.end_s += after;
    cut.start_s -= change - after;
    return;
  }
  double kept = cut.must ? std::max(0.0, cut.end_s - cut.must_end_s) : -change;
  double after = std::min(-change, kept);
  cut.end_s -= after;
  cut.start_s += -change - after;
}

struct Way {
  double cost = 0, at_s = 0;
  long before = 0;  // key of the state it comes from
  double length_s = 0;
};
using Layer = std::map<long, Way>;  // by output time in milliseconds

// The lengths piece `n` may have when it starts at `at_s` of the output.
std::vector<double> lengths(const WorkCut& cut, const Room& room, double at_s, const BeatOptions& options,
                            const std::vector<double>* own) {
  std::vector<double> out;
  if (!options.music_s.empty()) {
    auto first = std::ranges::lower_bound(options.music_s, at_s + room.least_s - 1e-6);
    for (auto it = first; it != options.music_s.end() && *it <= at_s + room.most_s + 1e-6; ++it)
      out.push_back(*it - at_s);
    return out;
  }
  if (!own || cut.locked) return {cut.output_s()};
  for (double beat : *own) {
    double length = (beat - cut.start_s) / cut.factor + cut.hold_s;
    if (length >= room.least_s - 1e-6 && length <= room.most_s + 1e-6 && beat <= room.high_s + 1e-6)
      out.push_back(length);
  }
  return out;
}

bool solve(std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid, std::span<const EditSource> sources,
           const BeatOptions& options, bool inside_shot) {
  std::vector<Room> rooms;
  for (std::size_t n = 0; n < cuts.size(); ++n)
    rooms.push_back(room_for(n, cuts, avoid, sources, options, inside_shot));
  std::vector<const std::vector<double>*> own(cuts.size(), nullptr);
  for (std::size_t n = 0; n < cuts.size(); ++n) {
    const EditSource* source = find_source(sources, cuts[n].source);
    if (options.music_s.empty() && source) own[n] = beats_of(*source);
  }
  std::vector<Layer> layers(cuts.size());
  Layer start{{0, Way{}}};
  for (std::size_t n = 0; n + 1 < cuts.size(); ++n) {
    const Layer& before = n == 0 ? start : layers[n - 1];
    for (const auto& [key, way] : before)
      for (double length : lengths(cuts[n], rooms[n], way.at_s, options, own[n])) {
        double at = way.at_s + length, off = length - cuts[n].output_s();
        if (at > options.total_s - 0.05) continue;
        Way next{way.cost + off * off, at, key, length};
        long next_key = std::lround(at * 1000);
        auto [there, fresh] = layers[n].emplace(next_key, next);
        if (!fresh && next.cost < there->second.cost) there->second = next;
      }
    if (layers[n].empty()) return false;
  }
  // The last piece ends with the film: what is left must fit it.
  const std::size_t last = cuts.size() - 1;
  const Way* best = nullptr;
  double best_cost = 0;
  for (const auto& [key, way] : layers[last - 1]) {
    double left = options.total_s - way.at_s, off = left - cuts[last].output_s();
    if (left < rooms[last].least_s - 1e-6 || left > rooms[last].most_s + 1e-6) continue;
    if (!best || way.cost + off * off < best_cost) best = &way, best_cost = way.cost + off * off;
  }
  if (!best) return false;
  resize(cuts[last], options.total_s - best->at_s, rooms[last]);
  for (std::size_t n = last; n-- > 0;) {
    resize(cuts[n], best->length_s, rooms[n]);
    if (n > 0) best = &layers[n - 1].at(best->before);
  }
  return true;
}

// A piece whose own sound is heard begins on a beat of it.
void start_on_beats(std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid,
                    std::span<const EditSource> sources, const BeatOptions& options) {
  for (std::size_t n = 0; n < cuts.size(); ++n) {
    const EditSource* source = find_source(sources, cuts[n].source);
    const auto* own = source ? beats_of(*source) : nullptr;
    if (!own || cuts[n].locked) continue;
    Room room = room_for(n, cuts, avoid, sources, options, false);
    const double* nearest = nullptr;
    for (const double& beat : *own) {
      if (beat < room.low_s - 1e-6 || beat > cuts[n].end_s - 0.1) continue;
      if (cuts[n].must && beat > cuts[n].must_start_s + 1e-6) continue;
      if (!nearest || std::abs(beat - cuts[n].start_s) < std::abs(*nearest - cuts[n].start_s))
        nearest = &beat;
    }
    if (nearest) cuts[n].start_s = *nearest;
  }
}

}  // namespace

Result<void> find_beats(Brief& brief, std::span<const EditSource> sources, const Job& job) {
  if (!brief.on_beats || !brief.beats_s.empty()) return {};
  auto music = std::ranges::find(brief.audio, "music", &AudioWish::action);
  if (music == brief.audio.end()) {
    bool muted =
        std::ranges::any_of(brief.audio, [](const AudioWish& w) { return w.action == "mute" && !w.from_s; });
    if (muted) return give_up(brief, "the edit is to be silent"), Result<void>{};
    if (std::ranges::none_of(sources, [](const EditSource& s) { return beats_of(s) != nullptr; }))
      give_up(brief, "no beat was found in the film's sound, and no music is named");
    return {};
  }
  auto sound = measure_audio(music->path, {.progress = {}, .stop = job.stop});
  if (!sound && sound.error().kind == ErrorKind::interrupted) return std::unexpected(sound.error());
  if (!sound || !*sound || (*sound)->beats_s.size() < kFewestBeats) {
    give_up(brief,
            fmt::format("no beat was found in {}{}", music->path, sound ? "" : ": " + sound.error().message));
    return {};
  }
  // The bed is repeated to the end of the film, and its beats with it.
  double once = std::max(0.5, (*sound)->start_s + (*sound)->duration_s), film = 0;
  for (const EditSource& source : sources) film += source.analysis.source.duration_s;
  double need = std::min(kLongestGrid_s, std::max(film, brief.length ? brief.length->max_s : 0.0) * 2 + 60);
  for (double from = 0; from < need; from += once)
    for (double beat : (*sound)->beats_s)
      if (beat > 0.05 && from + beat < need) brief.beats_s.push_back(std::round((from + beat) * 1e4) / 1e4);
  return {};
}

bool snap_to_beats(std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid,
                   std::span<const EditSource> sources, const BeatOptions& options) {
  if (cuts.size() < 2 || options.total_s <= 0) return true;
  const std::vector<WorkCut> untouched = cuts;
  if (options.music_s.empty()) start_on_beats(cuts, avoid, sources, options);
  for (bool inside_shot : {true, false}) {
    std::vector<WorkCut> tried = cuts;
    if (!solve(tried, avoid, sources, options, inside_shot)) continue;
    cuts = std::move(tried);
    return true;
  }
  cuts = untouched;
  return false;
}

}  // namespace studio
