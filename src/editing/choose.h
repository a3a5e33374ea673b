// Which film an edit uses: windows inside shots ranked by what was measured, settled with the wishes
// of the brief. Internal to editing/.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/evidence.h"
#include "editing/fitting.h"

namespace studio {

// What somebody with taste (the model, a style) would rather see: added to the measured score of a
// shot, by evidence id.
struct Preference {
  std::map<std::string, double> bonus;
  std::map<std::string, std::string> reason;
  std::string origin = "rules";
  double handle_s = 0;      // film kept free beside each cut for transitions that are no wish
  bool own_order = false;   // the cuts come in an order that means something
  bool own_length = false;  // and, without a length in the brief, are as long as they should be
};

struct Rhythm {
  double piece_s = 2.5;  // wanted length of a piece in the output
  double min_piece_s = 0.4;
  double max_piece_s = 1e9;
  int pieces = 0;  // 0: free
};

// From pace, cuts per minute, number of clips and length. Fast pieces last about 1.3 s, medium 2.8 s,
// slow 6 s (30 or more cuts a minute are felt as fast, 12 or fewer as slow).
Rhythm rhythm_of(const Brief& brief, double target_s);

// Length of the output when the brief leaves it open: a highlight takes half of the film, at most 15 s.
double target_length_s(const Brief& brief, std::span<const EditSource> sources);

// All windows that could be pieces, best first.
std::vector<WorkCut> candidate_windows(const Brief& brief, std::span<const EditSource> sources,
                                       const Preference& preference, const Rhythm& rhythm,
                                       std::uint64_t seed);

// The base choice: all film when the brief leaves nothing out, else the best windows with variety.
std::vector<WorkCut> choose_cuts(const Brief& brief, std::span<const EditSource> sources,
                                 const Preference& preference, std::uint64_t seed);

struct SettledCuts {
  std::vector<WorkCut> cuts;  // in playing order
  std::vector<Unmet> unmet;
  std::vector<std::string> notes;  // what was changed, for repairs
};

// Explicit wishes about film, speed, order, count and length hold afterwards, as far as the film reaches.
SettledCuts settle_cuts(std::vector<WorkCut> cuts, const Brief& brief, std::span<const EditSource> sources,
                        const Preference& preference, std::uint64_t seed);

// Mean speed of a ramp from 1 to `to` and back, and its keys for a piece of `length` source seconds.
double ramp_mean(double to);
std::vector<std::pair<double, double>> ramp_keys(double to, double length_s);

// A small generator whose numbers are the same on every machine (SplitMix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)

 private:
  std::uint64_t state_;
};

}  // namespace studio
