// The cache keeps, evicts, survives damage and serves several at once.
#include "store/blob_cache.h"

#include <thread>

#include <gtest/gtest.h>

#include "store/database.h"

namespace studio {
namespace {

class BlobCacheTest : public testing::Test {
 protected:
  ScratchFolder folder_ = ScratchFolder::create().value();
  Path file_ = folder_.path() / "deep" / "cache.db";
  BlobCache open(std::uint64_t max_bytes = 1 << 20) { return BlobCache::open({file_, max_bytes}).value(); }
};

TEST_F(BlobCacheTest, GivesBackWhatWasPut) {
  const std::string bytes("\0binary\xff", 8);
  {
    auto cache = open();
    EXPECT_EQ(cache.get("a").value(), std::nullopt);
    ASSERT_TRUE(cache.put("a", "first"));
    ASSERT_TRUE(cache.put("a", bytes));
    ASSERT_TRUE(cache.put("empty", ""));
  }
  auto cache = open();
  EXPECT_EQ(cache.get("a").value(), bytes);
  EXPECT_EQ(cache.get("empty").value(), "");
  EXPECT_EQ(cache.size().value(), 8u);
  ASSERT_TRUE(cache.remove("a"));
  EXPECT_EQ(cache.get("a").value(), std::nullopt);
}

TEST_F(BlobCacheTest, EvictsTheLongestUnused) {
  auto cache = open(1000);
  const std::string blob(300, 'x');
  for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(cache.put(key, blob));
  ASSERT_TRUE(cache.get("a").value());
  ASSERT_TRUE(cache.put("d", blob));
  EXPECT_TRUE(cache.get("a").value());
  EXPECT_FALSE(cache.get("b").value());
  EXPECT_LE(cache.size().value(), 1000u);
}

TEST_F(BlobCacheTest, DoesNotKeepWhatWouldPushOutEverything) {
  auto cache = open(1000);
  ASSERT_TRUE(cache.put("small", "s"));
  ASSERT_TRUE(cache.put("large", std::string(900, 'x')));
  EXPECT_FALSE(cache.get("large").value());
  EXPECT_TRUE(cache.get("small").value());
}

TEST_F(BlobCacheTest, ABrokenFileIsBegunAnew) {
  {
    ASSERT_TRUE(open().put("a", "1"));
  }
  ASSERT_TRUE(write_file_atomic(file_, std::string(9000, 'g')));
  auto cache = open();
  EXPECT_FALSE(cache.get("a").value());
  ASSERT_TRUE(cache.put("a", "2"));
  EXPECT_EQ(cache.get("a").value(), "2");
}

TEST_F(BlobCacheTest, AFileBrokenInsideCostsItsContentOnly) {
  {
    auto cache = open();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(cache.put("key" + std::to_string(i), std::string(2000, 'x')));
  }
  std::string bytes = read_file(file_).value();
  ASSERT_GT(bytes.size(), 40000u);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = '\x5a';
  ASSERT_TRUE(write_file_atomic(file_, bytes));
  auto cache = BlobCache::open({file_, 1 << 20});
  ASSERT_TRUE(cache) << cache.error().message;
  (void)cache->get("key7");
  ASSERT_TRUE(cache->put("new", "n"));
  ASSERT_TRUE(cache->put("new", "n"));
  EXPECT_EQ(cache->get("new").value(), "n");
}

TEST_F(BlobCacheTest, EvictedBlobsGiveTheirSpaceBack) {
  {
    auto cache = open(4'000'000);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(cache.put("key" + std::to_string(i), std::string(150'000, 'x')));
  }
  const auto full = std::filesystem::file_size(file_);
  ASSERT_GT(full, 3'000'000u);
  {
    ASSERT_TRUE(open(500'000).put("last", "x"));
  }
  EXPECT_LT(std::filesystem::file_size(file_), 600'000u);
}

TEST_F(BlobCacheTest, ANewerStudiosFileIsLeftAsItIs) {
  {
    auto newer = Database::open(
        {.file = file_, .name = "newer", .migrations = {"CREATE TABLE a(b)", "CREATE TABLE c(d)"}});
    ASSERT_TRUE(newer) << newer.error().message;
  }
  const auto before = read_file(file_).value();
  const auto cache = BlobCache::open({file_});
  ASSERT_FALSE(cache);
  EXPECT_EQ(cache.error().kind, ErrorKind::newer_schema);
  EXPECT_EQ(read_file(file_).value(), before);
}

TEST_F(BlobCacheTest, RefusesAFolderItCannotMake) {
  ASSERT_TRUE(write_file_atomic(folder_.path() / "file", "x"));
  const auto cache = BlobCache::open({folder_.path() / "file" / "cache.db"});
  ASSERT_FALSE(cache);
  EXPECT_EQ(cache.error().kind, ErrorKind::io);
  EXPECT_FALSE(cache.error().hint.empty());
}

TEST_F(BlobCacheTest, ServesSeveralWritersAtOnce) {
  open();
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([&, t] {
      auto cache = BlobCache::open({file_, 1 << 20});
      ASSERT_TRUE(cache) << cache.error().message;
      for (int i = 0; i < 25; ++i) {
        const auto put = cache->put("key" + std::to_string(i % 5), std::to_string(t));
        ASSERT_TRUE(put) << put.error().message;
        ASSERT_TRUE(cache->get("key0").value());
      }
    });
  writers.clear();
  EXPECT_EQ(open().size().value(), 5u);
}

}  // namespace
}  // namespace studio
