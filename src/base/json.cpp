// Parsing with limits, schema checks and path-naming readers over nlohmann::ordered_json.
#include "base/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace studio {
namespace {

constexpr std::size_t kMaxBytes = 256u << 20;
constexpr int kMaxDepth = 200;

// nlohmann's parser does not recurse, but its destructor and dump do: limit the depth first.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::string_view type_of(const Json& value) {
  return value.type_name();
}

const Json& empty_array() {
  static const Json value = Json::array();
  return value;
}

const Json& empty_object() {
  static const Json value = Json::object();
  return value;
}

// What the parser found, without its own name and number of the kind of error.
std::string_view without_number(std::string_view what) {
  const auto end = what.starts_with('[') ? what.find("] ") : std::string_view::npos;
  return end == std::string_view::npos ? what : what.substr(end + 2);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view origin) {
  if (text.size() > kMaxBytes)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("read {}: {} bytes of JSON, the limit is {}", origin, text.size(), kMaxBytes));
  if (too_deep(text))
    return fail(ErrorKind::limit_exceeded,
                fmt::format("read {}: nested deeper than {} levels", origin, kMaxDepth));
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    return fail(ErrorKind::invalid_input,
                fmt::format("read {} as JSON: {}", origin, without_number(e.what())),
                "check that the file is complete and really JSON");
  }
}

Result<Json> read_json_file(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string text, read_file(path, kMaxBytes));
  return parse_json(text, path.string());
}

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Result<void> write_json_file(const std::filesystem::path& path, const Json& value) {
  const std::string text = to_text(value) + "\n";
  if (path == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      return fail(ErrorKind::io, "write JSON to stdout: the other end is closed");
    return {};
  }
  return write_file_atomic(path, text);
}

Result<int> check_schema(const Json& document, std::string_view name, int newest, std::string_view origin) {
  const std::string wanted = fmt::format("{}/{}", name, newest);
  if (!document.is_object() || !document.contains("schema") || !document["schema"].is_string())
    return fail(ErrorKind::invalid_input,
                fmt::format("read {}: it has no \"schema\" of the form \"{}\"", origin, wanted),
                fmt::format("give a file written by studio with schema {}", wanted));
  const std::string found = document["schema"].get<std::string>();
  const auto slash = found.find('/');
  int version = 0;
  const bool number = slash != std::string::npos &&
                      std::from_chars(found.data() + slash + 1, found.data() + found.size(), version).ptr ==
                          found.data() + found.size();
  if (!number || found.substr(0, slash) != name || version < 1)
    return fail(ErrorKind::invalid_input,
                fmt::format("read {}: its schema is {}, not {}", origin, found, wanted),
                fmt::format("give a file with schema {}", wanted));
  if (version > newest)
    return fail(ErrorKind::newer_schema,
                fmt::format("read {}: its schema {} is newer than this studio's {}", origin, found, wanted),
                "update the studio, or write the file again with this version");
  return version;
}

JsonReader::JsonReader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object_.is_object())
    error_ = Error{ErrorKind::invalid_input,
                   fmt::format("{}: expected an object, found {}", path_, type_of(object_)),
                   {}};
}

const Json* JsonReader::find(std::string_view key) const {
  if (!object_.is_object()) return nullptr;
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool JsonReader::has(std::string_view key) const {
  return find(key) != nullptr;
}

std::string JsonReader::path_of(std::string_view key) const {
  return fmt::format("{}.{}", path_, key);
}

void JsonReader::reject(std::string_view key, std::string_view why) {
  if (!error_) error_ = Error{ErrorKind::invalid_input, fmt::format("{}: {}", path_of(key), why), {}};
}

std::string JsonReader::string(std::string_view key, std::string_view fallback) {
  const Json* value = find(key);
  if (value == nullptr) return std::string(fallback);
  if (value->is_string()) return value->get<std::string>();
  reject(key, fmt::format("expected a string, found {}", type_of(*value)));
  return std::string(fallback);
}

std::string JsonReader::required_string(std::string_view key) {
  if (!has(key)) reject(key, "is missing");
  return string(key, "");
}

double JsonReader::number(std::string_view key, double fallback) {
  return optional_number(key).value_or(fallback);
}

double JsonReader::required_number(std::string_view key) {
  if (!has(key)) reject(key, "is missing");
  return number(key, 0);
}

std::optional<double> JsonReader::optional_number(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) {
    const double number = value->get<double>();
    if (std::isfinite(number)) return number;
    reject(key, "is not a finite number");
    return std::nullopt;
  }
  reject(key, fmt::format("expected a number, found {}", type_of(*value)));
  return std::nullopt;
}

std::int64_t JsonReader::integer(std::string_view key, std::int64_t fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    reject(key, "does not fit 64 bits");
    return fallback;
  }
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (std::nearbyint(number) == number && std::abs(number) < 9e15) return static_cast<std::int64_t>(number);
  }
  reject(key, fmt::format("expected a whole number, found {}", to_text(*value, -1).substr(0, 40)));
  return fallback;
}

bool JsonReader::boolean(std::string_view key, bool fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  reject(key, fmt::format("expected true or false, found {}", type_of(*value)));
  return fallback;
}

std::vector<std::string> JsonReader::strings(std::string_view key) {
  std::vector<std::string> out;
  for (const Json& item : array(key)) {
    if (!item.is_string()) {
      reject(key, fmt::format("expected strings, found {}", type_of(item)));
      return out;
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

const Json& JsonReader::array(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return empty_array();
  if (value->is_array()) return *value;
  reject(key, fmt::format("expected an array, found {}", type_of(*value)));
  return empty_array();
}

const Json& JsonReader::object(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return empty_object();
  if (value->is_object()) return *value;
  reject(key, fmt::format("expected an object, found {}", type_of(*value)));
  return empty_object();
}

Result<void> JsonReader::result() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace studio
