// A small validator for JSON Schema, draft 2020-12: enough for our files and the models' answers.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace studio {

// One place where a document breaks its schema.
struct SchemaViolation {
  std::string path;     // "decisions[3].params.at_s"; "" is the document itself
  std::string message;  // "expected a number, found a string"
};

// Understands: true/false schemas, type (one or several), enum, const, required, properties,
// additionalProperties, items, prefixItems, minItems, maxItems, uniqueItems, minProperties, maxProperties,
// minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
// anyOf, oneOf, allOf, not, if/then/else, $ref to "#" or "#/$defs/NAME" (any local JSON pointer).
// `pattern`, `format` and all annotations are ignored. An integer is also a number with no fraction (3.0).
// A broken schema (unresolvable or circular $ref) is itself reported as a violation.
// At most `limit` violations are collected, in document order. Never throws.
std::vector<SchemaViolation> schema_violations(const Json& document, const Json& schema,
                                               std::size_t limit = 20);

// The same as a Result: invalid_input with all violations in the message, one per line,
// so that it can be shown to a person or to the model that wrote the document.
Result<void> validate_schema(const Json& document, const Json& schema, std::string_view origin);

}  // namespace studio
