// Fields of JSON documents whose shape is the client's.
#include "gateway/json_fields.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace studio {

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found != object.end() && !found->is_null() ? &*found : nullptr;
}

std::string text_of(const Json& object, const char* key) {
  const Json* found = member(object, key);
  return found && found->is_string() ? found->get<std::string>() : std::string();
}

std::unexpected<Error> reject(std::string_view field, std::string_view why) {
  return fail(ErrorKind::invalid_input, fmt::format("{}: {}", field, why));
}

}  // namespace studio
