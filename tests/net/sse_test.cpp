// Server-sent events come out whole, however their bytes were cut.
#include "net/sse.h"

#include <gtest/gtest.h>

namespace studio {
namespace {

std::vector<SseEvent> read_in_pieces(std::string_view text, std::size_t piece) {
  SseReader reader;
  std::vector<SseEvent> all;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    auto events = reader.feed(text.substr(at, piece));
    EXPECT_TRUE(events.has_value());
    for (SseEvent& event : *events) all.push_back(std::move(event));
  }
  return all;
}

TEST(Sse, EveryCutGivesTheSameEvents) {
  const std::string text =
      ": ping\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: error\ndata: one\ndata:two\n\nid: 7\rdata: "
      "[DONE]\r\rdata: cut off";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const auto events = read_in_pieces(text, piece);
    ASSERT_EQ(events.size(), 3u) << "in pieces of " << piece;
    EXPECT_EQ(events[0].data, "{\"a\":1}");
    EXPECT_EQ(events[0].event, "message");
    EXPECT_EQ(events[1].event, "error");
    EXPECT_EQ(events[1].data, "one\ntwo");
    EXPECT_EQ(events[2].data, "[DONE]");
    EXPECT_EQ(events[2].id, "7");
  }
}

TEST(Sse, AnEventWithoutEndIsRefusedAtTheLimit) {
  SseReader reader(1000);
  Result<std::vector<SseEvent>> last = std::vector<SseEvent>{};
  for (int i = 0; i < 20 && last; ++i) last = reader.feed("data: " + std::string(100, 'x') + "\n");
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().kind, ErrorKind::limit_exceeded);
}

}  // namespace
}  // namespace studio
