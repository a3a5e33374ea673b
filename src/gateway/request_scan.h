// What the gateway must know of a request, read in one pass over its text without building a document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace studio {

// Where the value of a top-level field lies in the text.
struct FieldPlace {
  std::size_t from = 0, to = 0;
  bool found() const { return to > from; }
  std::string_view in(std::string_view text) const { return text.substr(from, to - from); }
};

// Of a request body that is a JSON object. Views are not kept: places are offsets into the text.
struct RequestScan {
  std::string model;             // decoded; empty when absent
  FieldPlace model_place;        // of its value, quotes included
  std::size_t fields_begin = 1;  // behind the opening brace
  bool empty_object = false;
  bool stream = false;
  bool deterministic = false;  // temperature 0 or a seed
  bool tools = false;          // tools, functions, or messages of tools: compile_tools() looks closer
  bool images = false;         // image_url or input_image somewhere: image_use() looks closer
  bool include_usage = false;  // stream_options.include_usage
  FieldPlace stream_options, messages;
  // What an endpoint needs (see request_shape.h): where it lies, "input" and the like.
  FieldPlace input, prompt, query, documents;
  // The first known field whose value has another type than the API says: names of static storage.
  struct WrongType {
    std::string_view field, expected, found;
  };
  std::optional<WrongType> wrong_type;
  // The first figure outside of what the API allows.
  struct OutOfRange {
    std::string_view field;
    double low = 0, high = 0, found = 0;
    bool whole = false;
  };
  std::optional<OutOfRange> out_of_range;
  // The first of `messages` that is no object, or has no role that is a string.
  std::optional<std::size_t> no_message, no_role;
};

// Checks the whole text against RFC 8259 (UTF-8 included, depth 200 at most). About 1 GB/s. invalid_input
// says at which byte and why: not an object, malformed, `model` or `stream` doubled or of the wrong type.
Result<RequestScan> scan_request(std::string_view body);

// The body with another model's name, as pieces around it: nothing is copied but the name.
// `name` is stored in `json_name` as a JSON string.
std::vector<std::string_view> with_model(std::string_view body, const RequestScan& scan,
                                         std::string_view name, std::string& json_name);

// What all requests of one conversation have in common: a hash of everything up to the first user's
// message. Nothing without messages of a user.
struct Conversation {
  std::uint64_t hash = 0;
  bool goes_on = false;  // has answers already
};
std::optional<Conversation> conversation_of(std::string_view body, const RequestScan& scan);

}  // namespace studio
