// Small shared parts of the damage detectors: runs of frames, medians, issues.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "analysis/analysis.h"

namespace studio::damage {

struct Run {
  std::size_t first = 0, last = 0;  // inclusive
  std::size_t size() const { return last - first + 1; }
};

template <typename Predicate>
std::vector<Run> runs_where(std::size_t count, Predicate holds) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < count; ++i) {
    if (!holds(i)) continue;
    if (!runs.empty() && runs.back().last + 1 == i)
      runs.back().last = i;
    else
      runs.push_back({i, i});
  }
  return runs;
}

inline double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

inline double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

inline Issue make_issue(std::string kind, const Run& run, double severity, std::string message,
                        std::string suggestion) {
  Issue issue;
  issue.kind = std::move(kind);
  issue.first_frame = static_cast<std::int64_t>(run.first);
  issue.last_frame = static_cast<std::int64_t>(run.last);
  issue.severity = severity;
  issue.message = std::move(message);
  issue.suggestion = std::move(suggestion);
  return issue;
}

}  // namespace studio::damage
