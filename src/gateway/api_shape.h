// The Responses API and Anthropic's Messages API spoken in terms of chat completions: what tools on every
// model need there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace studio {

// A request of the other API as one of /v1/chat/completions; streams then ask for their usage. invalid_input
// names the field for what has no counterpart: stored conversations, tools that the provider runs (web
// search, files).
//   /v1/responses: instructions, input (text or items), tools, text.format, max_output_tokens
//   /v1/messages:  system, messages of blocks, tools with input_schema, stop_sequences
Result<Json> chat_from_responses(const Json& request);
Result<Json> chat_from_messages(const Json& request);

// The way back. Fed with chat completions as OpenAI would give them, with tool calls.
class AnswerShape {
 public:
  virtual ~AnswerShape() = default;
  // A whole chat.completion as the other API's answer.
  virtual std::string whole(const Json& completion) = 0;
  // A chat.completion.chunk as none, one or several whole server-sent events, appended to `events`.
  void chunk(const Json& chunk, std::vector<std::string>& events);
  // After the last chunk: what closes the stream.
  virtual void end(std::vector<std::string>& events) = 0;

 protected:
  enum class Open { nothing, words, call };  // the part of the answer that a stream is in

  virtual void begin(std::vector<std::string>& events) = 0;  // before anything else; again: nothing
  virtual void take_figures(const Json& completion) = 0;     // `usage`, and what else stands beside choices
  virtual void add_words(const std::string& words, std::vector<std::string>& events) = 0;
  virtual void add_call(const Json& call, std::vector<std::string>& events) = 0;  // a piece of tool_calls

  // "event: TYPE", with the type in the data, too.
  static std::string event_text(const char* type, Json event);

  std::string finish_;  // the last finish_reason
  Open open_ = Open::nothing;
};

// `request` is the client's own, `id_seed` makes the ids of the answer, `created` is in Unix seconds.
std::unique_ptr<AnswerShape> responses_shape(const Json& request, std::string_view id_seed,
                                             std::int64_t created);
std::unique_ptr<AnswerShape> messages_shape(const Json& request, std::string_view id_seed);

}  // namespace studio
