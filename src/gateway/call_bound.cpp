// Looks for joining words and for words of number.
#include "gateway/call_bound.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace studio {
namespace {

// Join two things that may be two calls. English, Italian, German, French, Spanish, Portuguese, Dutch.
constexpr std::array kJoining{"and",     "then",    "also",   "plus",    "e",  "ed",   "poi",    "anche",
                              "inoltre", "und",     "dann",   "auch",    "et", "puis", "aussi",  "y",
                              "luego",   "tambien", "também", "también", "en", "ook",  "versus", "vs"};
// Speak of several at once.
constexpr std::array kSeveral{
    "both",     "all",       "each",   "every", "everything", "compare",  "two",    "three",
    "four",     "five",      "six",    "seven", "eight",      "nine",     "ten",    "several",
    "multiple", "list",      "tutti",  "tutte", "entrambi",   "entrambe", "ogni",   "ciascuno",
    "ciascuna", "confronta", "due",    "tre",   "quattro",    "cinque",   "sei",    "sette",
    "otto",     "nove",      "dieci",  "alle",  "beide",      "jede",     "jeden",  "jedes",
    "zwei",     "drei",      "vier",   "fünf",  "vergleiche", "tous",     "toutes", "chaque",
    "deux",     "trois",     "quatre", "cinq",  "compare",    "todos",    "todas",  "ambos",
    "ambas",    "cada",      "dos",    "tres",  "cuatro",     "cinco",    "beiden", "alles",
    "elke",     "twee",      "drie"};

// After a comma these go on to nothing: "Square root of 2209, please."
constexpr std::array kCourtesy{"please", "thanks",     "thank",       "bitte",     "danke",
                               "grazie", "per favore", "per piacere", "por favor", "gracias",
                               "merci",  "s'il",       "alsjeblieft", "obrigad"};

bool is_courteous(std::string_view rest) {
  std::string low;
  for (const char c : rest.substr(0, 20))
    if (c != ' ' || !low.empty()) low += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::any_of(kCourtesy, [&](std::string_view word) { return low.starts_with(word); });
}

bool is_letter(unsigned char c) {
  return std::isalnum(c) || c == '_' || c == '\'' || c >= 0x80;
}

}  // namespace

int calls_asked_for(std::string_view text, int most) {
  int things = 1;
  std::string word;
  bool quoted = false;  // a list inside a quotation is one text
  const auto end_word = [&] {
    if (std::ranges::find(kSeveral, word) != kSeveral.end()) things = most;
    if (std::ranges::find(kJoining, word) != kJoining.end()) ++things;
    word.clear();
  };
  for (std::size_t i = 0; i < text.size() && things < most; ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    // The comma and the listing mark of Chinese and Japanese.
    if (text.substr(i).starts_with("、") || text.substr(i).starts_with("，")) {
      end_word();
      ++things;
      i += 2;
      continue;
    }
    if (is_letter(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    end_word();
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    // Not the comma of 1,000; not a full stop, after which people mostly explain.
    if ((c == ',' || c == ';') && std::isspace(static_cast<unsigned char>(next)) && i + 2 < text.size() &&
        !is_courteous(text.substr(i + 1)))
      ++things;
    if (c == '&' || c == '+' || (c == '\n' && !std::isspace(static_cast<unsigned char>(next)))) ++things;
  }
  if (things < most) end_word();
  return std::min(things, most);
}

}  // namespace studio
