// Reads the header of a GGUF model file: its metadata and its table of tensors, never the weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// An array of the metadata. Numbers of short arrays (up to 4096) are kept, of longer ones and of
// strings only the length: a vocabulary of 150,000 words is none of a header reader's business.
struct GgufArray {
  std::uint64_t count = 0;
  std::vector<double> numbers;  // booleans as 0 and 1
};

using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray>;

struct GgufTensor {
  std::string name;                       // "blk.0.attn_q.weight"
  std::uint32_t type = 0;                 // ggml's number: 0 F32, 1 F16, 12 Q4_K, ...
  std::vector<std::uint64_t> dimensions;  // fastest first: columns, rows, experts
  std::uint64_t offset = 0;               // from the start of the tensors' data
  std::uint64_t bytes = 0;
};

struct GgufHeader {
  std::uint32_t version = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  // as they stand in the file
  std::uint64_t data_offset = 0;    // where the tensors' data begins
  std::uint64_t file_bytes = 0;

  // Nothing when the key is absent or of another kind. Any integer type counts as an integer.
  std::optional<std::uint64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::string text(std::string_view key) const;  // empty when absent
  const GgufArray* array(std::string_view key) const;
};

// Versions 2 and 3, little-endian. invalid_input names the file and what is wrong: not GGUF, cut
// off (also when a tensor's data would lie past the end of the file), counts or lengths that the
// file cannot hold. Reads only what the header takes (6 MB of a file with 150,000 tokens), needs
// memory in proportion to what is really there, whatever a hostile file claims.
Result<GgufHeader> read_gguf_header(const Path& file);
// The same of bytes in memory. `file_bytes` is the size of the whole file, of which `bytes` is the
// beginning; `origin` names it in errors.
Result<GgufHeader> parse_gguf_header(std::string_view bytes, std::uint64_t file_bytes,
                                     std::string_view origin);

// The files of a model split as <name>-00001-of-00003.gguf, in order, from any one of them;
// only `file` itself when its name is not of that form. They need not exist.
std::vector<Path> gguf_split_files(const Path& file);

// Bytes of a row-major tensor of `elements` values, `type` by ggml's number (ggml-common.h).
// Nothing for an unknown type.
std::optional<std::uint64_t> ggml_bytes(std::uint32_t type, std::uint64_t elements);
std::string_view ggml_type_name(std::uint32_t type);  // "Q4_K"; "?" when not known

}  // namespace studio
