// What models really took on this machine, kept over runs, to correct what is computed.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "models/residency.h"

namespace studio {

struct MeasuredPeak {
  MemoryAmount bytes;       // the highest seen while it was loaded
  double load_seconds = 0;  // the last load
  int lives = 0;            // how often it was loaded
};

// Opened at the first use. It may be lost or unwritable: then nothing is known, and that is all.
// May be used from several threads.
class MeasuredPeaks {
 public:
  explicit MeasuredPeaks(Path file);  // empty: cache_folder()/models.db
  ~MeasuredPeaks();
  // `settings` tells what else decides about the need: "ctx=8192 slots=2 kv=f16/f16 layers=all".
  std::optional<MeasuredPeak> find(std::string_view model, std::string_view settings);
  // After one life of the model. A peak only grows; it sinks by at most a tenth in a life.
  void note(std::string_view model, std::string_view settings, const MemoryAmount& peak, double load_seconds);

 private:
  struct State;
  State* open();  // null when it cannot be opened
  const Path file_;
  std::mutex mutex_;  // guards state_
  std::unique_ptr<State> state_;
  bool tried_ = false;
};

}  // namespace studio
