// What decides an answer, in one order and one spelling, and its hash.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "gateway/response_cache.h"

namespace studio {
namespace {

// Say nothing about the answer.
constexpr std::array<std::string_view, 7> kIgnored{
    "user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier", "model"};

struct Default {
  std::string_view key, value;
};
// Written out, these mean the same as left out (OpenAI's reference).
constexpr Default kDefaults[] = {
    {"top_p", "1"},
    {"n", "1"},
    {"presence_penalty", "0"},
    {"frequency_penalty", "0"},
    {"stream", "false"},
    {"logprobs", "false"},
    {"stop", "[]"},
    {"logit_bias", "{}"},
    {"encoding_format", "\"float\""},
    {"parallel_tool_calls", "true"},
    {"tools", "[]"},
    {"tool_choice", "\"auto\""},
    {"response_format", "{\"type\":\"text\"}"},
    {"echo", "false"},
    {"best_of", "1"},
    {"stream_options", "{}"},
};

void write_number(std::string& out, double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15)
    out += fmt::format("{}", static_cast<std::int64_t>(value));
  else
    out += fmt::format("{}", value);
}

// `ordered`: the order of keys matters (properties of a schema decide the order in which they are written).
void write(std::string& out, const Json& value, bool ordered);

void write_object(std::string& out, const Json& value, bool ordered) {
  std::vector<const Json::object_t::value_type*> entries;
  entries.reserve(value.size());
  for (const auto& entry : value.get_ref<const Json::object_t&>())
    if (!entry.second.is_null() || ordered) entries.push_back(&entry);
  if (!ordered)
    std::ranges::sort(entries, {}, [](const auto* entry) -> const std::string& { return entry->first; });
  out += '{';
  for (const auto* entry : entries) {
    if (out.back() != '{') out += ',';
    out += to_text(Json(entry->first), -1);
    out += ':';
    write(out, entry->second, ordered || entry->first == "parameters" || entry->first == "schema");
  }
  out += '}';
}

void write(std::string& out, const Json& value, bool ordered) {
  if (value.is_object()) return write_object(out, value, ordered);
  if (value.is_array()) {
    out += '[';
    for (const Json& item : value) {
      if (out.back() != '[') out += ',';
      write(out, item, ordered);
    }
    out += ']';
    return;
  }
  if (value.is_number_float()) return write_number(out, value.get<double>());
  out += to_text(value, -1);
}

bool is_deterministic(const Json& request, std::string_view path) {
  if (path.contains("embeddings") || path.contains("rerank")) return true;
  if (const auto seed = request.find("seed"); seed != request.end() && seed->is_number()) return true;
  const auto temperature = request.find("temperature");
  return temperature != request.end() && temperature->is_number() && temperature->get<double>() == 0;
}

bool has_word(std::string_view header, std::string_view word) {
  std::string lower(header);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower.contains(word);
}

}  // namespace

CacheWish cache_wish(std::string_view x_cache, std::string_view cache_control) {
  if (has_word(cache_control, "no-store") || has_word(x_cache, "never") || has_word(x_cache, "off"))
    return CacheWish::never;
  if (has_word(cache_control, "no-cache") || has_word(x_cache, "refresh")) return CacheWish::refresh;
  if (has_word(x_cache, "use") || has_word(x_cache, "always")) return CacheWish::always;
  return CacheWish::by_request;
}

std::optional<CacheKey> cache_key(const Json& request, std::string_view path, std::string_view model,
                                  std::string_view owner, CacheWish wish) {
  if (!request.is_object() || wish == CacheWish::never) return std::nullopt;
  if (wish == CacheWish::by_request && !is_deterministic(request, path)) return std::nullopt;
  if (wish == CacheWish::refresh && !is_deterministic(request, path)) return std::nullopt;
  // Lengths first, so that no two lists of parts read the same.
  std::string text =
      fmt::format("{}:{}{}:{}{}:{}", path.size(), path, model.size(), model, owner.size(), owner);
  std::vector<const Json::object_t::value_type*> entries;
  for (const auto& entry : request.get_ref<const Json::object_t&>())
    if (!entry.second.is_null() && std::ranges::find(kIgnored, entry.first) == kIgnored.end())
      entries.push_back(&entry);
  std::ranges::sort(entries, {}, [](const auto* entry) -> const std::string& { return entry->first; });
  for (const auto* entry : entries) {
    std::string value;
    write(value, entry->second, false);
    if (std::ranges::any_of(kDefaults,
                            [&](const Default& d) { return d.key == entry->first && d.value == value; }))
      continue;
    text += to_text(Json(entry->first), -1);
    text += ':';
    text += value;
    text += '\n';
  }
  const std::string hex = sha256_of(text);
  CacheKey key;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    key.bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return key;
}

}  // namespace studio
