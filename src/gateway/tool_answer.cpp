// A small state machine over the bytes of the answer; it never looks back further than one call.
#include "gateway/tool_answer.h"

#include <algorithm>
#include <utility>

namespace studio {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

constexpr std::uint32_t kReplacement = 0xFFFD;

}  // namespace

std::vector<ToolEvent> ToolAnswerReader::feed(std::string_view piece) {
  for (const char c : piece) {
    if (!sure_ && at_ != At::plain) seen_ += c;
    take(c);
  }
  release();
  return std::exchange(out_, {});
}

std::vector<ToolEvent> ToolAnswerReader::finish() {
  if (at_ == At::plain) return {};
  // An engine that ignored the schema and wrote something that only began like it.
  if (!sure_ && !seen_.empty() && at_ != At::done) {
    put_words(seen_);
    seen_.clear();
  }
  // Cut in the middle of a call: what there is of it comes out, also when it began like an earlier one.
  if (named_ && name_ != options_.words_name && at_ == At::arguments && !begun_) {
    begun_ = true;
    out_.push_back({ToolEvent::Kind::call, calls_++, name_});
  }
  release();
  at_ = At::done;
  return std::exchange(out_, {});
}

void ToolAnswerReader::go_plain() {
  at_ = At::plain;
  put_words(seen_);
  seen_.clear();
}

void ToolAnswerReader::take(char c) {
  switch (at_) {
    case At::plain: return put_words({&c, 1});
    case At::done: return;
    case At::start:
      if (is_space(c)) return;
      if (c == '[')
        at_ = At::item;
      else if (c == '{')
        at_ = At::key;
      else
        go_plain();
      return;
    case At::item:
      if (c == '{')
        at_ = At::key;
      else if (c == ']')
        at_ = At::done;
      else if (!is_space(c) && c != ',' && !sure_)
        go_plain();
      return;
    case At::key:
      if (c == '"') {
        key_.clear();
        at_ = At::in_key;
      } else if (c == '}') {
        close_item();
      } else if (!is_space(c) && c != ',' && !sure_) {
        go_plain();
      }
      return;
    case At::in_key:
      if (c != '"') {
        key_ += c;
        return;
      }
      if (key_ != "name" && key_ != "arguments" && !sure_) return go_plain();
      at_ = At::colon;
      return;
    case At::colon:
      if (c == ':') at_ = key_ == "name" ? At::name : At::arguments;
      return;
    case At::name:
      if (c == '"') at_ = At::in_name;
      return;
    case At::in_name:
      if (c != '"') {
        if (!named_) name_ += c;  // a second name of one call counts for nothing
        return;
      }
      if (named_) {
        at_ = At::after_value;
        return;
      }
      named_ = sure_ = true;
      seen_.clear();
      at_ = At::after_value;
      // Arguments that came first are told now.
      if (name_ == options_.words_name)
        for (const char held : std::exchange(arguments_, {})) words_from(held);
      return;
    case At::arguments: return take_argument(c);
    case At::after_value:
      if (c == ',') at_ = At::key;
      if (c == '}') close_item();
      return;
    case At::after_item:
      if (c == ',') at_ = At::item;
      if (c == ']') at_ = At::done;
      return;
  }
}

// The value of "arguments" as it stands, whatever it is; it ends with its bracket, or for a plain value at
// the comma or bracket after it.
void ToolAnswerReader::take_argument(char c) {
  const bool words = named_ && name_ == options_.words_name;
  const auto keep = [&] {
    if (argued_) return;  // a second value of one call
    if (words)
      words_from(c);
    else
      arguments_ += c;
  };
  if (in_string_) {
    keep();
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
    if (!in_string_ && depth_ == 0) end_argument();
    return;
  }
  if (depth_ == 0 && !scalar_ && is_space(c)) return;
  if (scalar_ && (c == ',' || c == '}' || is_space(c))) {
    end_argument();
    return take(c);
  }
  keep();
  if (c == '"')
    in_string_ = true;
  else if (c == '{' || c == '[')
    ++depth_;
  else if (c == '}' || c == ']')
    --depth_;
  else if (depth_ == 0)
    scalar_ = true;
  if (depth_ <= 0 && !in_string_ && !scalar_) end_argument();
}

void ToolAnswerReader::end_argument() {
  scalar_ = false;
  depth_ = 0;
  argued_ = true;
  at_ = At::after_value;
}

// Words: {"text": "..."} undone, or the arguments as they are.
void ToolAnswerReader::words_from(char c) {
  if (options_.words_are_json) return put_words({&c, 1});
  // 0: before the value, 1: past the key's colon, 2: inside the text, 3: past it
  switch (words_at_) {
    case 0:
      if (c == ':') words_at_ = 1;
      return;
    case 1:
      if (c == '"') words_at_ = 2;
      return;
    case 2: break;
    default: return;
  }
  std::string text;
  if (!unicode_.empty()) {  // within \uXXXX; the u itself is kept as a mark
    unicode_ += c;
    if (unicode_.size() < 5) return;
    std::uint32_t code = 0;
    for (const char digit : unicode_.substr(1)) {
      const int value = digit >= '0' && digit <= '9'   ? digit - '0'
                        : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                        : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                       : 0;
      code = code * 16 + static_cast<std::uint32_t>(value);
    }
    unicode_.clear();
    if (code >= 0xD800 && code < 0xDC00) {
      if (high_surrogate_) append_utf8(text, kReplacement);
      high_surrogate_ = code;
    } else if (code >= 0xDC00 && code < 0xE000) {
      append_utf8(text, high_surrogate_ ? 0x10000 + ((high_surrogate_ - 0xD800) << 10) + (code - 0xDC00)
                                        : kReplacement);
      high_surrogate_ = 0;
    } else {
      if (high_surrogate_) append_utf8(text, kReplacement);
      high_surrogate_ = 0;
      append_utf8(text, code);
    }
    return put_words(text);
  }
  if (words_escape_) {
    words_escape_ = false;
    if (c == 'u') {
      unicode_.assign(1, 'u');
      return;
    }
    constexpr std::string_view kFrom = "nrtbf", kTo = "\n\r\t\b\f";
    const auto known = kFrom.find(c);
    text += known == std::string_view::npos ? c : kTo[known];
  } else if (c == '\\') {
    words_escape_ = true;
    return;
  } else if (c == '"') {
    words_at_ = 3;
    return;
  } else {
    text += c;
  }
  if (high_surrogate_) {
    std::string lost;
    append_utf8(lost, kReplacement);
    high_surrogate_ = 0;
    put_words(lost);
  }
  put_words(text);
}

void ToolAnswerReader::put_words(std::string_view text) {
  if (text.empty()) return;
  has_words_ = true;
  if (!out_.empty() && out_.back().kind == ToolEvent::Kind::words)
    out_.back().text += text;
  else
    out_.push_back({ToolEvent::Kind::words, 0, std::string(text)});
}

std::string ToolAnswerReader::squeezed(std::string_view json) {
  std::string out;
  bool inside = false, escaped = false;
  for (const char c : json) {
    if (!inside && is_space(c)) continue;
    out += c;
    if (!inside)
      inside = c == '"';
    else if (escaped)
      escaped = false;
    else if (c == '\\')
      escaped = true;
    else if (c == '"')
      inside = false;
  }
  return out;
}

// Equal so far to one of `calls` (whole: equal to its end).
bool ToolAnswerReader::matches(const std::vector<Call>& calls, const Call& call, bool whole) {
  return std::ranges::any_of(calls, [&](const Call& one) {
    return one.name == call.name &&
           (whole ? one.arguments == call.arguments : one.arguments.starts_with(call.arguments));
  });
}

// Gives what is known of the call being read and not held back.
void ToolAnswerReader::release() {
  if (!named_ || name_ == options_.words_name) return;
  if (!begun_) {
    const bool nothing_to_equal = earlier_.empty() && options_.answered.empty();
    const Call call = nothing_to_equal ? Call{} : Call{name_, squeezed(arguments_)};
    if (!nothing_to_equal && (matches(earlier_, call, false) || matches(options_.answered, call, false)))
      return;
    begun_ = true;
    out_.push_back({ToolEvent::Kind::call, calls_++, name_});
  }
  if (given_ == arguments_.size()) return;
  out_.push_back({ToolEvent::Kind::arguments, calls_ - 1, arguments_.substr(given_)});
  given_ = arguments_.size();
}

void ToolAnswerReader::close_item() {
  if (named_ && name_ != options_.words_name) {
    if (arguments_.empty()) arguments_ = "{}";
    const Call call{name_, squeezed(arguments_)};
    if (!begun_ && matches(options_.answered, call, true)) {
      repeated_.push_back(name_);
    } else if (begun_ || !matches(earlier_, call, true)) {
      if (!begun_) out_.push_back({ToolEvent::Kind::call, calls_++, name_});
      begun_ = true;
      release();
      earlier_.push_back(call);
    }
  }
  name_.clear();
  arguments_.clear();
  given_ = 0;
  named_ = begun_ = argued_ = false;
  words_at_ = 0;
  at_ = At::after_item;
}

}  // namespace studio
