// The list of metrics, and series that are found without a lock: tables are replaced, never changed.
#include "gateway/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>

#include <sched.h>

#include <fmt/format.h>

namespace studio {
namespace {

// docs/metrics.md says the same; a test compares.
constexpr std::string_view kCounter = "counter", kGauge = "gauge", kHistogram = "histogram";
const std::vector<Metrics::Family>& list() {
  static const std::vector<Metrics::Family> families{
      {"studio_requests_total", kCounter, "Requests answered", {"path", "model", "status"}},
      {"studio_requests_in_flight", kGauge, "Requests being answered", {"path"}},
      {"studio_request_seconds",
       kHistogram,
       "From the first byte of a request to the last of its answer",
       {"path", "model"}},
      {"studio_time_to_first_token_seconds",
       kHistogram,
       "From a request to the first piece of its answer",
       {"model"}},
      {"studio_tokens_per_second", kHistogram, "Completion tokens per second of one answer", {"model"}},
      {"studio_gateway_overhead_seconds",
       kHistogram,
       "Of a request, what the gateway itself took before the engine was asked",
       {}},
      {"studio_prompt_tokens_total", kCounter, "Prompt tokens read", {"model"}},
      {"studio_cached_prompt_tokens_total",
       kCounter,
       "Of them, taken from the engine's prefix cache",
       {"model"}},
      {"studio_completion_tokens_total", kCounter, "Tokens written", {"model"}},
      {"studio_cancelled_total", kCounter, "Requests whose client went away", {"path"}},
      {"studio_retries_total", kCounter, "Further targets tried after the first", {"model"}},
      {"studio_breaker_open", kGauge, "1 while the target is left out after failures", {"model", "engine"}},
      {"studio_refused_total", kCounter, "Requests refused: key, rate, tokens, queue, body", {"reason"}},
      {"studio_connections", kGauge, "Open client connections", {}},
      {"studio_cache_total", kCounter, "Cache look-ups: hit, miss, joined", {"result"}},
      {"studio_cache_bytes", kGauge, "Answers kept in memory", {}},
      {"studio_cache_entries", kGauge, "Answers kept in memory", {}},
      {"studio_cache_store_failures_total",
       kCounter,
       "Look-ups and writes that the cache's store failed",
       {"store"}},
      {"studio_tool_calls_total", kCounter, "Tool calls given to clients", {"model", "parser"}},
      {"studio_queue_length", kGauge, "Requests waiting for a model", {"model"}},
      {"studio_queue_seconds", kHistogram, "Wait for a model", {"model"}},
      {"studio_model_state", kGauge, "1 for the state the model is in", {"model", "state"}},
      {"studio_model_bytes", kGauge, "Memory of a loaded model", {"model"}},
      {"studio_model_leases", kGauge, "Leases on a model", {"model"}},
      {"studio_model_loads_total", kCounter, "Loads: ok, failed", {"model", "result"}},
      {"studio_model_load_seconds", kHistogram, "From the start of an engine until it is ready", {"model"}},
      {"studio_model_switches_total", kCounter, "Models freed to make room for another", {"from", "to"}},
      {"studio_model_switch_seconds", kHistogram, "A switch from the wish to the model being ready", {"to"}},
      {"studio_engine_restarts_total", kCounter, "Engines started again after they died", {"model"}},
      {"studio_memory_total_bytes", kGauge, "Memory of the device", {}},
      {"studio_memory_used_bytes", kGauge, "Of it, in use by anybody", {}},
      {"studio_memory_ours_bytes", kGauge, "Of it, in use by our engines", {}},
      {"studio_memory_others_bytes", kGauge, "Of it, in use by other programs", {}},
      {"studio_memory_peak_bytes", kGauge, "Most in use since the start", {}},
      {"studio_memory_budget_bytes", kGauge, "What our engines may use", {}},
      {"studio_start_time_seconds", kGauge, "When the gateway started, Unix time", {}},
      {"studio_build_info", kGauge, "1; the version is the label", {"version"}},
  };
  return families;
}

constexpr std::size_t kMaxSeries = 400;
// 0.1 ms to 5 min, three steps a decade: fine enough for a cache hit, long enough for a cold 14B model.
constexpr double kSeconds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                               0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    120,  300};
constexpr double kRates[] = {1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000};

// Two threads on one core share a cell, which is only slower, never wrong.
std::size_t core() {
  const int cpu = sched_getcpu();  // from the vDSO, no system call
  return cpu < 0 ? 0 : static_cast<std::size_t>(cpu);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

}  // namespace

void Counter::add(std::uint64_t n) noexcept {
  cells_[core() % std::size(cells_)].n.fetch_add(n, std::memory_order_relaxed);
}

std::uint64_t Counter::value() const noexcept {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.n.load(std::memory_order_relaxed);
  return sum;
}

Histogram::Histogram(std::span<const double> bounds) : bounds_(bounds) {
  for (Cell& cell : cells_) {
    cell.buckets = std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1);
    for (std::size_t i = 0; i <= bounds.size(); ++i) cell.buckets[i].store(0, std::memory_order_relaxed);
  }
}

void Histogram::observe(double value) noexcept {
  if (std::isnan(value)) return;
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
  Cell& cell = cells_[core() % std::size(cells_)];
  cell.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  cell.sum.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_)
    for (std::size_t i = 0; i <= bounds_.size(); ++i) sum += cell.buckets[i].load(std::memory_order_relaxed);
  return sum;
}

double Histogram::sum() const noexcept {
  double out = 0;
  for (const Cell& cell : cells_) out += cell.sum.load(std::memory_order_relaxed);
  return out;
}

double Histogram::quantile(double share) const noexcept {
  const auto wanted = share * static_cast<double>(count());
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    for (const Cell& cell : cells_) below += cell.buckets[i].load(std::memory_order_relaxed);
    if (below > 0 && static_cast<double>(below) >= wanted) return bounds_[i];
  }
  return std::numeric_limits<double>::infinity();
}

namespace {

struct Series {
  std::vector<std::string> labels;
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
  std::atomic<bool> hidden{false};  // by keep_only, until it is used again
};

struct KeyHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
// Label values joined by a byte that UTF-8 never has.
using Table = std::unordered_map<std::string, Series*, KeyHash, std::equal_to<>>;

struct FamilyState {
  const Metrics::Family* family = nullptr;
  // Readers load the pointer and look; writers copy, add, and store. Old tables stay until the end, because
  // a reader may still be in one; there are at most kMaxSeries of them.
  std::atomic<const Table*> table{nullptr};
  std::vector<std::unique_ptr<const Table>> tables;  // guarded by State::mutex
  std::vector<std::unique_ptr<Series>> series;       // guarded by State::mutex; never freed before the end
  Series* plain = nullptr;                           // of families without labels
};

}  // namespace

struct Metrics::State {
  std::unordered_map<std::string_view, FamilyState> families;
  FamilyState unknown;  // names outside the list; not written
  mutable std::mutex mutex;

  Series& make(FamilyState& family, std::string key, LabelValues labels);
  Series& find(std::string_view name, LabelValues labels);
};

Series& Metrics::State::make(FamilyState& family, std::string key, LabelValues labels) {
  const std::lock_guard lock(mutex);
  const Table* old = family.table.load(std::memory_order_acquire);
  if (old)
    if (const auto found = old->find(key); found != old->end()) return *found->second;
  std::vector<std::string> values(labels.begin(), labels.end());
  if (old && old->size() >= kMaxSeries) {
    for (std::string& value : values) value = "other";
    key.clear();
    for (const std::string& value : values) key.append(value).push_back('\xff');
    if (const auto found = old->find(key); found != old->end()) return *found->second;
  }
  auto made = std::make_unique<Series>();
  made->labels = std::move(values);
  if (family.family && family.family->type == kHistogram)
    made->histogram = std::make_unique<Histogram>(family.family->name.contains("per_second")
                                                      ? std::span<const double>(kRates)
                                                      : std::span<const double>(kSeconds));
  else
    made->histogram =
        family.family ? nullptr : std::make_unique<Histogram>(std::span<const double>(kSeconds));
  auto table = std::make_unique<Table>(old ? *old : Table{});
  table->emplace(std::move(key), made.get());
  Series& out = *made;
  family.series.push_back(std::move(made));
  family.table.store(table.get(), std::memory_order_release);
  family.tables.push_back(std::move(table));
  return out;
}

Series& Metrics::State::find(std::string_view name, LabelValues labels) {
  const auto at = families.find(name);
  FamilyState& family = at == families.end() ? unknown : at->second;
  if (at == families.end() || labels.size() != family.family->labels.size()) return *unknown.plain;
  if (family.plain) return *family.plain;
  char buffer[256];
  std::size_t size = 0;
  bool fits = true;
  for (const std::string_view value : labels) {
    fits = fits && size + value.size() + 1 <= sizeof buffer;
    if (!fits) break;
    size = static_cast<std::size_t>(std::ranges::copy(value, buffer + size).out - buffer);
    buffer[size++] = '\xff';
  }
  std::string longer;
  if (!fits)
    for (const std::string_view value : labels) longer.append(value.substr(0, 120)).push_back('\xff');
  const std::string_view key = fits ? std::string_view(buffer, size) : std::string_view(longer);
  if (const Table* table = family.table.load(std::memory_order_acquire))
    if (const auto found = table->find(key); found != table->end()) {
      if (found->second->hidden.load(std::memory_order_relaxed))
        found->second->hidden.store(false, std::memory_order_relaxed);
      return *found->second;
    }
  std::vector<std::string_view> shorter;
  for (const std::string_view value : labels) shorter.push_back(fits ? value : value.substr(0, 120));
  return make(family, std::string(key), shorter);
}

Metrics::Metrics() : state_(std::make_unique<State>()) {
  state_->unknown.plain = &state_->make(state_->unknown, "", {});
  for (const Family& family : list()) {
    FamilyState& entry = state_->families[family.name];
    entry.family = &family;
    // Without labels there is one series, shown from the start: a rate needs its zero.
    if (family.labels.empty()) entry.plain = &state_->make(entry, "", {});
  }
}

Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, LabelValues labels) {
  return state_->find(name, labels).counter;
}
Gauge& Metrics::gauge(std::string_view name, LabelValues labels) {
  return state_->find(name, labels).gauge;
}
Histogram& Metrics::histogram(std::string_view name, LabelValues labels) {
  Series& series = state_->find(name, labels);
  return series.histogram ? *series.histogram : *state_->unknown.plain->histogram;
}

void Metrics::keep_only(std::string_view name, std::span<const std::string_view> keep) {
  const auto at = state_->families.find(name);
  if (at == state_->families.end() || at->second.plain) return;
  const Table* table = at->second.table.load(std::memory_order_acquire);
  if (!table) return;
  for (const auto& [key, series] : *table)
    if (std::ranges::find(keep, series->labels.front()) == keep.end())
      series->hidden.store(true, std::memory_order_relaxed);
}

namespace {

void write_series(std::string& out, const Metrics::Family& family, const Series& series,
                  std::string_view suffix, std::string_view extra, std::string_view value) {
  out.append(family.name).append(suffix);
  std::string inside;
  for (std::size_t i = 0; i < series.labels.size(); ++i)
    inside +=
        fmt::format("{}{}=\"{}\"", inside.empty() ? "" : ",", family.labels[i], escaped(series.labels[i]));
  if (!extra.empty()) inside += fmt::format("{}{}", inside.empty() ? "" : ",", extra);
  if (!inside.empty()) out += fmt::format("{{{}}}", inside);
  out.append(" ").append(value).append("\n");
}

}  // namespace

std::string Metrics::to_text() const {
  std::string out;
  for (const Family& family : list()) {
    const Table* table = state_->families.find(family.name)->second.table.load(std::memory_order_acquire);
    std::map<std::string_view, const Series*> sorted;
    if (table)
      for (const auto& [key, series] : *table)
        if (!series->hidden.load(std::memory_order_relaxed)) sorted.emplace(key, series);
    if (sorted.empty()) continue;
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", family.name, family.help, family.type);
    for (const auto& [key, series] : sorted) {
      if (family.type == kCounter) {
        write_series(out, family, *series, "", "", number(static_cast<double>(series->counter.value())));
      } else if (family.type == kGauge) {
        write_series(out, family, *series, "", "", number(series->gauge.value()));
      } else {
        const Histogram& histogram = *series->histogram;
        std::uint64_t below = 0;
        for (std::size_t i = 0; i <= histogram.bounds_.size(); ++i) {
          for (const auto& cell : histogram.cells_) below += cell.buckets[i].load(std::memory_order_relaxed);
          const double bound =
              i < histogram.bounds_.size() ? histogram.bounds_[i] : std::numeric_limits<double>::infinity();
          write_series(out, family, *series, "_bucket", fmt::format("le=\"{}\"", number(bound)),
                       number(static_cast<double>(below)));
        }
        write_series(out, family, *series, "_sum", "", number(histogram.sum()));
        write_series(out, family, *series, "_count", "", number(static_cast<double>(below)));
      }
    }
  }
  return out;
}

std::span<const Metrics::Family> Metrics::families() {
  return list();
}

}  // namespace studio
