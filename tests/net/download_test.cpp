// A download is resumed, verified and only then given its name.
#include "net/download.h"

#include <gtest/gtest.h>

#include "support/fake_http_server.h"

namespace studio {
namespace {

using testing::FakeConnection;
using testing::FakeHttpServer;
using testing::FakeRequest;

std::string content() {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i) + ",";
  return text;
}

// Serves `content`, with ranges, and hangs up after `first_bytes` of the first answer.
FakeHttpServer::Handler serve(const std::string& content, std::size_t first_bytes, bool ranges = true) {
  auto count = std::make_shared<std::atomic<int>>(0);
  return [=](const FakeRequest& request, FakeConnection& connection) {
    std::size_t from = 0;
    const std::string range = request.header("Range");
    if (ranges && range.starts_with("bytes=")) from = std::stoul(range.substr(6));
    if (from >= content.size()) return connection.answer(416, "");
    const std::string rest = content.substr(from);
    connection.write(std::string(from > 0 ? "HTTP/1.1 206 Partial\r\n" : "HTTP/1.1 200 OK\r\n") +
                     "Content-Length: " + std::to_string(rest.size()) + "\r\n\r\n");
    connection.write(count->fetch_add(1) == 0 ? rest.substr(0, first_bytes) : rest);
  };
}

struct Fixture : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  const std::string text = content();
  DownloadRequest request(const FakeHttpServer& server) const {
    DownloadRequest request;
    request.endpoint = server.endpoint();
    request.path = "/file";
    request.target = folder.path() / "file.bin";
    request.sha256 = sha256_of(text);
    request.bytes = text.size();
    request.name = "file";
    return request;
  }
};
using Download = Fixture;

TEST_F(Download, GoesOnWhereItBrokeOff) {
  FakeHttpServer server(serve(text, 5000));
  EXPECT_FALSE(download_file(request(server)).has_value());
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "file.bin"));
  const auto again = download_file(request(server));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
  EXPECT_EQ(server.requests().back().header("Range"), "bytes=5000-");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "file.bin.part"));
}

TEST_F(Download, StartsAgainWhenTheServerKnowsNoRanges) {
  FakeHttpServer server(serve(text, 5000, false));
  EXPECT_FALSE(download_file(request(server)).has_value());
  const auto again = download_file(request(server));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
}

TEST_F(Download, AWrongHashIsRefusedAndNothingIsLeft) {
  FakeHttpServer server(serve(text, text.size()));
  DownloadRequest wrong = request(server);
  wrong.sha256 = std::string(64, '0');
  const auto got = download_file(wrong);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().kind, ErrorKind::invalid_input);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(Download, AFinishedPartNeedsNoServer) {
  ASSERT_TRUE(write_file_atomic(folder.path() / "file.bin.part", text).has_value());
  FakeHttpServer server([](const FakeRequest&, FakeConnection& connection) { connection.answer(500, ""); });
  EXPECT_TRUE(download_file(request(server)).has_value());
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Download, WhatIsMissingOrForbiddenIsSaid) {
  FakeHttpServer server([](const FakeRequest& r, FakeConnection& connection) {
    connection.answer(r.target == "/secret" ? 401 : 404, "no");
  });
  DownloadRequest missing = request(server);
  EXPECT_EQ(download_file(missing).error().kind, ErrorKind::not_found);
  missing.path = "/secret";
  EXPECT_NE(download_file(missing).error().hint.find("HF_TOKEN"), std::string::npos);
}

TEST_F(Download, ADiskTooSmallIsSaidBeforeTheFirstByte) {
  FakeHttpServer server(serve(text, text.size()));
  DownloadRequest huge = request(server);
  huge.bytes = 1ull << 60;
  const auto got = download_file(huge);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().kind, ErrorKind::no_space);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Download, AStopKeepsThePartForTheNextTime) {
  std::stop_source stop;
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
                     text.substr(0, 5000));
    connection.wait_for_hangup();
  });
  Job job;
  job.stop = stop.get_token();
  job.progress = [&](const ProgressUpdate& update) {
    if (update.done >= 5000) stop.request_stop();
  };
  EXPECT_EQ(download_file(request(server), job).error().kind, ErrorKind::interrupted);
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "file.bin.part"), 5000u);
}

// A server of ranges "bytes=a-b" that hangs up in the middle of the first `broken` answers.
FakeHttpServer::Handler serve_pieces(const std::string& content, int broken = 0) {
  auto count = std::make_shared<std::atomic<int>>(0);
  return [=](const FakeRequest& request, FakeConnection& connection) {
    const std::string range = request.header("Range");
    if (!range.starts_with("bytes=")) return connection.answer(200, content);
    const std::size_t from = std::stoul(range.substr(6));
    const std::size_t to = std::stoul(range.substr(range.find('-') + 1));
    const std::string piece = content.substr(from, to - from + 1);
    connection.write("HTTP/1.1 206 Partial\r\nContent-Length: " + std::to_string(piece.size()) +
                     "\r\nContent-Range: bytes " + std::to_string(from) + "-" + std::to_string(to) + "/" +
                     std::to_string(content.size()) + "\r\n\r\n");
    connection.write(count->fetch_add(1) < broken ? piece.substr(0, piece.size() / 2) : piece);
  };
}

struct Pieces : Fixture {
  const Path part = folder.path() / "file.bin.part", map = folder.path() / "file.bin.part.map";
  DownloadRequest in_pieces(const FakeHttpServer& server) const {
    DownloadRequest wanted = request(server);
    wanted.connections = 3;
    wanted.segment_bytes = 10'000;
    wanted.retry_pause = std::chrono::milliseconds(1);
    return wanted;
  }
};

TEST_F(Pieces, ComeOverSeveralConnectionsAndAreJoined) {
  FakeHttpServer server(serve_pieces(text));
  const auto got = download_file(in_pieces(server));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
  EXPECT_EQ(server.requests().size(), (text.size() + 9'999) / 10'000);
  EXPECT_FALSE(std::filesystem::exists(part));
  EXPECT_FALSE(std::filesystem::exists(map));
}

TEST_F(Pieces, ABrokenConnectionIsTakenUpWhereItBroke) {
  FakeHttpServer server(serve_pieces(text, 4));
  DownloadRequest wanted = in_pieces(server);
  wanted.retries = 2;
  const auto got = download_file(wanted);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
}

// A killed program leaves the part as it is: with holes, which only the map tells.
TEST_F(Pieces, AreMappedBeforeTheFirstByte) {
  FakeHttpServer server(serve_pieces(text));
  Job job;
  std::atomic<int> unmapped{0};
  job.progress = [&](const ProgressUpdate& update) {
    if (update.stage.starts_with("download") && update.done < update.total && !std::filesystem::exists(map))
      ++unmapped;
  };
  ASSERT_TRUE(download_file(in_pieces(server), job).has_value());
  EXPECT_EQ(unmapped, 0);
}

TEST_F(Pieces, GoOnInTheNextCallWithWhatIsThere) {
  FakeHttpServer broken(serve_pieces(text, 1000));
  ASSERT_FALSE(download_file(in_pieces(broken)).has_value());
  EXPECT_TRUE(std::filesystem::exists(map));
  FakeHttpServer server(serve_pieces(text));
  const auto got = download_file(in_pieces(server));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
  std::size_t asked = 0;
  for (const FakeRequest& r : server.requests()) {
    const std::string range = r.header("Range");
    asked += std::stoul(range.substr(range.find('-') + 1)) - std::stoul(range.substr(6)) + 1;
  }
  EXPECT_LT(asked, text.size());
}

TEST_F(Pieces, TakeUpTheBeginningThatOneConnectionLeft) {
  ASSERT_TRUE(write_file_atomic(part, text.substr(0, 25'000)).has_value());
  FakeHttpServer server(serve_pieces(text));
  ASSERT_TRUE(download_file(in_pieces(server)).has_value());
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
  for (const FakeRequest& r : server.requests()) EXPECT_GE(std::stoul(r.header("Range").substr(6)), 25'000u);
}

TEST_F(Pieces, AServerWithoutRangesSendsItAllOnce) {
  FakeHttpServer server(
      [&](const FakeRequest&, FakeConnection& connection) { connection.answer(200, text); });
  const auto got = download_file(in_pieces(server));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
  EXPECT_FALSE(std::filesystem::exists(map));
}

TEST_F(Pieces, OtherRangesThanAskedForAreNotBelieved) {
  FakeHttpServer server([&](const FakeRequest& r, FakeConnection& connection) {
    if (r.header("Range").empty()) return connection.answer(200, text);
    connection.answer(206, text.substr(0, 10'000), "Content-Range: bytes 0-9999/108890\r\n");
  });
  const auto got = download_file(in_pieces(server));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
}

TEST_F(Pieces, ADamagedMapIsNotBelieved) {
  ASSERT_TRUE(write_file_atomic(part, std::string(text.size(), 'x')).has_value());
  for (const char* damage : {"", "{", "[]", "{\"schema\":\"studio.download/1\",\"bytes\":5,\"segment\":0}"}) {
    ASSERT_TRUE(write_file_atomic(map, damage).has_value());
    FakeHttpServer server(serve_pieces(text));
    (void)download_file(in_pieces(server));
    const auto got = download_file(in_pieces(server));
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
    std::filesystem::remove(folder.path() / "file.bin");
  }
}

// /dev/full takes no byte: the disk of this test.
TEST_F(Pieces, AFullDiskEndsItByName) {
  for (const int connections : {1, 3}) {
    std::filesystem::create_symlink("/dev/full", part);
    FakeHttpServer server(serve_pieces(text));
    DownloadRequest wanted = in_pieces(server);
    wanted.connections = connections;
    wanted.retries = 3;
    EXPECT_EQ(download_file(wanted).error().kind, ErrorKind::no_space);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "file.bin"));
    std::filesystem::remove(part);
    std::filesystem::remove(map);
  }
}

TEST_F(Pieces, AStopKeepsWhatIsThere) {
  std::stop_source stop;
  FakeHttpServer server(serve_pieces(text));
  Job job;
  job.stop = stop.get_token();
  job.progress = [&](const ProgressUpdate& update) {
    if (update.done >= 30'000) stop.request_stop();
  };
  EXPECT_EQ(download_file(in_pieces(server), job).error().kind, ErrorKind::interrupted);
  EXPECT_TRUE(std::filesystem::exists(part));
  EXPECT_TRUE(download_file(in_pieces(server)).has_value());
  EXPECT_EQ(*read_file(folder.path() / "file.bin"), text);
}

TEST_F(Pieces, ARefusalIsNotTriedAgain) {
  std::atomic<int> count{0};
  FakeHttpServer server([&](const FakeRequest&, FakeConnection& connection) {
    ++count;
    connection.answer(403, "no");
  });
  DownloadRequest wanted = in_pieces(server);
  wanted.retries = 5;
  EXPECT_NE(download_file(wanted).error().hint.find("HF_TOKEN"), std::string::npos);
  EXPECT_LE(count, 3);
}

}  // namespace
}  // namespace studio
