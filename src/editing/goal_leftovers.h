// What no reader of the goal took: named to the person instead of dropped. Internal to editing/.
#pragma once

#include <string_view>

#include "editing/goal_reader.h"

namespace studio::goal {

// Words that carry no wish of their own ("please", "voglio"), in English and Italian.
bool is_filler(std::string_view word);

// Words for taste only ("funny", "emozionante"): the model hears them, no code can check them.
bool is_mood(std::string_view word);

// Fills `unmet` with what was asked for and cannot be done, `not_understood` with words that nothing
// answers to, `mood_words` with those left to the model. After all other readers.
void name_leftovers(Reading& reading);

}  // namespace studio::goal
