// What comes to the model manager from outside: engines by URL, other programs' leases, pulls, reloads.
#include <atomic>
#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/manager_fixture.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::ask;
using testing::fake_model;
using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;
using testing::kGB;
using testing::soon;

struct ManagerOutsideTest : testing::ManagerFixture {};

TEST_F(ManagerOutsideTest, AHeldLeaseKeepsTheModelUntilItExpires) {
  add("a", 10);
  add("b", 10);
  const auto manager = open();
  const auto held = manager->hold("a", 60s, {.holder = "another program"});
  ASSERT_TRUE(held.has_value()) << held.error().message;
  EXPECT_EQ(manager->held().size(), 1u);
  EXPECT_EQ(manager->lease("b", {.patience = 200ms}).error().kind, ErrorKind::timeout);
  ASSERT_TRUE(manager->renew(held->id, 300ms).has_value());
  EXPECT_TRUE(manager->lease("b", {.patience = 10s}).has_value()) << "it expired";
  EXPECT_EQ(manager->release(held->id).error().kind, ErrorKind::not_found);
  EXPECT_EQ(manager->hold("a", 0ms).error().kind, ErrorKind::wrong_usage);
}

TEST_F(ManagerOutsideTest, ACrashOfTheHolderFreesItsLease) {
  add("a", 10);
  const auto manager = open();
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_TRUE(manager->hold("a", std::chrono::hours(1), {.holder = "a person's shell"}, holder).has_value());
  EXPECT_EQ(status(*manager, "a").leases, 1);
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_TRUE(soon([&] { return status(*manager, "a").leases == 0; }));
}

TEST_F(ManagerOutsideTest, AMissingModelIsAbsentAndNamed) {
  catalog_yaml +=
      "  - {id: far, task: chat, engine: llama-server, file: far.gguf, bytes: 4700000000, sources: [{url: "
      "'http://127.0.0.1:1/far.gguf'}]}\n";
  add("a", 5);
  const auto manager = open();
  EXPECT_EQ(status(*manager, "far").state, ModelState::absent);
  const auto lease = manager->lease("far");
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().kind, ErrorKind::missing_part);
  EXPECT_NE(lease.error().message.find("4.70 GB"), std::string::npos) << lease.error().message;
  EXPECT_EQ(manager->lease("nobody").error().kind, ErrorKind::not_found);
  EXPECT_EQ(*manager->default_model("chat"), "a");
  EXPECT_EQ(manager->default_model("tts").error().kind, ErrorKind::unsupported);
  EXPECT_EQ(
      manager->with_llm([](ModelLease& used) -> Result<std::string> { return used.model_id(); }).value(),
      "a");
}

TEST_F(ManagerOutsideTest, AnEngineByUrlIsLeasedLikeOurOwn) {
  FakeHttpServer server([](const FakeRequest& request, FakeConnection& connection) {
    if (request.target == "/v1/models") return connection.json(R"({"data": [{"id": "first"}]})");
    connection.json("{}");
  });
  options.engines = {{.name = "remote", .url = server.endpoint().to_string(), .models = {"big", "bigger"}},
                     {.name = "open", .url = server.endpoint().to_string() + ":/v1"}};
  add("a", 5);
  const auto manager = open();
  const auto lease = manager->lease("remote/big");
  ASSERT_TRUE(lease.has_value()) << lease.error().message;
  EXPECT_EQ(lease->upstream_model(), "big");
  EXPECT_EQ(lease->endpoint().base_url, "http://localhost/v1");
  EXPECT_EQ(lease->endpoint().unix_socket, server.endpoint().unix_socket);
  EXPECT_EQ(lease->engine(), "remote");
  EXPECT_EQ(manager->lease("bigger")->model_id(), "remote/bigger");
  EXPECT_EQ(manager->lease("open")->upstream_model(), "first") << "the first it lists";
  EXPECT_EQ(manager->lease("open/any")->upstream_model(), "any");
  EXPECT_EQ(manager->targets("big").size(), 1u);
}

TEST_F(ManagerOutsideTest, AVllmThatSleepsIsWokenAndSleepsAgainToMakeRoom) {
  std::atomic<bool> asleep{true};
  FakeHttpServer server([&](const FakeRequest& request, FakeConnection& connection) {
    if (request.target == "/is_sleeping")
      return connection.json(asleep ? R"({"is_sleeping": true})" : R"({"is_sleeping": false})");
    if (request.target == "/wake_up") asleep = false;
    if (request.target == "/sleep?level=1") asleep = true;
    connection.json(R"({"data": []})");
  });
  options.engines = {{.name = "vllm",
                      .kind = "vllm",
                      .url = server.endpoint().to_string(),
                      .models = {"big"},
                      .memory_bytes = 14 * kGB}};
  add("a", 10);
  const auto manager = open();
  {
    const auto lease = manager->lease("vllm/big");
    ASSERT_TRUE(lease.has_value()) << lease.error().message;
    EXPECT_FALSE(asleep);
  }
  ASSERT_TRUE(manager->lease("a").has_value());
  EXPECT_TRUE(asleep) << "its memory was needed";
}

TEST_F(ManagerOutsideTest, AServiceIsBroughtUpAndTakenDownByItsCommands) {
  FakeHttpServer server(
      [](const FakeRequest&, FakeConnection& connection) { connection.json(R"({"data": []})"); });
  const Path up = folder.path() / "up";
  const std::vector<std::string> start = {"touch", up.string()}, stop = {"rm", up.string()};
  options.engines = {{.name = "service",
                      .kind = "compose",
                      .url = server.endpoint().to_string(),
                      .models = {"m"},
                      .start = start,
                      .stop = stop},
                     {.name = "broken",
                      .kind = "compose",
                      .url = server.endpoint().to_string(),
                      .models = {"n"},
                      .start = {"false"},
                      .stop = {}}};
  add("a", 1);
  {
    const auto manager = open();
    ASSERT_TRUE(manager->lease("service/m").has_value());
    EXPECT_TRUE(std::filesystem::exists(up));
    const auto broken = manager->lease("broken/n");
    ASSERT_FALSE(broken.has_value());
    EXPECT_NE(broken.error().message.find("exit code 1"), std::string::npos) << broken.error().message;
  }
  EXPECT_FALSE(std::filesystem::exists(up));
}

TEST_F(ManagerOutsideTest, APullIsAStateUntilTheModelIsHere) {
  const Path file = folder.path() / "later.gguf";
  catalog_yaml += "  - {id: later, task: chat, engine: llama-server, file: later.gguf, sources: [{path: " +
                  file.string() + "}]}\n";
  const auto manager = open();
  EXPECT_EQ(status(*manager, "later").state, ModelState::absent);
  manager->note_pull("later", true);
  EXPECT_EQ(status(*manager, "later").state, ModelState::pulling);
  (void)fake_model(folder, "{}", "later");
  manager->note_pull("later", false);
  EXPECT_EQ(status(*manager, "later").state, ModelState::cold);
  EXPECT_TRUE(manager->lease("later").has_value());
}

TEST_F(ManagerOutsideTest, AModelAddedToTheCatalogIsKnownAfterAReload) {
  add("a", 5);
  const auto manager = open();
  add("b", 5);
  ASSERT_TRUE(write_file_atomic(folder.path() / "models.yaml", catalog_yaml).has_value());
  EXPECT_EQ(manager->lease("b").error().kind, ErrorKind::not_found);
  ManagerOptions changed = options;
  changed.catalog = *ModelCatalog::load({.shipped = folder.path() / "models.yaml",
                                         .lock = folder.path() / "lock.json",
                                         .own = folder.path() / "none.yaml",
                                         .models = folder.path()});
  ASSERT_TRUE(manager->reconfigure(changed).has_value());
  EXPECT_TRUE(manager->lease("b").has_value());
}

TEST_F(ManagerOutsideTest, NewEnginesAndPinsTakeEffectWithoutTouchingLeases) {
  FakeHttpServer server(
      [](const FakeRequest&, FakeConnection& connection) { connection.json(R"({"data": []})"); });
  add("a", 10);
  add("b", 10);
  const auto manager = open();
  const auto lease = manager->lease("a");
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(manager->lease("remote/big").error().kind, ErrorKind::not_found);
  ManagerOptions changed = options;
  changed.engines = {{.name = "remote", .url = server.endpoint().to_string(), .models = {"big"}}};
  changed.pinned = {"a"};
  ASSERT_TRUE(manager->reconfigure(changed).has_value());
  EXPECT_TRUE(manager->lease("remote/big").has_value());
  EXPECT_TRUE(status(*manager, "a").pinned);
  EXPECT_EQ(ask(*lease)->status, 200);
  const auto beside = manager->lease("b");
  ASSERT_FALSE(beside.has_value());
  EXPECT_NE(beside.error().message.find("pinned a"), std::string::npos) << beside.error().message;
  ManagerOptions without = changed;
  without.engines.clear();
  ASSERT_TRUE(manager->reconfigure(without).has_value());
  EXPECT_EQ(manager->targets("remote/big").size(), 0u);
  ASSERT_TRUE(manager->reconfigure(changed).has_value());
  changed.engines = {{.name = "odd", .kind = "no-such-kind", .url = "http://127.0.0.1:1"}};
  EXPECT_EQ(manager->reconfigure(changed).error().kind, ErrorKind::wrong_usage);
  EXPECT_TRUE(manager->lease("remote/big").has_value()) << "on an error all stays as it was";
}

}  // namespace
}  // namespace studio
