// libFuzzer target: the reader of timelines, and the verbs on what it reads.
#include <cstddef>
#include <cstdint>

#include "readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  studio::fuzz::try_timeline({reinterpret_cast<const char*>(data), size});
  return 0;
}
