// Tables keep what was written, migrate step by step, and refuse what a newer studio made.
#include "store/database.h"

#include <fstream>

#include <gtest/gtest.h>

namespace studio {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  ScratchFolder folder_ = ScratchFolder::create().value();
  DatabaseOptions options_{.file = folder_.path() / "deep" / "t.db",
                           .name = "the test",
                           .migrations = {"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL)"}};
};

TEST_F(DatabaseTest, EveryKindOfValueComesBack) {
  {
    auto database = Database::open(options_).value();
    auto insert = database.prepare("INSERT INTO t VALUES(?,?,?,?)").value();
    const std::string bytes("\0x\xff", 3);
    ASSERT_TRUE(insert.bind(std::int64_t{1} << 60).bind("città").bind_blob(bytes).bind(0.1).run());
    ASSERT_TRUE(insert.bind(std::int64_t{2}).bind("").bind_null().bind_null().run());
  }
  auto database = Database::open(options_).value();
  auto rows = database.prepare("SELECT a, b, c, d FROM t ORDER BY a DESC").value();
  ASSERT_TRUE(rows.step().value());
  EXPECT_EQ(rows.integer(0), std::int64_t{1} << 60);
  EXPECT_EQ(rows.text(1), "città");
  EXPECT_EQ(rows.blob(2), std::string("\0x\xff", 3));
  EXPECT_EQ(rows.number(3), 0.1);
  ASSERT_TRUE(rows.step().value());
  EXPECT_FALSE(rows.is_null(1));
  EXPECT_TRUE(rows.is_null(2));
  EXPECT_FALSE(rows.step().value());
}

TEST_F(DatabaseTest, OnlyMissingStepsAreDone) {
  {
    ASSERT_TRUE(Database::open(options_)->execute("INSERT INTO t(a, b) VALUES(1, 'kept')"));
  }
  options_.migrations.push_back("ALTER TABLE t ADD COLUMN e TEXT DEFAULT 'new'");
  auto database = Database::open(options_).value();
  auto row = database.prepare("SELECT b, e FROM t").value();
  ASSERT_TRUE(row.step().value());
  EXPECT_EQ(row.text(0) + row.text(1), "keptnew");
}

TEST_F(DatabaseTest, AFailedStepLeavesTheFileAsItWas) {
  {
    ASSERT_TRUE(Database::open(options_));
  }
  auto broken = options_;
  broken.migrations.insert(broken.migrations.end(), {"CREATE TABLE u(a)", "CREATE NONSENSE"});
  EXPECT_FALSE(Database::open(broken));
  options_.migrations.push_back("CREATE TABLE u(a)");  // would fail if u were there already
  EXPECT_TRUE(Database::open(options_));
}

TEST_F(DatabaseTest, ANewerFileIsRefusedByName) {
  auto newer = options_;
  newer.migrations.push_back("CREATE TABLE u(a)");
  {
    ASSERT_TRUE(Database::open(newer));
  }
  const auto opened = Database::open(options_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::newer_schema);
  EXPECT_TRUE(opened.error().message.contains("t.db")) << opened.error().message;
}

TEST_F(DatabaseTest, ATransactionIsAllOrNothing) {
  auto database = Database::open(options_).value();
  const auto failed = database.transaction([&]() -> Result<void> {
    TRY(database.execute("INSERT INTO t(a) VALUES(1)"));
    return database.execute("INSERT INTO t(a) VALUES(1)");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::limit_exceeded);
  ASSERT_TRUE(database.transaction([&] { return database.execute("INSERT INTO t(a) VALUES(7)"); }));
  auto count = database.prepare("SELECT count(*), max(a) FROM t").value();
  ASSERT_TRUE(count.step().value());
  EXPECT_EQ(count.integer(0), 1);
  EXPECT_EQ(count.integer(1), 7);
}

TEST_F(DatabaseTest, ABrokenFileIsKeptUnlessItMayBeLost) {
  std::filesystem::create_directories(options_.file.parent_path());
  {
    std::ofstream(options_.file) << std::string(5000, 'x');
  }
  EXPECT_FALSE(Database::open(options_));
  EXPECT_EQ(std::filesystem::file_size(options_.file), 5000u);
  options_.rebuild_broken = true;
  EXPECT_TRUE(Database::open(options_));
}

TEST_F(DatabaseTest, InMemoryNeedsNoFile) {
  options_.file.clear();
  auto database = Database::open(options_).value();
  ASSERT_TRUE(database.execute("INSERT INTO t(a) VALUES(1)"));
  EXPECT_EQ(database.changes(), 1);
  EXPECT_FALSE(database.prepare("SELECT nothing FROM nowhere"));
}

}  // namespace
}  // namespace studio
