// One table in SQLite.
#include "models/measured_peaks.h"

#include <algorithm>

#include "store/database.h"

namespace studio {

struct MeasuredPeaks::State {
  Database database;
};

MeasuredPeaks::MeasuredPeaks(Path file)
    : file_(file.empty() ? cache_folder() / "models.db" : std::move(file)) {}
MeasuredPeaks::~MeasuredPeaks() = default;

MeasuredPeaks::State* MeasuredPeaks::open() {
  if (std::exchange(tried_, true)) return state_.get();
  auto database =
      Database::open({.file = file_,
                      .name = "the measured memory of models",
                      .migrations = {"CREATE TABLE peaks (model TEXT, settings TEXT, gpu INTEGER, host "
                                     "INTEGER, load_s REAL, lives INTEGER, PRIMARY KEY (model, settings))"},
                      .durable = false,
                      .rebuild_broken = true});
  if (database) state_ = std::make_unique<State>(State{*std::move(database)});
  return state_.get();
}

std::optional<MeasuredPeak> MeasuredPeaks::find(std::string_view model, std::string_view settings) {
  std::lock_guard lock(mutex_);
  State* state = open();
  if (state == nullptr) return std::nullopt;
  auto found =
      state->database.prepare("SELECT gpu, host, load_s, lives FROM peaks WHERE model = ? AND settings = ?");
  if (!found) return std::nullopt;
  const auto row = found->bind(model).bind(settings).step();
  if (!row || !*row) return std::nullopt;
  const auto bytes = [&](int column) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, found->integer(column)));
  };
  return MeasuredPeak{{bytes(0), bytes(1)}, found->number(2), static_cast<int>(found->integer(3))};
}

void MeasuredPeaks::note(std::string_view model, std::string_view settings, const MemoryAmount& peak,
                         double load_seconds) {
  const auto before = find(model, settings);
  std::lock_guard lock(mutex_);
  State* state = open();
  if (state == nullptr) return;
  const auto merged = [&](std::uint64_t old, std::uint64_t now) {
    return static_cast<std::int64_t>(std::max(now, old - old / 10));
  };
  const MeasuredPeak old = before.value_or(MeasuredPeak{});
  auto write = state->database.prepare("INSERT OR REPLACE INTO peaks VALUES (?, ?, ?, ?, ?, ?)");
  if (!write) return;
  (void)write->bind(model)
      .bind(settings)
      .bind(merged(old.bytes.gpu, peak.gpu))
      .bind(merged(old.bytes.host, peak.host))
      .bind(load_seconds)
      .bind(std::int64_t{old.lives + 1})
      .run();
}

}  // namespace studio
