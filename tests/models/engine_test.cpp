// An engine process: ready, restarted once, named when it fails, gone when we are.
#include "models/engine.h"

#include <algorithm>
#include <csignal>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/locked.h"
#include "models/llama_server.h"
#include "support/fake_engine.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::fake_model;

struct EngineTest : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  EngineTest() { ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1); }
  EngineSpec spec(const std::string& scenario) const {
    return llama_server_spec(
        {.program = testing::fake_engine_program(), .model = fake_model(folder, scenario), .id = "fake"});
  }
};

bool is_alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

TEST_F(EngineTest, IsReadyOnASocketOfItsOwnAndGoneAfterwards) {
  pid_t pid = -1;
  Path socket;
  {
    auto engine = Engine::start(spec("{}"));
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    pid = (*engine)->pid();
    socket = (*engine)->endpoint().unix_socket;
    EXPECT_TRUE(is_alive(pid));
    EXPECT_TRUE(std::filesystem::exists(socket));
    EXPECT_EQ((*engine)->state(), EngineState::ready);
    EXPECT_NE(read_file((*engine)->log())->find("listening"), std::string::npos);
  }
  EXPECT_FALSE(is_alive(pid));
  EXPECT_FALSE(std::filesystem::exists(socket.parent_path()));
}

TEST_F(EngineTest, ADeathIsMendedOnceAndTheSecondIsNamed) {
  auto engine = Engine::start(spec("{}"));
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  const pid_t first = (*engine)->pid();
  ::kill(first, SIGKILL);
  ASSERT_TRUE((*engine)->wait_for_death(0, 5s));
  ASSERT_TRUE((*engine)->wait_ready().has_value());
  EXPECT_EQ((*engine)->restarts(), 1);
  const pid_t second = (*engine)->pid();
  EXPECT_NE(second, first);
  ::kill(second, SIGKILL);
  ASSERT_TRUE((*engine)->wait_for_death(1, 5s));
  const auto ready = (*engine)->wait_ready();
  ASSERT_FALSE(ready.has_value());
  EXPECT_EQ(ready.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(ready.error().message.find("signal 9"), std::string::npos) << ready.error().message;
  EXPECT_EQ((*engine)->state(), EngineState::failed);
  EXPECT_EQ((*engine)->pid(), -1);
}

TEST_F(EngineTest, OneThatEndsAtOnceIsNamedWithItsLastWords) {
  const auto engine = Engine::start(spec(R"({"exit_code": 7})"));
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(engine.error().message.find("exit code 7"), std::string::npos) << engine.error().message;
  EXPECT_NE(engine.error().message.find("no such luck"), std::string::npos) << engine.error().message;
}

TEST_F(EngineTest, OneThatNeverGetsReadyEndsAtItsDeadline) {
  EngineSpec never = spec(R"({"never_ready": true})");
  never.ready_timeout = 1500ms;
  const auto engine = Engine::start(never);
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().kind, ErrorKind::timeout);
}

TEST_F(EngineTest, AStopRequestEndsTheWaiting) {
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(300ms);
    stop.request_stop();
  });
  const auto engine = Engine::start(spec(R"({"never_ready": true})"), stop.get_token());
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().kind, ErrorKind::interrupted);
}

TEST_F(EngineTest, AMissingProgramIsMissing) {
  EngineSpec missing = spec("{}");
  missing.command[0] = "/nonexistent/llama-server";
  const auto engine = Engine::start(missing);
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().kind, ErrorKind::missing_part);
}

// Listening on a port, as engines do that know no Unix sockets.
EngineSpec on_a_port(EngineSpec spec) {
  for (std::size_t i = 0; i < spec.command.size(); ++i)
    if (spec.command[i] == "--host") spec.command[i] = "--port", spec.command[i + 1] = "{port}";
  return spec;
}

TEST_F(EngineTest, APortThatIsTakenIsNotTakenFromAnybody) {
  const testing::FakeHttpServer other(
      [](const testing::FakeRequest&, testing::FakeConnection& connection) { connection.json("{}"); },
      testing::FakeHttpServer::On::loopback);
  EngineSpec engine_spec = on_a_port(spec("{}"));
  const std::string& taken = other.endpoint().base_url;
  engine_spec.port = std::stoi(taken.substr(taken.rfind(':') + 1));
  auto engine = Engine::start(engine_spec);
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  EXPECT_NE((*engine)->endpoint().base_url, taken);
  EXPECT_TRUE((*engine)->endpoint().base_url.starts_with("http://127.0.0.1:"));
  const pid_t first = (*engine)->pid();
  ::kill(first, SIGKILL);
  ASSERT_TRUE((*engine)->wait_for_death(0, 5s));
  EXPECT_TRUE((*engine)->wait_ready().has_value()) << "a restart finds a port again";
}

TEST_F(EngineTest, ASocketLeftBehindIsNoObstacle) {
  auto engine = Engine::start(spec("{}"));
  ASSERT_TRUE(engine.has_value());
  // SIGKILL leaves the socket's file where it was.
  ::kill((*engine)->pid(), SIGKILL);
  ASSERT_TRUE((*engine)->wait_for_death(0, 5s));
  EXPECT_TRUE((*engine)->wait_ready().has_value());
}

TEST_F(EngineTest, DeathsAreMendedWithGrowingPausesUntilTheyAreACrashLoop) {
  EngineSpec engine_spec = spec("{}");
  engine_spec.restarts = 3;
  engine_spec.restart_window = 60s;
  engine_spec.longest_backoff = 200ms;
  std::mutex mutex;
  std::vector<EngineState> changes;
  engine_spec.changed = [&](EngineState state, const Error&, int) {
    std::lock_guard lock(mutex);
    changes.push_back(state);
  };
  auto engine = Engine::start(engine_spec);
  ASSERT_TRUE(engine.has_value());
  for (int death = 0; death < 4; ++death) {
    ASSERT_TRUE((*engine)->wait_ready().has_value()) << death;
    ::kill((*engine)->pid(), SIGKILL);
    ASSERT_TRUE((*engine)->wait_for_death(death, 5s));
  }
  const auto ended = (*engine)->wait_ready();
  ASSERT_FALSE(ended.has_value());
  EXPECT_NE(ended.error().message.find("restarted 3 times"), std::string::npos) << ended.error().message;
  for (int i = 0; i < 100 && copy_locked(mutex, changes).size() < 7; ++i) std::this_thread::sleep_for(10ms);
  std::lock_guard lock(mutex);
  using enum EngineState;
  EXPECT_EQ(changes, (std::vector{starting, EngineState::ready, starting, EngineState::ready, starting,
                                  EngineState::ready, failed}));
}

TEST_F(EngineTest, ALogThatGrowsWhileItRunsIsRotated) {
  auto engine = Engine::start(spec(R"({"chatter": 5000000})"));
  ASSERT_TRUE(engine.has_value());
  const Path log = (*engine)->log();
  for (int i = 0; i < 500 && std::filesystem::file_size(log) > 4u << 20; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_LT(std::filesystem::file_size(log), 4u << 20);
  EXPECT_GT(std::filesystem::file_size(log.string() + ".1"), 4'000'000u);
}

TEST_F(EngineTest, OneThatIgnoresTheTermSignalIsKilledAndItsChildrenWithIt) {
  const Path file = folder.path() / "child.pid";
  pid_t pid = -1, child = -1;
  {
    auto engine = Engine::start(spec(R"({"ignores_term": true, "child_pid": ")" + file.string() + "\"}"));
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    pid = (*engine)->pid();
    child = std::stoi(*read_file(file));
    EXPECT_TRUE(is_alive(child));
  }
  EXPECT_FALSE(is_alive(pid));
  for (int i = 0; i < 500 && is_alive(child); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(is_alive(child));
}

// A studio killed with SIGKILL cannot tidy up: the kernel ends the engine for it.
TEST_F(EngineTest, DiesWithItsStudio) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const EngineSpec engine_spec = spec("{}");
  const pid_t studio_pid = ::fork();
  if (studio_pid == 0) {
    auto engine = Engine::start(engine_spec);
    const pid_t pid = engine ? (*engine)->pid() : -1;
    [[maybe_unused]] const auto n = ::write(pipe_ends[1], &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  pid_t engine_pid = -1;
  ASSERT_EQ(::read(pipe_ends[0], &engine_pid, sizeof engine_pid), static_cast<ssize_t>(sizeof engine_pid));
  ASSERT_GT(engine_pid, 0);
  EXPECT_TRUE(is_alive(engine_pid));
  ::kill(studio_pid, SIGKILL);
  ::waitpid(studio_pid, nullptr, 0);
  for (int i = 0; i < 500 && is_alive(engine_pid); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(is_alive(engine_pid));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST(LlamaServer, ReadsItsVersionInBothNumberings) {
  const auto now =
      parse_llama_version("----- x\nversion: 0.5.0-dev (build 1, commit 0c1e570)\nbuilt with GNU\n");
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->minor, 5);
  EXPECT_TRUE(is_new_enough(*now));
  EXPECT_TRUE(is_new_enough(*parse_llama_version("version: 6123 (abc)\n")));
  EXPECT_TRUE(is_new_enough(*parse_llama_version("version: b6123 (abc)\n")));
  EXPECT_FALSE(is_new_enough(*parse_llama_version("version: 3456 (abc)\n")));
  EXPECT_FALSE(is_new_enough(*parse_llama_version("version: 0.4.9\n")));
  EXPECT_TRUE(is_new_enough(*parse_llama_version("version: 1.0.0\n")));
  EXPECT_FALSE(parse_llama_version("command not found").has_value());
  EXPECT_FALSE(parse_llama_version("version: none").has_value());
}

TEST(LlamaServer, TheContextIsPerSlot) {
  const EngineSpec spec =
      llama_server_spec({.program = "p", .model = "m", .id = "i", .context = 4096, .slots = 2, .threads = 3});
  const auto at = std::ranges::find(spec.command, "--ctx-size");
  ASSERT_NE(at, spec.command.end());
  EXPECT_EQ(*std::next(at), "8192");
}

TEST_F(EngineTest, TheNamedProgramIsTakenOrRefused) {
  ::setenv("STUDIO_LLAMA_SERVER", testing::fake_engine_program().c_str(), 1);
  EXPECT_EQ(*find_llama_server(), testing::fake_engine_program());
  ::setenv("STUDIO_LLAMA_SERVER", "/nonexistent", 1);
  EXPECT_EQ(find_llama_server().error().kind, ErrorKind::missing_part);
  ::unsetenv("STUDIO_LLAMA_SERVER");
  ::setenv("PATH", "/usr/bin:/bin", 1);
  const auto none = find_llama_server();
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind, ErrorKind::missing_part);
  EXPECT_NE(none.error().hint.find("setup/setup.sh"), std::string::npos);
}

}  // namespace
}  // namespace studio
