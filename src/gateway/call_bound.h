// How many calls one request of a person can mean at most.
#pragma once

#include <string_view>

namespace studio {

// 1 + the places where `text` goes on to a further thing ("and", a comma, a new line, ...; in the larger
// European languages); `most` when it speaks of several at once ("both", "all", "three", "compare"). A small
// model that has written a call under a schema that allows a further one likes to write one, whatever it was
// asked: measured with a 0.5B model, a fourth of all wrong answers. Where the bound is too low, the next call
// comes in the next turn.
int calls_asked_for(std::string_view text, int most);

}  // namespace studio
