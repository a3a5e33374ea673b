// Counters, gauges and histograms of the gateway, written as Prometheus text. No lock where requests pass.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace studio {

// Values are spread over cells by the core that adds, so that threads do not pass one cache line back and
// forth.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept;
  std::uint64_t value() const noexcept;

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> n{0};
  };
  Cell cells_[8];
};

class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double n) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);  // ascending upper bounds; +Inf is added
  void observe(double value) noexcept;
  std::uint64_t count() const noexcept;
  double sum() const noexcept;
  // Smallest bound under which `share` (0..1) of the observations lie; infinity past the last bound.
  double quantile(double share) const noexcept;

 private:
  friend class Metrics;
  struct alignas(64) Cell {
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets;
    std::atomic<double> sum{0};
  };
  std::span<const double> bounds_;
  Cell cells_[4];
};

// Values of a family's labels in the order of its label names.
using LabelValues = std::span<const std::string_view>;

// Every metric of the gateway, by name. Series are made at first use and live as long as this; finding one
// that exists takes no lock (~50 ns), so hot code may also keep the reference. Past 400 series of one family
// new label values are counted as "other": a client that invents model names cannot fill the memory.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // What is asked must be in the list of metrics.cpp (docs/metrics.md documents the same); another name ends
  // the program in a test of the list, and is counted nowhere in production.
  Counter& counter(std::string_view name, LabelValues labels = {});
  Gauge& gauge(std::string_view name, LabelValues labels = {});
  Histogram& histogram(std::string_view name, LabelValues labels = {});

  // For gauges of things that come and go (models): hides series whose first label is not in
  // `keep` until they are used again.
  void keep_only(std::string_view name, std::span<const std::string_view> keep);

  // Text format 0.0.4, families in the order of the list.
  std::string to_text() const;

  struct Family {
    std::string_view name, type, help;
    std::vector<std::string_view> labels;
  };
  static std::span<const Family> families();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace studio
