// The phrases that the goal reader knows, English and Italian. Internal to editing/.
#pragma once

#include <span>
#include <string_view>

#include "editing/goal_words.h"

namespace studio::goal {

struct Entry {
  std::string_view phrase;  // lower case words separated by one blank; elisions end in '
  W kind;
  std::string_view id = {};  // replaces the text when not empty
  double value = 0;
};

std::span<const Entry> lexicon();

}  // namespace studio::goal
