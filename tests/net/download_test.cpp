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

}  // namespace
}  // namespace studio
