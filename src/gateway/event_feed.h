// Changes of models as numbered events: the last ones are kept, readers wait for the next.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "models/model_manager.h"

namespace studio {

// {"number", "time", "model", "from", "to", "why", "seconds", "bytes"} on one line.
std::string event_json(const ModelEvent& event);

// May be used from all threads.
class EventFeed {
 public:
  void add(const ModelEvent& event);
  struct Line {
    std::uint64_t number = 0;
    std::string json;
  };
  // Those after `number` that are still kept (the last 1000).
  std::vector<Line> after(std::uint64_t number) const;
  std::uint64_t last() const;
  // Calls `wake` once: now when there are some after `number` or the feed has ended, else when one comes.
  void when_more(std::uint64_t number, std::function<void()> wake);
  void end();
  bool ended() const;

 private:
  mutable std::mutex mutex_;  // guards all below
  std::deque<Line> lines_;
  std::vector<std::function<void()>> waiting_;
  bool ended_ = false;
};

}  // namespace studio
