// Pieces of film brought to an exact output length, inside shots, without showing film twice.
// Internal to editing/.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/evidence.h"

namespace studio {

struct WorkCut {
  std::string id;  // of the plan's decision; empty: a new one
  std::string source, shot;
  double start_s = 0, end_s = 0;
  double factor = 1;                // mean speed
  double hold_s = 0;                // freezes inside it
  std::optional<double> hold_at_s;  // played seconds before its hold; below 0: at the end; empty: as it was
  double ramp_to = 0;               // speed in the middle of a ramp from 1 and back; 0: none
  bool reverse = false;
  double priority = 0.5;  // the lowest goes first
  bool locked = false;    // never changed
  bool must = false;      // never dropped; not trimmed below [must_start, must_end]
  double must_start_s = 0, must_end_s = 0;
  double low_s = -1e18, high_s = 1e18;  // may not grow beyond (the film a wish is about)
  int listed = -1;                      // place in a list the goal gave
  int pin = 0;                          // -1: opens the edit, 1: ends it
  std::string reason;
  std::vector<std::string> evidence;
  std::string origin;

  double source_s() const { return end_s - start_s; }
  double output_s() const { return source_s() / factor + hold_s; }
};

struct FitOptions {
  double target_s = 0;       // 0: as long as it is
  double min_piece_s = 0.4;  // of output
  double max_piece_s = 1e9;
  double handle_s = 0;       // film kept free on both sides of a cut for transitions, source seconds
  bool fixed_count = false;  // no pieces added or dropped
};

// Film of a source that may not be used: avoid spans and what other cuts show.
struct Bounds {
  double low_s = 0, high_s = 0;
};

// A shot without black frames at its ends, source seconds: nobody chooses a flash of black. A shot that
// is black throughout stays as it is.
Bounds lit_range(const EditSource& source, const Shot& shot);

// How far `cut` may grow: to its shot (inside_shot) or the source, next cut and avoided span.
Bounds room_of(const WorkCut& cut, const std::vector<WorkCut>& cuts, std::span<const SpanWish> avoid,
               std::span<const EditSource> sources, double handle_s, bool inside_shot);

// Trims, extends, drops and adds (from `reserve`, best first) until the output is target_s long, as
// far as the film reaches. Returns what is still missing (> 0) or too much (< 0), seconds of output.
double fit_length(std::vector<WorkCut>& cuts, std::vector<WorkCut> reserve, std::span<const SpanWish> avoid,
                  std::span<const EditSource> sources, const FitOptions& options);

double total_output_s(std::span<const WorkCut> cuts);

}  // namespace studio
