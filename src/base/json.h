// JSON as the house uses it: ordered keys, versioned documents, readers that say where it hurts.
// Light: only forward declarations. Include <nlohmann/json.hpp> in the .cpp that needs it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace studio {

using Json = nlohmann::ordered_json;

// Never throws. `origin` names the text in the error ("plan.json", "the model's answer").
// Depth is limited to 200 and size to 256 MiB, so hostile files end in an error.
Result<Json> parse_json(std::string_view text, std::string_view origin);
Result<Json> read_json_file(const std::filesystem::path& path);
// Written beside and renamed, indented by two, with a final newline. "-" is stdout.
Result<void> write_json_file(const std::filesystem::path& path, const Json& value);
// Invalid UTF-8 is replaced rather than thrown on.
std::string to_text(const Json& value, int indent = 2);

// Checks `"schema": "studio.plan/1"`: right name, version in [1, newest].
// Newer gives newer_schema, anything else invalid_input. Returns the version found.
Result<int> check_schema(const Json& document, std::string_view name, int newest, std::string_view origin);

// Reads fields of one JSON object and names the path of what is wrong
// ("decisions[3].params.at_s: expected a number, found a string").
// The first error is kept; later reads return the default. Check error() once at the end.
//   JsonReader r(json, "plan.json");
//   plan.seed = r.integer("seed", 0);
//   TRY(r.result());
class JsonReader {
 public:
  JsonReader(const Json& object, std::string path);

  bool has(std::string_view key) const;
  std::string string(std::string_view key, std::string_view fallback);
  std::string required_string(std::string_view key);
  double number(std::string_view key, double fallback);
  double required_number(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t fallback);
  bool boolean(std::string_view key, bool fallback);
  std::optional<double> optional_number(std::string_view key);
  std::vector<std::string> strings(std::string_view key);
  // The array under key, empty when absent; wrong_type is recorded.
  const Json& array(std::string_view key);
  // The object under key, an empty object when absent.
  const Json& object(std::string_view key);

  std::string path_of(std::string_view key) const;
  void reject(std::string_view key, std::string_view why);
  Result<void> result() const;

 private:
  const Json* find(std::string_view key) const;
  const Json& object_;
  std::string path_;
  std::optional<Error> error_;
};

}  // namespace studio
