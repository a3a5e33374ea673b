// Sentence encoders of the BERT kind (all-MiniLM-L6-v2 and its like), from published files to GGUF.
#pragma once

#include <array>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// The files that a conversion reads.
inline constexpr std::array<std::string_view, 3> bert_files() {
  return {"config.json", "vocab.txt", "model.safetensors"};
}

// Reads the three files in `folder` and writes `target` with `name` as its general.name: matrices as 16 bit
// floats, the rest as 32 bit, mean pooling, WordPiece vocabulary. The same input gives the same bytes.
// invalid_input names the file and what is missing or of the wrong size; unsupported for encoders that are
// not plain BERT.
Result<void> convert_bert_to_gguf(const Path& folder, const Path& target, std::string_view name);

}  // namespace studio
