// Makes a choice of film obey the brief: avoided film out, wanted film in, speeds, count, order, length.
#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "editing/beats.h"
#include "editing/choose.h"
#include "editing/plan_cuts.h"

namespace studio {
namespace {

constexpr double kTouch = 1e-3;  // seconds: pieces this close are one

class Settler {
 public:
  Settler(std::vector<WorkCut> cuts, const Brief& brief, std::span<const EditSource> sources,
          const Preference& preference, std::uint64_t seed)
      : cuts_(std::move(cuts)),
        brief_(brief),
        sources_(sources),
        preference_(preference),
        seed_(seed),
        target_(preference.own_length && !brief.length ? 0 : target_length_s(brief, sources)),
        rhythm_(rhythm_of(brief, target_)) {
    for (const SpeedWish& wish : brief.speeds)
      if (wish.kind == "factor" && !wish.span && !wish.first_s && !wish.last_s) global_factor_ = wish.factor;
    handle_ = preference.handle_s;
    for (const TransitionWish& wish : brief.transitions)
      if (wish.where == "between") handle_ = std::max(handle_, wish.duration_s / 2);
  }

  SettledCuts run() {
    remove_avoided();
    if (global_factor_ > 0)
      for (WorkCut& cut : cuts_)
        if (!cut.locked && cut.ramp_to == 0) cut.factor = global_factor_;
    ensure_film();
    speed_spans();
    remove_overlaps();
    ensure_sources();
    count_pieces();
    ramp();
    reverse_all();
    order();
    fit();
    order();
    edge_speeds();
    holds();
    beats();
    merge();
    return {std::move(cuts_), std::move(unmet_), std::move(notes_)};
  }

 private:
  static bool overlap(const WorkCut& cut, const SpanWish& span) {
    return cut.source == span.source && cut.start_s < span.end_s - kTouch &&
           span.start_s < cut.end_s - kTouch;
  }
  static bool inside(const WorkCut& cut, const SpanWish& span) {
    return cut.source == span.source && cut.start_s >= span.start_s - kTouch &&
           cut.end_s <= span.end_s + kTouch;
  }
  double factor() const { return global_factor_ > 0 ? global_factor_ : 1; }

  void remove_avoided() {
    std::vector<WorkCut> left;
    for (WorkCut& cut : cuts_) {
      std::vector<WorkCut> parts{cut};
      if (!cut.locked)
        for (const SpanWish& span : brief_.avoid) {
          std::vector<WorkCut> next;
          for (WorkCut& part : parts) {
            if (!overlap(part, span)) {
              next.push_back(part);
              continue;
            }
            notes_.push_back(
                fmt::format("left out {:.2f} to {:.2f} s of {}", span.start_s, span.end_s, span.source));
            WorkCut before = part, after = part;
            before.end_s = span.start_s;
            after.start_s = span.end_s;
            if (before.source_s() > 0.08) next.push_back(before);
            if (after.source_s() > 0.08) {
              if (before.source_s() > 0.08) after.id.clear();
              next.push_back(after);
            }
          }
          parts = std::move(next);
        }
      left.insert(left.end(), parts.begin(), parts.end());
    }
    cuts_ = std::move(left);
  }

  // Splits every cut at the ends of a span, so that the span can be treated on its own.
  void isolate(const SpanWish& span) {
    std::vector<WorkCut> out;
    for (WorkCut& cut : cuts_) {
      if (cut.locked || !overlap(cut, span) || inside(cut, span)) {
        out.push_back(cut);
        continue;
      }
      WorkCut before = cut, middle = cut, after = cut;
      before.end_s = std::min(cut.end_s, std::max(cut.start_s, span.start_s));
      before.high_s = std::min(before.high_s, span.start_s);
      middle.start_s = std::max(cut.start_s, span.start_s);
      middle.end_s = std::min(cut.end_s, span.end_s);
      after.start_s = std::max(cut.start_s, std::min(cut.end_s, span.end_s));
      after.low_s = std::max(after.low_s, span.end_s);
      // A sliver is not worth a cut, unless all of the film is to be seen.
      double least = brief_.whole ? 0.04 : rhythm_.min_piece_s * cut.factor * 0.5;
      bool id_used = false;
      auto keep = [&](WorkCut& part) {
        if (part.source_s() < least && &part != &middle) return;
        if (id_used) part.id.clear();
        id_used = true;
        if (part.must) {
          part.must_start_s = std::max(part.must_start_s, part.start_s);
          part.must_end_s = std::min(part.must_end_s, part.end_s);
        }
        out.push_back(part);
      };
      keep(before);
      keep(middle);
      keep(after);
    }
    cuts_ = std::move(out);
  }

  WorkCut* covering(const SpanWish& span) {
    WorkCut* best = nullptr;
    double most = 0.05;
    for (WorkCut& cut : cuts_) {
      if (!overlap(cut, span)) continue;
      double shared = std::min(cut.end_s, span.end_s) - std::max(cut.start_s, span.start_s);
      if (shared > most) most = shared, best = &cut;
    }
    return best;
  }

  bool covered(const SpanWish& span) const {
    double shared = 0;
    for (const WorkCut& cut : cuts_)
      if (overlap(cut, span)) shared += std::min(cut.end_s, span.end_s) - std::max(cut.start_s, span.start_s);
    return shared >= 0.95 * (span.end_s - span.start_s);
  }

  WorkCut made_for(const SpanWish& span, double start, double end) {
    WorkCut cut;
    cut.source = span.source;
    cut.shot = span.shot;
    cut.start_s = start;
    cut.end_s = end;
    cut.factor = factor();
    cut.priority = 1;
    cut.origin = "code";
    cut.reason =
        span.words.empty() ? "the goal names it" : fmt::format("the goal names it: \"{}\"", span.words);
    cut.evidence = {fmt::format("{} {:.2f} to {:.2f} s", span.source, span.start_s, span.end_s)};
    return cut;
  }

  // Film that must be seen. Whole when the length allows, else (a shot) its best part.
  WorkCut* ensure(const SpanWish& span, bool whole, double share_s) {
    double start = span.start_s, end = span.end_s;
    WorkCut* cut = covering(span);
    if (!whole) {
      double length = std::min(end - start, std::max(share_s * factor(), 0.3));
      if (cut && !cut->locked) {
        double middle = std::clamp((cut->start_s + cut->end_s) / 2, start + length / 2, end - length / 2);
        start = middle - length / 2;
        end = middle + length / 2;
      } else {
        double middle = (start + end) / 2;
        start = middle - length / 2;
        end = middle + length / 2;
      }
    }
    if (!cut) {
      cuts_.push_back(made_for(span, start, end));
      cut = &cuts_.back();
      notes_.push_back(
          fmt::format("added {:.2f} to {:.2f} s of {}: \"{}\"", start, end, span.source, span.words));
    } else if (!cut->locked) {
      cut->start_s = std::min(cut->start_s, start);
      cut->end_s = std::max(cut->end_s, end);
    }
    if (cut->must) {
      cut->must_start_s = std::min(cut->must_start_s, start);
      cut->must_end_s = std::max(cut->must_end_s, end);
    } else {
      cut->must = true;
      cut->must_start_s = start;
      cut->must_end_s = end;
    }
    cut->priority += 1;
    return cut;
  }

  void ensure_film() {
    std::vector<const SpanWish*> spans;
    for (const SpanWish& span : brief_.keep) spans.push_back(&span);
    if (brief_.opening) spans.push_back(&*brief_.opening);
    if (brief_.ending) spans.push_back(&*brief_.ending);
    double wanted = 0;
    for (const SpanWish* span : spans) wanted += (span->end_s - span->start_s) / factor();
    double length = target_ > 0 ? target_ : 1e9;
    bool fits = wanted <= length * (spans.size() > 1 ? 0.9 : 0.8) ||
                (brief_.keep.size() == spans.size() && wanted <= length + 0.01);
    double share = std::max(rhythm_.min_piece_s, length / (static_cast<double>(spans.size()) + 1));
    for (std::size_t i = 0; i < brief_.keep.size(); ++i) {
      const SpanWish& span = brief_.keep[i];
      if (brief_.whole && brief_.order != Order::as_listed && covered(span)) continue;
      // Times that were given in numbers are kept as given while they fit at all.
      bool whole = fits || (span.shot.empty() && wanted <= length + 0.01);
      WorkCut* cut = ensure(span, whole, share);
      if (cut->listed < 0) cut->listed = static_cast<int>(i);
    }
    auto edge = [&](const SpanWish& span, int pin) {
      if (!covering(span) || brief_.whole) {
        if (brief_.whole && already_at(span, pin)) return;
        isolate(span);
      } else if (!span.shot.empty() || brief_.no_cuts) {
        // any part of the shot will do
      } else {
        isolate(span);
      }
      bool whole = fits || (span.shot.empty() && span.end_s - span.start_s <= length * factor() * 0.6);
      WorkCut* cut = brief_.whole ? covering(span) : ensure(span, whole, std::min(share, rhythm_.piece_s));
      if (!cut || cut->locked) return;
      cut->pin = pin;
      if (!brief_.no_cuts) {
        cut->low_s = std::max(cut->low_s, span.start_s);
        cut->high_s = std::min(cut->high_s, span.end_s);
        cut->start_s = std::max(cut->start_s, span.start_s);
        cut->end_s = std::min(cut->end_s, span.end_s);
      } else if (pin < 0) {
        cut->start_s = cut->low_s = std::max(cut->start_s, span.start_s);
      } else {
        cut->end_s = cut->high_s = std::min(cut->end_s, span.end_s);
      }
    };
    for (const SequenceWish& sequence : brief_.sequences)
      for (const SpanWish* span : {&sequence.first, &sequence.second}) {
        if (!covering(*span)) ensure(*span, false, std::min(share, rhythm_.piece_s));
        isolate(*span);
      }
    if (brief_.opening) edge(*brief_.opening, -1);
    if (brief_.ending) edge(*brief_.ending, 1);
  }

  // Whole film in its own order that begins (ends) with the span anyway.
  bool already_at(const SpanWish& span, int pin) const {
    if (cuts_.empty()) return false;
    bool own = brief_.order == Order::automatic || brief_.order == Order::chronological;
    if (!own || sources_.empty()) return false;
    if (pin < 0) {
      const WorkCut* first = &cuts_.front();
      return first->source == span.source && first->start_s >= span.start_s - kTouch &&
             first->start_s < span.end_s;
    }
    const WorkCut* last = &cuts_.back();
    return last->source == span.source && last->end_s <= span.end_s + kTouch && last->end_s > span.start_s;
  }

  void speed_spans() {
    for (const SpeedWish& wish : brief_.speeds) {
      if (!wish.span) continue;
      if (!brief_.whole && (wish.first_s || wish.last_s)) continue;  // about the output: edge_speeds
      if (wish.kind == "freeze") continue;
      const SpanWish& span = *wish.span;
      if (!covering(span)) {
        bool fits = target_ <= 0 || (span.end_s - span.start_s) / wish.factor < 0.6 * target_;
        ensure(span, fits, rhythm_.piece_s);
      }
      isolate(span);
      for (WorkCut& cut : cuts_) {
        if (cut.locked || !inside(cut, span)) continue;
        if (wish.kind == "factor") {
          // Slower film lasts longer: the piece shows less of it, so that the rest keeps its place.
          double output = cut.source_s() / cut.factor;
          cut.factor = wish.factor;
          if (!brief_.whole && !span.shot.empty() && target_ > 0 &&
              cut.output_s() > std::max(output, 0.5 * target_)) {
            double middle = (cut.start_s + cut.end_s) / 2, half = 0.25 * target_ * cut.factor;
            cut.start_s = std::max(cut.start_s, middle - half);
            cut.end_s = std::min(cut.end_s, middle + half);
            if (cut.must) cut.must_start_s = cut.start_s, cut.must_end_s = cut.end_s;
          }
        }
        if (wish.kind == "ramp") {
          cut.ramp_to = wish.factor;
          cut.factor = ramp_mean(wish.factor) * factor();
        }
        if (wish.kind == "reverse") cut.reverse = true;
        cut.low_s = std::max(cut.low_s, span.start_s);
        cut.high_s = std::min(cut.high_s, span.end_s);
        if (!cut.must) {
          double middle = (cut.start_s + cut.end_s) / 2,
                 half = std::min(cut.source_s(), 0.5 * cut.factor) / 2;
          cut.must = true;
          cut.must_start_s = brief_.whole ? cut.start_s : middle - half;
          cut.must_end_s = brief_.whole ? cut.end_s : middle + half;
        }
      }
    }
  }

  // The same film twice: the weaker piece gives way.
  void remove_overlaps() {
    auto strength = [](const WorkCut& c) { return (c.locked ? 100 : 0) + (c.must ? 10 : 0) + c.priority; };
    std::vector<std::size_t> by_strength(cuts_.size());
    for (std::size_t i = 0; i < cuts_.size(); ++i) by_strength[i] = i;
    std::ranges::stable_sort(
        by_strength, [&](std::size_t a, std::size_t b) { return strength(cuts_[a]) > strength(cuts_[b]); });
    std::vector<bool> drop(cuts_.size(), false);
    std::vector<std::size_t> placed;
    for (std::size_t i : by_strength) {
      WorkCut& cut = cuts_[i];
      if (!cut.locked)
        for (std::size_t j : placed) {
          const WorkCut& other = cuts_[j];
          if (other.source != cut.source || cut.end_s <= other.start_s + kTouch ||
              cut.start_s >= other.end_s - kTouch)
            continue;
          double before = std::max(0.0, other.start_s - cut.start_s),
                 after = std::max(0.0, cut.end_s - other.end_s);
          if (before >= after)
            cut.end_s = std::min(cut.end_s, other.start_s);
          else
            cut.start_s = std::max(cut.start_s, other.end_s);
          notes_.push_back(fmt::format("film of {} was used twice", cut.source));
          if (cut.source_s() < std::min(0.3, rhythm_.min_piece_s) * cut.factor) {
            drop[i] = true;
            break;
          }
          if (cut.must) {
            cut.must_start_s = std::clamp(cut.must_start_s, cut.start_s, cut.end_s);
            cut.must_end_s = std::clamp(cut.must_end_s, cut.must_start_s, cut.end_s);
          }
        }
      if (!drop[i]) placed.push_back(i);
    }
    std::vector<WorkCut> left;
    for (std::size_t i = 0; i < cuts_.size(); ++i)
      if (!drop[i]) left.push_back(std::move(cuts_[i]));
    cuts_ = std::move(left);
  }

  const std::vector<WorkCut>& windows() {
    if (!windows_made_) {
      windows_ = candidate_windows(brief_, sources_, preference_, rhythm_, seed_);
      windows_made_ = true;
    }
    return windows_;
  }

  bool free(const WorkCut& window) const {
    return std::ranges::none_of(cuts_, [&](const WorkCut& c) {
      return c.source == window.source && c.start_s < window.end_s - kTouch &&
             window.start_s < c.end_s - kTouch;
    });
  }

  void ensure_sources() {
    if (!brief_.every_source) return;
    for (const EditSource& source : sources_) {
      if (std::ranges::any_of(cuts_, [&](const WorkCut& c) { return c.source == source.id; })) continue;
      auto best = std::ranges::find_if(windows(), [&](const WorkCut& w) { return w.source == source.id; });
      if (best == windows().end()) {
        unmet_.push_back({"film from every clip", fmt::format("{} has none that may be used", source.id)});
        continue;
      }
      WorkCut cut = *best;
      cut.must = true;
      double middle = (cut.start_s + cut.end_s) / 2;
      cut.must_start_s = middle - 0.2;
      cut.must_end_s = middle + 0.2;
      cuts_.push_back(cut);
      notes_.push_back("added film of " + source.id + ": every clip is to be seen");
    }
  }

  void count_pieces() {
    if (brief_.no_cuts && cuts_.size() > 1) {
      auto best = std::ranges::max_element(
          cuts_, {}, [](const WorkCut& c) { return (c.locked ? 10 : 0) + (c.must ? 5 : 0) + c.priority; });
      WorkCut only = *best;
      cuts_ = {only};
      notes_.push_back("one continuous take was asked for");
    }
    if (!brief_.clips || brief_.no_cuts) return;
    std::size_t wanted = static_cast<std::size_t>(*brief_.clips);
    while (cuts_.size() > wanted) {
      auto least = cuts_.end();
      for (auto it = cuts_.begin(); it != cuts_.end(); ++it)
        if (!it->locked && !it->must && (least == cuts_.end() || it->priority < least->priority)) least = it;
      if (least == cuts_.end()) break;
      notes_.push_back(fmt::format("dropped a piece: {} were asked for", wanted));
      cuts_.erase(least);
    }
    for (const WorkCut& window : windows()) {
      if (cuts_.size() >= wanted) break;
      if (free(window)) {
        cuts_.push_back(window);
        notes_.push_back(fmt::format("added a piece: {} were asked for", wanted));
      }
    }
    while (cuts_.size() < wanted) {
      auto longest =
          std::ranges::max_element(cuts_, {}, [](const WorkCut& c) { return c.locked ? 0 : c.source_s(); });
      if (longest == cuts_.end() || longest->locked || longest->source_s() < 0.5) break;
      WorkCut second = *longest;
      double middle = (longest->start_s + longest->end_s) / 2, gap = std::min(0.4, 0.2 * longest->source_s());
      longest->end_s = longest->high_s = middle - gap / 2;
      second.start_s = second.low_s = middle + gap / 2;
      second.id.clear();
      for (WorkCut* part : {&*longest, &second})
        if (part->must) {
          part->must_start_s = std::clamp(part->must_start_s, part->start_s, part->end_s);
          part->must_end_s = std::clamp(part->must_end_s, part->must_start_s, part->end_s);
        }
      cuts_.push_back(second);
    }
    if (cuts_.size() != wanted)
      unmet_.push_back({fmt::format("{} pieces", wanted), fmt::format("the film gives {}", cuts_.size())});
    separate();
  }

  // Pieces that touch in the film would look like one: a little film between them stays unused.
  void separate() {
    for (WorkCut& a : cuts_)
      for (WorkCut& b : cuts_) {
        if (&a == &b || a.source != b.source || a.start_s >= b.start_s || a.locked || b.locked) continue;
        if (a.shot != b.shot || a.shot.empty()) continue;
        double middle = (a.end_s + b.start_s) / 2,
               gap = std::min(0.15, 0.1 * std::min(a.source_s(), b.source_s()));
        a.high_s = std::min(a.high_s, std::max(middle - gap, a.must ? a.must_end_s : -1e18));
        b.low_s = std::max(b.low_s, std::min(middle + gap, b.must ? b.must_start_s : 1e18));
        a.end_s = std::min(a.end_s, a.high_s);
        b.start_s = std::max(b.start_s, b.low_s);
      }
  }

  void ramp() {
    for (const SpeedWish& wish : brief_.speeds) {
      if (wish.kind != "ramp" || wish.span) continue;
      if (std::ranges::any_of(cuts_, [](const WorkCut& c) { return c.ramp_to > 0; })) continue;
      WorkCut* best = nullptr;
      for (WorkCut& cut : cuts_) {
        if (cut.locked) continue;
        double value = cut.priority + (cut.source_s() >= 1.5 ? 0.5 : 0);
        if (!best || value > best->priority + (best->source_s() >= 1.5 ? 0.5 : 0)) best = &cut;
      }
      if (!best) continue;
      best->ramp_to = wish.factor;
      best->factor = ramp_mean(wish.factor);
    }
  }

  void reverse_all() {
    for (const SpeedWish& wish : brief_.speeds)
      if (wish.kind == "reverse" && !wish.span && wish.anchor != Anchor::end)
        for (WorkCut& cut : cuts_)
          if (!cut.locked) cut.reverse = true;
  }

  // All of it backwards also means: the last shot first.
  bool reversed_all() const {
    return std::ranges::any_of(brief_.speeds, [](const SpeedWish& w) {
      return w.kind == "reverse" && !w.span && w.anchor != Anchor::end;
    });
  }

  void order() {
    auto place = [&](const WorkCut& cut) {
      for (std::size_t i = 0; i < sources_.size(); ++i)
        if (sources_[i].id == cut.source) return std::pair{i, cut.start_s};
      return std::pair{sources_.size(), cut.start_s};
    };
    auto by_time = [&](const WorkCut& a, const WorkCut& b) { return place(a) < place(b); };
    Order wanted = brief_.order;
    if (wanted == Order::automatic && reversed_all() && !preference_.own_order) wanted = Order::reversed;
    switch (wanted) {
      case Order::automatic:
        if (!preference_.own_order) std::ranges::stable_sort(cuts_, by_time);
        break;
      case Order::chronological: std::ranges::stable_sort(cuts_, by_time); break;
      case Order::reversed:
        std::ranges::stable_sort(cuts_, [&](const WorkCut& a, const WorkCut& b) { return by_time(b, a); });
        break;
      case Order::shuffled: {
        if (preference_.own_order && !std::ranges::is_sorted(cuts_, by_time)) break;
        std::ranges::stable_sort(cuts_, by_time);
        Dice dice(seed_ ^ 0x5eed);
        for (int attempt = 0; attempt < 20 && cuts_.size() > 1; ++attempt) {
          for (std::size_t i = cuts_.size(); i > 1; --i) std::swap(cuts_[i - 1], cuts_[dice.next() % i]);
          if (!std::ranges::is_sorted(cuts_, by_time)) break;
        }
        break;
      }
      case Order::as_listed:
        // Several pieces of a listed shot stand at its place.
        for (WorkCut& cut : cuts_)
          for (std::size_t i = 0; i < brief_.keep.size() && cut.listed < 0; ++i)
            if (overlap(cut, brief_.keep[i])) cut.listed = static_cast<int>(i);
        std::ranges::stable_sort(cuts_, [&](const WorkCut& a, const WorkCut& b) {
          auto rank = [](const WorkCut& c) { return c.listed >= 0 ? c.listed : 1'000'000; };
          return rank(a) != rank(b) ? rank(a) < rank(b) : by_time(a, b);
        });
        break;
    }
    sequences();
    std::ranges::stable_sort(cuts_, {}, &WorkCut::pin);
  }

  double holds_wanted() const {
    double total = 0;
    for (const SpeedWish& wish : brief_.speeds)
      if (wish.kind == "freeze") total += wish.hold_s;
    double there = 0;
    for (const WorkCut& cut : cuts_) there += cut.hold_s;
    return std::max(0.0, total - there);
  }

  void fit() {
    if (target_ <= 0 || cuts_.empty()) return;
    FitOptions options;
    options.target_s = std::max(0.05, target_ - holds_wanted());
    options.min_piece_s = rhythm_.min_piece_s;
    options.max_piece_s = rhythm_.max_piece_s;
    options.handle_s = handle_;
    options.fixed_count = brief_.clips.has_value() || brief_.no_cuts;
    double off = fit_length(cuts_, options.fixed_count ? std::vector<WorkCut>{} : windows(), brief_.avoid,
                            sources_, options);
    if (off > 0.02) {  // the limits that keep pieces apart give way before the length does
      for (WorkCut& cut : cuts_)
        if (cut.pin == 0 && !cut.must && !cut.locked) cut.low_s = -1e18, cut.high_s = 1e18;
      off = fit_length(cuts_, {}, brief_.avoid, sources_, options);
    }
    if (off > 0.02) {  // then the limits of pieces that only had to be about something
      for (WorkCut& cut : cuts_)
        if (!cut.locked && cut.pin == 0) cut.low_s = -1e18, cut.high_s = 1e18;
      off = fit_length(cuts_, {}, brief_.avoid, sources_, options);
    }
    if (off > 0.02) {
      for (WorkCut& cut : cuts_)
        if (!cut.locked) cut.low_s = -1e18, cut.high_s = 1e18;
      off = fit_length(cuts_, brief_.no_cuts ? std::vector<WorkCut>{} : windows(), brief_.avoid, sources_,
                       options);
    }
    double made = target_ - off;
    if (brief_.length && std::abs(off) > 0.05 &&
        (made < brief_.length->min_s - 0.02 || made > brief_.length->max_s + 0.02))
      unmet_.push_back({fmt::format("{:g} s long", target_),
                        fmt::format("the film that may be used gives {:.2f} s", made)});
  }

  // "the last 3 s at half speed" of an edit whose length is given: output seconds stay, film changes.
  void edge_speeds() {
    for (const SpeedWish& wish : brief_.speeds) {
      bool last = wish.last_s.has_value(), first = wish.first_s.has_value();
      bool end_reverse = wish.kind == "reverse" && wish.anchor == Anchor::end && !wish.span;
      if ((!last && !first && !end_reverse) || (brief_.whole && wish.span) || cuts_.empty()) continue;
      double wanted = last ? *wish.last_s : first ? *wish.first_s : 0;
      if (wanted <= 0) wanted = (first ? cuts_.front() : cuts_.back()).output_s();
      double left = wanted;
      bool from_end = !first;
      for (std::size_t n = 0; n < cuts_.size() && left > 0.02; ++n) {
        std::size_t i = from_end ? cuts_.size() - 1 - n : n;
        if (cuts_[i].locked) break;
        double length = cuts_[i].output_s();
        if (length > left + 0.1) {  // only a part of it
          WorkCut part = cuts_[i];
          double share = left * cuts_[i].factor;
          bool part_is_tail = from_end != cuts_[i].reverse;
          if (part_is_tail)
            cuts_[i].end_s -= share, part.start_s = cuts_[i].end_s;
          else
            cuts_[i].start_s += share, part.end_s = cuts_[i].start_s;
          part.id.clear();
          part.hold_s = 0;
          cuts_.insert(cuts_.begin() + static_cast<std::ptrdiff_t>(from_end ? i + 1 : i), part);
          if (from_end) ++i;
          length = left;
          change_speed(i, wish, length);
          return_to_length();
          left = 0;
          break;
        }
        change_speed(i, wish, length);
        left -= length;
      }
      return_to_length();
    }
  }

  void change_speed(std::size_t i, const SpeedWish& wish, double output_s) {
    WorkCut& cut = cuts_[i];
    if (wish.kind == "reverse") {
      cut.reverse = true;
      return;
    }
    cut.factor = wish.kind == "ramp" ? ramp_mean(wish.factor) : wish.factor;
    if (wish.kind == "ramp") cut.ramp_to = wish.factor;
    double need = output_s * cut.factor;
    if (need <= cut.source_s()) {
      cut.start_s = cut.end_s - need;
    } else {
      Bounds room = room_of(cut, cuts_, brief_.avoid, sources_, 0, false);
      cut.start_s = std::max(room.low_s, cut.end_s - need);
      cut.end_s = std::min(room.high_s, cut.start_s + need);
    }
    cut.must = true;
    cut.must_start_s = cut.start_s;
    cut.must_end_s = cut.end_s;
    cut.low_s = cut.start_s;
    cut.high_s = cut.end_s;
  }

  void return_to_length() {
    if (target_ <= 0) return;
    FitOptions options;
    options.target_s = target_ - holds_wanted();
    options.min_piece_s = std::min(rhythm_.min_piece_s, 0.3);
    options.fixed_count = true;
    fit_length(cuts_, {}, brief_.avoid, sources_, options);
  }

  // Where a hold stands: the piece, and the played seconds before it (below 0: at its end).
  std::pair<std::size_t, double> place_of(const SpeedWish& wish) const {
    if (wish.anchor == Anchor::start) return {0, 0};
    if (wish.anchor == Anchor::at && wish.at_s) {
      double t = 0;
      for (std::size_t i = 0; i < cuts_.size(); ++i) {
        double played = cuts_[i].output_s() - cuts_[i].hold_s;
        if (*wish.at_s < t + played) return {i, *wish.at_s - t};
        t += played;
      }
    }
    return {cuts_.size() - 1, -1};
  }

  void holds() {
    for (const SpeedWish& wish : brief_.speeds) {
      if (wish.kind != "freeze" || cuts_.empty()) continue;
      auto [at, inside] = place_of(wish);
      auto held = [&](const WorkCut& c) { return std::abs(c.hold_s - wish.hold_s) < 0.02; };
      if (!held(cuts_[at])) {
        // It was somewhere else before the pieces were put in order.
        if (auto old = std::ranges::find_if(cuts_, held); old != cuts_.end() && !old->locked) old->hold_s = 0;
        if (!cuts_[at].locked) cuts_[at].hold_s += wish.hold_s;
      }
      if (!cuts_[at].locked) cuts_[at].hold_at_s = inside;
    }
  }

  // Last, because nothing may move a cut afterwards.
  void beats() {
    if (!brief_.on_beats || cuts_.size() < 2) return;
    BeatOptions options;
    options.total_s = total_output_s(cuts_);
    options.min_piece_s = std::min(rhythm_.min_piece_s, 0.3);
    options.handle_s = handle_;
    options.music_s = brief_.beats_s;
    if (snap_to_beats(cuts_, brief_.avoid, sources_, options))
      notes_.push_back("put the cuts on beats");
    else
      unmet_.push_back({"cuts on the beat", "the film that may be used does not reach from beat to beat"});
  }

  // Film that must come before other film: its pieces move to just before the first of the others.
  void sequences() {
    for (const SequenceWish& wish : brief_.sequences) {
      auto second = std::ranges::find_if(cuts_, [&](const WorkCut& c) { return overlap(c, wish.second); });
      if (second == cuts_.end()) continue;
      auto at = second - cuts_.begin();
      std::vector<WorkCut> moved, rest;
      for (auto i = std::ptrdiff_t{0}; i < std::ssize(cuts_); ++i) {
        WorkCut& cut = cuts_[static_cast<std::size_t>(i)];
        bool late = i > at && overlap(cut, wish.first) && !overlap(cut, wish.second);
        (late ? moved : rest).push_back(std::move(cut));
      }
      rest.insert(rest.begin() + at, std::make_move_iterator(moved.begin()),
                  std::make_move_iterator(moved.end()));
      cuts_ = std::move(rest);
    }
  }

  void merge() {
    if (brief_.clips || handle_ > 0) return;
    std::vector<WorkCut> out;
    for (WorkCut& cut : cuts_) {
      if (!out.empty()) {
        WorkCut& last = out.back();
        bool same = last.source == cut.source && last.factor == cut.factor && last.reverse == cut.reverse &&
                    !last.locked && !cut.locked && last.ramp_to == 0 && cut.ramp_to == 0 &&
                    last.hold_s == 0 && cut.hold_s == 0 && last.shot == cut.shot;
        bool forward = std::abs(last.end_s - cut.start_s) < kTouch && !cut.reverse;
        bool backward = std::abs(cut.end_s - last.start_s) < kTouch && cut.reverse;
        if (same && (forward || backward)) {
          last.start_s = std::min(last.start_s, cut.start_s);
          last.end_s = std::max(last.end_s, cut.end_s);
          continue;
        }
      }
      out.push_back(std::move(cut));
    }
    cuts_ = std::move(out);
  }

  std::vector<WorkCut> cuts_;
  const Brief& brief_;
  std::span<const EditSource> sources_;
  const Preference& preference_;
  std::uint64_t seed_;
  double target_ = 0;
  Rhythm rhythm_;
  double global_factor_ = 0;
  double handle_ = 0;
  std::vector<WorkCut> windows_;
  bool windows_made_ = false;
  std::vector<Unmet> unmet_;
  std::vector<std::string> notes_;
};

}  // namespace

SettledCuts settle_cuts(std::vector<WorkCut> cuts, const Brief& brief, std::span<const EditSource> sources,
                        const Preference& preference, std::uint64_t seed) {
  return Settler(std::move(cuts), brief, sources, preference, seed).run();
}

}  // namespace studio
