// A scenario file for tests/support/fake_engine.py, and the program's path.
#pragma once

#include <string>

#include "base/files.h"

namespace studio::testing {

inline Path fake_engine_program() {
  return Path(STUDIO_SOURCE_DIR) / "tests/support/fake_engine.py";
}

// A "model" that tells the fake engine what to do; `scenario` is JSON as its header describes.
inline Path fake_model(const ScratchFolder& folder, const std::string& scenario,
                       const std::string& name = "fake") {
  const Path file = folder.path() / (name + ".gguf");
  // A whole GGUF file of version 3 with nothing in it, and the scenario behind.
  std::string bytes = "GGUF";
  bytes += '\3';
  bytes.append(19, '\0');
  (void)write_file_atomic(file, bytes + scenario);
  return file;
}

}  // namespace studio::testing
