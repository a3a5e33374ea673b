// libFuzzer target: the reader of OpenTimelineIO files.
#include <cstddef>
#include <cstdint>

#include "readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  studio::fuzz::try_otio({reinterpret_cast<const char*>(data), size});
  return 0;
}
