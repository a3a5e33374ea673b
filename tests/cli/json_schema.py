# Checks a program's JSON against a file of schemas/: the keywords that these use, any other is an error.
import json
import pathlib
import re

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": int, "null": type(None)}
KNOWN = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "required", "properties", "items", "const", "enum", "minimum",
         "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern", "maxItems", "allOf", "anyOf", "oneOf", "if", "then", "else",
         "minItems", "additionalProperties"}
# What holds of a value and the word's argument, asked only of values that the word is about.
LIMITS = {"minimum": ((int, float), lambda value, limit: value >= limit), "maximum": ((int, float), lambda value, limit: value <= limit),
          "exclusiveMinimum": ((int, float), lambda value, limit: value > limit), "minLength": (str, lambda value, limit: len(value) >= limit),
          "maxLength": (str, lambda value, limit: len(value) <= limit), "maxItems": (list, lambda value, limit: len(value) <= limit),
          "minItems": (list, lambda value, limit: len(value) >= limit),
          "pattern": (str, lambda value, limit: re.search(limit, value))}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("number", "integer"))


def faults(value, schema, root=None, at="$"):
    """Every place where `value` does not follow `schema`, in words."""
    root = root or schema
    found = [f"{at}: the schema uses {word}, which this check does not know" for word in schema.keys() - KNOWN]
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        found += faults(value, target, root, at)
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(is_type(value, name) for name in names):
            return found + [f"{at}: {value!r} is no {' or '.join(names)}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    found += [f"{at}: {value!r} breaks {word} {schema[word]}" for word, (about, holds) in LIMITS.items()
              if word in schema and isinstance(value, about) and not isinstance(value, bool) and not holds(value, schema[word])]
    for part in schema.get("allOf", []):
        found += faults(value, part, root, at)
    if "if" in schema:
        found += faults(value, schema.get("else" if faults(value, schema["if"], root, at) else "then", {}), root, at)
    for word, right in (("anyOf", lambda n: n >= 1), ("oneOf", lambda n: n == 1)):
        if word in schema and not right(sum(not faults(value, part, root, at) for part in schema[word])):
            found.append(f"{at}: {word} does not hold")
    if isinstance(value, dict):
        found += [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
        known = schema.get("properties", {})
        for name, item in value.items():
            if name in known:
                found += faults(item, known[name], root, f"{at}.{name}")
            elif isinstance(schema.get("additionalProperties"), dict):
                found += faults(item, schema["additionalProperties"], root, f"{at}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{at}: {name} is not expected")
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            found += faults(item, schema["items"], root, f"{at}[{number}]")
    return found


def faults_by_file(text, name):
    """The same of a program's output and schemas/<name>.schema.json."""
    try:
        value = json.loads(text)
    except ValueError as error:
        return [f"no JSON: {error}: {text[:200]!r}"]
    return faults(value, json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
