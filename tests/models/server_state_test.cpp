// Which servers run here: by files of their processes, whatever else lies beside them.
#include "models/server_state.h"

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace studio {
namespace {

class ServerStateTest : public ::testing::Test {
 protected:
  ServerStateTest() {
    ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
    ::unsetenv("STUDIO_SERVER");
  }
  ~ServerStateTest() override {
    ::unsetenv("XDG_CACHE_HOME");
    ::unsetenv("STUDIO_SERVER");
    for (const pid_t child : children) end(child);
  }

  // A process that does nothing, with a server's state.
  pid_t server(const std::string& url) {
    const pid_t child = ::fork();
    if (child == 0)
      while (true) ::pause();
    children.push_back(child);
    EXPECT_TRUE(write_server_state({child, url, {}, "1"}).has_value());
    return child;
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  static std::vector<pid_t> found() {
    std::vector<pid_t> pids;
    for (const ServerState& state : server_states()) pids.push_back(state.pid);
    return pids;
  }

  ScratchFolder folder = *ScratchFolder::create();
  std::vector<pid_t> children;
};

TEST_F(ServerStateTest, TheOneOnTheDefaultPortComesFirst) {
  const pid_t first = server("http://127.0.0.1:9000");
  const pid_t usual = server("http://127.0.0.1:8420");
  ASSERT_EQ(found(), (std::vector{usual, first}));
  EXPECT_EQ(read_server_state()->pid, usual);
  end(usual);
  EXPECT_EQ(read_server_state()->pid, first);
  EXPECT_FALSE(std::filesystem::exists(server_state_file(usual))) << "a dead process's file is dropped";
}

TEST_F(ServerStateTest, AProcessThatEndedButIsNotWaitedForIsNoServer) {
  const pid_t zombie = server("http://127.0.0.1:9000");
  const ServerState state = server_states().at(0);
  ::kill(zombie, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT), 0);
  ASSERT_EQ(::kill(zombie, 0), 0) << "its number is still taken";
  EXPECT_FALSE(server_lives(state));
  EXPECT_TRUE(found().empty());
}

TEST_F(ServerStateTest, ANumberThatWasGivenAgainIsAnotherProcess) {
  const pid_t other = server("http://127.0.0.1:9000");
  ServerState state = server_states().at(0);
  EXPECT_TRUE(server_lives(state));
  ++state.began;
  EXPECT_FALSE(server_lives(state));
  state.pid = other;
  state.began = 0;
  EXPECT_TRUE(server_lives(state)) << "unknown: the number has to do";
}

TEST_F(ServerStateTest, AreNamedByPortOrAddress) {
  const pid_t first = server("http://127.0.0.1:9000");
  const pid_t second = server("http://[::1]:9001");
  const pid_t outside = server("http://192.0.2.7:9002");
  for (const auto& [name, pid] :
       std::initializer_list<std::pair<const char*, pid_t>>{{"9000", first},
                                                            {"http://localhost:9000", first},
                                                            {"http://LOCALHOST:9000/v1", first},
                                                            {"http://127.0.0.1:9001", second},
                                                            {"9002", outside},
                                                            {"http://192.0.2.7:9002/", outside},
                                                            {"http://127.0.0.1:9002", -1},
                                                            {"9003", -1},
                                                            {"https://example.org", -1},
                                                            {"unix:/run/studio.sock", -1}}) {
    const auto server = named_server(name);
    ASSERT_TRUE(server.has_value()) << name;
    EXPECT_EQ(server->pid, pid) << name;
  }
  EXPECT_EQ(named_server("9003")->url, "http://127.0.0.1:9003");
  for (const char* wrong : {"", "0", "65536", "99999999999999999999", "-1", "studio", "http://"}) {
    const auto refused = named_server(wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().kind, ErrorKind::wrong_usage) << wrong;
  }
  ::setenv("STUDIO_SERVER", "9001", 1);
  EXPECT_EQ(read_server_state()->pid, second);
  ::setenv("STUDIO_SERVER", "off", 1);
  EXPECT_FALSE(read_server_state().has_value());
}

TEST_F(ServerStateTest, WhatLiesBesideIsLeftAlone) {
  const pid_t mine = server("http://127.0.0.1:9000");
  const Path run = server_state_file(mine).parent_path();
  for (const char* name : {"server-.json", "server-x.json", "server--7.json.new", "note.txt"})
    ASSERT_TRUE(write_file_atomic(run / name, "{}").has_value());
  // Of a living process, written by a studio to come: not ours to judge, nor to remove.
  const pid_t newer = server("http://127.0.0.1:9001");
  ASSERT_TRUE(
      write_file_atomic(server_state_file(newer), R"({"schema": "studio.server/2", "pid": 1})").has_value());
  ASSERT_TRUE(write_file_atomic(server_state_file(1 << 22), "{ broken").has_value());
  EXPECT_EQ(found(), std::vector{mine});
  EXPECT_TRUE(std::filesystem::exists(run / "note.txt"));
  EXPECT_TRUE(std::filesystem::exists(run / "server-x.json"));
  EXPECT_TRUE(std::filesystem::exists(server_state_file(newer)));
  EXPECT_FALSE(std::filesystem::exists(server_state_file(1 << 22)));
}

}  // namespace
}  // namespace studio
