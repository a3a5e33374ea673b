// The checks of json_schema.h, one function for each family of keywords.
#include "base/json_schema.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace studio {
namespace {

constexpr int kMaxDepth = 300;  // of nested schemas: beyond it a $ref must be going in circles
// anyOf over a circular $ref doubles the work at every level: the whole check has a budget.
constexpr long kMaxChecks = 5'000'000;

class Checker {
 public:
  Checker(const Json& root, std::size_t limit, long& checks) : root_(root), limit_(limit), checks_(checks) {}

  void check(const Json& value, const Json& schema, const std::string& path);
  std::vector<SchemaViolation> take() { return std::move(found_); }

 private:
  bool full() const { return found_.size() >= limit_; }
  void report(const std::string& path, std::string message) {
    if (!full()) found_.push_back({path, std::move(message)});
  }
  // Violations of `value` under `schema`, kept apart: for the branches of anyOf, oneOf, not and if.
  std::vector<SchemaViolation> trial(const Json& value, const Json& schema, const std::string& path) {
    Checker branch(root_, 3, checks_);
    branch.depth_ = depth_;
    branch.check(value, schema, path);
    return branch.take();
  }

  void check_reference(const Json& value, const Json& reference, const std::string& path);
  bool check_type(const Json& value, const Json& type, const std::string& path);
  void check_values(const Json& value, const Json& schema, const std::string& path);
  void check_number(const Json& value, const Json& schema, const std::string& path);
  void check_string(const Json& value, const Json& schema, const std::string& path);
  void check_array(const Json& value, const Json& schema, const std::string& path);
  void check_object(const Json& value, const Json& schema, const std::string& path);
  void check_combinations(const Json& value, const Json& schema, const std::string& path);

  const Json& root_;
  std::size_t limit_;
  long& checks_;  // done so far, by all branches together
  int depth_ = 0;
  std::vector<SchemaViolation> found_;
};

std::string short_text(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 80) {
    std::size_t end = 77;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;  // not inside a character
    text = text.substr(0, end) + "...";
  }
  return text;
}

bool is_whole(const Json& value) {
  if (value.is_number_integer()) return true;
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  return std::isfinite(number) && std::nearbyint(number) == number;
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "number") return value.is_number();
  if (type == "integer") return is_whole(value);
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return false;
}

// Equality of JSON Schema: 1 equals 1.0, the order of an object's keys does not matter.
bool equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_number_integer() && b.is_number_integer()) return a == b;
    return a.get<double>() == b.get<double>();
  }
  if (a.type() != b.type()) return false;
  if (a.is_array()) return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
  if (a.is_object()) {
    if (a.size() != b.size()) return false;
    for (auto it = a.begin(); it != a.end(); ++it) {
      const auto other = b.find(it.key());
      if (other == b.end() || !equal(it.value(), *other)) return false;
    }
    return true;
  }
  return a == b;
}

std::size_t code_points(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Length keywords of the draft are whole and not negative; others are ignored.
bool limit_of(const Json& schema, const char* keyword, std::size_t& limit) {
  const auto it = schema.find(keyword);
  if (it == schema.end() || !it->is_number() || it->get<double>() < 0) return false;
  limit = static_cast<std::size_t>(std::min(it->get<double>(), 1e15));
  return true;
}

std::string child_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

void Checker::check(const Json& value, const Json& schema, const std::string& path) {
  if (full()) return;
  if (schema.is_boolean()) {
    if (!schema.get<bool>()) report(path, "is not allowed here");
    return;
  }
  if (!schema.is_object()) return report(path, fmt::format("the schema is broken: {}", short_text(schema)));
  if (++depth_ > kMaxDepth || ++checks_ > kMaxChecks) {
    report(path, "the schema is broken: its references go in circles, or the document is nested too deep");
    --depth_;
    return;
  }
  if (const auto reference = schema.find("$ref"); reference != schema.end())
    check_reference(value, *reference, path);
  const auto type = schema.find("type");
  // Once the type is wrong, the other keywords would only say the same again.
  if (type == schema.end() || check_type(value, *type, path)) {
    check_values(value, schema, path);
    if (value.is_number()) check_number(value, schema, path);
    if (value.is_string()) check_string(value, schema, path);
    if (value.is_array()) check_array(value, schema, path);
    if (value.is_object()) check_object(value, schema, path);
    check_combinations(value, schema, path);
  }
  --depth_;
}

void Checker::check_reference(const Json& value, const Json& reference, const std::string& path) {
  const std::string target = reference.is_string() ? reference.get<std::string>() : "";
  if (target == "#") return check(value, root_, path);
  if (!target.starts_with("#/"))
    return report(path, fmt::format("the schema is broken: $ref {} is not local", short_text(reference)));
  try {
    const Json::json_pointer pointer(target.substr(1));
    if (root_.contains(pointer)) return check(value, root_.at(pointer), path);
  } catch (const Json::exception&) {
    // A malformed pointer is the same to the reader as a missing target.
  }
  report(path, fmt::format("the schema is broken: $ref \"{}\" leads nowhere", target));
}

bool Checker::check_type(const Json& value, const Json& type, const std::string& path) {
  std::vector<std::string> names;
  if (type.is_string()) names.push_back(type.get<std::string>());
  if (type.is_array())
    for (const Json& name : type)
      if (name.is_string()) names.push_back(name.get<std::string>());
  for (const std::string& name : names)
    if (has_type(value, name)) return true;
  report(path, fmt::format("expected {}, found {}", fmt::join(names, " or "),
                           value.is_structured() ? value.type_name() : short_text(value)));
  return false;
}

void Checker::check_values(const Json& value, const Json& schema, const std::string& path) {
  if (const auto wanted = schema.find("const"); wanted != schema.end() && !equal(value, *wanted))
    report(path, fmt::format("must be {}, found {}", short_text(*wanted), short_text(value)));
  const auto choices = schema.find("enum");
  if (choices == schema.end() || !choices->is_array()) return;
  if (std::ranges::any_of(*choices, [&](const Json& choice) { return equal(value, choice); })) return;
  std::vector<std::string> texts;
  for (const Json& choice : *choices) {
    if (texts.size() == 24) {
      texts.push_back(fmt::format("... ({} in all)", choices->size()));
      break;
    }
    texts.push_back(short_text(choice));
  }
  report(path, fmt::format("must be one of {}, found {}", fmt::join(texts, ", "), short_text(value)));
}

void Checker::check_number(const Json& value, const Json& schema, const std::string& path) {
  const double number = value.get<double>();
  const auto bound = [&](const char* keyword, auto breaks, const char* wording) {
    const auto it = schema.find(keyword);
    if (it != schema.end() && it->is_number() && breaks(number, it->get<double>()))
      report(path, fmt::format("must be {} {}, found {}", wording, short_text(*it), short_text(value)));
  };
  if (!std::isfinite(number)) return report(path, "is not a finite number");
  bound("minimum", [](double n, double b) { return n < b; }, "at least");
  bound("maximum", [](double n, double b) { return n > b; }, "at most");
  bound("exclusiveMinimum", [](double n, double b) { return n <= b; }, "more than");
  bound("exclusiveMaximum", [](double n, double b) { return n >= b; }, "less than");
  bound(
      "multipleOf",
      [](double n, double b) {
        return b > 0 && std::abs(n / b - std::nearbyint(n / b)) > 1e-9 * std::max(1.0, std::abs(n / b));
      },
      "a multiple of");
}

void Checker::check_string(const Json& value, const Json& schema, const std::string& path) {
  const std::size_t length = code_points(value.get_ref<const std::string&>());
  std::size_t limit = 0;
  if (limit_of(schema, "minLength", limit) && length < limit)
    report(path, fmt::format("must have at least {} characters, has {}", limit, length));
  if (limit_of(schema, "maxLength", limit) && length > limit)
    report(path, fmt::format("must have at most {} characters, has {}", limit, length));
}

void Checker::check_array(const Json& value, const Json& schema, const std::string& path) {
  std::size_t limit = 0;
  if (limit_of(schema, "minItems", limit) && value.size() < limit)
    report(path, fmt::format("must have at least {} items, has {}", limit, value.size()));
  if (limit_of(schema, "maxItems", limit) && value.size() > limit)
    report(path, fmt::format("must have at most {} items, has {}", limit, value.size()));
  if (schema.value("uniqueItems", Json(false)) == Json(true))
    for (std::size_t i = 1; i < value.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (equal(value[i], value[j])) {
          report(fmt::format("{}[{}]", path, i), fmt::format("repeats {}", short_text(value[i])));
          j = i;
        }
  const auto prefix = schema.find("prefixItems");
  const std::size_t fixed = prefix != schema.end() && prefix->is_array() ? prefix->size() : 0;
  const auto items = schema.find("items");
  for (std::size_t i = 0; i < value.size() && !full(); ++i) {
    if (i < fixed)
      check(value[i], (*prefix)[i], fmt::format("{}[{}]", path, i));
    else if (items != schema.end())
      check(value[i], *items, fmt::format("{}[{}]", path, i));
  }
}

void Checker::check_object(const Json& value, const Json& schema, const std::string& path) {
  if (const auto required = schema.find("required"); required != schema.end() && required->is_array())
    for (const Json& key : *required)
      if (key.is_string() && !value.contains(key.get<std::string>()))
        report(child_path(path, key.get<std::string>()), "is missing");
  std::size_t limit = 0;
  if (limit_of(schema, "minProperties", limit) && value.size() < limit)
    report(path, fmt::format("must have at least {} fields, has {}", limit, value.size()));
  if (limit_of(schema, "maxProperties", limit) && value.size() > limit)
    report(path, fmt::format("must have at most {} fields, has {}", limit, value.size()));
  const auto properties = schema.find("properties");
  const auto additional = schema.find("additionalProperties");
  for (auto it = value.begin(); it != value.end() && !full(); ++it) {
    const std::string at = child_path(path, it.key());
    if (properties != schema.end() && properties->is_object() && properties->contains(it.key())) {
      check(it.value(), (*properties)[it.key()], at);
    } else if (additional != schema.end()) {
      if (additional->is_boolean() && !additional->get<bool>())
        report(at, "is not a known field");
      else
        check(it.value(), *additional, at);
    }
  }
}

void Checker::check_combinations(const Json& value, const Json& schema, const std::string& path) {
  const auto list = [&](const char* keyword) -> const Json* {
    const auto it = schema.find(keyword);
    return it != schema.end() && it->is_array() ? &*it : nullptr;
  };
  if (const Json* all = list("allOf"))
    for (const Json& part : *all) check(value, part, path);
  for (const char* keyword : {"anyOf", "oneOf"}) {
    const Json* choices = list(keyword);
    if (choices == nullptr) continue;
    std::size_t matching = 0;
    std::vector<SchemaViolation> nearest;
    for (const Json& choice : *choices) {
      std::vector<SchemaViolation> broken = trial(value, choice, path);
      if (broken.empty()) {
        ++matching;
      } else if (nearest.empty() || broken.front().path.size() > nearest.front().path.size()) {
        nearest = std::move(broken);  // the branch that failed deepest is the one that was meant
      }
    }
    if (matching == 0) {
      report(path, nearest.empty()
                       ? "fits none of the allowed forms"
                       : fmt::format("fits none of {} allowed forms; nearest: {}: {}", choices->size(),
                                     nearest.front().path, nearest.front().message));
    } else if (matching > 1 && std::string_view(keyword) == "oneOf") {
      report(path, fmt::format("fits {} forms where exactly one is allowed", matching));
    }
  }
  if (const auto forbidden = schema.find("not");
      forbidden != schema.end() && trial(value, *forbidden, path).empty())
    report(path, fmt::format("must not be {}", short_text(*forbidden)));
  if (const auto condition = schema.find("if"); condition != schema.end()) {
    const auto branch = schema.find(trial(value, *condition, path).empty() ? "then" : "else");
    if (branch != schema.end()) check(value, *branch, path);
  }
}

}  // namespace

std::vector<SchemaViolation> schema_violations(const Json& document, const Json& schema, std::size_t limit) {
  long checks = 0;
  Checker checker(schema, limit, checks);
  checker.check(document, schema, "");
  return checker.take();
}

Result<void> validate_schema(const Json& document, const Json& schema, std::string_view origin) {
  const auto violations = schema_violations(document, schema);
  if (violations.empty()) return {};
  std::string message = fmt::format("check {} against its schema:", origin);
  for (const SchemaViolation& v : violations)
    message += fmt::format("\n  {}: {}", v.path.empty() ? "the document" : v.path, v.message);
  return fail(ErrorKind::invalid_input, message);
}

}  // namespace studio
