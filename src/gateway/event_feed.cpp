// The ring of events and who waits for them.
#include "gateway/event_feed.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {

constexpr std::size_t kKept = 1000;

std::string event_json(const ModelEvent& event) {
  const auto seconds = std::chrono::system_clock::to_time_t(event.time);
  Json json = {
      {"number", event.number},  {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds))},
      {"model", event.model},    {"from", name_of(event.from)},
      {"to", name_of(event.to)}, {"why", event.why}};
  if (event.seconds > 0) json["seconds"] = event.seconds;
  if (event.bytes > 0) json["bytes"] = event.bytes;
  return to_text(json, -1);
}

void EventFeed::add(const ModelEvent& event) {
  std::string json = event_json(event);
  std::vector<std::function<void()>> wakes;
  {
    const std::lock_guard lock(mutex_);
    lines_.push_back({event.number, std::move(json)});
    if (lines_.size() > kKept) lines_.pop_front();
    wakes.swap(waiting_);
  }
  for (const auto& wake : wakes) wake();
}

std::vector<EventFeed::Line> EventFeed::after(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  std::vector<Line> found;
  for (const Line& line : lines_)
    if (line.number > number) found.push_back(line);
  return found;
}

std::uint64_t EventFeed::last() const {
  const std::lock_guard lock(mutex_);
  return lines_.empty() ? 0 : lines_.back().number;
}

void EventFeed::when_more(std::uint64_t number, std::function<void()> wake) {
  {
    const std::lock_guard lock(mutex_);
    const bool there = ended_ || (!lines_.empty() && lines_.back().number > number);
    if (!there) {
      waiting_.push_back(std::move(wake));
      return;
    }
  }
  wake();
}

void EventFeed::end() {
  std::vector<std::function<void()>> wakes;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wakes.swap(waiting_);
  }
  for (const auto& wake : wakes) wake();
}

bool EventFeed::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace studio
