// Children are captured, time out, and do not outlive us.
#include "base/process.h"

#include <csignal>

#include <gtest/gtest.h>

namespace studio {
namespace {

TEST(Process, CapturesBothStreamsAndTheExitCode) {
  const auto run = run_process({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->out, "out\n");
  EXPECT_EQ(run->err, "err\n");
  EXPECT_EQ(run->exit_code, 3);
}

TEST(Process, AMissingProgramIsNamed) {
  const auto run = run_process({"no-such-program-here"});
  ASSERT_FALSE(run.has_value());
  EXPECT_EQ(run.error().kind, ErrorKind::missing_part);
}

TEST(Process, EndsAtTheDeadline) {
  const auto run = run_process({"sleep", "60"}, std::chrono::milliseconds(100));
  ASSERT_FALSE(run.has_value());
  EXPECT_EQ(run.error().kind, ErrorKind::timeout);
}

TEST(ChildProcess, IsGoneWhenTheValueEnds) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::start({.command = {"sleep", "60"}, .environment = {}, .log = {}});
    ASSERT_TRUE(child.has_value());
    pid = child->pid();
    EXPECT_FALSE(child->poll().has_value());
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

}  // namespace
}  // namespace studio
