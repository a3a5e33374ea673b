// The list of engine kinds.
#include "models/engine_kind.h"

#include <array>

#include "models/backends/kinds.h"

namespace studio {
namespace {

std::array<const EngineKind*, 4> all_kinds() {
  return {&llama_server_kind(), &openai_kind(), &vllm_kind(), &compose_kind()};
}

}  // namespace

const EngineKind* engine_kind(std::string_view name) {
  for (const EngineKind* kind : all_kinds())
    if (kind->name() == name) return kind;
  return nullptr;
}

std::vector<std::string_view> engine_kinds() {
  std::vector<std::string_view> names;
  for (const EngineKind* kind : all_kinds()) names.push_back(kind->name());
  return names;
}

}  // namespace studio
