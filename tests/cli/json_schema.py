# Checks a program's JSON against a file of schemas/: the keywords that these use, any other is an error.
import json
import pathlib

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": int, "null": type(None)}
KNOWN = {"$schema", "$defs", "$ref", "title", "description", "type", "required", "properties", "items", "const", "enum", "minimum",
         "additionalProperties"}


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
    if "minimum" in schema and isinstance(value, (int, float)) and value < schema["minimum"]:
        found.append(f"{at}: {value} is below {schema['minimum']}")
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
