// Names find their models, equal targets share by weight, broken ones are left out and come back.
#include "gateway/router.h"

#include <atomic>
#include <map>
#include <thread>

#include <gtest/gtest.h>

namespace studio {
namespace {

using std::chrono::milliseconds;

struct Clock {
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
};

class RouterTest : public testing::Test {
 protected:
  std::shared_ptr<Clock> clock_ = std::make_shared<Clock>();
  RouterOptions options_;
  RouterTest() {
    options_.targets = {{"chat-small", "", "", {"chat"}, 1},
                        {"vl", "", "", {"vision", "chat"}, 1},
                        {"big", "a", "Big-14B", {"chat", "code"}, 3},
                        {"big", "b", "Big-14B", {"chat", "code"}, 1},
                        {"big", "spare", "Big-14B", {"chat"}, 0}};
    options_.aliases = {{"gpt-4o", "clever"}, {"clever", "big"}};
    options_.fallbacks = {{"big", {"vl", "gpt-4o", "chat-small"}}};
    options_.defaults = {{"chat", "big"}};
    options_.clock = [clock = clock_] { return clock->now; };
  }
  std::shared_ptr<Router> router() { return Router::create(options_).value(); }
  void only(std::vector<RouteTarget> targets) {
    options_.targets = std::move(targets);
    options_.aliases = {};
    options_.fallbacks = {};
    options_.defaults = {};
  }
  static std::string engines(const Route& route) {
    std::string out;
    for (const auto& step : route.steps) out += (out.empty() ? "" : " ") + step.target->engine;
    return out;
  }
};

TEST_F(RouterTest, NamesFindTheirModel) {
  const auto r = router();
  const std::map<std::string, std::string> expected{
      {"big", "big"},  {"gpt-4o", "big"},     {"clever", "big"},    {"BIG", "big"},
      {"auto", "big"}, {"auto:vision", "vl"}, {"auto:code", "big"}, {"Gpt-4O", "big"}};
  for (const auto& [name, model] : expected) {
    const auto route = r->resolve(name);
    ASSERT_TRUE(route) << name;
    EXPECT_EQ(route->model, model) << name;
  }
  EXPECT_EQ(r->resolve("auto", "vision")->model, "vl");
  for (const char* unknown : {"", "bigg", "auto:", "auto:smell", "automatic"}) {
    const auto route = r->resolve(unknown);
    ASSERT_FALSE(route) << unknown;
    EXPECT_EQ(route.error().kind, ErrorKind::not_found);
    EXPECT_TRUE(route.error().hint.contains("chat-small")) << route.error().hint;
  }
}

TEST_F(RouterTest, EqualTargetsShareByWeightThenFallbacksFollow) {
  const auto r = router();
  std::map<std::string, int> first;
  std::string order;
  for (int i = 0; i < 400; ++i) {
    const auto route = r->resolve("big").value();
    ASSERT_EQ(route.steps.size(), 5u);
    ++first[route.steps[0].target->engine];
    if (i < 4) order += route.steps[0].target->engine;
    EXPECT_EQ(route.steps[2].target->engine, "spare");  // without weight: after those with
    EXPECT_EQ(route.steps[3].target->model, "vl");
    EXPECT_EQ(route.steps[4].target->model, "chat-small");
  }
  EXPECT_EQ(first["a"], 300);
  EXPECT_EQ(first["b"], 100);
  EXPECT_EQ(order, "aaba");  // spread, not three in a row and then the other
}

TEST_F(RouterTest, FailuresOpenTheBreakerAndOneTrialClosesIt) {
  only({{"m", "x", "", {"chat"}, 1}, {"m", "y", "", {"chat"}, 0}});
  options_.breaker_failures = 3;
  options_.breaker_open = milliseconds(1000);
  options_.breaker_longest = milliseconds(3000);
  const auto r = router();
  const auto fail_first = [&] { r->report(r->resolve("m")->steps[0], Outcome::failed); };
  fail_first();
  fail_first();
  r->report(r->resolve("m")->steps[0], Outcome::answered);  // sets the row of failures back
  fail_first();
  fail_first();
  EXPECT_EQ(engines(*r->resolve("m")), "x y");
  fail_first();
  EXPECT_EQ(engines(*r->resolve("m")), "y");
  EXPECT_EQ(r->states()[0].breaker, "open");
  EXPECT_EQ(r->states()[0].opens_in, milliseconds(1000));
  clock_->now += milliseconds(1000);
  auto trial = r->resolve("m").value();
  ASSERT_EQ(engines(trial), "x y");
  EXPECT_TRUE(trial.steps[0].trial);
  EXPECT_EQ(engines(*r->resolve("m")), "y");  // only one tries
  r->report(trial.steps[0], Outcome::failed);
  clock_->now += milliseconds(1999);
  EXPECT_EQ(engines(*r->resolve("m")), "y");  // twice as long now
  clock_->now += milliseconds(1);
  trial = r->resolve("m").value();
  r->report(trial.steps[0], Outcome::abandoned);  // the trial told nothing: the next may try
  trial = r->resolve("m").value();
  ASSERT_EQ(engines(trial), "x y");
  r->report(trial.steps[0], Outcome::answered);
  EXPECT_EQ(r->states()[0].breaker, "closed");
  EXPECT_FALSE(r->resolve("m")->steps[0].trial);
}

TEST_F(RouterTest, WhenAllAreOpenTheOneThatClosesFirstIsTried) {
  only({{"m", "x", "", {}, 1}});
  options_.breaker_failures = 1;
  const auto r = router();
  r->report(r->resolve("m")->steps[0], Outcome::failed);
  const auto route = r->resolve("m").value();
  ASSERT_EQ(route.steps.size(), 1u);
  r->report(route.steps[0], Outcome::answered);
  EXPECT_EQ(r->states()[0].breaker, "closed");
}

TEST_F(RouterTest, OverloadIsNoFault) {
  options_.breaker_failures = 1;
  const auto r = router();
  r->report(r->resolve("big")->steps[0], Outcome::overloaded);
  EXPECT_EQ(r->states()[2].breaker, "closed");
}

TEST_F(RouterTest, OnlyWhatReachedNobodyIsTriedAgain) {
  EXPECT_TRUE(may_retry(Outcome::failed, false, false));
  EXPECT_FALSE(may_retry(Outcome::failed, true, false));
  EXPECT_FALSE(may_retry(Outcome::failed, true, true));
  EXPECT_TRUE(may_retry(Outcome::overloaded, true, true));
  EXPECT_FALSE(may_retry(Outcome::answered, true, true));
  EXPECT_FALSE(may_retry(Outcome::abandoned, false, false));
}

TEST_F(RouterTest, AReloadKeepsTheStateOfTargetsThatStay) {
  options_.breaker_failures = 1;
  const auto before = router();
  before->report(before->resolve("vl")->steps[0], Outcome::failed);
  options_.targets.erase(options_.targets.begin());
  options_.fallbacks = {};
  const auto after = Router::create(options_, before.get()).value();
  EXPECT_EQ(after->states()[0].target.model, "vl");
  EXPECT_EQ(after->states()[0].breaker, "open");
}

TEST_F(RouterTest, RoutesThatLeadNowhereAreRefused) {
  const auto refused = [&](auto change) {
    RouterOptions options = options_;
    change(options);
    const auto made = Router::create(options);
    return made ? std::string("none") : made.error().message;
  };
  EXPECT_TRUE(refused([](auto& o) { o.aliases = {{"a", "b"}, {"b", "a"}}; }).contains("circle"));
  EXPECT_TRUE(refused([](auto& o) { o.aliases.push_back({"x", "nothing"}); }).contains("nothing"));
  EXPECT_TRUE(refused([](auto& o) { o.aliases.push_back({"vl", "big"}); }).contains("vl"));
  EXPECT_TRUE(refused([](auto& o) { o.fallbacks.push_back({"vl", {"gone"}}); }).contains("gone"));
  EXPECT_TRUE(refused([](auto& o) { o.defaults.push_back({"code", "gone"}); }).contains("gone"));
  EXPECT_TRUE(refused([](auto& o) { o.targets[0].weight = -1; }).contains("weight"));
}

TEST_F(RouterTest, ManyThreadsResolveAndReportAtOnce) {
  options_.breaker_failures = 2;
  const auto r = router();
  std::vector<std::jthread> threads;
  std::atomic<int> empty{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5000; ++i) {
        const auto route = r->resolve(i % 3 ? "big" : "auto:vision");
        if (!route || route->steps.empty())
          ++empty;
        else
          r->report(route->steps[0], (i + t) % 7 == 0 ? Outcome::failed : Outcome::answered);
      }
    });
  threads.clear();
  EXPECT_EQ(empty, 0);
}

}  // namespace
}  // namespace studio
