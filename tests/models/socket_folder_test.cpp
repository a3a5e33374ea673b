// Folders of sockets: what a killed studio left goes, what is in use or not ours stays.
#include "models/socket_folder.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace studio {
namespace {

class SocketFolderTest : public ::testing::Test {
 protected:
  SocketFolderTest() { ::setenv("TMPDIR", scratch.path().c_str(), 1); }
  ~SocketFolderTest() override { ::unsetenv("TMPDIR"); }
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& item : std::filesystem::directory_iterator(scratch.path()))
      names.push_back(item.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

  ScratchFolder scratch = *ScratchFolder::create();
};

TEST_F(SocketFolderTest, IsRemovedWithItsSocket) {
  {
    const auto folder = SocketFolder::create();
    ASSERT_TRUE(folder.has_value()) << folder.error().message;
    std::ofstream(folder->socket()) << "a socket";
    EXPECT_EQ(left().size(), 1u);
    EXPECT_EQ(remove_stale_socket_folders(), 0) << "it is in use";
  }
  EXPECT_TRUE(left().empty());
}

TEST_F(SocketFolderTest, OfAKilledProcessIsRemovedByTheNext) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto folder = SocketFolder::create();
    if (folder) std::ofstream(folder->socket()) << "a socket";
    (void)!::write(ready[1], folder ? "1" : "0", 1);
    while (true) ::pause();
  }
  char made = '0';
  ASSERT_EQ(::read(ready[0], &made, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  ASSERT_EQ(made, '1');
  EXPECT_EQ(remove_stale_socket_folders(), 0) << "its process lives";
  ASSERT_EQ(left().size(), 1u);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const std::string stale = left().front();
  const auto next = SocketFolder::create();
  ASSERT_TRUE(next.has_value());
  ASSERT_EQ(left().size(), 1u);
  EXPECT_NE(left().front(), stale);
}

TEST_F(SocketFolderTest, WhatIsNotAnEnginesStays) {
  const Path base = scratch.path();
  for (const char* name :
       {"studio-engine.short", "studio-engine.toolong", "studio-engine-AAAAAA", "studio-engine.AAA.AA"})
    std::filesystem::create_directory(base / name);
  std::filesystem::create_directory(base / "studio-engine.ABCDEF");  // with something else in it
  std::ofstream(base / "studio-engine.ABCDEF" / "thesis.txt") << "years";
  std::filesystem::create_directory(base / "elsewhere");
  std::filesystem::create_directory_symlink(base / "elsewhere", base / "studio-engine.LINKED");
  std::ofstream(base / "studio-engine.AFILE1") << "a file";
  const auto before = left();
  EXPECT_EQ(remove_stale_socket_folders(), 0);
  EXPECT_EQ(left(), before);
  EXPECT_TRUE(std::filesystem::exists(base / "studio-engine.ABCDEF" / "thesis.txt"));
}

TEST_F(SocketFolderTest, ALongTmpdirIsNamed) {
  const Path deep = scratch.path() / std::string(100, 'x');
  std::filesystem::create_directory(deep);
  ::setenv("TMPDIR", deep.c_str(), 1);
  const auto refused = SocketFolder::create();
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().hint.find("TMPDIR"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(deep));
}

}  // namespace
}  // namespace studio
