// Cuts schemas down to what grammar converters accept, and tells them in few words.
#include "gateway/tool_schema.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace studio {
namespace {

constexpr std::array<std::string_view, 7> kTypes{"object", "array",   "string", "integer",
                                                 "number", "boolean", "null"};
// llama.cpp refuses grammars that repeat a rule more than 2000 times, and is slow long before.
constexpr std::int64_t kLongestText = 400, kMostItems = 64;

Json any_value() {
  return {{"type", {"string", "number", "boolean", "null", "array", "object"}}};
}

bool is_type(const Json& type) {
  return type.is_string() && std::ranges::find(kTypes, type.get_ref<const std::string&>()) != kTypes.end();
}

void copy_count(const Json& from, const char* key, std::int64_t most, Json& to) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_number_integer()) return;
  const auto value = found->get<std::int64_t>();
  if (value >= 0 && value <= most) to[key] = value;
}

class Converter {
 public:
  explicit Converter(std::string_view name) : root_(fmt::format("#/$defs/{}", name)) {}

  Json convert(const Json& schema, int depth) const {
    if (!schema.is_object() || schema.empty() || depth > 60) return any_value();
    if (const auto ref = schema.find("$ref"); ref != schema.end() && ref->is_string()) {
      const auto& target = ref->get_ref<const std::string&>();
      if (!target.starts_with('#')) return any_value();
      return {{"$ref", root_ + renamed(target.substr(1))}};
    }
    if (const auto constant = schema.find("const"); constant != schema.end()) return {{"const", *constant}};
    if (const auto values = schema.find("enum");
        values != schema.end() && values->is_array() && !values->empty())
      return {{"enum", *values}};
    for (const char* key : {"anyOf", "oneOf"})
      if (const auto members = schema.find(key);
          members != schema.end() && members->is_array() && !members->empty())
        return {{"anyOf", converted(*members, depth)}};
    Json out = Json::object();
    if (const auto members = schema.find("allOf");
        members != schema.end() && members->is_array() && !members->empty()) {
      // Pydantic wraps a reference with a description in an allOf of one.
      if (members->size() == 1 && !schema.contains("properties")) return convert(members->front(), depth + 1);
      out["allOf"] = converted(*members, depth);
      return out;
    }
    const Json type = type_of(schema);
    if (type.is_null()) return any_value();
    out["type"] = type;
    if (has_type(type, "object")) copy_object(schema, depth, out);
    if (has_type(type, "array")) copy_array(schema, depth, out);
    if (has_type(type, "string")) copy_text(schema, out);
    if (has_type(type, "integer") || has_type(type, "number"))
      for (const char* key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
        if (const auto bound = schema.find(key); bound != schema.end() && bound->is_number())
          out[key] = *bound;
    return out;
  }

 private:
  // What `definitions` held is under $defs; every other way stays.
  static std::string renamed(std::string path) {
    if (path.starts_with("/definitions/")) path.replace(0, 12, "/$defs");
    return path;
  }

  Json converted(const Json& members, int depth) const {
    Json out = Json::array();
    for (const Json& member : members) out.push_back(convert(member, depth + 1));
    return out;
  }

  static bool has_type(const Json& type, std::string_view name) {
    return type.is_string()
               ? type.get_ref<const std::string&>() == name
               : std::ranges::any_of(type, [&](const Json& one) { return one == std::string(name); });
  }

  static Json type_of(const Json& schema) {
    Json type = nullptr;
    if (const auto given = schema.find("type"); given != schema.end()) {
      if (is_type(*given)) type = *given;
      if (given->is_array()) {
        Json known = Json::array();
        for (const Json& one : *given)
          if (is_type(one)) known.push_back(one);
        if (known.size() == 1) type = known.front();
        if (known.size() > 1) type = known;
      }
    } else if (schema.contains("properties") || schema.contains("additionalProperties")) {
      type = "object";
    } else if (schema.contains("items") || schema.contains("prefixItems")) {
      type = "array";
    }
    if (const auto nullable = schema.find("nullable");
        nullable != schema.end() && *nullable == true && type.is_string())
      type = Json::array({type, "null"});
    return type;
  }

  void copy_object(const Json& schema, int depth, Json& out) const {
    const auto properties = schema.find("properties");
    const auto additional = schema.find("additionalProperties");
    const bool named = properties != schema.end() && properties->is_object() && !properties->empty();
    if (named) {
      Json& to = out["properties"] = Json::object();
      for (const auto& [key, value] : properties->items()) to[key] = convert(value, depth + 1);
      Json required = Json::array();
      if (const auto wanted = schema.find("required"); wanted != schema.end() && wanted->is_array())
        for (const Json& key : *wanted)
          if (key.is_string() && to.contains(key.get_ref<const std::string&>())) required.push_back(key);
      out["required"] = std::move(required);
    }
    if (additional != schema.end() && additional->is_object())
      out["additionalProperties"] = convert(*additional, depth + 1);
    else if (named || (additional != schema.end() && *additional == false) || properties != schema.end())
      out["additionalProperties"] = false;
    if (!named && properties != schema.end() && out["additionalProperties"] == false)
      out["properties"] = Json::object();
    // Definitions stay where references look for them.
    for (const char* key : {"$defs", "definitions"})
      if (const auto defs = schema.find(key); defs != schema.end() && defs->is_object())
        for (const auto& [name, value] : defs->items()) out["$defs"][name] = convert(value, depth + 1);
  }

  void copy_array(const Json& schema, int depth, Json& out) const {
    if (const auto prefix = schema.find("prefixItems");
        prefix != schema.end() && prefix->is_array() && !prefix->empty())
      out["prefixItems"] = converted(*prefix, depth);
    else if (const auto items = schema.find("items"); items != schema.end())
      out["items"] = items->is_array() ? Json(any_value()) : convert(*items, depth + 1);
    else
      out["items"] = any_value();
    copy_count(schema, "minItems", kMostItems, out);
    copy_count(schema, "maxItems", kMostItems, out);
  }

  static void copy_text(const Json& schema, Json& out) {
    static constexpr std::array<std::string_view, 4> kFormats{"date", "time", "date-time", "uuid"};
    if (const auto format = schema.find("format");
        format != schema.end() && format->is_string() &&
        std::ranges::find(kFormats, format->get_ref<const std::string&>()) != kFormats.end())
      out["format"] = *format;
    else if (const auto pattern = schema.find("pattern"); pattern != schema.end() && pattern->is_string() &&
                                                          is_plain(pattern->get_ref<const std::string&>()))
      out["pattern"] = *pattern;
    copy_count(schema, "minLength", kLongestText, out);
    copy_count(schema, "maxLength", kLongestText, out);
  }

  // Anchored, and without what converters do not know: look-around, back references, classes like \d and \w
  // (some know them, some take them for letters), lazy quantifiers.
  static bool is_plain(const std::string& pattern) {
    return pattern.size() >= 2 && pattern.size() < 200 && pattern.front() == '^' && pattern.back() == '$' &&
           pattern.find_first_of("\\") == std::string::npos && pattern.find("(?") == std::string::npos &&
           pattern.find("*?") == std::string::npos && pattern.find("+?") == std::string::npos;
  }

  std::string root_;
};

// A JSON pointer within the schema, nothing when it leads nowhere.
const Json* resolve(const Json& root, const std::string& ref) {
  if (!ref.starts_with("#")) return nullptr;
  const Json* at = &root;
  std::size_t start = 1;
  while (start < ref.size()) {
    if (ref[start] != '/') return nullptr;
    const auto end = std::min(ref.find('/', start + 1), ref.size());
    const std::string key = ref.substr(start + 1, end - start - 1);
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
    start = end;
  }
  return at;
}

class Teller {
 public:
  explicit Teller(const Json& root) : root_(root) {}

  std::string parameters(const Json& schema, int depth) const {
    std::string out;
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object()) return out;
    for (const auto& [key, value] : properties->items()) {
      if (!out.empty()) out += ", ";
      // Branches that refer to each other multiply: told as far as fits a prompt.
      if (++told_ > 500) return out + "...";
      out += key;
      if (!is_required(schema, key)) out += '?';
      out += fmt::format(": {}", type(value, depth + 1));
      if (const std::string words = in_one_line(description(value)); !words.empty())
        out += fmt::format(" ({})", words);
    }
    return out;
  }

 private:
  std::string type(const Json& schema, int depth) const {
    if (!schema.is_object() || depth > 6) return "any";
    if (const auto ref = schema.find("$ref"); ref != schema.end() && ref->is_string()) {
      const Json* target = resolve(root_, ref->get<std::string>());
      return target ? type(*target, depth + 1) : "any";
    }
    if (const auto constant = schema.find("const"); constant != schema.end()) return to_text(*constant, -1);
    if (const auto values = schema.find("enum"); values != schema.end() && values->is_array())
      return joined(*values, [](const Json& value) { return to_text(value, -1); });
    for (const char* key : {"anyOf", "oneOf"})
      if (const auto members = schema.find(key); members != schema.end() && members->is_array())
        return joined(*members, [&](const Json& member) { return type(member, depth + 1); });
    if (const auto members = schema.find("allOf");
        members != schema.end() && members->is_array() && members->size() == 1)
      return type(members->front(), depth + 1);
    const auto given = schema.find("type");
    if (given != schema.end() && given->is_array())
      return joined(*given, [&](const Json& one) {
        Json narrowed = schema;
        narrowed["type"] = one;
        return type(narrowed, depth + 1);
      });
    const std::string name = given != schema.end() && given->is_string() ? given->get<std::string>()
                             : schema.contains("properties")             ? "object"
                                                                         : "any";
    if (name == "object" && schema.contains("properties"))
      return fmt::format("{{{}}}", parameters(schema, depth));
    if (name == "array") {
      const auto items = schema.find("items");
      const std::string of = items == schema.end() ? "any" : type(*items, depth + 1);
      return of.contains('|') && !of.starts_with('{') ? fmt::format("({})[]", of) : fmt::format("{}[]", of);
    }
    if (name == "string")
      if (const auto format = schema.find("format"); format != schema.end() && format->is_string())
        return format->get<std::string>() == "date" ? "date YYYY-MM-DD" : format->get<std::string>();
    return name;
  }

  template <typename Function>
  static std::string joined(const Json& list, Function&& tell) {
    std::string out;
    for (const Json& one : list) {
      if (!out.empty()) out += '|';
      out += tell(one);
    }
    return out;
  }

  static bool is_required(const Json& schema, const std::string& key) {
    const auto required = schema.find("required");
    return required != schema.end() && required->is_array() &&
           std::ranges::any_of(*required, [&](const Json& one) { return one == key; });
  }

  static std::string description(const Json& schema) {
    const auto found = schema.is_object() ? schema.find("description") : schema.end();
    return schema.is_object() && found != schema.end() && found->is_string() ? found->get<std::string>() : "";
  }

  const Json& root_;
  mutable int told_ = 0;
};

}  // namespace

std::string in_one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

Json convertible_schema(const Json& schema, std::string_view name) {
  return Converter(name).convert(schema, 0);
}

bool has_references(const Json& schema) {
  if (schema.is_object() && schema.contains("$ref")) return true;
  return schema.is_structured() &&
         std::ranges::any_of(schema, [](const Json& inner) { return has_references(inner); });
}

std::string parameters_in_words(const Json& schema) {
  return schema.is_object() ? Teller(schema).parameters(schema, 0) : "";
}

}  // namespace studio
