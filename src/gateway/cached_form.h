// A kept answer as bytes for a store: lengths before texts, a mark and a version first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/response_cache.h"

namespace studio {

std::string write_cached(const CachedResponse& response);
// Nothing for bytes of another version, cut or made up.
std::optional<CachedResponse> read_cached(std::string_view bytes);

}  // namespace studio
