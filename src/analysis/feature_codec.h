// Features to bytes and back, for the cache of this machine: the same program reads what it wrote.
#pragma once

#include <string>
#include <string_view>

#include "analysis/features.h"
#include "base/result.h"

namespace studio {

// Names the layout of the records: part of the cache's key, so that no other build's bytes are read.
std::string feature_layout();

std::string encode_features(const ClipFeatures& clip);
// Errors: invalid_input for bytes that are cut short, altered or of another layout. Never reads
// beyond `bytes`, whatever they hold.
Result<ClipFeatures> decode_features(std::string_view bytes);

}  // namespace studio
