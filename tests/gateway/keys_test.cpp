// Keys are kept as hashes, let in only where their scope is, and their limits hold on any number of threads.
#include "gateway/keys.h"

#include <thread>

#include <gtest/gtest.h>

namespace studio {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class KeysTest : public testing::Test {
 protected:
  ScratchFolder folder_ = ScratchFolder::create().value();
  Path file_ = folder_.path() / "keys.db";
  std::unique_ptr<KeyStore> open() { return KeyStore::open({file_, {}, {}}).value(); }
};

TEST_F(KeysTest, AKeyWorksAndIsNowhereInTheFile) {
  auto store = open();
  EXPECT_TRUE(store->empty());
  const auto made = store->make({"laptop", {"inference"}, {"m1"}, {60, 1000}, seconds(0)}).value();
  EXPECT_FALSE(store->empty());
  EXPECT_TRUE(made.secret.starts_with("sk-studio-"));
  EXPECT_EQ(made.secret.size(), 10u + 64u);
  store.reset();
  for (const char* suffix : {"", "-wal"})
    if (const auto bytes = read_file(file_.string() + suffix)) {
      EXPECT_FALSE(bytes->contains(made.secret.substr(10)));
    }
  EXPECT_EQ(std::filesystem::status(file_).permissions() & std::filesystem::perms::others_read,
            std::filesystem::perms::none);
  store = open();
  const auto found = store->find(made.secret, 1000);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key.name, "laptop");
  EXPECT_TRUE(found->may("inference"));
  EXPECT_FALSE(found->may("admin"));
  EXPECT_TRUE(found->may_use("m1"));
  EXPECT_FALSE(found->may_use("m2"));
  EXPECT_EQ(found->key.limits.tokens_per_minute, 1000);
}

TEST_F(KeysTest, WrongRevokedAndExpiredKeysAreUnknown) {
  auto store = open();
  const auto made = store->make({"a", {"*"}, {}, {}, seconds(100)}).value();
  for (const std::string& wrong :
       {std::string(), std::string("x"), made.secret + "0", made.secret.substr(1), std::string(100000, 'k')})
    EXPECT_FALSE(store->find(wrong, 0)) << wrong.substr(0, 100);
  EXPECT_TRUE(store->find(made.secret, made.key.made_at + 99));
  EXPECT_FALSE(store->find(made.secret, made.key.made_at + 100));
  ASSERT_TRUE(store->revoke("a"));
  EXPECT_FALSE(store->find(made.secret, made.key.made_at));
  EXPECT_TRUE(store->empty());
  EXPECT_EQ(store->revoke("a").error().kind, ErrorKind::not_found);
  EXPECT_TRUE(store->make({"a", {"*"}, {}, {}, seconds(0)}));  // its name is free again
  EXPECT_FALSE(store->make({"a", {"*"}, {}, {}, seconds(0)}));
  EXPECT_FALSE(store->make({"b", {"everything"}, {}, {}, seconds(0)}));
  EXPECT_FALSE(store->make({"", {"*"}, {}, {}, seconds(0)}));
}

TEST_F(KeysTest, AKeyOfAnotherProcessIsThereAfterAReloadAndBucketsStay) {
  auto server = open();
  const auto first = server->make({"first", {"inference"}, {}, {1, 0}, seconds(0)}).value();
  const auto now = TokenBucket::Clock::now();
  EXPECT_EQ(server->find(first.secret, 0)->requests.take(1, now).count(), 0);
  const auto second = open()->make({"second", {"inference"}, {}, {}, seconds(0)}).value();
  EXPECT_FALSE(server->find(second.secret, 0));
  ASSERT_TRUE(server->reload());
  EXPECT_TRUE(server->find(second.secret, 0));
  EXPECT_GT(server->find(first.secret, 0)->requests.take(1, now).count(), 0);
}

TEST_F(KeysTest, KeysOfTheEnvironmentAreNeverWritten) {
  auto store =
      KeyStore::open({file_, {{"my-own-secret-key", {"env", {"*"}, {}, {}, seconds(0)}}}, {}}).value();
  ASSERT_TRUE(store->find("my-own-secret-key", 0));
  EXPECT_TRUE(store->find("my-own-secret-key", 0)->may("admin"));
  EXPECT_TRUE(open()->empty());
}

TEST_F(KeysTest, DefaultLimitsCountWhereAKeyHasNone) {
  auto store = KeyStore::open({file_, {}, {60, 1000}}).value();
  const auto plain = store->make({"plain", {"*"}, {}, {}, seconds(0)}).value();
  const auto own = store->make({"own", {"*"}, {}, {5, 0}, seconds(0)}).value();
  EXPECT_EQ(store->find(plain.secret, 0)->requests.limit(), 60);
  EXPECT_EQ(store->find(own.secret, 0)->requests.limit(), 5);
  EXPECT_EQ(store->find(own.secret, 0)->tokens.limit(), 1000);
  ASSERT_TRUE(store->reload({0, 0}));
  EXPECT_TRUE(store->find(plain.secret, 0)->requests.unlimited());
  EXPECT_EQ(store->find(own.secret, 0)->requests.limit(), 5);
}

TEST(Bearer, IsReadInEitherHeader) {
  EXPECT_EQ(bearer_token("Bearer sk-1", ""), "sk-1");
  EXPECT_EQ(bearer_token("bearer  sk-1 ", "x"), "sk-1");
  EXPECT_EQ(bearer_token("Basic abc", ""), "");
  EXPECT_EQ(bearer_token("Bearer", ""), "");
  EXPECT_EQ(bearer_token("", "sk-2"), "sk-2");
}

TEST(Bucket, GivesItsBurstThenItsRate) {
  TokenBucket bucket(60, 3);
  auto now = TokenBucket::Clock::time_point(std::chrono::hours(5));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(1, now).count(), 0) << i;
  EXPECT_EQ(bucket.take(1, now), seconds(1));
  EXPECT_EQ(bucket.take(1, now + milliseconds(400)), milliseconds(600));
  EXPECT_EQ(bucket.left(now + milliseconds(1500)), 1.5);
  EXPECT_EQ(bucket.take(1, now + seconds(1)).count(), 0);
  now += std::chrono::hours(1);
  EXPECT_EQ(bucket.left(now), 3);               // never more than the burst
  EXPECT_EQ(bucket.take(100, now).count(), 0);  // more than it holds: had when full
  EXPECT_EQ(bucket.take(1, now), seconds(1));
}

TEST(Bucket, WhatIsKnownAfterwardsIsChargedAfterwards) {
  TokenBucket bucket(600);  // ten a second
  const auto now = TokenBucket::Clock::time_point(std::chrono::hours(5));
  bucket.charge(1200, now);
  EXPECT_EQ(bucket.left(now), 0);
  EXPECT_EQ(bucket.take(1, now), milliseconds(60100));
  EXPECT_TRUE(TokenBucket(0).unlimited());
  EXPECT_EQ(TokenBucket(0).take(1e9, now).count(), 0);
}

TEST(Bucket, ThreadsTogetherTakeNoMoreThanThereIs) {
  TokenBucket bucket(1000);
  const auto now = TokenBucket::Clock::time_point(std::chrono::hours(5));
  std::atomic<int> taken{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) taken += bucket.take(1, now).count() == 0;
    });
  threads.clear();
  EXPECT_EQ(taken, 1000);
}

}  // namespace
}  // namespace studio
