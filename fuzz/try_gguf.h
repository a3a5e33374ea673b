// What is tried on every GGUF input, by the fuzz target and by the test over its corpus.
#pragma once

#include <cstdlib>
#include <string_view>

#include "models/memory_need.h"

namespace studio::fuzz {

// Reading ends in a value or an error, and a need computed from what was read adds up.
inline void try_gguf(std::string_view bytes) {
  // Once as a whole file, once as the beginning of a large one.
  for (const std::uint64_t file_bytes : {std::uint64_t{bytes.size()}, std::uint64_t{1} << 34}) {
    const auto header = parse_gguf_header(bytes, file_bytes, "input");
    if (!header) continue;
    const auto shape = gguf_shape(*header, "input");
    if (!shape) continue;
    const MemoryNeed need = memory_need(*shape, {.slots = 4, .gpu_layers = 3});
    if (need.total != need.on_gpu + need.on_host) std::abort();
    (void)layers_that_fit(*shape, {}, std::uint64_t{1} << 30, std::uint64_t{1} << 34);
  }
}

}  // namespace studio::fuzz
