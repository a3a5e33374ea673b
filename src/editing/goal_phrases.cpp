// Number words, ordinals and phrases: what words of a goal mean together.
#include "editing/goal_phrases.h"

#include <cctype>
#include <optional>
#include <unordered_map>

namespace studio::goal {

// ASCII and the Latin-1 letters of Italian, in UTF-8.
std::string lower(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(out[i]);
    if (c < 0x80) {
      out[i] = static_cast<char>(std::tolower(c));
    } else if (c == 0xC3 && i + 1 < out.size()) {
      unsigned char next = static_cast<unsigned char>(out[i + 1]);
      if (next >= 0x80 && next <= 0x9E && next != 0x97) out[i + 1] = static_cast<char>(next + 0x20);
    }
  }
  return out;
}

namespace {

constexpr std::string_view kEnglish[] = {"zero",    "one",     "two",       "three",    "four",
                                         "five",    "six",     "seven",     "eight",    "nine",
                                         "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                         "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::string_view kEnglishTens[] = {"",      "",      "twenty",  "thirty", "forty",
                                             "fifty", "sixty", "seventy", "eighty", "ninety"};
constexpr std::string_view kItalian[] = {"zero",     "uno",    "due",         "tre",      "quattro",
                                         "cinque",   "sei",    "sette",       "otto",     "nove",
                                         "dieci",    "undici", "dodici",      "tredici",  "quattordici",
                                         "quindici", "sedici", "diciassette", "diciotto", "diciannove"};
constexpr std::string_view kItalianTens[] = {"",          "",         "venti",    "trenta",  "quaranta",
                                             "cinquanta", "sessanta", "settanta", "ottanta", "novanta"};
constexpr std::string_view kOrdinals[] = {"",      "first",   "second", "third", "fourth", "fifth",
                                          "sixth", "seventh", "eighth", "ninth", "tenth"};
constexpr std::string_view kItalianOrdinals[] = {"",     "prim",   "second", "terz", "quart", "quint",
                                                 "sest", "settim", "ottav",  "non",  "decim"};

std::optional<double> number_of(std::string_view word) {
  for (int i = 0; i < 20; ++i)
    if (word == kEnglish[i] || (word == kItalian[i] && i != 1)) return i;
  for (int t = 2; t < 10; ++t) {
    if (word == kEnglishTens[t] || word == kItalianTens[t]) return t * 10;
    std::string_view tens = kItalianTens[t];
    if (word.size() <= tens.size() - 1) continue;
    for (int i = 1; i < 10; ++i) {
      bool vowel = i == 1 || i == 8;
      std::string joined =
          std::string(vowel ? tens.substr(0, tens.size() - 1) : tens) + std::string(kItalian[i]);
      if (word == joined || (i == 3 && word == std::string(tens) + "tré")) return t * 10 + i;
    }
  }
  if (word == "hundred" || word == "cento") return 100;
  if (word == "centoventi") return 120;
  return std::nullopt;
}

std::optional<double> ordinal_of(std::string_view word) {
  for (int i = 1; i <= 10; ++i) {
    if (word == kOrdinals[i]) return i;
    std::string_view stem = kItalianOrdinals[i];
    if (word.size() == stem.size() + 1 && word.starts_with(stem) &&
        (word.back() == 'o' || word.back() == 'a') && word != "nono" + std::string(1, '\0'))
      return i;
  }
  return std::nullopt;
}

const std::unordered_map<std::string_view, const Entry*>& phrases() {
  static const auto* map = [] {
    auto* made = new std::unordered_map<std::string_view, const Entry*>;
    for (const Entry& entry : lexicon()) made->emplace(entry.phrase, &entry);
    return made;
  }();
  return *map;
}

constexpr std::size_t kLongestPhrase = 7;

}  // namespace

bool begins_wish(W kind) {
  switch (kind) {
    case W::keep:
    case W::avoid:
    case W::only:
    case W::start_with:
    case W::end_with:
    case W::start_at:
    case W::end_at:
    case W::make:
    case W::speed_up:
    case W::slow_down:
    case W::freeze:
    case W::mute:
    case W::keep_sound:
    case W::fade_in:
    case W::fade_out:
    case W::fade_black:
    case W::from_black:
    case W::fade_word:
    case W::reverse:
    case W::title:
    case W::caption:
    case W::normalize:
    case W::music_noun:
    case W::aspect:
    case W::transition: return true;
    default: return false;
  }
}

bool is_number_word(std::string_view word) {
  return number_of(word).has_value();
}

const Entry* phrase_at(std::span<const Token> tokens, std::size_t at, std::size_t& length) {
  const Entry* best = nullptr;
  std::string phrase;
  for (std::size_t n = 0; n < kLongestPhrase && at + n < tokens.size() && tokens[at + n].is(W::word); ++n) {
    if (n > 0) phrase += ' ';
    phrase += tokens[at + n].text;
    if (auto found = phrases().find(phrase); found != phrases().end()) {
      best = found->second;
      length = n + 1;
    }
  }
  return best;
}

std::vector<Token> merge_phrases(const std::vector<Token>& tokens) {
  std::vector<Token> out;
  for (std::size_t i = 0; i < tokens.size();) {
    if (!tokens[i].is(W::word)) {
      out.push_back(tokens[i++]);
      continue;
    }
    std::size_t best_length = 0;
    const Entry* best = phrase_at(tokens, i, best_length);
    std::string best_raw;
    for (std::size_t n = 0; n < best_length; ++n) best_raw += (n > 0 ? " " : "") + tokens[i + n].raw;
    auto& word = tokens[i];
    if (!best || best_length == 1) {
      if (auto value = number_of(word.text)) {
        out.push_back({W::number, word.text, word.raw, *value, 0, false});
        ++i;
        continue;
      }
      auto ordinal = ordinal_of(word.text);
      // "second" and "secondo" count only before what can be counted, else they are the unit.
      bool unit = word.text == "second" || word.text == "secondo";
      bool before_noun = false;
      if (i + 1 < tokens.size()) {
        auto next = phrases().find(tokens[i + 1].text);
        before_noun = next != phrases().end() &&
                      (next->second->kind == W::shot || next->second->kind == W::clip ||
                       next->second->kind == W::source_word || next->second->kind == W::half);
      }
      bool after_number = !out.empty() && (out.back().is(W::number) || out.back().is(W::half));
      if (ordinal && (*ordinal > 1) && (!unit || (before_noun && !after_number))) {
        out.push_back({W::ordinal, word.text, word.raw, *ordinal, 0, false});
        ++i;
        continue;
      }
    }
    if (best) {
      out.push_back({best->kind, best->id.empty() ? lower(best_raw) : std::string(best->id), best_raw,
                     best->value, 0, false});
      i += best_length;
    } else {
      out.push_back(word);
      ++i;
    }
  }
  return out;
}

}  // namespace studio::goal
