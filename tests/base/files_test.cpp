// Files are replaced whole; devices and pipes are written into, never replaced.
#include "base/files.h"

#include <thread>

#include <sys/stat.h>

#include <gtest/gtest.h>

namespace studio {
namespace {

TEST(Files, AreReplacedWhole) {
  const auto folder = ScratchFolder::create().value();
  const Path file = folder.path() / "a.json";
  ASSERT_TRUE(write_file_atomic(file, "first"));
  ASSERT_TRUE(write_file_atomic(file, "second"));
  EXPECT_EQ(read_file(file).value(), "second");
  EXPECT_FALSE(write_file_atomic(folder.path() / "missing" / "a", "x"));
  EXPECT_FALSE(write_file_atomic(folder.path(), "x"));
}

// Renaming a file over /dev/null, as root, breaks the machine for everybody.
TEST(Files, ADeviceOrPipeIsWrittenIntoAndStays) {
  const auto folder = ScratchFolder::create().value();
  const Path pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::string got;
  {
    const std::jthread reader([&] { got = read_file(pipe).value_or("nothing"); });
    ASSERT_TRUE(write_file_atomic(pipe, "into the pipe"));
  }
  EXPECT_EQ(got, "into the pipe");
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_EQ(PendingFile::create(pipe).error().kind, ErrorKind::invalid_input);
  ASSERT_TRUE(write_file_atomic("/dev/null", "gone"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace studio
