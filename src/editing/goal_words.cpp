// Lexer of goals: characters to tokens, phrases of the lexicon merged, numbers and durations assembled.
#include "editing/goal_words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "editing/goal_phrases.h"

namespace studio::goal {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Typographic signs to ASCII, outside of quotes they carry no meaning of their own.
struct Sign {
  std::string_view utf8, ascii;
};
constexpr Sign kSigns[] = {{"\u2019", "'"}, {"\u2018", "'"}, {"\u2013", "-"},
                           {"\u2014", ","}, {"\u2212", "-"}, {"\u00d7", "x"},
                           {"\u2026", "."}, {"\u00a0", " "}, {"\u00bd", " 1/2 "}};

std::string_view closing_of(std::string_view text, std::size_t at, std::size_t& length) {
  struct Pair {
    std::string_view open, close;
  };
  static constexpr Pair pairs[] = {{"\u201c", "\u201d"}, {"\u201e", "\u201c"}, {"\u00ab", "\u00bb"},
                                   {"\u2018", "\u2019"}, {"\"", "\""},         {"`", "`"}};
  for (const Pair& pair : pairs)
    if (text.substr(at, pair.open.size()) == pair.open) {
      length = pair.open.size();
      return pair.close;
    }
  return {};
}

constexpr std::string_view kExtensions[] = {"mp3", "wav",  "flac", "ogg",  "m4a", "aac", "opus",
                                            "srt", "ass",  "vtt",  "ssa",  "mp4", "mov", "mkv",
                                            "avi", "webm", "png",  "jpeg", "jpg", "aiff"};

bool names_a_file(std::string_view word) {
  auto dot = word.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  auto extension = lower(word.substr(dot + 1));
  return std::ranges::find(kExtensions, extension) != std::end(kExtensions);
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> read() {
    while (at_ < text_.size()) {
      if (blank(text_[at_])) {
        ++at_;
        continue;
      }
      std::size_t begin = at_, before = tokens_.size();
      if (!quoted() && !sign() && !number() && !word()) punctuation();
      for (std::size_t i = before; i < tokens_.size(); ++i) tokens_[i].begin = begin, tokens_[i].end = at_;
    }
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void add(W kind, std::string raw, double value = 0, double value2 = 0) {
    Token token{kind, lower(raw), std::move(raw), value, value2, false};
    tokens_.push_back(std::move(token));
  }

  void add_quoted(std::string content) {
    add(names_a_file(content) && content.find('\n') == std::string::npos ? W::file : W::quoted, content);
  }

  bool quoted() {
    std::size_t open = 0;
    auto close = closing_of(text_, at_, open);
    if (!close.empty()) {
      auto end = text_.find(close, at_ + open);
      // 15" without a partner means seconds, as written in Italy.
      if (end == std::string_view::npos) {
        if (text_[at_] == '"' && at_ > 0 && digit(text_[at_ - 1])) add(W::unit_s, "s");
        at_ += open;
        return true;
      }
      add_quoted(std::string(text_.substr(at_ + open, end - at_ - open)));
      at_ = end + close.size();
      return true;
    }
    // A single quote opens only before a word and closes only after one: don't, l'inizio are neither.
    if (text_[at_] != '\'') return false;
    bool before = at_ == 0 || blank(text_[at_ - 1]) || text_[at_ - 1] == '(' || text_[at_ - 1] == ':' ||
                  text_[at_ - 1] == ',';
    if (!before || blank(peek(1))) return false;
    for (std::size_t end = at_ + 1; end < text_.size(); ++end) {
      if (text_[end] != '\'' || end == at_ + 1) continue;
      char next = end + 1 < text_.size() ? text_[end + 1] : ' ';
      if (letter(next) || digit(next)) continue;
      add_quoted(std::string(text_.substr(at_ + 1, end - at_ - 1)));
      at_ = end + 1;
      return true;
    }
    return false;
  }

  bool sign() {
    for (const Sign& s : kSigns)
      if (text_.substr(at_, s.utf8.size()) == s.utf8) {
        at_ += s.utf8.size();
        if (s.ascii == "-") return dash(), true;
        if (s.ascii == ",") return add(W::comma, ","), true;
        if (s.ascii == "x") return add(W::times, "x"), true;
        if (s.ascii == " 1/2 ") return add(W::half, "half"), true;
        return true;
      }
    return false;
  }

  void dash() {
    bool before_number = digit(peek());
    bool after_blank = tokens_.empty() || at_ < 2 || blank(text_[at_ - 2]) || text_[at_ - 2] == '(';
    if (before_number && after_blank) {
      negative_ = true;
    } else if (before_number && !tokens_.empty()) {
      add(W::dash, "-");
    } else if (!tokens_.empty() && blank(peek())) {
      add(W::dash, "-");
    }
  }

  bool number() {
    if (!digit(peek()) && !(peek() == '.' && digit(peek(1)))) return false;
    std::size_t begin = at_;
    double value = digits();
    if (peek() == ':' && digit(peek(1))) return clock_or_ratio(begin, value);
    if ((peek() == 'x' || peek() == 'X') && digit(peek(1))) {  // 1920x1080
      ++at_;
      double height = digits();
      add(W::size, std::string(text_.substr(begin, at_ - begin)), value, height);
      return true;
    }
    if (peek() == '/' && digit(peek(1))) {
      ++at_;
      double below = digits();
      add(W::number, std::string(text_.substr(begin, at_ - begin)), below > 0 ? value / below : 0);
      return true;
    }
    if (negative_) value = -value;
    negative_ = false;
    std::size_t after = at_;
    std::string suffix;
    while (after < text_.size() && letter(text_[after])) suffix += text_[after++];
    suffix = lower(suffix);
    if (suffix == "st" || suffix == "nd" || suffix == "rd" || suffix == "th" || suffix == "\u00aa" ||
        suffix == "\u00b0" || suffix == "\u00ba") {
      at_ = after;
      add(W::ordinal, std::string(text_.substr(begin, at_ - begin)), value);
    } else if (suffix == "x") {
      at_ = after;
      add(W::times, std::string(text_.substr(begin, at_ - begin)), value);
    } else if (suffix == "p" && value >= 100) {
      at_ = after;
      add(W::lines, std::string(text_.substr(begin, at_ - begin)), value);
    } else if (suffix == "k" && (value == 2 || value == 4 || value == 8)) {
      at_ = after;
      add(W::lines, std::string(text_.substr(begin, at_ - begin)),
          value == 4   ? 2160
          : value == 2 ? 1440
                       : 4320);
    } else {
      add(W::number, std::string(text_.substr(begin, at_ - begin)), value);
    }
    return true;
  }

  double digits() {
    std::size_t begin = at_;
    while (digit(peek())) ++at_;
    bool comma_list = peek() == ',' && begin > 0 && text_[begin - 1] == ',';
    if ((peek() == '.' || (peek() == ',' && !comma_list && decimal_comma(at_))) && digit(peek(1))) {
      ++at_;
      while (digit(peek())) ++at_;
    }
    std::string text(text_.substr(begin, at_ - begin));
    std::ranges::replace(text, ',', '.');
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return std::isfinite(value) ? value : 0;
  }

  // "12,5 secondi" is a decimal, "shots 3,1,2" and "1,2 and 3" are lists.
  bool decimal_comma(std::size_t comma) const {
    std::size_t i = comma + 1;
    while (i < text_.size() && digit(text_[i])) ++i;
    if (i < text_.size() && text_[i] == ',') return false;
    while (i < text_.size() && blank(text_[i])) ++i;
    std::string next;
    while (i < text_.size() && letter(text_[i])) next += text_[i++];
    next = lower(next);
    return next.starts_with("s") || next.starts_with("min") || next == "x" || next == "volte" ||
           next == "db" || next == "lufs";
  }

  bool clock_or_ratio(std::size_t begin, double first) {
    std::vector<double> parts{first};
    std::vector<std::size_t> widths;
    while (peek() == ':' && digit(peek(1))) {
      ++at_;
      std::size_t start = at_;
      parts.push_back(digits());
      std::size_t whole = 0;
      while (start + whole < at_ && digit(text_[start + whole])) ++whole;
      widths.push_back(whole);
    }
    std::string raw(text_.substr(begin, at_ - begin));
    static constexpr std::string_view ratios[] = {"9:16",   "16:9",   "1:1",  "4:5", "5:4",
                                                  "4:3",    "3:4",    "21:9", "2:1", "2.35:1",
                                                  "2.39:1", "1.85:1", "3:2",  "2:3", "16:10"};
    bool place = !tokens_.empty() && (tokens_.back().raw == "at" || tokens_.back().raw == "from" ||
                                      tokens_.back().raw == "to" || tokens_.back().raw == "alle" ||
                                      tokens_.back().raw == "dalle" || tokens_.back().is(W::dash));
    // "crop to 9:16" names a shape, "skip to 9:16" a place.
    static constexpr std::string_view shapers[] = {"crop",    "cropped",  "convert", "converted",
                                                   "reframe", "reframed", "resize",  "resized"};
    if (place && tokens_.back().raw == "to" && tokens_.size() >= 2)
      place = std::ranges::find(shapers, lower(tokens_[tokens_.size() - 2].raw)) == std::end(shapers);
    if (parts.size() == 2 && std::ranges::find(ratios, raw) != std::end(ratios) &&
        (!place || widths[0] == 1)) {
      add(W::ratio, raw, parts[0], parts[1]);
    } else {
      double seconds = 0;
      for (double part : parts) seconds = seconds * 60 + part;
      add(W::clock, raw, seconds);
    }
    return true;
  }

  bool word() {
    // A file name is read up to the next blank, so that it keeps its dots and slashes.
    std::size_t end = at_;
    while (end < text_.size() && !blank(text_[end]) && text_[end] != '"' && text_[end] != ',' &&
           text_[end] != ';')
      ++end;
    std::string_view run = text_.substr(at_, end - at_);
    while (!run.empty() && (run.back() == '.' || run.back() == ')' || run.back() == '!' || run.back() == '?'))
      run.remove_suffix(1);
    if (run.size() > 2 && names_a_file(run)) {
      add(W::file, std::string(run));
      at_ += run.size();
      return true;
    }
    if (!letter(peek()) && peek() != '@' && peek() != '~' && peek() != '&') return false;
    if (!letter(peek())) {
      add(W::word, std::string(1, peek()));
      ++at_;
      return true;
    }
    if (abbreviation()) return true;
    std::size_t begin = at_;
    while (at_ < text_.size()) {
      bool typographic = false;
      for (const Sign& s : kSigns) typographic = typographic || text_.substr(at_, s.utf8.size()) == s.utf8;
      std::size_t open = 0;
      if (typographic || (!letter(text_[at_]) && text_[at_] != '\'' && text_[at_] != '&') ||
          !closing_of(text_, at_, open).empty())
        break;
      if (text_[at_] == '\'' && !letter(peek(1))) break;
      ++at_;
    }
    std::string raw(text_.substr(begin, at_ - begin));
    // Typographic apostrophe directly inside a word.
    if (text_.substr(at_, 3) == "\u2019" && at_ + 3 < text_.size() && letter(text_[at_ + 3])) {
      at_ += 3;
      std::size_t rest = at_;
      while (at_ < text_.size() && letter(text_[at_])) ++at_;
      raw.append(1, '\'').append(text_.substr(rest, at_ - rest));
    }
    split_elision(raw);
    if (peek() == '-' && letter(peek(1))) ++at_;  // fast-paced is two words
    return true;
  }

  // "w/ music", "w/o sound", "in b/n": a stroke after a single letter belongs to the word.
  bool abbreviation() {
    if (peek(1) != '/') return false;
    std::string raw(text_.substr(at_, 2));
    std::size_t letters = 0;
    while (letter(peek(2 + letters))) ++letters;
    if (letters > 1 || (letters == 0 && lower(raw) != "w/")) return false;
    raw += text_.substr(at_ + 2, letters);
    std::string low = lower(raw);
    if (low == "w/o")
      add(W::word, "without");
    else
      add(W::word, low == "w/" ? "with" : raw);
    at_ += 2 + letters;
    return true;
  }

  // "l'inizio" is two words, "don't" is one.
  void split_elision(const std::string& raw) {
    auto apostrophe = raw.find('\'');
    std::string low = lower(raw);
    static constexpr std::string_view elided[] = {"l",    "un",   "all", "dell",  "nell",
                                                  "dall", "sull", "d",   "quell", "quest"};
    if (apostrophe != std::string::npos &&
        std::ranges::find(elided, low.substr(0, apostrophe)) != std::end(elided)) {
      add(W::word, raw.substr(0, apostrophe + 1));
      add(W::word, raw.substr(apostrophe + 1));
    } else {
      add(W::word, raw);
    }
  }

  void punctuation() {
    char c = text_[at_++];
    if (c == ',' || c == '(' || c == ')' || c == ':') add(W::comma, std::string(1, c));
    if (c == '.' || c == '!' || c == '?') add(W::stop, std::string(1, c));
    if (c == ';') add(W::open_clause, ";");
    if (c == '%') add(W::percent, "%");
    if (c == '-') dash();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool negative_ = false;
  std::vector<Token> tokens_;
};

// ---- numbers and durations ----

double unit_seconds(const Token& unit) {
  switch (unit.kind) {
    case W::unit_s: return unit.text == "ms" ? 0.001 : 1;
    case W::unit_min: return 60;
    case W::unit_h: return 3600;
    default: return 0;
  }
}

class Assembler {
 public:
  explicit Assembler(std::vector<Token> tokens) : in_(std::move(tokens)) {}

  std::vector<Token> run() {
    join_number_words();
    std::vector<Token> out;
    while (at_ < in_.size()) {
      if (!duration(out)) out.push_back(in_[at_++]);
    }
    return out;
  }

 private:
  const Token* peek(std::size_t ahead = 0) const {
    return at_ + ahead < in_.size() ? &in_[at_ + ahead] : nullptr;
  }
  bool is(std::size_t ahead, W kind) const { return peek(ahead) && peek(ahead)->is(kind); }

  // twenty five -> 25; one hundred (and) twenty -> 120; "a couple of" -> 2.
  void join_number_words() {
    std::vector<Token> out;
    for (std::size_t i = 0; i < in_.size(); ++i) {
      Token token = in_[i];
      bool words = token.is(W::number) && !token.raw.empty() && letter(token.raw[0]);
      if (words && !out.empty() && out.back().is(W::number) && letter(out.back().raw[0])) {
        double before = out.back().value;
        if (token.value == 100 && before < 10) {
          out.back().value = before * 100;
          out.back().raw += " " + token.raw;
          continue;
        }
        bool tens = before >= 20 && before < 100 && std::fmod(before, 10) == 0 && token.value < 10;
        if (tens || (before >= 100 && token.value < 100)) {
          out.back().value += token.value;
          out.back().raw += " " + token.raw;
          continue;
        }
      }
      if (token.is(W::word) && (token.text == "couple" || token.text == "paio")) {
        token.kind = W::number;
        token.value = 2;
        if (!out.empty() && out.back().is(W::a)) out.pop_back();
        out.push_back(token);
        if (i + 1 < in_.size() && in_[i + 1].is(W::of)) ++i;
        continue;
      }
      out.push_back(std::move(token));
    }
    in_ = std::move(out);
  }

  // Unit after a number, a dash between allowed ("15-second").
  double unit_at(std::size_t ahead, std::size_t& length) const {
    std::size_t skip = is(ahead, W::dash) ? 1 : 0;
    const Token* unit = peek(ahead + skip);
    if (!unit || unit_seconds(*unit) == 0) return 0;
    // "m" after a number is minutes only when nothing better follows; "a minute" was a phrase of its own.
    length = skip + 1;
    return unit_seconds(*unit);
  }

  bool duration(std::vector<Token>& out) {
    std::size_t start = at_;
    double total = 0;
    std::size_t used = 0;
    if (!one_amount(total, used)) return false;
    at_ += used;
    // 1 minute (and) 30 seconds
    while (true) {
      std::size_t skip = is(0, W::and_) ? 1 : 0;
      if (is(skip, W::number)) {
        std::size_t length = 0;
        double unit = unit_at(skip + 1, length);
        if (unit > 0 && unit < last_unit_) {
          total += peek(skip)->value * unit;
          last_unit_ = unit;
          at_ += skip + 1 + length;
          continue;
        }
        // "un minuto e 30": the seconds go without saying.
        if (unit == 0 && skip == 1 && last_unit_ == 60 && peek(1)->value < 60 && peek(0)->text != "or" &&
            !(peek(2) && (peek(2)->is(W::shot) || peek(2)->is(W::clip) || peek(2)->is(W::times) ||
                          peek(2)->is(W::cuts)))) {
          total += peek(1)->value;
          at_ += 2;
          break;
        }
      }
      break;
    }
    Token token{W::duration, "", "", total, 0, false};
    for (std::size_t i = start; i < at_; ++i) {
      if (i > start) token.raw += ' ';
      token.raw += in_[i].raw;
    }
    token.text = lower(token.raw);
    out.push_back(std::move(token));
    return true;
  }

  // number unit [and a half] | half [a|of a] unit | a unit [and a half] | number and a half unit | a quarter
  // ...
  bool one_amount(double& total, std::size_t& used) {
    std::size_t length = 0;
    if (is(0, W::a) && peek()->text == "a_minute") {
      total = 60;
      used = 1;
      last_unit_ = 60;
      return half_after(total, used, 60);
    }
    std::size_t i = is(0, W::a) ? 1 : 0;
    if (is(i, W::half) || is(i, W::quarter)) {
      double part = is(i, W::half) ? 0.5 : 0.25;
      std::size_t j = i + 1;
      while (is(j, W::a) || is(j, W::of)) {
        if (peek(j)->text == "a_minute") {
          total = part * 60;
          used = j + 1;
          last_unit_ = 0;
          return true;
        }
        ++j;
      }
      if (double unit = unit_at(j, length); unit > 0) {
        total = part * unit;
        used = j + length;
        last_unit_ = 0;
        return true;
      }
      return false;
    }
    if (is(0, W::a)) {
      double unit = unit_at(1, length);
      if (unit <= 0) return false;
      total = unit;
      used = 1 + length;
      last_unit_ = unit;
      return half_after(total, used, unit);
    }
    if (!is(0, W::number)) return false;
    double value = peek()->value;
    if (value < 0) return false;
    // three quarters of a minute
    if (is(1, W::quarter)) {
      std::size_t j = 2;
      bool minute = false;
      while (is(j, W::a) || is(j, W::of)) minute = minute || peek(j)->text == "a_minute", ++j;
      double unit = minute ? 60 : unit_at(j, length);
      if (unit <= 0) return false;
      total = value * 0.25 * unit;
      used = minute ? j : j + length;
      last_unit_ = 0;
      return true;
    }
    // one and a half minutes
    if (is(1, W::and_) && (is(2, W::half) || (is(2, W::a) && is(3, W::half)))) {
      std::size_t j = is(2, W::half) ? 3 : 4;
      if (double unit = unit_at(j, length); unit > 0) {
        total = (value + 0.5) * unit;
        used = j + length;
        last_unit_ = 0;
        return true;
      }
    }
    double unit = unit_at(1, length);
    if (unit <= 0) return false;
    total = value * unit;
    used = 1 + length;
    last_unit_ = unit;
    return half_after(total, used, unit);
  }

  bool half_after(double& total, std::size_t& used, double unit) {
    if (!is(used, W::and_)) return true;
    std::size_t j = used + 1;
    if (is(j, W::a)) ++j;
    if (!is(j, W::half)) return true;
    // "a second and half speed" is not a second and a half.
    if (peek(j + 1) && (peek(j + 1)->is(W::speed_word) || peek(j + 1)->is(W::of))) return true;
    total += 0.5 * unit;
    used = j + 1;
    return true;
  }

  std::vector<Token> in_;
  std::size_t at_ = 0;
  double last_unit_ = 0;
};

bool mostly_italian(const std::vector<Token>& tokens) {
  static constexpr std::string_view italian[] = {
      "il",     "di",   "e",    "la",        "che",     "un",  "una",    "con",     "per",     "del",
      "della",  "dei",  "le",   "gli",       "nel",     "al",  "alla",   "secondi", "minuto",  "fine",
      "inizio", "fai",  "crea", "montaggio", "senza",   "più", "ultimi", "primi",   "tieni",   "usa",
      "metti",  "all'", "l'",   "dal",       "filmato", "e",   "mezzo",  "solo",    "velocità"};
  static constexpr std::string_view english[] = {"the",    "of",  "and",   "a",    "with", "to",
                                                 "for",    "in",  "at",    "from", "make", "seconds",
                                                 "second", "end", "start", "use",  "keep", "it"};
  int balance = 0;
  for (const Token& token : tokens) {
    if (!token.is(W::word)) continue;
    if (std::ranges::find(italian, token.text) != std::end(italian)) ++balance;
    if (std::ranges::find(english, token.text) != std::end(english)) --balance;
  }
  return balance > 0;
}

// "fade from white (1 s)" is "fade from white for 1 s": an amount in brackets says more of what stands
// before it, it opens no clause.
std::vector<Token> open_brackets(std::vector<Token> tokens) {
  constexpr std::size_t kLongest = 4;  // "about 1.5 s"
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (!tokens[i].is(W::comma) || tokens[i].raw != "(") continue;
    std::size_t end = i + 1;
    bool amount = false;
    while (end < tokens.size() && end <= i + kLongest &&
           (tokens[end].is(W::number) || tokens[end].is(W::word)))
      amount = amount || tokens[end].is(W::number) || is_number_word(tokens[end].text), ++end;
    if (!amount || end >= tokens.size() || !tokens[end].is(W::comma) || tokens[end].raw != ")") continue;
    tokens[i].kind = W::word;
    tokens[i].raw = tokens[i].text = "for";
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return tokens;
}

}  // namespace

std::vector<Token> read_words(std::string_view goal, bool& italian, std::vector<std::string>& mended) {
  auto tokens = quote_bare_texts(goal, open_brackets(Lexer(goal).read()));
  italian = mostly_italian(tokens);
  mend_typing(tokens, mended);
  return Assembler(merge_phrases(tokens)).run();
}

}  // namespace studio::goal
