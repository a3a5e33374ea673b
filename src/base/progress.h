// How a long job tells how far it is, and learns that it should stop.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace studio {

struct ProgressUpdate {
  std::string_view stage;  // "analyze clip.mp4"
  double done = 0;         // in `unit`
  double total = 0;        // 0 when unknown
  std::string_view unit;   // "frames", "s", "bytes"
};

// What every long job takes: may be called from any thread, must return quickly.
struct Job {
  std::function<void(const ProgressUpdate&)> progress;  // may be empty
  std::stop_token stop;                                 // may never be requested

  void report(const ProgressUpdate& update) const {
    if (progress) progress(update);
  }
  bool cancelled() const { return stop.stop_requested(); }
};

}  // namespace studio
