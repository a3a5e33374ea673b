// Wishes about the whole: picture size, order, counts, pace, style, and the length.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "editing/goal_reader.h"

namespace studio::goal {
namespace {

void read_frame(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  auto frame = [&]() -> FrameWish& {
    if (!reading.brief.frame) reading.brief.frame.emplace();
    return *reading.brief.frame;
  };
  auto aspect = [&](int w, int h, const std::string& words) {
    FrameWish& wish = frame();
    if (wish.aspect_w > 0 && wish.aspect_w * h != wish.aspect_h * w) {
      reading.brief.unmet.push_back(
          {words, fmt::format("{}:{} was asked for before it", wish.aspect_w, wish.aspect_h)});
      return;
    }
    wish.aspect_w = w;
    wish.aspect_h = h;
    reading.brief.readings.push_back(fmt::format("aspect {}:{}", w, h));
  };
  bool letterbox = false;
  for (std::size_t i = clause.begin; i < clause.end; ++i)
    letterbox = letterbox || (tokens[i].is(W::effect) && tokens[i].text == "letterbox");
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used || negated(reading, clause, i)) continue;
    if (token.is(W::ratio) && !letterbox && token.value > 0 && token.value2 > 0) {
      double scale = token.value != std::floor(token.value) ? 100 : 1;  // 2.35:1
      aspect(static_cast<int>(std::lround(token.value * scale)),
             static_cast<int>(std::lround(token.value2 * scale)), token.raw);
      token.used = true;
    } else if (token.is(W::aspect)) {
      bool content = i + 1 < clause.end && (tokens[i + 1].is(W::of) || tokens[i + 1].is(W::shot));
      if (content) continue;
      aspect(static_cast<int>(token.value) / 1000, static_cast<int>(token.value) % 1000, token.raw);
      token.used = true;
    } else if (token.is(W::size) && token.value >= 16 && token.value2 >= 16) {
      if (token.value > 8192 || token.value2 > 8192) {
        reading.brief.unmet.push_back({token.raw, "pictures up to 8192 pixels a side are made"});
        continue;
      }
      frame().width = static_cast<int>(token.value) & ~1;
      frame().height = static_cast<int>(token.value2) & ~1;
      token.used = true;
      reading.brief.readings.push_back("size " + token.raw);
    } else if (token.is(W::lines)) {
      frame().height = static_cast<int>(token.value) & ~1;
      token.used = true;
      reading.brief.readings.push_back("height " + token.raw);
    } else if (token.is(W::unit_fps) && i > clause.begin && tokens[i - 1].is(W::number)) {
      double fps = tokens[i - 1].value;
      token.used = tokens[i - 1].used = true;
      if (fps >= 1 && fps <= 120)
        frame().fps = fps;
      else
        reading.brief.unmet.push_back({fmt::format("{:g} fps", fps), "frame rates from 1 to 120 are made"});
    }
  }
}

void read_order(Reading& reading, const Clause& clause) {
  auto set = [&](Order order, std::size_t i) {
    if (i == clause.end) return;
    if (negated(reading, clause, i)) return;
    reading.tokens[i].used = true;
    if (reading.brief.order == Order::automatic) {
      reading.brief.order = order;
      reading.brief.readings.push_back("order: " + std::string(name_of(order)));
    } else if (reading.brief.order != order) {
      reading.brief.unmet.push_back({reading.tokens[i].raw, std::string(name_of(reading.brief.order)) +
                                                                " order was asked for before it"});
    }
  };
  set(Order::reversed, find(reading, clause, W::reverse_order));
  set(Order::chronological, find(reading, clause, W::chronological));
  set(Order::shuffled, find(reading, clause, W::shuffle));
  set(Order::as_listed, find(reading, clause, W::in_that_order));
}

void read_counts(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (tokens[i].used) continue;
    if (tokens[i].is(W::every_source)) {
      reading.brief.every_source = true;
      tokens[i].used = true;
    }
    if (tokens[i].is(W::on_beats) && !negated(reading, clause, i)) {
      reading.brief.on_beats = true;
      tokens[i].used = true;
      reading.brief.readings.push_back("cuts on beats");
    }
    if (tokens[i].is(W::no_cuts) && !negated(reading, clause, i)) {
      reading.brief.no_cuts = true;
      tokens[i].used = true;
    }
    // "every shot 1.5 seconds long": so many pieces as there are shots of that length.
    if ((tokens[i].is(W::every) || tokens[i].is(W::each)) && i + 2 < clause.end &&
        (tokens[i + 1].is(W::shot) || tokens[i + 1].is(W::clip) || tokens[i + 1].is(W::part))) {
      std::size_t d = i + 2;  // "lasts", "is", "for" between
      while (d < clause.end && d < i + 4 &&
             (tokens[d].is(W::long_word) || tokens[d].is(W::for_) || tokens[d].is(W::word)))
        ++d;
      if (d < clause.end && tokens[d].is(W::duration) && !tokens[d].used && tokens[d].value > 0) {
        reading.brief.cuts_per_minute = 60 / tokens[d].value;
        reading.each_shot_s = tokens[d].value;
        for (std::size_t k = i; k <= d; ++k) tokens[k].used = true;
        reading.brief.readings.push_back(fmt::format("each shot for {:g} s", tokens[d].value));
      }
    }
    // "a cut every 2 seconds", "change shot every 2 s", "2 seconds each"
    if (tokens[i].is(W::every) && i + 1 < clause.end) {
      bool about_cuts = false;
      for (std::size_t j = clause.begin; j < clause.end; ++j)
        about_cuts = about_cuts || tokens[j].is(W::cuts) || tokens[j].is(W::shot) || tokens[j].is(W::clip);
      std::size_t d = i + 1;
      if (tokens[d].is(W::unit_s)) {  // "every second"
        if (about_cuts) reading.brief.cuts_per_minute = 60;
        tokens[d].used = about_cuts;
      } else if (tokens[d].is(W::duration) && about_cuts && tokens[d].value > 0) {
        reading.brief.cuts_per_minute = 60 / tokens[d].value;
        tokens[d].used = true;
      }
    }
    if (tokens[i].is(W::duration)) {
      bool each = i + 1 < clause.end && tokens[i + 1].is(W::each);
      static constexpr std::string_view plural[] = {"shots", "clips",    "pieces", "inquadrature",
                                                    "pezzi", "segments", "scenes", "cuts"};
      bool before_noun =
          i + 1 < clause.end && std::ranges::find(plural, tokens[i + 1].text) != std::end(plural);
      bool after_noun = i >= clause.begin + 2 && tokens[i - 1].is(W::of) &&
                        std::ranges::find(plural, tokens[i - 2].text) != std::end(plural);
      bool number_before = i > clause.begin && tokens[i - 1].is(W::number);
      if ((each || before_noun || after_noun) && !(before_noun && number_before && false) &&
          tokens[i].value > 0) {
        reading.brief.cuts_per_minute = 60 / tokens[i].value;
        tokens[i].used = true;
        if (before_noun && number_before && tokens[i - 1].value >= 1) {
          reading.brief.clips = static_cast<int>(tokens[i - 1].value);
          tokens[i - 1].used = true;
        }
      }
    }
    if (!tokens[i].is(W::number) || i + 1 >= clause.end) continue;
    std::size_t n = i + 1;
    // "three different shots", "5 best moments"
    if (n + 1 < clause.end && (tokens[n].is(W::word) || tokens[n].is(W::highlight)) &&
        !tokens[n].is(W::unit_s)) {
      if (tokens[n].is(W::word)) ++n;
    }
    bool noun = tokens[n].is(W::shot) || tokens[n].is(W::clip) || tokens[n].is(W::cuts) ||
                tokens[n].is(W::part) || tokens[n].text == "best shots" || tokens[n].text == "best moments" ||
                tokens[n].text == "best parts" || tokens[n].text == "best bits";
    double count = tokens[i].value;
    if (!noun) {
      if (tokens[n].is(W::source_word) && count == static_cast<double>(reading.sources.size()) && count > 1) {
        reading.brief.every_source = true;
        tokens[i].used = true;
      }
      continue;
    }
    if (tokens[n].is(W::cuts)) {
      bool minute = n + 1 < clause.end && ((tokens[n + 1].is(W::per)) ||
                                           (tokens[n + 1].is(W::duration) && tokens[n + 1].value == 60));
      if (minute) {
        if (count > 0) reading.brief.cuts_per_minute = count;
        tokens[i].used = tokens[n + 1].used = tokens[n].used = true;
        reading.brief.readings.push_back(fmt::format("{:g} cuts a minute", count));
        continue;
      }
      if (tokens[n].text == "cut") continue;
    }
    if (count < 1 || count != std::floor(count) || count > 10000) continue;
    if (tokens[n].is(W::clip) && reading.sources.size() > 1 &&
        count == static_cast<double>(reading.sources.size())) {
      reading.brief.every_source = true;
    } else {
      reading.brief.clips = static_cast<int>(count);
      reading.brief.readings.push_back(fmt::format("{} pieces", count));
    }
    tokens[i].used = true;
  }
}

void read_pace(Reading& reading, const Clause& clause) {
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used || negated(reading, clause, i)) continue;
    Pace pace = Pace::automatic;
    if (token.is(W::pace_fast)) pace = Pace::fast;
    if (token.is(W::pace_slow)) pace = Pace::slow;
    if (token.is(W::pace_medium)) pace = Pace::medium;
    // "slow" alone is a pace; "slow shot 2 down" is a speed.
    if (token.is(W::slow_down) && token.text == "slow" && find_span(reading, clause) == clause.end) {
      bool to_speed = false;
      for (std::size_t j = i + 1; j < clause.end; ++j)
        to_speed = to_speed || tokens[j].is(W::percent) || tokens[j].is(W::times) ||
                   tokens[j].is(W::speed_word) || tokens[j].text == "down";
      if (!to_speed) pace = Pace::slow;
    }
    if (token.is(W::pace_fast) && token.text == "fast") {  // "twice as fast" was a phrase; "fast forward" too
      bool speed = i + 1 < clause.end && tokens[i + 1].is(W::speed_word);
      if (speed) pace = Pace::automatic;
    }
    if (pace != Pace::automatic) {
      token.used = true;
      if (!reading.brief.pace_asked) {
        reading.brief.pace = pace;
        reading.brief.pace_asked = true;
        reading.brief.readings.push_back("pace " + std::string(name_of(pace)));
      } else if (reading.brief.pace != pace) {
        reading.brief.unmet.push_back(
            {token.raw, "a " + std::string(name_of(reading.brief.pace)) + " pace was asked for before it"});
      }
    }
    if (token.is(W::style)) {
      token.used = true;
      if (reading.brief.style.empty()) {
        reading.brief.style = token.text;
        reading.brief.style_asked = true;
      }
    }
    if (token.is(W::highlight)) reading.shortens = true;
  }
}

}  // namespace

void read_shape(Reading& reading, const Clause& clause) {
  read_frame(reading, clause);
  read_order(reading, clause);
  read_counts(reading, clause);
  read_pace(reading, clause);
}

// "a third of the clip", "reduce it to a quarter", "un terzo della durata": that share; 0: none stands at
// `at`. `end` is set behind its words.
double fraction_at(const std::vector<Token>& tokens, const Clause& clause, std::size_t at, std::size_t& end) {
  double parts = tokens[at].is(W::a) ? 1 : tokens[at].is(W::number) ? tokens[at].value : 0;
  if (parts < 1 || parts > 3 || at + 1 >= clause.end) return 0;
  const Token& noun = tokens[at + 1];
  double whole =
      noun.is(W::quarter) || noun.text == "quarto" || noun.text == "fourth"                           ? 4
      : noun.text == "third" || noun.text == "thirds" || noun.text == "terzo" || noun.text == "terzi" ? 3
                                                                                                      : 0;
  if (whole == 0 || parts >= whole) return 0;
  std::size_t k = at + 2;
  bool to = at > clause.begin && (tokens[at - 1].is(W::to) || tokens[at - 1].text == "a") && k >= clause.end;
  bool of = k < clause.end && tokens[k].is(W::of);
  if (of) ++k;
  while (k < clause.end && (tokens[k].is(W::the) || tokens[k].text == "its" || tokens[k].text == "original"))
    ++k;
  of = of && k < clause.end &&
       (tokens[k].is(W::clip) || tokens[k].is(W::source_word) || tokens[k].is(W::long_word) ||
        tokens[k].text == "it" || tokens[k].text == "time");
  end = of ? k + 1 : at + 2;
  return to || of ? parts / whole : 0;
}

void read_fractions(Reading& reading) {
  double source = reading.source_length_s();
  if (source <= 0 || reading.brief.length) return;
  for (const Clause& clause : reading.clauses)
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      std::size_t end = 0;
      double share = reading.tokens[i].used ? 0 : fraction_at(reading.tokens, clause, i, end);
      if (share <= 0) continue;
      reading.brief.length = LengthWish{share * source, share * source - 0.25, share * source + 0.25};
      reading.brief.readings.push_back(
          fmt::format("length {:g} s, {:.0f} % of the film", share * source, 100 * share));
      for (std::size_t k = clause.begin; k < clause.end; ++k) {
        Token& token = reading.tokens[k];
        if ((k >= i && k < end) || token.is(W::keep) || token.is(W::long_word) || token.text == "reduce" ||
            token.text == "riduci" || token.text == "accorcia")
          token.used = true;
      }
      return;
    }
}

// "cut it down by 40%", "keep 50% of the clip", "20% shorter", "il 30% più lungo": a share of the film.
void read_shares(Reading& reading) {
  static constexpr std::string_view less[] = {"shorter", "less",   "più corto", "più breve",
                                              "meno",    "corto",  "corta",     "breve",
                                              "shorten", "reduce", "riduci",    "accorcia"};
  static constexpr std::string_view more[] = {"longer", "più lungo", "lungo", "lunga"};
  static constexpr std::string_view away[] = {"by", "del", "off", "di"};
  read_fractions(reading);
  auto& tokens = reading.tokens;
  double source = reading.source_length_s();
  if (source <= 0 || reading.brief.length) return;
  auto one_of = [](auto& list, const Token& token) {
    return std::ranges::find(list, token.text) != std::end(list) ||
           std::ranges::find(list, std::string_view(token.raw)) != std::end(list);
  };
  for (const Clause& clause : reading.clauses)
    for (std::size_t i = clause.begin + 1; i < clause.end; ++i) {
      if (!tokens[i].is(W::percent) || tokens[i].used || !tokens[i - 1].is(W::number)) continue;
      double share = tokens[i - 1].value / 100;
      bool about_length = false, shortens = false, lengthens = false, off = false;
      for (std::size_t j = clause.begin; j < clause.end; ++j) {
        const Token& token = tokens[j];
        about_length = about_length || token.is(W::long_word) || token.is(W::keep) || token.is(W::avoid) ||
                       token.is(W::cuts) || token.is(W::only) || token.is(W::source_word) ||
                       token.is(W::clip);
        shortens = shortens || one_of(less, token) || token.is(W::avoid) ||
                   (token.is(W::cuts) && token.text == "cut");
        lengthens = lengthens || one_of(more, token);
      }
      if (i >= clause.begin + 2) off = one_of(away, tokens[i - 2]);
      if (i + 1 < clause.end)
        off =
            off || one_of(less, tokens[i + 1]) || one_of(more, tokens[i + 1]) || tokens[i + 1].text == "off";
      if (!about_length && !shortens && !lengthens) continue;
      bool removes = std::ranges::any_of(tokens.begin() + static_cast<std::ptrdiff_t>(clause.begin),
                                         tokens.begin() + static_cast<std::ptrdiff_t>(i),
                                         [](const Token& token) { return token.is(W::avoid); });
      double factor = share;
      if (lengthens && off)
        factor = 1 + share;
      else if ((shortens && off) || removes)
        factor = 1 - share;
      if (factor <= 0.01 || factor > 10) continue;
      double target = factor * source;
      reading.brief.length = LengthWish{target, target - 0.25, target + 0.25};
      reading.brief.readings.push_back(
          fmt::format("length {:g} s, {:g} % of the film", target, 100 * factor));
      for (std::size_t j = clause.begin; j < clause.end; ++j)
        if (tokens[j].is(W::avoid) || tokens[j].is(W::keep) || tokens[j].is(W::long_word) ||
            tokens[j].is(W::cuts) || tokens[j].is(W::source_word) || tokens[j].is(W::clip))
          tokens[j].used = true;
      tokens[i].used = tokens[i - 1].used = true;
    }
}

void read_length(Reading& reading) {
  auto& tokens = reading.tokens;
  Brief& brief = reading.brief;
  double source = reading.source_length_s();
  struct Candidate {
    double low = 0, high = 0, target = 0;
    int rank = 0;
    std::string words;
  };
  std::vector<Candidate> found;
  for (const Clause& clause : reading.clauses) {
    bool long_word = has(reading, clause, W::long_word);
    for (std::size_t i = clause.begin; i < clause.end; ++i) {
      Token& token = tokens[i];
      if (token.used) continue;
      Candidate c;
      c.words = token.raw;
      if (token.is(W::half_as_long) && source > 0) {
        c = {source / 2 - 0.25, source / 2 + 0.25, source / 2, 3, token.raw};
        token.used = true;
      } else if (token.is(W::twice_as_long) && source > 0) {
        c = {source * 2 - 0.25, source * 2 + 0.25, source * 2, 3, token.raw};
        token.used = true;
      } else if (token.is(W::span)) {
        const SpanGroup& group = reading.groups[static_cast<std::size_t>(token.value)];
        if (!group.range || group.clock) continue;
        c = {group.begin_s, group.end_s, (group.begin_s + group.end_s) / 2, 2, token.raw};
        token.used = true;
      } else if (token.is(W::clock) && long_word) {
        c = {token.value - 0.25, token.value + 0.25, token.value, 1, token.raw};
        token.used = true;
      } else if (token.is(W::duration)) {
        double d = token.value;
        if (d <= 0) continue;
        std::size_t b = i;
        while (b > clause.begin &&
               (tokens[b - 1].is(W::the) || tokens[b - 1].is(W::a) || tokens[b - 1].is(W::word)))
          --b;
        W before = b > clause.begin ? tokens[b - 1].kind : W::word;
        if (before == W::of && b >= clause.begin + 2 &&
            (tokens[b - 2].is(W::under) || tokens[b - 2].is(W::over)))
          before = tokens[b - 2].kind;
        W after = i + 1 < clause.end ? tokens[i + 1].kind : W::word;
        // "15 seconds, more or less"
        if (i + 1 == clause.end && i + 2 < tokens.size() && tokens[i + 2].is(W::about) &&
            (i + 3 == tokens.size() || tokens[i + 3].is(W::comma) || tokens[i + 3].is(W::stop)))
          after = W::about;
        if (before == W::avoid) continue;  // "trim 2 seconds": not a length
        c = {d - 0.25, d + 0.25, d, 1, token.raw};
        bool no_before = b >= clause.begin + 2 && tokens[b - 2].is(W::no) && before == W::over;
        if (before == W::under || after == W::under || no_before ||
            tokens[i > 0 ? i - 1 : 0].text == "up to") {
          // A little below, so that the rounding of containers does not carry it over.
          c = {0, d, std::min(source > 0 && brief.speeds.empty() ? source : d, d - std::min(0.5, 0.05 * d)),
               4, token.raw};
        } else if (before == W::over || after == W::over) {
          c = {d, 1e9, std::max(d + std::min(0.5, 0.05 * d), 0.0), 4, token.raw};
        } else if (before == W::exactly || after == W::exactly) {
          c = {d - 0.15, d + 0.15, d, 5, token.raw};
        } else if (before == W::about || after == W::about) {
          double slack = std::max(0.5, 0.1 * d);
          c = {d - slack, d + slack, d, 4, token.raw};
        }
        if (after == W::highlight || after == W::source_word || after == W::clip || after == W::long_word ||
            long_word)
          c.rank = std::max(c.rank, 3);
        bool stands_for = before == W::for_ || before == W::at;
        if (stands_for && c.rank < 3) c.rank = 0;
        token.used = true;
      } else {
        continue;
      }
      found.push_back(c);
    }
  }
  // "Every shot 1.5 seconds long" does, too: as many as last that long.
  if (found.empty() && reading.each_shot_s && !brief.clips && !brief.length) {
    int shots = 0;
    for (const EditSource& source_clip : reading.sources)
      for (const Shot& shot : source_clip.analysis.shots)
        shots += shot.end.seconds() - shot.start.seconds() >= *reading.each_shot_s;
    if (shots > 0) brief.clips = shots;
  }
  // "5 clips of 2 seconds each" says the whole, too.
  if (found.empty() && brief.clips && brief.cuts_per_minute) {
    double each = 60 / *brief.cuts_per_minute, d = each * *brief.clips;
    found.push_back({d - 0.25, d + 0.25, d, 2, fmt::format("{} x {:g} s", *brief.clips, each)});
  }
  if (found.empty() || brief.length) return;
  const Candidate* best = &found.front();
  for (const Candidate& c : found)
    if (c.rank > best->rank) best = &c;
  brief.length = LengthWish{best->target, std::max(0.0, best->low), best->high};
  brief.readings.push_back(fmt::format("length {:g} s ({:g} to {:g}) from \"{}\"", best->target, best->low,
                                       best->high, best->words));
  // A second bound narrows ("at least 5 s but under 10 s"), a second length contradicts.
  for (const Candidate& c : found) {
    if (&c == best || c.rank == 0) continue;
    double low = std::max(brief.length->min_s, c.low), high = std::min(brief.length->max_s, c.high);
    if (low <= high) {
      brief.length->min_s = low;
      brief.length->max_s = high;
      brief.length->target_s = std::clamp(brief.length->target_s, low, high < 1e8 ? high : low + 0.5);
      if (c.high < 1e8 && best->high >= 1e8) brief.length->target_s = (low + high) / 2;
    } else {
      brief.unmet.push_back({c.words, fmt::format("\"{}\" asks for another length", best->words)});
    }
  }
}

}  // namespace studio::goal
