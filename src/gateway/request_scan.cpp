// One pass over a request's JSON text: validates it all, remembers the few fields that decide its way.
#include "gateway/request_scan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "base/json.h"

#include <nlohmann/json.hpp>

namespace studio {
namespace {

constexpr int kDeepest = 200;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Types of the fields that all engines read alike; null stands for "not given" in every one.
struct FieldType {
  std::string_view name;
  std::string_view allowed;  // first letters of values: '"' text, '[' '{', 't' true or false, '0' a number
  std::string_view words;
  double low = -1e300, high = 1e300;
};
constexpr FieldType kFieldTypes[] = {
    {"messages", "[", "an array of objects"},
    {"temperature", "0", "a decimal", 0, 2},
    {"top_p", "0", "a decimal", 0, 1},
    {"presence_penalty", "0", "a decimal", -2, 2},
    {"frequency_penalty", "0", "a decimal", -2, 2},
    {"max_tokens", "i", "an integer", 0, 1e300},
    {"max_completion_tokens", "i", "an integer", 1, 1e300},
    {"max_output_tokens", "i", "an integer", 1, 1e300},
    {"n", "i", "an integer", 1, 1e300},
    {"seed", "i", "an integer"},
    {"top_logprobs", "i", "an integer", 0, 20},
    {"stop", "\"[", "a string or an array of strings"},
    {"tools", "[", "an array of objects"},
    {"functions", "[", "an array of objects"},
    {"tool_choice", "\"{", "a string or an object"},
    {"parallel_tool_calls", "t", "a boolean"},
    {"response_format", "{", "an object"},
    {"stream_options", "{", "an object"},
    {"input", "\"[", "a string or an array"},
    {"prompt", "\"[", "a string or an array"},
    {"documents", "[", "an array"},
    {"query", "\"", "a string"},
};

// The kind of a value by its first letter.
char kind_of(std::string_view value) {
  const char first = value.front();
  if (first == 't' || first == 'f') return 't';
  if (first == '-' || is_digit(first))
    return value.find_first_of(".eE") == std::string_view::npos ? 'i' : '0';
  return first;  // '"', '[', '{', and 'n' of null
}

std::string_view name_of_kind(char kind) {
  switch (kind) {
    case 't': return "a boolean";
    case 'i': return "an integer";
    case '0': return "a decimal";
    case '"': return "a string";
    case '[': return "an array";
    case '{': return "an object";
    default: return "null";
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Result<RequestScan> scan() {
    skip_spaces();
    if (!at('{')) return wrong("expected an object");
    ++at_;
    scan_.fields_begin = at_;
    skip_spaces();
    if (at('}')) {
      ++at_;
      scan_.empty_object = true;
    } else if (!fields()) {
      return std::unexpected(std::move(*error_));
    }
    skip_spaces();
    if (at_ != text_.size()) return wrong("something follows the object");
    return std::move(scan_);
  }

 private:
  bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::unexpected<Error> wrong(std::string_view why) {
    return fail(ErrorKind::invalid_input,
                fmt::format("the body is no JSON the API takes: byte {}: {}", at_,
                            at_ < text_.size() ? why : "it ends too early"),
                "send one JSON object with Content-Type: application/json");
  }
  bool reject(std::string_view why) {
    if (!error_) error_ = wrong(why).error();
    return false;
  }
  bool reject_field(std::string message) {
    if (!error_) error_ = Error{ErrorKind::invalid_input, std::move(message), {}};
    return false;
  }

  // The top-level fields, and the few that matter.
  bool fields() {
    for (;;) {
      skip_spaces();
      const std::size_t key_from = at_;
      if (!string()) return false;
      const std::string_view quoted = text_.substr(key_from, at_ - key_from);
      skip_spaces();
      if (!at(':')) return reject("expected a colon");
      ++at_;
      skip_spaces();
      const std::size_t from = at_;
      const bool messages = quoted == "\"messages\"" && at('[');
      if (messages ? !array(1, true) : !value(1)) return false;
      if (!remember(quoted, {from, at_})) return false;
      skip_spaces();
      if (at(',')) {
        ++at_;
        continue;
      }
      if (!at('}')) return reject("expected a comma or the object's end");
      ++at_;
      return true;
    }
  }

  static std::string decoded(std::string_view quoted) {
    if (!quoted.contains('\\')) return std::string(quoted.substr(1, quoted.size() - 2));
    const auto text = parse_json(quoted, "a string");
    return text && text->is_string() ? text->get<std::string>() : std::string();
  }

  bool remember(std::string_view quoted_key, FieldPlace place) {
    // A key may hide behind escapes; the engine would see through them.
    const std::string hidden = quoted_key.contains('\\') ? decoded(quoted_key) : std::string();
    const std::string_view key = hidden.empty() ? quoted_key.substr(1, quoted_key.size() - 2) : hidden;
    const std::string_view value = place.in(text_);
    if (!scan_.wrong_type) check_type(key, value);
    if (key == "model") {
      if (scan_.model_place.found()) return reject_field("model: given twice");
      if (!value.starts_with('"')) return reject_field("model: expected a string");
      scan_.model = decoded(value);
      scan_.model_place = place;
    } else if (key == "stream") {
      if (stream_seen_) return reject_field("stream: given twice");
      stream_seen_ = true;
      if (value != "true" && value != "false" && value != "null")
        return reject_field("stream: expected true or false");
      scan_.stream = value == "true";
    } else if (key == "temperature") {
      double number = 1;
      std::from_chars(value.data(), value.data() + value.size(), number);
      if (number == 0) scan_.deterministic = true;
    } else if (key == "seed") {
      if (value != "null") scan_.deterministic = true;
    } else if (key == "tools" || key == "functions" || key == "tool_choice") {
      if (value != "null") scan_.tools = true;
    } else if (key == "messages" || key == "input") {
      if (key == "messages") scan_.messages = place;
      if (key == "messages" && (value.contains("\"tool_calls\"") || value.contains("\"tool_call_id\"") ||
                                value.contains("\"function_call\"")))
        scan_.tools = true;
      if (value.contains("\"image_url\"") || value.contains("\"input_image\"")) scan_.images = true;
      if (key == "input") {
        scan_.input = place;
        if (value.contains("\"function_call")) scan_.tools = true;
      }
    } else if (key == "prompt") {
      scan_.prompt = place;
    } else if (key == "query") {
      scan_.query = place;
    } else if (key == "documents") {
      scan_.documents = place;
    } else if (key == "stream_options") {
      scan_.stream_options = place;
      scan_.include_usage = value.contains("\"include_usage\"") && value.contains("true");
    }
    return true;
  }

  void check_type(std::string_view key, std::string_view value) {
    const char kind = kind_of(value);
    if (kind == 'n') return;
    for (const FieldType& field : kFieldTypes) {
      if (field.name != key) continue;
      const bool whole_for_decimal = kind == 'i' && field.allowed.contains('0');
      if (!field.allowed.contains(kind) && !whole_for_decimal)
        scan_.wrong_type = {field.name, field.words, name_of_kind(kind)};
      else if ((kind == 'i' || kind == '0') && !scan_.out_of_range)
        check_range(field, value);
      return;
    }
  }

  void check_range(const FieldType& field, std::string_view value) {
    double found = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), found).ec != std::errc()) return;
    if (found < field.low || found > field.high)
      scan_.out_of_range = {field.name, field.low, field.high, found, field.allowed == "i"};
  }

  bool value(int depth) {
    if (depth > kDeepest) return reject("nested too deeply");
    if (at_ >= text_.size()) return reject("a value is missing");
    switch (text_[at_]) {
      case '"': return string();
      case '{': return object(depth);
      case '[': return array(depth);
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }

  // `role`: set when there is a field of that name whose value is a string.
  bool object(int depth, bool* role = nullptr) {
    ++at_;
    skip_spaces();
    if (at('}')) return ++at_, true;
    for (;;) {
      skip_spaces();
      const std::size_t key_from = at_;
      if (!string()) return false;
      const bool is_role = role && text_.substr(key_from, at_ - key_from) == "\"role\"";
      skip_spaces();
      if (!at(':')) return reject("expected a colon");
      ++at_;
      skip_spaces();
      if (is_role) *role = at('"');
      if (!value(depth + 1)) return false;
      skip_spaces();
      if (at(',')) {
        ++at_;
        continue;
      }
      if (!at('}')) return reject("expected a comma or the object's end");
      ++at_;
      return true;
    }
  }

  bool array(int depth, bool messages = false) {
    ++at_;
    skip_spaces();
    if (at(']')) return ++at_, true;
    for (std::size_t index = 0;; ++index) {
      skip_spaces();
      if (messages ? !message(index) : !value(depth + 1)) return false;
      skip_spaces();
      if (at(',')) {
        ++at_;
        continue;
      }
      if (!at(']')) return reject("expected a comma or the array's end");
      ++at_;
      return true;
    }
  }

  bool message(std::size_t index) {
    if (!at('{')) {
      if (!scan_.no_message) scan_.no_message = index;
      return value(2);
    }
    bool role = false;
    if (!object(2, &role)) return false;
    if (!role && !scan_.no_role) scan_.no_role = index;
    return true;
  }

  bool word(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(wanted)) return reject("expected a value");
    at_ += wanted.size();
    return true;
  }

  bool number() {
    const auto digits = [this] {
      const std::size_t from = at_;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      return at_ > from;
    };
    const std::size_t from = at_;
    if (at('-')) ++at_;
    if (at('0')) {
      ++at_;
    } else if (!digits()) {
      return reject("expected a value");
    }
    if (at('.')) {
      ++at_;
      if (!digits()) return reject("expected digits");
    }
    bool large = at_ - from > 300;
    if (at('e') || at('E')) {
      large = true;
      ++at_;
      if (at('+') || at('-')) ++at_;
      if (!digits()) return reject("expected digits");
    }
    // Engines refuse what no double holds.
    if (large && std::isinf(std::strtod(std::string(text_.substr(from, at_ - from)).c_str(), nullptr)))
      return reject("a number that is too large");
    return true;
  }

  bool string() {
    if (!at('"')) return reject("expected a string");
    ++at_;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') return ++at_, true;
      if (c == '\\') {
        if (!escape()) return false;
      } else if (c < 0x20) {
        return reject("a control character in a string");
      } else if (c < 0x80) {
        ++at_;
      } else if (!utf8()) {
        return reject("not UTF-8");
      }
    }
    return reject("a string is not closed");
  }

  bool escape() {
    if (at_ + 1 >= text_.size()) {
      at_ = text_.size();
      return reject("");
    }
    const char kind = text_[at_ + 1];
    if (kind == 'u') {
      if (!has_unit(at_)) return reject("expected four hexadecimal digits");
      // A surrogate outside a pair is no character (RFC 8259, section 8.2), and JSON libraries refuse it.
      if (is_surrogate(at_, "89abAB")) {
        if (!has_unit(at_ + 6) || !is_surrogate(at_ + 6, "cdefCDEF")) return reject("half a surrogate pair");
        at_ += 6;
      } else if (is_surrogate(at_, "cdefCDEF")) {
        return reject("half a surrogate pair");
      }
      at_ += 6;
      return true;
    }
    if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos)
      return reject("an unknown escape");
    at_ += 2;
    return true;
  }

  // A whole \uXXXX stands at `from`.
  bool has_unit(std::size_t from) const {
    if (from + 6 > text_.size() || text_[from] != '\\' || text_[from + 1] != 'u') return false;
    return std::ranges::all_of(text_.substr(from + 2, 4), is_hex);
  }
  bool is_surrogate(std::size_t from, std::string_view second_digit) const {
    return (text_[from + 2] == 'd' || text_[from + 2] == 'D') && second_digit.contains(text_[from + 3]);
  }

  // Well-formed UTF-8 (Unicode 15, table 3-7): no surrogates, nothing overlong, nothing past U+10FFFF.
  bool utf8() {
    const auto byte = [this](std::size_t i) -> unsigned {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0u;
    };
    const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
      return byte(i) >= low && byte(i) <= high;
    };
    const unsigned first = byte(0);
    std::size_t length = 0;
    if (first >= 0xC2 && first <= 0xDF && follows(1))
      length = 2;
    else if (first >= 0xE0 && first <= 0xEF &&
             follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && follows(2))
      length = 3;
    else if (first >= 0xF0 && first <= 0xF4 &&
             follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3))
      length = 4;
    at_ += length;
    return length > 0;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  RequestScan scan_;
  bool stream_seen_ = false;
  std::optional<Error> error_;
};

}  // namespace

Result<RequestScan> scan_request(std::string_view body) {
  return Scanner(body).scan();
}

// The same bytes begin each request of a conversation: clients send the old messages again as they were.
std::optional<Conversation> conversation_of(std::string_view body, const RequestScan& scan) {
  const std::string_view messages = scan.messages.in(body);
  const std::size_t user = messages.find("\"user\"");
  if (user == std::string_view::npos) return std::nullopt;
  const std::size_t end = messages.find('}', user);
  Conversation found;
  found.hash = std::hash<std::string_view>()(messages.substr(0, end));
  found.goes_on = messages.contains("\"assistant\"");
  return found;
}

std::vector<std::string_view> with_model(std::string_view body, const RequestScan& scan,
                                         std::string_view name, std::string& json_name) {
  if (scan.model_place.found()) {
    if (scan.model == name) return {body};
    json_name = to_text(Json(std::string(name)), -1);
    return {body.substr(0, scan.model_place.from), json_name, body.substr(scan.model_place.to)};
  }
  json_name = "\"model\":" + to_text(Json(std::string(name)), -1) + (scan.empty_object ? "" : ",");
  return {body.substr(0, scan.fields_begin), json_name, body.substr(scan.fields_begin)};
}

}  // namespace studio
