// Every input the fuzzers started from or once broke something with, without a fuzzer.
#include <filesystem>

#include <gtest/gtest.h>

#include "../../fuzz/readers.h"
#include "base/files.h"

namespace studio {
namespace {

template <typename Try>
void try_folder(const char* name, Try&& tried) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(STUDIO_SOURCE_DIR) / "fuzz/corpus" / name)) {
    SCOPED_TRACE(entry.path().string());
    tried(read_file(entry.path()).value());
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST(Corpus, OfPlans) {
  try_folder("fuzz_plan", fuzz::try_plan);
}
TEST(Corpus, OfTimelines) {
  try_folder("fuzz_timeline", fuzz::try_timeline);
}
TEST(Corpus, OfOtioFiles) {
  try_folder("fuzz_otio", fuzz::try_otio);
}

}  // namespace
}  // namespace studio
