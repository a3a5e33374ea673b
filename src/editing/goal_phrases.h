// Words into phrases of the lexicon: the steps between the lexer and the assembling of numbers.
// Internal to editing/.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "editing/goal_lexicon.h"
#include "editing/goal_words.h"

namespace studio::goal {

// Lower case of ASCII and of the Latin-1 letters of Italian, in UTF-8.
std::string lower(std::string_view text);

// The longest phrase of the lexicon that begins with the word at `at`; null: none. `length`: its tokens.
const Entry* phrase_at(std::span<const Token> tokens, std::size_t at, std::size_t& length);

// Kinds of words that begin a wish of their own wherever they stand: after "and" they open a clause, and a
// title without quotes ends before them.
bool begins_wish(W kind);

// A number in words ("twelve", "ventuno"), one word only.
bool is_number_word(std::string_view word);

// Titles that stand in no quotes become W::quoted: "a title saying Hello World at the end",
// "caption: so tired", "con il titolo Buongiorno". Up to a word that says when or where.
std::vector<Token> quote_bare_texts(std::string_view goal, std::vector<Token> tokens);

// Slips of the finger in words that mean something here ("secnods", "vertcal") are read as meant; each
// is told in `mended`.
void mend_typing(std::vector<Token>& tokens, std::vector<std::string>& mended);

// Phrases become one token, number words numbers.
std::vector<Token> merge_phrases(const std::vector<Token>& tokens);

}  // namespace studio::goal
