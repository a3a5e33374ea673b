// Tools on every model: OpenAI's `tools` compiled to a JSON schema the engine obeys, and its answer made tool
// calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace studio {

struct ToolOptions {
  // Ids of calls are made from it ("call_" and 24 letters), so the same seed gives the same ids.
  std::string id_seed = {};
  // Calls of one answer at most, where parallel ones are allowed.
  int max_parallel = 8;
  std::string upstream_model = {};  // put into the request's `model`; empty: left as it is
  // True: the caller asks once more when the model only makes calls again whose results are there (see
  // answer_from and ToolStream::repeated). False: such calls are given to the client like any other.
  bool ask_again = false;
  // Tools that may not be called this time, when others or words are left.
  std::vector<std::string> without = {};
  // What the answer must be, where the model might choose: see tool_decision.h. The prompt is the same for
  // all three, so that the engine's prefix cache holds.
  enum class Next { open, words, calls };
  Next next = Next::open;
};

// A chat request that any engine with JSON schemas can answer, and what is needed to read its answer.
// A value; share it by shared_ptr when a stream outlives the request.
struct CompiledTools {
  // The body for the engine: no tools, tool_choice, parallel_tool_calls; messages it understands;
  // response_format set.
  std::string engine_request;
  std::vector<std::string> names;  // of the tools that may be called
  bool constrained = false;        // false: tool_choice none or no tools, the answer is plain text
  bool text_allowed = true;        // auto: the model may answer in words
  bool parallel = false;
  bool text_is_json = false;      // a response_format of the client shapes the answer in words
  bool legacy = false;            // asked with `functions`: answered with function_call
  std::vector<std::string> stop;  // of the client; applies to words only, never inside a call
  std::string words_name;         // the member of the union that means words
  // Calls since the user's last words that have their results: name and arguments. Dropped when made again
  // (ToolOptions::ask_again).
  std::vector<std::pair<std::string, std::string>> answered;
  bool ask_again = false;
  std::string id_seed;
};

// Nothing when the request has no tools and no tool messages: it passes as it is.
// invalid_input names the field ("tools[2].function.name: ...") for what OpenAI refuses with 400: no or
// doubled names, schemas that are no objects, a tool_choice that names no tool, tool messages without their
// call.
//
// The union is over {"name": NAME, "arguments": ITS SCHEMA}, an array of them where parallel calls are
// allowed, with words as one more member where the model may choose. The names are constants, so is every
// enum. What grammar converters refuse (open patterns, `not`, `if`) is left out: the answer may then be wider
// than the schema.
Result<std::optional<CompiledTools>> compile_tools(const Json& request, const ToolOptions& options = {});

// A whole chat.completion of the engine, turned into what OpenAI would have answered: `tool_calls` with ids
// and arguments as text, content null, finish_reason "tool_calls"; words as content. Usage and other fields
// stay. An answer cut by max_tokens keeps finish_reason "length". engine_failed when it is no
// chat.completion.
//
// Small models like to make a call again whose result they have just been given. When the answer holds
// nothing but such calls, their names are put into `repeated` (where it is given): compile again with them in
// ToolOptions::without and ask once more, which costs little, for the prompt is the same.
Result<std::string> answer_from(const CompiledTools& tools, std::string_view engine_answer,
                                std::vector<std::string>* repeated = nullptr);

// The same for a stream: chunks of the engine in, chunks for the client out, every choice on its own.
//   engine:  {"name":"get_    weather","argu   ments":{"city":"Ro   me"}}
//   client:  role        name and id, arguments ""   {"city":"Ro   me"}      finish_reason tool_calls
class ToolStream {
 public:
  explicit ToolStream(std::shared_ptr<const CompiledTools> tools);
  ToolStream(ToolStream&&) noexcept;
  ToolStream& operator=(ToolStream&&) noexcept;
  ~ToolStream();

  // The data of one event in (a chat.completion.chunk), the data of none, one or several events out.
  // Chunks without choices (usage), errors and what is no JSON ("[DONE]") pass through.
  std::vector<std::string> feed(std::string_view data);
  // As for answer_from: names, once the answer ended with nothing but calls that have their results. The end
  // of the stream ("[DONE]", usage) is then held back: compile again, call ask_again, and feed the second
  // answer.
  const std::vector<std::string>& repeated() const;
  void ask_again(std::shared_ptr<const CompiledTools> tools);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace studio
