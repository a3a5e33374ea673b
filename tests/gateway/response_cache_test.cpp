// Equal requests have one key, one answer and at most one producer; nothing is kept that should not be.
#include "gateway/response_cache.h"

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gateway/cached_form.h"
#include "gateway/redis_server.h"

namespace studio {
namespace {

using std::chrono::seconds;

std::optional<CacheKey> key(std::string_view request, CacheWish wish = CacheWish::by_request,
                            std::string_view owner = "", std::string_view model = "m",
                            std::string_view path = "/v1/chat/completions") {
  return cache_key(parse_json(request, "test").value(), path, model, owner, wish);
}

TEST(CacheKey, OnlyDeterministicRequestsHaveOne) {
  EXPECT_TRUE(key(R"({"temperature": 0})"));
  EXPECT_TRUE(key(R"({"temperature": 0.0})"));
  EXPECT_TRUE(key(R"({"temperature": 1, "seed": 7})"));
  EXPECT_FALSE(key(R"({"temperature": 0.1})"));
  EXPECT_FALSE(key(R"({})"));
  EXPECT_FALSE(key(R"({"seed": null})"));
  EXPECT_TRUE(key(R"({"temperature": 1})", CacheWish::always));
  EXPECT_FALSE(key(R"({"temperature": 0})", CacheWish::never));
  EXPECT_TRUE(key(R"({"input": "x"})", CacheWish::by_request, "", "m", "/v1/embeddings"));
  EXPECT_FALSE(key(R"([1])", CacheWish::always));
}

TEST(CacheKey, EqualRequestsHaveEqualKeys) {
  const auto base =
      key(R"({"temperature": 0, "messages": [{"role": "user", "content": "à"}], "max_tokens": 5})");
  for (
      const char* same : {
          R"({"max_tokens": 5, "messages": [{"content": "à", "role": "user"}], "temperature": 0})",
          R"({"max_tokens": 5.0, "messages": [{"content": "\u00e0", "role": "user"}], "temperature": 0.0})",
          R"({"temperature": 0, "messages": [{"role": "user", "content": "à", "name": null}], "max_tokens": 5, "n": 1, "stream": false, "top_p": 1, "stop": null, "user": "me", "metadata": {"a": "b"}, "model": "alias"})",
      })
    EXPECT_EQ(base, key(same)) << same;
}

TEST(CacheKey, WhateverMattersMakesAnother) {
  const auto base = key(R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}]})");
  for (
      const char* other : {
          R"({"temperature": 0, "messages": [{"role": "user", "content": "a "}]})",
          R"({"temperature": 0, "messages": [{"role": "system", "content": "a"}]})",
          R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}], "stream": true})",
          R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}], "max_tokens": 5})",
          R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}], "seed": 0})",
          R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}], "some_field_of_tomorrow": 1})",
          R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": ""}]})",
      })
    EXPECT_NE(base, key(other)) << other;
  EXPECT_NE(base, key(R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}]})",
                      CacheWish::by_request, "key_1"));
  EXPECT_NE(base, key(R"({"temperature": 0, "messages": [{"role": "user", "content": "a"}]})",
                      CacheWish::by_request, "", "n"));
  // The order of a schema's properties is the order of writing.
  EXPECT_NE(
      key(R"({"seed": 1, "response_format": {"json_schema": {"schema": {"properties": {"a": {}, "b": {}}}}}})"),
      key(R"({"seed": 1, "response_format": {"json_schema": {"schema": {"properties": {"b": {}, "a": {}}}}}})"));
}

TEST(CacheKey, HeadersSayWhatIsWished) {
  EXPECT_EQ(cache_wish("", ""), CacheWish::by_request);
  EXPECT_EQ(cache_wish("use", ""), CacheWish::always);
  EXPECT_EQ(cache_wish("", "No-Cache"), CacheWish::refresh);
  EXPECT_EQ(cache_wish("use", "max-age=0, no-store"), CacheWish::never);
}

TEST(CachedForm, ComesBackAndBrokenBytesDoNot) {
  const CachedResponse response{
      200, "text/event-stream", {"data: a\n\n", "", std::string("\0\xff", 2)}, 1234567890123};
  const std::string bytes = write_cached(response);
  const auto back = read_cached(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->pieces, response.pieces);
  EXPECT_EQ(back->content_type, response.content_type);
  EXPECT_EQ(back->made_at, response.made_at);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(read_cached(bytes.substr(0, cut))) << cut;
  EXPECT_FALSE(read_cached(bytes + "x"));
  std::string huge = bytes;
  huge[18 + 16 + 7] = '\x7f';  // a length beyond everything
  EXPECT_FALSE(read_cached(huge));
}

class CacheTest : public testing::Test {
 protected:
  std::shared_ptr<std::chrono::system_clock::time_point> now_ =
      std::make_shared<std::chrono::system_clock::time_point>(seconds(1'000'000));
  ResponseCacheOptions options_;
  CacheTest() {
    options_.clock = [now = now_] { return *now; };
    options_.max_age = seconds(100);
  }
  static CacheKey name(int n) { return {sha256_of(std::to_string(n)).substr(0, 32)}; }
  static void fill(ResponseCache& cache, const CacheKey& key, std::string_view body) {
    auto answer = cache.begin(key);
    auto& producer = std::get<CacheMiss>(answer).producer;
    producer.begin(200, "application/json");
    producer.add(body);
    producer.finish();
  }
  static bool hit(ResponseCache& cache, const CacheKey& key) {
    return std::holds_alternative<CacheHit>(cache.begin(key));
  }
};

TEST_F(CacheTest, AnAnswerIsGivenAgainUntilItIsOld) {
  ResponseCache cache(options_, nullptr);
  fill(cache, name(1), "body");
  const auto answer = cache.begin(name(1));
  ASSERT_TRUE(std::holds_alternative<CacheHit>(answer));
  EXPECT_EQ(std::get<CacheHit>(answer).response->pieces.front(), "body");
  EXPECT_TRUE(std::holds_alternative<CacheMiss>(cache.begin(name(1), true)));  // asked to be made anew
  EXPECT_TRUE(hit(cache, name(1)));  // which failed, so the old one stays
  *now_ += seconds(99);
  EXPECT_TRUE(hit(cache, name(1)));
  *now_ += seconds(1);
  EXPECT_FALSE(hit(cache, name(1)));
  EXPECT_EQ(cache.figures().hits, 3u);
}

TEST_F(CacheTest, ErrorsCutStreamsAndGiantsAreNotKept) {
  options_.max_response_bytes = 1000;
  ResponseCache cache(options_, nullptr);
  const auto made = [&](int n, int status, std::size_t bytes, bool complete) {
    auto answer = cache.begin(name(n));
    auto& producer = std::get<CacheMiss>(answer).producer;
    producer.begin(status, "x");
    producer.add(std::string(bytes, 'x'));
    producer.finish(complete);
    return hit(cache, name(n));
  };
  EXPECT_TRUE(made(1, 200, 10, true));
  EXPECT_FALSE(made(2, 500, 10, true));
  EXPECT_FALSE(made(3, 200, 10, false));
  EXPECT_FALSE(made(4, 200, 1001, true));
}

TEST_F(CacheTest, MemoryIsBoundedAndTheLongestUnusedGo) {
  options_.memory_bytes = 8 * 10'000;  // eight shards
  ResponseCache cache(options_, nullptr);
  for (int i = 0; i < 200; ++i) {
    fill(cache, name(i), std::string(1000, 'x'));
    EXPECT_TRUE(hit(cache, name(0))) << i;  // in use all the time
  }
  EXPECT_LE(cache.figures().memory_bytes, options_.memory_bytes);
  EXPECT_GT(cache.figures().evicted, 100u);
  EXPECT_FALSE(hit(cache, name(1)));
}

TEST_F(CacheTest, WhoeverComesMeanwhileJoinsAndSeesEveryPiece) {
  ResponseCache cache(options_, nullptr);
  auto first = cache.begin(name(1));
  auto& producer = std::get<CacheMiss>(first).producer;
  producer.begin(200, "text/event-stream");
  producer.add("one");
  EXPECT_FALSE(producer.shared());
  auto second = cache.begin(name(1));
  ASSERT_TRUE(std::holds_alternative<CacheJoin>(second));
  EXPECT_TRUE(producer.shared());
  auto flight = std::get<CacheJoin>(second).flight;
  EXPECT_EQ(flight->status(), 200);
  EXPECT_EQ(flight->content_type(), "text/event-stream");
  int woken = 0;
  flight->when_more(0, [&] { ++woken; });
  EXPECT_EQ(woken, 1);  // it is there already
  flight->when_more(1, [&] { ++woken; });
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(*flight->look(0).piece, "one");
  EXPECT_FALSE(flight->look(1).piece);
  producer.add("two");
  EXPECT_EQ(woken, 2);
  producer.finish();
  EXPECT_EQ(*flight->look(1).piece, "two");
  EXPECT_EQ(flight->look(2).state, Flight::State::done);
  second = CacheHit{};
  flight.reset();
  EXPECT_TRUE(hit(cache, name(1)));
}

TEST_F(CacheTest, AProducerThatFailsSetsTheOthersFree) {
  ResponseCache cache(options_, nullptr);
  std::shared_ptr<Flight> flight;
  bool woken = false;
  {
    auto first = cache.begin(name(1));
    flight = std::get<CacheJoin>(cache.begin(name(1))).flight;
    flight->when_more(0, [&] { woken = true; });
  }
  EXPECT_TRUE(woken);
  EXPECT_EQ(flight->look(0).state, Flight::State::failed);
  EXPECT_TRUE(std::holds_alternative<CacheMiss>(cache.begin(name(1))));
}

TEST_F(CacheTest, AThousandEqualRequestsMakeOneAnswer) {
  ResponseCache cache(options_, nullptr);
  std::atomic<int> made{0}, got{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        auto answer = cache.begin(name(i));
        if (auto* miss = std::get_if<CacheMiss>(&answer)) {
          ++made;
          miss->producer.begin(200, "x");
          miss->producer.add("a");
          std::this_thread::yield();
          miss->producer.add("b");
          miss->producer.finish();
          ++got;
        } else if (auto* join = std::get_if<CacheJoin>(&answer)) {
          std::string body;
          for (std::size_t piece = 0;;) {
            std::mutex mutex;
            std::condition_variable ready;
            bool woken = false;
            join->flight->when_more(piece, [&] {
              const std::lock_guard lock(mutex);
              woken = true;
              ready.notify_one();
            });
            std::unique_lock lock(mutex);
            ready.wait(lock, [&] { return woken; });
            const auto look = join->flight->look(piece);
            if (!look.piece) break;
            body += *look.piece;
            ++piece;
          }
          got += body == "ab";
        } else {
          got += std::get<CacheHit>(answer).response->pieces.size() == 2;
        }
      }
    });
  threads.clear();
  EXPECT_EQ(made, 250);
  EXPECT_EQ(got, 1000);
}

TEST_F(CacheTest, TheStoreOutlivesTheProcessAndIsBounded) {
  const auto folder = ScratchFolder::create().value();
  const Path file = folder.path() / "r.db";
  *now_ = std::chrono::system_clock::now();
  {
    ResponseCache cache(options_, open_sqlite_store({file, 20'000}).value());
    int told = 0;
    cache.on_pending([&] { ++told; });
    for (int i = 0; i < 30; ++i) fill(cache, name(i), std::string(1000, 'x'));
    EXPECT_EQ(told, 30);
    cache.write_pending();
  }
  ResponseCache cache(options_, open_sqlite_store({file, 20'000}).value());
  int there = 0;
  for (int i = 0; i < 30; ++i) {
    auto answer = cache.begin(name(i));
    auto& miss = std::get<CacheMiss>(answer);
    if (!miss.ask_store) continue;
    const auto loaded = cache.load(miss.producer);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->pieces.front().size(), 1000u);
    EXPECT_TRUE(hit(cache, name(i)));  // in memory now
    ++there;
  }
  EXPECT_GT(there, 10);
  EXPECT_LT(there, 20);
  ASSERT_TRUE(cache.clear());
  EXPECT_FALSE(hit(cache, name(29)));
}

TEST_F(CacheTest, ABrokenStoreFileIsBegunAnew) {
  const auto folder = ScratchFolder::create().value();
  const Path file = folder.path() / "r.db";
  {
    std::ofstream(file) << std::string(10000, 'x');
  }
  EXPECT_TRUE(open_sqlite_store({file, 20'000}));
}

TEST_F(CacheTest, RedisKeepsGoesAwayAndComesBack) {
  if (!testing_redis::available()) GTEST_SKIP() << "redis-server is not installed";
  const auto folder = ScratchFolder::create().value();
  *now_ = std::chrono::system_clock::now();
  auto server = testing_redis::start(folder.path());
  ASSERT_TRUE(server);
  RedisStoreOptions redis;
  redis.url = "unix:" + (folder.path() / "redis.sock").string();
  redis.retry_after = std::chrono::milliseconds(50);
  ResponseCache cache(options_, open_redis_store(redis).value());
  fill(cache, name(1), "kept");
  cache.write_pending();
  EXPECT_EQ(cache.figures().store_failures, 0u);
  // Another process: nothing in memory, all in Redis.
  ResponseCache other(options_, open_redis_store(redis).value());
  auto answer = other.begin(name(1));
  ASSERT_TRUE(std::get<CacheMiss>(answer).ask_store);
  const auto loaded = other.load(std::get<CacheMiss>(answer).producer);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->pieces.front(), "kept");
  // Down: a miss, and then it is not even asked for a while.
  server.reset();
  answer = other.begin(name(2));
  EXPECT_FALSE(other.load(std::get<CacheMiss>(answer).producer));
  EXPECT_EQ(other.figures().store_failures, 1u);
  EXPECT_FALSE(std::get<CacheMiss>(other.begin(name(3))).ask_store);
  // Back by itself.
  server = testing_redis::start(folder.path());
  ASSERT_TRUE(server);
  std::this_thread::sleep_for(redis.retry_after * 2);
  fill(other, name(4), "again");
  other.write_pending();
  EXPECT_EQ(other.figures().store_failures, 1u);
  ASSERT_TRUE(other.clear());
  ResponseCache third(options_, open_redis_store(redis).value());
  answer = third.begin(name(4));
  EXPECT_FALSE(third.load(std::get<CacheMiss>(answer).producer));
}

TEST(RedisUrl, IsReadOrRefusedWithoutRepeatingIt) {
  for (const char* good :
       {"redis://localhost", "redis://:pw@h:6380/2", "redis://u:p@[::1]:1", "unix:/run/r.sock", "redis://"})
    EXPECT_TRUE(open_redis_store({.url = good})) << good;
  for (const char* bad : {"http://h", "redis://h:x", "redis://h/x", "redis://secret@h", "unix:r.sock", ""}) {
    const auto opened = open_redis_store({.url = bad});
    ASSERT_FALSE(opened) << bad;
    EXPECT_FALSE(opened.error().message.contains("secret"));
  }
}

}  // namespace
}  // namespace studio
