// Quoted text of a goal: what it is (title, caption, lower third), where on screen, and when.
#include <algorithm>

#include "editing/goal_phrases.h"
#include "editing/goal_reader.h"

namespace studio::goal {
namespace {

// Only words that say where and when: such a clause belongs to the text beside it.
bool only_placement(const Reading& reading, const Clause& clause) {
  bool any = false;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    const Token& token = reading.tokens[i];
    switch (token.kind) {
      case W::at_start:
      case W::at_end:
      case W::throughout:
      case W::pos_top:
      case W::pos_bottom:
      case W::pos_center:
      case W::pos_left:
      case W::pos_right:
      case W::color:
      case W::clock:
      case W::span: any = true; break;
      case W::duration:
        if (i == clause.begin) return false;
        any = true;
        break;
      case W::at:
      case W::for_:
      case W::in:
      case W::the:
      case W::a:
      case W::to:
      case W::long_word:
      case W::and_:
      case W::from:
      case W::about:
      case W::exactly: break;
      default: return false;
    }
  }
  return any;
}

// Clauses with a quote swallow the placement clauses after them, or, without an own anchor, before.
std::vector<Clause> text_clauses(const Reading& reading) {
  std::vector<Clause> out;
  const auto& clauses = reading.clauses;
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    Clause clause = clauses[i];
    if (find(reading, clause, W::quoted) == clause.end) continue;
    if (i > 0 && only_placement(reading, clauses[i - 1]) &&
        (out.empty() || out.back().end <= clauses[i - 1].begin) && !has(reading, clause, W::at_start) &&
        !has(reading, clause, W::at_end))
      clause.begin = clauses[i - 1].begin;
    while (i + 1 < clauses.size() && only_placement(reading, clauses[i + 1]) &&
           // "'A', at the end 'B'": the anchor belongs to what follows when that has none of its own
           !(i + 2 < clauses.size() && find(reading, clauses[i + 2], W::quoted) != clauses[i + 2].end &&
             (has(reading, clause, W::at_start) || has(reading, clause, W::at_end))))
      clause.end = clauses[++i].end;
    out.push_back(clause);
  }
  return out;
}

std::string position_of(Reading& reading, const Clause& clause) {
  std::string vertical, horizontal;
  bool center = false;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = reading.tokens[i];
    if (token.used) continue;
    if (token.is(W::pos_top))
      vertical = "top";
    else if (token.is(W::pos_bottom))
      vertical = "bottom";
    else if (token.is(W::pos_left))
      horizontal = "left";
    else if (token.is(W::pos_right))
      horizontal = "right";
    else if (token.is(W::pos_center))
      center = true;
    else
      continue;
    token.used = true;
  }
  if (!vertical.empty() && !horizontal.empty()) return vertical + "_" + horizontal;
  if (!vertical.empty()) return vertical;
  if (!horizontal.empty()) return horizontal;
  return center ? "center" : "";
}

// "something like 'Blade Runner'" names a model, not a title.
bool compares(const Reading& reading, const Clause& clause, std::size_t quote) {
  for (std::size_t i = quote, looked = 0; i > clause.begin && looked < 2; ++looked) {
    const std::string& before = reading.tokens[--i].text;
    if (before == "like" || before == "something like" || before == "inspired" || before == "come" ||
        before == "stile" || before == "mood" || before == "resembling")
      return true;
  }
  return quote + 1 < clause.end &&
         (reading.tokens[quote + 1].text == "style" || reading.tokens[quote + 1].text == "mood");
}

// "red title", "titolo in rosso", "in green letters": the colour of the letters; marks it used. A colour
// behind the text ("on black") is not theirs, nor that of a fade.
std::string color_of(Reading& reading, const Clause& clause) {
  static constexpr std::string_view letters[] = {"letters", "lettering", "letter",    "font",     "type",
                                                 "lettere", "caratteri", "carattere", "coloured", "colored",
                                                 "colour",  "color",     "colore",    "text",     "words"};
  auto& tokens = reading.tokens;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    if (!tokens[i].is(W::color) || tokens[i].used) continue;
    bool elsewhere = false;
    for (std::size_t j = i, looked = 0; j > clause.begin && looked < 3; ++looked) {
      const Token& before = tokens[--j];
      elsewhere = elsewhere || before.text == "on" || before.text == "su" || before.text == "over" ||
                  before.is(W::fade_word) || before.is(W::fade_in) || before.is(W::fade_out) ||
                  before.is(W::from) || before.is(W::transition) || negated(reading, clause, i);
    }
    if (elsewhere) continue;
    tokens[i].used = true;
    for (std::size_t j = clause.begin; j < clause.end; ++j)
      if (std::ranges::find(letters, tokens[j].text) != std::end(letters)) tokens[j].used = true;
    return tokens[i].text;
  }
  return "";
}

struct Kind {
  std::string kind;
  std::string id;  // start, end, top, bottom
  std::size_t at = 0;
  bool named = false;
};

Kind kind_of(const Reading& reading, const Clause& clause, std::size_t quote) {
  Kind kind{"title", "", quote, false};
  auto look = [&](std::size_t i) {
    const Token& token = reading.tokens[i];
    if (token.is(W::title))
      kind = {"title", token.text, i, true};
    else if (token.is(W::caption))
      kind = {token.text == "subtitle" ? "subtitle" : "caption", token.text, i, true};
    else if (token.is(W::subtitles))
      kind = {"subtitle", "subtitle", i, true};
    else if (token.is(W::lower_third))
      kind = {"lower_third", "", i, true};
    else if (token.is(W::watermark))
      kind = {"caption", "watermark", i, true};
    else if (token.is(W::saying))
      kind.at = i;
    else
      return false;
    return kind.named;
  };
  for (std::size_t i = quote; i > clause.begin;)
    if (look(--i)) return kind;
  for (std::size_t i = quote + 1; i < clause.end && !reading.tokens[i].is(W::quoted); ++i)
    if (look(i)) return kind;
  return kind;
}

void place(Reading& reading, const Clause& clause, const Kind& kind, std::size_t quote, TextWish& wish,
           bool& anchored) {
  auto& tokens = reading.tokens;
  anchored = true;
  if (kind.id == "start" || kind.id == "end") {
    wish.anchor = kind.id == "start" ? Anchor::start : Anchor::end;
  } else if (kind.id == "watermark") {
    wish.anchor = Anchor::throughout;
  } else {
    anchored = false;
  }
  if (kind.id == "top" || kind.id == "bottom") wish.position = kind.id;
  for (std::size_t i = clause.begin; i < clause.end; ++i) {
    Token& token = tokens[i];
    if (token.used) continue;
    if (token.is(W::at_start) || token.is(W::at_end) || token.is(W::throughout)) {
      wish.anchor = token.is(W::at_start) ? Anchor::start
                    : token.is(W::at_end) ? Anchor::end
                                          : Anchor::throughout;
      token.used = anchored = true;
      break;
    }
    if (token.is(W::start_with) || token.is(W::end_with)) {  // "finish with the title 'X'"
      wish.anchor = token.is(W::start_with) ? Anchor::start : Anchor::end;
      token.used = anchored = true;
      continue;
    }
    if (token.is(W::span)) {
      const SpanGroup& group = reading.groups[static_cast<std::size_t>(token.value)];
      if (group.range) {
        wish.anchor = Anchor::at;
        wish.at_s = group.begin_s;
        wish.duration_s = group.end_s - group.begin_s;
      } else if (group.first_s) {
        wish.anchor = Anchor::start;
        wish.duration_s = group.first_s;
      } else if (group.last_s) {
        wish.anchor = Anchor::end;
        wish.duration_s = group.last_s;
      } else {
        continue;
      }
      token.used = anchored = true;
      break;
    }
  }
  if (auto at = take_at(reading, clause)) {
    wish.anchor = Anchor::at;
    wish.at_s = at;
    anchored = true;
  }
  if (!wish.duration_s) wish.duration_s = take_duration(reading, clause, kind.at, false);
  if (!wish.duration_s && kind.at != quote) wish.duration_s = take_duration(reading, clause, quote, true);
  // "In the middle for 2 seconds" is said beside "at the start" and "at the end": when, as well as where.
  if (anchored || !wish.duration_s) return;
  std::size_t middle = find(reading, clause, W::pos_center);
  static constexpr std::string_view when[] = {"in the middle", "nel mezzo", "halfway", "a metà"};
  if (middle == clause.end || std::ranges::find(when, lower(tokens[middle].raw)) == std::end(when)) return;
  wish.anchor = Anchor::at;  // without a second: compose puts it there
  anchored = true;
}

// "10 s, title 'X' at the end, 2 s": the film's length is said elsewhere, so the last word is the title's.
void take_trailing_time(Reading& reading, const Clause& text, TextWish& wish) {
  auto& tokens = reading.tokens;
  if (wish.duration_s || wish.anchor == Anchor::throughout || !wish.text.size()) return;
  auto next = std::ranges::find_if(reading.clauses, [&](const Clause& c) { return c.begin >= text.end; });
  if (next == reading.clauses.end() || next->end - next->begin != 1) return;
  Token& token = tokens[next->begin];
  if (!token.is(W::duration) || token.used) return;
  bool longer = std::ranges::any_of(tokens, [&](const Token& t) {
    return &t != &token && t.is(W::duration) && !t.used && t.value > token.value;
  });
  if (!longer) return;
  wish.duration_s = token.value;
  token.used = true;
}

}  // namespace

void read_texts(Reading& reading) {
  auto& tokens = reading.tokens;
  std::vector<std::size_t> unplaced;
  Kind previous;
  for (Clause clause : text_clauses(reading)) {
    // Several quotes in one clause: each has the words up to the next one.
    std::vector<std::size_t> quotes;
    for (std::size_t i = clause.begin; i < clause.end; ++i)
      if (tokens[i].is(W::quoted) && !tokens[i].used && !compares(reading, clause, i)) quotes.push_back(i);
    for (std::size_t q = 0; q < quotes.size(); ++q) {
      Clause part{q == 0 ? clause.begin : quotes[q - 1] + 1,
                  q + 1 < quotes.size() ? quotes[q + 1] : clause.end};
      std::size_t quote = quotes[q];
      TextWish wish;
      wish.text = tokens[quote].raw;
      Kind kind = kind_of(reading, part, quote);
      if (!kind.named && previous.named) {
        std::size_t at = kind.at;
        kind = previous;
        kind.id = kind.id == "watermark" ? "" : "";
        kind.at = at;
      }
      wish.kind = kind.kind;
      bool anchored = false;
      place(reading, part, kind, quote, wish, anchored);
      if (wish.position.empty() || wish.position == "top" || wish.position == "bottom") {
        std::string position = position_of(reading, part);
        if (!position.empty()) wish.position = position;
      }
      wish.color = color_of(reading, part);
      if ((wish.kind == "lower_third" || wish.kind == "subtitle") && wish.position.empty())
        wish.position = "bottom";
      tokens[quote].used = true;
      if (q + 1 == quotes.size()) take_trailing_time(reading, clause, wish);
      // The words of the text's own kind are spent too, so that "title" steers nothing else.
      if (kind.named && kind.at < tokens.size()) tokens[kind.at].used = true;
      if (!anchored) unplaced.push_back(reading.brief.texts.size());
      previous = kind;
      reading.brief.readings.push_back("text \"" + wish.text + "\": " + wish.kind + " at " +
                                       std::string(name_of(wish.anchor)));
      reading.brief.texts.push_back(std::move(wish));
    }
  }
  // Without a word on when: a single title opens the film, meme captions stay, several are spread.
  auto& texts = reading.brief.texts;
  bool start_taken = std::ranges::any_of(texts, [&](const TextWish& t) {
    auto index = static_cast<std::size_t>(&t - texts.data());
    return t.anchor == Anchor::start && std::ranges::find(unplaced, index) == unplaced.end();
  });
  int captions = 0;
  for (std::size_t n = 0; n < unplaced.size(); ++n) {
    TextWish& wish = texts[unplaced[n]];
    if (wish.kind == "caption" || wish.kind == "lower_third" || wish.kind == "subtitle") {
      bool meme = wish.kind == "caption";
      wish.anchor = meme && (!wish.position.empty() || unplaced.size() <= 2) && !wish.duration_s
                        ? Anchor::throughout
                        : Anchor::at;
      if (meme && wish.position.empty() && unplaced.size() == 2)
        wish.position = captions == 0 ? "top" : "bottom";
      ++captions;
    } else if (n == 0 && !start_taken) {
      wish.anchor = Anchor::start;
    } else if (n + 1 == unplaced.size() && n > 0) {
      wish.anchor = Anchor::end;
    } else {
      wish.anchor = Anchor::at;
    }
  }
}

}  // namespace studio::goal
