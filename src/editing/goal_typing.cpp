// Slips of the finger: words one transposition or one letter away from a word that means something.
#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "editing/goal_leftovers.h"
#include "editing/goal_phrases.h"

namespace studio::goal {
namespace {

// Every word that stands in a phrase of the lexicon, sorted.
std::vector<std::string> vocabulary() {
  std::unordered_set<std::string> words;
  for (const Entry& entry : lexicon()) {
    std::string_view rest = entry.phrase;
    while (!rest.empty()) {
      auto blank = rest.find(' ');
      words.emplace(rest.substr(0, blank));
      rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
    }
  }
  std::vector<std::string> sorted(words.begin(), words.end());
  std::ranges::sort(sorted);
  return sorted;
}

bool transposed(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  std::size_t i = 0;
  while (i < a.size() && a[i] == b[i]) ++i;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] && a.substr(i + 2) == b.substr(i + 2);
}

// One letter more, less or other, inside the word: the first and last letters carry too much (shots,
// short, shorts are three words).
bool one_letter(std::string_view a, std::string_view b) {
  if (a.front() != b.front() || a.back() != b.back()) return false;
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  std::size_t i = 0;
  while (i < a.size() && a[i] == b[i]) ++i;
  return a.size() == b.size() ? a.substr(i + 1) == b.substr(i + 1) : a.substr(i) == b.substr(i + 1);
}

}  // namespace

void mend_typing(std::vector<Token>& tokens, std::vector<std::string>& mended) {
  std::vector<std::string> known;  // made only when a word needs it
  for (Token& token : tokens) {
    // Short words have too many neighbours; other letters than ASCII are rarely slips.
    if (!token.is(W::word) || token.text.size() < 5 || is_filler(token.text) || is_number_word(token.text))
      continue;
    if (std::ranges::any_of(token.text, [](char c) { return c < 'a' || c > 'z'; })) continue;
    if (known.empty()) known = vocabulary();
    if (std::ranges::binary_search(known, token.text)) continue;
    const std::string* meant = nullptr;
    bool several = false;
    for (const std::string& word : known) {
      bool near = transposed(token.text, word) ||
                  (token.text.size() >= 6 && word.size() >= 6 && one_letter(token.text, word));
      if (!near) continue;
      several = meant != nullptr;
      meant = &word;
    }
    if (!meant || several) continue;
    mended.push_back(fmt::format("\"{}\" read as \"{}\"", token.raw, *meant));
    token.text = *meant;
  }
}

}  // namespace studio::goal
