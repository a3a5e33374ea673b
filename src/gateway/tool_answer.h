// Reads the JSON that a model writes under a compiled tool schema, piece by piece, into calls and words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace studio {

// What a piece of the answer held. Calls are numbered from 0.
struct ToolEvent {
  enum class Kind { call, arguments, words };
  Kind kind = Kind::words;
  int call = 0;
  std::string text;  // the call's name, a piece of its arguments, or a piece of the words
};

// [{"name": N, "arguments": A}, ...], one such object, or any text. Fed in pieces cut anywhere; what is known
// comes out at once: a call's name when it is read, its arguments as they are written, words with escapes
// undone. A call is held back while it could still turn out to equal an earlier one of this answer, or one
// that has its result already; equal ones are dropped, for small models tend to say the same again. What is
// no such JSON comes out as words.
class ToolAnswerReader {
 public:
  struct Call {
    std::string name, arguments;  // without spaces between tokens
  };
  struct Options {
    std::string words_name;       // the name that means words: "reply"; empty: every name is a tool's
    bool words_are_json = false;  // the arguments themselves are the words (a response_format of the client)
    std::vector<Call> answered;   // calls whose results are there already
  };
  explicit ToolAnswerReader(Options options) : options_(std::move(options)) {}

  std::vector<ToolEvent> feed(std::string_view piece);
  // At the end of the answer: what was held back.
  std::vector<ToolEvent> finish();
  int calls() const { return calls_; }
  // Names of calls that were dropped because their results are there.
  const std::vector<std::string>& repeated() const { return repeated_; }
  bool has_words() const { return has_words_; }

  // JSON without the spaces between its tokens.
  static std::string squeezed(std::string_view json);

 private:
  enum class At {
    start,
    item,
    key,
    in_key,
    colon,
    name,
    in_name,
    arguments,
    after_value,
    after_item,
    done,
    plain
  };
  void take(char c);
  void take_argument(char c);
  void end_argument();
  void close_item();
  void words_from(char c);
  void put_words(std::string_view text);
  void release();
  static bool matches(const std::vector<Call>& calls, const Call& call, bool whole);
  void go_plain();

  Options options_;
  At at_ = At::start;
  std::string key_;
  // Of the item being read.
  std::string name_, arguments_;
  std::size_t given_ = 0;  // bytes of arguments_ that have come out
  bool named_ = false, begun_ = false, argued_ = false;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, scalar_ = false;
  // Of words: where in {"text": "..."} we are.
  int words_at_ = 0;
  bool words_escape_ = false;
  std::string unicode_;
  std::uint32_t high_surrogate_ = 0;
  std::string seen_;  // everything so far, until it is known to be JSON of ours
  bool sure_ = false;
  std::vector<Call> earlier_;  // of this answer
  std::vector<std::string> repeated_;
  int calls_ = 0;
  bool has_words_ = false;
  std::vector<ToolEvent> out_;
};

}  // namespace studio
