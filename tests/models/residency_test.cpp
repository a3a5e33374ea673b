// The residency policy under a clock of the test: what loads, what goes, who is served, who waits how long.
#include "models/residency.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <set>

#include <gtest/gtest.h>

namespace studio {
namespace {

using namespace std::chrono_literals;
using residency::Grant;
using residency::Load;
using residency::Refuse;
using residency::Unload;
using residency::Warm;
using Time = Residency::Time;

constexpr std::uint64_t kGB = 1'000'000'000;

// The policy with engines that take time to load and end, and clients that hold leases: a small
// discrete simulation on a clock that only the test moves.
class House {
 public:
  explicit House(ResidencyOptions options = {}, MemoryAmount budget = {15'500'000'000, 64 * kGB})
      : policy(options) {
    apply(policy.set_budget(budget, now));
  }

  void add(const std::string& id, double gb, int places = 4, bool pinned = false) {
    ResidentSpec spec;
    spec.id = id;
    spec.need = {static_cast<std::uint64_t>(gb * 1e9), 0};
    spec.places = places;
    spec.pinned = pinned;
    apply(policy.put_model(spec, now));
  }

  Ticket ask(const std::string& model, Residency::Request request = {}) {
    request.model = model;
    const Ticket ticket = ++last_ticket;
    asked[ticket] = now;
    apply(policy.ask(ticket, request, now));
    return ticket;
  }
  void release(Ticket ticket) { apply(policy.release(ticket, now)); }
  bool granted(Ticket ticket) const { return grants.contains(ticket); }
  const Error* refused(Ticket ticket) const {
    const auto found = refusals.find(ticket);
    return found == refusals.end() ? nullptr : &found->second.error;
  }
  Residence state(const std::string& id) const { return policy.model(id)->residence; }

  // A client that asks, holds a while, thinks, asks again, until `end`.
  void client(const std::string& model, std::chrono::milliseconds hold, std::chrono::milliseconds think,
              Time end, bool batch = false) {
    const Ticket ticket = ask(model, {.model = {}, .batch = batch});
    on_grant(ticket, [=, this] {
      at(now + hold, [=, this] {
        release(ticket);
        ++answered[model];
        if (now < end) at(now + think, [=, this] { client(model, hold, think, end, batch); });
      });
    });
  }

  void at(Time time, std::function<void()> what) { events.push({time, ++order, std::move(what)}); }
  void on_grant(Ticket ticket, std::function<void()> what) {
    if (granted(ticket))
      what();
    else
      when_granted[ticket] = std::move(what);
  }

  // Moves the clock, event by event.
  void run_until(Time end) {
    while (true) {
      Time next = end;
      if (!events.empty()) next = std::min(next, events.top().time);
      if (const auto wake = policy.next_time()) next = std::min(next, std::max(*wake, now));
      now = std::max(now, next);
      if (!events.empty() && events.top().time <= now) {
        const auto what = events.top().what;
        events.pop();
        what();
      } else if (const auto wake = policy.next_time(); wake && *wake <= now) {
        apply(policy.tick(now));
        ASSERT_FALSE(policy.next_time() && *policy.next_time() <= now) << "a tick must move the time on";
      } else if (now >= end) {
        return;
      }
    }
  }
  void run_for(std::chrono::milliseconds time) { run_until(now + time); }

  void apply(const Residency::Actions& actions) {
    for (const auto& action : actions) {
      if (const auto* load = std::get_if<Load>(&action)) {
        loads.push_back(load->model);
        const std::string model = load->model;
        if (broken.contains(model))
          at(now + load_time, [=, this] {
            apply(policy.load_failed(model, {ErrorKind::engine_failed, "it broke", {}}, 5s, now));
          });
        else
          at(now + load_time, [=, this] {
            apply(policy.loaded(model, {}, std::chrono::duration<double>(load_time).count(), now));
          });
      } else if (const auto* unload = std::get_if<Unload>(&action)) {
        EXPECT_EQ(policy.model(unload->model)->leases, 0) << "a lease is never interrupted";
        unloads.push_back(unload->model + ": " + unload->why);
        const std::string model = unload->model;
        at(now + unload_time, [=, this] { apply(policy.unloaded(model, now)); });
      } else if (const auto* grant = std::get_if<Grant>(&action)) {
        EXPECT_FALSE(grants.contains(grant->ticket)) << "granted twice";
        grants[grant->ticket] = now;
        waits[grant->model].push_back(now - asked[grant->ticket]);
        if (const auto then = when_granted.find(grant->ticket); then != when_granted.end())
          at(now, then->second);
      } else if (const auto* refuse = std::get_if<Refuse>(&action)) {
        refusals.insert({refuse->ticket, *refuse});
      } else if (const auto* warm = std::get_if<Warm>(&action)) {
        warmed.push_back(warm->model);
      }
    }
    EXPECT_TRUE(policy.taken().fits_in(policy.budget())) << "never more than the budget";
  }

  std::chrono::steady_clock::duration longest_wait(const std::string& model) const {
    return *std::ranges::max_element(waits.at(model));
  }

  Time now{};
  Residency policy;
  std::chrono::milliseconds load_time = 2s, unload_time = 200ms;
  std::set<std::string> broken;
  std::vector<std::string> loads, unloads, warmed;
  std::map<Ticket, Time> asked, grants;
  std::map<Ticket, Refuse> refusals;
  std::map<std::string, std::vector<std::chrono::steady_clock::duration>> waits;
  std::map<std::string, int> answered;
  Ticket last_ticket = 0;

 private:
  struct Event {
    Time time;
    int order;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::pair(time, order) > std::pair(other.time, other.order);
    }
  };
  std::priority_queue<Event> events;
  std::map<Ticket, std::function<void()>> when_granted;
  int order = 0;
};

TEST(Residency, AModelIsLoadedAtItsFirstRequestAndStays) {
  House house;
  house.add("a", 9);
  const Ticket first = house.ask("a");
  EXPECT_FALSE(house.granted(first));
  house.run_for(2s);
  EXPECT_TRUE(house.granted(first));
  house.release(first);
  EXPECT_TRUE(house.granted(house.ask("a"))) << "at once when it is ready";
  EXPECT_EQ(house.loads, std::vector<std::string>{"a"});
}

TEST(Residency, TwoThatFitTogetherStayTogether) {
  House house;
  house.add("vision", 7);
  house.add("embedder", 0.2);
  house.add("chat", 8);
  for (const char* id : {"vision", "embedder", "chat"}) house.ask(id);
  house.run_for(3s);
  EXPECT_EQ(house.grants.size(), 3u);
  EXPECT_TRUE(house.unloads.empty());
}

TEST(Residency, AHeavyOneGoesForAHeavyOneAndTheLightStaysBeside) {
  House house;
  house.add("heavy-1", 10);
  house.add("light", 0.5);
  house.add("heavy-2", 11);
  const Ticket light = house.ask("light");
  const Ticket first = house.ask("heavy-1");
  house.run_for(3s);
  house.release(light);  // longest unused: would go first by recency alone
  house.run_for(1s);
  house.release(first);
  const Ticket second = house.ask("heavy-2");
  house.run_for(3s);
  EXPECT_TRUE(house.granted(second));
  EXPECT_EQ(house.unloads, std::vector<std::string>{"heavy-1: make room for heavy-2"});
  EXPECT_EQ(house.state("light"), Residence::ready);
}

TEST(Residency, TheLongestUnusedGoesFirst) {
  House house;
  for (const char* id : {"a", "b", "c"}) house.add(id, 5);
  for (const char* id : {"a", "b", "c"}) {
    const Ticket ticket = house.ask(id);
    house.run_for(3s);
    house.release(ticket);
    house.run_for(1s);
  }
  const Ticket again = house.ask("a");
  house.release(again);
  house.add("d", 5);
  house.ask("d");
  house.run_for(3s);
  EXPECT_EQ(house.unloads, std::vector<std::string>{"b: make room for d"});
}

TEST(Residency, APinnedOneStaysAndWhatCannotFitBesideItIsRefusedWithTheArithmetic) {
  House house;
  house.add("pinned", 9, 4, true);
  house.add("big", 10);
  const Ticket first = house.ask("pinned");
  house.run_for(3s);
  house.release(first);
  const Ticket second = house.ask("big");
  ASSERT_NE(house.refused(second), nullptr);
  EXPECT_EQ(house.refused(second)->kind, ErrorKind::limit_exceeded);
  const std::string& message = house.refused(second)->message;
  for (const char* part : {"10.0 GB", "15.5 GB", "9.00 GB", "pinned"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(house.state("pinned"), Residence::ready);
}

TEST(Residency, WhatOthersUseIsTakenOffAndIdleModelsGiveWay) {
  House house;
  house.add("a", 9);
  house.add("b", 14);
  const Ticket first = house.ask("a");
  house.run_for(3s);
  house.apply(house.policy.set_budget({9 * kGB, 64 * kGB}, house.now));
  EXPECT_NE(house.refused(house.ask("b")), nullptr) << "6.5 GB are used by a game";
  house.release(first);
  house.apply(house.policy.set_budget({15'500'000'000, 64 * kGB}, house.now));
  EXPECT_EQ(house.state("a"), Residence::ready);
  // Only an idle one goes when the memory gets short; the test's invariant is looked at afterwards.
  const auto actions = house.policy.set_budget({4 * kGB, 64 * kGB}, house.now);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Unload>(actions[0]).why, "others need the memory");
}

TEST(Residency, OneClientThatAlternatesGetsEachSwitchAtOnce) {
  House house;
  house.add("plan", 10);
  house.add("look", 9);
  for (int round = 0; round < 6; ++round)
    for (const char* model : {"plan", "look"}) {
      const Ticket ticket = house.ask(model);
      for (int i = 0; i < 100 && !house.granted(ticket); ++i) house.run_for(100ms);
      house.run_for(1s);
      house.release(ticket);
    }
  for (const char* model : {"plan", "look"})
    EXPECT_LE(house.longest_wait(model), house.load_time + house.unload_time) << model;
}

TEST(Residency, TwoBusyClientsOfHeavyModelsTakeTurnsAndDoNotThrash) {
  for (const auto think : {0ms, 5ms, 100ms, 400ms}) {
    House house;
    house.add("a", 10);
    house.add("b", 11);
    const Time end = house.now + 60s;
    house.client("a", 300ms, think, end);
    house.client("b", 300ms, think, end);
    house.run_until(end + 30s);
    // A turn is 4 loads (8 s) long: in a minute some 6 switches and the first ones, which teach the pauses.
    EXPECT_LE(house.loads.size(), 12u) << think.count();
    // The other's end and load, its turn and last answer, and the same end and load back.
    const auto bound = 8s + 300ms + 2 * (house.unload_time + house.load_time) + 100ms;
    EXPECT_LE(house.longest_wait("a"), bound) << think.count();
    EXPECT_LE(house.longest_wait("b"), bound) << think.count();
    EXPECT_GT(house.answered["a"], 20) << think.count();
    EXPECT_GT(house.answered["b"], 20) << think.count();
  }
}

TEST(Residency, ManyClientsOfThreeHeavyModelsAllGetTheirTurns) {
  House house;
  for (const char* id : {"a", "b", "c"}) house.add(id, 9);
  const Time end = house.now + 300s;
  for (int i = 0; i < 5; ++i)
    for (const char* id : {"a", "b", "c"}) house.client(id, 200ms + i * 70ms, i * 3ms, end);
  house.run_until(end + 60s);
  // Two others have a turn, an answer, an end and a load each before it, and it has its own load.
  // A fifth request of its own four places may have waited for one before.
  const auto bound =
      2 * (8s + 500ms + house.unload_time + house.load_time) + house.unload_time + house.load_time + 500ms;
  for (const char* id : {"a", "b", "c"}) EXPECT_LE(house.longest_wait(id), bound) << id;
  EXPECT_LE(house.loads.size(), 36u);
}

TEST(Residency, WaitingRequestsOfOneModelAreServedTogether) {
  House house;
  house.add("a", 10);
  house.add("b", 10);
  const Ticket first = house.ask("a");
  house.run_for(3s);
  std::vector<Ticket> mixed;
  for (int i = 0; i < 4; ++i) {
    mixed.push_back(house.ask("b"));
    mixed.push_back(house.ask("a"));
  }
  for (const Ticket ticket : mixed)
    house.on_grant(ticket, [&house, ticket] {
      house.at(house.now + 100ms, [&house, ticket] { house.release(ticket); });
    });
  house.release(first);
  house.run_for(20s);
  for (const Ticket ticket : mixed) EXPECT_TRUE(house.granted(ticket));
  EXPECT_EQ(house.loads, (std::vector<std::string>{"a", "b"}));
}

TEST(Residency, ABatchIsNeitherInterruptedNorStarved) {
  House house;
  house.add("image", 10, 1);
  house.add("chat", 10);
  const Time end = house.now + 120s;
  house.client("chat", 200ms, 5ms, end);
  house.client("chat", 300ms, 9ms, end);
  house.run_for(10s);
  const Ticket batch = house.ask("image", {.model = {}, .batch = true});
  house.run_for(15s);
  ASSERT_TRUE(house.granted(batch)) << "busy chat does not starve it";
  house.run_for(40s);
  EXPECT_EQ(house.state("image"), Residence::ready) << "it runs as long as it takes";
  const int answered = house.answered["chat"];
  house.release(batch);
  house.run_for(10s);
  EXPECT_GT(house.answered["chat"], answered);
}

TEST(Residency, AModelWithABatchServesOthersMeanwhile) {
  House house;
  house.add("a", 10, 2);
  house.add("b", 10);
  const Ticket batch = house.ask("a", {.model = {}, .batch = true});
  house.run_for(3s);
  const Ticket other = house.ask("b");
  house.run_for(30s);
  const Ticket chat = house.ask("a");
  EXPECT_TRUE(house.granted(chat)) << "its second place is free, and b cannot have the room yet";
  house.release(chat);
  EXPECT_FALSE(house.granted(other));
  house.release(batch);
  house.run_for(3s);
  EXPECT_TRUE(house.granted(other));
}

TEST(Residency, QueuesAreBoundedAndTellWhenToComeBack) {
  ResidencyOptions options;
  options.max_waiting_per_model = 3;
  options.max_waiting = 5;
  House house(options);
  house.add("a", 5, 1);
  house.add("b", 5, 1);
  const Ticket held = house.ask("a");
  house.run_for(3s);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(house.refused(house.ask("a")), nullptr);
  const Ticket past = house.ask("a");
  ASSERT_NE(house.refused(past), nullptr);
  EXPECT_EQ(house.refused(past)->kind, ErrorKind::limit_exceeded);
  EXPECT_GE(house.refusals.at(past).retry_after_s, 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(house.refused(house.ask("b")), nullptr);
  EXPECT_NE(house.refused(house.ask("b")), nullptr) << "the sum is bounded too";
  house.release(held);
  EXPECT_EQ(house.grants.size(), 2u) << "the next in the queue";
}

TEST(Residency, PatienceEndsAWaitAndACancelledWaitLeavesNothing) {
  House house;
  house.add("a", 10, 1);
  house.add("b", 10, 1);
  const Ticket held = house.ask("a");
  house.run_for(3s);
  const Ticket impatient = house.ask("b", {.model = {}, .patience = 700ms});
  house.run_for(699ms);
  EXPECT_EQ(house.refused(impatient), nullptr);
  house.run_for(1ms);
  ASSERT_NE(house.refused(impatient), nullptr);
  EXPECT_EQ(house.refused(impatient)->kind, ErrorKind::timeout);
  const Ticket gone = house.ask("b");
  house.run_for(10s);
  EXPECT_EQ(house.state("a"), Residence::draining) << "its turn is over, it takes no new leases";
  house.apply(house.policy.cancel(gone, house.now));
  EXPECT_EQ(house.state("a"), Residence::ready) << "nobody waits for the room any more";
  house.release(held);
  house.run_for(10s);
  EXPECT_EQ(house.loads, std::vector<std::string>{"a"});
}

TEST(Residency, AFailedLoadIsToldToAllWhoWaitAndTriedAgainLater) {
  House house;
  house.add("a", 5);
  house.broken = {"a"};
  const Ticket first = house.ask("a");
  const Ticket second = house.ask("a");
  house.run_for(2s);
  ASSERT_NE(house.refused(first), nullptr);
  EXPECT_EQ(house.refused(second)->message, "it broke");
  const Ticket early = house.ask("a");
  ASSERT_NE(house.refused(early), nullptr) << "not tried again for every request";
  EXPECT_NEAR(house.refusals.at(early).retry_after_s, 5, 0.1);
  house.broken.clear();
  house.run_for(5s);
  const Ticket later = house.ask("a");
  house.run_for(3s);
  EXPECT_TRUE(house.granted(later));
}

TEST(Residency, ACrashLoopStaysFailedUntilItIsLoadedByHand) {
  House house;
  house.add("a", 5);
  const Ticket first = house.ask("a");
  house.run_for(3s);
  house.apply(house.policy.lost("a", house.now));
  EXPECT_EQ(house.state("a"), Residence::loading);
  const Ticket waits = house.ask("a");
  EXPECT_FALSE(house.granted(waits)) << "it waits for the restarted engine";
  house.apply(house.policy.load_failed("a", {ErrorKind::engine_failed, "crash loop", {}},
                                       std::chrono::milliseconds::max(), house.now));
  house.release(first);
  house.run_for(3600s);
  EXPECT_EQ(house.refused(house.ask("a"))->message, "crash loop");
  house.apply(house.policy.load("a", house.now));
  house.run_for(3s);
  EXPECT_TRUE(house.granted(house.ask("a")));
}

TEST(Residency, IdleModelsAreUnloadedAndPinnedOnesAreNot) {
  ResidencyOptions options;
  options.idle_unload = 60s;
  House house(options);
  house.add("a", 5);
  house.add("b", 5, 4, true);
  const Ticket a = house.ask("a");
  const Ticket b = house.ask("b");
  house.run_for(100s);
  EXPECT_EQ(house.state("a"), Residence::ready) << "held";
  house.release(a);
  house.release(b);
  house.run_for(59s);
  EXPECT_EQ(house.state("a"), Residence::ready);
  house.run_for(2s);
  EXPECT_EQ(house.state("a"), Residence::cold);
  EXPECT_EQ(house.state("b"), Residence::ready);
}

TEST(Residency, UnloadDrainsFirst) {
  House house;
  house.add("a", 5);
  const Ticket held = house.ask("a");
  house.run_for(3s);
  house.apply(house.policy.unload("a", house.now));
  EXPECT_EQ(house.state("a"), Residence::draining);
  EXPECT_TRUE(house.unloads.empty());
  const Ticket next = house.ask("a");
  house.release(held);
  house.run_for(4s);
  EXPECT_TRUE(house.granted(next)) << "asked for after it: loaded anew";
  EXPECT_EQ(house.loads.size(), 2u);
}

TEST(Residency, ExclusiveOnesAreAloneWhateverTheBytesSay) {
  House house;
  for (const char* id : {"x", "y"}) {
    ResidentSpec spec;
    spec.id = id;
    spec.need = {kGB, 0};
    spec.exclusive = true;
    house.apply(house.policy.put_model(spec, house.now));
  }
  house.add("light", 1);
  for (const char* id : {"light", "x"}) house.ask(id);
  house.run_for(3s);
  house.release(2);
  const Ticket y = house.ask("y");
  house.run_for(3s);
  EXPECT_TRUE(house.granted(y));
  EXPECT_EQ(house.unloads, std::vector<std::string>{"x: make room for y"});
}

TEST(Residency, AYoungerSmallOneDoesNotKeepAnOlderLargeOneOut) {
  House house;
  house.add("running", 8, 1);
  house.add("large", 14);
  house.add("small", 5);
  const Ticket running = house.ask("running");
  house.run_for(3s);
  const Ticket large = house.ask("large");
  house.run_for(100ms);
  const Ticket small = house.ask("small");
  house.run_for(5s);
  EXPECT_FALSE(house.granted(small)) << "7.5 GB are free, but promised";
  house.release(running);
  house.run_for(3s);
  EXPECT_TRUE(house.granted(large));
}

TEST(Residency, WhatIsLikelyNextIsWarmed) {
  House house;
  house.add("a", 10);
  house.add("b", 10);
  for (const char* model : {"a", "b", "a"}) {
    const Ticket ticket = house.ask(model);
    house.run_for(5s);
    house.release(ticket);
  }
  EXPECT_NE(std::ranges::find(house.warmed, "b"), house.warmed.end()) << "b followed a before";
}

TEST(Residency, AnUnknownModelIsNotFound) {
  House house;
  EXPECT_EQ(house.refused(house.ask("none"))->kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace studio
