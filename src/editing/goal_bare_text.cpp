// Titles whose words stand in no quotes: where they begin and where they end.
#include <algorithm>
#include <cctype>

#include "editing/goal_leftovers.h"
#include "editing/goal_phrases.h"

namespace studio::goal {
namespace {

constexpr std::size_t kMostWords = 20;  // a title longer than this was no title

bool noun(const Entry* e) {
  return e && (e->kind == W::title || e->kind == W::caption || e->kind == W::lower_third);
}
bool says(const Entry* e) {
  return e && e->kind == W::saying;
}

// Words that introduce a text by themselves, without a "title" before them.
bool introduces(std::string_view phrase) {
  static constexpr std::string_view alone[] = {"titled",     "intitolato",  "entitled",    "intitolata",
                                               "dal titolo", "dal titolo:", "con scritto", "con la scritta",
                                               "write",      "scrivi",      "that says",   "che dice"};
  return std::ranges::find(alone, phrase) != std::end(alone);
}

// About a title's looks, not its words: "title card", "title in red", "titolo grande".
bool about_looks(const std::string& word) {
  static constexpr std::string_view words[] = {
      "card",  "cards",    "sequence", "screen",    "page",   "font",      "color",   "colour", "size",
      "style", "overlay",  "overlays", "animation", "big",    "bigger",    "large",   "small",  "bold",
      "nice",  "animated", "grande",   "piccolo",   "colore", "carattere", "animato", "bello",  "yes",
      "slide", "text",     "texts",    "appears",   "appear", "appare",    "fades",   "shown",  "visible"};
  return std::ranges::find(words, word) != std::end(words);
}

class BareTexts {
 public:
  BareTexts(std::string_view goal, std::vector<Token> tokens) : goal_(goal), in_(std::move(tokens)) {}

  std::vector<Token> run() {
    for (std::size_t i = 0; i < in_.size();) {
      std::size_t length = 0;
      const Entry* e = in_[i].is(W::word) ? phrase_at(in_, i, length) : nullptr;
      if (noun(e) || says(e)) {
        marker(i, length);
      } else {
        out_.push_back(in_[i++]);
      }
    }
    return std::move(out_);
  }

 private:
  bool word(std::size_t i) const { return i < in_.size() && in_[i].is(W::word); }
  bool colon(std::size_t i) const { return i < in_.size() && in_[i].is(W::comma) && in_[i].raw == ":"; }
  bool capital(std::size_t i) const {
    return word(i) && std::isupper(static_cast<unsigned char>(in_[i].raw[0]));
  }

  // At "title", "saying" and the like; advances over the marker and the text it introduces.
  void marker(std::size_t& i, std::size_t length) {
    std::string first(phrase(i, length));
    int markers = 0;
    bool has_noun = false, strong = introduces(first);
    std::size_t at = i;
    while (true) {
      std::size_t n = 0;
      const Entry* e = word(at) ? phrase_at(in_, at, n) : nullptr;
      if (!noun(e) && !says(e)) break;
      has_noun = has_noun || noun(e);
      strong = strong || introduces(phrase(at, n)) || (markers > 0 && says(e));
      ++markers;
      at += n;
      // "title with the words", "titolo che dice"
      std::size_t k = at;
      static constexpr std::string_view joins[] = {"with", "that", "which", "the", "con",
                                                   "la",   "il",   "che",   "of"};
      while (word(k) && k < at + 3 && std::ranges::find(joins, in_[k].text) != std::end(joins)) ++k;
      const Entry* next = word(k) ? phrase_at(in_, k, n) : nullptr;
      if (k > at && says(next)) at = k;
    }
    for (; i < at; ++i) out_.push_back(in_[i]);
    bool with_colon = colon(at);
    if (with_colon) strong = strong || has_noun;
    std::size_t begin = at + (with_colon ? 1 : 0);
    // `caption: "WOW"` is one clause.
    if (with_colon && begin < in_.size() && in_[begin].is(W::quoted)) {
      i = begin;
      return;
    }
    if (quoted_ahead(begin)) return;
    std::size_t end = text_end(begin, strong, has_noun);
    if (end <= begin) return;
    Token token{
        W::quoted, "", std::string(goal_.substr(in_[begin].begin, in_[end - 1].end - in_[begin].begin)),
        0,         0,  false};
    token.begin = in_[begin].begin;
    token.end = in_[end - 1].end;
    token.text = lower(token.raw);
    out_.push_back(std::move(token));
    i = end;
  }

  std::string phrase(std::size_t at, std::size_t length) const {
    std::string text;
    for (std::size_t n = 0; n < length; ++n) text += (n > 0 ? " " : "") + in_[at + n].text;
    return text;
  }

  // The text is in quotes after all, a few words on.
  bool quoted_ahead(std::size_t i) const {
    for (; i < in_.size() && !in_[i].is(W::stop) && !in_[i].is(W::comma) && !in_[i].is(W::open_clause); ++i)
      if (in_[i].is(W::quoted)) return true;
    return i + 1 < in_.size() && in_[i].is(W::comma) && in_[i + 1].is(W::quoted);
  }

  bool operative(std::size_t i) const {
    static constexpr std::string_view skipped[] = {"a",  "an",  "the", "another", "also",
                                                   "un", "una", "il",  "la",      "lo"};
    while (word(i) && std::ranges::find(skipped, in_[i].text) != std::end(skipped)) ++i;
    std::size_t n = 0;
    const Entry* e = word(i) ? phrase_at(in_, i, n) : nullptr;
    if (!e) return i < in_.size() && (in_[i].is(W::ratio) || in_[i].is(W::size) || in_[i].is(W::lines));
    return begins_wish(e->kind) || e->kind == W::slow_motion || e->kind == W::effect ||
           e->kind == W::on_beats;
  }

  // A number, a time or a place on screen follows: "for 2 seconds", "at the bottom", "in the corner".
  bool names_place(std::size_t i) const {
    while (word(i) &&
           (in_[i].text == "the" || in_[i].text == "about" || in_[i].text == "il" || in_[i].text == "la" ||
            in_[i].text == "l'" || in_[i].text == "circa" || in_[i].text == "an" || in_[i].text == "a"))
      ++i;
    if (i >= in_.size()) return false;
    if (in_[i].is(W::number) || in_[i].is(W::clock) || in_[i].is(W::ordinal)) return true;
    if (!word(i)) return false;
    if (is_number_word(in_[i].text)) return true;
    static constexpr std::string_view places[] = {
        "first", "last",      "middle",  "corner", "center", "centre",  "bottom",  "top",
        "left",  "right",     "upper",   "lower",  "second", "secondo", "secondi", "start",
        "end",   "beginning", "opening", "primi",  "ultimi", "prima",   "ultima",  "inizio",
        "fine",  "centro",    "basso",   "alto",   "whole",  "entire",  "screen",  "half"};
    return std::ranges::find(places, in_[i].text) != std::end(places);
  }

  bool ends_before(std::size_t i) const {
    const Token& token = in_[i];
    if (token.is(W::comma) || token.is(W::open_clause) || token.is(W::quoted) || token.is(W::file) ||
        token.is(W::clock) || token.is(W::stop))
      return true;
    std::size_t n = 0;
    if (token.is(W::number)) {
      const Entry* unit = word(i + 1) ? phrase_at(in_, i + 1, n) : nullptr;
      return unit && (unit->kind == W::unit_s || unit->kind == W::unit_min);
    }
    if (!token.is(W::word)) return false;
    const Entry* e = phrase_at(in_, i, n);
    if (is_number_word(token.text)) {
      const Entry* unit = word(i + 1) ? phrase_at(in_, i + 1, n) : nullptr;
      return unit && unit->kind == W::unit_s;
    }
    if (!e) return false;
    switch (e->kind) {
      case W::at_start:
      case W::at_end:
      case W::throughout:
      case W::on_beats: return true;
      case W::pos_top:
      case W::pos_bottom:
      case W::pos_center:
      case W::pos_left:
      case W::pos_right: return n > 1;
      case W::at:
      case W::for_:
      case W::to:
      case W::from:
      case W::in:
      case W::after:
      case W::before:
      case W::with: return names_place(i + n) || operative(i + n);
      case W::and_:
      case W::open_clause: return operative(i + n) || names_place(i + n);
      case W::long_word: return names_place(i + n);
      default: return false;
    }
  }

  std::size_t text_end(std::size_t begin, bool strong, bool has_noun) const {
    if (begin >= in_.size() || !(word(begin) || (strong && in_[begin].is(W::number)))) return begin;
    if (!(strong && capital(begin)) && ends_before(begin)) return begin;
    std::size_t n = 0;
    bool known =
        phrase_at(in_, begin, n) != nullptr || is_filler(in_[begin].text) || about_looks(in_[begin].text);
    bool accepted = strong ? !about_looks(in_[begin].text) || capital(begin)
                           : capital(begin) || (has_noun && !known && !is_number_word(in_[begin].text));
    if (!accepted) return begin;
    std::size_t end = begin + 1;
    while (end < in_.size() && end - begin < kMostWords && !ends_before(end)) ++end;
    // "Hello!" keeps its mark; a full stop ends the sentence of the goal, not the title.
    if (end < in_.size() && in_[end].is(W::stop) && in_[end].raw != "." && in_[end].begin == in_[end - 1].end)
      ++end;
    return end;
  }

  std::string_view goal_;
  std::vector<Token> in_, out_;
};

}  // namespace

std::vector<Token> quote_bare_texts(std::string_view goal, std::vector<Token> tokens) {
  return BareTexts(goal, std::move(tokens)).run();
}

}  // namespace studio::goal
