// A tool's parameters in the two forms a model sees: a schema that grammar converters take, and a signature
// in words.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace studio {

// A JSON schema cut down to what grammar converters (llama.cpp's, xgrammar, outlines) agree on. Left out, so
// that the answer may be wider than asked: open patterns, `not`, `if`, unknown formats, very large
// repetitions. Repaired: true and {} (any value), `nullable`, `definitions`, objects without a type.
// References ("#/...") are led to
// "#/$defs/<name>/...", where the caller keeps the whole schema: nothing is inlined, so circles are fine.
Json convertible_schema(const Json& schema, std::string_view name);
bool has_references(const Json& schema);

// "city: string (City name), unit?: "celsius"|"fahrenheit"": a fifth of the tokens of the same in JSON.
std::string parameters_in_words(const Json& schema);
// Runs of spaces and line breaks become one space each: descriptions are often indented source text.
std::string in_one_line(std::string_view text);

}  // namespace studio
