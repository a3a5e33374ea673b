// Wishes about speed, direction, effects, transitions, fades and composites.
#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "editing/goal_phrases.h"
#include "editing/goal_reader.h"

namespace studio::goal {
namespace {

// Where in film or output an act applies: a span named in the clause, if any; marks it used.
template <typename Wish>
void take_place(Reading& reading, const Clause& clause, Wish& wish, std::vector<SpanWish>& more) {
  std::size_t s = find_span(reading, clause);
  if (s == clause.end) return;
  SpanGroup& group = reading.groups[static_cast<std::size_t>(reading.tokens[s].value)];
  reading.tokens[s].used = true;
  if (group.spans.empty()) return;
  wish.span = group.spans.front();
  more.assign(group.spans.begin() + 1, group.spans.end());
}

// "... except the last 3 seconds": the act is about everything else. Marks what it takes as used.
std::vector<SpanWish> take_exception(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (!tokens[i].is(W::avoid) || tokens[i].text != "except" || tokens[i].used) continue;
    for (std::size_t j = i + 1; j < clause.end; ++j) {
      if (!tokens[j].is(W::span)) continue;
      tokens[i].used = tokens[j].used = true;
      auto rest = all_but(reading, reading.groups[static_cast<std::size_t>(tokens[j].value)].spans);
      for (SpanWish& span : rest) span.words = "all but " + tokens[j].raw;
      return rest;
    }
  }
  return {};
}

// A wish said twice is one wish.
void add_speed(Reading& reading, SpeedWish wish) {
  auto place = [](const SpeedWish& w) {
    return std::tuple(w.kind, w.factor, w.hold_s, w.anchor, w.at_s, w.first_s, w.last_s,
                      w.span ? w.span->source : "", w.span ? w.span->start_s : -1,
                      w.span ? w.span->end_s : -1);
  };
  for (const SpeedWish& there : reading.brief.speeds)
    if (place(there) == place(wish)) return;
  reading.brief.speeds.push_back(std::move(wish));
}

struct Factor {
  double value = 1;
  std::size_t at = 0;
  bool found = false;
  bool weak = false;  // "faster" with no number
};

// "slightly faster", "un po' più lento"; marks the word used.
bool takes_little(Reading& reading, const Clause& clause, std::size_t at) {
  static constexpr std::string_view words[] = {"slightly",    "bit", "little", "touch", "tad",
                                               "leggermente", "po'", "poco",   "poco'", "appena"};
  for (std::size_t i = at; i > clause.begin && i + 4 > at;)
    if (std::ranges::find(words, reading.tokens[--i].text) != std::end(words)) {
      reading.tokens[i].used = true;
      return true;
    }
  return false;
}

// The first speed in the clause: "2x", "twice as fast", "50% slower", "speed up by 50%", "half speed".
Factor factor_in(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  bool speed_context = false, slower = false, faster = false;
  std::size_t verb = clause.end;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (tokens[i].used || negated(reading, clause, i)) continue;
    W k = tokens[i].kind;
    if (k == W::speed_up || k == W::faster) faster = true;
    if (k == W::slow_down || k == W::slower) slower = true;
    if (k == W::speed_up || k == W::faster || k == W::slow_down || k == W::slower || k == W::speed_word ||
        k == W::time_lapse || k == W::slow_motion) {
      speed_context = true;
      if (verb == clause.end || k == W::slow_motion) verb = i;
    }
    if (k == W::slow_motion) slower = true;
  }
  auto use = [&](std::size_t i) { tokens[i].used = true; };
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used || negated(reading, clause, i)) continue;
    if (token.is(W::double_)) return use(i), Factor{2, i, true};
    if (token.is(W::triple)) return use(i), Factor{token.text == "4" ? 4.0 : 3.0, i, true};
    if (token.is(W::times)) {
      double n = token.value;
      bool number_before = i > clause.begin && tokens[i - 1].is(W::number);
      if (n == 0 && number_before) n = tokens[i - 1].value;
      bool says = token.text == "faster" || token.text == "slower";
      if (n > 0 && token.text != "longer" && token.text != "shorter" &&
          (says || speed_context || token.value > 0)) {
        use(i);
        if (number_before) use(i - 1);
        bool inverse = token.text == "slower" || (!says && slower && !faster && n > 1);
        for (std::size_t j = clause.begin; j < clause.end; ++j)
          if (tokens[j].is(W::slower) || tokens[j].is(W::faster) || tokens[j].is(W::speed_up) ||
              tokens[j].is(W::slow_down) || tokens[j].is(W::slow_motion) || tokens[j].is(W::speed_word))
            use(j);
        return {inverse ? 1 / n : n, i, true};
      }
    }
    if (token.is(W::percent) && i > clause.begin && tokens[i - 1].is(W::number) && speed_context) {
      double share = tokens[i - 1].value / 100;
      bool by = i >= clause.begin + 2 &&
                (tokens[i - 2].is(W::by) || tokens[i - 2].text == "del" || tokens[i - 2].text == "di");
      bool after_word = i + 1 < clause.end && (tokens[i + 1].is(W::faster) || tokens[i + 1].is(W::slower));
      double factor = share;
      if ((by || after_word) && faster) factor = 1 + share;
      if ((by || after_word) && slower && share < 1) factor = 1 - share;
      if (factor > 0.01 && factor <= 100) {
        use(i);
        use(i - 1);
        for (std::size_t j = clause.begin; j < clause.end; ++j)
          if (tokens[j].is(W::slower) || tokens[j].is(W::faster) || tokens[j].is(W::speed_up) ||
              tokens[j].is(W::slow_down) || tokens[j].is(W::slow_motion) || tokens[j].is(W::speed_word))
            use(j);
        return {factor, i, true};
      }
    }
    if (token.is(W::speed_word) && !token.used) {  // "speed 1.5", "at 1.5 speed", "by a factor of"
      std::size_t n = clause.end;
      if (i + 1 < clause.end && tokens[i + 1].is(W::number)) n = i + 1;
      if (i > clause.begin && tokens[i - 1].is(W::number)) n = i - 1;
      if (n != clause.end && tokens[n].value > 0 && tokens[n].value <= 100) {
        use(i);
        use(n);
        return {tokens[n].value, i, true};
      }
    }
    if (token.is(W::word) && (token.text == "factor" || token.text == "fattore") && speed_context) {
      std::size_t n = i + 1;
      while (n < clause.end && !tokens[n].is(W::number)) ++n;
      if (n < clause.end && tokens[n].value > 0) {
        use(n);
        if (verb != clause.end) use(verb);
        return {slower && tokens[n].value > 1 ? 1 / tokens[n].value : tokens[n].value, i, true};
      }
    }
    if (token.is(W::slow_motion) && !token.text.empty() &&
        (token.text == "half" || token.text == "quarter")) {
      use(i);
      for (std::size_t j = clause.begin; j < clause.end; ++j)
        if (tokens[j].is(W::slow_down) || (tokens[j].is(W::slow_motion) && j != i)) use(j);
      return {token.text == "half" ? 0.5 : 0.25, i, true};
    }
  }
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used || negated(reading, clause, i)) continue;
    if (token.is(W::slow_motion)) return use(i), Factor{0.5, i, true, true};
    if (token.is(W::time_lapse)) return use(i), Factor{8, i, true, true};
    if (token.is(W::speed_up)) return use(i), Factor{2, i, true, true};
    bool spans = find_span(reading, clause) != clause.end;
    if (token.is(W::slow_down) && (token.text != "slow" || spans)) return use(i), Factor{0.5, i, true, true};
    bool pace = has(reading, clause, W::cuts) || has(reading, clause, W::pace_fast) ||
                has(reading, clause, W::pace_slow);
    bool little = takes_little(reading, clause, i);
    if (token.is(W::faster) && !pace) return use(i), Factor{little ? 1.25 : 1.5, i, true, true};
    if (token.is(W::slower) && !pace) return use(i), Factor{little ? 0.8 : 0.5, i, true, true};
  }
  return {};
}

void read_freeze(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  std::size_t i = find(reading, clause, W::freeze);
  if (i == clause.end || negated(reading, clause, i)) return;
  SpeedWish wish;
  wish.kind = "freeze";
  wish.words = words_of(reading, clause);
  wish.anchor = Anchor::at;
  if (tokens[i].text == "last") wish.anchor = Anchor::end;
  if (tokens[i].text == "first") wish.anchor = Anchor::start;
  tokens[i].used = true;
  for (W kind : {W::at_end, W::end_with, W::at_start, W::start_with})
    if (std::size_t place = find(reading, clause, kind); place != clause.end) {
      wish.anchor = kind == W::at_end || kind == W::end_with ? Anchor::end : Anchor::start;
      tokens[place].used = true;
      break;
    }
  for (std::size_t j = i + 1; j < clause.end; ++j)  // "freeze on the very last frame"
    if (tokens[j].is(W::frame_word) || tokens[j].is(W::unit_frame)) {
      for (std::size_t k = i; k < j; ++k) {
        if (tokens[k].is(W::last)) wish.anchor = Anchor::end;
        if (tokens[k].is(W::first)) wish.anchor = Anchor::start;
      }
    }
  if (auto at = take_at(reading, clause)) {
    wish.anchor = Anchor::at;
    wish.at_s = at;
  }
  std::vector<SpanWish> more;
  if (std::size_t s = find_span(reading, clause); s != clause.end) {
    const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[s].value)];
    if (group.last_s && tokens[s].raw.find("second") != std::string::npos) {
      wish.anchor = Anchor::end;
      wish.hold_s = *group.last_s;
      tokens[s].used = true;
    }
  }
  if (wish.hold_s == 0) {
    auto hold = take_duration(reading, clause, i, false);
    if (!hold) {
      std::size_t d = find(reading, clause, W::duration);
      if (d != clause.end) {
        hold = tokens[d].value;
        tokens[d].used = true;
      }
    }
    wish.hold_s = hold.value_or(1.0);
  }
  add_speed(reading, wish);
  reading.brief.readings.push_back(fmt::format("freeze for {:g} s", wish.hold_s));
}

void read_speed(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  // Ramp first: it may carry a factor of its own.
  std::size_t ramp = find(reading, clause, W::ramp);
  if (ramp != clause.end && !negated(reading, clause, ramp)) {
    SpeedWish wish;
    wish.kind = "ramp";
    wish.words = words_of(reading, clause);
    wish.factor = tokens[ramp].text == "down" ? 0.4 : 3;
    tokens[ramp].used = true;
    // "from 1x to 3x": the end that is farther from normal speed is where it ramps to.
    double farthest = 1;
    for (std::size_t i = clause.begin; i < clause.end; ++i)
      if (tokens[i].is(W::times) && tokens[i].value > 0 && !tokens[i].used) {
        tokens[i].used = true;
        if (std::abs(std::log(tokens[i].value)) > std::abs(std::log(farthest))) farthest = tokens[i].value;
      }
    Factor factor = farthest != 1 ? Factor{farthest, ramp, true} : factor_in(reading, clause);
    if (factor.found && !factor.weak) wish.factor = factor.value;
    std::vector<SpanWish> more;
    take_place(reading, clause, wish, more);
    add_speed(reading, wish);
    reading.brief.readings.push_back(fmt::format("speed ramp to {:g}x", wish.factor));
    return;
  }
  std::size_t reverse = find(reading, clause, W::reverse);
  if (reverse != clause.end && !negated(reading, clause, reverse)) {
    SpeedWish wish;
    wish.kind = "reverse";
    wish.words = words_of(reading, clause);
    std::vector<SpanWish> more;
    take_place(reading, clause, wish, more);
    if (has(reading, clause, W::at_end) && !wish.span) wish.anchor = Anchor::end;
    tokens[reverse].used = true;
    add_speed(reading, wish);
    for (const SpanWish& span : more) {
      wish.span = span;
      add_speed(reading, wish);
    }
    reading.brief.readings.push_back("reverse");
  }
  Factor factor = factor_in(reading, clause);
  if (!factor.found) return;
  if (factor.value < 0.05 || factor.value > 50) {
    reading.brief.unmet.push_back(
        {fmt::format("{:g} times the speed", factor.value), "speeds from 0.05 to 50 are possible"});
    return;
  }
  SpeedWish wish;
  wish.factor = factor.value;
  wish.words = words_of(reading, clause);
  std::vector<SpanWish> more = take_exception(reading, clause);
  if (!more.empty()) {
    wish.span = more.front();
    more.erase(more.begin());
  }
  std::size_t s = find_span(reading, clause);
  if (wish.span) {
    // all but a part
  } else if (s != clause.end) {
    const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[s].value)];
    if (group.last_s && !group.of_source) wish.last_s = group.last_s;
    if (group.first_s && !group.of_source) wish.first_s = group.first_s;
  } else if (std::size_t middle = find(reading, clause, W::pos_center); middle != clause.end) {
    tokens[middle].used = true;
    reading.middle_speeds.push_back(reading.brief.speeds.size());
  } else if (has(reading, clause, W::at_end) || has(reading, clause, W::end_noun)) {
    wish.last_s = 0;  // the last piece
  } else if (has(reading, clause, W::at_start) || has(reading, clause, W::start_noun)) {
    wish.first_s = 0;  // the first piece
  }
  if (!wish.span) take_place(reading, clause, wish, more);
  add_speed(reading, wish);
  for (const SpanWish& span : more) {
    wish.span = span;
    add_speed(reading, wish);
  }
  reading.brief.readings.push_back(fmt::format("speed {:g}x", factor.value));
}

bool momentary(const std::string& id) {
  return id == "zoom_punch" || id == "shake" || id == "flash";
}

// "zoom on the subject": zooms aim at it anyway.
void take_subject(Reading& reading, const Clause& clause) {
  static constexpr std::string_view subjects[] = {"subject", "face",    "faces",    "person",
                                                  "actor",   "speaker", "soggetto", "viso",
                                                  "volto",   "persona", "character"};
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    if (std::ranges::find(subjects, reading.tokens[i].text) != std::end(subjects) &&
        reading.tokens[i].is(W::word))
      reading.tokens[i].used = true;
}

// How much and which way, for the effects whose words say it: "sepia", "darker", "less contrast".
void set_grade(EffectWish& wish, const std::string& said) {
  auto says = [&](std::initializer_list<std::string_view> parts) {
    return std::ranges::any_of(parts,
                               [&](std::string_view part) { return said.find(part) != std::string::npos; });
  };
  if (wish.id == "tint") {
    if (says({"sepia", "seppia"})) wish.params = {{"amount", 0.7}, {"color", "#c09468"}};
    if (says({"cold", "cool", "fredd"})) wish.params = {{"amount", 0.3}, {"color", "#70a8ff"}};
  }
  if (wish.id == "brightness") wish.params["amount"] = says({"dark", "scur"}) ? -0.12 : 0.12;
  if (wish.id == "contrast")
    wish.params["amount"] = says({"less", "low", "reduce", "meno"}) && !says({"more"}) ? 0.75 : 1.35;
}

void read_effects(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (!tokens[i].is(W::effect) || tokens[i].used) continue;
    tokens[i].used = true;
    // "The shaky footage" describes film; nobody asks for more of it.
    bool described = tokens[i].raw == "shaky" && i + 1 < clause.end &&
                     (tokens[i + 1].is(W::source_word) || tokens[i + 1].is(W::clip) ||
                      tokens[i + 1].is(W::shot) || tokens[i + 1].is(W::part));
    if (described) continue;
    if (negated(reading, clause, i)) {
      reading.brief.readings.push_back("no " + tokens[i].text);
      continue;
    }
    // "fewer bars", "in the landscape": words such as "hit" and "flash" may be content; an article is fine.
    EffectWish wish;
    wish.id = tokens[i].text;
    wish.words = words_of(reading, clause);
    wish.anchor = momentary(wish.id) ? Anchor::at : Anchor::throughout;
    if (wish.id == "letterbox") {
      std::size_t r = find(reading, clause, W::ratio);
      if (r != clause.end && tokens[r].value2 > 0) {
        wish.params["ratio"] = tokens[r].value / tokens[r].value2;
        tokens[r].used = true;
      }
    }
    if (wish.id == "zoom_punch" || wish.id == "slow_zoom") take_subject(reading, clause);
    set_grade(wish, lower(tokens[i].raw));
    if (wish.id == "saturation") {
      bool less = false;
      for (std::size_t j = clause.begin; j < i; ++j)
        less = less || tokens[j].text == "less" || tokens[j].text == "meno" || tokens[j].text == "lower" ||
               tokens[j].text == "reduce";
      wish.params["amount"] = less ? 0.5 : 1.5;
    }
    std::vector<SpanWish> further;
    auto rest = take_exception(reading, clause);
    if (!rest.empty()) {
      for (const SpanWish& span : rest) {
        wish.span = span;
        reading.brief.effects.push_back(wish);
      }
      reading.brief.readings.push_back("effect " + wish.id + ", " + rest.front().words);
      continue;
    }
    if (std::size_t s = find_span(reading, clause); s != clause.end) {
      const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[s].value)];
      if (group.first_s && !group.of_source) {
        wish.anchor = Anchor::start;
        wish.duration_s = group.first_s;
      } else if (group.last_s && !group.of_source) {
        wish.anchor = Anchor::end;
        wish.duration_s = group.last_s;
      } else if (group.range && !group.of_source) {
        wish.anchor = Anchor::at;
        wish.at_s = group.begin_s;
        wish.duration_s = group.end_s - group.begin_s;
      } else if (!group.spans.empty()) {
        wish.span = group.spans.front();
        further = group.spans;
      }
      // The same place for every effect of this clause: "the first 3 s in black and white and blurred".
      bool last_effect = true;
      for (std::size_t j = i + 1; j < clause.end; ++j) last_effect = last_effect && !tokens[j].is(W::effect);
      if (last_effect) tokens[s].used = true;
    } else if (has(reading, clause, W::at_start)) {
      wish.anchor = Anchor::start;
    } else if (has(reading, clause, W::at_end)) {
      wish.anchor = Anchor::end;
    }
    if (auto at = take_at(reading, clause)) {
      wish.anchor = Anchor::at;
      wish.at_s = at;
      wish.span.reset();
      further.clear();
    }
    if (momentary(wish.id) && !wish.at_s && take_every_cut(reading, clause)) {
      wish.anchor = Anchor::at;
      wish.at_cuts = true;
    }
    if (!wish.duration_s && (wish.at_s || wish.anchor == Anchor::start || wish.anchor == Anchor::end))
      wish.duration_s = take_duration(reading, clause, i, false);
    reading.brief.effects.push_back(wish);
    for (std::size_t n = 1; n < further.size(); ++n) {  // "shots 2 and 4 in black and white"
      wish.span = further[n];
      reading.brief.effects.push_back(wish);
    }
    reading.brief.readings.push_back("effect " + wish.id);
  }
}

// "split screen of shot 1 and shot 3": the first is the film, the second stands beside it.
void place_halves(Reading& reading, const Clause& clause, CompositeWish& wish) {
  std::vector<SpanWish> halves;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (!reading.tokens[i].is(W::span) || reading.tokens[i].used) continue;
    const auto& spans = reading.groups[static_cast<std::size_t>(reading.tokens[i].value)].spans;
    halves.insert(halves.end(), spans.begin(), spans.end());
  }
  if (halves.size() != 2) return;
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    if (reading.tokens[i].is(W::span)) reading.tokens[i].used = true;
  reading.only.push_back(halves[0]);
  wish.source = halves[1].source;
  wish.start_s = halves[1].start_s;
  wish.end_s = halves[1].end_s;
}

void read_composites(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if ((!tokens[i].is(W::pip) && !tokens[i].is(W::split_screen)) || tokens[i].used) continue;
    tokens[i].used = true;
    if (negated(reading, clause, i)) continue;
    CompositeWish wish;
    wish.layout = tokens[i].text;
    if (std::size_t s = find_span(reading, clause); s != clause.end) {
      const SpanGroup& group = reading.groups[static_cast<std::size_t>(tokens[s].value)];
      if (!group.spans.empty() && wish.layout == "picture_in_picture") {
        wish.source = group.spans.front().source;
        tokens[s].used = true;
      }
    }
    if (wish.layout == "split_screen") place_halves(reading, clause, wish);
    // One inset of a kind: "a split screen with both clips side by side" says it twice.
    if (std::ranges::any_of(reading.brief.composites,
                            [&](const CompositeWish& there) { return there.layout == wish.layout; }))
      continue;
    // The clip that stands in the inset or the second half is not also the film around it.
    bool whole_clips = wish.start_s < 0 && reading.sources.size() == 2;
    for (std::size_t j = clause.begin; j < clause.end && whole_clips; ++j)
      if (tokens[j].is(W::every_source)) {
        wish.source = reading.sources[1].id;
        reading.brief.every_source = false;
      }
    if (whole_clips && !wish.source.empty()) reading.inset_sources.push_back(wish.source);
    std::string vertical, horizontal;
    for (std::size_t j = clause.begin; j < clause.end; ++j) {
      if (tokens[j].is(W::pos_top)) vertical = "top";
      if (tokens[j].is(W::pos_bottom)) vertical = "bottom";
      if (tokens[j].is(W::pos_left)) horizontal = "left";
      if (tokens[j].is(W::pos_right)) horizontal = "right";
    }
    if (!vertical.empty() || !horizontal.empty())
      wish.position =
          (vertical.empty() ? "bottom" : vertical) + "_" + (horizontal.empty() ? "right" : horizontal);
    reading.brief.composites.push_back(wish);
    reading.brief.readings.push_back(wish.layout);
  }
}

}  // namespace

void settle_middle(Reading& reading) {
  if (reading.middle_speeds.empty() || reading.sources.empty()) return;
  SpanWish film;
  film.source = reading.sources.front().id;
  film.end_s = reading.sources.front().analysis.source.duration_s;
  if (reading.only.size() == 1) film = reading.only.front();
  double third = (film.end_s - film.start_s) / 3;
  film.start_s += third;
  film.end_s -= third;
  film.shot.clear();
  film.words = "the middle";
  for (std::size_t i : reading.middle_speeds)
    if (i < reading.brief.speeds.size()) reading.brief.speeds[i].span = film;
}

void read_looks(Reading& reading, const Clause& clause) {
  read_composites(reading, clause);
  read_fades(reading, clause);
  read_transitions(reading, clause);
  read_freeze(reading, clause);
  // A span shared by a speed and an effect ("the first 3 s in black and white slow motion"): the
  // effect looks first and the speed still needs it.
  std::size_t s = find_span(reading, clause);
  bool speed_here = false;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    W k = reading.tokens[i].kind;
    speed_here = speed_here || ((k == W::slow_motion || k == W::double_ || k == W::speed_up ||
                                 k == W::reverse || k == W::ramp || k == W::faster || k == W::times) &&
                                !reading.tokens[i].used);
  }
  read_effects(reading, clause);
  if (s != clause.end && speed_here) reading.tokens[s].used = false;
  read_speed(reading, clause);
  if (s != clause.end && speed_here && !reading.brief.effects.empty()) reading.tokens[s].used = true;
}

}  // namespace studio::goal
