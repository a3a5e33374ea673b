// Call a tool or answer in words? Asked of the model as a probability, weighed with what the words themselves
// say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "gateway/tools.h"

namespace studio {

// Small models, left free under a schema, answer in words what a tool should do, and call tools for small
// talk: the first token they write says little. What they *think* says more: the probability of "reply"
// against those of the tools' names, where a call's name stands. One token of the engine, its prompt shared
// with the answer to come.
//
// The request for it: the compiled messages, and the beginning of a call for the model to go on from. Empty
// when there is nothing to decide (no tools, tool_choice required or none, a response_format of the client).
std::string decision_request(const CompiledTools& tools);

// The probability that `answer` (a chat.completion with logprobs) gives to words and to the tools' names;
// nothing when it tells none. Tokens count for the names they begin.
struct NextTokens {
  double words = 0, tools = 0;
};
std::optional<NextTokens> next_tokens(const CompiledTools& tools, std::string_view answer);

// How many of a request's words a tool's name, description, parameters and enum values have, the rare ones
// among the tools weighing more. 0: none.
double words_in_common(const Json& tool, const std::vector<Json>& all, std::string_view text);

// What comes next. `request` is the client's. Weights and thresholds were set with a 0.5B model on
// bench/tools (cases.json, more_cases.json); held_out.json there was written afterwards.
//   a fresh request: the odds of tools against words, plus words in common, plus whether it names anything
//   concrete
//                    (a number, a name, a path, a quotation) for arguments to be made of
//   after results:   words, unless a tool that was not called yet fits the request better than those that
//   were
ToolOptions::Next decide_next(const Json& request, const CompiledTools& tools, const NextTokens& thought,
                              std::vector<std::string>& without);

}  // namespace studio
