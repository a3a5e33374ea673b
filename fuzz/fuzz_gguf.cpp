// libFuzzer target: the reader of GGUF headers, and the need computed from what it read.
#include <cstddef>
#include <cstdint>

#include "try_gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  studio::fuzz::try_gguf({reinterpret_cast<const char*>(data), size});
  return 0;
}
