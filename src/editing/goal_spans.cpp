// Finds spans of source film in the tokens of a goal and resolves them against the sources.
#include "editing/goal_spans.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace studio::goal {
namespace {

class Spans {
 public:
  Spans(const std::vector<Token>& tokens, std::span<const EditSource> sources, std::vector<SpanGroup>& groups,
        std::vector<Unmet>& unmet)
      : in_(tokens), sources_(sources), groups_(groups), unmet_(unmet) {}

  std::vector<Token> run() {
    std::vector<Token> out;
    while (at_ < in_.size()) {
      std::size_t start = at_;
      SpanGroup group;
      if (range(group) || stretch(group) || shots(group) || elided_shot(group) || edge(group) ||
          whole_source(group) || superlative(group) || open_range(group)) {
        source_suffix(group);
        for (SpanWish& span : group.spans) resolve_span(span, sources_, unmet_);
        std::erase_if(group.spans, [](const SpanWish& s) { return s.end_s <= s.start_s; });
        Token token{W::span, "", words(start, at_), static_cast<double>(groups_.size()), 0, false};
        token.text = token.raw;
        for (SpanWish& span : group.spans) span.words = token.raw;
        groups_.push_back(std::move(group));
        out.push_back(std::move(token));
      } else {
        at_ = start;
        out.push_back(in_[at_++]);
        // The only clip, by its name.
        if (sources_.size() == 1 && out.back().is(W::file) && source_named(start))
          out.back().kind = W::source_word;
      }
    }
    return out;
  }

 private:
  bool is(std::size_t i, W kind) const { return i < in_.size() && in_[i].is(kind); }
  std::size_t skip_the(std::size_t i) const {
    while (is(i, W::the)) ++i;
    return i;
  }
  std::string words(std::size_t begin, std::size_t end) const {
    std::string out;
    for (std::size_t i = begin; i < end; ++i) out += (i > begin ? " " : "") + in_[i].raw;
    return out;
  }
  std::string first_id() const { return sources_.empty() ? "s1" : sources_.front().id; }
  SpanWish span(double start, double end) const {
    SpanWish wish;
    wish.source = first_id();
    wish.start_s = start;
    wish.end_s = end;
    return wish;
  }

  struct Moment {
    double seconds = 0;
    bool unit = false, clock = false;
    bool placed = false;  // can be no length: a clock, "second 5", "the 5th second", "the 5 second mark"
    std::size_t next = 0;
  };
  // 0:05 | 5 s | second 5 | the 5th second | 5 (the unit follows later) | the start
  std::optional<Moment> moment(std::size_t i) const {
    i = skip_the(i);
    Moment found;
    if (is(i, W::clock))
      found = {in_[i].value, true, true, true, i + 1};
    else if (is(i, W::duration))
      found = {in_[i].value, true, false, false, i + 1};
    else if (is(i, W::unit_s) && is(i + 1, W::number))
      found = {in_[i + 1].value, true, false, true, i + 2};
    else if (is(i, W::unit_min) && is(i + 1, W::number))
      found = {in_[i + 1].value * 60, true, false, true, i + 2};
    else if (is(i, W::ordinal) && is(i + 1, W::unit_s))
      found = {in_[i].value, true, false, true, i + 2};
    else if (is(i, W::number) && !is(i + 1, W::shot) && !is(i + 1, W::clip))
      found = {in_[i].value, false, false, false, i + 1};
    else
      return std::nullopt;
    if (found.next < in_.size() && (in_[found.next].text == "mark" || in_[found.next].text == "marker")) {
      found.placed = true;
      ++found.next;
    }
    return found;
  }

  // After the first moment of a range: where the second one begins. "to 9 s", "- 9 s", "and 9 s",
  // ", and end at 9 s"
  std::size_t join(std::size_t i, bool between) const {
    if (is(i, W::to) || is(i, W::dash) || (between && is(i, W::and_))) return i + 1;
    if (is(i, W::a) && in_[i].raw == "a" && moment(i + 1)) return i + 1;  // "da 0:04 a 0:09"
    std::size_t j = i;
    while (is(j, W::comma) || is(j, W::and_) || is(j, W::open_clause)) ++j;
    return is(j, W::end_at) ? j + 1 : in_.size();
  }

  // [from|between|start at] MOMENT (to|-|and|, end at) MOMENT; also with one end open.
  bool range(SpanGroup& group) {
    std::size_t i = at_;
    bool from = is(i, W::from), between = is(i, W::between), starts = is(i, W::start_at);
    if (is(i, W::end_at)) return until(group);
    if (from || between || starts) ++i;
    auto begin = moment(i);
    std::size_t k = skip_the(i);
    if (!begin && (from || starts) && is(k, W::start_noun)) begin = Moment{0, true, false, false, k + 1};
    if (!begin) return false;
    k = skip_the(join(begin->next, between));
    if (k >= in_.size() || begin->next >= in_.size()) return starts && from_there_on(group, *begin);
    if (is(k, W::end_noun)) {
      if (!begin->unit) return false;
      group.spans.push_back(span(begin->seconds, 1e9));
      group.from = from || starts;
      group.placed = begin->placed;
      at_ = k + 1;
      return true;
    }
    auto end = moment(k);
    if (!end || (!begin->unit && !end->unit)) return starts && from_there_on(group, *begin);
    if (end->seconds <= begin->seconds) return false;
    group.range = true;
    group.clock = begin->clock || end->clock;
    group.placed = begin->placed || end->placed;
    group.from = from || starts;
    group.between = between;
    group.begin_s = begin->seconds;
    group.end_s = end->seconds;
    group.spans.push_back(span(begin->seconds, end->seconds));
    at_ = end->next;
    return true;
  }

  bool from_there_on(SpanGroup& group, const Moment& begin) {
    if (!begin.unit) return false;
    group.spans.push_back(span(begin.seconds, 1e9));
    group.from = group.starts = group.placed = true;
    group.begin_s = begin.seconds;
    at_ = begin.next;
    return true;
  }

  // end at 9 s
  bool until(SpanGroup& group) {
    auto end = moment(at_ + 1);
    if (!end || !end->unit) return false;
    group.spans.push_back(span(0, end->seconds));
    group.from = group.placed = true;
    group.end_s = end->seconds;
    at_ = end->next;
    return true;
  }

  // 2 seconds off the end | 2 secondi dall'inizio
  bool off_an_end(SpanGroup& group) {
    std::size_t i = at_ + 1;
    bool off = i < in_.size() && in_[i].text == "off";
    if (off) ++i;
    if (is(i, W::from)) off = true, ++i;
    if (off && is(i, W::of)) ++i;
    i = skip_the(i);
    if (!off || !(is(i, W::start_noun) || is(i, W::end_noun))) return false;
    double seconds = in_[at_].value;
    if (is(i, W::start_noun)) {
      group.spans.push_back(span(0, seconds));
      group.first_s = seconds;
    } else {
      group.spans.push_back(span(-2, -seconds));
      group.last_s = seconds;
    }
    at_ = i + 1;
    return true;
  }

  // 5 seconds starting at 0:10
  bool stretch(SpanGroup& group) {
    if (is(at_, W::duration) && off_an_end(group)) return true;
    if (!is(at_, W::duration) || !(is(at_ + 1, W::start_at) || is(at_ + 1, W::from))) return false;
    auto begin = moment(at_ + 2);
    if (!begin || !begin->unit || !(begin->placed || is(at_ + 1, W::start_at))) return false;
    double length = in_[at_].value;
    group.range = group.from = group.placed = true;
    group.clock = begin->clock;
    group.begin_s = begin->seconds;
    group.end_s = begin->seconds + length;
    group.spans.push_back(span(group.begin_s, group.end_s));
    at_ = begin->next;
    return true;
  }

  // after 0:20 | before 3 s | from 5 seconds on
  bool open_range(SpanGroup& group) {
    bool after = is(at_, W::after), before = is(at_, W::before);
    if (after || before) {
      auto when = moment(at_ + 1);
      if (!when || !when->unit) return false;
      group.spans.push_back(after ? span(when->seconds, 1e9) : span(0, when->seconds));
      group.begin_s = when->seconds;
      group.clock = when->clock;
      at_ = when->next;
      return true;
    }
    if (is(at_, W::to) && (in_[at_].raw == "until" || in_[at_].raw == "till" || in_[at_].text == "up to")) {
      auto when = moment(at_ + 1);
      if (!when || !when->unit || (in_[at_].text == "up to" && !when->placed)) return false;
      group.spans.push_back(span(0, when->seconds));
      group.from = group.placed = true;
      group.end_s = when->seconds;
      at_ = when->next;
      return true;
    }
    if (is(at_, W::from)) {
      auto when = moment(at_ + 1);
      if (!when || !when->unit || when->next >= in_.size()) return false;
      const std::string& next = in_[when->next].text;
      if (next != "on" && next != "onwards" && next != "onward" && next != "in" && next != "poi")
        return false;
      bool italian = next == "in" && when->next + 1 < in_.size() && in_[when->next + 1].text == "poi";
      if (next == "in" && !italian) return false;
      group.spans.push_back(span(when->seconds, 1e9));
      group.from = group.placed = true;
      group.begin_s = when->seconds;
      at_ = when->next + (italian ? 2 : 1);
      return true;
    }
    return false;
  }

  // "the middle part", "la parte centrale": how much that is nobody says; a third of the film is meant.
  bool middle_third(SpanGroup& group, std::size_t next) {
    group.spans.push_back(span(-4, -5));
    at_ = next;
    return true;
  }

  // the first/last/middle DURATION, the first/second half, first and last 2 seconds
  bool edge(SpanGroup& group) {
    std::size_t i = skip_the(at_);
    if (is(i, W::part) && is(i + 1, W::middle)) return middle_third(group, i + 2);
    if (is(i, W::ordinal) && in_[i].value == 2 && is(i + 1, W::half)) {
      group.spans.push_back(span(-0.5, -1));
      at_ = i + 2;
      return true;
    }
    if (!is(i, W::first) && !is(i, W::last) && !is(i, W::middle)) return false;
    W which = in_[i].kind;
    std::size_t j = i + 1;
    bool both = false;
    if (is(j, W::and_) && is(skip_the(j + 1), W::last) && which == W::first) {
      both = true;
      j = skip_the(j + 1) + 1;
    }
    if (is(j, W::half) && !is(j + 1, W::a) && !is(j + 1, W::unit_s)) {
      group.spans.push_back(which == W::first ? span(0, -0.5) : span(-0.5, -1));
      at_ = j + 1;
      return true;
    }
    if (which == W::middle && is(j, W::part)) return middle_third(group, j + 1);
    double seconds = 0;
    std::size_t next = j + 1;
    if (is(j, W::duration)) {
      seconds = in_[j].value;
    } else if (is(j, W::unit_s) || is(j, W::unit_min)) {
      seconds = is(j, W::unit_s) ? 1 : 60;  // "the last second"
    } else if (is(j, W::number) && is(j + 1, W::and_) && is(skip_the(j + 2), W::last) &&
               is(skip_the(j + 2) + 1, W::duration)) {  // the first 5 and the last 3 seconds
      seconds = in_[j].value * unit_of(skip_the(j + 2) + 1);
      next = j + 1;
    } else if (is(j, W::number) && is(j + 1, W::unit_frame)) {
      double rate = sources_.empty() ? 25 : sources_.front().analysis.source.frame_rate.to_double();
      seconds = in_[j].value / std::max(1.0, rate);
      next = j + 2;
    } else if (is(j, W::number) && is(j + 1, W::of) && last_edge_unit_ > 0) {
      // "the last 3 seconds of the second clip, then the first 4 of the first"
      seconds = in_[j].value * last_edge_unit_;
      next = j + 1;
    } else {
      return false;
    }
    if (is(j, W::duration)) last_edge_unit_ = unit_of(j);
    if (which == W::first || both) {
      group.spans.push_back(span(0, seconds));
      group.first_s = seconds;
    }
    if (which == W::last || both) {
      SpanWish last = span(0, 0);
      last.start_s = -2;
      last.end_s = -seconds;  // resolved once the source is known
      group.spans.push_back(last);
      group.last_s = seconds;
    }
    if (which == W::middle) {
      SpanWish middle = span(0, 0);
      middle.start_s = -3;
      middle.end_s = -seconds;
      group.spans.push_back(middle);
    }
    at_ = next;
    elided_edge(group, is(j, W::duration) ? unit_of(j) : 1);
    return true;
  }

  // Seconds in the unit that a duration is written in: "5 minutes" is 60.
  double unit_of(std::size_t duration) const {
    double amount = 0;
    const std::string& raw = in_[duration].raw;
    std::from_chars(raw.data(), raw.data() + raw.size(), amount);
    return amount > 0 && in_[duration].value / amount == 60 ? 60 : 1;
  }

  // The unit goes without saying: "... and the last 3".
  void elided_edge(SpanGroup& group, double unit) {
    std::size_t i = at_;
    if (is(i, W::comma)) ++i;
    if (is(i, W::and_)) ++i;
    i = skip_the(i);
    bool last = is(i, W::last);
    if (i == at_ || !(last || is(i, W::first)) || !is(i + 1, W::number)) return;
    for (W counted : {W::shot, W::clip, W::source_word, W::unit_frame, W::part, W::word, W::and_})
      if (is(i + 2, counted)) return;
    double seconds = in_[i + 1].value * unit;
    if (last) {
      group.spans.push_back(span(-2, -seconds));
      group.last_s = seconds;
    } else {
      group.spans.push_back(span(0, seconds));
      group.first_s = seconds;
    }
    at_ = i + 2;
  }

  // What a number before `i` would belong to, other than a list of shots.
  bool counts_something(std::size_t i) const {
    for (W kind : {W::unit_s, W::unit_min, W::times, W::percent, W::shot, W::clip, W::cuts, W::unit_db,
                   W::unit_lufs, W::unit_fps, W::unit_frame})
      if (is(i, kind)) return true;
    return false;
  }

  // "the first shot at 2x, the second at half speed": a number alone, after the noun was said once, before
  // what happens to it.
  bool elided_shot(SpanGroup& group) {
    if (!shots_named_ || !is(at_, W::the)) return false;
    std::size_t i = skip_the(at_);
    bool unit = is(i, W::unit_s) && (in_[i].text == "second" || in_[i].text == "secondo");
    if (!unit && !is(i, W::ordinal) && !is(i, W::first) && !is(i, W::last)) return false;
    std::size_t next = i + 1;
    if (is(next, W::number) && in_[next].raw == "one") ++next;
    if (next < in_.size()) {
      bool acts = false;
      for (W kind : {W::at, W::in, W::slow_motion, W::times, W::double_, W::triple, W::reverse, W::effect,
                     W::comma, W::and_, W::stop, W::open_clause, W::faster, W::slower, W::a, W::to})
        acts = acts || is(next, kind);
      if (!acts || is(next + 1, W::unit_s)) return false;
    }
    int number = unit ? 2 : is(i, W::first) ? 1 : is(i, W::last) ? -1 : static_cast<int>(in_[i].value);
    at_ = next;
    return shot_spans(group, {number});
  }

  bool counts_shots(std::size_t i) const { return is(i, W::shot) || (is(i, W::clip) && sources_.size() < 2); }

  // shot 2 | shots 2, 3 and 5 | shots 2 to 4 | the second shot | the last (two) shots | first and third shot
  bool shots(SpanGroup& group) {
    std::size_t i = skip_the(at_);
    std::vector<int> numbers;
    if (counts_shots(i)) {
      std::size_t j = i + 1;
      if (is(j, W::word) && (in_[j].text == "number" || in_[j].text == "numero" || in_[j].text == "n")) ++j;
      if (!is(j, W::number)) return false;
      numbers.push_back(static_cast<int>(in_[j].value));
      ++j;
      if ((is(j, W::dash) || is(j, W::to)) && is(j + 1, W::number) && in_[j + 1].value > numbers.back() &&
          in_[j + 1].value - numbers.back() < 1000) {
        for (int n = numbers.back() + 1; n <= static_cast<int>(in_[j + 1].value); ++n) numbers.push_back(n);
        at_ = j + 2;
        return shot_spans(group, numbers);
      }
      while (true) {
        std::size_t k = j;
        if (is(k, W::comma)) ++k;
        if (is(k, W::and_)) ++k;
        // "shots 6 5 4": the commas go without saying, after a plural.
        bool bare = k == j && (in_[i].raw.ends_with('s') || in_[i].raw.ends_with('e'));
        if ((k == j && !bare) || !is(k, W::number) || counts_something(k + 1)) break;
        numbers.push_back(static_cast<int>(in_[k].value));
        j = k + 1;
      }
      at_ = j;
      return shot_spans(group, numbers);
    }
    // ordinals before the noun
    std::size_t j = i;
    bool last = false;
    int first_n = 0, last_n = 0;
    while (true) {
      if (is(j, W::ordinal)) {
        numbers.push_back(static_cast<int>(in_[j].value));
      } else if (is(j, W::first)) {
        numbers.push_back(1);
      } else if (is(j, W::last)) {
        last = true;
        numbers.push_back(-1);
      } else {
        break;
      }
      bool was_first = is(j, W::first), was_last = is(j, W::last);
      ++j;
      if (is(j, W::number) && counts_shots(j + 1)) {
        if (was_first) first_n = static_cast<int>(in_[j].value);
        if (was_last) last_n = static_cast<int>(in_[j].value);
        ++j;
        break;
      }
      std::size_t k = j;
      if (is(k, W::comma)) ++k;
      if (is(k, W::and_)) ++k;
      k = skip_the(k);
      if (k == j || !(is(k, W::ordinal) || is(k, W::last) || is(k, W::first))) break;
      j = k;
    }
    if (numbers.empty()) return false;
    // "l'ultima parte" is no shot; a shot noun must follow ("scena", also after "two").
    if (!counts_shots(j)) return false;
    at_ = j + 1;
    if (first_n > 0) {
      numbers.clear();
      for (int n = 1; n <= std::min(first_n, 1000); ++n) numbers.push_back(n);
    } else if (last_n > 0) {
      numbers.clear();
      for (int n = std::min(last_n, 1000); n >= 1; --n) numbers.push_back(-n);
    }
    static_cast<void>(last);
    return shot_spans(group, numbers);
  }

  bool shot_spans(SpanGroup& group, const std::vector<int>& numbers) {
    shots_named_ = true;
    for (int number : numbers) {
      SpanWish wish = span(0, 0);
      wish.shot = fmt::format("#{}", number);  // resolved once the source is known
      group.spans.push_back(wish);
    }
    return true;
  }

  // "the second clip", "clip 2" of several inputs
  bool whole_source(SpanGroup& group) {
    if (sources_.size() < 2) return false;
    std::size_t next = 0;
    auto id = source_at(skip_the(at_), next);
    if (!id) return false;
    SpanWish wish = span(0, 1e9);
    wish.source = *id;
    group.spans.push_back(wish);
    group.of_source = true;
    at_ = next;
    return true;
  }

  std::optional<std::string> source_at(std::size_t i, std::size_t& next) const {
    if (auto named = source_named(i)) {
      next = i + 1;
      return named;
    }
    int number = 0;
    bool noun_first = (is(i, W::clip) || is(i, W::source_word)) && is(i + 1, W::number);
    if (noun_first) {
      number = static_cast<int>(in_[i + 1].value);
      next = i + 2;
    } else if ((is(i, W::ordinal) || is(i, W::first) || is(i, W::last)) &&
               (is(i + 1, W::clip) || is(i + 1, W::source_word) ||
                (is(i + 1, W::number) && in_[i + 1].raw == "one"))) {
      number = is(i, W::first)  ? 1
               : is(i, W::last) ? static_cast<int>(sources_.size())
                                : static_cast<int>(in_[i].value);
      next = i + 2;
    }
    if (number < 1 || number > static_cast<int>(sources_.size())) return std::nullopt;
    return sources_[static_cast<std::size_t>(number - 1)].id;
  }

  // By its file's name, with its ending or (a word that means nothing else) without.
  std::optional<std::string> source_named(std::size_t i) const {
    if (i >= in_.size() || !(is(i, W::file) || (is(i, W::word) && in_[i].text.size() > 2)))
      return std::nullopt;
    auto name_in = [](std::string path) {
      std::ranges::transform(path, path.begin(), [](unsigned char c) { return std::tolower(c); });
      return path.substr(path.find_last_of('/') + 1);
    };
    for (const EditSource& source : sources_) {
      std::string name = name_in(source.analysis.source.path), asked = name_in(in_[i].text);
      if (asked == name || (is(i, W::word) && asked == name.substr(0, name.find_last_of('.'))))
        return source.id;
    }
    return std::nullopt;
  }

  void source_suffix(SpanGroup& group) {
    std::size_t i = at_;
    if (!is(i, W::of) && !is(i, W::from) && !is(i, W::in)) return;
    i = skip_the(i + 1);
    std::size_t next = 0;
    if (auto id = source_at(i, next)) {
      for (SpanWish& wish : group.spans) wish.source = *id;
      group.of_source = true;
      at_ = next;
    } else if (is(i, W::every_source)) {
      auto spans = group.spans;
      group.spans.clear();
      for (const EditSource& source : sources_)
        for (SpanWish wish : spans) {
          wish.source = source.id;
          group.spans.push_back(wish);
        }
      group.of_source = true;
      at_ = i + 1;
    } else if ((is(i, W::source_word) || is(i, W::clip)) && !is(at_, W::from)) {
      group.of_source = in_[i].text == "original" || in_[i].text == "source" || in_[i].text == "footage";
      at_ = i + 1;
      if (is(at_, W::source_word)) ++at_;
    }
  }

  // [the part with] the most motion | the loudest part
  bool superlative(SpanGroup& group) {
    std::size_t i = skip_the(at_);
    bool noun = is(i, W::part) || is(i, W::shot);
    bool whole_shot = is(i, W::shot);
    std::size_t j = i;
    if (noun) {
      ++j;
      static constexpr std::string_view joins[] = {"where", "when",   "that",  "which",
                                                   "dove",  "quando", "in cui"};
      if (is(j, W::in)) ++j;
      if (is(j, W::of) || (is(j, W::word) && std::ranges::find(joins, in_[j].text) != std::end(joins))) ++j;
      if (is(j, W::with)) ++j;
      j = skip_the(j);
    }
    if (j >= in_.size()) return false;
    W kind = in_[j].kind;
    if (kind != W::most_motion && kind != W::least_motion && kind != W::loudest && kind != W::quietest &&
        kind != W::brightest && kind != W::darkest && kind != W::sharpest)
      return false;
    std::size_t end = j + 1;
    if (is(end, W::shot)) whole_shot = true;
    if (is(end, W::shot) || is(end, W::part)) ++end;
    auto best = best_moment(sources_, kind, whole_shot);
    if (!best) return false;
    group.spans.push_back(*best);
    at_ = end;
    return true;
  }

  const std::vector<Token>& in_;
  std::span<const EditSource> sources_;
  std::vector<SpanGroup>& groups_;
  std::vector<Unmet>& unmet_;
  std::size_t at_ = 0;
  double last_edge_unit_ = 0;  // of "the first 3 seconds", for what goes without saying after it
  bool shots_named_ = false;   // "the first shot ..., the second ...": the noun goes without saying
};

}  // namespace

std::vector<Token> assemble_spans(const std::vector<Token>& tokens, std::span<const EditSource> sources,
                                  std::vector<SpanGroup>& groups, std::vector<Unmet>& unmet) {
  return Spans(tokens, sources, groups, unmet).run();
}

}  // namespace studio::goal
